"""Addresses of the console, under `/console/`."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path

from loyalty.console import (
    approvals,
    audit_log,
    briefings,
    finding,
    notifications,
    photos,
    privacy,
    rewards,
    settings,
    shortcuts,
    team,
)
from loyalty.console import exports as exports_of_lists
from loyalty.console.counter import kept_sales, member_search, reward_pages, sales, stamps, training
from loyalty.console.dashboard import answers, members_of_number
from loyalty.console.dashboard import overview as dashboard
from loyalty.console.developers import errors, events, keys, sandbox, till, webhooks
from loyalty.console.members import (
    bulk_acts,
    bulk_points,
    enrolling,
    exports,
    member_actions,
    member_list,
    member_page,
    member_stamps,
    merging,
    missing,
    poster,
    refunding,
)
from loyalty.console.programme import items, overview, parts, publishing, start_page, trying

app_name = "console"

_programme = [
    path("", overview.overview, name="programme"),
    path("templates", start_page.start_page, name="programme_templates"),
    path("start", overview.start_from, name="programme_start"),
    path("discard", overview.discard, name="programme_discard"),
    path("source", overview.source, name="programme_source"),
    path("rule", items.edit, {"of": "rule"}, name="programme_rule"),
    path("rules", items.change, {"of": "rule"}, name="programme_rules"),
    path("stamp-card", items.edit, {"of": "card"}, name="programme_stamp_card"),
    path("stamp-card/remove", items.change, {"of": "card"}, name="programme_stamp_card_remove"),
    path("part", parts.part, name="programme_part"),
    path("try", trying.trial, name="programme_try"),
    path("review", publishing.review, name="programme_review"),
    path("versions", publishing.versions, name="programme_versions"),
    path("version", publishing.version, name="programme_version"),
    path("roll-back", publishing.roll_back, name="programme_roll_back"),
]

_members = [
    path("", member_list.members, name="members"),
    path("columns", member_list.columns, name="members_columns"),
    path("points", bulk_points.give, name="members_points"),
    path("points/<str:bulk_id>", bulk_points.given, name="members_points_given"),
    path("points/<str:bulk_id>/undo", bulk_points.undo, name="members_points_undo"),
    path("bulk", bulk_acts.choose, name="members_bulk_choose"),
    path("bulk/<str:act_id>", bulk_acts.act, name="members_bulk"),
    path("bulk/<str:act_id>/turn", bulk_acts.turn, name="members_bulk_turn"),
    path("bulk/<str:act_id>/left-out", bulk_acts.refusals, name="members_bulk_refusals"),
    path("export/chosen", exports.export_chosen, name="members_export_chosen"),
    path("export/contacts", exports.export_contacts, name="members_export_contacts"),
    path("enrol", enrolling.enrol, name="member_enrol"),
    path("missing-points", missing.missing, name="member_missing"),
    path("missing-points/settle", missing.settle, name="member_missing_settle"),
    path("export", exports.export, name="members_export"),
    path("poster", poster.poster, name="poster"),
    path("poster/<slug:sheet>.pdf", poster.pdf, name="poster_pdf"),
    path("<str:member_id>", member_page.member, name="member"),
    path("<str:member_id>/adjust", member_actions.adjust, name="member_adjust"),
    path("<str:member_id>/adjust/undo", member_actions.undo_adjustment, name="member_adjust_undo"),
    path("<str:member_id>/stamps", member_stamps.adjust, name="member_stamps"),
    path("<str:member_id>/stamps/undo", member_stamps.undo, name="member_stamps_undo"),
    path("<str:member_id>/refund", refunding.refund, name="member_refund"),
    path("<str:member_id>/undo", member_actions.undo, name="member_undo"),
    path("<str:member_id>/unclaim", member_actions.unclaim, name="member_unclaim"),
    path("<str:member_id>/reveal", member_actions.reveal, name="member_reveal"),
    path("<str:member_id>/turn", member_actions.turn, name="member_turn"),
    path("<str:member_id>/change", member_actions.change, name="member_change"),
    path("<str:member_id>/merge", merging.merge, name="member_merge"),
    path("<str:member_id>/unmerge", merging.unmerge, name="member_unmerge"),
]

_developers = [
    path("keys", keys.keys, name="keys"),
    path("keys/change", keys.change, name="key_change"),
    path("sandbox", sandbox.open_one, name="sandbox_open"),
    path("till", till.till, name="till"),
    path("events", events.events, name="events"),
    path("errors", errors.errors, name="errors"),
    path("webhooks", webhooks.webhooks, name="webhooks"),
    path("webhooks/deliveries/<str:delivery_id>", webhooks.delivery, name="webhook_delivery"),
    path("webhooks/deliveries/<str:delivery_id>/retry", webhooks.retry, name="webhook_retry"),
    path("webhooks/<str:endpoint_id>", webhooks.webhook, name="webhook"),
    path("webhooks/<str:endpoint_id>/change", webhooks.change, name="webhook_change"),
]

_counter = [
    path("", member_search.counter, name="counter"),
    path("place", member_search.place, name="counter_place"),
    path("enrol", member_search.enrol, name="counter_enrol"),
    path("guest", sales.guest, name="counter_guest"),
    path("kept", kept_sales.send, name="counter_kept"),
    path("training", training.turn, name="counter_training"),
    path("members/<str:member_id>", sales.member, name="counter_member"),
    path("members/<str:member_id>/claim", sales.claim, name="counter_claim"),
    path("members/<str:member_id>/release", member_search.release, name="counter_release"),
    path("members/<str:member_id>/stamp", stamps.stamp, name="counter_stamp"),
    path("members/<str:member_id>/stamp/undo", stamps.undo, name="counter_stamp_undo"),
    path("members/<str:member_id>/rewards", reward_pages.rewards, name="counter_rewards"),
    path("sales/<str:purchase_id>", sales.sale, name="counter_sale"),
    path("sales/<str:purchase_id>/undo", sales.undo, name="counter_undo"),
    path("rewards/<str:redemption_id>", reward_pages.reward, name="counter_reward"),
    path("rewards/<str:redemption_id>/give-back", reward_pages.give_back, name="counter_give_back"),
]

_of_merchant: list[URLPattern | URLResolver] = [
    path("", team.start, name="start"),
    path("export/<str:table>", exports_of_lists.export, name="export"),
    path("find", finding.find, name="find"),
    path("dashboard", dashboard.overview, name="dashboard"),
    path("dashboard/today", dashboard.live, name="dashboard_today"),
    path("dashboard/members", members_of_number.members, name="dashboard_members"),
    path("dashboard/answers", answers.answers, name="dashboard_answers"),
    path("dashboard/answers/care", answers.take_care, name="dashboard_answers_care"),
    path("dashboard/export", members_of_number.export, name="dashboard_export"),
    path("programme/", include(_programme)),
    path("rewards", rewards.catalogue, name="rewards"),
    path("rewards/edit", items.edit, {"of": "reward"}, name="reward_edit"),
    path("rewards/photo", photos.change, name="reward_photo"),
    path("rewards/remove", items.change, {"of": "reward"}, name="reward_remove"),
    path("rewards/claims", rewards.taken, name="reward_claims"),
    path("members/", include(_members)),
    path("developers/", include(_developers)),
    path("settings", settings.settings, name="settings"),
    path("settings/preview", settings.preview, name="settings_preview"),
    path("settings/logo", settings.change_logo, name="settings_logo"),
    path("settings/place", settings.change_place, name="settings_place"),
    path("settings/privacy", privacy.privacy, name="privacy"),
    path("settings/record", audit_log.record, name="settings_record"),
    path("approvals", approvals.approvals, name="approvals"),
    path("approvals/ask", approvals.ask, name="approval_ask"),
    path("approvals/<str:request_id>", approvals.answer, name="approval_answer"),
    path("notifications", notifications.notifications, name="notifications"),
    path("notifications/count", notifications.count, name="notifications_count"),
    path("keys", shortcuts.shortcuts, name="shortcuts"),
    path("me", team.me, name="me"),
    path("team", team.team, name="team"),
    path("briefing", briefings.briefing, name="briefing"),
    path("team/briefings", briefings.briefings, name="briefings"),
    path("team/briefings/<str:briefing_id>/end", briefings.end, name="briefing_end"),
    path("team/invite", team.invite, name="seat_invite"),
    path("team/<str:seat_id>", team.seat, name="seat"),
    path("devices/open", team.open_device, name="device_open"),
    path("devices/<str:device_id>/close", team.close_device, name="device_close"),
    path("counter/", include(_counter)),
    path("counter/sign-on", team.counter_sign_on, name="counter_sign_on"),
    path("counter/sign-off", team.counter_sign_off, name="counter_sign_off"),
]

urlpatterns = [
    path("", team.workplaces, name="workplaces"),
    path("<slug:merchant_slug>/", include(_of_merchant)),
]
