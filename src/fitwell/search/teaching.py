"""An index learns from judgements how much each of its ways of ranking is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from fitwell.errors import DataError, RequestError
from fitwell.metrics.figure import Figure
from fitwell.search.documents import Source
from fitwell.search.evaluating import mean_figure
from fitwell.search.fusing import FEWEST, candidates_of, cross_fitted, learned
from fitwell.search.judging import Judgements, judged_queries
from fitwell.search.measures import DEEPEST, measured
from fitwell.search.store import write_next
from fitwell.search.value import DEPTH, LEARNED, Index, open_index, query_sum

DECIDES = "ndcg_at_10"


@dataclass(frozen=True, kw_only=True)
class Taught:
    """What an index has learned, measured on queries that it was not learned from."""

    index: Index
    kept: bool  # whether the index ranks by it now
    queries: int
    weights: Mapping[str, tuple[float, float]]  # of each way: of its relative score, and of its rank
    figures: Mapping[str, Figure]  # of the learned fusion, cross-fitted
    differences: Mapping[str, Figure]  # of its nDCG@10 from that of every other ranking
    notes: tuple[str, ...] = ()


def learn(
    path: str | Path,
    queries: Source,
    judgements: Judgements,
    *,
    gains: Mapping[float, float] | None = None,
    confidence: float = 0.95,
) -> Taught:
    """Learn weights for the fusion of an index's rankings, and let it rank by them if that is better.

    Every query is ranked by weights that were learned from other queries, five folds in turn; those figures are told,
    and decide: the weights that are learned from all queries are kept where nDCG@10 is above that of every other
    ranking. Everything else is as for `evaluate`.

    Raises:
        RequestError: the index has one way of ranking only. DataError: there are fewer than 20 judged queries.
    """
    index = open_index(path)
    if len(index.settings.ways) < 2:
        raise RequestError(
            f"there is nothing to learn for an index that ranks by {index.settings.ways[0]} only; make one with "
            "several ways, such as --by bm25,words"
        )
    judged = judged_queries(index.ids, queries, judgements, gains=gains)
    if len(judged.queries) < FEWEST:
        raise DataError(
            f"{FEWEST} queries with a relevant document are needed to learn from, but there are {len(judged.queries)}; "
            "judge more, or leave it at the fusion by ranks"
        )
    listings = index.listings(judged.queries, DEPTH)
    honest = measured(cross_fitted(listings, judged.gains, DEEPEST).documents, judged.gains)
    differences = {}
    for way in index.rankings:
        if way != LEARNED:
            other = measured(index.ranked(judged.queries, DEEPEST, by=way).documents, judged.gains)
            differences[way] = mean_figure(honest[DECIDES] - other[DECIDES], confidence=confidence, low=-1.0)
    weights = learned(list(candidates_of(listings)), judged.gains)
    kept = all((figure.value or 0) > 0 for figure in differences.values())
    if kept:
        told = {"weights": weights.tolist(), "queries": sorted(map(query_sum, judged.queries))}
        about = {"settings": index.settings.as_json(), "learned": told}
        index = Index(write_next(index.generation, arrays=dict(index.generation.mapped), about=about))
    ways = index.settings.ways
    return Taught(
        index=index,
        kept=kept,
        queries=len(judged.queries),
        weights={way: (float(weights[at]), float(weights[at + len(ways)])) for at, way in enumerate(ways)},
        figures={name: mean_figure(values, confidence=confidence) for name, values in honest.items()},
        differences=differences,
        notes=judged.notes,
    )
