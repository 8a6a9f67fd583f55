"""Phrases are the pairs that a plain loop finds, joined from the left."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitwell.errors import RequestError
from fitwell.words import phrases as module
from fitwell.words.encoded import encode
from fitwell.words.phrases import MEASURES, Measure, find_phrases, join_phrases

TEXTS = st.lists(st.lists(st.sampled_from(["a", "b", "c", "a_b"]), max_size=9), min_size=1, max_size=9).filter(any)


def scores_by_loop(texts: list[list[str]], measure: str, least: int) -> dict[tuple[str, str], float]:
    """Score every pair that occurs often enough, in Python's float64."""
    single = Counter(word for text in texts for word in text)
    both = Counter(pair for text in texts for pair in itertools.pairwise(text))
    tokens = single.total()
    scores = {}
    for (one, other), n in both.items():
        if n >= least:
            pmi = math.log(n * tokens / (single[one] * single[other]))
            count = (n - least) * tokens / (single[one] * single[other])
            scores[one, other] = {"count": count, "pmi": pmi, "npmi": pmi / -math.log(n / tokens)}[measure]
    return scores


def joined_by_loop(texts: list[list[str]], phrases: set[tuple[str, str]]) -> list[list[str]]:
    """Join from the left, a word at a time."""
    result = []
    for text in texts:
        now, place = list[str](), 0
        while place < len(text):
            width = 2 if tuple(text[place : place + 2]) in phrases else 1
            now.append("_".join(text[place : place + width]))
            place += width
        result.append(now)
    return result


@settings(deadline=None)
@given(TEXTS, st.sampled_from(sorted(MEASURES)), st.integers(1, 3), st.integers(1, 30))
def test_phrases_are_found_and_joined_as_by_a_loop(
    texts: list[list[str]], measure: Measure, least: int, at_a_time: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "AT_A_TIME", at_a_time)  # stretches of a few texts
        corpus = encode(texts)
        found = find_phrases(corpus, measure=measure, threshold=0.1, min_count=least)
        result = join_phrases(corpus, found)
    expected = scores_by_loop(texts, measure, least)
    # A score within rounding of the threshold may fall on either side.
    sure = {pair for pair, score in expected.items() if score > 0.1 + 1e-9}
    assert sure <= set(found.words) <= {pair for pair, score in expected.items() if score > 0.1 - 1e-9}
    assert found.scores.tolist() == pytest.approx([expected[pair] for pair in found.words], abs=1e-12)
    assert found.scores.tolist() == sorted(found.scores.tolist(), reverse=True)
    expected_texts = joined_by_loop(texts, set(found.words))
    assert list(result.texts()) == expected_texts
    counted = Counter(word for text in expected_texts for word in text)
    assert dict(zip(result.vocabulary.words, result.vocabulary.counts.tolist(), strict=True)) == counted
    assert result.vocabulary.counts.tolist() == sorted(counted.values(), reverse=True)


def test_a_second_pass_finds_longer_phrases() -> None:
    corpus = encode(["in new york city", "new york city is", "a new york city", "x y z in is a b c"] * 5)
    for _ in range(2):
        corpus = join_phrases(corpus, find_phrases(corpus, measure="npmi", threshold=0.9))
    assert "new_york_city" in corpus.vocabulary.words


def test_every_measure_is_a_word_of_its_type() -> None:
    assert set(MEASURES) == set(get_args(Measure))


def test_an_unknown_measure_is_refused() -> None:
    with pytest.raises(RequestError, match=r'one of count, pmi, npmi, but is "chi2"'):
        find_phrases(encode(["a b"]), measure="chi2")  # type: ignore[arg-type]


def test_a_least_count_below_one_is_refused() -> None:
    with pytest.raises(RequestError, match="min_count must be at least 1, but is 0"):
        find_phrases(encode(["a b"]), min_count=0)
