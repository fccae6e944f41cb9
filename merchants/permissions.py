"""Which role may do what at its merchant: one table, asked by every entry point."""

from __future__ import annotations

from enum import StrEnum

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class Role(TextChoices):
    """What somebody's seat at a merchant lets them do, see `OF_ROLE`."""

    OWNER = "owner", _("Owner")
    MANAGER = "manager", _("Manager")
    ANALYST = "analyst", _("Analyst")
    CASHIER = "cashier", _("Cashier")


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
    EXPORT_CONTACTS = "export_contacts"
    USE_COUNTER = "use_counter"
    #: Of a member who stands there, without the moving code of their phone.
    SPEND_AT_SIGHT = "spend_at_sight"
    #: At the counter, of an amount far beyond what is usual there.
    RECORD_LARGE_SALES = "record_large_sales"
    OPEN_COUNTER_DEVICES = "open_counter_devices"
    MANAGE_CASHIERS = "manage_cashiers"
    BRIEF_STAFF = "brief_staff"
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
    - {_P.ERASE_MEMBERS, _P.EXPORT_CONTACTS, _P.ADJUST_POINTS_WITHOUT_LIMIT, _P.MANAGE_SEATS, _P.MANAGE_KEYS},
    Role.ANALYST: frozenset({_P.VIEW_DASHBOARD, _P.VIEW_PROGRAMME, _P.SEE_MEMBERS}),
    Role.CASHIER: frozenset({_P.USE_COUNTER, _P.SPEND_AT_SIGHT}),
}

#: Whoever sits on one of these shows a second factor before the console opens.
NEEDS_SECOND_FACTOR = frozenset({Role.OWNER, Role.MANAGER, Role.ANALYST})


def may(role: str, permission: Permission) -> bool:
    """State whether a role includes a permission; an unknown role includes nothing."""
    return permission in OF_ROLE.get(role, frozenset())
