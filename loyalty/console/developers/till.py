"""A till to play with: the request a real till would send, as JSON and as curl, and the real answer to it.

What is sent goes through the public API as any till's call does, key, limits and all; the key that was typed is used for
that one call and kept nowhere.
"""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django import forms
from django.conf import settings
from django.core.handlers.base import BaseHandler
from django.core.handlers.wsgi import WSGIRequest
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_http_methods

from loyalty.console import screens
from loyalty.console.access import now_of, seat_required
from loyalty.console.programme.fields import MoneyField
from loyalty.tenant import merchant_of, outside_tenant
from loyalty.ui import samples
from merchants import ids, tenancy
from merchants.directory import Merchant
from merchants.permissions import Permission

CALLS: dict[str, Any] = {
    "quote": gettext_lazy("What would it earn?"),
    "purchase": gettext_lazy("Record the sale"),
    "refund": gettext_lazy("Take it back"),
    "redeem": gettext_lazy("Redeem a reward"),
    "balance": gettext_lazy("Read a balance"),
}


@dataclass(frozen=True, slots=True)
class Request:
    """One call of the public API."""

    method: str
    path: str
    body: dict[str, Any] | None

    @property
    def text(self) -> str:
        return json.dumps(self.body, ensure_ascii=False, indent=2) if self.body is not None else ""

    @property
    def curl(self) -> str:
        lines = [
            f"curl -X {self.method} {settings.PUBLIC_URL}{self.path} \\",
            '  -H "Authorization: Bearer $LOYALTY_KEY"',
        ]
        if self.body is not None:
            lines[-1] += " \\"
            quoted = self.text.replace("'", "'\\''")
            lines += ['  -H "Content-Type: application/json" \\', f"  -d '{quoted}'"]
        return "\n".join(lines)


@dataclass(frozen=True, slots=True)
class TillAnswer:
    """What the API said, with the headers a till looks at."""

    status: int
    headers: tuple[tuple[str, str], ...]
    text: str

    @property
    def is_good(self) -> bool:
        return self.status < 400

    @property
    def code(self) -> str:
        """Return the code of a refusal; empty where it was none."""
        try:
            told = json.loads(self.text)
        except ValueError:
            return ""
        code = told.get("code", "") if isinstance(told, dict) and not self.is_good else ""
        return code if isinstance(code, str) else ""


class TillForm(forms.Form):
    """What the pretended cashier does."""

    call = forms.ChoiceField(label=gettext_lazy("Call"), choices=list(CALLS.items()))
    member = forms.CharField(
        label=gettext_lazy("Member"),
        max_length=40,
        required=False,
        help_text=gettext_lazy("Code or id; empty is a guest."),
    )
    sku = forms.CharField(label=gettext_lazy("SKU"), max_length=100, required=False)
    category = forms.CharField(label=gettext_lazy("Category"), max_length=100, required=False)
    reward = forms.CharField(
        label=gettext_lazy("Reward"), max_length=60, required=False, help_text=gettext_lazy("Its code, to redeem it.")
    )
    external_id = forms.RegexField(
        label=gettext_lazy("external_id"), regex=r"^[\x21-\x7e]+\Z", max_length=100, required=False,
        help_text=gettext_lazy("Send it twice: the second answer is the first one."),
    )  # fmt: skip
    #: Minted with the id when the page is drawn: a sale that is sent again happened at the same moment.
    occurred_at = forms.DateTimeField(
        required=False, widget=forms.HiddenInput, input_formats=["%Y-%m-%dT%H:%M:%S%z"],
    )  # fmt: skip
    key = forms.CharField(
        label=gettext_lazy("API key"), max_length=200, required=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off"}),
        help_text=gettext_lazy("Empty: nothing is sent, you only see the request. It is not kept."),
    )  # fmt: skip

    def __init__(self, merchant: Merchant, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.use_required_attribute = False
        self.fields["amount"] = MoneyField(merchant.currency, label=_("Amount"), required=False)


@require_http_methods(["GET", "POST"])
@outside_tenant
@seat_required(Permission.MANAGE_KEYS)
def till(request: HttpRequest, merchant_slug: str) -> HttpResponse:
    """Show the request, and send it if a key was typed."""
    merchant = merchant_of(request)
    first = {"call": "quote", "amount": samples.minor(12_400, merchant.currency), "external_id": _fresh(),
             "occurred_at": f"{now_of(request):%Y-%m-%dT%H:%M:%S%z}"}  # fmt: skip
    form = TillForm(merchant, request.POST if request.method == "POST" else None, initial=first)
    answer = None
    if form.is_bound and not form.is_valid():
        call = None
    else:
        read = form.cleaned_data if form.is_bound else {**dict.fromkeys(form.fields, ""), **first}
        call = _call(merchant, read, (form.is_bound and read["occurred_at"]) or now_of(request))
        if form.is_bound and read["key"]:
            answer = _send(request, call, str(read["key"]))
    page = {"form": form, "call": call, "answer": answer, "fresh": _fresh()}
    # Programmes and seats are read with the merchant's data open; the call above opened its own.
    with tenancy.tenant(merchant), timezone.override(merchant.tzinfo):
        return screens.show(request, "console/developers/till.html", page, status=422 if call is None else 200)


def _call(merchant: Merchant, read: dict[str, Any], now: Any) -> Request:
    who = read["member"]
    member = {"id" if ids.is_id(who, "mem") else "code": who} if who else None
    external_id = read["external_id"] or _fresh()
    sale: dict[str, Any] = {
        "occurred_at": now.astimezone(merchant.tzinfo).isoformat(timespec="seconds"),
        "currency": merchant.currency,
        "total_minor": read["amount"] or 0,
        "lines": [
            {"sku": read["sku"], "category": read["category"], "quantity": 1, "amount_minor": read["amount"] or 0}
        ],
    }
    if member is not None:
        sale["member"] = member
    if read["call"] == "purchase":
        return Request("POST", "/api/v1/purchases", {"external_id": external_id, **sale})
    if read["call"] == "refund":
        body = {"external_id": f"{external_id}-refund", "occurred_at": sale["occurred_at"],
                "purchase": {"external_id": external_id}}  # fmt: skip
        return Request("POST", "/api/v1/refunds", body)
    if read["call"] == "redeem":
        return Request("POST", "/api/v1/redemptions", {
            "external_id": f"{external_id}-redeem", "member": member or {"code": ""}, "reward": read["reward"],
            "order_total_minor": read["amount"] or 0,
        })  # fmt: skip
    if read["call"] == "balance":
        return Request("GET", f"/api/v1/members/{who or 'mem_…'}/balance", None)
    return Request("POST", "/api/v1/quotes", sale)


def _send(request: HttpRequest, call: Request, key: str) -> TillAnswer:
    """Make the call through the whole application, middleware included, as if it came over the net."""
    body = call.text.encode()
    address = urlsplit(call.path)
    environ = {
        **{name: value for name, value in request.META.items() if name.startswith("SERVER_") or name in _PASSED},
        "REQUEST_METHOD": call.method, "PATH_INFO": address.path, "QUERY_STRING": address.query, "SCRIPT_NAME": "",
        "CONTENT_TYPE": "application/json" if body else "", "CONTENT_LENGTH": str(len(body)),
        "HTTP_AUTHORIZATION": f"Bearer {key.strip()}", "HTTP_ACCEPT": "application/json",
        "HTTP_ACCEPT_LANGUAGE": request.headers.get("Accept-Language", ""), "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": request.scheme,
    }  # fmt: skip
    handler = BaseHandler()
    handler.load_middleware()
    response = handler.get_response(WSGIRequest(environ))
    shown = tuple((name, value) for name, value in response.items() if name.lower() in _TOLD)
    content = b"".join(response.streaming_content) if response.streaming else response.content  # type: ignore[attr-defined]
    text = content.decode(errors="replace")
    try:
        text = json.dumps(json.loads(text), ensure_ascii=False, indent=2)
    except ValueError:
        text = text[:4000]
    return TillAnswer(response.status_code, shown, text)


_PASSED = {"HTTP_HOST", "REMOTE_ADDR", "HTTP_X_FORWARDED_PROTO"}
_TOLD = {"idempotent-replayed", "ratelimit", "ratelimit-policy", "retry-after", "x-request-id", "content-type"}


def _fresh() -> str:
    return f"sim-{ids.mint('pur')[4:12]}"
