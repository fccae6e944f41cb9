"""Small pictures for tests, drawn by Pillow: a red square as PNG, JPEG and WebP, with words hidden in them on request."""

from __future__ import annotations

import io

from PIL import Image, PngImagePlugin

RED = (192, 32, 32)


def png(width: int, height: int, *, words: str = "", mode: str = "RGB") -> bytes:
    """A red picture; `words` are put into a tEXt chunk."""
    said = PngImagePlugin.PngInfo()
    if words:
        said.add_text("Author", words)
    return _saved(_red(mode, width, height), "PNG", pnginfo=said)


def jpeg(width: int, height: int, *, place: str = "", turned: bool = False) -> bytes:
    """A red picture; `place` is put into its EXIF, and `turned` says there that it lies on its side."""
    exif = Image.Exif()
    if place:
        exif[0x010E] = place
    if turned:
        exif[0x0112] = 6
    return _saved(Image.new("RGB", (width, height), RED), "JPEG", exif=exif)


def webp(width: int, height: int, *, place: str = "", mode: str = "RGB") -> bytes:
    """A red picture; `place` is put into its EXIF."""
    exif = Image.Exif()
    if place:
        exif[0x010E] = place
    return _saved(_red(mode, width, height), "WEBP", exif=exif)


def _red(mode: str, width: int, height: int) -> Image.Image:
    """A red square; one pixel of it is clear where the mode has transparency, so that encoders keep that."""
    square = Image.new(mode, (width, height), RED)
    if mode == "RGBA":
        square.putpixel((0, 0), (0, 0, 0, 0))
    return square


def _saved(picture: Image.Image, kind: str, **options: object) -> bytes:
    kept = io.BytesIO()
    picture.save(kept, kind, **options)
    return kept.getvalue()
