"""Pictures of the console on contact sheets, so that many pages are looked at in few: `python -m tests.screenshots`.

    .venv/bin/python -m tests.screenshots --out shots --pages 'dashboard members/' --widths 390 --schemes dark --languages ko

    .venv/bin/python -m tests.screenshots --docs      # docs/pictures: the main pages, three languages, both schemes

Starts its own services (as the tests do), opens the café of tests/cafe_history.py, and stops them again.
"""

from __future__ import annotations

import argparse
import html
import io
import itertools
import os
import struct
from pathlib import Path
from typing import Any

from tests import plugin

#: What docs/pictures shows: by name the address and the width; the counter is a phone.
DOCUMENTED = {
    "dashboard": ("dashboard", 1280), "members": ("members/", 1280), "member": ("members/{member}", 1280),
    "programme": ("programme/", 1280), "rule": ("programme/rule?code=morning", 1280),
    "review": ("programme/review", 1280), "rewards": ("rewards", 1280), "audit-log": ("settings/record", 1280),
    "till": ("developers/till", 1280), "team": ("team", 1280), "counter": ("counter/", 390),
    "counter-sale": ("counter/members/{member}", 390),
}  # fmt: skip
#: Each picture holds so many languages side by side, the light scheme above the dark one.
LANGUAGES = ("en", "ko", "zh-TW")
DEFAULT_PAGES = "dashboard members/ programme/ programme/versions rewards developers/keys settings settings/record team"
SHEET = 1560


def main() -> None:
    """Take the pictures and print where the sheets are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("shots"))
    parser.add_argument("--pages", default=DEFAULT_PAGES, help="addresses within the console; {member} is the best one")
    parser.add_argument("--widths", default="1280 390")
    parser.add_argument("--schemes", default="light dark")
    parser.add_argument("--languages", default="en ko zh-TW")
    parser.add_argument("--docs", action="store_true", help="write docs/pictures instead of contact sheets")
    parser.add_argument("--scale", type=float, default=0.55, help="how small a page is drawn on its sheet")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    plugin._start()
    os.environ["DJANGO_SETTINGS_MODULE"] = "loyalty.settings"
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    _take(asked)


def _take(asked: argparse.Namespace) -> None:
    import django

    django.setup()
    from django.core.management import call_command
    from django.core.wsgi import get_wsgi_application
    from playwright.sync_api import sync_playwright

    from members.models import Member
    from merchants import tenancy
    from tests import cafe_history
    from tests.browser.conftest import chromium, serving
    from tests.people import staff_browser

    call_command("migrate", verbosity=0)
    cafe = cafe_history.cafe()
    cookies = {name: cookie.value for name, cookie in staff_browser(cafe, "owner").cookies.items()}
    with tenancy.tenant(cafe):
        member = Member.objects.filter(merchant=cafe).order_by("id")[0].public_id
    looks = itertools.product(asked.widths.split(), asked.schemes.split(), asked.languages.split())
    with serving(get_wsgi_application()) as url, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])
        if asked.docs:
            _document(browser, url, cookies, f"/console/{cafe.slug}/", member)
            browser.close()
            return
        shots: list[tuple[Path, str, int]] = []
        for width, scheme, language in looks:
            context = browser.new_context(
                base_url=url, viewport={"width": int(width), "height": 860}, color_scheme=scheme, locale=language,
                reduced_motion="reduce",
            )  # fmt: skip
            context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies.items()])
            page = context.new_page()
            for address in asked.pages.split():
                shots.append(
                    _shot(page, asked.out, f"/console/{cafe.slug}/{address.format(member=member)}", len(shots))
                )
            context.close()
        _sheets(browser, shots, asked)
        browser.close()


def _document(browser: Any, url: str, cookies: dict[str, str], console: str, member: str) -> None:
    """Write one picture a page into docs/pictures: its beginning in each language and scheme."""
    from PIL import Image

    tiles: dict[str, list[Image.Image]] = {name: [] for name in DOCUMENTED}
    for scheme, language in itertools.product(("light", "dark"), LANGUAGES):
        context = browser.new_context(base_url=url, color_scheme=scheme, locale=language, reduced_motion="reduce")
        context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies.items()])
        page = context.new_page()
        for name, (address, width) in DOCUMENTED.items():
            page.set_viewport_size({"width": width, "height": 860})
            page.goto(console + address.format(member=member))
            picture = Image.open(io.BytesIO(page.screenshot()))
            wide = 640 if width > 600 else 300
            tiles[name].append(picture.resize((wide, 860 * wide // width), Image.Resampling.LANCZOS).convert("RGB"))
        context.close()
    out = Path(__file__).resolve().parent.parent / "docs" / "pictures"
    for name, pictures in tiles.items():
        wide, high = pictures[0].size
        sheet = Image.new("RGB", (len(LANGUAGES) * (wide + 8) - 8, 2 * high + 8), "#8a8a8a")
        for place, picture in enumerate(pictures):
            sheet.paste(picture, (place % len(LANGUAGES) * (wide + 8), place // len(LANGUAGES) * (high + 8)))
        sheet.save(out / f"{name}.webp", quality=72, method=6)
        print(out / f"{name}.webp")


def _shot(page: Any, out: Path, address: str, number: int) -> tuple[Path, str, int]:
    width = page.viewport_size["width"]
    page.set_viewport_size({"width": width, "height": 860})
    page.goto(address)
    tall = min(page.evaluate("document.documentElement.scrollHeight"), 6000)
    # A taller window rather than a full-page picture: bars stay at the bottom instead of in the middle.
    page.set_viewport_size({"width": width, "height": max(tall, 600)})
    path = out / f"page-{number:03d}.png"
    page.screenshot(path=str(path))
    return path, address.split("/", 3)[3], width


def _sheets(browser: Any, shots: list[tuple[Path, str, int]], asked: argparse.Namespace) -> None:
    """Lay the pages in rows, tall ones cut to pieces, so many on a sheet as fit."""
    sheets: list[list[str]] = [[]]
    x = y = row_height = 0
    for path, title, page_width in shots:
        scale = asked.scale if page_width > 600 else min(1.0, asked.scale * 1.25)
        height = struct.unpack(">II", path.read_bytes()[16:24])[1]
        piece = int((SHEET - 20) / scale)
        for top in range(0, height, piece):
            wide, high = int(page_width * scale), int(min(piece, height - top) * scale)
            if x + wide > SHEET:
                x, y, row_height = 0, y + row_height + 6, 0
            if y + high + 14 > SHEET and sheets[-1]:
                sheets.append([])
                x = y = row_height = 0
            sheets[-1].append(
                f'<div style="position:absolute;left:{x}px;top:{y}px"><b>{html.escape(title)}</b><div style="width:{wide}px;'
                f'height:{high}px;overflow:hidden"><img src="{path.resolve().as_uri()}" width="{wide}" '
                f'style="margin-top:-{int(top * scale)}px"></div></div>'
            )
            x, row_height = x + wide + 8, max(row_height, high + 14)
    for number, sheet in enumerate(sheets):
        place = asked.out / f"sheet-{number:02d}.html"
        place.write_text(
            '<meta charset="utf-8"><style>body{margin:0;background:#888;font:11px/14px sans-serif}</style>'
            + "".join(sheet)
        )
        page = browser.new_page(viewport={"width": SHEET, "height": SHEET})
        page.goto(place.resolve().as_uri())
        page.screenshot(path=str(place.with_suffix(".png")))
        print(place.with_suffix(".png"))


if __name__ == "__main__":
    main()
