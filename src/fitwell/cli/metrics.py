"""`fitwell metrics`: the same figures for anybody's predictions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from fitwell.cli.doors import is_there

if TYPE_CHECKING:
    from fitwell.metrics.thresholds import RuleName


def metrics(
    file: Annotated[
        str, typer.Argument(callback=is_there, help="File with a column of labels and columns of predictions.")
    ],
    label: Annotated[str, typer.Option(help="Column of the true labels or numbers.")],
    score: Annotated[
        str | None, typer.Option(help="Column of the scores, higher meaning more positive, or of predicted numbers.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(help="binary, multiclass or regression; without it, by what is there.")
    ] = None,
    positive: Annotated[str | None, typer.Option(help="The label that counts as positive.")] = None,
    threshold: Annotated[
        str, typer.Option(help="Scores from here up are predicted positive: a number or a rule (f1, youden, ...).")
    ] = "0.5",
    at_least: Annotated[
        float | None, typer.Option(help="What the rule precision or recall must reach, such as 0.9.")
    ] = None,
    false_positive_cost: Annotated[float | None, typer.Option(help="What a false alarm costs.")] = None,
    false_negative_cost: Annotated[float | None, typer.Option(help="What a missed positive costs.")] = None,
    weight: Annotated[str | None, typer.Option(help="Column of row weights.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON as in evaluation.json.")] = False,
) -> None:
    """Measure the predictions in FILE: every figure with its 95 % interval.

    Without --score, FILE has columns probability_<class>, or prediction, as `fitwell predict` writes them.
    """
    import json

    from fitwell.cli.terminal import figures_text
    from fitwell.errors import RequestError
    from fitwell.scored import Cutting, measured_scores

    costs = (false_positive_cost, false_negative_cost)
    if (costs[0] is None) != (costs[1] is None):
        raise RequestError("--false-positive-cost and --false-negative-cost go together, but one is missing; give both")
    cutting = Cutting(
        threshold=threshold_asked(threshold),
        at_least=at_least,
        costs=None if costs[0] is None or costs[1] is None else (costs[0], costs[1]),
    )
    measured = measured_scores(
        file, label=label, score=score, positive=positive, cutting=cutting, task=task, weight=weight
    )
    if as_json:
        typer.echo(json.dumps({"version": 1, **measured.as_json()}, indent=1))
        return
    if measured.threshold is not None and measured.threshold.rule != "number":
        typer.echo(f"threshold {measured.threshold.value:.4g} by {measured.threshold.rule}: {measured.threshold.why}")
    for note in measured.notes:
        typer.echo(f"! {note}")
    typer.echo(figures_text(measured.figures))


def threshold_asked(text: str) -> float | RuleName:
    """Return the number or the rule that `--threshold` names.

    >>> threshold_asked("0.3"), threshold_asked("f1")
    (0.3, 'f1')
    """
    import math

    from fitwell.errors import RequestError, nearest
    from fitwell.metrics.thresholds import RULES

    for rule in RULES:
        if text == rule:
            return rule
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isnan(number):
        known = ", ".join(RULES)
        raise RequestError(
            f'--threshold must be a number or a rule ({known}), but is "{text}"{nearest(text, RULES) or "; try 0.5"}'
        )
    return number
