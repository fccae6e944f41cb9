"""People who can sign in, the seats they hold at merchants, and where they have memberships."""

from __future__ import annotations

from typing import Any, ClassVar

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from merchants.database.tenant_key import TenantKey
from merchants.database.tenant_model import TenantModel
from merchants.languages import LANGUAGES
from merchants.models.merchants import Location, Merchant
from merchants.permissions import Role


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> User:
        return self.get(email=(username or "").lower())

    def create_user(self, email: str | None = None, password: str | None = None, **fields: Any) -> User:
        user = self.model(email=email.strip().lower() if email else None, **fields)
        user.set_password(password) if password else user.set_unusable_password()
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        return self.create_user(email=email, password=password, is_superuser=True, **fields)


class User(AbstractBaseUser):
    """A person on this installation who can sign in: staff by their seats, members by their passports.

    A merchant never sees that a user exists elsewhere.  Superusers open the back office and nothing else.
    """

    kept_for_ever: ClassVar[bool] = True

    email = models.EmailField(_("e-mail"), unique=True, null=True, blank=True)
    email_verified_at = models.DateTimeField(null=True, blank=True)
    phone = models.CharField(_("phone"), max_length=20, unique=True, null=True, blank=True)
    phone_verified_at = models.DateTimeField(null=True, blank=True)
    name = models.CharField(_("name"), max_length=120, blank=True)
    language = models.CharField(max_length=10, choices=LANGUAGES, blank=True)
    is_active = models.BooleanField(default=True)
    is_superuser = models.BooleanField(default=False)
    date_joined = models.DateTimeField(default=timezone.now)

    objects: ClassVar[UserManager] = UserManager()

    USERNAME_FIELD = "email"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = []

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="user_has_an_email_or_a_phone",
                condition=models.Q(email__isnull=False) | models.Q(phone__isnull=False),
            ),
        ]

    def __str__(self) -> str:
        return self.name or self.email or self.phone or ""

    @property
    def is_staff(self) -> bool:
        return self.is_superuser

    def has_perm(self, perm: str, obj: object = None) -> bool:
        return self.is_active and self.is_superuser

    def has_perms(self, perm_list: list[str], obj: object = None) -> bool:
        return self.is_active and self.is_superuser

    def has_module_perms(self, app_label: str) -> bool:
        return self.is_active and self.is_superuser


class Seat(models.Model):
    """One person's role at one merchant.  Only a cashier may lack a user: a name and a PIN on an opened device."""

    id_prefix: ClassVar[str] = "seat"

    kept_for_ever: ClassVar[bool] = True

    public_id = models.CharField(max_length=40, unique=True)
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="+")
    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+", null=True, blank=True)
    role = models.CharField(max_length=10, choices=Role.choices)
    name = models.CharField(max_length=120, blank=True)
    pin_hash = models.CharField(max_length=200, blank=True)
    pin_failures = models.PositiveIntegerField(default=0, help_text="Wrong PINs in a row")
    pin_locked_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["merchant", "user"], name="one_seat_per_user_and_merchant"),
            models.CheckConstraint(
                name="only_a_cashier_may_lack_a_user",
                condition=models.Q(user__isnull=False) | models.Q(role="cashier"),
            ),
        ]

    def __str__(self) -> str:
        return self.name or str(self.user)


class Passport(models.Model):
    """Says that a user is a member at a merchant; what is there to know is the merchant's own."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    merchant = models.ForeignKey(Merchant, on_delete=models.PROTECT, related_name="+")
    created_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "merchant"], name="one_passport_per_user_and_merchant"),
        ]


class CounterDevice(TenantModel):
    """A phone or tablet a manager opened for the counter; cashiers sign on it with their PIN."""

    id_prefix: ClassVar[str] = "dev"

    public_id = models.CharField(max_length=40)
    name = models.CharField(max_length=80)
    secret_hash = models.CharField(max_length=64)
    location = TenantKey(Location, constraint="counter_device_stands_at_own_location", null=True)
    opened_by = models.CharField(max_length=120)
    opened_at = models.DateTimeField()
    last_seen_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            *TenantModel.Meta.constraints,
            models.UniqueConstraint(fields=["merchant", "public_id"], name="counter_device_public_id_unique"),
        ]
