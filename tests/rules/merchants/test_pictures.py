"""Pictures handed in: what is kept of them, and what is refused."""

from __future__ import annotations

import io
import struct
import zlib

import pytest
from PIL import Image

from merchants import pictures
from tests.drawings import RED, jpeg, png, webp


def opened(found: pictures.Picture) -> Image.Image:
    return Image.open(io.BytesIO(found.content))


def test_a_png_keeps_what_is_drawn_and_loses_what_is_said():
    found = pictures.read(png(64, 100, words="Mina Kim, Seongsu-dong"))

    assert (found.media_type, found.width, found.height) == ("image/png", 64, 100)
    assert opened(found).getpixel((10, 10)) == RED
    assert b"Mina" in png(64, 100, words="Mina Kim, Seongsu-dong")
    assert b"Mina" not in found.content


def test_a_jpeg_loses_the_place_where_it_was_taken_and_whatever_hangs_behind():
    content = jpeg(200, 120, place="GPS 37.54,127.05") + b"<script>alert(1)</script>"
    found = pictures.read(content)

    assert (found.media_type, found.width, found.height) == ("image/jpeg", 200, 120)
    assert b"GPS" in content
    assert b"GPS" not in found.content
    assert b"script" not in found.content


def test_a_photo_taken_sideways_stands_upright():
    found = pictures.read(jpeg(200, 120, turned=True))

    assert (found.width, found.height) == (120, 200)


def test_a_webp_becomes_what_every_letter_shows():
    plain = pictures.read(webp(300, 80, place="GPS 37.54,127.05"))
    clear = pictures.read(webp(300, 80, mode="RGBA"))

    assert (plain.media_type, plain.width, plain.height) == ("image/jpeg", 300, 80)
    assert b"GPS" not in plain.content
    assert clear.media_type == "image/png"
    assert opened(clear).mode == "RGBA"


def test_a_large_logo_is_kept_no_larger_than_it_is_shown():
    found = pictures.read(png(2048, 1024))

    assert (found.width, found.height) == (512, 256)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "Choose a picture in PNG, JPEG or WebP."),
        (b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>", "Choose a picture in PNG, JPEG or WebP."),
        (b"GIF89a" + bytes(200), "Choose a picture in PNG, JPEG or WebP."),
        (png(64, 64)[:60], "The picture is damaged. Save it again and choose that file."),
        (png(64, 64).replace(b"IDAT", b"IDAX"), "Choose a picture in PNG, JPEG or WebP."),
        (jpeg(64, 64)[:400], "The picture is damaged. Save it again and choose that file."),
        (webp(64, 64)[:-40], "The picture is damaged. Save it again and choose that file."),
        (png(63, 64), "Each side has 64 to 2048 pixels; this picture has 63 × 64."),
        (png(2049, 64), "Each side has 64 to 2048 pixels; this picture has 2049 × 64."),
        (png(64, 64) + bytes(530_000), "The picture is larger than 512 KB. Save it smaller."),
    ],
)  # fmt: skip
def test_what_is_no_picture_or_too_large_is_refused(content, said):
    with pytest.raises(pictures.BadPicture) as refused:
        pictures.read(content)

    assert refused.value.detail == said


def test_a_png_whose_words_unpack_to_gigabytes_is_refused():
    words = zlib.compress(bytes(80_000_000), 9)
    body = b"Comment\0\0" + words
    chunk = struct.pack(">I", len(body)) + b"zTXt" + body + struct.pack(">I", zlib.crc32(b"zTXt" + body))
    bomb = png(64, 64)[:33] + chunk + png(64, 64)[33:]
    assert len(bomb) < 100_000

    with pytest.raises(pictures.BadPicture):
        pictures.read(bomb)


def test_a_picture_that_names_more_pixels_than_are_allowed_is_refused_before_it_is_decoded():
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    small = png(64, 64)
    bomb = (
        small[:8]
        + struct.pack(">I", 13)
        + b"IHDR"
        + header
        + struct.pack(">I", zlib.crc32(b"IHDR" + header))
        + small[33:]
    )

    with pytest.raises(pictures.BadPicture):
        pictures.read(bomb)
