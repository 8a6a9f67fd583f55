"""Pictures of every kind become upright bytes of one size, and what is wrong with a file is said in words."""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fitwell.data import pictures
from fitwell.data.decoding import Unreadable, every
from fitwell.data.pictures import Measured, decoded, measured
from fitwell.errors import SurroundingsError

RANDOM = np.random.default_rng(0)
COLOR = RANDOM.integers(0, 256, (6, 5, 3), dtype=np.uint8)
GREY = RANDOM.integers(0, 256, (6, 5), dtype=np.uint8)


def saved(folder: Path, name: str, picture: Image.Image, **options: object) -> str:
    picture.save(folder / name, **options)  # type: ignore[arg-type]
    return str(folder / name)


def bytes_of(path: str, channels: int, height: int = 6, width: int = 5) -> np.ndarray:
    found = decoded(path, height=height, width=width, channels=channels)
    assert isinstance(found, np.ndarray), found
    return found


@pytest.mark.parametrize(
    ("name", "options"), [("a.png", {}), ("a.webp", {"lossless": True}), ("a.bmp", {}), ("a.tiff", {})]
)
def test_pictures_without_loss_keep_every_byte(tmp_path: Path, name: str, options: dict[str, object]) -> None:
    color = saved(tmp_path, name, Image.fromarray(COLOR), **options)
    assert measured(color) == Measured(height=6, width=5, is_grey=False)
    assert np.array_equal(bytes_of(color, 3), COLOR)


def test_a_jpeg_is_what_it_shows_up_to_its_loss(tmp_path: Path) -> None:
    smooth = np.broadcast_to(np.linspace(0, 255, 32, dtype=np.uint8)[:, None, None], (32, 32, 3))
    path = saved(tmp_path, "a.jpg", Image.fromarray(np.ascontiguousarray(smooth)), quality=95)
    assert np.abs(bytes_of(path, 3, 32, 32).astype(int) - smooth).max() <= 4


def test_grey_and_color_become_each_other(tmp_path: Path) -> None:
    grey = saved(tmp_path, "g.png", Image.fromarray(GREY))
    assert measured(grey) == Measured(height=6, width=5, is_grey=True)
    assert np.array_equal(bytes_of(grey, 1)[..., 0], GREY)
    assert np.array_equal(bytes_of(grey, 3), np.repeat(GREY[..., None], 3, 2))
    luma = COLOR @ np.array([0.299, 0.587, 0.114])  # ITU-R 601
    color = saved(tmp_path, "c.png", Image.fromarray(COLOR))
    assert np.abs(bytes_of(color, 1)[..., 0] - luma).max() <= 1


def test_of_16_bits_the_upper_8_are_kept(tmp_path: Path) -> None:
    deep = GREY.astype(np.uint16) * 257
    path = saved(tmp_path, "deep.png", Image.fromarray(deep))
    assert measured(path) == Measured(height=6, width=5, is_grey=True)
    assert np.array_equal(bytes_of(path, 1)[..., 0], GREY)


def test_transparent_places_are_white(tmp_path: Path) -> None:
    alpha = np.zeros((6, 5, 1), dtype=np.uint8)
    alpha[:3] = 255
    path = saved(tmp_path, "t.png", Image.fromarray(np.concatenate([COLOR, alpha], 2)))
    found = bytes_of(path, 3)
    assert np.array_equal(found[:3], COLOR[:3])
    assert (found[3:] == 255).all()


@pytest.mark.parametrize(
    ("orientation", "seen"),
    [
        (1, lambda kept: kept),
        (2, lambda kept: kept[:, ::-1]),
        (3, lambda kept: kept[::-1, ::-1]),
        (4, lambda kept: kept[::-1]),
        (5, lambda kept: kept.swapaxes(0, 1)),
        (6, lambda kept: np.rot90(kept, -1)),
        (7, lambda kept: np.rot90(kept, 2).swapaxes(0, 1)),
        (8, lambda kept: np.rot90(kept)),
    ],
)
def test_pictures_are_upright_as_their_exif_says(
    tmp_path: Path, orientation: int, seen: Callable[[np.ndarray], np.ndarray]
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = saved(tmp_path, "e.png", Image.fromarray(COLOR), exif=exif)
    upright = seen(COLOR)
    height, width, _ = upright.shape
    assert measured(path) == Measured(height=height, width=width, is_grey=False)
    assert np.array_equal(bytes_of(path, 3, height, width), upright)


def test_another_size_is_scaled(tmp_path: Path) -> None:
    halves = np.zeros((40, 80, 1), dtype=np.uint8)
    halves[:, 40:] = 200
    path = saved(tmp_path, "h.jpg", Image.fromarray(halves[..., 0]), quality=95)
    found = bytes_of(path, 1, 10, 20)[..., 0].astype(int)
    assert found.shape == (10, 20)
    assert np.abs(found[:, :9]).max() <= 6
    assert np.abs(found[:, 11:] - 200).max() <= 6


def png(picture: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "it is empty"),
        (b"no picture at all", "it is no picture"),
        (png(RANDOM.integers(0, 256, (64, 64), dtype=np.uint8))[:900], r"it is truncated or damaged \("),
        (None, "there is no such file"),
    ],
)
def test_a_file_that_is_no_picture_says_why(tmp_path: Path, content: bytes | None, why: str) -> None:
    path = tmp_path / "bad.png"
    if content is not None:
        path.write_bytes(content)
    found = decoded(str(path), height=6, width=5, channels=1)
    assert isinstance(found, Unreadable)
    assert found.path == str(path)
    assert re.search(why, found.why)


def test_a_decompression_bomb_is_not_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = saved(tmp_path, "bomb.png", Image.fromarray(GREY))
    monkeypatch.setattr(pictures, "MOST_PIXELS", 29)
    for found in (measured(path), decoded(path, height=6, width=5, channels=1)):
        assert found == Unreadable(path=path, why="it claims more than 29 pixels, as a decompression bomb does")


@pytest.mark.parametrize("most", [14, 29])  # Pillow warns of more than these, and refuses twice as many
def test_what_pillow_takes_for_a_bomb_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    path = saved(tmp_path, "bomb.png", Image.fromarray(GREY))
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
    found = measured(path)
    assert isinstance(found, Unreadable)
    assert "decompression bomb" in found.why


def test_without_pillow_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "PIL.Image", None)
    with pytest.raises(SurroundingsError, match=r"Pillow, which is not installed; .* pip install 'fitwell\[image\]'"):
        measured(str(tmp_path / "a.png"))


@pytest.mark.parametrize("threads", [1, 3])
def test_what_is_made_of_files_keeps_their_order(threads: int) -> None:
    names = [str(place) for place in range(700)]
    assert list(every(names, int, threads=threads)) == list(range(700))
