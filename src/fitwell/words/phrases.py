"""Words that belong together become one: "new york" is read as new_york from then on.

Two neighbors are a phrase if they meet more often than their own frequencies explain. Three measures of that, with n
the counts and N all tokens: "count", (n_ab - least) N / (n_a n_b), is the original program's; "pmi" is the pointwise
mutual information, ln(n_ab N / (n_a n_b)), in nats; "npmi" is that divided by -ln(n_ab / N), between -1 and 1. Phrases
of three words and more come from calling the function again on its result.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
import numpy.typing as npt

from fitwell.errors import RequestError
from fitwell.words.encoded import AT_A_TIME, EncodedCorpus, ranked

Measure = Literal["count", "pmi", "npmi"]
Counts = npt.NDArray[np.float64]
Pairs = npt.NDArray[np.int64]  # of neighbors: the first's number times the number of words, plus the second's


def by_count(both: Counts, one: Counts, other: Counts, tokens: int, least: int) -> Counts:
    """Return (n_ab - least) N / (n_a n_b)."""
    return (both - least) * tokens / (one * other)


def by_pmi(both: Counts, one: Counts, other: Counts, tokens: int, _least: int) -> Counts:
    """Return the pointwise mutual information in nats."""
    return np.log(both * tokens / (one * other))


def by_npmi(both: Counts, one: Counts, other: Counts, tokens: int, least: int) -> Counts:
    """Return the pointwise mutual information as a share of its largest possible value."""
    return by_pmi(both, one, other, tokens, least) / -np.log(both / tokens)


MEASURES: dict[str, Callable[[Counts, Counts, Counts, int, int], Counts]] = {
    "count": by_count,
    "pmi": by_pmi,
    "npmi": by_npmi,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Phrases:
    """Pairs of words that are phrases, with their scores, the highest first."""

    words: list[tuple[str, str]]
    scores: Counts
    pairs: Pairs


def find_phrases(
    corpus: EncodedCorpus, *, measure: Measure = "count", threshold: float = 100.0, min_count: int = 5
) -> Phrases:
    """Return the neighbors that meet at least so often and score above the threshold.

    Usual thresholds are 100 for "count", 4 for "pmi" and 0.5 for "npmi".

    Raises:
        RequestError: the measure is unknown, or `min_count` is below 1.
    """
    if measure not in MEASURES:
        raise RequestError(f'the measure of phrases must be one of {", ".join(get_args(Measure))}, but is "{measure}"')
    if min_count < 1:
        raise RequestError(f"min_count must be at least 1, but is {min_count}")
    pairs, counts = _counted(corpus)
    often = counts >= min_count
    pairs, both = pairs[often], counts[often].astype(float)
    first, second = np.divmod(pairs, len(corpus.vocabulary))
    single = corpus.vocabulary.counts.astype(float)
    scores = MEASURES[measure](both, single[first], single[second], len(corpus.ids), min_count)
    order = np.argsort(-scores, kind="stable")[: np.count_nonzero(scores > threshold)]
    names = corpus.vocabulary.words
    words = [(names[a], names[b]) for a, b in zip(first[order].tolist(), second[order].tolist(), strict=True)]
    return Phrases(words=words, scores=scores[order], pairs=pairs[order])


def join_phrases(corpus: EncodedCorpus, phrases: Phrases, *, joint: str = "_") -> EncodedCorpus:
    """Return the corpus with each phrase as one word; where two overlap, the left one is taken."""
    known, names = len(corpus.vocabulary), list(corpus.vocabulary.words)
    places = dict(corpus.vocabulary.numbers)
    for one, other in phrases.words:
        if places.setdefault(one + joint + other, len(names)) == len(names):
            names.append(one + joint + other)
    order = np.argsort(phrases.pairs)
    pairs = phrases.pairs[order]
    joined = np.array([places[one + joint + other] for one, other in phrases.words], np.int32)[order]
    counts, ends, tokens = np.zeros(len(names), np.int64), list[npt.NDArray[np.int64]](), 0
    with tempfile.TemporaryFile() as spool:
        for ids, text_ends in _stretches(corpus):
            neighbors = _neighbors(ids, text_ends, known)
            place = np.minimum(np.searchsorted(pairs, neighbors), max(len(pairs) - 1, 0))
            starts = _left_first(pairs[place] == neighbors) if len(pairs) else np.zeros(len(neighbors), bool)
            now = ids.copy()
            now[:-1][starts] = joined[place[starts]]
            stays = np.ones(len(ids), bool)
            stays[1:] = ~starts
            counts += np.bincount(now[stays], minlength=len(names))
            spool.write(now[stays].data)
            ends.append(np.append(0, np.cumsum(stays))[text_ends] + tokens)
            tokens = int(ends[-1][-1])
        everything = np.concatenate(ends)
        return ranked(spool, words=names, counts=counts, ends=everything, tokenization=corpus.tokenization)


def _stretches(corpus: EncodedCorpus) -> Iterator[tuple[npt.NDArray[np.int32], npt.NDArray[np.int64]]]:
    """Yield the numbers of some whole texts at a time, and where each of these texts ends among them."""
    text = start = 0
    while text < len(corpus.ends):
        after = max(text + 1, int(np.searchsorted(corpus.ends, start + AT_A_TIME, side="right")))
        end = int(corpus.ends[after - 1])
        yield np.array(corpus.ids[start:end]), corpus.ends[text:after] - start
        text, start = after, end


def _neighbors(ids: npt.NDArray[np.int32], ends: npt.NDArray[np.int64], words: int) -> Pairs:
    """Return the pair that begins at each token but the last, or -1 where the next token is of another text."""
    pairs = ids[:-1].astype(np.int64) * words + ids[1:]
    within = ends[(ends > 0) & (ends < len(ids))]
    pairs[within - 1] = -1
    return pairs


def _counted(corpus: EncodedCorpus) -> tuple[Pairs, npt.NDArray[np.int64]]:
    pairs, counts = np.zeros(0, np.int64), np.zeros(0, np.int64)
    for ids, ends in _stretches(corpus):
        new, new_counts = np.unique(_neighbors(ids, ends, len(corpus.vocabulary)), return_counts=True)
        pairs, place = np.unique(np.concatenate([pairs, new]), return_inverse=True)
        counts = np.bincount(place, np.concatenate([counts, new_counts]), len(pairs)).astype(np.int64)
    return pairs[pairs >= 0], counts[pairs >= 0]


def _left_first(marked: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
    """Return the marks of which each excludes the next: of neighbors in a run, every other one from its left end."""
    places = np.arange(len(marked))
    run_start = np.maximum.accumulate(np.where(marked, -1, places)) + 1
    left: npt.NDArray[np.bool_] = marked & ((places - run_start) % 2 == 0)
    return left
