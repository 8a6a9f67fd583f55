"""One pass over a table that streams: where each row belongs, what encoders need to know, and rows that stay.

A row's part is a hash of its number, or of its group's value. The parts that are measured stay in memory, and so does a
sample of the training rows: what is done with them (simple models, decisions, figures, explanations) is done as with
any table. Only training itself goes over all rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import numpy as np
import polars as pl
from jaxtyping import Bool, Float64, Int, UInt8

from fitwell.data.columns import KINDS
from fitwell.data.columns.cells import Column, Fitting
from fitwell.data.columns.text import encoded_bytes
from fitwell.data.encode import Encoders, encoders_of
from fitwell.data.hashing import uniform_of_rows, uniform_of_values
from fitwell.data.parquet import ParquetTable, Stretch, bytes_per_row, owned, read_stretch
from fitwell.data.schema import Schema
from fitwell.data.sketches import FrequentValues, Moments, joined, moments_of
from fitwell.data.split import validation_share
from fitwell.data.targets import KnownTarget, labelled_rows, parsed
from fitwell.errors import DataError
from fitwell.recipe import DataSettings

HELD_ROWS, HELD_BYTES = 200_000, 128 * 2**20  # of each part that is measured, and of the sample, in memory
COPIES = 4  # of encoded texts, about: as they are, in a part, and as the simple models take them
TOO_MANY = 4  # times the wanted rows, where whole groups go to a part
TRAINING, VALIDATION, TEST = range(3)
PARTS, SAMPLE = 0, 1  # streams of hashes: which part a row goes to, and whether it stays in memory


@dataclass(frozen=True, kw_only=True)
class Shares:
    """Which share of the rows goes where; what is left is trained on."""

    test: float
    validation: float
    sample: float  # of the training rows, which stays in memory too
    measured: float = 1.0  # of the rows of other parts, which stays in memory; what is left is not used
    bounded: str = ""  # how memory is bounded where less is measured than was asked for


@dataclass(frozen=True, kw_only=True, eq=False)
class Survey:
    """What one pass over all rows found."""

    shares: Shares
    encoders: Encoders  # fitted on all training rows
    targets: tuple[KnownTarget, ...]
    training: tuple[UInt8[np.ndarray, " bytes"], ...]  # of each stretch: a bit for each row, 1 where it is trained on
    training_rows: tuple[int, ...]  # of each stretch
    ordered: float  # the share of the first target's variance that lies between stretches, beyond chance
    without_target: int
    frame: pl.DataFrame  # the rows that stay
    source_rows: Int[np.ndarray, " kept"]  # their numbers in the table
    parts: Int[np.ndarray, " kept"]  # 0 training, 1 validation, 2 test


def survey(table: ParquetTable, schema: Schema, settings: DataSettings, *, seed: int) -> Survey:
    """Go over all rows once.

    Raises:
        DataError: a cell cannot be read as its column's kind, a group is missing, or a part is empty or too large.
    """
    columns = _columns(schema)
    row_bytes = bytes_per_row({name: table.types[name] for name in columns}) + table.text_bytes
    wanted = held_rows(row_bytes + COPIES * encoded_text_bytes(schema, settings))
    shares = shares_of(table.rows, settings, held=wanted)
    found = _Found(schema, settings)
    for stretch in table.stretches:
        frame = read_stretch(table, stretch, columns)
        known = labelled_rows(frame, schema, first_row=stretch.first_row)
        _require_weights(frame, schema, stretch)
        part = _parts(frame, schema, stretch, shares, seed=seed)
        stays = np.where(part == TRAINING, shares.sample, shares.measured)
        drawn = uniform_of_rows(stretch.first_row, stretch.rows, seed=seed, stream=SAMPLE) < stays
        found.add(frame, stretch, known, part, drawn)
        if max(found.held.values()) > TOO_MANY * max(wanted, 1000):
            raise DataError(_crowded(schema, found.held))
    return found.survey(shares)


def held_rows(row_bytes: int) -> int:
    """Return how many rows of a part stay in memory, where each takes so many bytes.

    >>> held_rows(8)
    200000
    """
    return max(1, min(HELD_ROWS, HELD_BYTES // row_bytes))


def encoded_text_bytes(schema: Schema, settings: DataSettings) -> int:
    """Return how many bytes the encoded texts of a row take at most."""
    return sum(encoded_bytes(settings) for column in schema.features if column.kind == "text")


def shares_of(rows: int, settings: DataSettings, *, held: int) -> Shares:
    """Return the shares that the settings ask for, of which at most about `held` rows of each part stay in memory.

    Where rows go their own ways the others are trained on; of whole groups, which would be too few, they are not used.

    >>> shares_of(100, DataSettings(), held=1000).sample
    1.0
    >>> shares = shares_of(1000, DataSettings(), held=50)
    >>> shares.test, shares.validation, round(shares.sample * 900)
    (0.05, 0.05, 50)
    >>> shares = shares_of(1000, DataSettings(group="x"), held=50)
    >>> shares.test, shares.validation, round(shares.measured * 150)
    (0.15, 0.15, 50)
    """
    given = settings.test is not None
    test, validation = 0.0 if given else settings.test_share, validation_share(settings, test_is_apart=given)
    most, measured, bounded = held / rows, 1.0, ""
    if most < max(test, validation) and settings.group is not None:
        measured = most / max(test, validation)
        bounded = f"{100 * measured:.1f} % of the rows that groups hold out are measured, which fit in memory"
    elif most < max(test, validation):
        test, validation = min(test, most), min(validation, most)
        bounded = "fewer are held out than the shares ask for, so that they fit in memory"
    sample = min(1.0, most / (1 - test - validation))
    return Shares(test=test, validation=validation, sample=sample, measured=measured, bounded=bounded)


class _Found:
    """What was found so far; every stretch adds to it."""

    def __init__(self, schema: Schema, settings: DataSettings) -> None:
        self._schema = schema
        self._fittings = [(column, _fitting(column, settings)) for column in schema.features]
        self._labels_of = [FrequentValues() for _ in schema.targets]
        self._values_of = [Moments() for _ in schema.targets]
        self._means: list[Moments] = []  # of the first target in each stretch; of classes, of being one of them
        self._first_label: str | None = None
        self._training: list[UInt8[np.ndarray, " bytes"]] = []
        self._training_rows: list[int] = []
        self._frames: list[pl.DataFrame] = []
        self._source_rows: list[Int[np.ndarray, " kept"]] = []
        self._parts: list[Int[np.ndarray, " kept"]] = []
        self._without_target = 0
        self.held = {VALIDATION: 0, TEST: 0}

    def add(
        self,
        frame: pl.DataFrame,
        stretch: Stretch,
        known: Int[np.ndarray, " labelled"],
        part: Int[np.ndarray, " rows"],
        drawn: Bool[np.ndarray, " rows"],
    ) -> None:
        is_known = np.zeros(len(frame), dtype=bool)
        is_known[known] = True
        is_training = is_known & (part == TRAINING)
        self._training.append(np.packbits(is_training))
        training = np.flatnonzero(is_training)
        self._training_rows.append(len(training))
        self._without_target += len(frame) - len(known)
        self._see_targets(frame, known, training)
        for column, fitting in self._fittings:
            values = KINDS[column.kind].parse(frame[column.name], column, first_row=stretch.first_row)
            fitting.add(values.gather(training))
        kept = np.flatnonzero(is_known & drawn)
        self._frames.append(owned(frame[kept]))
        self._source_rows.append(kept + stretch.first_row)
        self._parts.append(part[kept])
        for each in self.held:
            self.held[each] += int(np.count_nonzero(part[kept] == each))

    def _see_targets(
        self, frame: pl.DataFrame, known: Int[np.ndarray, " labelled"], training: Int[np.ndarray, " training"]
    ) -> None:
        for place, column in enumerate(self._schema.targets):
            cells = parsed(frame, column)
            if column.kind == "category":
                self._labels_of[place].add(cells.gather(known))
            else:
                values = cells.gather(training).cast(pl.Float64).to_numpy()
                self._values_of[place] = joined(self._values_of[place], moments_of(values))
            if place == 0 and len(training):
                self._means.append(moments_of(self._in_numbers(cells.gather(training))))

    def _in_numbers(self, cells: pl.Series) -> Float64[np.ndarray, " rows"]:
        if cells.dtype.is_numeric():
            return cells.cast(pl.Float64).to_numpy()
        if self._first_label is None:
            self._first_label = str(cells.mode().sort()[0])
        return (cells == self._first_label).cast(pl.Float64).to_numpy()

    def survey(self, shares: Shares) -> Survey:
        training_rows = sum(self._training_rows)
        parts = np.concatenate(self._parts)
        for part, name, share in ((VALIDATION, "validation", shares.validation), (TEST, "test", shares.test)):
            if share and not self.held[part]:
                raise DataError(_empty(self._schema, name, rows=training_rows + len(parts)))
        if not training_rows:
            raise DataError(_empty(self._schema, "training", rows=len(parts)))
        return Survey(
            shares=shares,
            encoders=encoders_of([fitting.encoder() for _, fitting in self._fittings], rows=training_rows),
            targets=tuple(self._known_targets()),
            training=tuple(self._training),
            training_rows=tuple(self._training_rows),
            ordered=_between(self._means),
            without_target=self._without_target,
            frame=pl.concat(self._frames, rechunk=True),
            source_rows=np.concatenate(self._source_rows),
            parts=parts,
        )

    def _known_targets(self) -> Iterator[KnownTarget]:
        for column, labels, values in zip(self._schema.targets, self._labels_of, self._values_of, strict=True):
            if labels.undercount:
                raise DataError(f'the target "{column.name}" has too many classes to count; predict numbers instead')
            yield KnownTarget(name=column.name, labels=dict(labels.counts().iter_rows()), values=values)


def _between(parts: Sequence[Moments]) -> float:
    """Return the share of the variance that lies between parts, less what chance alone puts there.

    >>> _between([Moments(2, 0.0, 0.0, 0.0, 0.0), Moments(2, 1.0, 0.0, 1.0, 1.0)])
    1.0

    Source: Kelley 1935, An unbiased correlation ratio measure (ε²).
    """
    whole = reduce(joined, parts)
    within, free = sum(part.squares for part in parts), whole.count - len(parts)
    if whole.squares == 0 or free <= 0:
        return 0.0
    return max(0.0, 1 - (within / free) / (whole.squares / (whole.count - 1)))


def _columns(schema: Schema) -> list[str]:
    further = [column for column in (schema.weight, schema.group) if column is not None]
    return list(dict.fromkeys(column.name for column in (*schema.features, *schema.targets, *further)))


def _fitting(column: Column, settings: DataSettings) -> Fitting:
    make = KINDS[column.kind].fitting
    if make is None:
        raise DataError(
            f'"{column.name}" is {column.kind}, which cannot be streamed yet; drop it with --drop, or let '
            "data.streaming be never"
        )
    return make(column, settings)


def _require_weights(frame: pl.DataFrame, schema: Schema, stretch: Stretch) -> None:
    if schema.weight is None:
        return
    weights = parsed(frame, schema.weight, first_row=stretch.first_row).cast(pl.Float64)
    negative = (weights < 0).fill_null(False)
    if negative.any():
        row = negative.arg_max()
        assert row is not None
        raise DataError(
            f'weights must be at least 0, but "{schema.weight.name}" is {weights[row]} in row '
            f"{stretch.first_row + row + 1}; name another column with --weight"
        )


def _parts(
    frame: pl.DataFrame, schema: Schema, stretch: Stretch, shares: Shares, *, seed: int
) -> Int[np.ndarray, " rows"]:
    if schema.group is None:
        place = uniform_of_rows(stretch.first_row, stretch.rows, seed=seed, stream=PARTS)
    else:
        place = _place_of_groups(frame[schema.group.name], stretch, seed=seed)
    return np.where(place < shares.test, TEST, np.where(place < shares.test + shares.validation, VALIDATION, TRAINING))


def _place_of_groups(groups: pl.Series, stretch: Stretch, *, seed: int) -> Float64[np.ndarray, " rows"]:
    if bad := groups.null_count():
        row = groups.is_null().arg_max()
        assert row is not None
        raise DataError(
            f'every row needs a group, but {bad} cells of "{groups.name}" are missing in {len(groups)} rows, the first '
            f"in row {stretch.first_row + row + 1}; drop those rows"
        )
    return uniform_of_values(groups, seed=seed, stream=PARTS)


def _crowded(schema: Schema, held: Mapping[int, int]) -> str:
    assert schema.group is not None, "rows that go their own ways do not crowd"
    return (
        f'rows that are not trained on stay in memory, but groups of "{schema.group.name}" stay whole and brought '
        f"{max(held.values()):,} of them to one part; name a finer group, or another seed"
    )


def _empty(schema: Schema, part: str, *, rows: int) -> str:
    if schema.group is None:
        return f"{part} rows are needed, but of {rows:,} rows none came to that part; bring more rows, or another seed"
    return (
        f'{part} rows are needed, but none of the groups of "{schema.group.name}" came to that part; '
        "bring more groups, or another seed"
    )
