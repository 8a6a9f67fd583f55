"""`fitwell search evaluate`: how well an index answers queries whose answers are known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fitwell.cli.search.options import Exact, IndexFolder, Json
from fitwell.cli.words.opening import compiling_told

if TYPE_CHECKING:
    from collections.abc import Mapping

    from fitwell.metrics import Figure


Queries = Annotated[str, typer.Argument(help="Queries with ids: JSONL, a table, or a file of lines.")]
Judged = Annotated[
    str, typer.Argument(metavar="JUDGEMENTS", help="Lines of query, document and relevance, or TREC's columns.")
]
Gains = Annotated[str | None, typer.Option(help="What grades stand for, where 1 is best: 1=4,2=3,3=2,4=1.")]


def evaluate(
    index: IndexFolder,
    queries: Queries,
    judgements: Judged,
    gains: Gains = None,
    exact: Exact = False,
    as_json: Json = False,
) -> None:
    """Measure every way of ranking of INDEX by JUDGEMENTS: nDCG@10, MRR and recall, with intervals over queries."""
    import json

    from fitwell import search
    from fitwell.cli.lines import one_line

    with compiling_told():
        found = search.evaluate(
            search.open_index(index, exact=exact),
            queries,
            judgements,
            gains=None if gains is None else search.gains_of(gains),
        )
    if as_json:
        typer.echo(json.dumps(found.as_json(), ensure_ascii=False, indent=1))
        return
    for note in found.notes:
        typer.echo(f"! {one_line(note)}")
    typer.echo(f"{len(found.queries):,} queries")
    for way, figures in found.figures.items():
        typer.echo(f"\n{way}\n{figure_lines(figures)}")
    for way, figures in found.differences.items():
        typer.echo(f"\n{next(iter(found.figures))} less {way}\n{figure_lines(figures)}")


def figure_lines(figures: Mapping[str, Figure]) -> str:
    """Return figures as aligned lines: name, value, interval."""
    from fitwell.cli.lines import aligned
    from fitwell.cli.terminal import interval_text

    rows = []
    for name, figure in figures.items():
        doubt = " (approximate)" if figure.approximate else ""
        rows.append((f"  {name}", f"{figure.value:.4f}", f"{interval_text(figure.low, figure.high)}{doubt}"))
    return aligned(rows, right=[1])
