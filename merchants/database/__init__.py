"""What we need of PostgreSQL and of Django's ways with it: connections, roles, row-level security, statements.

Nothing here knows what a merchant is but that rows have a `merchant_id`.  `merchants.tenancy` opens a merchant's rows.
"""
