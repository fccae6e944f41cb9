"""The parts of the web process by themselves: whose turn it is, how a body is read, what the application is handed."""

from __future__ import annotations

import asyncio
import threading
import time
from types import SimpleNamespace

import pytest
from granian.rsgi import ProtocolClosed

from loyalty.server import bodies, calls, routes
from loyalty.server.threads import Overdue, Pool, PoolBusy
from tests.serving import on_a_loop_of_its_own


def in_a_loop(work, **options):
    """Run `work(pool)` on an event loop with a pool of three threads."""

    async def run():
        pool = Pool("test", 3, **{"wait_seconds": 5, "answer_seconds": 5, **options})
        pool.start(asyncio.get_running_loop())
        return await work(pool)

    return on_a_loop_of_its_own(asyncio.wait_for(run(), 20))


# Threads


def test_one_merchant_cannot_hold_all_threads():
    """Ten calls of one shop stand at a locked account; another shop's call is answered meanwhile."""
    locked = threading.Event()

    async def shops(pool):
        stuck = [pool.run("mina's shop", lambda: locked.wait(10)) for _call in range(10)]
        other = await asyncio.wait_for(pool.run("joon's shop", lambda: "sold"), 2)
        done_before = sum(call.done() for call in stuck)
        locked.set()
        return other, done_before, await asyncio.gather(*stuck)

    assert in_a_loop(shops) == ("sold", 0, [True] * 10)


def test_shops_that_wait_take_turns():
    """Five calls of one shop came first; the other's single call is the second to be served, not the sixth."""
    served = []

    async def shops(pool):
        gate = threading.Event()
        blockers = [pool.run(name, lambda: gate.wait(5)) for name in ("a", "b", "c")]
        calls = [pool.run("mina", lambda n=n: served.append(f"mina {n}")) for n in range(5)]
        calls.append(pool.run("joon", lambda: served.append("joon")))
        gate.set()
        await asyncio.gather(*blockers, *calls)

    in_a_loop(shops)

    assert served.index("joon") <= 3
    assert sorted(served) == ["joon", *(f"mina {n}" for n in range(5))]


def test_who_waits_too_long_is_told_so_and_never_begun():
    begun = []

    async def shops(pool):
        gate = threading.Event()
        blockers = [pool.run(name, lambda: gate.wait(5)) for name in ("a", "b", "c")]
        late = pool.run("mina", lambda: begun.append("mina"))
        with pytest.raises(PoolBusy):
            await late
        gate.set()
        await asyncio.gather(*blockers)

    in_a_loop(shops, wait_seconds=0.3)

    assert begun == []


def test_a_full_queue_refuses_at_once_and_keeps_a_place_for_others():
    async def shops(pool):
        gate = threading.Event()
        calls = [pool.run("mina", lambda: gate.wait(5)) for _call in range(2)]  # her two threads
        calls += [pool.run("mina", lambda: None) for _call in range(6)]  # three quarters of the queue
        with pytest.raises(PoolBusy):
            pool.run("mina", lambda: None)
        calls.append(pool.run("joon", lambda: None))
        gate.set()
        await asyncio.gather(*calls)

    in_a_loop(shops, waiting_max=8)


def test_a_database_that_hangs_is_an_answer_in_time():
    gate = threading.Event()

    async def shops(pool):
        with pytest.raises(Overdue):
            await pool.run("mina", lambda: gate.wait(10))
        gate.set()
        return await pool.run("mina", lambda: "back")

    assert in_a_loop(shops, answer_seconds=0.3) == "back"


def test_what_a_call_raises_reaches_who_waits():
    async def shops(pool):
        with pytest.raises(ZeroDivisionError):
            await pool.run("mina", lambda: 1 / 0)
        return await pool.run("mina", lambda: "next")

    assert in_a_loop(shops) == "next"


# Bodies


class Source:
    """What granian hands over: pieces that come after so many seconds each."""

    def __init__(self, *pieces, pause=0.0):
        self.pieces, self.pause = pieces, pause

    async def __call__(self):
        return b"".join([piece async for piece in self])

    async def __aiter__(self):
        for piece in self.pieces:
            await asyncio.sleep(self.pause)
            yield piece


def read(source, *, announced, bytes_max=100_000, **options):
    async def run():
        reader = bodies.Reader(**options)
        reader.start(asyncio.get_running_loop())
        try:
            return await asyncio.create_task(reader.read(source, announced=announced, bytes_max=bytes_max))
        finally:
            assert reader.bytes_waiting == 0

    return on_a_loop_of_its_own(run())


def test_a_body_is_read_whole():
    assert read(Source(b"ab", b"c"), announced=3) == b"abc"
    assert read(Source(b"ab", b"c"), announced=None) == b"abc"
    assert read(Source(b"x" * 70_000, b"y"), announced=70_001) == b"x" * 70_000 + b"y"


@pytest.mark.parametrize("announced", [3, 70_000, None])
def test_one_that_stays_away_is_late(announced):
    begun = time.monotonic()
    with pytest.raises(bodies.BodyOverdue):
        read(Source(b"ab", b"c", pause=60), announced=announced, seconds_max=0.3)
    assert time.monotonic() - begun < 5


def test_one_that_ends_early_is_broken():
    with pytest.raises(bodies.BodyBroken):
        read(Source(b"ab"), announced=3)


@pytest.mark.parametrize("announced", [3, 70_000, None])
def test_one_whose_sender_hangs_up_is_broken_and_no_fault_of_ours(announced):
    class HungUp(Source):
        async def __call__(self):
            raise ProtocolClosed

        async def __anext__(self):
            raise ProtocolClosed

        def __aiter__(self):
            return self

    with pytest.raises(bodies.BodyBroken):
        read(HungUp(b"ab"), announced=announced)


def test_one_that_is_too_long_is_not_read_to_its_end():
    with pytest.raises(bodies.BodyOverLimit):
        read(Source(), announced=11, bytes_max=10)
    with pytest.raises(bodies.BodyOverLimit):
        read(Source(*[b"x" * 10] * 1000, b"never", pause=0.001), announced=None, bytes_max=10)


def test_too_much_half_read_refuses_the_next():
    with pytest.raises(bodies.TooManyHeldBytes):
        read(Source(b"x"), announced=101, bytes_waiting_max=100)
    with pytest.raises(bodies.TooManyHeldBytes):
        read(Source(b"x" * 101), announced=None, bytes_waiting_max=100)


# What a request is handed over as


def scope(**changed):
    return SimpleNamespace(
        **{
            "method": "POST", "path": "/m/café/join", "query_string": "a=%41", "server": "127.0.0.1:8000",
            "client": "203.0.113.9:4711", "scheme": "http", "http_version": "1.1", **changed,
        }
    )  # fmt: skip


def test_the_application_is_handed_what_the_specification_says():
    headers = [
        ("host", "loyalty.example"), ("cookie", "a=1"), ("cookie", "b=2"), ("x-forwarded-for", "198.51.100.1"),
        ("x-forwarded-for", "203.0.113.9"), ("x_forwarded_for", "1.1.1.1"), ("content-type", "text/plain"),
        ("transfer-encoding", "chunked"),
    ]  # fmt: skip
    made = calls.environ(scope(), headers, b"abc", "3")

    assert made["PATH_INFO"].encode("latin-1").decode() == "/m/café/join"
    assert (made["CONTENT_TYPE"], made["CONTENT_LENGTH"], made["wsgi.input"].read()) == ("text/plain", "3", b"abc")
    assert made["HTTP_COOKIE"] == "a=1; b=2"
    assert made["HTTP_X_FORWARDED_FOR"] == "198.51.100.1,203.0.113.9"
    assert "HTTP_TRANSFER_ENCODING" not in made
    assert made["REMOTE_ADDR"] == "203.0.113.9"
    assert calls.address_of("[2001:db8::1]:80") == "2001:db8::1"


@pytest.mark.parametrize(
    ("path", "headers", "expected"),
    [
        ("/api/v1/purchases", {"authorization": "Bearer lk_live_1"}, ("api", 1024 * 1024)),
        ("/api/v1/purchases", {}, ("api", None)),
        ("/api/v1/purchases/batch", {"authorization": "Bearer lk_live_1"}, ("batch", 5 * 1024 * 1024)),
        ("/readyz", {}, ("probes", None)),
        ("/m/cafe/sign-in", {"cookie": "csrftoken=a"}, ("pages", 64 * 1024)),
        ("/console/cafe/settings", {"cookie": "sessionid=a"}, ("pages", 1024 * 1024)),
        ("/console/cafe/settings/logo", {"cookie": "sessionid=a", "content-type": "multipart/form-data; boundary=b"},
         ("pages", 5 * 1024 * 1024)),
    ],
)  # fmt: skip
def test_who_may_send_how_much_and_is_served_by_which_threads(path, headers, expected):
    route = routes.route(path, headers)

    assert (route.pool, route.bytes_max) == expected


def test_pages_of_one_merchant_share_their_turns():
    assert routes.merchant_of_page("/m/cafe-haneul/join") == "cafe-haneul"
    assert routes.merchant_of_page("/console/cafe-haneul/") == "cafe-haneul"
    assert routes.merchant_of_page("/accounts/login/") == "login"
    assert routes.merchant_of_page("/") == ""


def test_a_long_answer_is_made_piece_by_piece_and_closed():
    closed = []

    class Long:
        def __iter__(self):
            return iter([b"", *[b"x" * 100_000] * 10])

        def close(self):
            closed.append(True)

    def application(environ, start_response):
        start_response("200 OK", [("Content-Type", "text/csv")])
        return Long()

    answer = calls.call(application, {})
    pieces = [answer.body]
    while piece := answer.more():
        pieces.append(piece)

    assert closed == []
    answer.end()
    assert closed == [True]
    assert [len(piece) for piece in pieces] == [400_000, 300_000, 300_000]


def test_a_short_answer_is_whole():
    def application(environ, start_response):
        start_response("201 Created", [("X-A", "b")])
        return [b"ab", b"", b"c"]

    answer = calls.call(application, {})

    assert (answer.status, answer.headers, answer.body, answer.rest) == (201, [("X-A", "b")], b"abc", None)
