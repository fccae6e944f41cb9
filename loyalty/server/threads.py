"""Pools of threads that serve callers in turn: whoever sends much waits for himself, not the others for him."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections import Counter, OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

_SWEEP_SECONDS: Final = 0.25


class PoolBusy(Exception):
    """The call has not begun: too many wait already, or it has waited too long."""


class Overdue(Exception):
    """The call has begun and has no answer in time; its thread is still at it."""


@dataclass(slots=True, eq=False)
class _Job:
    caller: str
    work: Callable[[], Any]
    done: asyncio.Future[Any]
    #: On the loop's clock: until when it may wait for a thread, and until when for its answer.
    wait_until: float
    answer_until: float
    has_begun: bool = False


class Pool:
    """So many threads. One caller may have all but one of them at a time, and the queue goes round the callers.

    Everything but `_serve` runs on the event loop.
    """

    def __init__(
        self, name: str, threads: int, *, waiting_max: int = 256, wait_seconds: float, answer_seconds: float
    ) -> None:
        self.name = name
        self.threads = threads
        self.per_caller = max(1, threads - 1)
        self.waiting_max = waiting_max
        self.wait_seconds = wait_seconds
        self.answer_seconds = answer_seconds
        self._handed: queue.SimpleQueue[_Job] = queue.SimpleQueue()
        self._idle = threads
        self._active: Counter[str] = Counter()
        self._queues: OrderedDict[str, deque[_Job]] = OrderedDict()
        self._waiting = 0
        self._running: set[_Job] = set()
        self._loop: asyncio.AbstractEventLoop | None = None

    def start(self, loop: asyncio.AbstractEventLoop) -> None:
        """Start the threads; call it once, from the loop they answer to."""
        self._loop = loop
        for number in range(self.threads):
            threading.Thread(target=self._serve, name=f"{self.name}-{number}", daemon=True).start()
        loop.call_later(_SWEEP_SECONDS, self._sweep)

    def run(self, caller: str, work: Callable[[], Any]) -> asyncio.Future[Any]:
        """Have `work` done by a thread, and return what will hold its result.

        :raises Busy: too many wait already. The future raises it when the wait was too long, and `Overdue` when the
            answer was.
        """
        assert self._loop is not None
        now = self._loop.time()
        job = _Job(caller, work, self._loop.create_future(), now + self.wait_seconds, now + self.answer_seconds)
        if self._idle and self._active[caller] < self.per_caller:
            self._begin(job)
            return job.done
        waiting = self._queues.get(caller)
        # The last quarter of the queue is for those who wait for nothing yet.
        if self._waiting >= (self.waiting_max * 3 // 4 if waiting else self.waiting_max):
            raise PoolBusy
        if waiting is None:
            waiting = self._queues[caller] = deque()
        waiting.append(job)
        self._waiting += 1
        return job.done

    def _begin(self, job: _Job) -> None:
        job.has_begun = True
        self._idle -= 1
        self._active[job.caller] += 1
        self._running.add(job)
        self._handed.put(job)

    def _begin_next(self) -> None:
        while self._idle and self._waiting:
            for caller in self._queues:
                if self._active[caller] < self.per_caller:
                    break
            else:
                return
            waiting = self._queues[caller]
            job = waiting.popleft()
            self._waiting -= 1
            if waiting:
                self._queues.move_to_end(caller)
            else:
                del self._queues[caller]
            self._begin(job)

    def _finish(self, job: _Job, result: Any, error: BaseException | None) -> None:
        self._idle += 1
        self._running.discard(job)
        if self._active[job.caller] > 1:
            self._active[job.caller] -= 1
        else:
            del self._active[job.caller]
        if not job.done.done():
            if error is None:
                job.done.set_result(result)
            else:
                job.done.set_exception(error)
        if self._waiting:
            self._begin_next()

    def _sweep(self) -> None:
        """Tell those whose time is over; one look for all is cheaper than a timer for each."""
        assert self._loop is not None
        now = self._loop.time()
        for job in self._running:
            if now > job.answer_until and not job.done.done():
                job.done.set_exception(Overdue())
        for caller, waiting in list(self._queues.items()):
            while waiting and now > waiting[0].wait_until:
                late = waiting.popleft()
                self._waiting -= 1
                if not late.done.done():
                    late.done.set_exception(PoolBusy())
            if not waiting:
                del self._queues[caller]
        self._loop.call_later(_SWEEP_SECONDS, self._sweep)

    def _serve(self) -> None:
        assert self._loop is not None
        while True:
            job = self._handed.get()
            result, error = None, None
            try:
                result = job.work()
            except BaseException as raised:
                error = raised
            try:
                self._loop.call_soon_threadsafe(self._finish, job, result, error)
            except RuntimeError:
                return  # The loop is closed: the process ends.
            del job, result, error
