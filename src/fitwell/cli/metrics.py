"""`fitwell metrics`: the same figures for anybody's predictions."""

from __future__ import annotations

from typing import Annotated

import typer


def metrics(
    file: Annotated[str, typer.Argument(help="File with a column of labels and columns of predictions.")],
    label: Annotated[str, typer.Option(help="Column of the true labels or numbers.")],
    score: Annotated[
        str | None, typer.Option(help="Column of the scores, higher meaning more positive, or of predicted numbers.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="binary, multiclass or regression; without it, by what is there.")
    ] = None,
    positive: Annotated[str | None, typer.Option(help="The label that counts as positive.")] = None,
    threshold: Annotated[float, typer.Option(help="Scores from here up are predicted positive.")] = 0.5,
    weight: Annotated[str | None, typer.Option(help="Column of row weights.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON as in evaluation.json.")] = False,
) -> None:
    """Measure the predictions in FILE: every figure with its 95 % interval.

    Without --score, FILE has columns probability_<class>, or prediction, as `fitwell predict` writes them.
    """
    import json
    import math

    from fitwell.cli.terminal import figures_text
    from fitwell.errors import RequestError
    from fitwell.scored import measured_scores

    if math.isnan(threshold):
        raise RequestError("--threshold must be a number, but is nan; try 0.5")
    report, figures = measured_scores(
        file, label=label, score=score, positive=positive, threshold=threshold, task=task, weight=weight
    )
    if as_json:
        typer.echo(json.dumps({"version": 1, **report}, indent=1))
        return
    for note in report["notes"]:
        typer.echo(note)
    typer.echo(figures_text(figures))
