"""The till's door: `/api/v1`, for machines that hold a key.

Frame (knows no loyalty): `operations` declares a call, `views` runs it, `bodies` and `queries` read what was sent,
`problems` says no, `pages` cuts lists, `limits` counts, `openapi` describes, `docs` shows.
Doors (translate in, make one domain call, translate out): `members`, `balances`, `purchases`, …; `urls` lists them.
"""
