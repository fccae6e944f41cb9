"""The till's API: `/api/v1`, for machines that hold a key.

The package `framework` knows nothing of loyalty: how a call is declared, read, run, refused and described.
The modules beside it are the calls themselves (translate in, make one domain call, translate out): `members`,
`balances`, `purchases`, …; `urls` lists them.
"""
