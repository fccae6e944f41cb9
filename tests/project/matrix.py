"""Who may open what: one row for each address.  A route without a row fails `test_authorisation.py`.

To add a route: put its name into the table of its entry point below.  A route with an id in its address also needs a sample
of that id in `tests/project/matrix_data.py`.

What the words in a cell mean is said by `test_authorisation.py`:
    open      the page or call answers (what it answers is other tests' business)
    sign_in   sent to the sign-in of staff          sign_on   sent to the PIN page of the counter
    join_in   sent to the sign-in of the portal     any       the person's own affair; must not break
    401 403 404
"""

from __future__ import annotations

PEOPLE = (
    "anonymous",
    "member",  # owns the samples
    "other_member",  # of the same merchant
    "member_elsewhere",
    "owner",
    "manager",
    "analyst",
    "cashier",  # with an address of their own
    "counter",  # a cashier by PIN, on an opened device
    "other_staff",  # owner of another merchant
    "operator",  # superuser without a seat
    "key",  # with every scope
    "key_without_scope",  # with every scope but the one needed
    "revoked_key",
    "other_key",  # another merchant's, with every scope
)

# Everybody, signed in or not; what is shown depends on nobody.
PUBLIC = {
    "healthz", "readyz",
    "root_redirect",
    "account_login", "account_request_login_code", "sign_in_link", "account_inactive",
    "ui:preview", "ui:theme", "ui:logo", "ui:photo", "ui:mark", "ui:app_icon", "ui:manifest", "ui:service_worker", "ui:offline",
    "ui:counter_manifest", "ui:counter_worker",
    "ui:scheme", "ui:density", "ui:language",
    "portal:join", "portal:sign_in", "portal:confirm", "portal:is_it_you", "portal:resend", "portal:sign_out", "portal:terms",
    "portal:privacy",
    "portal:contact_undo", "portal:asked",
    "api:schema", "api:docs", "api:quickstart", "api:webhooks", "api:problems", "api:problem",
}  # fmt: skip

# Guarded by something else than who one is; each has a test of its own.
GUARDED = {
    "metrics": "this machine or a token: tests/project/test_start_operations.py",
    "dev_outbox": "DEV_OUTBOX and this machine: tests/stories/test_signing_in_to_the_console.py",
    "ui:styleguide": "DEBUG or staff: tests/rules/ui",
    "ui:styleguide_part": "DEBUG or staff: tests/rules/ui",
    "console:counter_sign_on": "the secret of an opened device: tests/stories/test_signing_in_to_the_console.py",
    "console:counter_sign_off": "the secret of an opened device: tests/stories/test_signing_in_to_the_console.py",
}

# A person's own sign-in: anybody signed in as a user, about themselves only.
ACCOUNT = {
    "account_confirm_login_code", "account_logout", "account_security", "mfa_login_webauthn", "second_factor_setup",
    "mfa_index", "mfa_authenticate", "mfa_reauthenticate", "mfa_activate_totp", "mfa_deactivate_totp",
    "mfa_view_recovery_codes", "mfa_generate_recovery_codes", "mfa_download_recovery_codes", "mfa_list_webauthn",
    "mfa_add_webauthn", "mfa_reauthenticate_webauthn", "mfa_remove_webauthn", "mfa_edit_webauthn",
    "console:workplaces",
}  # fmt: skip

# The operator's; to everybody else closed.
BACKOFFICE = "backoffice:*"

# Signed-in members of this merchant; with an id in the address, of their own things only.
PORTAL = {
    "portal:home",
    "portal:card",
    "portal:activity",
    "portal:activity_ending",
    "portal:tiers",
    "portal:friends",
    "portal:rewards",
    "portal:take",
    "portal:redemptions",
    "portal:redemption",
    "portal:cancel",
    "portal:survey",
    "portal:details",
    "portal:data_json",
    "portal:data_csv",
    "portal:data",
    "portal:leave",
    "portal:leave_code",
    "portal:missing",
    "portal:contact",
    "portal:contact_prove",
    "portal:contact_new",
    "portal:contact_confirm",
    "portal:take_code",
    "portal:me",
    "portal:consent",
    "portal:consents",
    "portal:agree",
    "portal:news",
    "portal:sign_out_everywhere",
    "portal:new_code",
    "portal:stop_spending",
    "portal:allow_spending",
}

# Console: o owner, m manager, a analyst, c cashier, p cashier by PIN at the counter.
CONSOLE = {
    "console:start": "o m a c p",
    "console:me": "o m a c p",
    "console:approvals": "o m . . .",
    "console:approval_ask": "o m . . .",
    "console:approval_answer": "o m . . .",
    "console:shortcuts": "o m a c p",
    "console:notifications": "o m a c p",
    "console:notifications_count": "o m a c p",
    "console:briefing": "o m a c p",
    "console:briefings": "o m . . .",
    "console:briefing_end": "o m . . .",
    "console:dashboard": "o m a . .",
    "console:find": "o m a . .",
    "console:dashboard_today": "o m a . .",
    "console:dashboard_members": "o m a . .",
    "console:dashboard_answers": "o m a . .",
    "console:dashboard_answers_care": "o m . . .",
    "console:dashboard_export": "o m . . .",
    "console:team": "o m . . .",
    "console:seat_invite": "o m . . .",
    "console:seat": "o m . . .",
    "console:device_open": "o m . . .",
    "console:device_close": "o m . . .",
    "console:counter": "o m . c p",
    "console:counter_place": "o m . c p",
    "console:counter_enrol": "o m . c p",
    "console:counter_member": "o m . c p",
    "console:counter_release": "o m . c p",
    "console:counter_guest": "o m . c p",
    "console:counter_kept": "o m . c p",
    "console:counter_training": "o m . c p",
    "console:counter_stamp": "o m . c p",
    "console:counter_stamp_undo": "o m . c p",
    "console:counter_rewards": "o m . c p",
    "console:counter_sale": "o m . c p",
    "console:counter_claim": "o m . c p",
    "console:counter_undo": "o m . c p",
    "console:counter_reward": "o m . c p",
    "console:counter_give_back": "o m . c p",
    "console:programme": "o m a . .",
    "console:programme_templates": "o m . . .",
    "console:programme_start": "o m . . .",
    "console:programme_discard": "o m . . .",
    "console:programme_source": "o m . . .",
    "console:programme_rule": "o m . . .",
    "console:programme_rules": "o m . . .",
    "console:programme_stamp_card": "o m . . .",
    "console:programme_stamp_card_remove": "o m . . .",
    "console:programme_part": "o m . . .",
    "console:programme_try": "o m a . .",
    "console:programme_review": "o m . . .",
    "console:programme_versions": "o m a . .",
    "console:programme_version": "o m a . .",
    "console:programme_roll_back": "o m . . .",
    "console:rewards": "o m a . .",
    "console:reward_edit": "o m . . .",
    "console:reward_photo": "o m . . .",
    "console:reward_remove": "o m . . .",
    "console:reward_claims": "o m a . .",
    "console:members": "o m a . .",
    "console:members_columns": "o m a . .",
    "console:members_points": "o m . . .",
    "console:members_points_given": "o m . . .",
    "console:members_points_undo": "o m . . .",
    "console:errors": "o m . . .",
    "console:export": "o m . . .",
    "console:members_bulk_choose": "o m . . .",
    "console:members_bulk": "o m . . .",
    "console:members_bulk_turn": "o m . . .",
    "console:members_bulk_refusals": "o m . . .",
    "console:members_export": "o m . . .",
    "console:members_export_chosen": "o m . . .",
    "console:poster": "o m . . .",
    "console:poster_pdf": "o m . . .",
    "console:members_export_contacts": "o . . . .",
    "console:member_enrol": "o m . . .",
    "console:member": "o m a . .",
    "console:member_missing": "o m . . .",
    "console:member_missing_settle": "o m . . .",
    "console:member_adjust": "o m . . .",
    "console:member_stamps": "o m . . .",
    "console:member_adjust_undo": "o m . . .",
    "console:member_stamps_undo": "o m . . .",
    "console:member_refund": "o m . . .",
    "console:member_undo": "o m . . .",
    "console:member_unclaim": "o m . . .",
    "console:member_reveal": "o m . . .",
    "console:member_turn": "o m . . .",
    "console:member_change": "o m . . .",
    "console:member_merge": "o m . . .",
    "console:member_unmerge": "o m . . .",
    "console:keys": "o . . . .",
    "console:key_change": "o . . . .",
    "console:sandbox_open": "o . . . .",
    "console:till": "o . . . .",
    "console:webhooks": "o m . . .",
    "console:events": "o m . . .",
    "console:webhook": "o m . . .",
    "console:webhook_change": "o m . . .",
    "console:webhook_delivery": "o m . . .",
    "console:webhook_retry": "o m . . .",
    "console:settings": "o m . . .",
    "console:settings_preview": "o m . . .",
    "console:settings_logo": "o m . . .",
    "console:settings_place": "o m . . .",
    "console:privacy": "o m . . .",
    "console:settings_record": "o m . . .",
}

# API: the scope each method needs; None for what any key may ask.
API = {
    "api:key": {"GET": None},
    "api:member_batches": {"POST": "members:write"},
    "api:member_code": {"POST": "members:write"},
    "api:stop_spending": {"POST": "members:write"},
    "api:allow_spending": {"POST": "members:block"},
    "api:block": {"POST": "members:block"},
    "api:unblock": {"POST": "members:block"},
    "api:standing": {"GET": "members:read"},
    "api:member_stamps": {"POST": "adjustments:write"},
    "api:purchase": {"GET": "documents:read"},
    "api:refund": {"GET": "documents:read"},
    "api:adjustment": {"GET": "documents:read"},
    "api:transfer": {"GET": "documents:read"},
    "api:members": {"GET": "members:read", "POST": "members:write"},
    "api:member_lookup": {"POST": "members:read"},
    "api:member": {"GET": "members:read", "PATCH": "members:write"},
    "api:member_consents": {"GET": "members:read", "POST": "members:write"},
    "api:member_cards": {"GET": "members:read", "POST": "members:write"},
    "api:card_blocks": {"POST": "members:write"},
    "api:balance": {"GET": "members:read"},
    "api:lots": {"GET": "members:read"},
    "api:ledger": {"GET": "members:read"},
    "api:quotes": {"POST": "quotes"},
    "api:purchases": {"GET": "documents:read", "POST": "purchases:write"},
    "api:purchase_batches": {"POST": "purchases:write"},
    "api:claims": {"POST": "purchases:write"},
    "api:refunds": {"GET": "documents:read", "POST": "refunds:write"},
    "api:redemptions": {"GET": "documents:read", "POST": "redemptions:write"},
    "api:redemption": {"GET": "members:read"},
    "api:capture": {"POST": "redemptions:write"},
    "api:release": {"POST": "redemptions:write"},
    "api:reverse": {"POST": "redemptions:write"},
    "api:transfers": {"GET": "documents:read", "POST": "transfers:write"},
    "api:merges": {"POST": "members:merge"},
    "api:unmerge": {"POST": "members:merge"},
    "api:erase": {"POST": "members:erase"},
    "api:adjustments": {"GET": "documents:read", "POST": "adjustments:write"},
    "api:programme": {"GET": "programme:read", "PUT": "programme:write"},
    "api:publish": {"POST": "programme:write"},
    "api:simulate": {"POST": "programme:read"},
    "api:versions": {"GET": "programme:read"},
    "api:rollback": {"POST": "programme:write"},
    "api:metrics": {"GET": "metrics:read"},
    "api:cohorts": {"GET": "metrics:read"},
    "api:segments": {"GET": "metrics:read"},
    "api:survey_responses": {"POST": "surveys:write"},
    "api:webhook_endpoints": {"GET": "webhooks:manage", "POST": "webhooks:manage"},
    "api:webhook_endpoint": {"GET": "webhooks:manage", "PATCH": "webhooks:manage", "DELETE": "webhooks:manage"},
    "api:webhook_secret": {"POST": "webhooks:manage"},
    "api:webhook_disable": {"POST": "webhooks:manage"},
    "api:webhook_enable": {"POST": "webhooks:manage"},
    "api:webhook_ping": {"POST": "webhooks:manage"},
    "api:webhook_replay": {"POST": "webhooks:manage"},
    "api:webhook_deliveries": {"GET": "webhooks:manage"},
    "api:webhook_delivery": {"GET": "webhooks:manage"},
    "api:delivery_replay": {"POST": "webhooks:manage"},
    "api:events": {"GET": "events:read"},
    "api:event": {"GET": "events:read"},
}

# Open pages whose answer may be the way to a sign-in.
LEADS_TO_SIGN_IN = {
    "root_redirect", "account_login", "account_request_login_code", "account_inactive",
    "portal:join", "portal:sign_in", "portal:confirm", "portal:is_it_you", "portal:resend", "portal:sign_out",
    "portal:sign_out_everywhere",
}  # fmt: skip

# Nothing is there, for anybody.
NO_CALL = {"api:no_such_call"}


def row_of(route: str) -> str | None:
    """Return the table a route stands in, or None."""
    if route.startswith(BACKOFFICE[:-1]):
        return "backoffice"
    tables = {
        "public": PUBLIC, "guarded": GUARDED, "account": ACCOUNT, "portal": PORTAL,
        "console": CONSOLE, "api": API, "no_call": NO_CALL,
    }  # fmt: skip
    found = [name for name, table in tables.items() if route in table]
    assert len(found) <= 1, f"{route} stands in two tables: {found}"
    return found[0] if found else None


def expected(route: str, person: str) -> str:
    """Return the word in the cell of this route and person; for API calls of the method that needs a scope."""
    kind = row_of(route)
    if kind == "console":
        return _console(CONSOLE[route], person)
    if kind == "portal":
        return "open" if person in {"member", "other_member"} else "join_in"
    if kind == "account":
        return "any" if person in _USERS else "sign_in"
    if kind == "backoffice":
        return {"operator": "any"}.get(person, "closed" if person in _USERS else "sign_in")
    if kind == "api":
        lacking = "open" if None in API[route].values() else "403"
        return {"key": "open", "key_without_scope": lacking, "other_key": "open"}.get(person, "401")
    if kind == "no_call":
        return "404"
    return "open"


_USERS = {"owner", "manager", "analyst", "cashier", "other_staff", "operator"}
_LETTERS = {"owner": "o", "manager": "m", "analyst": "a", "cashier": "c", "counter": "p"}


def _console(row: str, person: str) -> str:
    if person in {"other_staff", "operator"}:
        return "404"
    letter = _LETTERS.get(person)
    if letter is None:
        return "sign_in"
    if letter in row:
        return "open"
    return "sign_on" if person == "counter" else "403"
