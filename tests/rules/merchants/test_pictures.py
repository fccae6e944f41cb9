"""Pictures handed in: what is kept of them, and what is refused."""

from __future__ import annotations

import struct
import zlib

import pytest

from merchants import pictures
from tests.drawings import jpeg, png, webp


def test_a_png_keeps_what_is_drawn_and_loses_what_is_said():
    found = pictures.read(png(64, 100, words=b"Author\0Mina Kim, Seongsu-dong"))

    assert (found.media_type, found.width, found.height) == ("image/png", 64, 100)
    assert found.content == png(64, 100)
    assert b"Mina" not in found.content


def test_a_jpeg_loses_the_place_where_it_was_taken_and_whatever_hangs_behind():
    found = pictures.read(jpeg(200, 120, place=b"Exif\0\0GPS 37.54,127.05") + b"<script>alert(1)</script>")

    assert (found.media_type, found.width, found.height) == ("image/jpeg", 200, 120)
    assert found.content == jpeg(200, 120)


def test_a_webp_loses_its_exif_and_says_so_in_its_header():
    found = pictures.read(webp(300, 80, place=b"GPS 37.54,127.05"))

    assert (found.media_type, found.width, found.height) == ("image/webp", 300, 80)
    assert found.content == webp(300, 80)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Choose a picture in PNG, JPEG or WebP."),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "Choose a picture in PNG, JPEG or WebP."),
        (b"GIF89a" + bytes(200), "Choose a picture in PNG, JPEG or WebP."),
        (png(64, 64)[:-20], "The picture is damaged. Save it again and choose that file."),
        (png(64, 64).replace(b"IDAT", b"IDAX"), "The picture is damaged. Save it again and choose that file."),
        (jpeg(64, 64)[:-9], "The picture is damaged. Save it again and choose that file."),
        (webp(64, 64)[:-4], "The picture is damaged. Save it again and choose that file."),
        (png(63, 64), "Each side has 64 to 2048 pixels; this picture has 63 × 64."),
        (png(2049, 64), "Each side has 64 to 2048 pixels; this picture has 2049 × 64."),
        (png(64, 64, words=bytes(530_000)), "The picture is larger than 512 KB. Save it smaller."),
    ],
)  # fmt: skip
def test_what_is_no_picture_or_too_large_is_refused(content, said):
    with pytest.raises(pictures.BadPicture) as refused:
        pictures.read(content)

    assert refused.value.detail == said


def test_a_png_that_unpacks_to_more_than_its_pixels_is_refused():
    drawn = zlib.compress(bytes(50_000_000), 9)
    bomb = png(64, 64).replace(
        png(64, 64)[33:-12],
        struct.pack(">I", len(drawn)) + b"IDAT" + drawn + struct.pack(">I", zlib.crc32(b"IDAT" + drawn)),
    )
    assert len(bomb) < 100_000

    with pytest.raises(pictures.BadPicture):
        pictures.read(bomb)
