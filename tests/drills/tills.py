"""Clients that keep their own log: every intent before it is sent, every answer when it is heard."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

TWICE = 0.05
AGAIN = 0.05
OTHERWISE = 0.02
#: Minutes by which tills' clocks are off; those of the others are right, and they do not say what theirs show.
CLOCKS_OFF = {1: 20, 2: -180, 3: -45}
SPENDING = frozenset({"redemption", "hold", "capture"})


@dataclass
class Intent:
    """One request a till wants to be done once, however often it has to be sent."""

    kind: str
    path: str
    body: dict[str, Any]
    #: By how much the clock is off that its times were read from.
    off: timedelta = timedelta()
    #: The definite answer, once heard: anything but 503 and silence.
    status: int = 0
    answer: dict[str, Any] = field(default_factory=dict)
    tries: int = 0

    @property
    def external_id(self) -> str:
        return str(self.body.get("external_id", ""))

    @property
    def is_acknowledged(self) -> bool:
        return 200 <= self.status < 300

    @property
    def is_kept_refusal(self) -> bool:
        """Whoever asked to spend and was refused is refused for ever under this id."""
        return self.status == 409 and self.kind in SPENDING


@dataclass
class Log:
    """What all tills wanted and heard, and everything that must never be heard."""

    intents: list[Intent] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    heard: Counter[str] = field(default_factory=Counter)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def want(self, intent: Intent) -> None:
        with self.lock:
            self.intents.append(intent)

    def complain(self, sentence: str) -> None:
        with self.lock:
            self.wrong.append(sentence)

    def hear(self, what: str) -> None:
        with self.lock:
            self.heard[what] += 1

    def acknowledged(self, kind: str) -> list[Intent]:
        with self.lock:
            return [each for each in self.intents if each.kind == kind and each.is_acknowledged]


class Tills:
    """So many tills at one shop, selling until they are told to stop; then each finishes what it began."""

    def __init__(self, *, port: int, key: str, members: list[str], seed: int, count: int = 8) -> None:
        self.port = port
        self.key = key
        self.members = members
        self.log = Log()
        self.seed = seed
        self._late: list[tuple[timedelta, dict[str, Any]]] = []
        self._stop = threading.Event()
        self._give_up_at = float("inf")
        self._lines = threading.local()
        self._threads = [threading.Thread(target=self._serve, args=(number,), daemon=True) for number in range(count)]

    def open(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self, *, seconds_max: float = 60.0) -> None:
        """Let every till finish; what it cannot finish in time was never answered, which is a fault."""
        self._stop.set()
        self._give_up_at = time.monotonic() + seconds_max
        for thread in self._threads:
            thread.join(seconds_max + 30)
            if thread.is_alive():
                self.log.complain("a till never came back")

    # -- one till ------------------------------------------------------------------------------------------------

    def _serve(self, number: int) -> None:
        dice = random.Random(f"{self.seed}/{number}")
        self._lines.off = timedelta(minutes=CLOCKS_OFF.get(number, 0))
        count = 0
        try:
            while not self._stop.is_set():
                count += 1
                self._one(dice, f"t{number}-{count}")
        except Exception as error:
            self.log.complain(f"till {number} broke: {type(error).__name__}: {error}")
        finally:
            self._hang_up()

    def _one(self, dice: random.Random, name: str) -> None:
        intent = self._idea(dice, name)
        self.log.want(intent)
        if dice.random() < TWICE:
            self._twice(intent)
        else:
            self._until_answered(intent)
        if dice.random() < AGAIN:
            self._again(dice)
        if dice.random() < OTHERWISE:
            self._otherwise(dice)

    def _idea(self, dice: random.Random, name: str) -> Intent:
        roll = dice.random()
        if roll < 0.62:
            off, sale = self._came_late(dice) or (self._lines.off, self._sale(dice, name))
            return Intent("purchase", "purchases", sale, off)
        if roll < 0.70:
            sales = [self._sale(dice, f"{name}-{place}") for place in range(dice.randint(2, 6))]
            return Intent("batch", "purchases/batch", {"purchases": sales}, self._lines.off)
        if roll < 0.82:
            return self._refund(dice, name)
        if roll < 0.90:
            return Intent("redemption", "redemptions", self._spend(dice, name))
        return self._hold_or_end(dice, name)

    def _sale(self, dice: random.Random, name: str) -> dict[str, Any]:
        amounts = [dice.randint(10, 300) * 100 for _ in range(dice.randint(1, 4))]
        return {
            "external_id": f"sale-{name}",
            "member": {"external_id": dice.choice(self.members)},
            "location": "main",
            "occurred_at": self._clock(),
            "currency": "KRW",
            "total_minor": sum(amounts),
            "lines": [
                {"sku": f"SKU-{place}", "category": "coffee", "quantity": 1, "amount_minor": amount}
                for place, amount in enumerate(amounts)
            ],
        }

    def _clock(self) -> str:
        """Read this till's own clock."""
        return (datetime.now(UTC) + self._lines.off).isoformat()

    def _came_late(self, dice: random.Random) -> tuple[timedelta, dict[str, Any]] | None:
        """A sale whose refund was sent before it, and how far off the clock is that timed it."""
        with self.log.lock:
            return self._late.pop() if self._late and dice.random() < 0.2 else None

    def _refund(self, dice: random.Random, name: str) -> Intent:
        sold = self.log.acknowledged("purchase")
        if sold and dice.random() < 0.85:
            sale = dice.choice(sold[-200:]).body
        else:
            sale = self._sale(dice, f"{name}-late")
            with self.log.lock:
                self._late.append((self._lines.off, sale))
        body = {
            "external_id": f"refund-{name}",
            "purchase": {"external_id": sale["external_id"]},
            "occurred_at": self._clock(),
        }
        if dice.random() < 0.7:
            body["amount_minor"] = dice.randint(1, sale["total_minor"])
        return Intent("refund", "refunds", body, self._lines.off)

    def _spend(self, dice: random.Random, name: str, **more: Any) -> dict[str, Any]:
        total = dice.randint(50, 400) * 100
        return {
            "external_id": f"spend-{name}",
            "member": {"external_id": dice.choice(self.members)},
            "points": dice.randint(10, 400),
            "order_total_minor": total,
            **more,
        }

    def _hold_or_end(self, dice: random.Random, name: str) -> Intent:
        holds = self.log.acknowledged("hold")[-50:]
        if not holds or dice.random() < 0.5:
            minutes = {"hold_minutes": 1} if dice.random() < 0.3 else {}
            return Intent("hold", "redemptions", self._spend(dice, name, hold=True, **minutes))
        redemption = dice.choice(holds).answer["receipt"]["id"]
        verb = dice.choice(("capture", "release", "reverse"))
        return Intent(verb, f"redemptions/{redemption}/{verb}", {"external_id": f"{verb}-{name}"})

    # -- sending -------------------------------------------------------------------------------------------------

    def _until_answered(self, intent: Intent) -> None:
        """Send it again and again until somebody says yes or no."""
        while True:
            status, headers, answer = self._send(intent)
            if status not in (0, 503):
                self._hear(intent, status, headers, answer)
                return
            if time.monotonic() > self._give_up_at:
                self.log.complain(f"{intent.kind} {intent.external_id} was never answered")
                return
            time.sleep(0.1)

    def _hear(self, intent: Intent, status: int, headers: dict[str, str], answer: dict[str, Any]) -> None:
        if status >= 500 or status in (400, 401, 403, 404, 413, 429):
            self.log.complain(f"{status} for {intent.kind} {intent.external_id}: {str(answer)[:300]}")
        is_final = intent.is_acknowledged or intent.is_kept_refusal
        if is_final and (intent.status, _frozen(intent)) != (status, _frozen_part(intent.kind, answer)):
            self.log.complain(
                f"{intent.kind} {intent.external_id} was told {intent.status} {_frozen(intent)} and then "
                f"{status} {_frozen_part(intent.kind, answer)}"
            )
        intent.status, intent.answer = status, answer

    def _twice(self, intent: Intent) -> None:
        """The same request over two lines at the same instant."""
        again = Intent(intent.kind, intent.path, intent.body, intent.off)
        with ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(self._on_a_line_of_its_own, each) for each in (intent, again)]:
                future.result()
        counts = any(each.is_acknowledged or each.is_kept_refusal for each in (intent, again))
        if counts and (intent.status, _frozen(intent)) != (again.status, _frozen(again)):
            self.log.complain(f"two answers of {intent.external_id} differ: {intent.status} and {again.status}")

    def _on_a_line_of_its_own(self, intent: Intent) -> None:
        try:
            self._until_answered(intent)
        finally:
            self._hang_up()

    def _hang_up(self) -> None:
        line = getattr(self._lines, "line", None)
        if line is not None:
            line.close()
        self._lines.line = None

    def _again(self, dice: random.Random) -> None:
        """An answered request once more: the same status, the same receipt."""
        with self.log.lock:
            final = [each for each in self.log.intents if each.is_acknowledged or each.is_kept_refusal]
            answered = final[-300:]
        if answered:
            self._until_answered(dice.choice(answered))

    def _otherwise(self, dice: random.Random) -> None:
        """The same id with other content is refused and changes nothing."""
        sold = self.log.acknowledged("purchase")
        if not sold:
            return
        told = dice.choice(sold[-300:])
        body = {**told.body, "total_minor": told.body["total_minor"] + 100, "lines": []}
        other = Intent("purchase", "purchases", body)
        while not self._stop.is_set():
            status, _headers, answer = self._send(other)
            if status not in (0, 503):
                if (status, answer.get("code")) != (409, "external_id_reused"):
                    self.log.complain(f"{told.external_id} with other content was told {status} {answer}")
                return
            time.sleep(0.1)

    def _send(self, intent: Intent) -> tuple[int, dict[str, str], dict[str, Any]]:
        intent.tries += 1
        line = getattr(self._lines, "line", None) or http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        self._lines.line = line
        # What the clock shows when it is sent, at every sending: the difference is then taken off its times.
        now = {"sent_at": (datetime.now(UTC) + intent.off).isoformat()} if intent.off else {}
        try:
            line.request(
                "POST",
                f"/api/v1/{intent.path}",
                body=json.dumps({**intent.body, **now}),
                headers={
                    "Host": "localhost",
                    "Authorization": f"Bearer {self.key}",
                    "Content-Type": "application/json",
                },
            )
            response = line.getresponse()
            body = response.read()
            self.log.hear(str(response.status))
            return response.status, dict(response.headers), json.loads(body) if body else {}
        except (OSError, http.client.HTTPException, json.JSONDecodeError):
            self._hang_up()
            self.log.hear("nothing")
            return 0, {}, {}


def _frozen(intent: Intent) -> Any:
    return _frozen_part(intent.kind, intent.answer)


def _frozen_part(kind: str, answer: dict[str, Any]) -> Any:
    """What must be the same at every replay."""
    if kind == "batch":
        return [
            (each["external_id"], each["status"], each.get("receipt"), (each.get("problem") or {}).get("code"))
            for each in answer.get("results", ())
        ]
    return answer.get("receipt", answer.get("code"))
