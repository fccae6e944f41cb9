"""Sign-in pages where ours differ from allauth's."""

from __future__ import annotations

import time
from typing import Any

from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.models import Login
from allauth.account.views import ConfirmLoginCodeView, RequestLoginCodeView
from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.views import ActivateTOTPView
from allauth.mfa.webauthn.views import AddWebAuthnView
from django.conf import settings
from django.contrib import messages as notes
from django.contrib.auth import REDIRECT_FIELD_NAME, update_session_auth_hash
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods

from loyalty.accounts import second_factor, sign_in_links
from loyalty.accounts.addresses import is_this_machine
from loyalty.accounts.forms import NewPasskeyForm, SignInCodeForm, count_code
from merchants import contacts, dev_outbox, users


class ConfirmCode(ConfirmLoginCodeView):
    """allauth's page, and another code for whom the first did not reach: counted as codes asked for at the sign-in are."""

    template_name = "account/confirm_code.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        answer: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        process = getattr(self, "_process", None)
        if process is not None and process.user is None:
            # Whom a code was really sent to was read before this page was drawn.
            users.read_no_user()
        return answer

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if request.POST.get("action") != "resend":
            answer: HttpResponse = super().post(request, *args, **kwargs)
            return answer
        state = self._process.state
        refusal = count_code(request, contacts.stored(state.get("email") or state["phone"]))
        if refusal is not None:
            notes.error(request, refusal.detail)
            page = self.get_context_data(form=SignInCodeForm(code=""))
            return render(request, self.template_name, page, status=429)
        # As if asked for anew, with its own ten minutes and its own tries; allauth's `resend` fails for whom nobody knows.
        state.update(at=time.time(), failed_attempts=0)
        self._process.send(skip_enumeration_mails=True)
        self._process.persist()
        notes.success(request, _("A new code is on its way. Only the newest one counts."))
        return redirect(self.passthrough_next_url(reverse("account_confirm_login_code")))


confirm_code = never_cache(ConfirmCode.as_view())
sign_in = never_cache(RequestLoginCodeView.as_view(template_name="account/sign_in.html"))

#: Where to go on once a second factor has been set up.
_NEXT = "second_factor_next"


@require_GET
def root_redirect(request: HttpRequest) -> HttpResponse:
    """Send who typed nothing but the host's name to the console: members come by their shop's own address."""
    return redirect(settings.LOGIN_REDIRECT_URL)


@require_GET
def sign_in_alias(request: HttpRequest) -> HttpResponse:
    """Send allauth's second name for the sign-in page to the first, with all it carries."""
    query = request.META.get("QUERY_STRING", "")
    return redirect(reverse("account_login") + (f"?{query}" if query else ""))


@require_http_methods(["GET", "POST"])
@never_cache
def sign_in_by_link(request: HttpRequest, token: str) -> HttpResponse:
    """Sign in whom the operator gave a link; only the button uses it up, since mail programs open links themselves."""
    if request.method == "POST" and (user := sign_in_links.use(token)) is not None:
        record_authentication(request, user, method="code")
        # Without the address: a link from the operator proves no mailbox.
        answer: HttpResponse = perform_login(request, Login(user=user))
        return answer
    person = sign_in_links.owner_of(token)
    return render(request, "account/sign_in_link.html", {"person": person}, status=200 if person else 410)


@require_GET
@never_cache
@login_required
def second_factor_setup(request: HttpRequest) -> HttpResponse:
    """Say why a second factor is asked for, and offer the two kinds; the page stands in for the console until then."""
    wanted = request.GET.get(REDIRECT_FIELD_NAME, "")
    if url_has_allowed_host_and_scheme(wanted, allowed_hosts={request.get_host()}, require_https=request.is_secure()):
        request.session[_NEXT] = wanted
    assert request.user.is_authenticated
    if second_factor.is_set_up(request.user) and second_factor.is_shown(request, request.user):
        return redirect(request.session.pop(_NEXT, reverse(settings.LOGIN_REDIRECT_URL)))
    return render(request, "account/second_factor_setup.html")


class _ShowsItAtOnce:
    """Setting up proves possession: the session need not show the new factor a second time."""

    request: HttpRequest
    kind: Authenticator.Type

    def form_valid(self, form: Any) -> HttpResponse:
        response: HttpResponse = super().form_valid(form)  # type: ignore[misc]
        newest = Authenticator.objects.filter(user_id=self.request.user.pk, type=self.kind).latest("created_at")
        post_authentication(self.request, newest, reauthenticated=True)
        return response


class ActivateApp(_ShowsItAtOnce, ActivateTOTPView):
    kind = Authenticator.Type.TOTP


class AddPasskey(_ShowsItAtOnce, AddWebAuthnView):
    kind = Authenticator.Type.WEBAUTHN

    def get_form_class(self) -> type[NewPasskeyForm]:
        return NewPasskeyForm


activate_app = never_cache(ActivateApp.as_view())
add_passkey = never_cache(login_required(AddPasskey.as_view()))


@require_http_methods(["GET", "POST"])
@never_cache
@login_required
def security(request: HttpRequest) -> HttpResponse:
    """Show how the person signs in; a POST ends their sessions on every other device."""
    user = request.user
    assert user.is_authenticated
    if request.method == "POST":
        users.end_sessions(user)
        update_session_auth_hash(request, user)
        notes.success(request, _("You are signed out on every other device."))
        return redirect("account_security")
    return render(request, "account/security.html", {"is_set_up": second_factor.is_set_up(user)})


@require_GET
@never_cache
def outbox(request: HttpRequest) -> HttpResponse:
    """Show what would have left the machine, to a person who sits at it, on an installation that asked for this."""
    if not settings.DEV_OUTBOX or not is_this_machine(request):
        raise Http404
    return render(request, "account/dev_outbox.html", {"kept": dev_outbox.newest()})
