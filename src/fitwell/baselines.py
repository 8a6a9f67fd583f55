"""The simple models that stand beside every network: if it is not better than these, it is not worth its trouble.

They learn from the same encoded training rows as the network and answer in the same form. scikit-learn is imported
when they are fitted, not before, and none of its warnings escapes: what did not go as usual is the baseline's `note`.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Int16, Shaped

from fitwell.data.encode import BLOCKS
from fitwell.data.sounds import FULL
from fitwell.recipe import TaskName

Features = Mapping[str, Shaped[np.ndarray, "rows ..."]]
Predict = Callable[[Features], Float[np.ndarray, "rows outputs"]]

ROWS_PER_THREAD = 50_000  # with fewer, threads wait for one another; on a busy machine that cost 100 times the work
LINEAR_ITERATIONS = 1_000
SPARSE_WIDTH = 256  # one-hot inputs wider than this are kept sparse
TREE_CATEGORIES = 255  # scikit-learn's trees tell no more categories of a column apart
TEXT_NDIM = 2  # axes of a block of words; one of terms has their weights too
FAINTEST = 1e-6  # power added to each frequency of a sound: that of 16 bits' rounding is far below
WINDOW = 256  # samples of a sound, of which the linear model sees the spectrum
AT_ONCE = 1_000  # rows of arrays that are summed up together
CELLS = 16  # along each side of an array, as the linear model sees it: means of what lies in a cell


@dataclass(frozen=True, kw_only=True, eq=False)
class Baseline:
    """A fitted simple model: `predict` maps encoded features to what the network gives for the same rows."""

    name: str
    what: str
    predict: Predict
    note: str = ""  # what did not go as usual while fitting; empty when all did


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """What one model learns one target from."""

    features: Features
    target: Shaped[np.ndarray, " rows"]  # class codes as int64, or numbers as float64
    classes: int  # 0: the target is a number
    weights: Float[np.ndarray, " rows"] | None
    seed: int


@dataclass(frozen=True, kw_only=True)
class Kind:
    """How one kind of baseline is fitted; the fitted model gives class probabilities, or one column of values."""

    what: str
    fit: Callable[[Sample], Predict]
    reads_arrays: bool = True  # else it is left out where there is nothing but arrays


def fit_baselines(
    features: Features,
    targets: Shaped[np.ndarray, "rows ..."],
    *,
    task: TaskName,
    outputs: int,
    rows: Int[np.ndarray, " train_rows"],
    weights: Float[np.ndarray, " rows"] | None,
    seed: int,
    threads: int,
) -> dict[str, Baseline]:
    """Fit every baseline of the table `BASELINES` on the given training rows.

    `targets` are class codes (rows,), labels 0/1 (rows, labels), or numbers (rows,) or (rows, targets), in the unit
    wanted back. `outputs` counts the classes, labels or targets. Predictions are (rows, outputs): probabilities of
    classes (binary has two) or labels, or values. Several labels or targets get one model each. A model takes at most
    `threads` threads, and one for small data.
    """
    columns = targets.reshape(len(targets), -1)[rows]
    by_class = task in ("binary", "multiclass")
    classes = outputs if by_class else 2 if task == "multilabel" else 0
    held = {block: values[rows] for block, values in features.items()}
    samples = [
        Sample(
            features=held,
            target=column.astype(np.float64 if task == "regression" else np.int64),
            classes=classes,
            weights=None if weights is None else weights[rows].astype(np.float64),
            seed=seed,
        )
        for column in columns.T
    ]
    fitted = {}
    has_entries = not BLOCKS.keys().isdisjoint(features)
    for name, kind in BASELINES.items():
        if not (kind.reads_arrays or has_entries):
            continue
        with _calm(threads, len(rows)) as said:
            models = [_fit_or_constant(kind, sample) for sample in samples]
        predict = _joined(models, by_class=by_class, threads=threads)
        fitted[name] = Baseline(
            name=name, what=kind.what, predict=predict, note="; ".join(sorted(_worded(said, samples)))
        )
    return fitted


def _fit_or_constant(kind: Kind, sample: Sample) -> Predict:
    return _constant(sample) if _has_one_class(sample) else kind.fit(sample)


def _has_one_class(sample: Sample) -> bool:
    counted = sample.target if sample.weights is None else sample.target[sample.weights > 0]
    return sample.classes > 0 and np.unique(counted).size < 2


def _joined(models: list[Predict], *, by_class: bool, threads: int) -> Predict:
    """Put the answers of the models side by side; of a label, the probability that it holds."""

    def predict(features: Features) -> Float[np.ndarray, "rows outputs"]:
        with _calm(threads, len(next(iter(features.values())))):
            answers = [model(features) for model in models]
        return answers[0] if by_class else np.concatenate([answer[:, -1:] for answer in answers], axis=1)

    return predict


@contextmanager
def _calm(threads: int, rows: int) -> Iterator[list[warnings.WarningMessage]]:
    """Keep warnings in a list, and thread pools as small as the rows deserve: idle threads spin and burn CPU."""
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(record=True) as said, threadpool_limits(min(threads, 1 + rows // ROWS_PER_THREAD)):
        warnings.simplefilter("always")
        yield said


def _worded(said: list[warnings.WarningMessage], samples: list[Sample]) -> set[str]:
    """Say what scikit-learn warned of, and which targets left nothing to tell apart."""
    notes = {
        f"not converged in {LINEAR_ITERATIONS} iterations"
        if warning.category.__name__ == "ConvergenceWarning"
        else " ".join(str(warning.message).split())
        for warning in said
    }
    if any(_has_one_class(sample) for sample in samples):
        notes.add("the training rows have one class only, so its share is predicted")
    return notes


# --- the models ----------------------------------------------------------------------------------------------------


def _constant(sample: Sample) -> Predict:
    """Predict the shares of the classes, or the mean, whatever the features."""
    if sample.classes:
        totals = np.bincount(sample.target, weights=sample.weights, minlength=sample.classes)
        answer = totals / totals.sum()
    else:
        answer = np.atleast_1d(np.average(sample.target, weights=sample.weights))
    return lambda features: np.tile(answer, (len(next(iter(features.values()))), 1))


def _linear(sample: Sample) -> Predict:
    """Fit logistic or ridge regression, with scikit-learn's default penalty, to all entries, codes as one-hot."""
    from sklearn.linear_model import LogisticRegression, Ridge

    widths, idf = _code_counts(sample.features), _idf_of_texts(sample.features)
    inputs = _linear_inputs(sample.features, widths, idf)
    if sample.classes:
        model: Any = LogisticRegression(max_iter=LINEAR_ITERATIONS)
    else:
        model = Ridge()
    model.fit(inputs, sample.target, sample_weight=sample.weights)
    return lambda features: _answers(model, _linear_inputs(features, widths, idf), sample.classes)


def _trees(sample: Sample) -> Predict:
    """Fit histogram gradient boosting with scikit-learn's defaults; codes are categories, missing ones missing."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    categories = _kept_categories(sample.features)
    inputs = _tree_inputs(sample.features, categories)
    is_category = np.arange(inputs.shape[1]) >= inputs.shape[1] - len(categories)
    # Its early stopping holds rows of each class out, which a class of one row does not allow.
    rare = sample.classes > 0 and np.unique(sample.target, return_counts=True)[1].min() < 2
    kind = HistGradientBoostingClassifier if sample.classes else HistGradientBoostingRegressor
    model = kind(
        categorical_features=is_category if is_category.any() else None,
        early_stopping=False if rare else "auto",
        random_state=sample.seed,
    )
    model.fit(inputs, sample.target, sample_weight=sample.weights)
    return lambda features: _answers(model, _tree_inputs(features, categories), sample.classes)


BASELINES: dict[str, Kind] = {
    "majority": Kind(what="always predicts the training rows' class shares, or their mean", fit=_constant),
    "linear": Kind(what="logistic regression, or ridge regression for numbers", fit=_linear),
    # One by one, the places of an array say little, and there are many of them.
    "trees": Kind(what="gradient-boosted trees (scikit-learn's HistGradientBoosting)", fit=_trees, reads_arrays=False),
}


def _answers(model: Any, inputs: Any, classes: int) -> Float[np.ndarray, "rows outputs"]:
    """Return the model's answers with a column for every class, also those it never saw."""
    if not classes:
        return np.asarray(model.predict(inputs), dtype=np.float64).reshape(-1, 1)
    full = np.zeros((inputs.shape[0], classes))
    full[:, model.classes_] = model.predict_proba(inputs)
    return full


# --- their inputs --------------------------------------------------------------------------------------------------


def _codes(features: Features) -> Int[np.ndarray, "rows width"]:
    rows = len(next(iter(features.values())))
    return features.get("codes", np.zeros((rows, 0), dtype=np.int64))


def _dense(features: Features) -> Float[np.ndarray, "rows width"]:
    blocks = [features[block] for block in ("numbers", "flags") if block in features]
    return np.concatenate([np.zeros((len(_codes(features)), 0)), *blocks], axis=1)


def _summed_up(block: Shaped[np.ndarray, "rows ... channels"], *, is_sound: bool) -> Float[np.ndarray, "rows width"]:
    """Return arrays as means over cells, sounds as means of their spectra; what lies between is never held of all."""
    summed = np.empty((0, 0))
    for start in range(0, max(1, len(block)), AT_ONCE):
        some = block[start : start + AT_ONCE]
        part = _in_cells(_spectra(some) if is_sound else some)
        if not start:
            summed = np.empty((len(block), part.shape[1]), dtype=part.dtype)
        summed[start : start + AT_ONCE] = part
    return summed


def _in_cells(arrays: Shaped[np.ndarray, "rows ... channels"]) -> Float[np.ndarray, "rows width"]:
    """Return the means of bytes (as shares of 255) or numbers over cells, at most so many along each axis but the last.

    >>> _in_cells(np.array([[[0, 51], [255, 51]]], dtype=np.uint8)).round(1)
    array([[0. , 0.2, 1. , 0.2]])
    """
    cells = arrays
    for axis in range(1, arrays.ndim - 1):
        size = -(-arrays.shape[axis] // CELLS)
        starts = np.arange(0, arrays.shape[axis], size)
        counts = np.diff([*starts, arrays.shape[axis]]).reshape(-1, *(1,) * (arrays.ndim - axis - 1))
        cells = np.add.reduceat(cells, starts, axis=axis, dtype=np.float32) / counts
    return cells.reshape(len(arrays), -1) / (255 if arrays.dtype == np.uint8 else 1)


def _spectra(waves: Int16[np.ndarray, "rows samples 1"]) -> Float[np.ndarray, "rows moments frequencies 1"]:
    """Return the logarithms of power of each frequency in windows that overlap by half."""
    samples = np.pad(waves[..., 0], ((0, 0), (0, max(0, WINDOW - waves.shape[1]))))
    taper = np.hanning(WINDOW).astype(np.float32) / FULL
    found = []
    for wave in samples:  # one by one, because the windows of all are many times as large
        windows = np.lib.stride_tricks.sliding_window_view(wave, WINDOW)[:: WINDOW // 2]
        found.append(np.log(np.abs(np.fft.rfft(windows * taper)) ** 2 + FAINTEST).astype(np.float32))
    return np.stack(found)[..., None]


def _code_counts(features: Features) -> list[int]:
    return [int(column.max(initial=0)) for column in _codes(features).T]


def _linear_inputs(features: Features, widths: list[int], idf: Mapping[str, Float[np.ndarray, " numbers"]]) -> Any:
    """Return numbers, flags, arrays, one-hot codes and TF-IDF of texts.

    Code 0 (missing, rare, unseen) and unknown ones have zeros.
    """
    arrays = [
        _summed_up(block, is_sound=name.startswith("audio_"))
        for name, block in features.items()
        if name not in BLOCKS and not _is_text(name)
    ]
    parts = [part for part in (_dense(features), *arrays) if part.shape[1]]
    # One part is not copied: of many pictures it is the largest thing in memory.
    dense = parts[0] if len(parts) == 1 else np.concatenate([_dense(features), *arrays], axis=1)
    if not sum(widths) and not idf:
        return dense
    codes = _codes(features)
    starts = np.cumsum([0, *widths])[:-1]
    row, column = np.nonzero((codes > 0) & (codes <= np.array(widths)))
    place = codes[row, column] - 1 + starts[column]
    if sum(widths) <= SPARSE_WIDTH and not idf:
        one_hot = np.zeros((len(codes), sum(widths)))
        one_hot[row, place] = 1.0
        return np.concatenate([dense, one_hot], axis=1)
    from scipy import sparse

    one_hot = sparse.csr_array((np.ones(row.size), (row, place)), shape=(len(codes), sum(widths)))
    texts = [_weighed(features[name], factors) for name, factors in idf.items()]
    return sparse.csr_array(sparse.hstack([sparse.csr_array(dense), one_hot, *texts], format="csr"))


def _is_text(block: str) -> bool:
    return block.startswith("text_")


def _idf_of_texts(features: Features) -> dict[str, Float[np.ndarray, " numbers"]]:
    """Return by what each term or word of the blocks of text is multiplied: terms are weighed already."""
    found = {}
    for name, block in features.items():
        if _is_text(name):
            size = int((block[..., 0] if block.ndim > TEXT_NDIM else block).max(initial=0))
            found[name] = np.ones(size) if block.ndim > TEXT_NDIM else _inverse_frequency(block, size)
    return found


def _inverse_frequency(numbers: Int[np.ndarray, "rows words"], size: int) -> Float[np.ndarray, " numbers"]:
    """Return ln((1 + texts) / (1 + texts with it)) + 1 of each word."""
    ordered = np.sort(numbers, axis=1)
    first = np.diff(ordered, axis=1, prepend=0) > 0  # of the same word in a text
    texts_with = np.bincount(ordered[first], minlength=size + 1)[1:]
    factors: Float[np.ndarray, " numbers"] = np.log((1 + len(numbers)) / (1 + texts_with)) + 1
    return factors


def _weighed(block: Shaped[np.ndarray, "rows ..."], idf: Float[np.ndarray, " numbers"]) -> Any:
    """Return a block of text as sparse rows, as wide as there are terms or words; unseen ones are left out.

    Some rows at a time, because the places of all entries take many times what they become.
    """
    from scipy import sparse

    starts = range(0, max(1, len(block)), AT_ONCE)
    return sparse.vstack([_weighed_part(block[start : start + AT_ONCE], idf) for start in starts], format="csr")


def _weighed_part(block: Shaped[np.ndarray, "rows ..."], idf: Float[np.ndarray, " numbers"]) -> Any:
    from scipy import sparse
    from sklearn.preprocessing import normalize

    is_weighed = block.ndim > TEXT_NDIM
    numbers = (block[..., 0] if is_weighed else block).astype(np.int32)
    row, place = np.nonzero((numbers > 0) & (numbers <= len(idf)))
    entry = numbers[row, place] - 1
    weights = block[row, place, 1].astype(np.float64) if is_weighed else np.ones(len(row))
    places = (row.astype(np.int32), entry)
    matrix = sparse.csr_array((weights, places), shape=(len(block), len(idf)))  # repeated words are added up
    return matrix if is_weighed else normalize(matrix @ sparse.diags_array(idf))


def _kept_categories(features: Features) -> list[Int[np.ndarray, " kept"]]:
    """Return each code column's most frequent categories, as many as trees can tell apart, ascending."""
    kept = []
    for column in _codes(features).T:
        values, counts = np.unique(column[column > 0], return_counts=True)
        kept.append(np.sort(values[np.argsort(-counts, kind="stable")[:TREE_CATEGORIES]]))
    return kept


def _tree_inputs(features: Features, categories: list[Int[np.ndarray, " kept"]]) -> Float[np.ndarray, "rows width"]:
    """Return numbers, flags and codes counted among the kept categories, NaN for all others."""
    columns = [_dense(features)]
    for column, kept in zip(_codes(features).T, categories, strict=True):
        place = np.searchsorted(kept, column)
        known = np.isin(column, kept)
        columns.append(np.where(known, place, np.nan)[:, None])
    return np.concatenate(columns, axis=1)
