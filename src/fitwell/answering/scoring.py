"""How right answers are: exactly, and in the words that they share with what people answered.

Both compare texts without case, punctuation, articles and extra blanks, and take the best of several right answers. A
question without an answer is answered rightly by none. Questions about one text stand or fall together, so that
intervals come from drawing texts anew, not questions.

Sources: Rajpurkar et al. 2016, SQuAD (both figures, and what is left out); Rubin 1981, The Bayesian bootstrap.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from fitwell.metrics import Comparison, Figure
from fitwell.metrics.paired import Verdict

DRAWS = 1000
CONFIDENCE = 0.95
METHOD = "weighted bootstrap over texts"
ARTICLES = re.compile(r"\b(a|an|the)\b")
PUNCTUATION = str.maketrans("", "", string.punctuation)


class Scores(NamedTuple):
    """How right each answer is."""

    exact: Float[np.ndarray, " questions"]  # 1 or 0
    shared: Float[np.ndarray, " questions"]  # F1 of words, from 0 to 1


def normalized(text: str) -> str:
    """Return a text as answers are compared.

    >>> normalized("The  Eiffel-Tower!")
    'eiffeltower'
    """
    return " ".join(ARTICLES.sub(" ", text.lower().translate(PUNCTUATION)).split())


def exact_match(answer: str, truth: str) -> float:
    """Return 1 where both are the same but for case, punctuation, articles and blanks, else 0."""
    return float(normalized(answer) == normalized(truth))


def word_f1(answer: str, truth: str) -> float:
    """Return 2·shared / (words of the one + words of the other), as bags of words; no words on both sides are 1.

    >>> word_f1("in the Eiffel Tower", "Eiffel Tower")
    0.8
    """
    ours, theirs = normalized(answer).split(), normalized(truth).split()
    if not ours or not theirs:
        return float(ours == theirs)
    shared = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * shared / (len(ours) + len(theirs))


def scores_of(answers: Sequence[str], truths: Sequence[Sequence[str]]) -> Scores:
    """Return how right answers are, each by the best of its truths; an empty text says that there is no answer.

    A question whose truths are none has no answer.
    """
    exact, shared = np.zeros(len(answers)), np.zeros(len(answers))
    for place, (answer, own) in enumerate(zip(answers, truths, strict=True)):
        known = list(own) or [""]
        exact[place] = max(exact_match(answer, truth) for truth in known)
        shared[place] = max(word_f1(answer, truth) for truth in known)
    return Scores(exact, shared)


def drawn_weights(texts: Int[np.ndarray, " questions"], *, draws: int = DRAWS, seed: int = 0) -> np.ndarray:
    """Return weights of the questions, (draws, questions): every text's is an exponential variable, drawn anew."""
    _, owners = np.unique(texts, return_inverse=True)
    of_texts = np.random.default_rng(seed).standard_exponential((draws, owners.max(initial=-1) + 1))
    return of_texts[:, owners]


def mean_figure(values: Float[np.ndarray, " questions"], weights: np.ndarray) -> Figure:
    """Return the mean of values with its interval, by weights of `drawn_weights`."""
    means = weights @ values / weights.sum(1)
    low, high = np.quantile(means, [(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2])
    low, high = np.clip([low, high], values.min(), values.max())  # beyond which only rounding leads
    return Figure(value=float(values.mean()), low=float(low), high=float(high), method=METHOD)


def figures_of(scores: Scores, weights: np.ndarray) -> dict[str, Figure]:
    """Return both figures with their intervals."""
    return {"f1": mean_figure(scores.shared, weights), "exact_match": mean_figure(scores.exact, weights)}


def compared(first: Scores, second: Scores, weights: np.ndarray) -> Comparison:
    """Return by how much the first answers share more words with the truth, question by question."""
    difference = mean_figure(first.shared - second.shared, weights)
    assert difference.low is not None
    assert difference.high is not None
    verdict: Verdict = "not distinguishable"
    if difference.low > 0 or difference.high < 0:
        verdict = "better" if difference.low > 0 else "worse"
    return Comparison(metric="f1", difference=difference, verdict=verdict)


def calibration_error(
    probabilities: Float[np.ndarray, " questions"], right: Float[np.ndarray, " questions"], *, bins: int = 10
) -> float:
    """Return the mean distance between what was promised and what came, over bins of equal mass.

    >>> calibration_error(np.array([0.5, 0.5]), np.array([1.0, 0.0]), bins=1)
    0.0
    """
    order = np.argsort(probabilities, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [abs(probabilities[part].mean() - right[part].mean()) * len(part) for part in parts]
    return float(sum(gaps) / max(1, len(probabilities)))
