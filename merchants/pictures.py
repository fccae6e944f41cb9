"""Pictures that people upload: checked, decoded by Pillow, and encoded anew, so that nothing but pixels is kept.

SVG is refused: it is a program.
"""

from __future__ import annotations

import io
import warnings
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

_FORMATS: Final = ("PNG", "JPEG", "WEBP")
_JPEG_QUALITY: Final = 88


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
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(content), formats=_FORMATS) as opened:
            warnings.simplefilter("error")
            _check_size(*opened.size)  # known from the header, before a single pixel is decoded
            opened.seek(0)
            opened.load()
            return _encoded(opened)
    except UnidentifiedImageError:
        raise BadPicture(_("Choose a picture in PNG, JPEG or WebP.")) from None
    except (OSError, SyntaxError, ValueError, EOFError, Warning, Image.DecompressionBombError):
        raise BadPicture(_("The picture is damaged. Save it again and choose that file.")) from None


def _check_size(width: int, height: int) -> None:
    if not (SIDE_MIN <= width <= SIDE_MAX and SIDE_MIN <= height <= SIDE_MAX):
        raise BadPicture(
            _("Each side has %(least)d to %(most)d pixels; this picture has %(width)d × %(height)d.")
            % {"least": SIDE_MIN, "most": SIDE_MAX, "width": width, "height": height}
        )


def _encoded(opened: Image.Image) -> Picture:
    upright = ImageOps.exif_transpose(opened)
    has_alpha = upright.mode in ("RGBA", "LA", "PA") or "transparency" in upright.info
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
