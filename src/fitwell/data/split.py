"""Rows are divided once, before anything is learned: to train on, to decide when to stop, and to measure.

Three ideas carry every method. *Parts are wanted row counts*: shares become whole numbers that add up. *Units stay
whole*: a unit is a row, a group, or a moment; cutting a sequence of units near the wanted counts divides groups (in
random order) and times (latest first) alike. *Classes are spread by the quota rule*: a part gets floor or ceiling of
its share of each class, the leftover rows going to classes it would miss, then to the largest remainders.

Random order comes from uniform doubles of PCG64, which are the same on every platform and numpy version.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from jaxtyping import Int, Shaped

from fitwell.errors import DataError, RequestError
from fitwell.recipe import DataSettings, SplitName

OWN_STREAM = (0x5EED, 0xF17)
DRAWS = 32  # random orders of groups that are tried; the one that comes closest to the shares is taken
LABEL_SET_ROWS = 3  # label sets with fewer rows cannot be in all three parts


@dataclass(frozen=True, kw_only=True, eq=False)
class Split:
    """Row numbers of each part, ascending and without overlap, and how they came about."""

    train: Int[np.ndarray, " train_rows"]
    validation: Int[np.ndarray, " validation_rows"]
    test: Int[np.ndarray, " test_rows"]
    method: SplitName
    why: str

    @property
    def held_out(self) -> dict[str, Int[np.ndarray, " rows"]]:
        """The parts that are not trained on, validation first; a test part without rows is left out."""
        parts = {"validation": self.validation, "test": self.test}
        return {name: rows for name, rows in parts.items() if len(rows)}

    @property
    def measured(self) -> str:
        """The part that figures are for: the test part, or validation where there is none."""
        return "test" if len(self.test) else "validation"


@dataclass(frozen=True, kw_only=True, eq=False)
class Traits:
    """What may decide where a row goes; absent traits are None."""

    labels: Int[np.ndarray, "rows ..."] | None  # class codes, or 0/1 per label for several labels
    groups: Shaped[np.ndarray, " rows"] | None
    times: Shaped[np.ndarray, " rows"] | None
    classes: Sequence[object] | None  # what the class codes stand for, to name them in words


def split_rows(
    rows: int,
    settings: DataSettings,
    *,
    labels: Int[np.ndarray, "rows ..."] | None = None,
    groups: Shaped[np.ndarray, " rows"] | None = None,
    times: Shaped[np.ndarray, " rows"] | None = None,
    classes: Sequence[object] | None = None,
    seed: int,
) -> Split:
    """Every row is in exactly one part; with a given test file, `rows` are the others and the test part is empty.

    `data.split: auto` takes the first that applies: given, grouped, by time, stratified (where there are classes),
    random. The same arguments give the same split everywhere.

    >>> split = split_rows(10, DataSettings(), seed=0)
    >>> len(split.train), len(split.validation), len(split.test)
    (6, 2, 2)

    Raises:
        DataError: too few rows, groups or moments for the parts, or a missing group or time.
        RequestError: the method needs classes, groups or times, and there are none.
    """
    traits = Traits(labels=labels, groups=groups, times=times, classes=classes)
    method = _method(settings, traits)
    given = settings.test is not None or method == "given"
    sizes = _part_sizes(
        rows,
        test_share=0.0 if given else settings.test_share,
        validation_share=validation_share(settings, test_is_apart=given),
    )
    inner = _inner_method(traits) if method == "given" else method
    parts, why = DIVISIONS[inner](np.arange(rows), sizes, traits, _generator(seed))
    why += _unseen(parts[2], traits)
    if given:
        method, why = "given", f"the test rows come from a file of their own; of the others, {why}"
    return Split(train=parts[2], validation=parts[1], test=parts[0], method=method, why=why)


def folds(
    rows: int,
    settings: DataSettings,
    *,
    labels: Int[np.ndarray, "rows ..."] | None = None,
    groups: Shaped[np.ndarray, " rows"] | None = None,
    times: Shaped[np.ndarray, " rows"] | None = None,
    classes: Sequence[object] | None = None,
    seed: int,
) -> list[Split]:
    """Every row is in the test part of exactly one of `data.folds` splits; by time, the earliest rows are in none.

    By time the window expands: each test part is a block of consecutive moments, trained on everything before it.
    The rows outside a test part are divided into training and validation in the proportion of a plain split.

    >>> [split.test.tolist() for split in folds(8, DataSettings(folds=3), times=np.arange(8), seed=0)]
    [[2, 3], [4, 5], [6, 7]]

    Raises:
        DataError: fewer rows, groups or moments than the folds need.
        RequestError: the method needs classes, groups or times, and there are none.
    """
    traits = Traits(labels=labels, groups=groups, times=times, classes=classes)
    method = _method(settings, traits)
    count = settings.folds
    if count < 2:
        raise RequestError(f"cross-validation needs at least 2 folds, but data.folds is {count}; try 5")
    if rows < max(count, 3):
        raise DataError(f"{count} folds need at least {max(count, 3)} rows, but there are {rows}; lower data.folds")
    numbers, why = FOLDINGS[method](count, rows, traits, _generator(seed))
    splits = []
    for fold in range(count):
        test = np.flatnonzero(numbers == fold)
        rest = np.flatnonzero(numbers < fold if method == "time" else numbers != fold)
        sizes = _part_sizes(rest.size, test_share=0.0, validation_share=validation_share(settings, test_is_apart=True))
        parts, _ = DIVISIONS[method](rest, sizes, traits, _generator(seed, fold + 1))
        whole = f"fold {fold + 1} of {count}: {why}{_unseen(parts[2], traits)}"
        splits.append(Split(train=parts[2], validation=parts[1], test=test, method=method, why=whole))
    return splits


def _method(settings: DataSettings, traits: Traits) -> SplitName:
    if settings.split == "auto":
        return "given" if settings.test is not None else _inner_method(traits)
    needs = {
        "stratified": ("classes", traits.labels),
        "grouped": ("groups", traits.groups),
        "time": ("times", traits.times),
    }
    what, present = needs.get(settings.split, ("", ()))
    if present is None:
        raise RequestError(
            f"data.split is {settings.split}, which needs {what}, but there are none; try data.split: auto"
        )
    return settings.split


def _inner_method(traits: Traits) -> SplitName:
    if traits.groups is not None:
        return "grouped"
    if traits.times is not None:
        return "time"
    return "random" if traits.labels is None else "stratified"


def validation_share(settings: DataSettings, *, test_is_apart: bool) -> float:
    """Share of validation rows; among rows without test rows it is larger, so that its ratio to training stays."""
    return settings.validation_share / (1 - settings.test_share) if test_is_apart else settings.validation_share


def _generator(seed: int, stream: int = 0) -> np.random.Generator:
    """Return a stream of random numbers that is nobody else's.

    `default_rng(seed)` draws the same as a sequence of that seed and zeros. Rows that somebody drew with the seed of a
    split would be divided by what was drawn: the lowest tenths of their first column would be the test rows.
    """
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([seed, stream], spawn_key=OWN_STREAM)))


def _unseen(train: Int[np.ndarray, " rows"], traits: Traits) -> str:
    """Say how many classes training will not see: rare ones, or those of other groups or times; else nothing."""
    if traits.labels is None or traits.labels.ndim > 1:
        return ""
    absent = np.unique(traits.labels).size - np.unique(traits.labels[train]).size
    return f"; {absent} of the classes are not among the training rows" if absent else ""


def _shuffled(count: int, generator: np.random.Generator) -> Int[np.ndarray, " count"]:
    return np.argsort(generator.random(count), kind="stable")


def _part_sizes(rows: int, *, test_share: float, validation_share: float) -> list[int]:
    """Rows of test, validation and training; halves round up, and no part with a share is empty."""
    test, validation = (max(1, int(share * rows + 0.5)) if share > 0 else 0 for share in (test_share, validation_share))
    needed = 1 + (test > 0) + (validation > 0)
    if rows < needed:
        parts = "training, validation and test" if test and validation else "training and held-out rows"
        raise DataError(f"{parts} need at least {needed} rows, but there are {rows}; bring more rows")
    if test + validation >= rows:  # possible only for a handful of rows, by rounding up
        test, validation = min(test, 1), min(validation, 1)
    return [test, validation, rows - test - validation]


# --- one division into test, validation and training -------------------------------------------------------------

Parts = list[Int[np.ndarray, " part_rows"]]


def _random(
    rows: Int[np.ndarray, " rows"], sizes: list[int], traits: Traits, generator: np.random.Generator
) -> tuple[Parts, str]:
    order = rows[_shuffled(rows.size, generator)]
    return _in_order(order, sizes), "rows are divided at random"


def _stratified(
    rows: Int[np.ndarray, " rows"], sizes: list[int], traits: Traits, generator: np.random.Generator
) -> tuple[Parts, str]:
    assert traits.labels is not None
    codes, why = _strata(traits.labels[rows])
    if codes is None:
        parts, _ = _best_cut(np.arange(rows.size), rows, sizes, traits, generator)
        return parts, why
    _, codes, counts = np.unique(codes, return_inverse=True, return_counts=True)
    if traits.labels.ndim == 1:
        _require_rows_per_class(traits.labels[rows], sizes, traits.classes)
    kept = (
        1 if counts.size <= sizes[2] else 0
    )  # a row of each stratum for training; label sets may be too many for that
    test = _quotas(counts, sizes[0], counts - kept)
    validation = _quotas(counts, sizes[1], counts - kept - test)
    order = _shuffled(rows.size, generator)
    order = order[np.argsort(codes[order], kind="stable")]  # class by class, at random within
    place = np.arange(rows.size) - np.repeat(np.cumsum(counts) - counts, counts)  # place within its class
    in_test = place < np.repeat(test, counts)
    in_validation = ~in_test & (place < np.repeat(test + validation, counts))
    chosen = [in_test, in_validation, ~(in_test | in_validation)]
    return [np.sort(rows[order[part]]) for part in chosen], why


def _grouped(
    rows: Int[np.ndarray, " rows"], sizes: list[int], traits: Traits, generator: np.random.Generator
) -> tuple[Parts, str]:
    assert traits.groups is not None
    units, count = _units(traits.groups[rows], "group")
    needed = sum(size > 0 for size in sizes)
    if count < needed:
        raise DataError(
            f"groups stay whole, so {needed} parts need {needed} groups, but there are {count}; split by rows"
        )
    parts, deviation = _best_cut(units, rows, sizes, traits, generator)
    moved = f"{100 * deviation:.1f} % of the rows lie in another part than the exact shares ask for"
    return parts, f"{count} groups stay whole; {moved}"


def _by_time(
    rows: Int[np.ndarray, " rows"], sizes: list[int], traits: Traits, generator: np.random.Generator
) -> tuple[Parts, str]:
    assert traits.times is not None
    units, count = _units(traits.times[rows], "time")
    needed = sum(size > 0 for size in sizes)
    if count < needed:
        raise DataError(
            f"rows of one moment stay together, so {needed} parts need {needed} different times, "
            f"but there are {count}; "
            "name a finer time column, or split by rows"
        )
    latest_first = count - 1 - units
    parts = _cut_units(latest_first, np.bincount(latest_first, minlength=count), rows, sizes)
    return parts, "the latest rows are for testing, those before them for validation; rows of one moment stay together"


Division = Callable[[Int[np.ndarray, " rows"], list[int], Traits, np.random.Generator], tuple[Parts, str]]

DIVISIONS: dict[str, Division] = {
    "random": _random,
    "stratified": _stratified,
    "grouped": _grouped,
    "time": _by_time,
}


def _in_order(order: Int[np.ndarray, " rows"], sizes: list[int]) -> Parts:
    return [np.sort(part) for part in np.split(order, np.cumsum(sizes)[:-1])]


def _strata(labels: Int[np.ndarray, "rows ..."]) -> tuple[Int[np.ndarray, " rows"] | None, str]:
    """Return each row's stratum, or None where the label sets are too varied to be strata, and say which it was."""
    if labels.ndim == 1:
        return labels, "every class has its share of each part"
    _, codes, counts = np.unique(labels, axis=0, return_inverse=True, return_counts=True)
    codes = codes.ravel()
    rare = counts < LABEL_SET_ROWS
    if counts[rare].sum() * 2 > codes.size:
        return None, f"most label sets are rare, so rows are divided at random: the most even of {DRAWS} draws"
    codes = np.where(rare[codes], counts.size, codes)
    pooled = f"; {int(rare.sum())} rare sets count as one" if rare.any() else ""
    return codes, f"every set of labels has its share of each part{pooled}"


def _require_rows_per_class(
    labels: Int[np.ndarray, " rows"], sizes: list[int], classes: Sequence[object] | None
) -> None:
    """Refuse rows too few to have every class in training and still hold some out."""
    values, counts = np.unique(labels, return_counts=True)
    if counts.size <= sizes[2]:
        return
    rarest = int(np.argmin(counts))
    name = values[rarest] if classes is None else classes[int(values[rarest])]
    raise DataError(
        f"every class must be among the training rows and others held out, but {labels.size} rows have {counts.size} "
        f'classes (class "{name}" has {counts[rarest]} row{"s" if counts[rarest] > 1 else ""}); '
        "bring more rows, or merge classes"
    )


def _quotas(
    counts: Int[np.ndarray, " classes"], size: int, available: Int[np.ndarray, " classes"]
) -> Int[np.ndarray, " classes"]:
    """Share `size` rows among classes of `counts` rows: floor or ceiling of the exact quota, within what is available.

    Leftover rows go first to classes with at least three rows that would get none, then by the largest remainder
    (Hamilton's method); equal remainders favor the larger class, then the earlier.
    """
    exact = counts * size / max(1, counts.sum())
    taken: Int[np.ndarray, " classes"] = np.minimum(np.floor(exact + 1e-9).astype(np.int64), available)
    while (left := size - int(taken.sum())) > 0:
        missed = (taken == 0) & (counts >= 3)
        order = np.lexsort((-counts, -(exact - taken), ~missed))
        order = order[taken[order] < available[order]][:left]
        taken[order] += 1
    return taken


# --- units that stay whole -----------------------------------------------------------------------------------------


def _units(values: Shaped[np.ndarray, " rows"], what: str) -> tuple[Int[np.ndarray, " rows"], int]:
    """Return each row's unit, numbered in ascending order of the values, and how many there are."""
    missing = np.array([value is None for value in values]) if values.dtype == object else values != values
    if bad := int(np.count_nonzero(missing)):
        raise DataError(f"every row needs a {what}, but {bad} of {values.size} have none; drop those rows")
    distinct, units = np.unique(values, return_inverse=True)
    return units, distinct.size


def _bounds(unit_rows: Int[np.ndarray, " units"], sizes: Sequence[float]) -> list[int]:
    """Cut a sequence of units into consecutive parts near the wanted sizes; only parts of size 0 are empty."""
    reached = np.concatenate([[0], np.cumsum(unit_rows)])
    wanted = [size for size in sizes if size > 0]
    cuts = [0]
    for place, size in enumerate(wanted[:-1]):
        first, last = cuts[-1] + 1, len(unit_rows) - (len(wanted) - 1 - place)
        cuts.append(first + int(np.argmin(np.abs(reached[first : last + 1] - reached[cuts[-1]] - size))))
    cuts.append(len(unit_rows))
    ends = iter(cuts[1:])
    bounds = [0]
    for size in sizes:
        bounds.append(next(ends) if size > 0 else bounds[-1])
    return bounds


def _cut_units(
    places: Int[np.ndarray, " rows"],
    unit_rows: Int[np.ndarray, " units"],
    rows: Int[np.ndarray, " rows"],
    sizes: list[int],
) -> Parts:
    """Divide rows by the place of their unit in a sequence whose units hold `unit_rows` rows."""
    bounds = _bounds(unit_rows, sizes)
    return [rows[(places >= start) & (places < stop)] for start, stop in pairwise(bounds)]


def _best_cut(
    units: Int[np.ndarray, " rows"],
    rows: Int[np.ndarray, " rows"],
    sizes: list[int],
    traits: Traits,
    generator: np.random.Generator,
) -> tuple[Parts, float]:
    """Cut random orders of the units and return the parts closest to the shares, with their deviation from them."""
    marks = _marks(units, None if traits.labels is None else traits.labels[rows])
    best: tuple[float, float, Int[np.ndarray, " units"]] | None = None
    for _ in range(DRAWS):
        order = _shuffled(len(marks), generator)
        bounds = _bounds(marks[order, 0], sizes)
        held = np.stack([marks[order[a:b]].sum(axis=0) for a, b in pairwise(bounds)])
        shares = np.array(sizes)[:, None] / rows.size
        off = np.abs(held - shares * held.sum(axis=0))
        absent = np.count_nonzero((held[2] == 0) & (held.sum(axis=0) > 0))  # classes that training would not see
        score = 1e9 * absent + float((off / np.maximum(1, sizes)[:, None]).sum())
        if best is None or score < best[0]:
            best = (score, float(off[:, 0].sum()) / 2 / rows.size, order)
    assert best is not None
    places = np.empty(len(marks), dtype=np.int64)
    places[best[2]] = np.arange(len(marks))
    return _cut_units(places[units], marks[best[2], 0], rows, sizes), best[1]


def _marks(
    units: Int[np.ndarray, " rows"], labels: Int[np.ndarray, "rows ..."] | None
) -> Int[np.ndarray, "units marks"]:
    """Count each unit's rows (first column) and its rows of each class or label (the others)."""
    counts = [np.bincount(units)]
    if labels is not None and labels.ndim == 1:
        counts += [np.bincount(units[labels == value], minlength=counts[0].size) for value in np.unique(labels)]
    elif labels is not None:
        counts += [np.bincount(units[column != 0], minlength=counts[0].size) for column in labels.T]
    return np.stack(counts, axis=1)


# --- folds ---------------------------------------------------------------------------------------------------------


def _deal(strata: Int[np.ndarray, " rows"], count: int, generator: np.random.Generator) -> Int[np.ndarray, " rows"]:
    """Deal rows out to folds, stratum by stratum: sizes differ by one at most, overall and within each stratum."""
    order = _shuffled(strata.size, generator)
    order = order[np.argsort(strata[order], kind="stable")]
    numbers = np.empty(strata.size, dtype=np.int64)
    numbers[order] = np.arange(strata.size) % count
    return numbers


def _random_folds(
    count: int, rows: int, traits: Traits, generator: np.random.Generator
) -> tuple[Int[np.ndarray, " rows"], str]:
    return _deal(np.zeros(rows, dtype=np.int64), count, generator), "rows are divided at random"


def _stratified_folds(
    count: int, rows: int, traits: Traits, generator: np.random.Generator
) -> tuple[Int[np.ndarray, " rows"], str]:
    assert traits.labels is not None
    strata, why = _strata(traits.labels)
    return _deal(np.zeros(rows, dtype=np.int64) if strata is None else strata, count, generator), why


def _grouped_folds(
    count: int, rows: int, traits: Traits, generator: np.random.Generator
) -> tuple[Int[np.ndarray, " rows"], str]:
    """Give each group, largest first, to the fold with the fewest rows; equal sizes come in random order."""
    assert traits.groups is not None
    units, groups = _units(traits.groups, "group")
    if groups < max(count, 3):
        raise DataError(
            f"{count} folds of whole groups need {max(count, 3)} groups, but there are {groups}; lower data.folds"
        )
    unit_rows = np.bincount(units)
    order = _shuffled(groups, generator)
    order = order[np.argsort(-unit_rows[order], kind="stable")]
    lightest = [(0, fold) for fold in range(count)]
    fold_of = np.empty(groups, dtype=np.int64)
    for unit in order.tolist():
        held, fold = lightest[0]
        fold_of[unit] = fold
        heapq.heapreplace(lightest, (held + int(unit_rows[unit]), fold))
    return fold_of[units], f"{groups} groups stay whole"


def _time_folds(
    count: int, rows: int, traits: Traits, generator: np.random.Generator
) -> tuple[Int[np.ndarray, " rows"], str]:
    """Number blocks of consecutive moments; the rows before the first block have the number -1."""
    assert traits.times is not None
    units, moments = _units(traits.times, "time")
    if moments < count + 2:
        raise DataError(
            f"{count} folds by time need {count + 2} different times (training and validation come before the first), "
            f"but there are {moments}; lower data.folds"
        )
    block = rows / (count + 1)
    bounds = _bounds(np.bincount(units)[::-1], [block] * count + [block / 2] * 2)[1 : count + 1]
    latest_first = moments - 1 - units
    return count - 1 - np.searchsorted(
        bounds, latest_first, side="right"
    ), "each block of time is tested on what came before"


Folding = Callable[[int, int, Traits, np.random.Generator], tuple[Int[np.ndarray, " rows"], str]]

FOLDINGS: dict[str, Folding] = {
    "random": _random_folds,
    "stratified": _stratified_folds,
    "grouped": _grouped_folds,
    "time": _time_folds,
}
