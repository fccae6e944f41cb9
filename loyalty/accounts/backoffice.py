"""The operator's back office: Django's admin over the tables without a tenant, for superusers with a second factor."""

from __future__ import annotations

from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib import messages as notes
from django.db import transaction
from django.db.models import Model
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import path
from django.utils import timezone
from django.utils.translation import gettext as _

from loyalty.accounts import installation, second_factor
from merchants import tenancy
from merchants.errors import LoyaltyError
from merchants.models.keys import ApiKey
from merchants.models.merchants import Merchant
from merchants.models.people import Passport, Seat, User
from rewards import verify


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

    def get_urls(self) -> list[Any]:
        own = [
            path("health/", self.admin_view(self.health), name="health"),
            path("backups/", self.admin_view(self.backups), name="backups"),
            path("open-merchant/", self.admin_view(self.open_merchant), name="open_merchant"),
        ]
        return [*own, *super().get_urls()]

    def health(self, request: HttpRequest) -> HttpResponse:
        return installation.show_health(request, self.each_context(request))

    def backups(self, request: HttpRequest) -> HttpResponse:
        return installation.show_backups(request, self.each_context(request))

    def open_merchant(self, request: HttpRequest) -> HttpResponse:
        return installation.open_merchant(request, self.each_context(request))

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """Send to the one sign-in of the installation, and from there to the second factor; there is no password form."""
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
    """Opened with an owner, closed and opened again by pages of their own; looked after here."""

    list_display = ("name", "slug", "currency", "zone", "is_sandbox", "closed_at")
    search_fields = ("name", "slug", "public_id")
    change_form_template = "admin/merchant.html"
    readonly_fields = ("public_id", "currency", "is_sandbox", "sandbox_of", "logo", "created_at", "closed_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def get_urls(self) -> list[Any]:
        own = [
            path(
                "<int:object_id>/frozen/",
                self.admin_site.admin_view(self.frozen_accounts),
                name="merchants_merchant_frozen",
            ),
            path("<int:object_id>/turn/", self.admin_site.admin_view(self.turn), name="merchants_merchant_turn"),
        ]
        return [*own, *super().get_urls()]

    def turn(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """Ask why a merchant is closed or opened again; a POST does it."""
        merchant = get_object_or_404(Merchant, pk=object_id)
        if request.method == "POST":
            installation.turn(request, merchant)
            return redirect("admin:merchants_merchant_change", object_id)
        title = _("Open again") if merchant.closed_at else _("Close")
        page = {**self.admin_site.each_context(request), "title": title, "merchant": merchant}
        return render(request, "admin/turn_merchant.html", page | {"reason_max": installation.REASON_MAX})

    def frozen_accounts(self, request: HttpRequest, object_id: int) -> HttpResponse:
        """List the accounts that reconciliation froze, by the members' ids alone; a POST thaws one that agrees again."""
        merchant = get_object_or_404(Merchant, pk=object_id)
        with tenancy.tenant(merchant):
            if request.method == "POST":
                self._thaw(request, merchant)
            accounts = verify.frozen(merchant=merchant)
        if request.method == "POST":
            return redirect("admin:merchants_merchant_frozen", object_id)
        page = {**self.admin_site.each_context(request), "title": _("Frozen accounts"), "merchant": merchant}
        page |= {"accounts": accounts, "reason_max": verify.REASON_MAX}
        return render(request, "admin/frozen_accounts.html", page)

    def _thaw(self, request: HttpRequest, merchant: Merchant) -> None:
        member, reason = request.POST.get("member", ""), request.POST.get("reason", "")
        actor = installation.operator_of(request)
        try:
            with transaction.atomic():
                verify.thaw(merchant=merchant, public_id=member, reason=reason, now=timezone.now(), actor=actor)
        except LoyaltyError as refusal:
            notes.error(request, refusal.detail)
        else:
            notes.success(request, _("%(member)s may be spent from again.") % {"member": member})


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
site.register(User, UserAdmin)
site.register(Seat, SeatAdmin)
site.register(ApiKey, ApiKeyAdmin)
site.register(Passport, PassportAdmin)
