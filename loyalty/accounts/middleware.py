"""Sign-in steps of one browser happen one after another.

allauth keeps the number of wrong tries in the session, which is read, changed and written back: fifty guesses sent at
once would all read the same number.  Here the next step waits until the one before has written.
"""

from __future__ import annotations

from collections.abc import Callable

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _

from merchants.database.sql_errors import LOCK_NOT_AVAILABLE, sqlstate


class OneStepAtATime:
    """Stands before the session's own middleware, so that the lock is held until the session has been saved."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        session = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        if request.method != "POST" or not session or not request.path_info.startswith("/accounts/"):
            return self.get_response(request)
        try:
            with transaction.atomic():
                with connection.cursor() as cursor:
                    cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 20))", [session])
                return self.get_response(request)
        except OperationalError as error:
            if sqlstate(error) != LOCK_NOT_AVAILABLE:
                raise
            return HttpResponse(_("Too many requests at once. Try again."), status=429, content_type="text/plain")
