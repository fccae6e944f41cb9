"""People for tests: who works where, who is a member, and a browser in which they are signed in."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Any

from django.core import mail
from django.test import Client

from members.inputs import NewMember
from members.models import Member
from merchants import contacts, counter_devices, ids, seats, tenancy
from merchants.actors import SYSTEM, Actor
from merchants.models.merchants import Location, Merchant
from merchants.models.people import Seat, User
from rewards import enrolment

BACKEND = "allauth.account.auth_backends.AuthenticationBackend"
MANAGER = Actor("staff", "seat_0123456789abcdef", role="manager")


def open_shop(
    slug: str, *, currency: str = "KRW", zone: str = "Asia/Seoul", country: str = "KR", **fields: Any
) -> Merchant:
    """Make a merchant with one location, `main`; its slug gets a tail of its own."""
    mark = ids.mint("mer")
    merchant = Merchant.objects.create(
        public_id=mark,
        slug=f"{slug}-{mark[4:12]}",
        currency=currency,
        zone=zone,
        country=country,
        **{"name": slug.replace("-", " ").title(), "created_at": datetime.now(UTC), **fields},
    )
    with tenancy.tenant(merchant):
        Location.objects.create(merchant=merchant, public_id=ids.mint("loc"), code="main", name="Main street")
    return merchant


def seat_at(merchant: Merchant, role: str, email: str = "", *, name: str = "", pin: str = "") -> Seat:
    """Seat somebody, by an address of their own if none is given."""
    address = email or (f"{role}-{ids.mint('mem')[4:]}@example.org" if not pin else "")
    with tenancy.tenant(merchant):
        return seats.give(
            merchant=merchant,
            role=role,
            contact=contacts.read_email(address) if address else None,
            name=name,
            pin=pin,
            now=datetime.now(UTC),
            actor=SYSTEM,
        )


def browser_of(user: User, *, second_factor: bool = True) -> Client:
    """A browser in which the person is signed in, with or without a second factor shown."""
    client = Client()
    client.force_login(user, backend=BACKEND)
    if second_factor:
        session = client.session
        session["account_authentication_methods"] = [{"method": "mfa", "at": time.time(), "type": "totp"}]
        session["account_authentication_methods_user"] = str(user.pk)
        session.save()
    return client


def staff_browser(merchant: Merchant, role: str) -> Client:
    user = seat_at(merchant, role).user
    assert user is not None
    return browser_of(user)


def cashier_browser(merchant: Merchant, pin: str = "2468") -> Client:
    """A tablet that a manager opened, with a cashier signed on by PIN."""
    seat = seat_at(merchant, "cashier", name="Jun", pin=pin)
    with tenancy.tenant(merchant):
        opened = counter_devices.open_device(
            merchant=merchant, name="Tablet by the door", now=datetime.now(UTC), actor=MANAGER
        )
    client = Client()
    client.cookies[f"counter_{merchant.public_id}"] = f"{opened.device.public_id}.{opened.secret}"
    answer = client.post(f"/console/{merchant.slug}/counter/sign-on", {"seat": seat.public_id, "pin": pin})
    assert answer.status_code == 302, answer.content
    return client


def join(
    merchant: Merchant,
    *,
    email: str | None = None,
    phone: str | None = None,
    name: str = "Mina",
    signed_in_at: datetime | None = None,
    **known: Any,
) -> Member:
    """Enrol somebody as a till does; `signed_in_at` is when they last signed in with all contacts they have."""
    with tenancy.tenant(merchant):
        details = NewMember(name=name, email=email or f"{ids.mint('mem')[4:]}@example.org", phone=phone, **known)
        member = enrolment.enrol(
            merchant=merchant, details=details, source="api", actor=SYSTEM, now=datetime.now(UTC)
        ).member
        if signed_in_at is not None:
            member.email_proved_at = signed_in_at
            member.phone_proved_at = signed_in_at if member.phone else None
            member.save(update_fields=["email_proved_at", "phone_proved_at"])
        return member


def member_browser(merchant: Merchant, member: Member) -> Client:
    """A browser in which the member is signed in to the merchant's portal."""
    client = Client()
    session = client.session
    session["portal_members"] = {
        merchant.public_id: {"member": member.public_id, "since": datetime.now(UTC).isoformat()}
    }
    session.save()
    client.cookies["sessionid"] = session.session_key or ""
    return client


def code_in_last_mail() -> str:
    found = re.search(r"\b(\d{6}|\d{8})\b", str(mail.outbox[-1].body))
    assert found, mail.outbox[-1].body
    return found.group(1)
