"""Merchants and what every other app stands on.

Merchants, locations, users and their roles, API keys, tenancy, money, periods, ids, the outbox,
webhooks and the audit trail.  Nothing here knows what a member or a point is.
"""
