"""How good vectors are by the two usual tests: similarities as people judge them, and analogies.

A word is looked up as it is written or, with `fold_case`, whatever its case; then the first of the words that differ
in case only counts. Words not found get a vector from their parts where there are parts. Questions with a word that
is still unknown are left out, or with `unknown="wrong"` counted: as similarity 0, as a wrong answer. Either way their
number is told.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

import numpy as np
from scipy.stats import rankdata

from fitwell.errors import DataError, RequestError, SurroundingsError
from fitwell.metrics.figure import Figure, undefined
from fitwell.metrics.intervals import two_sided, wilson
from fitwell.sources import existing_path
from fitwell.vectors.analogies import Method, best_answers, require_method
from fitwell.vectors.subwords import unseen_vector
from fitwell.vectors.value import Vectors

if TYPE_CHECKING:
    from numpy.typing import NDArray

Unknown = Literal["skip", "wrong"]


class Pair(NamedTuple):
    """Two words and how similar people find them."""

    one: str
    other: str
    score: float


class Question(NamedTuple):
    """a is to b as c is to d."""

    section: str
    a: str
    b: str
    c: str
    d: str


@dataclass(frozen=True, kw_only=True)
class Result:
    """How good vectors are by one test."""

    metric: str  # "spearman", or "accuracy" of analogies
    figure: Figure
    counted: int  # pairs or questions
    unknown: int  # of all, those with a word that has no vector
    sections: Mapping[str, Figure] = field(default_factory=dict)  # of analogies


def on_similarity(
    vectors: Vectors,
    pairs: Sequence[Pair],
    *,
    unknown: Unknown = "skip",
    fold_case: bool = True,
    confidence: float = 0.95,
) -> Result:
    """Compare the ranks of cosine similarities with those of people's scores (Spearman's ρ).

    The interval is Fisher's with the variance of Bonett and Wright 2000, Sample size requirements for estimating
    Pearson, Kendall and Spearman correlations.
    """
    _require_unknown(unknown)
    found = _finder(vectors, fold_case)
    scores, shown, missing = [], [], 0
    for pair in pairs:
        one, other = found(pair.one), found(pair.other)
        missing += one is None or other is None
        if (one is None or other is None) and unknown == "skip":
            continue
        scores.append(pair.score)
        shown.append(0.0 if one is None or other is None else vectors.similarity(one, other))
    figure = _spearman(np.array(scores), np.array(shown), confidence)
    return Result(metric="spearman", figure=figure, counted=len(scores), unknown=missing)


def on_analogies(
    vectors: Vectors,
    questions: Sequence[Question],
    *,
    method: Method = "add",
    restrict: int | None = 300_000,
    unknown: Unknown = "skip",
    fold_case: bool = True,
    confidence: float = 0.95,
) -> Result:
    """Count the questions whose best answer is right, among the first `restrict` words only, as gensim and word2vec
    do.

    The words of the question, in whatever case if it is folded, are no answers. Words need a row of their own here:
    parts give none.
    """
    require_method(method)
    _require_unknown(unknown)
    limit = len(vectors.words) if restrict is None else min(restrict, len(vectors.words))
    if limit < 1:
        raise RequestError(f"restrict must be 1 or more words, but is {restrict}; None takes all")
    folded = [word.upper() if fold_case else word for word in vectors.words[:limit]]
    rows_of: dict[str, list[int]] = defaultdict(list)
    for row, word in enumerate(folded):
        rows_of[word].append(row)
    asked = [[rows_of.get(word.upper() if fold_case else word) for word in question[1:]] for question in questions]
    known = [number for number, rows in enumerate(asked) if all(rows)]
    given = [[rows for rows in asked[number] if rows] for number in known]
    best = best_answers(
        vectors.checked[:limit],
        np.array([[rows[0] for rows in four[:3]] for four in given], np.int64).reshape(-1, 3),
        [np.array([row for rows in four[:3] for row in rows], np.int64) for four in given],
        method=method,
    )
    right = {number: int(row) in four[3] for number, row, four in zip(known, best, given, strict=True)}
    counted = known if unknown == "skip" else range(len(questions))
    outcomes: dict[str, list[bool]] = {question.section: [] for question in questions}
    for number in counted:
        outcomes[questions[number].section].append(right.get(number, False))
    return Result(
        metric="accuracy",
        figure=_share([right.get(number, False) for number in counted], confidence),
        counted=len(counted),
        unknown=len(questions) - len(known),
        sections={section: _share(part, confidence) for section, part in outcomes.items()},
    )


def read_pairs(path: str | Path) -> list[Pair]:
    """Read lines of two words and a score, set apart by tabs, commas or spaces; `#` begins a comment, a header may be
    there.

    Raises:
        DataError: there is no such file, a line is not like that, or there is none.
        SurroundingsError: the file cannot be opened.
    """
    pairs = []
    for number, line in _lines(path):
        fields = re.split(r"\t" if "\t" in line else r"\s*,\s*" if "," in line else r"\s+", line)
        try:
            pairs.append(Pair(fields[0].strip(), fields[1].strip(), float(fields[2])))
        except (IndexError, ValueError):
            if pairs or len(fields) < 3:
                raise DataError(
                    f'{path}, line {number}: two words and a score must stand there, not "{line}"'
                ) from None
    return pairs


def read_questions(path: str | Path) -> list[Question]:
    """Read lines of four words under lines `: section`, as word2vec's questions-words.txt has them.

    Raises:
        DataError: there is no such file, a line is not like that, or there is none.
        SurroundingsError: the file cannot be opened.
    """
    questions, section = [], "all"
    for number, line in _lines(path):
        if line.startswith(":"):
            section = line[1:].strip()
            continue
        words = line.split()
        if len(words) != 4:
            raise DataError(f'{path}, line {number}: four words or ": section" must stand there, not "{line}"')
        questions.append(Question(section, *words))
    return questions


def _lines(path: str | Path) -> list[tuple[int, str]]:
    try:
        text = existing_path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise SurroundingsError(f"{path} cannot be read: {error.strerror}; is the name right?") from None
    lines = enumerate(text.splitlines(), 1)
    told = [(number, line.strip()) for number, line in lines if line.strip() and not line.startswith("#")]
    if not told:
        raise DataError(f"{path} must hold something to measure by, but has no lines; is it the right file?")
    return told


def _require_unknown(unknown: str) -> None:
    if unknown not in get_args(Unknown):
        raise RequestError(f'questions with unknown words are {" or ".join(get_args(Unknown))}, not "{unknown}"')


def _finder(vectors: Vectors, fold_case: bool) -> Callable[[str], str | None]:
    """Return a function that gives the word under which a word's vector is found, or None."""
    folded: dict[str, str] = {}
    for word in vectors.words if fold_case else ():
        folded.setdefault(word.upper(), word)

    def find(word: str) -> str | None:
        known = folded.get(word.upper(), word)
        if known in vectors.rows or (vectors.subwords and unseen_vector(known, vectors.subwords) is not None):
            return known
        return None

    return find


def _spearman(scores: NDArray[np.float64], shown: NDArray[np.float64], confidence: float) -> Figure:
    if len(scores) < 4:
        return undefined(f"a rank correlation with an interval needs 4 pairs, but there are {len(scores)}")
    ranks = [rankdata(scores), rankdata(shown)]
    if any(np.ptp(each) == 0 for each in ranks):
        return undefined("all pairs have the same score or the same similarity")
    rho = float(np.corrcoef(*ranks)[0, 1])
    half = two_sided(confidence) * math.sqrt((1 + rho**2 / 2) / (len(scores) - 3))
    # beyond 1 - 1e-12 the transformation is infinite
    center = math.atanh(max(min(rho, 1 - 1e-12), -1 + 1e-12))
    return Figure(
        value=rho, low=math.tanh(center - half), high=math.tanh(center + half), method="Fisher, Bonett and Wright 2000"
    )


def _share(right: Sequence[bool], confidence: float) -> Figure:
    if not right:
        return undefined("no question could be asked: all have unknown words")
    share = sum(right) / len(right)
    low, high = wilson(share, size=len(right), confidence=confidence)
    return Figure(value=share, low=low, high=high, method="Wilson")
