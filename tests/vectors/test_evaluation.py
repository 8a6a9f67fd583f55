"""Vectors are judged as gensim judges them, and every figure has its interval."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import spearmanr
from tests.vectors.conftest import ORIGINALS

from fitwell.errors import DataError, RequestError
from fitwell.vectors import Subwords, Vectors, load
from fitwell.vectors.analogies import METHODS, Method, best_answers, unit_rows
from fitwell.vectors.evaluation import (
    Pair,
    Question,
    Result,
    on_analogies,
    on_similarity,
    read_pairs,
    read_questions,
)


def test_similarity_agrees_with_people_as_gensim_finds(said: dict[str, Any]) -> None:
    pairs = read_pairs(ORIGINALS / "pairs.tsv")
    result = on_similarity(load(ORIGINALS / "gensim.bin"), pairs)
    assert result.figure.value == pytest.approx(said["gensim"]["spearman"])
    assert (result.counted, result.unknown) == (len(pairs) - 1, 1)
    assert 100 * result.unknown / len(pairs) == pytest.approx(said["gensim"]["percent_unknown"])


def test_analogies_are_right_as_often_as_gensim_finds(said: dict[str, Any]) -> None:
    questions = read_questions(ORIGINALS / "questions.txt")
    result = on_analogies(load(ORIGINALS / "gensim.bin"), questions)
    assert result.figure.value == pytest.approx(said["gensim"]["accuracy"])
    for section, figure in result.sections.items():
        right, wrong = said["gensim"]["right"][section], said["gensim"]["wrong"][section]
        assert figure.value == pytest.approx(right / (right + wrong))
    assert (result.counted, result.unknown) == (5, 1)


def test_the_interval_of_a_rank_correlation_is_bonetts_and_wrights() -> None:
    generator = np.random.default_rng(0)
    vectors = Vectors(tuple(map(str, range(41))), generator.standard_normal((41, 5)).astype(np.float32))
    scores = generator.random(40)
    figure = on_similarity(vectors, [Pair("40", str(row), scores[row]) for row in range(40)]).figure
    similarities = [vectors.similarity("40", str(row)) for row in range(40)]
    rho = spearmanr(scores, similarities).statistic
    assert figure.value == pytest.approx(rho)
    half = 1.959964 * math.sqrt((1 + rho**2 / 2) / 37)
    assert figure.low == pytest.approx(math.tanh(math.atanh(rho) - half), abs=1e-6)
    assert figure.high == pytest.approx(math.tanh(math.atanh(rho) + half), abs=1e-6)


def test_the_interval_covers_the_true_correlation_as_often_as_it_claims() -> None:
    # similarities with the word "0" are made to have a rank correlation known from a large sample
    generator = np.random.default_rng(1)
    hits, times, rows = 0, 300, 60
    true = 6 / math.pi * math.asin(0.6 / 2)  # of two normal variables with correlation 0.6
    for _ in range(times):
        hidden = generator.standard_normal(rows)
        shown = 0.6 * hidden + 0.8 * generator.standard_normal(rows)
        angles = np.arctan(shown) / 2 + math.pi / 2  # monotone: a larger angle is less similar
        matrix = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        vectors = Vectors(tuple(map(str, range(rows + 1))), np.concatenate([[[1, 0]], matrix]).astype(np.float32))
        pairs = [Pair("0", str(row + 1), -hidden[row]) for row in range(rows)]
        figure = on_similarity(vectors, pairs).figure
        assert figure.low is not None
        assert figure.high is not None
        hits += figure.low <= true <= figure.high
    assert abs(hits / times - 0.95) < 3 * math.sqrt(0.95 * 0.05 / times)


def test_words_without_a_vector_are_left_out_or_counted_as_wrong(royals: Vectors) -> None:
    pairs = [Pair("man", "king", 2), Pair("man", "prince", 3), Pair("man", "queen", 1), Pair("man", "woman", 0)]
    known = on_similarity(royals, pairs)
    assert known.figure.value == pytest.approx(1)
    assert known.unknown == 0
    unknown = [*pairs, Pair("man", "duke", 9)]
    assert on_similarity(royals, unknown) == Result(metric="spearman", figure=known.figure, counted=4, unknown=1)
    counted = on_similarity(royals, unknown, unknown="wrong")
    similarities = [royals.similarity("man", pair.other) for pair in pairs] + [0]
    expected = spearmanr([2, 3, 1, 0, 9], similarities).statistic
    assert counted.figure.value == pytest.approx(expected)
    assert counted.counted == 5


def test_parts_give_unknown_words_a_vector(royals: Vectors) -> None:
    buckets = np.ones((3, 2), np.float32)
    subwords = Subwords(shortest=2, longest=3, buckets=buckets, own=royals.matrix)
    fuller = Vectors(royals.words, royals.matrix, subwords=subwords)
    pairs = [Pair("man", word, score) for score, word in enumerate(("queen", "king", "duke", "prince"))]
    assert on_similarity(fuller, pairs).unknown == 0


def test_words_are_found_whatever_their_case_unless_told_otherwise(royals: Vectors) -> None:
    questions = [Question("a", "Man", "WOMAN", "king", "Queen")]
    assert on_analogies(royals, questions).figure.value == 1
    strict = on_analogies(royals, questions, fold_case=False)
    assert (strict.figure.value, strict.counted, strict.unknown) == (None, 0, 1)
    assert on_analogies(royals, questions, fold_case=False, unknown="wrong").figure.value == 0


def test_only_the_first_words_are_answers(royals: Vectors) -> None:
    questions = [Question("a", "man", "woman", "king", "queen")]
    assert on_analogies(royals, questions, restrict=4).figure.value == 1
    assert on_analogies(royals, questions, restrict=3).unknown == 1
    with pytest.raises(RequestError, match="restrict must be 1 or more words, but is 0"):
        on_analogies(royals, questions, restrict=0)


def test_accuracy_has_wilsons_interval(royals: Vectors) -> None:
    questions = [Question("a", "man", "woman", "king", answer) for answer in ("queen", "prince")]
    figure = on_analogies(royals, questions).figure
    z = 1.959964
    half = z * math.sqrt(0.25 / 2 + z * z / 16) / (1 + z * z / 2)
    assert (figure.value, figure.low, figure.high) == pytest.approx((0.5, 0.5 - half, 0.5 + half), abs=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_the_best_answers_are_those_of_a_plain_loop(method: Method) -> None:
    generator = np.random.default_rng(3)
    matrix = generator.standard_normal((50, 6)).astype(np.float32)
    questions = np.array([generator.choice(50, 3, replace=False) for _ in range(20)])
    found = best_answers(matrix, questions, list(questions), method=method)
    units = unit_rows(matrix)
    for (a, b, c), row in zip(questions.tolist(), found.tolist(), strict=True):
        scores = {}
        for other in set(range(50)) - {a, b, c}:
            near = [float(units[other] @ units[given]) for given in (a, b, c)]
            half = [(1 + value) / 2 for value in near]
            scores[other] = near[1] - near[0] + near[2] if method == "add" else half[1] * half[2] / (half[0] + 0.001)
        assert row == max(scores, key=lambda other: scores[other])


@pytest.mark.parametrize("separator", ["\t", ",", " , ", "  "])
def test_pairs_are_read_with_any_separator(separator: str, tmp_path: Path) -> None:
    path = tmp_path / "pairs"
    rows = ["# comment", separator.join(["word1", "word2", "score"]), "", separator.join(["a", "b", "1.5"])]
    path.write_text("\n".join(rows))
    assert read_pairs(path) == [Pair("a", "b", 1.5)]


def test_lines_that_are_no_pairs_or_questions_are_refused_by_number(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("a\tb\t1\nc\td\n")
    with pytest.raises(DataError, match='line 2: two words and a score must stand there, not "c\td"'):
        read_pairs(path)
    path.write_text(": one\na b c d\na b c\n")
    with pytest.raises(DataError, match='line 3: four words or ": section" must stand there, not "a b c"'):
        read_questions(path)
    with pytest.raises(DataError, match="there is no file"):
        read_questions(tmp_path / "none")
    path.write_text("# nothing\n")
    with pytest.raises(DataError, match="must hold something to measure by, but has no lines"):
        read_questions(path)


@pytest.mark.parametrize(
    ("pairs", "reason"),
    [
        ([Pair("man", "king", 1)] * 3, "needs 4 pairs, but there are 3"),
        ([Pair("man", "king", 1)] * 9, "all pairs have the same score"),
    ],
)
def test_a_correlation_that_is_undefined_says_why(royals: Vectors, pairs: list[Pair], reason: str) -> None:
    figure = on_similarity(royals, pairs).figure
    assert figure.value is None
    assert reason in (figure.reason or "")
