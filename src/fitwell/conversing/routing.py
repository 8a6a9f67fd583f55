"""How sure an answer of a FAQ is, and from where on it is given: learned from the FAQ's own questions.

Several questions may have one answer. Each of the nearest questions votes for its own, by its score s at a temperature
T: p(answer) = Σ exp(s / T) over its questions / Σ exp(s / T) over all. Every question of the FAQ is asked in turn,
itself left out; T makes −log p of its answer smallest on average, and the threshold is the least p from which on
answers are right as often as is wanted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from fitwell.search.value import Index

NEAREST = 10  # questions that vote
ASKED = 3000  # questions of a FAQ that are asked in turn, at most
FEWEST = 30  # of them that must have company, to choose a threshold by
WANTED = 0.95  # share of given answers that are right
COVERED = 0.5  # without labels: the share of a question's words of content that what is found must have
COLDEST, HOTTEST = 1e-3, 100.0
PREFERRED = ("sentences", "bm25", "tfidf", "words")  # ways of ranking whose scores say how near something is


@dataclass(frozen=True, kw_only=True)
class Routing:
    """How votes become answers."""

    by: str  # the way of ranking
    temperature: float
    threshold: float
    is_learned: bool  # from labels; else the threshold is one of words covered
    why: str


def way_of(index: Index) -> str:
    """Return the way of ranking that tells how near documents are: fusions of ranks do not."""
    return next(way for way in PREFERRED if way in index.settings.ways)


def codes_of(answers: Sequence[str]) -> Int[np.ndarray, " documents"]:
    """Return a number for each answer, equal ones alike."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(answer, len(numbers)) for answer in answers], np.int64)


def shares(
    scores: Float[np.ndarray, " nearest"], codes: Int[np.ndarray, " nearest"], *, temperature: float
) -> dict[int, float]:
    """Return the probability of each answer, by its number, the likeliest first.

    >>> found = shares(np.array([2.0, 2.0, 2.0]), np.array([7, 8, 7]), temperature=1.0)
    >>> {number: round(share, 6) for number, share in found.items()}
    {7: 0.666667, 8: 0.333333}
    """
    weights = np.exp(scores / temperature - logsumexp(scores / temperature))
    found = {int(code): float(weights[codes == code].sum()) for code in codes}
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def learned(index: Index, *, wanted: float = WANTED, seed: int = 0) -> Routing:
    """Return how an index routes questions: by its own labels where several questions share answers.

    Elsewhere the threshold is the usual one of words that are covered.
    """
    way = way_of(index)
    unlabelled = Routing(
        by=way,
        temperature=1.0,
        threshold=COVERED,
        is_learned=False,
        why=f"an answer must have {COVERED:.0%} of the question's words of content: no labels tell what suits",
    )
    if not index.answers:
        return unlabelled
    codes = codes_of(index.answers)
    often = np.bincount(codes)
    with_company = np.flatnonzero(often[codes] > 1)
    if len(with_company) < FEWEST:
        return unlabelled
    asked = np.random.default_rng(seed).permutation(with_company)[:ASKED]
    texts = [document.text for document in index.documents()]
    listing = index.ranked([texts[number] for number in asked], NEAREST + 1, by=way)
    votes = [
        _others(listing.documents[row], listing.scores[row], int(number)) for row, number in enumerate(asked.tolist())
    ]
    truths = codes[asked]

    def loss(log_temperature: float) -> float:
        temperature = float(np.exp(log_temperature))
        probabilities = [
            shares(scores, codes[documents], temperature=temperature).get(int(truth), 0.0) if len(scores) else 0.0
            for (documents, scores), truth in zip(votes, truths, strict=True)
        ]
        return float(-np.log(np.clip(probabilities, 1e-6, 1)).mean())

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded", options={"maxiter": 25})
    temperature = float(np.exp(found.x))
    best = [
        next(iter(shares(scores, codes[documents], temperature=temperature).items())) if len(scores) else (-1, 0.0)
        for documents, scores in votes
    ]
    sure = np.array([share for _, share in best])
    right = np.array([code for code, _ in best]) == truths
    threshold, reached = threshold_for(sure, right, wanted=wanted)
    given = float((sure >= threshold).mean())
    return Routing(
        by=way,
        temperature=temperature,
        threshold=threshold,
        is_learned=True,
        why=f"of {len(asked):,} questions of the FAQ, each asked with itself left out, {given:.0%} have an answer at "
        f"least so sure, of which {reached:.1%} are right",
    )


def _others(documents: np.ndarray, scores: np.ndarray, own: int) -> tuple[np.ndarray, np.ndarray]:
    kept = (documents >= 0) & (documents != own)
    return documents[kept][:NEAREST], scores[kept][:NEAREST]


def threshold_for(sure: Float[np.ndarray, " questions"], right: np.ndarray, *, wanted: float) -> tuple[float, float]:
    """Return the least threshold from which on answers are right as often as wanted, and how often they are.

    Where no threshold reaches that, the one at which they are right most often, of those that answer a tenth of the
    questions or more.

    >>> threshold_for(np.array([0.9, 0.8, 0.3]), np.array([True, True, False]), wanted=0.9)
    (0.8, 1.0)
    """
    order = np.argsort(-sure, kind="stable")
    ordered = sure[order]
    shares_right = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    last_of_equals = np.append(ordered[1:] != ordered[:-1], True)
    places = np.flatnonzero(last_of_equals)
    enough = places[shares_right[places] >= wanted]
    if len(enough):
        place = int(enough[-1])
    else:
        many = places[places + 1 >= max(1, len(order) // 10)]
        place = int(many[shares_right[many].argmax()])
    return float(ordered[place]), float(shares_right[place])
