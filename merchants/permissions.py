"""Which role may do what at its merchant: one table, asked by every door."""

from __future__ import annotations

from enum import StrEnum

from merchants.models.people import Role


class Permission(StrEnum):
    """What a page of the console is for, in the console's own words."""

    VIEW_DASHBOARD = "view_dashboard"
    VIEW_PROGRAMME = "view_programme"
    EDIT_PROGRAMME = "edit_programme"
    PUBLISH_PROGRAMME = "publish_programme"
    SEE_MEMBERS = "see_members"
    REVEAL_CONTACTS = "reveal_contacts"
    EDIT_MEMBERS = "edit_members"
    ERASE_MEMBERS = "erase_members"
    ADJUST_POINTS = "adjust_points"
    ADJUST_POINTS_WITHOUT_LIMIT = "adjust_points_without_limit"
    EXPORT_DATA = "export_data"
    USE_COUNTER = "use_counter"
    OPEN_COUNTER_DEVICES = "open_counter_devices"
    MANAGE_CASHIERS = "manage_cashiers"
    MANAGE_SEATS = "manage_seats"
    MANAGE_KEYS = "manage_keys"
    MANAGE_WEBHOOKS = "manage_webhooks"
    MANAGE_SETTINGS = "manage_settings"
    VIEW_AUDIT = "view_audit"


_P = Permission

#: A key is as mighty as an owner within its scopes (it knows no limit on adjustments), so only an owner makes one.
OF_ROLE: dict[str, frozenset[Permission]] = {
    Role.OWNER: frozenset(Permission),
    Role.MANAGER: frozenset(Permission)
    - {_P.ERASE_MEMBERS, _P.ADJUST_POINTS_WITHOUT_LIMIT, _P.MANAGE_SEATS, _P.MANAGE_KEYS},
    Role.ANALYST: frozenset({_P.VIEW_DASHBOARD, _P.VIEW_PROGRAMME, _P.SEE_MEMBERS}),
    Role.CASHIER: frozenset({_P.USE_COUNTER}),
}

#: Whoever sits on one of these shows a second factor before the console opens.
NEEDS_SECOND_FACTOR = frozenset({Role.OWNER, Role.MANAGER, Role.ANALYST})


def may(role: str, permission: Permission) -> bool:
    """This function will say whether a role includes a permission; an unknown role includes nothing."""
    return permission in OF_ROLE.get(role, frozenset())
