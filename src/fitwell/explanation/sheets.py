"""Pictures of a run as they are shown: small ones beside rows, and sheets of what training makes of them."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Int, UInt8

from fitwell.data.pictures import png_bytes
from fitwell.networks.convolutional import ConvolutionalImages
from fitwell.networks.noise import noise_words
from fitwell.networks.pretrained_images import PretrainedImages
from fitwell.prediction import Model

PICTURES, CHANGED = 6, 4  # on a sheet: so many rows, each with the picture as it is and so often as training saw it
SHEET_SIDE, SMALL_SIDE = 64, 48  # in pixels; larger ones are thinned out
GAP = 2  # pixels between the pictures of a sheet, through which the page shows
OPAQUE = 255


def contact_sheets(
    model: Model, blocks: Mapping[str, np.ndarray], rows: Int[np.ndarray, " training"]
) -> list[dict[str, Any]]:
    """Return a sheet for each column of pictures that training changes: some rows, each beside what became of it."""
    some = rows[:: max(1, len(rows) // PICTURES)][:PICTURES]
    network = model.networks[0]
    assert isinstance(network.noise_layers, int)
    found: list[dict[str, Any]] = []
    for block, array in model.encoders.layout.arrays.items():
        reader = network.get_submodule(f"arrays.{block}")
        if not isinstance(reader, ConvolutionalImages | PretrainedImages) or not reader.changes.act:
            continue
        originals = torch.from_numpy(blocks[block][some])
        words = [noise_words([model.recipe.seed], step=step, layers=network.noise_layers)[0] for step in range(CHANGED)]
        seen = [
            reader.changes.seen(originals, noise, center=reader.center, factor=reader.factor).numpy() for noise in words
        ]
        sheet = sheet_of(np.stack([originals.numpy(), *seen], axis=1))
        found.append({"column": array.column, "sheet": as_text(sheet)})
    return found


def sheet_of(pictures: UInt8[np.ndarray, "down across height width channels"]) -> UInt8[np.ndarray, "height width 4"]:
    """Return pictures side by side, the first of each row somewhat apart; between them nothing is drawn.

    >>> sheet_of(np.zeros((2, 3, 4, 5, 1), dtype=np.uint8)).shape
    (10, 21, 4)
    """
    thin = -(-max(pictures.shape[2:4]) // SHEET_SIDE)
    small = pictures[:, :, ::thin, ::thin]
    down, across, height, width, _ = small.shape
    sheet = np.zeros((down * (height + GAP) - GAP, across * (width + GAP), 4), dtype=np.uint8)
    for row in range(down):
        for place in range(across):
            top, left = row * (height + GAP), place * (width + GAP) + (GAP if place else 0)
            tile = sheet[top : top + height, left : left + width]
            tile[..., :3], tile[..., 3] = small[row, place], OPAQUE
    return sheet


def thumbnail(picture: UInt8[np.ndarray, "height width channels"]) -> str:
    """Return a small picture as text."""
    thin = -(-max(picture.shape[:2]) // SMALL_SIDE)
    return as_text(picture[::thin, ::thin])


def as_text(picture: UInt8[np.ndarray, "height width channels"]) -> str:
    """Return a picture as a PNG file in base 64."""
    return base64.b64encode(png_bytes(np.ascontiguousarray(picture))).decode()
