"""BM25 is what a loop over the formula gives, in float64, and what the package rank_bm25 gave for one example."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fitwell.errors import RequestError
from fitwell.words import BM25Vectorizer
from fitwell.words.bm25 import Idf

TEXTS = st.lists(st.lists(st.sampled_from(["aa", "bb", "cc", "dd"]), max_size=9), min_size=1, max_size=7).filter(any)


def weight(term: str, text: list[str], texts: list[list[str]], k1: float, b: float, idf: Idf) -> float:
    """Return the weight of a term in a text, by the formula."""
    with_term = sum(term in each for each in texts)
    odds = (len(texts) - with_term + 0.5) / (with_term + 0.5)
    mean = sum(map(len, texts)) / len(texts)
    often = Counter(text)[term]
    damped = k1 * (1 - b + b * len(text) / mean)
    return (math.log(odds) if idf == "robertson" else math.log(1 + odds)) * often * (k1 + 1) / (often + damped)


@settings(deadline=None)
@given(TEXTS, st.floats(0, 3), st.floats(0, 1), st.sampled_from(["robertson", "lucene"]))
def test_weights_are_those_of_the_formula(texts: list[list[str]], k1: float, b: float, idf: Idf) -> None:
    vectorizer = BM25Vectorizer(k1=k1, b=b, idf=idf)
    given_texts = [" ".join(text) for text in texts]
    matrix = vectorizer.fit_transform(given_texts).toarray()
    expected = [
        [weight(term, text, texts, k1, b, idf) if term in text else 0.0 for term in vectorizer.get_feature_names_out()]
        for text in texts
    ]
    assert matrix == pytest.approx(np.array(expected), rel=1e-12, abs=1e-12)
    assert vectorizer.transform(given_texts).toarray() == pytest.approx(matrix, rel=1e-12)


def test_scores_are_those_of_rank_bm25() -> None:
    # BM25Okapi(corpus).get_scores(["windy", "london"]) of rank_bm25 0.2.2, k1 = 1.5, b = 0.75, on its own example; no
    # idf is negative there, which that package would replace.
    texts = ["hello there good man", "it is quite windy in london", "how is the weather today"]
    vectorizer = BM25Vectorizer(token_pattern=r"\S+")
    matrix = vectorizer.fit_transform(texts)
    query = np.zeros(matrix.shape[1])
    for term in ("windy", "london"):
        query[vectorizer.vocabulary_[term]] = 1
    assert matrix @ query == pytest.approx([0.0, 0.9372947225064051, 0.0], rel=1e-12)


def test_terms_that_limits_leave_out_still_make_a_text_long() -> None:
    plain = BM25Vectorizer().fit(["aa bb", "aa", "cc"])
    limited = BM25Vectorizer(max_features=1).fit(["aa bb", "aa", "cc"])
    assert limited.mean_length_ == plain.mean_length_ == pytest.approx(4 / 3)


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"idf": "okapi"}, 'idf must be "robertson" or "lucene", but is "okapi"'),
        ({"k1": -1}, "k1 must be at least 0 and b between 0 and 1, but they are -1 and 0.75"),
        ({"b": 2}, "k1 must be at least 0 and b between 0 and 1, but they are 1.5 and 2"),
    ],
)
def test_a_wrong_setting_is_refused(asked: dict[str, float], refusal: str) -> None:
    with pytest.raises(RequestError, match=refusal):
        BM25Vectorizer(**asked).fit(["a big cat"])  # type: ignore[arg-type]
