"""`fitwell metrics`: the same figures for anybody's scores."""

from __future__ import annotations

from typing import Annotated

import typer


def metrics(
    file: Annotated[str, typer.Argument(help="File with a column of labels and a column of scores.")],
    label: Annotated[str, typer.Option(help="Column of the true labels.")],
    score: Annotated[str, typer.Option(help="Column of the scores; higher means more positive.")],
    positive: Annotated[str | None, typer.Option(help="The label that counts as positive.")] = None,
    threshold: Annotated[float, typer.Option(help="Scores from here up are predicted positive.")] = 0.5,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON as in evaluation.json.")] = False,
) -> None:
    """Measure the scores in FILE: every binary figure with its 95 % interval."""
    import json
    import math

    from fitwell.cli.terminal import figures_text
    from fitwell.errors import RequestError
    from fitwell.evaluation import measured_scores

    if math.isnan(threshold):
        raise RequestError("--threshold must be a number, but is nan; try 0.5")
    report, figures = measured_scores(file, label=label, score=score, positive=positive, threshold=threshold)
    typer.echo(json.dumps({"version": 1, **report}, indent=1) if as_json else figures_text(figures))
