"""The value answers questions about words as the formulas say, and refuses in words."""

from __future__ import annotations

import math

import numpy as np
import pytest

from fitwell.errors import DataError, RequestError
from fitwell.vectors import Neighbor, Vectors
from fitwell.vectors.spelling import nearest_spelling


def test_similarity_is_the_cosine(royals: Vectors) -> None:
    assert royals.similarity("man", "prince") == pytest.approx(1 / math.sqrt(2))
    assert royals.similarity("man", "zero") == 0


def test_neighbors_are_ranked_by_the_cosine_without_the_word_itself(royals: Vectors) -> None:
    found = royals.neighbors("man", 3)
    assert [word for word, _ in found] == ["prince", "king", "zero"]
    assert [value for _, value in found] == pytest.approx([1 / math.sqrt(2), 1 / math.sqrt(5), 0])


def test_a_vector_has_its_own_word_for_a_neighbor(royals: Vectors) -> None:
    (nearest,) = royals.neighbors(np.array([2.0, 4.0]), 1)
    assert isinstance(nearest, Neighbor)
    assert nearest.word == "king"
    assert nearest.similarity == pytest.approx(1)


def test_several_words_or_vectors_get_a_list_each(royals: Vectors) -> None:
    by_words = royals.neighbors(["man", "king"], 2)
    assert by_words == [royals.neighbors("man", 2), royals.neighbors("king", 2)]
    by_vectors = royals.neighbors(np.stack([royals.vector("man"), royals.vector("king")]), 1)
    assert by_vectors == [[("man", 1.0)], [("king", pytest.approx(1))]]


def test_more_neighbors_than_there_are_words_are_all_words(royals: Vectors) -> None:
    assert len(royals.neighbors("man", 100)) == len(royals.words) - 1


def test_an_analogy_is_solved_by_adding_directions(royals: Vectors) -> None:
    answers = royals.analogy("man", "woman", "king", 2)
    assert [answer.word for answer in answers] == ["queen", "zero"]
    units = {word: royals.vector(word) / np.linalg.norm(royals.vector(word)) for word in ("man", "woman", "king")}
    target = units["woman"] - units["man"] + units["king"]
    queen = royals.vector("queen")
    assert answers[0].similarity == pytest.approx(target @ queen / np.linalg.norm(target) / np.linalg.norm(queen))


def test_an_analogy_is_solved_by_multiplying_similarities(royals: Vectors) -> None:
    best = royals.analogy("man", "woman", "king", 1, method="multiply")[0]
    shifted = {word: (1 + royals.similarity("queen", word)) / 2 for word in ("man", "woman", "king")}
    assert best.word == "queen"
    assert best.similarity == pytest.approx(shifted["woman"] * shifted["king"] / (shifted["man"] + 0.001))


def test_the_odd_one_out_is_farthest_from_the_mean(royals: Vectors) -> None:
    assert royals.odd_one_out(["man", "king", "prince", "woman"]) == "woman"


def test_an_unknown_word_is_refused_with_the_nearest_spelling(royals: Vectors) -> None:
    with pytest.raises(RequestError, match=r'"qeen" is none of the 6 words; did you mean "queen"\?'):
        royals.vector("qeen")


def test_a_word_in_another_case_is_the_nearest_spelling() -> None:
    assert nearest_spelling("PARIS", ["paros", "Paris"]) == '; did you mean "Paris"?'
    assert nearest_spelling("xyz", ["abc"]) == ""


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        (lambda v: v.neighbors("man", 0), "count must be 1 or more, but is 0"),
        (lambda v: v.neighbors([1.0, 2.0, 3.0]), r"must have 2 values, but these are \(1, 3\)"),
        (lambda v: v.neighbors([0.0, 0.0]), "a vector of zeros"),
        (lambda v: v.neighbors([np.nan, 0.0]), "not finite"),
        (lambda v: v.neighbors([np.inf, 0.0]), "not finite"),
        (lambda v: v.neighbors("zero"), "a vector of zeros"),
        (lambda v: v.odd_one_out(["man", "king"]), "among 3 or more words, but these are 2"),
        (lambda v: v.odd_one_out("man"), "among 3 or more words"),
        (lambda v: v.analogy("man", "king", "queen", method="divide"), 'add or multiply, but the method is "divide"'),
        (lambda v: v.analogy("man", "king", "queen", 0, method="multiply"), "1 or more, but is 0"),
        (lambda v: v.neighbors(["man", "mann"]), 'did you mean "man"'),
    ],
)
def test_what_cannot_be_answered_is_refused(royals: Vectors, asked: object, refusal: str) -> None:
    assert callable(asked)
    with pytest.raises(RequestError, match=refusal):
        asked(royals)


def test_a_word_that_comes_twice_is_refused() -> None:
    vectors = Vectors(("a", "b", "a"), np.ones((3, 2), np.float32))
    with pytest.raises(DataError, match='every word must come once, but "a" comes twice'):
        vectors.vector("a")


@pytest.mark.parametrize("matrix", [np.ones((2, 2)), np.ones(3), np.ones((3, 0))])
def test_words_need_a_matrix_of_as_many_rows(matrix: np.ndarray) -> None:
    with pytest.raises(DataError, match="3 words need a matrix of as many rows"):
        Vectors(("a", "b", "c"), matrix.astype(np.float32))


def test_nothing_changes_the_value(royals: Vectors) -> None:
    with pytest.raises(ValueError, match="read-only"):
        royals.matrix[0, 0] = 9
    with pytest.raises(AttributeError, match="cannot assign"):
        royals.words = ()  # type: ignore[misc]
