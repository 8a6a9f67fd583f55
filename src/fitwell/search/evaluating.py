"""How well an index answers queries whose answers are known: each way of ranking, and the differences between them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from fitwell.metrics.figure import Figure
from fitwell.metrics.intervals import skewed_mean
from fitwell.search.documents import Source
from fitwell.search.judging import Judgements, judged_queries
from fitwell.search.measures import DEEPEST, measured
from fitwell.search.value import LEARNED, Index, query_sum

METHOD = "Student's t of the mean over queries, bent for skewness"
FEWEST = 12  # queries from which on such an interval covers what it claims

PerQuery = Mapping[str, NDArray[np.float64]]  # of each measure, one value for each query


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """How well each way of ranking does, over the same queries."""

    queries: tuple[str, ...]  # their ids
    figures: Mapping[str, Mapping[str, Figure]]  # by way of ranking, by measure
    differences: Mapping[str, Mapping[str, Figure]]  # of the first ranking from each other
    per_query: Mapping[str, PerQuery] = field(repr=False)
    notes: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Give the form that `fitwell search evaluate --json` prints."""

        def plain(table: Mapping[str, Mapping[str, Figure]]) -> dict[str, object]:
            return {way: {name: figure.as_json() for name, figure in row.items()} for way, row in table.items()}

        return {
            "version": 1,
            "queries": len(self.queries),
            "rankings": plain(self.figures),
            "differences": {"of": next(iter(self.figures)), "from": plain(self.differences)}
            if self.differences
            else {},
            "notes": list(self.notes),
        }


def evaluate(
    index: Index,
    queries: Source,
    judgements: Judgements,
    *,
    gains: Mapping[float, float] | None = None,
    confidence: float = 0.95,
) -> Evaluation:
    """Measure every way of ranking of an index by judgements, with intervals over queries.

    Queries are read as documents are; judgements are lines of query, document and relevance, `gains` says what their
    grades stand for. Differences are paired: both rankings answer the same queries, hard ones and easy ones.

    Raises:
        DataError: a file cannot be read, or judgements and index have nothing in common.
    """
    judged = judged_queries(index.ids, queries, judgements, gains=gains)
    told = index.generation.about.get("learned", {}).get("queries", ())
    known = len(set(map(query_sum, judged.queries)) & set(told))
    flattered = f"{known} of these queries were learned from, which flatters {LEARNED}; search learn tells it honestly"
    per_query = {
        way: measured(index.ranked(judged.queries, DEEPEST, by=way).documents, judged.gains) for way in index.rankings
    }
    best = per_query[index.rankings[0]]
    return Evaluation(
        queries=tuple(judged.names),
        figures={way: _figures(values, confidence) for way, values in per_query.items()},
        differences={
            way: _figures({name: best[name] - values[name] for name in values}, confidence, low=-1.0)
            for way, values in per_query.items()
            if way != index.rankings[0]
        },
        per_query=per_query,
        notes=(*judged.notes, flattered) if known else judged.notes,
    )


def _figures(values: PerQuery, confidence: float, *, low: float = 0.0) -> dict[str, Figure]:
    return {name: mean_figure(each, confidence=confidence, low=low) for name, each in values.items()}


def mean_figure(values: NDArray[np.float64], *, confidence: float, low: float = 0.0) -> Figure:
    """Return the mean over queries with its interval, no further than values can go.

    >>> print(mean_figure(np.array([0.2, 0.4, 0.6] * 10), confidence=0.95))
    0.4 (0.3380 to 0.462)
    """
    ones = np.ones(len(values))
    if len(values) < 2:
        return Figure(
            value=float(values.mean()), low=None, high=None, method="none", reason="one query tells no spread"
        )
    bounds = skewed_mean(values, ones, ones, confidence=confidence)
    return Figure(
        value=float(values.mean()),
        low=max(bounds.low, low),
        high=min(bounds.high, 1.0),
        method=METHOD,
        approximate=len(values) < FEWEST,
    )
