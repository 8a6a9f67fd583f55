"""Images: a column of paths of pictures. Each becomes an array of bytes (height, width, channels) of one size.

The size and whether there is color follow from the training rows. A missing picture is black. The network scales the
bytes itself, so that they stay a quarter of the size of numbers in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import polars as pl
from jaxtyping import UInt8

from fitwell.data.columns.cells import Cells, Claim, Column, Kind, declared_problem, missing_clause, present_text
from fitwell.data.decoding import all_decoded, every, undecoded
from fitwell.data.pictures import Measured, decoded, is_picture, measured
from fitwell.errors import DataError
from fitwell.recipe import DataSettings

STRENGTH = 95
LARGEST = 64  # of a side, unless the recipe says otherwise: what a CPU learns from within minutes
LOOKED_AT = 2000  # training pictures whose heads decide the size
MOST_BYTES = 4 * 2**30  # of all pictures together, in memory


@dataclass(frozen=True)
class ImageEncoder:
    """Pictures of a column become arrays of one size."""

    column: Column
    height: int
    width: int
    channels: int  # 1: grey, 3: red, green, blue
    configuration: str = ""  # of the pretrained network that reads them; empty where there is none
    folder: str = ""  # of its weights

    @property
    def shape(self) -> tuple[int, ...]:
        """Height, width and channels."""
        return (self.height, self.width, self.channels)

    @property
    def vocabulary(self) -> tuple[str, ...]:
        """Nothing: the numbers are amounts."""
        return ()

    def encode(self, cells: pl.Series, *, first_row: int = 0) -> UInt8[np.ndarray, "rows height width channels"]:
        """Return every picture; a missing one is black.

        Raises:
            DataError: a picture cannot be read, or all together are too large for the memory.
        """
        paths = present_text(cells, self.column)
        needed = len(cells) * self.height * self.width * self.channels
        if needed > MOST_BYTES:
            raise DataError(
                f'the {len(cells):,} pictures of column "{self.column.name}" must fit into {MOST_BYTES / 2**30:g} GB, '
                f"but take {needed / 2**30:.1f} GB at {self.height} x {self.width}; set data.image_size, such as 32"
            )
        pictures = np.zeros((len(cells), *self.shape), dtype=np.uint8)
        make = partial(decoded, height=self.height, width=self.width, channels=self.channels)
        all_decoded(paths, make, into=pictures, first_row=first_row, what="pictures", setting="data.broken_images")
        return pictures


def recognize(cells: Cells) -> Claim | None:
    """Claim text that names pictures, the first of which is there."""
    if not cells.is_text or not cells.present or not all(map(is_picture, cells.values)):
        return None
    if not Path(str(cells.column.drop_nulls()[0])).is_file():
        return None
    return Claim(why=f"all {cells.present} cells name pictures{missing_clause(cells)}", strength=STRENGTH)


def declare(cells: Cells) -> Claim:
    """Take the recipe's word for it; cells that are no text are a problem."""
    rest = pl.DataFrame({"value": cells.values, "count": cells.counts})
    problem = declared_problem(cells, rest, kind="image (paths of pictures)") if not cells.is_text and len(rest) else ""
    return Claim(why=f"declared in the recipe{missing_clause(cells)}", strength=STRENGTH, problem=problem)


def parse(cells: pl.Series, column: Column, *, first_row: int = 0) -> pl.Series:
    """Return paths, null where missing."""
    return present_text(cells, column)


def fit(paths: pl.Series, column: Column, settings: DataSettings) -> ImageEncoder:
    """Return the encoder of the size that the training pictures call for.

    Pictures of one size keep it, others become squares; either way the longer side is at most `data.image_size`.
    A pretrained network reads pictures of the size that it was trained on, or of a smaller one where it can.
    Those that cannot be read are left to `encode`, which tells of all of them at once.
    """
    if settings.image_encoder is not None:
        return _fit_pretrained(column, settings)
    present = paths.drop_nulls()
    looked = present.gather_every(max(1, -(-len(present) // LOOKED_AT))).to_list()
    found = [head for head in every(looked, measured) if isinstance(head, Measured)]
    sizes = {(head.height, head.width) for head in found} or {(1, 1)}
    assert settings.image_size != "auto"
    if len(sizes) > 1:
        side = min(settings.image_size, int(np.median([max(head.height, head.width) for head in found])))
        height = width = side
    else:
        (size,) = sizes
        scale = min(1.0, settings.image_size / max(size))
        height, width = (max(1, round(side * scale)) for side in size)
    return ImageEncoder(column, height, width, 1 if all(head.is_grey for head in found) else 3)


def _fit_pretrained(column: Column, settings: DataSettings) -> ImageEncoder:
    from fitwell.pretrained.backbones.folder import open_picture_model

    assert settings.image_encoder is not None
    assert settings.image_size != "auto"
    model = open_picture_model(settings.image_encoder)
    side = min(settings.image_size, model.side)
    if model.is_sized and side < model.side:
        raise DataError(
            f"the network in {settings.image_encoder} must see pictures of {model.side} x {model.side}, but "
            f"data.image_size is {settings.image_size}; leave it out"
        )
    return ImageEncoder(column, side, side, 3, configuration=model.as_text(), folder=settings.image_encoder)


def unreadable_rows(paths: pl.Series) -> Iterator[tuple[int, str]]:
    """Yield the places of the pictures that cannot be decoded, and why."""
    return undecoded(paths, partial(decoded, height=1, width=1, channels=1))


KIND = Kind(
    recognize=recognize, declare=declare, parse=parse, fit=fit, fitting=None, encoder=ImageEncoder, is_array=True
)
