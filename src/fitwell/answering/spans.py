"""Logits of beginnings and ends become answers: the likeliest stretch of a text, and how sure it is.

A stretch from place s to place e scores b(s) + e(e); that there is no answer scores what the first place of a window
does, by the window that is least sure of it (Devlin et al. 2019). The probability of a stretch is its share among all
stretches of all windows that may hold the answer, and no answer: exp(score / T) / Σ exp(score' / T) at temperature T.
Windows of several texts are normalized together, so that the texts compete (Clark and Gardner 2018, shared
normalization).
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from fitwell.answering.network import NEVER
from fitwell.answering.windows import Pieces, Windows

KEPT = 4  # stretches of each window that are looked at
COLDEST, HOTTEST = 0.1, 20.0  # temperatures that are tried


class Span(NamedTuple):
    """A stretch of a text."""

    text: int  # which of the texts
    start: int  # its first character
    end: int  # the one after its last
    score: float


class Reading(NamedTuple):
    """What was read for a question."""

    spans: tuple[Span, ...]  # the best, the best first; empty where no text has a piece
    null: float  # the score of no answer
    scores: Float[np.ndarray, " stretches"]  # of all stretches, and last that of no answer

    def probability(self, score: float, *, temperature: float) -> float:
        """Return the probability of a stretch by its score, or of no answer."""
        highest = self.scores.max()  # exp overflows above 709
        return float(np.exp((score - highest) / temperature) / np.exp((self.scores - highest) / temperature).sum())

    @property
    def lead(self) -> float:
        """By how much the best stretch scores more than no answer; −inf where there is none."""
        return self.spans[0].score - self.null if self.spans else -np.inf


def readings_of(
    windows: Windows,
    outputs: Float[np.ndarray, "windows outputs"],
    texts: Sequence[Pieces],
    *,
    questions: int,
    longest: int,
) -> list[Reading]:
    """Return what was read for each of so many questions, whose windows stand beside each other.

    An answer has at most `longest` pieces.
    """
    bounds = np.searchsorted(windows.questions, np.arange(questions + 1))
    return [
        _reading(windows, outputs, texts, range(int(first), int(last)), longest) for first, last in pairwise(bounds)
    ]


def _reading(windows: Windows, outputs: np.ndarray, texts: Sequence[Pieces], own: range, longest: int) -> Reading:
    length = windows.pieces.shape[1]
    null, scores, best = np.inf, [], []
    for window in own:
        begins, ends = outputs[window, :length].astype(np.float64), outputs[window, length:].astype(np.float64)
        null = min(null, float(begins[0] + ends[0]))
        lead, count = int(windows.leads[window]), int(windows.counts[window])
        if not count:
            continue
        sums = stretch_scores(begins[lead : lead + count], ends[lead : lead + count], longest=longest)
        flat = sums.ravel()
        scores.append(flat[flat > NEVER])
        text = texts[windows.texts[window]]
        for place in _highest(flat, KEPT):
            first, further = divmod(int(place), sums.shape[1])
            piece = int(windows.shifts[window]) + first
            start, end = int(text.starts[piece]), int(text.ends[piece + further])
            best.append(Span(int(windows.texts[window]), start, end, float(flat[place])))
    best.sort(key=lambda span: -span.score)
    return Reading(tuple(_distinct(best)), null, np.concatenate([*scores, [null]]))


def stretch_scores(
    begins: Float[np.ndarray, " places"], ends: Float[np.ndarray, " places"], *, longest: int
) -> Float[np.ndarray, "places further"]:
    """Return the score of each stretch by its first place and how many places further its last is.

    >>> stretch_scores(np.array([1.0, 2.0]), np.array([10.0, 20.0]), longest=2).tolist()
    [[11.0, 21.0], [22.0, -1000000000.0]]
    """
    count = len(begins)
    reach = np.arange(count)[:, None] + np.arange(min(longest, count))
    found = begins[:, None] + ends[np.minimum(reach, count - 1)]
    return np.where(reach < count, found, NEVER)


def _highest(values: np.ndarray, count: int) -> np.ndarray:
    places = np.argpartition(-values, count)[:count] if len(values) > count else np.arange(len(values))
    places = places[values[places] > NEVER]
    return places[np.argsort(-values[places], kind="stable")]


def _distinct(spans: Sequence[Span]) -> list[Span]:
    """Leave out stretches that two windows share."""
    seen: dict[tuple[int, int, int], Span] = {}
    for span in spans:
        seen.setdefault((span.text, span.start, span.end), span)
    return list(seen.values())


def fitted_temperature(readings: Sequence[Reading], right: Float[np.ndarray, " readings"]) -> float:
    """Return the temperature at which the best stretches' probabilities say best how often they are right.

    It minimizes the mean of −log p where the best stretch is right and −log(1 − p) where it is not, over readings that
    were not trained on; 1 where there are none. `right` has 1 and 0.
    """
    known = [place for place, reading in enumerate(readings) if reading.spans]
    if not known or len(set(right[known].tolist())) < 2:
        return 1.0

    def loss(log_temperature: float) -> float:
        temperature = float(np.exp(log_temperature))
        p = np.array(
            [readings[place].probability(readings[place].spans[0].score, temperature=temperature) for place in known]
        )
        p = np.clip(p, 1e-9, 1 - 1e-9)
        return float(-np.mean(right[known] * np.log(p) + (1 - right[known]) * np.log1p(-p)))

    from scipy.optimize import minimize_scalar  # here: it takes long to import, and every run knows this file

    found = minimize_scalar(loss, bounds=(np.log(COLDEST), np.log(HOTTEST)), method="bounded")
    return float(np.exp(found.x))


def fitted_lead(
    leads: Float[np.ndarray, " readings"],
    gained: Float[np.ndarray, " readings"],
    answerable: Int[np.ndarray, " readings"],
) -> float:
    """Return the lead over no answer from which on answering pays: the mean F1 is highest.

    `gained` is the F1 of each best stretch, which counts where it is given; where none is given, a question without an
    answer gains 1 and the others 0. Of equally good leads the least.

    >>> fitted_lead(np.array([-1.0, 0.5, 2.0]), np.array([0.0, 0.0, 1.0]), np.array([0, 0, 1]))
    1.25
    """
    order = np.argsort(leads, kind="stable")
    silent = np.where(answerable[order] == 0, 1.0, 0.0)
    # Those before a place are left unanswered, those from it on are answered.
    means = (
        np.concatenate([[0.0], np.cumsum(silent)]) + gained.sum() - np.concatenate([[0.0], np.cumsum(gained[order])])
    )
    place = int(means.argmax())
    ordered = leads[order]
    if place == 0:
        return float(ordered[0]) - 1.0
    if place == len(ordered):
        return float(ordered[-1]) + 1.0
    return float((ordered[place - 1] + ordered[place]) / 2)
