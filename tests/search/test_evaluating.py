"""Rankings are measured as scikit-learn and the definitions do, with intervals, and odd judgements are told."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import ndcg_score

from fitwell.errors import DataError, RequestError
from fitwell.search import Index, evaluate, gains_of, read_judgements
from fitwell.search.evaluating import mean_figure
from fitwell.search.measures import measured

QUERIES = {"q1": "cat", "q2": "wing heat", "q3": "unknown words", "q4": "dog"}
JUDGEMENTS = [("q1", "cats", 2), ("q1", "dogs", 1), ("q2", "heat", 1), ("q2", "cats", 0), ("q3", "wings", 1)]


def test_ndcg_is_scikit_learns() -> None:
    generator = np.random.default_rng(0)
    for _ in range(20):
        gains = generator.integers(0, 4, 30) * (generator.random(30) < 0.4)
        gains[0] = 1
        scores = generator.permutation(30).astype(float)
        found = np.argsort(-scores)[None]
        judged = {document: float(gain) for document, gain in enumerate(gains) if gain > 0}
        own = measured(found, [judged])["ndcg_at_10"][0]
        assert own == pytest.approx(ndcg_score(gains[None], scores[None], k=10), rel=1e-12)


def test_ranks_and_recall_follow_their_definitions() -> None:
    values = measured(np.array([[5, 2, 9, 7], [1, -1, -1, -1]]), [{2: 1.0, 7: 3.0, 8: 1.0}, {4: 1.0}])
    assert values["mrr"].tolist() == [1 / 2, 0]
    assert values["recall_at_10"].tolist() == [2 / 3, 0]
    best = 3 + 1 / np.log2(3) + 1 / np.log2(4)
    assert values["ndcg_at_10"].tolist() == [pytest.approx((1 / np.log2(3) + 3 / np.log2(5)) / best), 0]


def test_recall_at_100_looks_further() -> None:
    values = measured(np.arange(120)[None], [{50: 1.0, 110: 1.0}])
    assert (values["recall_at_10"].tolist(), values["recall_at_100"].tolist()) == ([0], [0.5])


def test_an_index_is_measured_by_every_way_of_ranking(indexed: Index) -> None:
    found = evaluate(indexed, QUERIES, JUDGEMENTS)
    assert list(found.figures) == ["fusion", "bm25", "tfidf", "words"]
    assert found.queries == ("q1", "q2", "q3")
    for way, values in found.per_query.items():
        for query, value in zip(found.queries, values["mrr"], strict=True):
            relevant = {document for name, document, relevance in JUDGEMENTS if name == query and relevance > 0}
            ranks = [rank for rank, hit in enumerate(indexed.query(QUERIES[query], by=way), 1) if hit.id in relevant]
            assert value == (1 / ranks[0] if ranks else 0)
        assert found.figures[way]["mrr"].value == pytest.approx(values["mrr"].mean())
    less = found.per_query["fusion"]["mrr"] - found.per_query["words"]["mrr"]
    assert found.differences["words"]["mrr"].value == pytest.approx(less.mean())
    assert found.notes == ("1 query has no relevant document and is left out",)


def test_the_interval_of_a_mean_without_skewness_is_students() -> None:
    values = np.array([0.1, 0.3, 0.5, 0.7, 0.9] * 8)
    figure = mean_figure(values, confidence=0.9)
    low, high = stats.t.interval(0.9, len(values) - 1, values.mean(), stats.sem(values))
    assert [figure.low, figure.high] == pytest.approx([low, high])
    assert not figure.approximate


def test_one_query_has_no_interval() -> None:
    figure = mean_figure(np.array([0.5]), confidence=0.95)
    assert (figure.value, figure.low, figure.reason) == (0.5, None, "one query tells no spread")


@pytest.mark.parametrize(
    "lines",
    ["query_id\tdoc_id\trelevance\nq1\tcats\t2\n", "q1 0 cats 2\n", "q1,cats,2\n\n", "\ufeffq1 cats 2\r\n"],
)
def test_judgements_are_read_in_the_forms_that_there_are(tmp_path: Path, lines: str) -> None:
    (tmp_path / "judgements").write_text(lines)
    assert read_judgements(tmp_path / "judgements") == [("q1", "cats", 2.0)]


def test_grades_may_stand_for_other_gains() -> None:
    told = [("q", "a", 1), ("q", "b", 4), ("q", "c", -1)]
    gains = gains_of("1=4,2=3,3=2,4=1")
    assert [each.relevance for each in read_judgements(told, gains=gains)] == [4, 1, 0]
    with pytest.raises(RequestError, match='--gains must be a list such as 1=4,2=3,3=2,4=1, but is "1:4"'):
        gains_of("1:4")


def test_judgements_of_strangers_are_told_and_count_as_not_found(indexed: Index) -> None:
    odd = [*JUDGEMENTS, ("q1", "gone", 1), ("q1", "lost", 0), ("q9", "cats", 1)]
    found = evaluate(indexed, QUERIES, odd)
    assert found.notes == (
        "1 query has no relevant document and is left out",
        'judgement of an unknown query: 1 (the first: "q9")',
        'judgements that name documents which are not in the index: 2 (the first: "gone"); relevant ones count as not '
        "found",
    )
    before = evaluate(indexed, QUERIES, JUDGEMENTS).per_query["bm25"]["recall_at_10"]
    assert found.per_query["bm25"]["recall_at_10"].tolist() == [before[0] * 2 / 3, *before[1:]]


@pytest.mark.parametrize(
    ("judgements", "refusal"),
    [
        ([("q9", "cats", 1)], 'must name queries, but none of the 1 does .the first names "q9"'),
        ([("q1", "gone", 1)], 'must name documents of the index, but none does .the first names "gone"'),
        ([("q1", "cats", 0)], "no query has a relevant document: no relevance is above 0"),
        ([], "there must be judgements to measure by"),
    ],
)
def test_judgements_that_judge_nothing_are_refused(
    indexed: Index, judgements: list[tuple[str, str, float]], refusal: str
) -> None:
    with pytest.raises(DataError, match=refusal):
        evaluate(indexed, QUERIES, judgements)


def test_a_line_that_is_no_judgement_is_refused(tmp_path: Path) -> None:
    (tmp_path / "judgements").write_text("q1\tcats\t2\nq1 cats\n")
    with pytest.raises(DataError, match=r'query, document and relevance, but line 2 of .* is "q1 cats"'):
        read_judgements(tmp_path / "judgements")
