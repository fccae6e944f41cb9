"""Where an e-mail arrives: many spellings of an address, one mailbox."""

from __future__ import annotations

from django.db import models


class Mailbox(models.Func):
    """The mailbox of an address: without its plus-part, and at Gmail without dots, which Gmail passes over.

    Written without parameters, so that the column it generates is made together with its table's constraints.
    """

    arity = 1
    output_field = models.CharField()
    template = (
        "(CASE WHEN split_part(%(expressions)s, '@', 2) IN ('gmail.com', 'googlemail.com') "
        "THEN replace(split_part(split_part(%(expressions)s, '@', 1), '+', 1), '.', '') || '@gmail.com' "
        "ELSE split_part(split_part(%(expressions)s, '@', 1), '+', 1) || '@' || split_part(%(expressions)s, '@', 2) END)"
    )
