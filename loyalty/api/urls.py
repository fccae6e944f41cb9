"""Every address of the API."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from loyalty.api import (
    adjustments,
    balances,
    claims,
    deliveries,
    docs,
    events,
    members,
    merges,
    metrics,
    programme,
    purchases,
    quotes,
    redemptions,
    refunds,
    surveys,
    transfers,
    webhooks,
)
from loyalty.api.views import RouteNotFound

_CALLS: list[URLPattern | URLResolver] = [
    path("purchases", purchases.Purchases.as_view(), name="purchases"),
    path("members", members.Members.as_view(), name="members"),
    path("members/lookup", members.MemberLookup.as_view(), name="member_lookup"),
    path("members/<str:member_id>", members.OneMember.as_view(), name="member"),
    path("members/<str:member_id>/cards", members.MemberCards.as_view(), name="member_cards"),
    path("members/<str:member_id>/cards/block", members.CardBlocks.as_view(), name="card_blocks"),
    path("members/<str:member_id>/erase", members.Erasures.as_view(), name="erase"),
    path("members/<str:member_id>/balance", balances.MemberBalance.as_view(), name="balance"),
    path("members/<str:member_id>/lots", balances.MemberLots.as_view(), name="lots"),
    path("members/<str:member_id>/ledger", balances.MemberLedger.as_view(), name="ledger"),
    path("quotes", quotes.Quotes.as_view(), name="quotes"),
    path("purchases/batch", purchases.PurchaseBatches.as_view(), name="purchase_batches"),
    path("purchases/claim", claims.Claims.as_view(), name="claims"),
    path("refunds", refunds.Refunds.as_view(), name="refunds"),
    path("redemptions", redemptions.Redemptions.as_view(), name="redemptions"),
    path("redemptions/<str:redemption>", redemptions.OneRedemption.as_view(), name="redemption"),
    path("redemptions/<str:redemption>/capture", redemptions.Captures.as_view(), name="capture"),
    path("redemptions/<str:redemption>/release", redemptions.Releases.as_view(), name="release"),
    path("redemptions/<str:redemption>/reverse", redemptions.Reversals.as_view(), name="reverse"),
    path("transfers", transfers.Transfers.as_view(), name="transfers"),
    path("merges", merges.Merges.as_view(), name="merges"),
    path("merges/<str:merge>/undo", merges.Undoings.as_view(), name="unmerge"),
    path("adjustments", adjustments.Adjustments.as_view(), name="adjustments"),
    path("programme", programme.Programme.as_view(), name="programme"),
    path("programme/publish", programme.Publications.as_view(), name="publish"),
    path("programme/simulate", programme.Trials.as_view(), name="simulate"),
    path("programme/versions", programme.Versions.as_view(), name="versions"),
    path("programme/versions/<int:number>/rollback", programme.RollBacks.as_view(), name="rollback"),
    path("metrics", metrics.Metrics.as_view(), name="metrics"),
    path("metrics/cohorts", metrics.Cohorts.as_view(), name="cohorts"),
    path("metrics/segments", metrics.Segments.as_view(), name="segments"),
    path("survey-responses", surveys.SurveyResponses.as_view(), name="survey_responses"),
    path("webhook-endpoints", webhooks.Endpoints.as_view(), name="webhook_endpoints"),
    path("webhook-endpoints/<str:endpoint_id>", webhooks.OneEndpoint.as_view(), name="webhook_endpoint"),
    path("webhook-endpoints/<str:endpoint_id>/secret", webhooks.EndpointSecrets.as_view(), name="webhook_secret"),
    path("webhook-endpoints/<str:endpoint_id>/disable", webhooks.EndpointDisablings.as_view(), name="webhook_disable"),
    path("webhook-endpoints/<str:endpoint_id>/enable", webhooks.EndpointEnablings.as_view(), name="webhook_enable"),
    path("webhook-endpoints/<str:endpoint_id>/ping", webhooks.EndpointPings.as_view(), name="webhook_ping"),
    path("webhook-endpoints/<str:endpoint_id>/replay", webhooks.EndpointReplays.as_view(), name="webhook_replay"),
    path("webhook-deliveries", deliveries.Deliveries.as_view(), name="webhook_deliveries"),
    path("webhook-deliveries/<str:delivery_id>", deliveries.OneDelivery.as_view(), name="webhook_delivery"),
    path("webhook-deliveries/<str:delivery_id>/replay", deliveries.DeliveryReplays.as_view(), name="delivery_replay"),
    path("events", events.Events.as_view(), name="events"),
    path("events/<str:event_id>", events.OneEvent.as_view(), name="event"),
]

app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include(_CALLS)),
    re_path(r"^v1(/.*)?$", RouteNotFound.as_view(), name="no_such_call"),
    path("schema", docs.schema, name="schema"),
    path("docs", docs.reference, name="docs"),
    path("docs/quickstart", docs.quickstart, name="quickstart"),
    path("docs/problems/", docs.problems, name="problems"),
    path("docs/problems/<slug:code>", docs.problem, name="problem"),
]
