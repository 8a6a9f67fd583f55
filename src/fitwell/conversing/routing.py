"""How sure an answer of a FAQ is, and from where on it is given: learned from the FAQ's own questions.

Several questions may have one answer. By each way of ranking the nearest questions vote for their own, by their scores
s at a temperature T: p(answer) = Σ exp(s / T) over its questions / Σ exp(s / T) over all. What the ways say is mixed,
each by a weight. Every question of the FAQ is asked in turn, itself left out; each T makes −log p of its answer
smallest on average, and so do the weights, found by expectation and maximization; the threshold is the least p from
which on answers are right as often as is wanted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from fitwell.errors import RequestError
from fitwell.search.contents import Hit
from fitwell.search.value import Index

NEAREST = 10  # questions that vote
ASKED = 3000  # questions of a FAQ that are asked in turn, at most
FEWEST = 30  # of them that must have company, to choose a threshold by
WANTED = 0.95  # share of given answers that are right
COVERED = 0.5  # without labels: the share of a question's words of content that what is found must have
COLDEST, HOTTEST = 1e-3, 100.0
UNHEARD = 1e-6  # probability of an answer that nobody votes for
ROUNDS = 100  # of expectation and maximization
LEAST = 0.01  # weight of a way that is heard
PREFERRED = ("sentences", "bm25", "tfidf", "words")  # ways of ranking whose scores say how near something is


@dataclass(frozen=True, kw_only=True)
class Voting:
    """How the nearest questions by one way of ranking vote, and how much it counts beside others."""

    by: str
    temperature: float = 1.0
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Routing:
    """How votes become answers."""

    votings: tuple[Voting, ...]  # weights add up to 1
    threshold: float
    is_learned: bool  # from labels; else the threshold is one of words covered
    why: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """Questions of a FAQ that were asked, and which others were nearest."""

    truths: NDArray[np.int64]  # (questions,): numbers of their answers
    codes: NDArray[np.int64]  # (questions, nearest): numbers of the answers of the nearest
    scores: NDArray[np.float64]  # (questions, nearest): of the nearest, -inf where there are no more

    def probabilities(self, temperature: float) -> NDArray[np.float64]:
        """Return the probability of each right answer, 0 where nothing is near."""
        weights = self._weights(temperature)
        found: NDArray[np.float64] = (weights * (self.codes == self.truths[:, None])).sum(axis=1)
        return found

    def shares(self, temperature: float) -> list[dict[int, float]]:
        """Return the probabilities of the answers to each question."""
        heard = np.isfinite(self.scores)
        return [
            shares(scores[kept], codes[kept], temperature=temperature)
            for scores, codes, kept in zip(self.scores, self.codes, heard, strict=True)
        ]

    def _weights(self, temperature: float) -> NDArray[np.float64]:
        best = self.scores.max(axis=1, keepdims=True)
        weights = np.exp((self.scores - np.where(np.isfinite(best), best, 0)) / temperature)
        found: NDArray[np.float64] = weights / weights.sum(axis=1, keepdims=True).clip(1e-300)
        return found


def codes_of(answers: Sequence[str]) -> NDArray[np.int64]:
    """Return a number for each answer, equal ones alike."""
    numbers: dict[str, int] = {}
    return np.array([numbers.setdefault(answer, len(numbers)) for answer in answers], np.int64)


def shares(scores: NDArray[np.float64], codes: NDArray[np.int64], *, temperature: float) -> dict[int, float]:
    """Return the probability of each answer, by its number, the likeliest first.

    >>> found = shares(np.array([2.0, 2.0, 2.0]), np.array([7, 8, 7]), temperature=1.0)
    >>> {number: round(share, 6) for number, share in found.items()}
    {7: 0.666667, 8: 0.333333}
    """
    if not len(scores):
        return {}
    weights = np.exp(scores / temperature - logsumexp(scores / temperature))
    found = {int(code): float(weights[codes == code].sum()) for code in codes}
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def mixed(parts: Sequence[Mapping[int, float]], weights: Sequence[float]) -> dict[int, float]:
    """Return what several ways say, each by its weight, the likeliest answer first.

    >>> mixed([{7: 1.0}, {7: 0.5, 8: 0.5}], [0.5, 0.5])
    {7: 0.75, 8: 0.25}
    """
    found: dict[int, float] = {}
    for part, weight in zip(parts, weights, strict=True):
        for code, share in part.items():
            found[code] = found.get(code, 0.0) + weight * share
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def voted(routing: Routing, hits: Sequence[Sequence[Hit]], codes: Mapping[str, int]) -> dict[int, float]:
    """Return the probability of each answer, the likeliest first, by what each voting has found.

    `codes` has the number of the answer of each document, by its id.
    """
    parts = [
        shares(
            np.array([hit.score for hit in some]),
            np.array([codes[hit.id] for hit in some]),
            temperature=each.temperature,
        )
        for each, some in zip(routing.votings, hits, strict=True)
    ]
    return mixed(parts, [each.weight for each in routing.votings])


def learned(index: Index, *, by: str | None = None, wanted: float = WANTED, seed: int = 0) -> Routing:
    """Return how an index routes questions: by its own labels where several questions share answers.

    Elsewhere the threshold is the usual one of words that are covered. `by` names the one way of ranking that is heard.

    Raises:
        RequestError: it is none of the index, or a fusion, whose scores do not say how near something is.
    """
    ways = [way for way in PREFERRED if way in index.settings.ways]
    if by is not None and by not in ways:
        raise RequestError(
            f"votes of a FAQ's questions need scores that say how near they are, of {', '.join(ways)}; {by} has none"
        )
    ways = [by] if by is not None else ways
    unlabelled = Routing(
        votings=(Voting(by=ways[0]),),
        threshold=COVERED,
        is_learned=False,
        why=f"an answer must have {100 * COVERED:.0f} % of the question's words of content; no labels tell more",
    )
    if not index.answers:
        return unlabelled
    codes = codes_of(index.answers)
    with_company = np.flatnonzero(np.bincount(codes)[codes] > 1)
    if len(with_company) < FEWEST:
        return unlabelled
    numbers = np.random.default_rng(seed).permutation(with_company)[:ASKED]
    asked = [_asked(index, numbers, codes, way) for way in ways]
    temperatures = [_temperature(each) for each in asked]
    probabilities = np.stack([each.probabilities(heat) for each, heat in zip(asked, temperatures, strict=True)])
    weights = weights_of(probabilities)
    parts = zip(*(each.shares(heat) for each, heat in zip(asked, temperatures, strict=True)), strict=True)
    best = [next(iter(mixed(part, weights).items()), (-1, 0.0)) for part in parts]
    sure = np.array([share for _, share in best])
    right = np.array([code for code, _ in best]) == codes[numbers]
    threshold, reached = threshold_for(sure, right, wanted=wanted)
    given = float((sure >= threshold).mean())
    votings = [
        Voting(by=way, temperature=heat, weight=weight)
        for way, heat, weight in zip(ways, temperatures, weights, strict=True)
        if weight > 0
    ]
    return Routing(
        votings=tuple(votings),
        threshold=threshold,
        is_learned=True,
        why=f"of {len(numbers):,} questions of the FAQ, each asked with itself left out, {100 * given:.0f} % have an "
        f"answer at least so sure, of which {100 * reached:.1f} % are right",
    )


def weights_of(probabilities: NDArray[np.float64]) -> list[float]:
    """Return the weights at which what the ways say of right answers has the largest likelihood, mixed.

    Expectation and maximization; those of ways that hardly count are 0.

    >>> weights_of(np.array([[0.8, 0.8, 0.8], [0.1, 0.1, 0.1]]))
    [1.0, 0.0]
    """
    clipped = probabilities.clip(UNHEARD)
    weights = np.full(len(clipped), 1 / len(clipped))
    for _ in range(ROUNDS):
        parts = weights[:, None] * clipped
        weights = (parts / parts.sum(axis=0)).mean(axis=1)
    weights = np.where(weights < LEAST, 0, weights)
    return (weights / weights.sum()).tolist()  # type: ignore[no-any-return]


def _asked(index: Index, numbers: np.ndarray, codes: np.ndarray, way: str) -> Asked:
    """Return the questions of these numbers, asked by a way of ranking, and their nearest but for themselves."""
    listing = index.alike(numbers, NEAREST + 1, by=way)
    others = (listing.documents >= 0) & (listing.documents != numbers[:, None])
    places = np.argsort(~others, axis=1, kind="stable")[:, :NEAREST]  # others first, in their order
    found, scores, kept = (np.take_along_axis(each, places, 1) for each in (listing.documents, listing.scores, others))
    return Asked(truths=codes[numbers], codes=codes[found], scores=np.where(kept, scores, -np.inf))


def _temperature(asked: Asked) -> float:
    """Return the temperature at which right answers are likeliest."""

    def loss(log_temperature: float) -> float:
        return float(-np.log(asked.probabilities(float(np.exp(log_temperature))).clip(UNHEARD, 1)).mean())

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded", options={"maxiter": 25})
    return float(np.exp(found.x))


def threshold_for(sure: NDArray[np.float64], right: np.ndarray, *, wanted: float) -> tuple[float, float]:
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
