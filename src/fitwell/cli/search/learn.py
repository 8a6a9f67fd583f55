"""`fitwell search learn`: an index learns from judgements how much each way of ranking is worth."""

from __future__ import annotations

import typer

from fitwell.cli.search.evaluate import Gains, Judged, Queries, figure_lines
from fitwell.cli.search.options import IndexFolder, Json
from fitwell.cli.words.opening import compiling_told


def learn(index: IndexFolder, queries: Queries, judgements: Judged, gains: Gains = None, as_json: Json = False) -> None:
    """Learn from JUDGEMENTS how much each way of ranking of INDEX is worth, and rank by it if that is better."""
    import json

    from fitwell import search
    from fitwell.cli.lines import aligned, one_line

    with compiling_told():
        taught = search.learn(index, queries, judgements, gains=None if gains is None else search.gains_of(gains))
    if as_json:
        plain = {
            "version": 1,
            "kept": taught.kept,
            "queries": taught.queries,
            "weights": {way: dict(zip(("score", "rank"), each, strict=True)) for way, each in taught.weights.items()},
            "cross_fitted": {name: figure.as_json() for name, figure in taught.figures.items()},
            "ndcg_at_10_less": {way: figure.as_json() for way, figure in taught.differences.items()},
            "notes": list(taught.notes),
        }
        typer.echo(json.dumps(plain, ensure_ascii=False, indent=1))
        return
    for note in taught.notes:
        typer.echo(f"! {one_line(note)}")
    typer.echo(f"{taught.queries:,} queries, each ranked by what was learned from others")
    typer.echo(figure_lines(taught.figures))
    typer.echo("\nndcg_at_10, less that of")
    typer.echo(figure_lines(taught.differences))
    typer.echo("\nweights of scores and of ranks")
    rows = [(f"  {way}", f"{score:.3g}", f"{rank:.3g}") for way, (score, rank) in taught.weights.items()]
    typer.echo(aligned(rows, right=[1, 2]))
    said = (
        "the index ranks by it now"
        if taught.kept
        else "it is not above every other ranking, so the index stays as it is"
    )
    typer.echo(f"\n{said}")
