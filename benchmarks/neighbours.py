"""One merchant posts batches of a thousand sales, eight side by side; another one's till sells meanwhile.

    python3 manage.py benchmark neighbours [--quick]

Quiet and noisy rounds alternate. What the till waits beside the noise is printed as a ratio to what it waits alone, and
how many sales the noisy merchant got through: it is slowed down or told to wait (429, 503), never the other one.
"""

from __future__ import annotations

import statistics
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from benchmarks import load  # noqa: E402
from benchmarks.measurements import Measurements  # noqa: E402
from benchmarks.stage import Shop, web  # noqa: E402

SIDE_BY_SIDE = 8
SALES = 1_000


def noisy(shop: Shop, port: int, seconds: float) -> load.Load:
    return load.run(port, partial(shop.batch, port, SALES), clients=SIDE_BY_SIDE, seconds=seconds)


def main(quick: bool) -> None:
    call_command("migrate", verbosity=0)
    loud, calm = Shop("loud", members=5_000), Shop("calm", members=500)
    found = Measurements()
    said: Counter[str] = Counter()
    batches = 0
    with web() as port:
        sell = partial(load.run, port, partial(calm.single, port), clients=1)
        sell(seconds=2)
        for _round in range(1 if quick else 5):
            alone = sell(seconds=4 if quick else 10)
            with ThreadPoolExecutor(1) as pool:
                noise = pool.submit(noisy, loud, port, 8 if quick else 20)
                threading.Event().wait(1)
                beside = sell(seconds=6 if quick else 15)
                made = noise.result()
            batches += len(made.latencies) - len(made.failures)
            said.update(failure[9:12].decode() for failure in made.failures)
            for name, what in (("alone", alone), ("beside", beside)):
                if what.failures:
                    raise SystemExit(f"{len(what.failures)} sales failed {name}:\n{what.failures[0].decode()}")
                found.note(f"p50_{name}", statistics.median(what.latencies) * 1000)
                found.note(f"p99_{name}", what.p99_ms())
            found.print_round(" ms")
    found.print("ms", prefix="neighbour_")
    found.print_ratio("neighbour_p50", "p50_beside", "p50_alone", digits=1)
    found.print_ratio("neighbour_p99", "p99_beside", "p99_alone", digits=1)
    print(f"count loud_batches {batches}; told to wait: {dict(said) or 'never'}")


if __name__ == "__main__":
    main("--quick" in sys.argv)
