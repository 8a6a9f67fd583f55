"""Before anything is trained, the data itself is asked what would make the result worthless.

A check is a function from the subject to notes and one line in the table `CHECKS`. A note says what was seen, with the
figures, and a way out. Silence on sound data matters as much as speaking on spoilt data: each threshold is a constant
here, with the reason for its value beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import polars as pl
from jaxtyping import Float, Int, Shaped

from fitwell.data.columns import KINDS
from fitwell.data.far_values import FEWEST_ROWS, far_values
from fitwell.data.probes import alone, auc, column_codes, skill, spread_folds, together
from fitwell.data.schema import Schema
from fitwell.data.split import Split
from fitwell.data.targets import parsed
from fitwell.recipe import TaskName

Severity = Literal["critical", "warning", "info"]

# Repeated rows flatter a figure by at most their share: a hundredth is about the interval of a figure on 5,000 rows.
REPEATED_SHARE, REPEATED_CRITICAL, REPEATED_ROWS = 0.01, 0.1, 3
# Equal rows may be a coincidence of coarse columns. Pairs that differ in column j alone tell how many equal pairs it
# would make: they times q / (1 - q), q being the chance that two cells of the column are equal. Exact for independent
# columns, and 0 for copies. Speak when coincidence explains less than half of the equal pairs.
COINCIDENCE = 0.5
# A leak leaves at most a twentieth of the error, and at most a quarter of what all other columns together leave, which
# is at least a twentieth: where others predict nearly perfectly too, the task is easy and nothing leaks.
LEAK_SKILL, LEAK_CRITICAL, LEAK_RATIO, EASY_ERROR = 0.95, 0.99, 4.0, 0.05
LEAK_ROWS, LEAK_CLASS_ROWS = 50, 10  # with fewer, a column can separate the classes by chance
PROBED_ROWS = 4000  # at most so many rows are looked at; standard errors are then below 0.01
DISTINCT_SHARE, IDENTIFIER_ROWS = 0.9, 50  # of a category's cells are different: nothing repeats that could be learned
RUNNING_SLACK = 1.05  # whole numbers without repeats that fill their range up to 5 % gaps count something
CONSTANT_SHARE = 0.995  # at most one row in 200 differs; rarer values still may matter, so the note only informs
IMBALANCE = 20.0  # largest to smallest class: predicting the largest alone is right in 95 % of two classes' rows
# Under five a column linear models suffer too (Vittinghoff & McCulloch 2007); under 50, intervals span tens of percent.
FEW_ROWS, ROWS_PER_COLUMN = 50, 5
# Told apart "clearly": surely more than 55 pairs of 100 right. Cross-fitted AUCs of nothing spread up to 1.5 times as
# wide as DeLong's standard error (300 random splits of six tables); with 99 % (2.58), chance alone speaks in about one
# of 5,000 random splits with 50 test rows, and more rarely with more.
DRIFT_AUC, DRIFT_ERRORS, DRIFT_ROWS, DRIFT_COLUMNS = 0.55, 2.58 * 1.5, 20, 3


@dataclass(frozen=True, kw_only=True)
class Note:
    """One thing that was seen in the data, the figures that say so, and what to do about it."""

    symptom: str
    severity: Severity
    column: str | None
    evidence: Mapping[str, float | int | str]
    text: str
    way_out: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """What is audited: rows as they were read, and what they are for.

    `split` numbers the rows of `frame`; rows of a separate test file follow the others. `targets` are class codes
    (rows,), labels 0/1 (rows, labels) or numbers (rows, targets), `names` the classes of class codes.
    """

    frame: pl.DataFrame
    schema: Schema
    split: Split
    targets: Shaped[np.ndarray, "rows ..."]
    task: TaskName
    names: Sequence[str] = ()
    parameters: int | None = None  # of the network that is to be trained; None: not known yet
    seed: int = field(default=0)


def audit(subject: Subject) -> list[Note]:
    """Return what every check of the table has to say, critical notes first."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):  # the matrices are small; more threads would only spin
        notes = [note for check in CHECKS.values() for note in check(subject)]
    order: dict[Severity, int] = {"critical": 0, "warning": 1, "info": 2}
    return sorted(notes, key=lambda note: order[note.severity])


# --- the target ----------------------------------------------------------------------------------------------------


def one_class(subject: Subject) -> Iterator[Note]:
    """Speak when a target has one value in a part: nothing to learn in training, nothing to measure elsewhere."""
    parts = {"training": subject.split.train, "validation": subject.split.validation, "test": subject.split.test}
    for name, column in _target_columns(subject):
        for part, rows in parts.items():
            if rows.size and np.all(column[rows] == column[rows[0]]):
                yield Note(
                    symptom="one_class",
                    severity="critical" if part == "training" else "warning",
                    column=name,
                    evidence={"part": part, "rows": int(rows.size)},
                    text=f'all {rows.size} {part} rows have the same value of "{name}"',
                    way_out="bring rows of other values, or divide the rows differently (data.split, seed)",
                )


def class_imbalance(subject: Subject) -> Iterator[Note]:
    """Speak when the largest class is at least 20 times the smallest; figures like accuracy then say little."""
    if subject.task == "regression":
        return
    for name, column in _target_columns(subject):
        counts = np.bincount(column[subject.split.train].astype(np.int64))
        present = np.flatnonzero(counts)
        if present.size < 2 or counts[present].max() < IMBALANCE * counts[present].min():
            continue
        rarest = int(present[np.argmin(counts[present])])
        named = subject.names[rarest] if subject.task != "multilabel" and subject.names else str(rarest)
        share = counts[rarest] / counts.sum()
        yield Note(
            symptom="class_imbalance",
            severity="warning",
            column=name,
            evidence={"class": named, "rows": int(counts[rarest]), "share": float(share), "largest": int(counts.max())},
            text=f'class "{named}" of "{name}" has {counts[rarest]} of {counts.sum()} training rows '
            f"({100 * share:.2f} %)",
            way_out="judge by pr_auc or mcc (goal: imbalanced), and try training.class_weights: balanced",
        )


def far_targets(subject: Subject) -> Iterator[Note]:
    """Speak when a few numbers to predict lie far from all others with none between: errors on them drown the rest."""
    if subject.task != "regression" or len(subject.targets) < FEWEST_ROWS:
        return
    for name, column in _target_columns(subject):
        rows, distances = far_values(column[:, None].astype(np.float64))
        if not rows.any():
            continue
        nearest, farthest = (float(end) for end in (distances[rows].min(), distances[rows].max()))
        first = ", ".join(str(row + 1) for row in np.flatnonzero(rows)[:5])
        yield Note(
            symptom="label_noise",
            severity="warning",
            column=name,
            evidence={"rows": int(rows.sum()), "nearest": nearest, "farthest": farthest},
            text=f'of {len(column)} values of "{name}", {rows.sum()} {"lies" if rows.sum() == 1 else "lie"} '
            f"{nearest:.0f}{f' to {farthest:.0f}' if rows.sum() > 1 else ''} spreads of the others away from the "
            f"median, with none between (row {first}{', ...' if rows.sum() > 5 else ''})",
            way_out="put right or leave out what was written wrong; where it is real, try training.loss: huber",
        )


def too_few_rows(subject: Subject) -> Iterator[Note]:
    """Speak when training rows are few for any model: under 50, or under five for each feature.

    Fewer rows than weights is no reason by itself: it holds for most networks on most tables, and stopping early tames
    it. The evidence tells both counts.
    """
    rows = int(subject.split.train.size)
    columns = len(subject.schema.features)
    if rows >= max(FEW_ROWS, ROWS_PER_COLUMN * columns):
        return
    known: dict[str, float | int | str] = {} if subject.parameters is None else {"parameters": subject.parameters}
    weights = "" if subject.parameters is None else f" for a network of {subject.parameters:,} weights"
    yield Note(
        symptom="too_few_rows",
        severity="warning",
        column=None,
        evidence={"rows": rows, "columns": columns, **known},
        text=f"there are {rows:,} training rows of {columns} columns{weights}",
        way_out="compare with the linear baseline, cross-validate (data.folds), or take a smaller network",
    )


# --- single columns ------------------------------------------------------------------------------------------------


def identifier_feature(subject: Subject) -> Iterator[Note]:
    """Speak of features that name the rows: categories that hardly repeat, or whole numbers that count."""
    for column in subject.schema.features:
        cells = subject.frame[column.name].drop_nulls()
        distinct = cells.n_unique()
        if len(cells) < IDENTIFIER_ROWS or distinct < DISTINCT_SHARE * len(cells):
            continue
        if column.kind != "category" and not (column.kind == "number" and _counts_rows(parsed(subject.frame, column))):
            continue
        yield Note(
            symptom="identifier_feature",
            severity="warning",
            column=column.name,
            evidence={"distinct": distinct, "cells": len(cells)},
            text=f'{distinct} of {len(cells)} cells of "{column.name}" are different: it names the rows',
            way_out=f"leave it out (--drop {column.name}), unless its order means something",
        )


def constant_column(subject: Subject) -> Iterator[Note]:
    """Speak once of all features that hold one value in at least 199 of 200 training rows."""
    train = subject.frame[subject.split.train]
    found = {column.name: train[column.name].value_counts(sort=True, name="rows") for column in subject.schema.features}
    constant = {name: counts for name, counts in found.items() if counts["rows"][0] >= CONSTANT_SHARE * len(train)}
    if not constant:
        return
    name, counts = next(iter(constant.items()))
    others = f", and {len(constant) - 1} more columns are much like it" if len(constant) > 1 else ""
    yield Note(
        symptom="constant_column",
        severity="info",
        column=name,
        evidence={
            "value": str(counts[name][0]),
            "rows": int(counts["rows"][0]),
            "of": len(train),
            "columns": ", ".join(constant),
        },
        text=f'"{name}" is "{counts[name][0]}" in {counts["rows"][0]} of {len(train)} training rows{others}',
        way_out=f"leave it out (--drop {name}), unless the rare rows are what matters",
    )


def target_leakage(subject: Subject) -> Iterator[Note]:
    """Speak when one column tells the target nearly perfectly and all others together do not, or renames the classes.

    Silent where the others do nearly as well (an easy task), where there are no others, and under 50 rows or 10 of a
    class. Skill is as in `probes.skill`, cross-fitted on at most 4,000 training and validation rows.
    """
    generator = _generator(subject, 1)
    rows = _sampled(np.concatenate([subject.split.train, subject.split.validation]), PROBED_ROWS, generator)
    if rows.size < LEAK_ROWS:
        return
    codes: dict[str, Int[np.ndarray, " rows"]] = {}
    for target, column in _target_columns(subject):
        wanted = _to_tell(column[rows], subject.task)
        if wanted is None:
            continue
        codes = codes or column_codes(subject.frame[rows], subject.schema.features)
        folds = spread_folds(column[rows].astype(np.float64), generator)
        found = {name: skill(alone(code, wanted, folds), wanted, subject.task) for name, code in codes.items()}
        suspects = {name: value for name, value in found.items() if value >= LEAK_SKILL}
        others = {name: code for name, code in codes.items() if name not in suspects}
        if not suspects or not others:
            continue
        best = max(found[name] for name in others)
        rest = max(best, skill(together(others, wanted, folds, numbers=_numbers(subject)), wanted, subject.task))
        for name, value in suspects.items():
            renames = subject.task != "regression" and _renames(codes[name], column[rows])
            if renames or 1 - rest >= max(LEAK_RATIO * (1 - value), EASY_ERROR):
                yield _leak(name, target, value, rest, best, rows.size)


def _leak(name: str, target: str, value: float, rest: float, best: float, rows: int) -> Note:
    return Note(
        symptom="target_leakage",
        severity="critical" if value >= LEAK_CRITICAL else "warning",
        column=name,
        evidence={"target": target, "skill": value, "skill_of_others": rest, "skill_of_best_other": best, "rows": rows},
        text=(
            f'"{name}" alone tells {100 * value:.1f} % of "{target}" on held-out rows, all other columns together '
            f"{100 * max(rest, 0):.1f} %: it may be made from the target, or be known only after it"
        ),
        way_out=f"leave it out (--drop {name}), unless it is known before the target is",
    )


# --- parts of the split --------------------------------------------------------------------------------------------


def split_leakage(subject: Subject) -> Iterator[Note]:
    """Speak when test rows (without these: validation rows) repeat training rows cell by cell, target aside.

    Silent where few columns of few values make equal rows a coincidence, which new rows will repeat as well.
    """
    held = subject.split.test if subject.split.test.size else subject.split.validation
    names = [column.name for column in subject.schema.features]
    if not held.size or not names:
        return
    hashes = [subject.frame[name].hash(seed=place + 1).to_numpy() for place, name in enumerate(names)]
    whole = np.stack(hashes).sum(axis=0, dtype=np.uint64)  # modulo 2**64, so that one column can be taken out again
    twins = _twins(whole, subject.split.train, held)
    repeated = int(np.count_nonzero(twins))
    if repeated < REPEATED_ROWS or repeated < REPEATED_SHARE * held.size:
        return
    pairs = int(twins.sum())
    chances = (_coincidences(whole, column, subject.split.train, held, pairs=pairs) for column in hashes)
    if max(chances) >= COINCIDENCE * pairs:
        return
    for place, column in enumerate(subject.schema.targets):
        whole = whole + subject.frame[column.name].hash(seed=len(names) + place + 1).to_numpy()
    equal = int(np.count_nonzero(_twins(whole, subject.split.train, held)))
    share = repeated / held.size
    part = "test" if subject.split.test.size else "validation"
    yield Note(
        symptom="split_leakage",
        severity="critical" if share >= REPEATED_CRITICAL else "warning",
        column=None,
        evidence={"rows": repeated, "share": share, "with_equal_target": equal, "part": part},
        text=f"{repeated} of {held.size} {part} rows ({100 * share:.1f} %) repeat a training row, "
        f"{equal} with the same target",
        way_out="remove the repeated rows, or keep copies on one side (data.group)",
    )


def drift(subject: Subject) -> Iterator[Note]:
    """Speak when a classifier tells test rows from training rows clearly better than by chance."""
    generator = _generator(subject, 2)
    train = _sampled(subject.split.train, PROBED_ROWS // 2, generator)
    test = _sampled(subject.split.test, PROBED_ROWS // 2, generator)
    by_time = subject.split.method == "time" and subject.schema.time is not None
    order = subject.schema.time.name if by_time and subject.schema.time is not None else None
    columns = tuple(
        column for column in subject.schema.features if column.name != order and not KINDS[column.kind].is_array
    )
    if min(train.size, test.size) < DRIFT_ROWS or not columns:
        return
    rows = np.concatenate([train, test])
    is_test = np.repeat([0.0, 1.0], [train.size, test.size])
    folds = spread_folds(is_test, generator)
    codes = column_codes(subject.frame[rows], columns)
    value, error = auc(together(codes, is_test[:, None], folds, numbers=_numbers(subject))[:, 0], is_test)
    low, high = value - DRIFT_ERRORS * error, min(1.0, value + DRIFT_ERRORS * error)
    if low <= DRIFT_AUC:
        return
    single = {name: auc(alone(code, is_test[:, None], folds)[:, 0], is_test)[0] for name, code in codes.items()}
    most = sorted(single, key=lambda name: -single[name])[:DRIFT_COLUMNS]
    meant = subject.split.method in ("time", "grouped")
    yield Note(
        symptom="drift",
        severity="info" if meant else "warning",
        column=most[0],
        evidence={"roc_auc": value, "low": low, "high": high, **{f"roc_auc of {name}": single[name] for name in most}},
        text=(
            f"test rows can be told from training rows (ROC-AUC {value:.2f}, {low:.2f} to {high:.2f}), most by "
            + ", ".join(f'"{name}" ({single[name]:.2f})' for name in most)
        ),
        way_out=(
            "figures show how the network does on such other rows; that is what this split is for"
            if meant
            else "find out how the test rows were chosen; leave out columns that only say when or where a row is from"
        ),
    )


Check = Callable[[Subject], Iterator[Note]]

CHECKS: dict[str, Check] = {
    "one_class": one_class,
    "class_imbalance": class_imbalance,
    "label_noise": far_targets,
    "target_leakage": target_leakage,
    "split_leakage": split_leakage,
    "identifier_feature": identifier_feature,
    "constant_column": constant_column,
    "too_few_rows": too_few_rows,
    "drift": drift,
}


def _generator(subject: Subject, stream: int) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence([subject.seed, stream])))


def _sampled(rows: Int[np.ndarray, " rows"], most: int, generator: np.random.Generator) -> Int[np.ndarray, " sampled"]:
    return rows if rows.size <= most else np.sort(rows[np.argsort(generator.random(rows.size), kind="stable")[:most]])


def _numbers(subject: Subject) -> frozenset[str]:
    return frozenset(column.name for column in subject.schema.features if column.kind in ("number", "date"))


def _target_columns(subject: Subject) -> Iterator[tuple[str, Shaped[np.ndarray, " rows"]]]:
    columns = subject.targets.reshape(len(subject.targets), -1).T
    yield from zip((column.name for column in subject.schema.targets), columns, strict=True)


def _to_tell(column: Shaped[np.ndarray, " rows"], task: TaskName) -> Float[np.ndarray, "rows outputs"] | None:
    """Return what a probe predicts: a class's indicator, one per class, or ranks; None where too few rows differ."""
    if task == "regression":
        values, places, counts = np.unique(column, return_inverse=True, return_counts=True)
        ranks = (np.cumsum(counts) - counts / 2)[places] / column.size
        return np.asarray(ranks)[:, None] if values.size > 1 else None
    classes, counts = np.unique(column, return_counts=True)
    # Two classes with enough rows make a rare third one no reason for silence.
    if classes.size < 2 or np.sort(counts)[-2] < LEAK_CLASS_ROWS:
        return None
    told = classes if task == "multiclass" else classes[1:]
    return np.asarray(column[:, None] == told, dtype=np.float64)


def _renames(codes: Int[np.ndarray, " rows"], column: Shaped[np.ndarray, " rows"]) -> bool:
    """Tell whether a feature has one value for each class: then it is the target, however easy the task may be."""
    pairs = np.unique(np.stack([codes, column.astype(np.int64)]), axis=1).shape[1]
    return bool(pairs == np.unique(codes).size == np.unique(column).size)


def _counts_rows(values: pl.Series) -> bool:
    known = values.drop_nulls().cast(pl.Float64).to_numpy()
    whole = bool(np.all(known == np.floor(known))) and np.unique(known).size == known.size
    return whole and float(np.ptp(known)) + 1 <= RUNNING_SLACK * known.size


def _coincidences(
    whole: Shaped[np.ndarray, " rows"],
    column: Shaped[np.ndarray, " rows"],
    train: Int[np.ndarray, " train_rows"],
    held: Int[np.ndarray, " held_rows"],
    *,
    pairs: int,
) -> float:
    """Return how many of the equal pairs one column would make by chance of those that are equal in all others."""
    shares = np.unique(column, return_counts=True)[1] / column.size
    equal = float(shares @ shares)
    differing = int(_twins(whole - column, train, held).sum()) - pairs
    return differing * equal / (1 - equal) if equal < 1 else 0.0


def _twins(
    hashes: Shaped[np.ndarray, " rows"], train: Int[np.ndarray, " train_rows"], held: Int[np.ndarray, " held_rows"]
) -> Int[np.ndarray, " held_rows"]:
    """Count, for each held-out row in the order of the hashes, the training rows of the same hash."""
    ordered, sought = np.sort(hashes[train]), np.sort(hashes[held])  # neighbors are found near each other: much faster
    first, last = (np.searchsorted(ordered, sought, side=side) for side in ("left", "right"))
    return np.asarray(last - first)
