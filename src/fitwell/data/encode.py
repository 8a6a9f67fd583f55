"""Cells become blocks of numbers; how is fitted on the training rows only and stays with the run.

Each column adds its entries to the blocks `numbers`, `flags` and `codes`, in the order of the schema; a column of
arrays (texts, images, sounds, series) has a block of its own. Encoding is the same at training and at prediction, and
one row never depends on another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl
from jaxtyping import Int, Shaped

from fitwell.data.columns import KINDS
from fitwell.data.columns.audio import AudioEncoder
from fitwell.data.columns.cells import ArrayEncoder, Encoder, PretrainedArrayEncoder
from fitwell.data.schema import Schema, column_from_json, column_to_json
from fitwell.errors import DataError, nearest
from fitwell.recipe import DataSettings, KindName

ENCODERS_VERSION = 1
BLOCKS = {"numbers": np.float32, "flags": np.float32, "codes": np.int64}
CHUNK = 65536  # rows; small enough that a chunk's entries stay in the cache while they are put side by side


@dataclass(frozen=True, kw_only=True)
class ArrayBlock:
    """The block of one column of arrays."""

    column: str
    kind: KindName
    shape: tuple[int, ...]  # of one row's array: height, width and channels of an image
    vocabulary: tuple[str, ...] = ()  # what its numbers stand for, from 1 on; empty where they are amounts
    configuration: str = ""  # of the pretrained network that takes its arrays; empty where there is none
    folder: str = ""  # of that network's weights
    rate: int = 0  # of a sound: samples per second


@dataclass(frozen=True, kw_only=True)
class FeatureLayout:
    """The widths of the encoded rows, and where their entries come from."""

    numbers: int
    flags: int
    cardinalities: tuple[int, ...]  # of each entry of `codes`: its codes are 0 to cardinality − 1
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # block -> the column of each entry
    arrays: Mapping[str, ArrayBlock] = field(default_factory=dict)  # blocks that one column has for itself

    @property
    def inputs(self) -> int:
        """How many entries the shared blocks have."""
        return self.numbers + self.flags + len(self.cardinalities)


@dataclass(frozen=True, kw_only=True)
class Encoders:
    """One fitted encoder for each feature that varied in training, in the order of the schema."""

    encoders: tuple[Encoder | ArrayEncoder, ...]

    @cached_property
    def shared(self) -> list[Encoder]:
        """Those whose columns share the blocks of `BLOCKS`."""
        return [encoder for encoder in self.encoders if not isinstance(encoder, ArrayEncoder)]

    @cached_property
    def arrays(self) -> dict[str, ArrayEncoder]:
        """Those whose columns have a block for themselves, by its name."""
        found = [encoder for encoder in self.encoders if isinstance(encoder, ArrayEncoder)]
        return {f"{encoder.column.kind}_{place}": encoder for place, encoder in enumerate(found)}

    @cached_property
    def layout(self) -> FeatureLayout:
        """The widths of what these encoders give."""
        names = {
            block: tuple(encoder.column.name for encoder in self.shared for _ in range(encoder.widths.get(block, 0)))
            for block in BLOCKS
        }
        return FeatureLayout(
            numbers=len(names["numbers"]),
            flags=len(names["flags"]),
            cardinalities=tuple(encoder.cardinality for encoder in self.shared if encoder.cardinality),
            names={block: entries for block, entries in names.items() if entries},
            arrays={block: _block_of(encoder) for block, encoder in self.arrays.items()},
        )


def _block_of(encoder: ArrayEncoder) -> ArrayBlock:
    return ArrayBlock(
        column=encoder.column.name,
        kind=encoder.column.kind,
        shape=encoder.shape,
        vocabulary=encoder.vocabulary,
        configuration=encoder.configuration if isinstance(encoder, PretrainedArrayEncoder) else "",
        folder=encoder.folder if isinstance(encoder, PretrainedArrayEncoder) else "",
        rate=encoder.rate if isinstance(encoder, AudioEncoder) else 0,
    )


def fit_encoders(
    frame: pl.DataFrame, schema: Schema, rows: Int[np.ndarray, " training"], settings: DataSettings
) -> Encoders:
    """Return the encoders of the schema's features, fitted on the given rows only.

    Raises:
        DataError: no feature varies in these rows, or a cell cannot be read.
    """
    encoders: list[Encoder | ArrayEncoder] = []
    for column in schema.features:
        kind = KINDS[column.kind]
        assert kind.fit is not None, column.kind
        encoders.append(kind.fit(kind.parse(_cells(frame, column.name), column).gather(rows), column, settings))
    return encoders_of(encoders, rows=len(rows))


def encoders_of(fitted: Sequence[Encoder | ArrayEncoder], *, rows: int) -> Encoders:
    """Return those of the encoders, fitted on so many rows, that give any entry.

    Raises:
        DataError: there are none, because no feature varies.
    """
    encoders = tuple(encoder for encoder in fitted if isinstance(encoder, ArrayEncoder) or encoder.widths)
    if not encoders:
        names = ", ".join(f'"{encoder.column.name}"' for encoder in fitted[:8])
        raise DataError(
            f"at least one feature must vary, but {names} each hold nothing that repeats or differs in the {rows} "
            "training rows; add rows or columns"
        )
    return Encoders(encoders=encoders)


def encode_features(
    frame: pl.DataFrame, encoders: Encoders, *, first_row: int = 0
) -> dict[str, Shaped[np.ndarray, "rows width"]]:
    """Return the blocks of the rows, in their order; blocks of width 0 are absent.

    Extra and reordered columns, unseen values and missing cells are fine. `first_row` is the place of the frame's first
    row where it is one batch of several, so that messages name the right row.

    Raises:
        DataError: a column is missing (the nearest name is offered), or a cell cannot be read as its column's kind.
    """
    columns = [_cells(frame, encoder.column.name) for encoder in encoders.shared]
    layout = encoders.layout
    blocks = {
        block: np.empty((len(frame), len(layout.names[block])), dtype=dtype)
        for block, dtype in BLOCKS.items()
        if block in layout.names
    }
    for start in range(0, len(frame), CHUNK):
        stop = min(start + CHUNK, len(frame))
        place = dict.fromkeys(blocks, 0)
        for cells, encoder in zip(columns, encoders.shared, strict=True):
            for block, entries in encoder.encode(cells[start:stop], first_row=first_row + start).items():
                width = entries.shape[1]
                blocks[block][start:stop, place[block] : place[block] + width] = entries
                place[block] += width
    for block, of_arrays in encoders.arrays.items():
        blocks[block] = of_arrays.encode(_cells(frame, of_arrays.column.name), first_row=first_row)
    return blocks


def encoders_to_json(encoders: Encoders) -> dict[str, Any]:
    """Return plain values that `encoders_from_json` reads back exactly."""
    return {"version": ENCODERS_VERSION, "encoders": [_encoder_to_json(encoder) for encoder in encoders.encoders]}


def encoders_from_json(values: Mapping[str, Any]) -> Encoders:
    """Return the encoders that plain values describe.

    Raises:
        KeyError, TypeError: the values are not what `encoders_to_json` wrote.
    """
    return Encoders(encoders=tuple(_encoder_from_json(encoder) for encoder in values["encoders"]))


def _encoder_to_json(encoder: Encoder | ArrayEncoder) -> dict[str, Any]:
    return {
        part.name: column_to_json(encoder.column) if part.name == "column" else getattr(encoder, part.name)
        for part in fields(encoder)  # type: ignore[arg-type]  # every encoder is a dataclass
    }


def _encoder_from_json(values: Mapping[str, Any]) -> Encoder | ArrayEncoder:
    column = column_from_json(values["column"])
    build = KINDS[column.kind].encoder
    assert build is not None, column.kind
    rest = {
        name: tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
        for name, value in values.items()
    }
    return build(**{**rest, "column": column})


def _cells(frame: pl.DataFrame, name: str) -> pl.Series:
    if name not in frame.columns:
        raise DataError(
            f'the column "{name}" is needed, but the data has {len(frame.columns)} columns without it'
            f"{nearest(name, frame.columns)}"
        )
    return frame[name]
