"""The operator's back office: Django's admin over the tables without a tenant, for superusers with a second factor."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from loyalty.accounts import second_factor
from merchants.models.keys import ApiKey
from merchants.models.merchants import Merchant, MerchantHost
from merchants.models.people import Passport, Seat, User


class BackOffice(admin.AdminSite):
    site_title = site_header = "Back office"
    index_title = "Merchants and people of this installation"
    # The tables are for looking things up; there is no page of another app to jump to.
    enable_nav_sidebar = False

    def has_permission(self, request: HttpRequest) -> bool:
        user = request.user
        if not (user.is_active and user.is_authenticated and user.is_superuser):
            return False
        return second_factor.ask(request, user) is None

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send to the one sign-in of the house, and from there to the second factor; there is no password form."""
        return secure_admin_login(self._after_first_factor)(request)  # type: ignore[no-any-return]

    def _after_first_factor(self, request: HttpRequest) -> HttpResponse:
        assert request.user.is_authenticated
        return second_factor.ask(request, request.user) or redirect("admin:index")


class KeptForEver(admin.ModelAdmin):  # type: ignore[type-arg]
    """Rows may be closed, never removed."""

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ReadOnly(KeptForEver):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class MerchantAdmin(KeptForEver):
    """Opened by `manage.py open_merchant`, which seats an owner too; looked after here."""

    list_display = ("name", "slug", "currency", "zone", "is_sandbox", "closed_at")
    search_fields = ("name", "slug", "public_id")
    readonly_fields = ("public_id", "currency", "is_sandbox", "sandbox_of", "logo", "created_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


class UserAdmin(KeptForEver):
    list_display = ("__str__", "email", "phone", "is_active", "is_superuser")
    search_fields = ("email", "phone", "name")
    exclude = ("password",)
    readonly_fields = ("date_joined", "last_login", "email_verified_at", "phone_verified_at")


class SeatAdmin(ReadOnly):
    list_display = ("__str__", "merchant", "role", "revoked_at")
    list_select_related = ("merchant", "user")
    exclude = ("pin_hash",)


class ApiKeyAdmin(ReadOnly):
    list_display = ("name", "merchant", "prefix", "last_used_at", "revoked_at")
    list_select_related = ("merchant",)
    # The location is a tenant's row, closed to this place; its code stands beside it.
    exclude = ("secret_hash", "location")


class PassportAdmin(ReadOnly):
    list_display = ("user", "merchant", "created_at")
    list_select_related = ("merchant", "user")


site = BackOffice(name="backoffice")
site.register(Merchant, MerchantAdmin)
site.register(MerchantHost, admin.ModelAdmin)
site.register(User, UserAdmin)
site.register(Seat, SeatAdmin)
site.register(ApiKey, ApiKeyAdmin)
site.register(Passport, PassportAdmin)
