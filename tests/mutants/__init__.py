"""Mutation testing: small changes of meaning, one at a time, each of which some test should notice.

    python3 manage.py mutants --sample 40 --seed 1 [--only rewards/points]

- `mutations` finds the places of a file where one can be made, and makes it;
- `worker` is one process with a copy of the checkout and services of its own: it runs tests against one mutant after another;
- `selection` notes which test runs which lines, so that a mutant is tried by the tests that can notice it;
- `equivalent` names the changes that change nothing, with the reason.

The checkout itself is never edited.
"""
