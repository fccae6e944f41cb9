"""The key itself: whose it is, what it may do, and how much."""

from __future__ import annotations

import msgspec

from loyalty.api.framework import limits
from loyalty.api.framework.operations import KIB, ApiAnswer, Call, operation
from loyalty.api.framework.views import ApiView
from merchants import money

BATCH_MAX = 1000


class MerchantOut(msgspec.Struct, frozen=True, kw_only=True):
    """Whose key it is, and in what they sell."""

    id: str
    slug: str
    name: str
    currency: str
    currency_digits: int
    zone: str
    country: str
    is_sandbox: bool


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """How much this key may ask for: calls in a window of seconds (null: no limit), items in a batch, bytes of a body."""

    calls: int | None
    window_seconds: int | None
    batch_items: int
    body_bytes: int
    batch_body_bytes: int


class KeyOut(msgspec.Struct, frozen=True, kw_only=True):
    """The key that asks. `id_namespace` is put before each `external_id` it sends, and taken off in each answer."""

    id: str
    name: str
    scopes: list[str]
    location: str | None
    terminal: str | None
    id_namespace: str | None
    merchant: MerchantOut
    limits: KeyLimits


class OwnKey(ApiView):
    @operation(
        id="get_key",
        tag="Key",
        summary="Whose key this is, and what it may do",
        description="For the moment when a till is set up: the answer says at which shop, with which rights, in which "
        "currency, and with which prefix before its ids. Any key may ask.",
        scope=None,
        answers={200: KeyOut},
        answer_example={
            "id": "key_4m8x2k9q7w3t6v1p",
            "name": "POS in Mapo",
            "scopes": ["members:read", "purchases:write"],
            "location": "mapo",
            "terminal": "till-1",
            "id_namespace": "mapo",
            "merchant": {
                "id": "mer_4m8x2k9q7w3t6v1p",
                "slug": "cafe-haneul",
                "name": "Café Haneul",
                "currency": "KRW",
                "currency_digits": 0,
                "zone": "Asia/Seoul",
                "country": "KR",
                "is_sandbox": False,
            },
            "limits": {
                "calls": 6000,
                "window_seconds": 60,
                "batch_items": 1000,
                "body_bytes": 262144,
                "batch_body_bytes": 5242880,
            },
        },
    )
    def get(self, call: Call) -> ApiAnswer:
        key, merchant, limiter = call.key, call.merchant, limits.limiter()
        return ApiAnswer(
            KeyOut(
                id=key.public_id,
                name=key.name,
                scopes=sorted(key.scopes),
                location=key.location_code or None,
                terminal=key.terminal or None,
                id_namespace=key.id_namespace or None,
                merchant=MerchantOut(
                    id=merchant.public_id,
                    slug=merchant.slug,
                    name=merchant.name,
                    currency=merchant.currency,
                    currency_digits=money.exponent(merchant.currency),
                    zone=merchant.zone,
                    country=merchant.country,
                    is_sandbox=merchant.is_sandbox,
                ),
                limits=KeyLimits(
                    calls=limiter.limit or None,
                    window_seconds=limiter.window_seconds if limiter.limit else None,
                    batch_items=BATCH_MAX,
                    body_bytes=256 * KIB,
                    batch_body_bytes=5 * KIB * KIB,
                ),
            )
        )
