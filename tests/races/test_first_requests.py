"""The first requests of a fresh process come side by side: several threads meet each struct for the first time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]

PROCESS = """
import sys, threading
import django
django.setup()
import msgspec
from django.urls import get_resolver
get_resolver().url_patterns
if sys.argv[1] == "as the web does":
    import loyalty.wsgi
kinds, waiting = [], list(msgspec.Struct.__subclasses__())
while waiting:
    kind = waiting.pop()
    waiting += kind.__subclasses__()
    kinds.append(kind)
sys.setswitchinterval(1e-7)
for kind in kinds:
    together = threading.Barrier(4)
    def meet():
        together.wait()
        try:
            msgspec.convert(dict.fromkeys(kind.__struct_encode_fields__, ""), kind)
        except msgspec.ValidationError:
            pass
    threads = [threading.Thread(target=meet) for _ in range(4)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
print("served", len(kinds))
"""


def first_requests(how: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROCESS, how],
        cwd=ROOT, env={**os.environ, "DJANGO_SETTINGS_MODULE": "loyalty.settings"}, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_the_web_has_learned_its_structs_before_it_serves():
    done = first_requests("as the web does")
    assert done.returncode == 0, done.stderr[-2000:]
    assert int(done.stdout.split()[-1]) > 100


def test_a_process_that_has_not_dies_so_the_lesson_is_needed():
    """When this fails, msgspec has been mended, and `shapes.learn` can go."""
    died = any(first_requests("unprepared").returncode < 0 for _attempt in range(8))
    assert died, "eight unprepared processes lived: is the lesson still needed?"
