"""Queries and what people judged relevant to them are read: tables, JSON lines, or the columns of TREC."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, TypeAlias

from fitwell.errors import DataError, RequestError
from fitwell.search.documents import Source, read_documents
from fitwell.sources import decompressed, existing_path


class Judgement(NamedTuple):
    """How relevant a document is to a query; what is above 0 is relevant, and counts by how much."""

    query: str
    document: str
    relevance: float


Judgements: TypeAlias = "str | Path | Iterable[tuple[str, str, float]]"


@dataclass(frozen=True, kw_only=True, eq=False)
class Judged:
    """Queries that have a relevant document, and the gain of each of these by its number in the index."""

    names: list[str]
    queries: list[str]
    gains: list[Mapping[int, float]]  # of documents that are not in the index, by numbers below 0: never found
    notes: tuple[str, ...]


def read_judgements(source: Judgements, *, gains: Mapping[float, float] | None = None) -> list[Judgement]:
    """Return judgements, from lines of query, document and relevance, or of TREC's four columns, or from triples.

    Columns are separated by tabs, commas or spaces; a first line whose relevance is no number is a header. With `gains`
    relevances stand for others, as where 1 is the best of grades; those that it does not name are not relevant.

    >>> read_judgements([("1", "a", 2)])
    [Judgement(query='1', document='a', relevance=2.0)]

    Raises:
        DataError: the file cannot be read, or a line is no judgement.
    """
    if isinstance(source, str | Path):
        rows = list(_rows(existing_path(source)))
    else:
        rows = [(str(query), str(document), float(relevance)) for query, document, relevance in source]
    if not rows:
        raise DataError(f"there must be judgements to measure by, but {source!s:.80} has none; name another file")
    judgements = list(map(Judgement._make, rows))
    if gains is None:
        return judgements
    return [each._replace(relevance=gains.get(each.relevance, 0.0)) for each in judgements]


def judged_queries(
    ids: Sequence[str], queries: Source, judgements: Judgements, *, gains: Mapping[float, float] | None = None
) -> Judged:
    """Return the queries that can be measured, and what there is to say about the others.

    Queries are read as documents are. A relevant document that is not in the index counts as not found.

    Raises:
        DataError: a file cannot be read, or no judgement is of a query and a document that there are.
    """
    told = read_judgements(judgements, gains=gains)
    gathered = read_documents(queries)
    numbers = {name: number for number, name in enumerate(ids)}
    relevant: dict[str, dict[int, float]] = {query.id: {} for query in gathered.documents}
    strangers, astray = list[str](), list[str]()
    for query, document, relevance in told:
        if query not in relevant:
            strangers.append(query)
            continue
        if document not in numbers:
            astray.append(document)
        if relevance > 0:
            relevant[query][numbers.get(document, -1 - len(astray))] = relevance
    kept = [query for query in gathered.documents if relevant[query.id]]
    _require_shared(told, kept, strangers, astray)
    unjudged = len(gathered.documents) - len(kept)
    notes = [
        _left_out(unjudged),
        _note(strangers, "of an unknown query", "of unknown queries", ""),
        _note(
            astray,
            "that names a document which is not in the index",
            "that name documents which are not in the index",
            "; relevant ones count as not found",
        ),
    ]
    return Judged(
        names=[query.id for query in kept],
        queries=[query.text for query in kept],
        gains=[relevant[query.id] for query in kept],
        notes=tuple(note for note in notes if note),
    )


def _require_shared(told: list[Judgement], kept: Sequence[object], strangers: list[str], astray: list[str]) -> None:
    if len(strangers) == len(told):
        raise DataError(
            f'judgements must name queries, but none of the {len(told)} does (the first names "{strangers[0]}"); '
            "are these the judgements of these queries?"
        )
    if len(astray) == len(told) - len(strangers):
        raise DataError(
            f'judgements must name documents of the index, but none does (the first names "{astray[0]}"); '
            "is this the index of these documents?"
        )
    if not kept:
        raise DataError("no query has a relevant document: no relevance is above 0; is the column the right one?")


def _left_out(queries: int) -> str:
    if not queries:
        return ""
    return (
        f"{queries} {'query has no relevant document and is' if queries == 1 else 'queries have none and are'} left out"
    )


def _note(names: list[str], one: str, several: str, rest: str) -> str:
    if not names:
        return ""
    what = f"judgement {one}" if len(names) == 1 else f"judgements {several}"
    return f'{what}: {len(names)} (the first: "{names[0]}"){rest}'


def _rows(path: Path) -> Iterable[tuple[str, str, float]]:
    text = b"".join(decompressed(path)).decode("utf-8-sig", "replace")
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip():
            continue
        separator = "\t" if "\t" in line else "," if "," in line else None
        parts = [part.strip() for part in line.split(separator)]
        if len(parts) == 4:  # TREC: query, an unused column, document, relevance
            parts.pop(1)
        try:
            query, document, relevance = parts
            yield query, document, float(relevance)
        except ValueError:
            if number == 1:
                continue
            raise DataError(
                f"a judgement must be query, document and relevance, but line {number} of {path} is "
                f'"{line.strip()[:60]}"; mend that line'
            ) from None


def gains_of(text: str) -> dict[float, float]:
    """Return what grades stand for, as `--gains` says it.

    >>> gains_of("1=4,2=3")
    {1.0: 4.0, 2.0: 3.0}

    Raises:
        RequestError: it is no list of grade=gain.
    """
    try:
        pairs = [part.split("=") for part in text.split(",")]
        return {float(grade): float(gain) for grade, gain in pairs}
    except ValueError:
        raise RequestError(f'--gains must be a list such as 1=4,2=3,3=2,4=1, but is "{text}"') from None
