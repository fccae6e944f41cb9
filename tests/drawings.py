"""Small pictures, made byte by byte: a red square as PNG, and the frames of a JPEG and a WebP."""

from __future__ import annotations

import struct
import zlib


def png(width: int, height: int, *, words: bytes = b"") -> bytes:
    """A red picture; `words` are put into a tEXt chunk."""
    rows = (b"\0" + b"\xc0\x20\x20" * width) * height
    pieces = [(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))]
    pieces += [(b"tEXt", words)] if words else []
    pieces += [(b"IDAT", zlib.compress(rows, 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body)) for kind, body in pieces
    )


def jpeg(width: int, height: int, *, place: bytes = b"") -> bytes:
    """The markers of a JPEG; `place` is put into an EXIF segment."""
    segments = [(0xE0, b"JFIF\0\1\1\0\0\1\0\1\0\0")]
    segments += [(0xE1, place)] if place else []
    segments += [
        (0xDB, bytes(65)),
        (0xC0, struct.pack(">BHHB", 8, height, width, 1) + b"\1\x11\0"),
        (0xC4, bytes(20)),
        (0xDA, b"\1\1\0\0\x3f\0"),
    ]
    drawn = b"".join(struct.pack(">BBH", 0xFF, code, len(body) + 2) + body for code, body in segments)
    return b"\xff\xd8" + drawn + b"\x12\x34\x56\x78\x9a\xbc\xde" + b"\xff\xd9"


def webp(width: int, height: int, *, place: bytes = b"") -> bytes:
    """The chunks of a WebP; `place` is put into an EXIF chunk, and the header says that there is one."""
    header = (
        bytes([0b0000_1000 if place else 0, 0, 0, 0])
        + (width - 1).to_bytes(3, "little")
        + (height - 1).to_bytes(3, "little")
    )
    chunks = [(b"VP8X", header), (b"VP8 ", b"\x10\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height) + bytes(9))]
    chunks += [(b"EXIF", place)] if place else []
    body = b"".join(struct.pack("<4sI", kind, len(part)) + part + b"\0" * (len(part) % 2) for kind, part in chunks)
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body
