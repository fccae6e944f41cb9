"""Runs a call: the key, the limit, what was sent, then one handler in one transaction, and the answer.

DRF gives the frame (dispatch, method table, schema); its serializers, renderers and sessions stay out: a body is a
struct, an answer is a struct, and no cookie opens anything here.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from typing import Any, NoReturn, cast

import msgspec
import structlog
from django.db import DatabaseError, InterfaceError
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import MethodNotAllowed
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from loyalty.api import bodies, limits, problems, queries
from loyalty.api.catalogue import KINDS
from loyalty.api.openapi import StructSchema
from loyalty.api.operations import Answer, Call, Handler, Operation, namespace
from loyalty.api.problems import Refused
from merchants import keys, tenancy, texts
from merchants.errors import LoyaltyError
from merchants.keys import Key

_log = structlog.stdlib.get_logger(__name__)
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_RETRY_SECONDS = 2
_encode = msgspec.json.Encoder().encode


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer lk_…` and nothing else."""

    def authenticate(self, request: Request) -> tuple[Any, Key]:
        scheme, _space, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise Refused("key_missing", _("Send the API key as Authorization: Bearer lk_…"))
        key = keys.verify(secret.strip(), now=timezone.now())
        return None, key

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class ApiView(APIView):
    """The base of every door: methods declared with `@operation`."""

    authentication_classes = [KeyAuthentication]
    permission_classes = []
    throttle_classes = []
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]
    schema = StructSchema()

    _verdict: limits.Verdict | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Who asks, and is it too often; there is one media type and one version, so nothing to negotiate."""
        key = cast(Key, request.auth)
        request._request.merchant = key.merchant  # type: ignore[attr-defined]
        self._verdict = limits.limiter().take(key.public_id, at=time.time())
        if self._verdict is not None and not self._verdict.is_allowed:
            raise Refused("rate_limited", _("Too many requests with this key: wait a moment."))

    def run(self, operation: Operation, handler: Handler, path: dict[str, str]) -> HttpResponse:
        """This method will run a handler in the merchant's tenant, the whole of it again on a deadlock."""
        key = cast(Key, self.request.auth)
        if operation.scope not in key.scopes:
            raise ScopeMissing(
                _("This call needs a key with the scope %(scope)s.") % {"scope": operation.scope}, scope=operation.scope
            )
        if not all(texts.is_plain(str(part)) for part in path.values()):
            raise Http404
        request = self.request._request
        query = queries.read(request, operation.query)
        sent: dict[str, Any] = {}
        body = None
        if operation.body is not None:
            sent = bodies.decode(request, bytes_max=operation.bytes_max)
            if operation.own_ids:
                _name_documents(sent, operation, key, request)
            body = bodies.convert(sent, operation.body)
        call = Call(key, timezone.now(), _request_id(request), query, body, sent)
        if operation.outside is not None:
            call = replace(call, found=operation.outside(call))
        if operation.opens_data_itself:
            answer = handler(self, call, **path)
        else:
            answer = tenancy.attempt(key.merchant, lambda: handler(self, call, **path))
        if answer.refusal is not None:
            answer.refusal.is_replay = answer.is_replay  # type: ignore[attr-defined]
            raise answer.refusal
        return _written(answer)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> NoReturn:
        raise MethodNotAllowed(str(request.method))

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> NoReturn:
        raise MethodNotAllowed(str(request.method))

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        """This method will answer whatever went wrong as a problem; the transaction is rolled back already."""
        return refusal(exc, self.request._request, allow=", ".join(self.allowed_methods))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        response["Cache-Control"] = "no-store"
        if self._verdict is not None:
            for name, value in self._verdict.headers().items():
                response[name] = value
        return response  # type: ignore[no-any-return]


class ScopeMissing(LoyaltyError):
    code = "scope_missing"
    http = 403


class RouteNotFound(APIView):
    """Any address under /api/v1 that is no call."""

    authentication_classes = []
    schema = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return refusal(Http404(), request)


def refusal(exc: Exception, request: HttpRequest, *, allow: str = "") -> HttpResponse:
    """This function will choose the problem for an exception; what nobody foresaw is logged and answers 500."""
    request_id = _request_id(request)
    if isinstance(exc, LoyaltyError):
        headers = dict(getattr(exc, "headers", {}))
        if exc.http == 401:
            headers["WWW-Authenticate"] = 'Bearer realm="api"'
        if getattr(exc, "is_replay", False):
            headers["Idempotent-Replayed"] = "true"
        return problems.response(exc.code, request_id=request_id, headers=headers, **problems.of_refusal(exc))
    if isinstance(exc, MethodNotAllowed):
        detail = _("This address takes %(methods)s.") % {"methods": allow}
        return problems.response("method_not_allowed", detail=detail, request_id=request_id, headers={"Allow": allow})
    if isinstance(exc, Http404):
        return problems.response("route_not_found", detail=_("There is no such call."), request_id=request_id)
    if isinstance(exc, tenancy.Again) or _is_passing(exc):
        _log.warning("not available", error=type(exc).__name__, sqlstate=tenancy.sqlstate(exc))
        detail = _("Try again in a moment, with the same external_id.")
        headers = {"Retry-After": str(_RETRY_SECONDS)}
        return problems.response("unavailable", detail=detail, request_id=request_id, headers=headers)
    if isinstance(exc, OverflowError) or (tenancy.sqlstate(exc) or "").startswith("22"):
        # An instant at the edge of the calendar, a sum beyond the column: nothing anybody can mean.
        _log.warning("out of range", exc_info=exc)
        detail = _("A date or a number in the request is out of range.")
        return problems.response("invalid", detail=detail, request_id=request_id)
    _log.error("unhandled", exc_info=exc)
    response = problems.response("internal_error", detail=str(KINDS["internal_error"].title), request_id=request_id)
    response._has_been_logged = True  # type: ignore[attr-defined]  # ours has the cause; Django's would repeat it
    return response


def _is_passing(exc: Exception) -> bool:
    """A restart, a full disk, a lock that would not open: the same request may succeed in a moment."""
    if not isinstance(exc, DatabaseError | InterfaceError):
        return False
    return tenancy.is_connection_lost(exc) or tenancy.sqlstate(exc) in tenancy.RETRYABLE


def _request_id(request: HttpRequest) -> str:
    return getattr(request, "request_id", "")


def _written(answer: Answer) -> HttpResponse:
    if answer.body is None:
        response = HttpResponse(status=answer.status)
        del response["Content-Type"]
    else:
        response = HttpResponse(_encode(answer.body), status=answer.status, content_type="application/json")
    if answer.is_replay:
        response["Idempotent-Replayed"] = "true"
    for name, value in answer.headers.items():
        response[name] = value
    return response


def _name_documents(sent: dict[str, Any], operation: Operation, key: Key, request: HttpRequest) -> None:
    """Fill in the document's id from the header, and put the key's namespace before each id the caller sends."""
    header = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if header is not None and not _IDEMPOTENCY_KEY.fullmatch(header):
        raise Refused("external_id_required", _("Idempotency-Key must be 1 to 255 visible ASCII signs."))
    if operation.takes_id and sent.get("external_id") is None and (header is not None or operation.requires_id):
        if header is None:
            raise Refused(
                "external_id_required", _("Send external_id, or the header Idempotency-Key."), pointer="/external_id"
            )
        sent["external_id"] = header
    before = namespace(key)
    if not before:
        return
    items = sent.get(operation.items) if operation.items else [sent]
    for item in items if isinstance(items, list) else []:
        for place in operation.own_ids:
            _put_before(item, place, before)


def _put_before(item: Any, place: tuple[str, ...], before: str) -> None:
    for name in place[:-1]:
        item = item.get(name) if isinstance(item, dict) else None
    if isinstance(item, dict) and isinstance(item.get(place[-1]), str):
        item[place[-1]] = before + item[place[-1]]
