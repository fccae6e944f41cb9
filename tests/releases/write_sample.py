"""Migrate the empty database that the variables name, and let the sample shop live in it; print what it was told."""

from __future__ import annotations

import json

import django

django.setup()

from django.core.management import call_command  # noqa: E402

from merchants import directory, tenancy  # noqa: E402
from merchants.database import schema  # noqa: E402
from tests.releases import sample_shop  # noqa: E402


def main() -> None:
    call_command("migrate", verbosity=0)
    lived = sample_shop.live()
    with tenancy.tenant(directory.find_by_slug(lived["merchant"])):
        empty = sorted(model._meta.label for model in schema.tenant_models() if not model._base_manager.exists())
    print(json.dumps({"lived": lived, "empty": empty}))


if __name__ == "__main__":
    main()
