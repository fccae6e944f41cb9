"""Pictures that people hand in: PNG, JPEG or WebP, read piece by piece and written again without what is not the picture.

No imaging library is needed for what a logo needs: its true kind and size, no text, no place of taking, nothing behind
its end. SVG is refused: it is a program.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from django.utils.translation import gettext as _

from merchants.errors import Invalid

BYTES_MAX = 512 * 1024
SIDE_MIN, SIDE_MAX = 64, 2048

_PNG = b"\x89PNG\r\n\x1a\n"
#: What a PNG is drawn with; everything else in it is words, dates and places.
_PNG_KEPT = {b"IHDR", b"PLTE", b"tRNS", b"gAMA", b"cHRM", b"sRGB", b"iCCP", b"sBIT", b"IDAT", b"IEND"}
_PNG_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
#: Start-of-frame markers; 0xC4, 0xC8 and 0xCC are others.
_JPEG_FRAMES = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
#: JFIF, colour profile, Adobe's colour transform.
_JPEG_KEPT = {0xE0, 0xE2, 0xEE}
_WEBP_KEPT = {b"VP8 ", b"VP8L", b"VP8X", b"ALPH", b"ICCP"}


class BadPicture(Invalid):
    """This is no picture that can be shown; the sentence says what to do."""

    code = "bad_picture"


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture as it is kept: its kind, its size in pixels, and its bytes, stripped to what is drawn."""

    media_type: str
    width: int
    height: int
    content: bytes


def read(content: bytes) -> Picture:
    """This function will read a PNG, JPEG or WebP of 64 to 2,048 pixels a side and 512 KiB at most; raises BadPicture."""
    if len(content) > BYTES_MAX:
        raise BadPicture(_("The picture is larger than %(most)d KB. Save it smaller.") % {"most": BYTES_MAX // 1024})
    try:
        found = _read(content)
    except (struct.error, LookupError, zlib.error, ValueError):
        raise BadPicture(_("The picture is damaged. Save it again and choose that file.")) from None
    if found is None:
        raise BadPicture(_("Choose a picture in PNG, JPEG or WebP."))
    if not (SIDE_MIN <= found.width <= SIDE_MAX and SIDE_MIN <= found.height <= SIDE_MAX):
        raise BadPicture(
            _("Each side has %(least)d to %(most)d pixels; this picture has %(width)d × %(height)d.")
            % {"least": SIDE_MIN, "most": SIDE_MAX, "width": found.width, "height": found.height}
        )
    return found


def _read(content: bytes) -> Picture | None:
    if content.startswith(_PNG):
        return _png(content)
    if content.startswith(b"\xff\xd8\xff"):
        return _jpeg(content)
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return _webp(content)
    return None


def _png(content: bytes) -> Picture:
    kept, drawn, at, kind = [_PNG], b"", len(_PNG), b""
    width = height = depth = colour = 0
    while kind != b"IEND":
        length, kind = struct.unpack_from(">I4s", content, at)
        body = content[at + 8 : at + 8 + length]
        (check,) = struct.unpack_from(">I", content, at + 8 + length)
        if len(body) != length or zlib.crc32(kind + body) != check or (at == len(_PNG)) != (kind == b"IHDR"):
            raise ValueError(kind)
        if kind == b"IHDR":
            width, height, depth, colour, *_ways = struct.unpack(">IIBBBBB", body)
        if kind in _PNG_KEPT:
            kept.append(content[at : at + 12 + length])
        drawn += body if kind == b"IDAT" else b""
        at += 12 + length
    if width <= SIDE_MAX and height <= SIDE_MAX:
        # A few bytes may unpack to gigabytes in the browser of whoever looks: no more than the pixels it names.
        most = height * (1 + (width * depth * _PNG_CHANNELS[colour] + 7) // 8) + 8 * height
        unpacking = zlib.decompressobj()
        unpacking.decompress(drawn, most + 1)
        if not unpacking.eof:
            raise ValueError("IDAT")
    return Picture("image/png", width, height, b"".join(kept))


def _jpeg(content: bytes) -> Picture:
    kept, at, width, height = [b"\xff\xd8"], 2, 0, 0
    while True:
        mark, code, length = struct.unpack_from(">BBH", content, at)
        if mark != 0xFF or length < 2 or at + 2 + length > len(content):
            raise ValueError(code)
        if code in _JPEG_FRAMES:
            height, width = struct.unpack_from(">HH", content, at + 5)
        if code < 0xE0 or code in _JPEG_KEPT:
            kept.append(content[at : at + 2 + length])
        at += 2 + length
        if code == 0xDA:
            break
    # From the first scan to the end of the image; whatever was hung on behind stays behind.
    end = content.rindex(b"\xff\xd9") + 2
    kept.append(content[at:end])
    return Picture("image/jpeg", width, height, b"".join(kept))


def _webp(content: bytes) -> Picture:
    (size,) = struct.unpack_from("<I", content, 4)
    if size + 8 > len(content):
        raise ValueError("RIFF")
    kept, at, sizes = [], 12, []
    while at < size + 8:
        kind, length = struct.unpack_from("<4sI", content, at)
        body = content[at + 8 : at + 8 + length]
        if len(body) != length or kind == b"ANIM":
            raise ValueError(kind)
        sizes += [_webp_size(kind, body)] if kind in (b"VP8 ", b"VP8L", b"VP8X") else []
        if kind in _WEBP_KEPT:
            # The header says no more that there are words about the camera (EXIF, XMP) or frames that move.
            body = bytes([body[0] & 0b0011_0000]) + body[1:] if kind == b"VP8X" else body
            kept.append(struct.pack("<4sI", kind, length) + body + b"\0" * (length % 2))
        at += 8 + length + length % 2
    pieces = b"".join(kept)
    return Picture("image/webp", *sizes[0], b"RIFF" + struct.pack("<I", len(pieces) + 4) + b"WEBP" + pieces)


def _webp_size(kind: bytes, body: bytes) -> tuple[int, int]:
    if kind == b"VP8X":
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if body[3:6] != b"\x9d\x01\x2a":
        raise ValueError(kind)
    width, height = struct.unpack_from("<HH", body, 6)
    return width & 0x3FFF, height & 0x3FFF
