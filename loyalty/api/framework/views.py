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

from loyalty.api.framework import bodies, limits, problems, queries
from loyalty.api.framework.openapi import StructSchema
from loyalty.api.framework.operations import ApiAnswer, Call, Handler, Operation, namespace
from loyalty.api.framework.problems import (
    IdMissing,
    IdsDiffer,
    InternalError,
    KeyMissing,
    MethodRefused,
    RateLimited,
    RouteUnknown,
    ScopeMissing,
    Unavailable,
)
from merchants import remembered_keys, tenancy, texts
from merchants.database import sql_errors
from merchants.errors import Invalid, LoyaltyError
from merchants.keys import Key
from merchants.remembered_keys import Caller

_log = structlog.stdlib.get_logger(__name__)
_IDEMPOTENCY_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_RETRY_SECONDS = 2
_encode = msgspec.json.Encoder().encode


class KeyAuthentication(BaseAuthentication):
    """`Authorization: Bearer lk_…` and nothing else."""

    def authenticate(self, request: Request) -> tuple[Any, Caller]:
        scheme, _space, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer" or not secret:
            raise KeyMissing(_("Send the API key as Authorization: Bearer lk_…"))
        return None, remembered_keys.caller(secret.strip(), now=timezone.now())

    def authenticate_header(self, request: Request) -> str:
        return 'Bearer realm="api"'


class ApiView(APIView):
    """The base of every endpoint: methods declared with `@operation`."""

    authentication_classes = [KeyAuthentication]
    permission_classes = []
    throttle_classes = []
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]
    schema = StructSchema()

    _verdict: limits.Verdict | None = None
    _caller: Caller | None = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Who asks, and is it too often; there is one media type and one version, so nothing to negotiate."""
        self._caller = cast(Caller, request.auth)
        key = self._caller.key
        request._request.merchant = key.merchant  # type: ignore[attr-defined]
        request._request.key_prefix = key.prefix  # type: ignore[attr-defined]
        # The server lets merchants take turns (loyalty/server).
        request.META["loyalty.merchant"] = key.merchant.pk
        self._count(key, 1)

    def _count(self, key: Key, count: int) -> None:
        self._verdict = limits.limiter().take(key.public_id, at=time.time(), count=count)
        if self._verdict is not None and not self._verdict.is_allowed:
            raise RateLimited(_("Too many requests with this key: wait a moment."))

    def run(self, operation: Operation, handler: Handler, path: dict[str, str]) -> HttpResponse:
        """Run a handler in the merchant's tenant, the whole of it again on a deadlock.

        A key that was only recognised is verified by what opens the tenant. When it is not what it was, or the call is
        refused before, it is verified first; then what it may do now decides, and the call begins again.
        """
        caller = cast(Caller, self._caller)
        if not caller.is_verified and (operation.opens_data_itself or operation.outside is not None or operation.items):
            caller = self._verify()
        try:
            return self._run(caller, operation, handler, path)
        except (DatabaseError, LoyaltyError, Http404) as error:
            has_changed = remembered_keys.has_changed(error)
            # Of what else a database does not say, nobody knows whether it stands.
            if self._is_verified or (isinstance(error, DatabaseError) and not has_changed):
                raise
            verified = self._verify()
            if verified.versions == caller.versions and not has_changed:
                raise
        return self._run(verified, operation, handler, path)

    @property
    def _is_verified(self) -> bool:
        """Return whether there is nothing, or nothing more, to ask about the key."""
        return self._caller is None or self._caller.is_verified

    def _verify(self) -> Caller:
        caller = cast(Caller, self._caller)
        self._caller = None  # whatever comes of it is the answer
        self._caller = caller.verify(timezone.now())
        return self._caller

    def _run(self, caller: Caller, operation: Operation, handler: Handler, path: dict[str, str]) -> HttpResponse:
        key = caller.key
        if operation.scope is not None and operation.scope not in key.scopes:
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
            if operation.items and (more := len(sent[operation.items]) - 1):
                self._count(key, more)
        call = Call(key, timezone.now(), _request_id(request), query, body, sent)
        if operation.outside is not None:
            call = replace(call, found=operation.outside(call))
        if operation.opens_data_itself:
            answer = handler(self, call, **path)
        else:
            answer = tenancy.attempt(key.merchant, lambda: handler(self, call, **path), opened_by=caller.opens)
        self._caller = replace(caller, is_verified=True)
        if answer.refusal is not None:
            answer.refusal.is_replay = answer.is_replay  # type: ignore[attr-defined]
            raise answer.refusal
        return _written(answer)

    def http_method_not_allowed(self, request: HttpRequest, *args: Any, **kwargs: Any) -> NoReturn:
        raise MethodNotAllowed(str(request.method))

    def options(self, request: HttpRequest, *args: Any, **kwargs: Any) -> NoReturn:
        raise MethodNotAllowed(str(request.method))

    def handle_exception(self, exc: Exception) -> HttpResponse:  # type: ignore[override]
        """Answer whatever went wrong as a problem; the transaction is rolled back already."""
        if not self._is_verified:
            # Not a word to a key that has ended, not even that it asks too often.
            try:
                self._verify()
            except LoyaltyError as ended:
                exc = ended
            except (DatabaseError, InterfaceError) as error:
                exc = error
        return refusal(exc, self.request._request, allow=", ".join(self.allowed_methods))

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Response:
        response["Cache-Control"] = "no-store"
        if self._verdict is not None:
            for name, value in self._verdict.headers().items():
                response[name] = value
        return response  # type: ignore[no-any-return]


class RouteNotFound(APIView):
    """Any address under /api/v1 that is no call."""

    authentication_classes = []
    schema = None

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        return refusal(Http404(), request)


def refusal(exc: Exception, request: HttpRequest, *, allow: str = "") -> HttpResponse:
    """Answer an exception as a problem; what nobody foresaw is logged and answers 500."""
    known = _known(exc, request, allow=allow)
    headers = dict(getattr(known, "headers", {}))
    if known.http == 401:
        headers["WWW-Authenticate"] = 'Bearer realm="api"'
    if getattr(known, "is_replay", False):
        headers["Idempotent-Replayed"] = "true"
    answer = problems.response(
        known.code, request_id=_request_id(request), headers=headers, **problems.of_refusal(known)
    )
    if isinstance(known, InternalError):
        answer._has_been_logged = True  # type: ignore[attr-defined]  # ours has the cause; Django's would repeat it
    return answer


def _known(exc: Exception, request: HttpRequest, *, allow: str) -> LoyaltyError:
    """Translate whatever was raised into a refusal with a code."""
    if isinstance(exc, LoyaltyError):
        return exc
    if isinstance(exc, MethodNotAllowed):
        return MethodRefused(_("This address takes %(methods)s.") % {"methods": allow}, headers={"Allow": allow})
    if isinstance(exc, Http404):
        if request.path.endswith("/"):
            return RouteUnknown(_("There is no such call: addresses here have no slash at the end."))
        return RouteUnknown(_("There is no such call."))
    if isinstance(exc, tenancy.RetryTransaction) or _is_passing(exc):
        _log.warning("not available", error=type(exc).__name__, sqlstate=sql_errors.sqlstate(exc))
        return Unavailable(
            _("Try again in a moment, with the same external_id."), headers={"Retry-After": str(_RETRY_SECONDS)}
        )
    if isinstance(exc, OverflowError) or (sql_errors.sqlstate(exc) or "").startswith("22"):
        # An instant at the edge of the calendar, a sum beyond the column: nothing anybody can mean.
        _log.warning("out of range", exc_info=exc)
        return Invalid(_("A date or a number in the request is out of range."))
    _log.error("unhandled", exc_info=exc)
    return InternalError(_("Something went wrong here"))


def _is_passing(exc: Exception) -> bool:
    """A restart, a full disk, a lock that would not open: the same request may succeed in a moment."""
    if not isinstance(exc, DatabaseError | InterfaceError):
        return False
    return sql_errors.is_connection_lost(exc) or sql_errors.sqlstate(exc) in sql_errors.RETRYABLE


def _request_id(request: HttpRequest) -> str:
    return getattr(request, "request_id", "")


def _written(answer: ApiAnswer) -> HttpResponse:
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
        raise IdMissing(_("Idempotency-Key must be 1 to 255 visible ASCII signs."))
    if operation.takes_id and sent.get("external_id") is None and (header is not None or operation.requires_id):
        if header is None:
            raise IdMissing(_("Send external_id, or the header Idempotency-Key."), pointer="/external_id")
        sent["external_id"] = header
    elif operation.takes_id and header is not None and sent.get("external_id") != header:
        raise IdsDiffer(
            _("external_id and Idempotency-Key differ: send one of them, or the same in both."), pointer="/external_id"
        )
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
