"""The programme's pages: the draft as forms, tried live, reviewed in words, published, rolled back.

- `overview`: the draft at a glance, templates, the JSON itself;
- `rules`, `parts`: a form for each part, saved one at a time (`editing`);
- `trying`: the simulator;  `publishing`: review, versions;
- inside: `fields` and `shapes` (how parts become form fields and back), `wording` (the document in sentences).
"""
