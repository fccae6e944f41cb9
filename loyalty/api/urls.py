"""Every address of the API."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from loyalty.api import docs, members, purchases, surveys, webhooks
from loyalty.api.views import RouteNotFound

_CALLS: list[URLPattern | URLResolver] = [
    path("members", members.Members.as_view(), name="members"),
    path("members/lookup", members.MemberLookup.as_view(), name="member_lookup"),
    path("members/<str:member_id>", members.OneMember.as_view(), name="member"),
    path("members/<str:member_id>/cards", members.MemberCards.as_view(), name="member_cards"),
    path("members/<str:member_id>/cards/block", members.CardBlocks.as_view(), name="card_blocks"),
    path("purchases", purchases.Purchases.as_view(), name="purchases"),
    path("purchases/batch", purchases.PurchaseBatches.as_view(), name="purchase_batches"),
    path("refunds", purchases.Refunds.as_view(), name="refunds"),
    path("survey-responses", surveys.SurveyResponses.as_view(), name="survey_responses"),
    path("webhook-endpoints", webhooks.Endpoints.as_view(), name="webhook_endpoints"),
    path("webhook-endpoints/<str:endpoint_id>", webhooks.OneEndpoint.as_view(), name="webhook_endpoint"),
    path("webhook-endpoints/<str:endpoint_id>/secret", webhooks.EndpointSecrets.as_view(), name="webhook_secret"),
    path("webhook-endpoints/<str:endpoint_id>/disable", webhooks.EndpointDisablings.as_view(), name="webhook_disable"),
    path("webhook-endpoints/<str:endpoint_id>/enable", webhooks.EndpointEnablings.as_view(), name="webhook_enable"),
    path("webhook-endpoints/<str:endpoint_id>/ping", webhooks.EndpointPings.as_view(), name="webhook_ping"),
    path("webhook-endpoints/<str:endpoint_id>/replay", webhooks.EndpointReplays.as_view(), name="webhook_replay"),
    path("webhook-deliveries", webhooks.Deliveries.as_view(), name="webhook_deliveries"),
    path("webhook-deliveries/<str:delivery_id>", webhooks.OneDelivery.as_view(), name="webhook_delivery"),
    path("webhook-deliveries/<str:delivery_id>/replay", webhooks.DeliveryReplays.as_view(), name="delivery_replay"),
    path("events", webhooks.Events.as_view(), name="events"),
    path("events/<str:event_id>", webhooks.OneEvent.as_view(), name="event"),
]

app_name = "api"
urlpatterns: list[URLPattern | URLResolver] = [
    path("v1/", include(_CALLS)),
    re_path(r"^v1(/.*)?$", RouteNotFound.as_view(), name="no_such_call"),
    path("schema", docs.schema, name="schema"),
    path("docs", docs.reference, name="docs"),
    path("docs/problems/", docs.problems, name="problems"),
    path("docs/problems/<slug:code>", docs.problem, name="problem"),
]
