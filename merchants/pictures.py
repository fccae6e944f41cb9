"""Pictures that people upload: checked, decoded by Pillow, and encoded anew, so that nothing but pixels is kept.

SVG is refused: it is a program.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from django.utils.translation import gettext as _
from PIL import Image, ImageOps, UnidentifiedImageError

from merchants.errors import Invalid

BYTES_MAX: Final = 512 * 1024
SIDE_MIN: Final = 64
SIDE_MAX: Final = 2048
#: A logo goes into every letter and onto every page: no larger than it is ever shown.
SIDE_KEPT: Final = 512

#: A photo of a reward comes from a phone: larger, and kept in these widths, for a list, a card and a wide screen.
PHOTO_BYTES_MAX: Final = 4 * 1024 * 1024
PHOTO_SIDE_MAX: Final = 8000
PHOTO_PIXELS_MAX: Final = 50_000_000
PHOTO_WIDTHS: Final = (240, 480, 960)

_FORMATS: Final = ("PNG", "JPEG", "WEBP")
_JPEG_QUALITY: Final = 88
_WEBP_QUALITY: Final = 80


class BadPicture(Invalid):
    """The file is no picture that can be shown; the sentence says what to do."""

    code = "bad_picture"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is kept: its media type, its size in pixels, and its bytes without anything but pixels."""

    media_type: str
    width: int
    height: int
    content: bytes


def read(content: bytes) -> Picture:
    """Return a PNG, JPEG or WebP of 64 to 2,048 pixels a side and 512 KiB at most, encoded anew.

    A picture with transparency becomes a PNG, any other a JPEG (letters cannot show WebP everywhere), upright and with
    no side over SIDE_KEPT. Of a moving picture the first frame is kept.

    :raises BadPicture: it is no such picture, or it is damaged.
    """
    if len(content) > BYTES_MAX:
        raise BadPicture(_("The picture is larger than %(most)d KB. Save it smaller.") % {"most": BYTES_MAX // 1024})
    with _opened(content) as opened:
        _check_size(*opened.size, most=SIDE_MAX)  # known from the header, before a single pixel is decoded
        opened.load()
        return _encoded(opened)


def read_photo(content: bytes) -> list[Picture]:
    """Return a PNG, JPEG or WebP of 4 MiB at most as WebP in each of PHOTO_WIDTHS, the smallest first.

    None is wider than the photo itself, so a small one has fewer. Upright, and nothing but pixels is kept.

    :raises BadPicture: it is no such picture, or it is damaged.
    """
    if len(content) > PHOTO_BYTES_MAX:
        raise BadPicture(
            _("The picture is larger than %(most)d MB. Save it smaller.") % {"most": PHOTO_BYTES_MAX // 1024**2}
        )
    with _opened(content) as opened:
        _check_size(*opened.size, most=PHOTO_SIDE_MAX)
        if opened.width * opened.height > PHOTO_PIXELS_MAX:
            raise BadPicture(_("The picture has too many pixels. Save it smaller."))
        # A JPEG is decoded no larger than it will be kept: a phone's photo would need a hundred megabytes.
        opened.draft("RGB", (2 * PHOTO_WIDTHS[-1], 2 * PHOTO_WIDTHS[-1]))
        opened.load()
        upright = ImageOps.exif_transpose(opened)
        pixels = upright.convert("RGBA" if _has_alpha(upright) else "RGB")
        pixels.info = {}
        widths = [width for width in PHOTO_WIDTHS if width <= pixels.width] or [pixels.width]
        return [_webp(pixels, width) for width in widths]


def _webp(pixels: Image.Image, width: int) -> Picture:
    height = max(1, round(pixels.height * width / pixels.width))
    kept = io.BytesIO()
    pixels.resize((width, height), Image.Resampling.LANCZOS).save(kept, "WEBP", quality=_WEBP_QUALITY, method=6)
    return Picture("image/webp", width, height, kept.getvalue())


@contextmanager
def _opened(content: bytes) -> Iterator[Image.Image]:
    """Open a picture at its first frame; whatever is wrong with it is one of two sentences."""
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
            warnings.simplefilter("error")
            opened.seek(0)
            yield opened
    except UnidentifiedImageError:
        raise BadPicture(_("Choose a picture in PNG, JPEG or WebP.")) from None
    except (OSError, SyntaxError, ValueError, EOFError, Warning, Image.DecompressionBombError):
        raise BadPicture(_("The picture is damaged. Save it again and choose that file.")) from None


def _check_size(width: int, height: int, *, most: int) -> None:
    if not (SIDE_MIN <= width <= most and SIDE_MIN <= height <= most):
        raise BadPicture(
            _("Each side has %(least)d to %(most)d pixels; this picture has %(width)d × %(height)d.")
            % {"least": SIDE_MIN, "most": most, "width": width, "height": height}
        )


def _has_alpha(picture: Image.Image) -> bool:
    return picture.mode in ("RGBA", "LA", "PA") or "transparency" in picture.info


def _encoded(opened: Image.Image) -> Picture:
    upright = ImageOps.exif_transpose(opened)
    has_alpha = _has_alpha(upright)
    pixels = upright.convert("RGBA" if has_alpha else "RGB")
    pixels.thumbnail((SIDE_KEPT, SIDE_KEPT), Image.Resampling.LANCZOS)
    # Only what is drawn goes on: `info` would carry EXIF, comments and colour profiles over.
    pixels.info = {}
    kept = io.BytesIO()
    if has_alpha or opened.format == "PNG":
        pixels.save(kept, "PNG", optimize=True)
        media_type = "image/png"
    else:
        pixels.save(kept, "JPEG", quality=_JPEG_QUALITY, optimize=True)
        media_type = "image/jpeg"
    return Picture(media_type, pixels.width, pixels.height, kept.getvalue())
