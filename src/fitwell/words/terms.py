"""Which features of a corpus are its terms, and how often each text has them: the limits are scikit-learn's."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np
import numpy.typing as npt
import scipy.sparse as sp

from fitwell.errors import DataError, RequestError
from fitwell.words.counting import Counts, count_new, ranks_by_name
from fitwell.words.features import Analysis
from fitwell.words.texts import Piece

LARGEST_INDEX = np.iinfo(np.int32).max


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Which features are terms: those in enough texts, but not too many; and of these, the most frequent ones."""

    min_df: float  # texts; with a fraction of 1, their share
    max_df: float
    max_features: int | None

    def __post_init__(self) -> None:
        """Refuse limits that mean nothing."""
        for name, limit in (("min_df", self.min_df), ("max_df", self.max_df)):
            if not (limit >= 1 if isinstance(limit, Integral) else 0 <= limit <= 1):
                raise RequestError(f"{name} must be a count from 1 up or a share from 0.0 to 1.0, but is {limit}")
        if self.max_features is not None and self.max_features < 1:
            raise RequestError(f"max_features must be at least 1, but is {self.max_features}")

    def texts(self, limit: float, total: int) -> float:
        """Return a limit as a number of texts."""
        return limit if isinstance(limit, Integral) else limit * total


@dataclass(frozen=True, kw_only=True, eq=False)
class TermCounts:
    """How often each text has each term. A row's entries stand in the order in which terms were first seen."""

    terms: list[str]  # ordered by name
    matrix: sp.csr_matrix  # (texts, terms)
    lengths: npt.NDArray[np.int64]  # (texts,): how many features each text has, terms or not


def fit_terms(
    pieces: Iterable[Piece], analysis: Analysis, limits: Limits, *, binary: bool, dtype: Any, threads: int
) -> TermCounts:
    """Return the terms of a corpus and their counts.

    Raises:
        DataError: there are no features, or the limits leave none.
    """
    counts, table = count_new(pieces, analysis, threads=threads)
    if not table.size:
        raise DataError(
            "the texts must hold words, but none is left; are there only stop words, or is the pattern odd?"
        )
    words = table.words()
    ranks = ranks_by_name(table, words)
    data = _data(counts, binary=binary, dtype=dtype)
    by_name = np.argsort(ranks)
    kept = _kept(counts, data, ranks, by_name, limits)
    numbers = np.cumsum(kept[by_name], dtype=np.int32)[ranks] - np.int32(1)
    features, ends = counts.features, counts.ends
    if not kept.all():
        stays = kept[features]
        ends = np.append(0, np.cumsum(stays))[ends]
        features, data = features[stays], data[stays]
    terms = [words[number] for number in by_name[kept[by_name]].tolist()]
    matrix = sparse_rows(data, numbers[features], ends, len(terms))
    return TermCounts(terms=terms, matrix=matrix, lengths=counts.lengths)


def known_terms(counts: Counts, terms: int, *, binary: bool, dtype: Any) -> sp.csr_matrix:
    """Return counts of terms that are numbered already."""
    return sparse_rows(_data(counts, binary=binary, dtype=dtype), counts.features, counts.ends, terms)


def sparse_rows(
    data: npt.NDArray[Any], columns: npt.NDArray[np.int32], ends: npt.NDArray[np.int64], width: int
) -> sp.csr_matrix:
    """Return rows as a SciPy matrix, with indices as narrow as scikit-learn takes them."""
    kind = np.int32 if ends[-1] <= LARGEST_INDEX else np.int64
    indices = (data, columns.astype(kind, copy=False), ends.astype(kind))
    return sp.csr_matrix(indices, shape=(len(ends) - 1, width))


def _data(counts: Counts, *, binary: bool, dtype: Any) -> npt.NDArray[Any]:
    return np.ones(len(counts.counts), dtype) if binary else counts.counts.astype(dtype)


def _kept(
    counts: Counts,
    data: npt.NDArray[Any],
    ranks: npt.NDArray[np.int32],
    by_name: npt.NDArray[np.int64],
    limits: Limits,
) -> npt.NDArray[np.bool_]:
    texts = len(counts.lengths)
    low, high = limits.texts(limits.min_df, texts), limits.texts(limits.max_df, texts)
    if high < low:
        raise RequestError(f"max_df must allow at least the texts of min_df, but of {texts} that is {high} and {low}")
    in_texts = np.bincount(counts.features, minlength=len(ranks))
    kept: npt.NDArray[np.bool_] = (in_texts <= high) & (in_texts >= low)
    if limits.max_features is not None and kept.sum() > limits.max_features:
        # Which of equally frequent terms stay is up to the sorting: so the same numbers are sorted in the same order.
        sums = np.asarray(sparse_rows(data, ranks[counts.features], counts.ends, len(ranks)).sum(axis=0)).ravel()
        candidates = np.flatnonzero(kept[by_name])
        chosen = candidates[(-sums[candidates]).argsort()[: limits.max_features]]
        kept = np.zeros(len(ranks), bool)
        kept[by_name[chosen]] = True
    if not kept.any():
        raise DataError(f"no term is in {low:g} to {high:g} of the {texts} texts; lower min_df or raise max_df")
    return kept
