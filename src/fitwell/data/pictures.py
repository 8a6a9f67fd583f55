"""A picture file becomes an array of bytes: upright, of one size, grey or in color.

Pillow (the extra `image`) decodes. Whatever is wrong with a file is said in words that name it; a file that claims more
pixels than a camera takes is refused before it is decoded.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from jaxtyping import UInt8

from fitwell.data.decoding import Unreadable
from fitwell.errors import SurroundingsError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff")
MOST_PIXELS = 89_000_000  # of one file; Pillow's own limit, a quarter of a gigabyte in color
GREY_MODES = frozenset({"1", "L", "LA", "La", "I", "F", "I;16", "I;16L", "I;16B", "I;16N"})
DEEP_MODES = frozenset({"I", "F", "I;16", "I;16L", "I;16B", "I;16N"})  # more than 8 bits
ORIENTATION = 0x0112  # of Exif
LYING = frozenset({5, 6, 7, 8})  # orientations whose sides are swapped


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What the head of a file says, without decoding it."""

    height: int  # as it is seen: upright
    width: int
    is_grey: bool


def measured(path: str) -> Measured | Unreadable:
    """Return the size of a picture as it is seen, and whether it is grey."""
    found = _attempted(path, _measured)
    assert isinstance(found, Measured | Unreadable)
    return found


def decoded(
    path: str, *, height: int, width: int, channels: int
) -> UInt8[np.ndarray, "height width channels"] | Unreadable:
    """Return a picture as bytes; another size is scaled, transparent places are white, 16 bits become 8.

    `channels` is 1 (grey) or 3 (red, green, blue).
    """
    found = _attempted(path, lambda image: _decoded(image, height=height, width=width, channels=channels))
    assert isinstance(found, np.ndarray | Unreadable)
    return found


def png_bytes(picture: UInt8[np.ndarray, "height width channels"]) -> bytes:
    """Return an array of one, three or (with how opaque each place is) four channels as a PNG file."""
    buffer = io.BytesIO()
    _pillow().fromarray(picture[..., 0] if picture.shape[-1] == 1 else picture).save(buffer, "png")
    return buffer.getvalue()


def is_picture(name: str) -> bool:
    """Tell from its suffix whether a file is a picture.

    >>> is_picture("cat.JPG"), is_picture("notes.txt")
    (True, False)
    """
    return name.lower().endswith(SUFFIXES)


def _attempted(path: str, make: Callable[[Image], Any]) -> Any:
    pillow = _pillow()
    try:
        with pillow.open(path) as image:
            if image.width * image.height > MOST_PIXELS:
                return _bomb(path)
            return make(image)
    except FileNotFoundError:
        return Unreadable(path=path, why="there is no such file")
    except PermissionError:
        return Unreadable(path=path, why="it may not be read by this user")
    except pillow.UnidentifiedImageError:
        return Unreadable(path=path, why="it is no picture" if Path(path).stat().st_size else "it is empty")
    except (pillow.DecompressionBombError, pillow.DecompressionBombWarning):
        return _bomb(path)
    except Exception as error:  # decoders raise whatever the damage leads them to
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:120]
        return Unreadable(path=path, why=f"it is truncated or damaged ({reason})")


def _bomb(path: str) -> Unreadable:
    return Unreadable(path=path, why=f"it claims more than {MOST_PIXELS:,} pixels, as a decompression bomb does")


def _measured(image: Image) -> Measured:
    height, width = image.height, image.width
    if image.getexif().get(ORIENTATION) in LYING:
        height, width = width, height
    return Measured(height=height, width=width, is_grey=image.mode in GREY_MODES)


def _decoded(image: Image, *, height: int, width: int, channels: int) -> UInt8[np.ndarray, "height width channels"]:
    from PIL import Image as pillow
    from PIL import ImageOps

    if image.format == "JPEG":  # decodes at a half, a quarter or an eighth of its size, where that is enough
        image.draft(None, (2 * width, 2 * height))
    upright = _eight_bits(ImageOps.exif_transpose(image))
    if upright.has_transparency_data:
        with_alpha = upright.convert("RGBA")
        paper = pillow.new("RGBA", with_alpha.size, "white")
        upright = pillow.alpha_composite(paper, with_alpha)
    plain = upright.convert("L" if channels == 1 else "RGB")
    if plain.size != (width, height):
        plain = plain.resize((width, height), pillow.Resampling.BILINEAR, reducing_gap=2.0)
    return np.asarray(plain, dtype=np.uint8).reshape(height, width, channels)


def _eight_bits(image: Image) -> Image:
    """Return a picture of at most 8 bits per channel: the upper ones; of numbers with a point, 0 to 1 as 0 to 255."""
    from PIL import Image as pillow

    if image.mode not in DEEP_MODES:
        return image
    values = np.asarray(image).astype(np.float64)
    return pillow.fromarray((values * 255 if image.mode == "F" else values / 257).round().clip(0, 255).astype(np.uint8))


def _pillow() -> Any:
    try:
        import PIL.Image
    except ImportError:
        raise SurroundingsError(
            "pictures are decoded by Pillow, which is not installed; install it with: pip install 'fitwell[image]'"
        ) from None
    return PIL.Image
