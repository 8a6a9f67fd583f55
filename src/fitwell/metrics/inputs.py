"""The door of the room: labels, scores and weights are checked once, here, and trusted everywhere else."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import ArrayLike

from fitwell.errors import DataError

POSITIVE_WORDS = frozenset({"yes", "y", "true", "t", "positive", "pos", "1"})


def numbers(values: ArrayLike, *, what: str) -> Float[np.ndarray, " *shape"]:
    """Return the values as finite float64, or refuse them with the number of bad ones."""
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DataError(f"{what} must be numbers, but {error}; convert them first") from error
    if bad := int(np.count_nonzero(~np.isfinite(array))):
        raise DataError(f"{what} must be finite, but {bad} of {array.size} are missing or infinite; drop those rows")
    return array


def column(values: ArrayLike, *, what: str, rows: int | None = None) -> Float[np.ndarray, " rows"]:
    """Return finite numbers, one per row."""
    array = numbers(values, what=what)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.size == 0 or (rows is not None and array.size != rows):
        wanted = "at least one number per row" if rows is None else f"one number for each of the {rows} rows"
        raise DataError(f"{what} must hold {wanted}, but their shape is {array.shape}")
    return array


def row_weights(weights: ArrayLike | None, *, rows: int) -> Float[np.ndarray, " rows"]:
    """Return one weight per row, 1 where none are given; below 0 or all 0 is refused."""
    if weights is None:
        return np.ones(rows)
    array = column(weights, what="weights", rows=rows)
    if array.min() < 0 or array.max() == 0:
        raise DataError(f"weights must be 0 or more and not all 0, but they run from {array.min()} to {array.max()}")
    return array


def missing(labels: np.ndarray) -> Bool[np.ndarray, " rows"]:
    """Mark the labels that are missing: NaN, NaT, None, or a missing marker that compares with nothing."""
    if labels.dtype.kind != "O":
        return np.asarray(labels != labels) if labels.dtype.kind in "fM" else np.zeros(labels.size, dtype=bool)
    # pandas.NA == pandas.NA is neither True nor False, so the answer is read as text
    return np.array([value is None or str(value == value) != "True" for value in labels.tolist()])


def label_values(labels: ArrayLike) -> tuple[np.ndarray, Int[np.ndarray, " rows"]]:
    """Return the distinct labels, sorted, and each row's place among them; missing labels are refused."""
    array = np.asarray(labels)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1 or array.size == 0:
        raise DataError(f"labels must hold one value per row and at least one row, but their shape is {array.shape}")
    if bad := int(np.count_nonzero(missing(array))):
        raise DataError(f"every row needs a label, but {bad} of {array.size} have none; drop those rows")
    if array.dtype.kind in "biu" and int(array.max()) - int(array.min()) < 1000:  # counting, where sorting takes long
        places = array.astype(np.int64) - int(array.min())
        occurs = np.bincount(places) > 0
        return (np.flatnonzero(occurs) + int(array.min())).astype(array.dtype), (np.cumsum(occurs) - 1)[places]
    try:
        values, codes = np.unique(array, return_inverse=True)
    except TypeError as error:
        raise DataError(f"labels must be of one kind, but {error}; convert them to text first") from error
    return values, codes


def same_label(value: object, wanted: object) -> bool:
    """Tell whether two labels mean the same, also when one of them came as text (1 and "1", True and "true")."""
    return bool(value == wanted) or str(value).casefold() == str(wanted).casefold()


def positive_value(
    values: np.ndarray, counts: Float[np.ndarray, " values"] | Int[np.ndarray, " values"], *, positive: object = None
) -> object:
    """Return the label that counts as positive.

    The one that is given. Else, by the first rule that fits: True; 1; a word that says so ("yes", "true", "positive");
    the larger of two numbers; the less frequent of two texts, and of two equally frequent the later in the alphabet.

    >>> positive_value(np.array(["no", "yes"]), np.array([5.0, 7.0]))
    'yes'
    >>> positive_value(np.array(["bad", "good"]), np.array([3.0, 7.0]))
    'bad'
    """
    known: list[object] = values.tolist()
    if positive is not None:
        chosen = [value for value in known if same_label(value, positive)]
        return chosen[0] if chosen else positive
    if all(isinstance(value, bool) for value in known):
        return True
    if set(known) <= {0, 1}:
        return 1
    if len(known) != 2:
        shown = ", ".join(repr(value) for value in known[:5])
        raise DataError(
            f"without a positive label given there must be two different labels, but there are {len(known)} "
            f"({shown}); name the positive one"
        )
    saying = [value for value in known if isinstance(value, str) and value.strip().casefold() in POSITIVE_WORDS]
    if len(saying) == 1:
        return saying[0]
    if isinstance(known[0], (int, float)):
        return known[1]
    return known[0] if counts[0] < counts[1] else known[1]


def is_positive(labels: ArrayLike, *, positive: object = None) -> tuple[Bool[np.ndarray, " rows"], object]:
    """Say for each row whether it is positive, and which label that is; every other label counts as negative."""
    values, codes = label_values(labels)
    chosen = positive_value(values, np.bincount(codes, minlength=len(values)), positive=positive)
    is_chosen = np.array([bool(value == chosen) for value in values.tolist()])
    return np.asarray(is_chosen[codes]), chosen


def class_codes(labels: ArrayLike, *, classes: Sequence[object]) -> Int[np.ndarray, " rows"]:
    """Return each row's class as a place in `classes`; a label that is none of them is refused by name."""
    values, codes = label_values(labels)
    if len(classes) < 2 or len(set(classes)) != len(classes):
        raise DataError(f"classes must be two or more different labels, but they are {list(classes)!r}")
    places = {value: place for place, value in enumerate(classes)}
    texts = {str(value).casefold(): place for place, value in enumerate(classes)}
    table = [places.get(value, texts.get(str(value).casefold(), -1)) for value in values.tolist()]
    if -1 in table:
        stranger = values.tolist()[table.index(-1)]
        raise DataError(f"every label must be one of the {len(classes)} classes, but {stranger!r} is none of them")
    return np.asarray(np.array(table, dtype=np.int64)[codes])


def matrix(values: ArrayLike, *, what: str, shape: tuple[int, int]) -> Float[np.ndarray, "rows columns"]:
    """Return finite numbers of exactly this shape."""
    array = numbers(values, what=what)
    if array.shape != shape:
        raise DataError(f"{what} must have {shape[0]} rows and {shape[1]} columns, but their shape is {array.shape}")
    return array


def checked_confidence(confidence: float) -> float:
    """Return the confidence if it lies strictly between 0 and 1."""
    if not 0 < confidence < 1:
        raise DataError(f"confidence must lie between 0 and 1, but it is {confidence}; 0.95 is usual")
    return confidence
