"""How a call is declared, read, run, refused and described; it knows nothing of loyalty.

`operations` declares a call, `views` runs it, `bodies` and `queries` read what was sent, `problems` refuses,
`pages` cuts lists, `limits` counts calls, `openapi` describes, `docs` shows.
"""
