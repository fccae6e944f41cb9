"""What allauth asks us: where phones are kept, how letters leave, who may sign up (nobody: joining is the portal's)."""

from __future__ import annotations

import uuid
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.core.internal.cryptokit import generate_user_code
from allauth.mfa.adapter import DefaultMFAAdapter
from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from loyalty.accounts import known_browsers
from loyalty.accounts.addresses import client_ip
from loyalty.accounts.forms import CONSOLE
from loyalty.accounts.second_factor import AUTHENTICATOR
from merchants import code_requests, contacts, messages, sealing, users
from merchants.users import User

MINUTES_VALID = 10


class AccountAdapter(DefaultAccountAdapter):
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False

    def get_client_ip(self, request: HttpRequest) -> str:
        # Whose address nobody tells is not counted together with everybody else whose address nobody tells.
        return client_ip(request) or f"unknown {uuid.uuid4().hex}"

    def generate_login_code(self) -> str:
        """Return a code of as many digits as the count of those asked for says."""
        digits = getattr(context.request, "code_digits", code_requests.DIGITS)
        code: str = generate_user_code(numeric=True, length=digits, dashed=False)
        return code

    def generate_phone_verification_code(self, *, user: User, phone: str) -> str:
        return self.generate_login_code()

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Send allauth's letter; the code's own is ours, so that every code of the installation reads alike."""
        if template_prefix == "account/email/login_code":
            self._send_code(email, context["code"])
            return
        message = self.render_mail(template_prefix, email, {"email": email, **context})
        messages.send_without_merchant(
            messages.Letter("account", contacts.stored(email), str(message.body), str(message.subject))
        )

    def send_verification_code_sms(self, user: User, phone: str, code: str, **kwargs: Any) -> None:
        self._send_code(phone, code)

    def _send_code(self, recipient: str, code: str) -> None:
        words = {"code": code, "minutes": MINUTES_VALID}
        contact = contacts.stored(recipient)
        if contact.kind == "phone":
            text = _("%(code)s is your sign-in code. Valid for %(minutes)s minutes. Tell nobody.") % words
            messages.send_without_merchant(messages.Letter("sign_in_code", contact, text))
            return
        text = _(
            "Your sign-in code:\n\n%(code)s\n\nIt is valid for %(minutes)s minutes and in the browser window that asked "
            "for it.\n\nIf you did not ask for a code, do nothing."
        )
        subject = _("%(code)s is your sign-in code") % words
        messages.send_without_merchant(messages.Letter("sign_in_code", contact, text % words, subject))

    def set_phone(self, user: User, phone: str, verified: bool) -> None:
        user.phone = phone
        user.phone_verified_at = timezone.now() if verified else None
        user.save(update_fields=["phone", "phone_verified_at"])

    def get_phone(self, user: User) -> tuple[str, bool] | None:
        return (user.phone, user.phone_verified_at is not None) if user.phone else None

    def set_phone_verified(self, user: User, phone: str) -> None:
        users.proved(contact=contacts.stored(phone), now=timezone.now())

    def get_user_by_phone(self, phone: str) -> User | None:
        return users.find(contacts.stored(phone))

    def post_login(self, request: HttpRequest, user: User, *, email: str | None, **kwargs: Any) -> HttpResponse:
        """A code that came back from a mailbox proves the address, as the portal's codes do."""
        if email:
            users.proved(contact=contacts.stored(email), now=timezone.now())
        response: HttpResponse = super().post_login(request, user, email=email, **kwargs)
        for contact in filter(None, (user.email, user.phone)):
            known_browsers.remember(request, response, CONSOLE, contacts.stored(contact), path="/accounts/")
        return response


class MFAAdapter(DefaultMFAAdapter):
    def encrypt(self, text: str) -> str:
        return sealing.seal(text, subject=AUTHENTICATOR)

    def decrypt(self, encrypted_text: str) -> str:
        return sealing.unseal(encrypted_text, subject=AUTHENTICATOR)

    def get_totp_issuer(self) -> str:
        return str(settings.INSTALLATION_NAME)

    def _get_user_identifier(self, user: User) -> str:
        return user.email or user.phone or str(user.pk)

    def get_public_key_credential_rp_entity(self) -> dict[str, str]:
        entity: dict[str, str] = super().get_public_key_credential_rp_entity()
        return {**entity, "name": str(settings.INSTALLATION_NAME)}
