"""The addresses for machines that watch us."""

from __future__ import annotations

from django.urls import path

from loyalty.operations.health import healthz, readyz
from loyalty.operations.metrics import metrics

urlpatterns = [
    path("healthz", healthz, name="healthz"),
    path("readyz", readyz, name="readyz"),
    path("metrics", metrics, name="metrics"),
]
