"""Addresses of signing in: those of allauth that we use, under its own names; no sign-up, no passwords, no e-mail page."""

from __future__ import annotations

from allauth.account import views as account
from allauth.mfa.base import views as mfa
from allauth.mfa.recovery_codes import views as recovery
from allauth.mfa.totp import views as totp
from allauth.mfa.webauthn import views as webauthn
from django.urls import path

from loyalty.accounts import views

urlpatterns = [
    path("", views.root_redirect, name="root_redirect"),
    path("accounts/login/", views.sign_in, name="account_login"),
    path("accounts/login/code/", views.sign_in_alias, name="account_request_login_code"),
    path("accounts/login/code/confirm/", views.confirm_code, name="account_confirm_login_code"),
    path("accounts/login/link/<str:token>/", views.sign_in_by_link, name="sign_in_link"),
    path("accounts/login/passkey/", webauthn.login_webauthn, name="mfa_login_webauthn"),
    path("accounts/logout/", account.logout, name="account_logout"),
    path("accounts/security/", views.security, name="account_security"),
    path("accounts/inactive/", account.account_inactive, name="account_inactive"),
    path("accounts/second-factor/setup/", views.second_factor_setup, name="second_factor_setup"),
    path("accounts/second-factor/", mfa.index, name="mfa_index"),
    path("accounts/second-factor/authenticate/", mfa.authenticate, name="mfa_authenticate"),
    path("accounts/second-factor/again/", mfa.reauthenticate, name="mfa_reauthenticate"),
    path("accounts/second-factor/app/", views.activate_app, name="mfa_activate_totp"),
    path("accounts/second-factor/app/remove/", totp.deactivate_totp, name="mfa_deactivate_totp"),
    path("accounts/second-factor/codes/", recovery.view_recovery_codes, name="mfa_view_recovery_codes"),
    path("accounts/second-factor/codes/new/", recovery.generate_recovery_codes, name="mfa_generate_recovery_codes"),
    path("accounts/second-factor/codes/file/", recovery.download_recovery_codes, name="mfa_download_recovery_codes"),
    path("accounts/second-factor/passkeys/", webauthn.list_webauthn, name="mfa_list_webauthn"),
    path("accounts/second-factor/passkeys/add/", views.add_passkey, name="mfa_add_webauthn"),
    path(
        "accounts/second-factor/passkeys/again/", webauthn.reauthenticate_webauthn, name="mfa_reauthenticate_webauthn"
    ),
    path("accounts/second-factor/passkeys/<int:pk>/remove/", webauthn.remove_webauthn, name="mfa_remove_webauthn"),
    path("accounts/second-factor/passkeys/<int:pk>/name/", webauthn.edit_webauthn, name="mfa_edit_webauthn"),
    path("dev/outbox", views.outbox, name="dev_outbox"),
]
