"""The web process; refuses to serve from a database that would lose or leak what it is told."""

from __future__ import annotations

import gc
import os

from django.core.wsgi import get_wsgi_application

from loyalty.operations import shared_counters

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")
shared_counters.prepare()

application = get_wsgi_application()

from loyalty.operations.health import refuse_unsafe_database  # noqa: E402 - needs the settings

refuse_unsafe_database()

from django.urls import get_resolver  # noqa: E402 - needs the settings

# Every entry point is imported now, while nobody waits, instead of at the first request.
get_resolver().url_patterns  # noqa: B018

from merchants import shapes  # noqa: E402 - needs the settings

shapes.learn()

# What is loaded now stays: a collector that walks all of it again stopped the process for up to 0.4 s every few
# batches (on a busy machine). What a call leaves behind is little, and mostly gone without the collector.
gc.collect()
gc.freeze()
gc.set_threshold(10_000, 20, 20)
