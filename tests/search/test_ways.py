"""Each way of ranking gives the scores of its formula, worked out by hand or by another library."""

from __future__ import annotations

import math
import re
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer
from tests.search.conftest import DOCUMENTS

from fitwell.errors import RequestError
from fitwell.search import Index, index
from fitwell.search.fusing import by_reciprocal_ranks, candidates_of, cross_fitted, learned
from fitwell.search.listing import Listing
from fitwell.search.stemming import english_stem
from fitwell.search.terms import as_terms, count_words
from fitwell.vectors import Vectors

QUERY = "Cat on a wing, cat"


def scores(index: Index, by: str, query: str = QUERY) -> dict[str, float]:
    return {hit.id: hit.score for hit in index.query(query, 10, by=by)}


def words_in(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def test_words_are_counted_as_scikit_learn_counts_them() -> None:
    texts = [*DOCUMENTS.values(), "ﬁve FIVE Ⅷ"]
    counted = count_words(texts)
    plain = CountVectorizer(token_pattern=r"\w+", preprocessor=lambda text: text.lower()).fit(texts[:-1])
    columns = [counted.words.index(word) for word in plain.get_feature_names_out()]
    np.testing.assert_array_equal(counted.counts[:-1, columns].toarray(), plain.transform(texts[:-1]).toarray())
    assert counted.lengths.tolist()[-2:] == [0, 3]
    assert counted.counts[-1].toarray()[0, counted.words.index("five")] == 2, "a ligature is two letters (NFKC)"


def test_stems_count_together() -> None:
    words = count_words(["wings wing flows wings flowing", "wing"])
    before = words.counts.toarray().tolist()
    counted = as_terms(words, english_stem)
    assert (counted.words, counted.counts.toarray().tolist()) == (["flow", "wing"], [[2, 3], [0, 1]])
    assert words.counts.toarray().tolist() == before, "the counts of words are as they were"


def test_bm25_adds_up_robertson_and_spaerck_jones_weights(indexed: Index) -> None:
    lengths = {name: len(words_in(text)) for name, text in DOCUMENTS.items()}
    mean = sum(lengths.values()) / len(lengths)
    expected = {}
    for name, text in DOCUMENTS.items():
        total = 0.0
        for word in words_in(QUERY):
            documents = sum(word in words_in(other) for other in DOCUMENTS.values())
            often = words_in(text).count(word)
            idf = math.log(1 + (len(DOCUMENTS) - documents + 0.5) / (documents + 0.5))
            total += idf * often * 2.5 / (often + 1.5 * (0.25 + 0.75 * lengths[name] / mean))
        expected[name] = total
    got = scores(indexed, "bm25")
    assert got == {name: pytest.approx(value, rel=1e-6) for name, value in expected.items() if value > 0}
    assert list(got) == sorted(got, key=lambda name: -expected[name])


def test_tfidf_is_the_cosine_of_scikit_learns_rows(indexed: Index) -> None:
    vectorizer = TfidfVectorizer(token_pattern=r"\w+", sublinear_tf=True)
    rows = vectorizer.fit_transform(DOCUMENTS.values())
    cosines = (rows @ vectorizer.transform([QUERY]).T).toarray()[:, 0]
    expected = {name: pytest.approx(value, rel=1e-6) for name, value in zip(DOCUMENTS, cosines, strict=True) if value}
    assert scores(indexed, "tfidf") == expected


def test_words_are_averaged_by_smooth_inverse_frequency(indexed: Index, animals: Vectors) -> None:
    texts = [words_in(text) for text in [*DOCUMENTS.values(), QUERY]]
    seen = [word for text in texts[:-1] for word in text]
    means = np.zeros((len(texts), 3))
    for row, text in enumerate(texts):
        for word in text:
            if word in animals.words:
                means[row] += 1e-3 / (1e-3 + seen.count(word) / len(seen)) * animals.vector(word).astype(float)
    known = means[:-1][means[:-1].any(axis=1)]
    common = np.linalg.svd(known / np.linalg.norm(known, axis=1)[:, None])[2][0]
    means -= np.outer(means @ common, common)
    expected = {
        name: mean @ means[-1] / np.linalg.norm(mean) / np.linalg.norm(means[-1])
        for name, mean in zip(DOCUMENTS, means, strict=False)
        if mean.any()
    }
    assert scores(indexed, "words") == {name: pytest.approx(value, abs=1e-6) for name, value in expected.items()}


def test_a_word_that_no_document_has_finds_what_is_meant(indexed: Index) -> None:
    assert indexed.query("kitten", 1, by="bm25") == []
    assert indexed.query("kitten", 1, by="words")[0].id in ("cats", "dogs")


def test_fusion_adds_up_reciprocal_ranks(indexed: Index) -> None:
    expected = dict.fromkeys(DOCUMENTS, 0.0)
    for way in indexed.settings.ways:
        for rank, name in enumerate(scores(indexed, way), start=1):
            expected[name] += 1 / (60 + rank)
    got = scores(indexed, "fusion")
    assert got == {name: pytest.approx(value) for name, value in expected.items() if value > 0}
    assert list(got.values()) == sorted(got.values(), reverse=True)


def test_fusion_keeps_the_passage_of_the_higher_rank() -> None:
    one = Listing(np.array([[7, 3]]), np.array([[70, 30]]), np.array([[2.0, 1.0]]))
    other = Listing(np.array([[3, 5, 7]]), np.array([[31, 51, 71]]), np.array([[9.0, 8.0, 7.0]]))
    fused = by_reciprocal_ranks([one, other], 4)
    assert fused.documents.tolist() == [[3, 7, 5, -1]]
    assert fused.passages.tolist() == [[31, 70, 51, -1]]
    assert fused.scores[0, :3].tolist() == [pytest.approx(1 / 62 + 1 / 61), pytest.approx(1 / 61 + 1 / 63), 1 / 62]


def test_learned_weights_minimize_the_loss_and_find_the_ranking_that_is_right() -> None:
    generator = np.random.default_rng(0)
    good, bad, gains = [], [], []
    for _ in range(40):
        documents = generator.permutation(20)
        relevant = {int(documents[generator.integers(3)]): 1.0}
        good.append(documents)
        bad.append(generator.permutation(20))
        gains.append(relevant)
    scores = np.tile(np.linspace(1, 0.1, 20), (40, 1))
    listings = [Listing(np.array(each), np.array(each), scores) for each in (good, bad)]
    weights = learned(list(candidates_of(listings)), gains)

    def loss(at: NDArray[np.float64]) -> float:
        total = 1e-3 * 40 * float(at @ at)
        for candidates, judged in zip(candidates_of(listings), gains, strict=True):
            sums = np.array([at @ row for row in candidates.features])
            (place,) = (candidates.documents.tolist().index(each) for each in judged)
            total += np.log(np.exp(sums - sums[place]).sum())
        return total

    for step in np.eye(4) * 0.05:
        assert loss(weights) < min(loss(weights + step), loss(weights - step))
    by_learner, by_ranks = cross_fitted(listings, gains, 3), by_reciprocal_ranks(listings, 3)
    hits = [
        sum(next(iter(judged)) in row for row, judged in zip(each.documents.tolist(), gains, strict=True))
        for each in (by_learner, by_ranks)
    ]
    assert hits[0] >= 36 > hits[1], "the first three of the good ranking hold what is relevant"


def test_many_queries_at_once_find_what_each_finds_alone(indexed: Index) -> None:
    queries = [QUERY, "unknown", "", "heat of the wing", "Tragflächen"]
    for way in indexed.rankings:
        listing = indexed.ranked(queries, 3, by=way)
        for query, documents, found in zip(queries, listing.documents, listing.scores, strict=True):
            hits = indexed.query(query, 3, by=way)
            assert [indexed.ids[each] for each in documents.tolist() if each >= 0] == [hit.id for hit in hits]
            # Products of several queries may be added up in another order than those of one.
            assert found[: len(hits)].tolist() == pytest.approx([hit.score for hit in hits], rel=1e-12)


def test_a_hit_says_where_its_passage_stands(tmp_path: Path) -> None:
    text = "Äpfel und Birnen. " * 8 + "Der Fluß fließt über Tragflächen. " + "Öl. " * 12
    made = index({"d": text, "e": "Äpfel"}, tmp_path / "index", passages=10).index
    (hit,) = made.query("Tragflächen")
    assert (hit.id, hit.text) == ("d", text[hit.start : hit.end])
    assert "Tragflächen" in hit.text
    assert len(hit.text.split()) <= 10
    assert len(made.query("Äpfel", 5)) == 2, "a document is found once, by its best passage"


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"by": "bm52"}, r'ranks by fusion, bm25, tfidf, words, but "bm52" is none of them; did you mean "bm25"'),
        ({"count": 0}, "the count must be 1 or more, but is 0"),
    ],
)
def test_wrong_questions_are_refused(indexed: Index, asked: dict[str, str | int], refusal: str) -> None:
    with pytest.raises(RequestError, match=refusal):
        indexed.query("cat", **asked)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ("", "the query has no word in it"),
        ("?!", "the query has no word in it"),
        ("кошка", 'none of the query\'s "кошка" is in the 6 documents; is it in the language'),
        ("aircrafft xyzzy", r'2 words \(aircrafft, xyzzy\) is in the 6 documents; did you mean "aircraft"'),
    ],
)
def test_a_query_that_finds_nothing_is_told_why(indexed: Index, query: str, why: str) -> None:
    assert indexed.query(query) == []
    assert re.search(why, indexed.nothing_found(query))
