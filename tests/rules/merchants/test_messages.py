"""A letter is written with its reason, leaves once the reason is certain, and is tried again when the post is ill."""

from __future__ import annotations

import io
import json
import re
import smtplib
import socket
import ssl
import threading
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.utils import parseaddr
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
import urllib3
from django.core import mail
from django.core.management import CommandError, call_command
from django.db import transaction
from django.utils import translation

from merchants import contacts, logos, messages, profile, sending_health, sms, tenancy
from merchants.actors import SYSTEM
from merchants.errors import LoyaltyError
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
            received.append((self.headers["Authorization"], self.headers["Idempotency-Key"], body))
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
            sms.gateway().send(sms.TextMessage("msg_2", "sign_in_code", None, "en", "+821012345678", "away"))
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    message = row(cafe)
    assert received[0] == (
        "Bearer secret",
        message.public_id,
        {
            "id": message.public_id,
            "kind": message.kind,
            "merchant": cafe.public_id,
            "language": "en",
            "to": "+821012345678",
            "text": "Hello",
        },
    )
    assert received[1][1:] == (
        "msg_2",
        {
            "id": "msg_2",
            "kind": "sign_in_code",
            "merchant": None,
            "language": "en",
            "to": "+821012345678",
            "text": "away",
        },
    )
    assert len(received) == 2


def test_the_adapter_of_the_manual_hands_a_message_on_once(tmp_path, monkeypatch):
    manual = (Path(__file__).parents[3] / "docs/operations.md").read_text()
    [code] = re.findall(r"A whole adapter.*?```python\n(.*?)```", manual, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    for name, value in {"SMS_WEBHOOK_TOKEN": "t", "PROVIDER_URL": "https://p", "PROVIDER_AUTHORIZATION": "x"}.items():
        monkeypatch.setenv(name, value)
    adapter = {"__name__": "adapter"}
    exec(code, adapter)
    handed_on, answers = [], [OSError("down"), None, None]

    def urlopen(request, timeout):
        if (trouble := answers.pop(0)) is not None:
            raise trouble
        handed_on.append(json.loads(request.data))
        return io.BytesIO()

    monkeypatch.setattr("urllib.request.urlopen", urlopen)

    def post(message_id, token="t"):
        body = json.dumps({"id": message_id, "to": "+821012345678", "text": "Hello"}).encode()
        said = []
        environ = {"HTTP_AUTHORIZATION": f"Bearer {token}", "CONTENT_LENGTH": len(body), "wsgi.input": io.BytesIO(body)}
        adapter["app"](environ, lambda status, _headers: said.append(status[:3]))
        return said[0]

    assert [post("msg_1", "wrong"), post("msg_1"), post("msg_1"), post("msg_1"), post("msg_2")] == [
        "401", "502", "200", "200", "200",
    ]  # fmt: skip
    assert handed_on == [{"to": "+821012345678", "message": "Hello"}] * 2


def test_a_text_message_whose_answer_was_lost_is_posted_again_under_the_same_key(cafe, settings, monkeypatch):
    """The gateway took it, and the line broke before it could say so: by the key it knows that it has it."""
    settings.SMS_WEBHOOK_URL = "http://127.0.0.1:9/"
    posted = []

    class Pool:
        def request(self, _method, _url, *, headers, **_rest):
            posted.append(headers["Idempotency-Key"])
            if len(posted) == 1:
                raise TimeoutError
            return urllib3.HTTPResponse(status=202)

    monkeypatch.setattr(urllib3, "PoolManager", lambda **_options: Pool())
    with translation.override("ko"):
        write(cafe, to=contacts.read_phone("010-1234-5678", country="KR"))
    assert messages.send_due(merchant=cafe, now=NOON) == 0
    assert (row(cafe).state, row(cafe).language) == ("due", "ko")
    assert messages.send_due(merchant=cafe, now=NOON + timedelta(seconds=5)) == 1
    assert posted == [row(cafe).public_id] * 2
    assert row(cafe).state == "sent"


# A dead mail server is met


SMTP = "django.core.mail.backends.smtp.EmailBackend"


@pytest.fixture
def dead_server(settings):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings.EMAIL_HOST, settings.EMAIL_PORT = "localhost", taken.getsockname()[1]
    settings.EMAIL_BACKEND = SMTP
    return f"The mail server {settings.EMAIL_HOST}:{settings.EMAIL_PORT} refuses the connection."


def test_a_dead_mail_server_is_one_sentence_in_the_log_and_a_word_on_readyz_until_mail_leaves_again(
    cafe, dead_server, settings, lines, client
):
    write(cafe)
    assert client.get("/readyz").json()["checks"]["mail"] == "ok", "nothing was tried yet"
    assert messages.send_due(merchant=cafe, now=NOON) == 0

    (line,) = [line for line in lines() if line["event"] == "message_not_sent"]
    assert (line["channel"], line["why"]) == ("email", dead_server)
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()["checks"]["mail"]) == (200, "failing")

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    assert messages.send_due(merchant=cafe, now=NOON + timedelta(seconds=5)) == 1
    assert client.get("/readyz").json()["checks"]["mail"] == "ok"


def test_a_sign_in_code_of_staff_that_cannot_leave_says_why_too(
    dead_server, lines, settings, django_capture_on_commit_callbacks
):
    settings.MESSAGES_AT_ONCE = "inline"
    with pytest.raises(ConnectionRefusedError), django_capture_on_commit_callbacks(execute=True):
        messages.send_without_merchant(messages.Letter("sign_in_code", MINA, "123456", "Code"))

    assert [line["why"] for line in lines() if line["event"] == "message_not_sent"] == [dead_server]
    assert "mina" not in str(lines())


def test_the_operator_asks_whether_mail_leaves_and_is_told_in_one_sentence(dead_server, settings, capsys):
    with pytest.raises(CommandError) as refused:
        call_command("check_messages", "--to", "operator@example.org")
    assert str(refused.value) == dead_server

    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    call_command("check_messages", "--to", "operator@example.org")
    assert [letter.to for letter in mail.outbox] == [["operator@example.org"]]
    assert capsys.readouterr().out.startswith("Accepted by ")
    with pytest.raises(CommandError, match="not an e-mail address"):
        call_command("check_messages", "--to", "operator@")


@pytest.mark.parametrize(
    ("error", "about"),
    [
        (smtplib.SMTPAuthenticationError(535, b"no"), "EMAIL_HOST_PASSWORD"),
        (smtplib.SMTPSenderRefused(553, b"no", "x@y.z"), "DEFAULT_FROM_EMAIL"),
        (smtplib.SMTPRecipientsRefused({}), "refuses the recipient"),
        (smtplib.SMTPNotSupportedError("no STARTTLS"), "EMAIL_USE_TLS"),
        (smtplib.SMTPServerDisconnected("closed"), "EMAIL_USE_SSL"),
        (ssl.SSLError(1, "wrong version number"), "EMAIL_USE_SSL"),
        (ssl.SSLCertVerificationError(1, "bad"), "certificate"),
        (socket.gaierror(-2, "Name or service not known"), "There is no host named smtp.example.com"),
        (TimeoutError("timed out"), "did not answer within 10 seconds"),
        (sms.GatewayRefused(500), "GatewayRefused: 500"),
        (sms.NoGateway(), "NoGateway"),
    ],
)
def test_every_way_to_fail_names_the_setting_it_is_about(error, about, settings):
    settings.EMAIL_HOST = "smtp.example.com"
    assert about in sending_health.why(error)


def test_a_refused_recipient_says_nothing_about_the_server():
    sending_health.note_failure("email", smtplib.SMTPRecipientsRefused({}), now=NOON)
    assert not sending_health.is_failing("email")


# Whose letter it is


def test_each_shops_letters_come_under_its_own_name_and_answers_go_to_it(cafe, settings):
    settings.DEFAULT_FROM_EMAIL = "Loyalty <post@loyalty.example.com>"
    write(cafe)
    messages.send_due(merchant=cafe, now=NOON)
    with tenancy.tenant(cafe):
        profile.update(merchant=cafe, changes={"reply_to": "Hello@Haneul.example"}, now=NOON, actor=SYSTEM)
        profile.update(merchant=cafe, changes={"name": "카페, 하늘"}, now=NOON, actor=SYSTEM)
    write(cafe)
    messages.send_due(merchant=cafe, now=NOON)

    first, second = mail.outbox
    assert (parseaddr(first.from_email)[1], first.reply_to) == ("post@loyalty.example.com", [])
    (sender,) = message_from_bytes(second.message().as_bytes(), policy=policy.default)["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("카페, 하늘", "post@loyalty.example.com")
    assert second.message()["Reply-To"] == "hello@haneul.example"


def test_an_address_for_answers_is_an_address(cafe):
    with tenancy.tenant(cafe):
        with pytest.raises(LoyaltyError, match="not an e-mail address"):
            profile.update(merchant=cafe, changes={"reply_to": "x\nBcc: y@z.example"}, now=NOON, actor=SYSTEM)
        assert profile.update(merchant=cafe, changes={"reply_to": " "}, now=NOON, actor=SYSTEM).reply_to == ""
