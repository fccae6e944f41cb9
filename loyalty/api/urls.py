"""Every address of the API."""

from __future__ import annotations

from django.urls import URLPattern, URLResolver, include, path, re_path

from loyalty.api import docs, members
from loyalty.api.views import RouteNotFound

_CALLS: list[URLPattern | URLResolver] = [
    path("members", members.Members.as_view(), name="members"),
    path("members/lookup", members.MemberLookup.as_view(), name="member_lookup"),
    path("members/<str:member_id>", members.OneMember.as_view(), name="member"),
    path("members/<str:member_id>/cards", members.MemberCards.as_view(), name="member_cards"),
    path("members/<str:member_id>/cards/block", members.CardBlocks.as_view(), name="card_blocks"),
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
