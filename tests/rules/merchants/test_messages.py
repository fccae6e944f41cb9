"""A letter is written with its reason, leaves once the reason is certain, and is tried again when the post is ill."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from django.core import mail
from django.db import transaction

from merchants import contacts, logos, messages, sms, tenancy
from merchants.actors import SYSTEM
from merchants.models.messages import OutgoingMessage
from tests.drawings import png
from tests.people import open_shop

NOON = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
MINA = contacts.read_email("mina@example.org")

pytestmark = pytest.mark.django_db


@pytest.fixture
def cafe(db):
    return open_shop("cafe-haneul")


def write(cafe, to=MINA, **more):
    with tenancy.tenant(cafe):
        messages.queue(merchant=cafe, letter=messages.Letter("test", to, "Hello", "Good morning"), now=NOON, **more)


def row(cafe):
    with tenancy.tenant(cafe):
        return OutgoingMessage.objects.get(merchant=cafe)


class IllPost:
    def __init__(self, *args, **options):
        pass

    def send_messages(self, letters):
        raise ConnectionRefusedError("mina@example.org: no")


def test_what_is_due_leaves_once(cafe):
    write(cafe)
    assert messages.send_due(merchant=cafe, now=NOON) == 1
    assert messages.send_due(merchant=cafe, now=NOON) == 0
    assert [(letter.to, letter.subject, letter.body) for letter in mail.outbox] == [
        (["mina@example.org"], "Good morning", "Hello")
    ]
    assert mail.outbox[0].extra_headers["Auto-Submitted"] == "auto-generated"


def test_a_mail_comes_under_the_logo_with_its_plain_words_beside(cafe, settings):
    settings.PUBLIC_URL = "https://loyalty.example.com"
    with tenancy.tenant(cafe):
        logos.change(merchant=cafe, content=png(64, 64), now=NOON, actor=SYSTEM)
        letter = messages.Letter("test", MINA, "Hello <Mina>\n\nhttps://loyalty.example.com/m/cafe", "Good morning")
        messages.queue(merchant=cafe, letter=letter, now=NOON)
    messages.send_due(merchant=cafe, now=NOON)

    assert mail.outbox[0].body == "Hello <Mina>\n\nhttps://loyalty.example.com/m/cafe"
    html = str(mail.outbox[0].alternatives[0][0])
    assert f'src="https://loyalty.example.com/theme/{cafe.slug}/logo?v={cafe.logo}"' in html
    assert "Hello &lt;Mina&gt;" in html
    assert 'href="https://loyalty.example.com/m/cafe"' in html


def test_a_reason_that_was_taken_back_sends_nothing(cafe, django_capture_on_commit_callbacks):
    waiting = django_capture_on_commit_callbacks(execute=True)
    with waiting as called, tenancy.tenant(cafe), pytest.raises(RuntimeError), transaction.atomic():
        messages.queue(merchant=cafe, letter=messages.Letter("test", MINA, "Hello"), now=NOON)
        raise RuntimeError
    assert called == []
    assert mail.outbox == []


def test_an_ill_post_is_tried_again_later_and_its_error_names_nobody(cafe, settings):
    settings.EMAIL_BACKEND = f"{__name__}.IllPost"
    write(cafe)
    assert messages.send_due(merchant=cafe, now=NOON) == 0
    waiting = row(cafe)
    assert (waiting.state, waiting.attempts, waiting.failure) == ("due", 1, "ConnectionRefusedError")
    assert waiting.due_at == NOON + timedelta(seconds=5)

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert messages.send_due(merchant=cafe, now=NOON + timedelta(seconds=4)) == 0
    assert messages.send_due(merchant=cafe, now=NOON + timedelta(seconds=5)) == 1


def test_after_six_tries_it_is_given_up_and_forgets_its_words(cafe, settings):
    settings.EMAIL_BACKEND = f"{__name__}.IllPost"
    write(cafe)
    now = NOON
    for _ in range(6):
        messages.send_due(merchant=cafe, now=now)
        now += timedelta(hours=1)
    given_up = row(cafe)
    assert (given_up.state, given_up.attempts, given_up.text) == ("given_up", 6, "")


def test_a_code_that_is_too_late_is_not_sent(cafe):
    write(cafe, worth=timedelta(minutes=10))
    assert messages.send_due(merchant=cafe, now=NOON + timedelta(minutes=10)) == 0
    assert mail.outbox == []
    assert row(cafe).state == "given_up"


def test_who_died_while_sending_leaves_it_to_the_next_after_a_minute(cafe):
    write(cafe)
    with tenancy.tenant(cafe):
        messages._claim(None, NOON)
    assert messages.send_due(merchant=cafe, now=NOON + timedelta(seconds=59)) == 0
    assert messages.send_due(merchant=cafe, now=NOON + timedelta(seconds=60)) == 1


def test_a_text_message_is_posted_to_the_operators_address_with_the_token(cafe, settings):
    received = []

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            received.append((self.headers["Authorization"], body))
            self.send_response(302 if body["text"] == "away" else 202)
            self.send_header("Location", "http://127.0.0.1:1/")
            self.end_headers()

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Gateway)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        settings.SMS_WEBHOOK_URL = f"http://127.0.0.1:{server.server_port}/"
        settings.SMS_WEBHOOK_TOKEN = "secret"
        write(cafe, to=contacts.read_phone("010-1234-5678", country="KR"))
        assert messages.send_due(merchant=cafe, now=NOON) == 1
        with pytest.raises(sms.GatewayRefused):
            sms.gateway().send(to="+821012345678", text="away")
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert received[0] == ("Bearer secret", {"to": "+821012345678", "text": "Hello"})
    assert len(received) == 2
