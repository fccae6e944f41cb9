"""The queue's settings. It holds hints only: every task finds its work in the database and may run twice.

The ticks are added by the modules that own the tasks (`loyalty/worker/schedule.py`, `loyalty/operations/heartbeat.py`).
"""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty.settings")

#: No task runs longer; what a dead worker held comes back after `visibility_timeout`, which must be more.
TASK_SECONDS_MAX = 600

app = Celery("loyalty")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.conf.update(
    accept_content=["json"],
    task_serializer="json",
    timezone="UTC",
    enable_utc=True,
    # A killed worker's task runs again, elsewhere: late acknowledgement, nothing hoarded.
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    task_time_limit=TASK_SECONDS_MAX,
    task_soft_time_limit=TASK_SECONDS_MAX - 60,
    worker_max_tasks_per_child=500,
    worker_soft_shutdown_timeout=10,
    worker_cancel_long_running_tasks_on_connection_loss=True,
    broker_connection_retry_on_startup=True,
    broker_connection_max_retries=None,
    broker_transport_options={
        "visibility_timeout": 3 * TASK_SECONDS_MAX,
        # Without these two, kombu looks for lost tasks only every hundred seconds.
        "unacked_restore_interval": 5,
        "unacked_restore_throttle": 1,
        "socket_timeout": 30,
        "socket_connect_timeout": 2,
        "socket_keepalive": True,
    },
    # A hint that cannot be sent is dropped at once; the next tick finds the work anyway.
    task_publish_retry=False,
    worker_hijack_root_logger=False,
    worker_redirect_stdouts=False,
    worker_send_task_events=False,
    beat_schedule={},
)
app.autodiscover_tasks(["loyalty.worker"])
app.autodiscover_tasks(["loyalty.operations"], related_name="heartbeat")
