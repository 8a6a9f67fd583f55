"""The verdict in plain words: what the network does, how sure that is, and whether something simple does as well."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from fitwell.report.picture import Contents
from fitwell.report.words import (
    capital,
    counted,
    fixed,
    interval_text,
    listed,
    metric_title,
    model_title,
    number,
    places_of,
    value_text,
)


def headline(contents: Contents) -> str:
    """Return what the figure that decides means, in one sentence; why there is none, where there is none."""
    evaluation = contents.evaluation
    if evaluation is None:
        return "This run has not been measured yet."
    metric = evaluation["primary"]["metric"]
    figure = evaluation["metrics"].get(metric) or {}
    if figure.get("value") is None:
        return f"The {metric_title(metric)} has no value here: {figure.get('reason', 'it was not measured')}."
    if contents.task == "answer":
        exact = (evaluation["metrics"].get("exact_match") or {}).get("value") or 0.0
        return f"It answers {_of_hundred(exact)} questions with exactly the right words of their text."
    says = MEANINGS.get(metric)
    if says is None:
        return f"The {metric_title(metric)} is {value_text(figure)}."
    return says(figure, _subject(contents))


def _subject(contents: Contents) -> str:
    """Return what is looked for, in words: the target with its positive class, or the target."""
    targets = contents.data["targets"]
    names = str(listed(targets["names"]))
    if contents.task == "multiclass":
        return "a class"
    if contents.task == "multilabel":
        return "a label"
    return names if targets["positive"] is None else f"{names} “{targets['positive']}”"


def _of_hundred(value: float) -> str:
    """Return a share as so many of 100, finer where it is nearly all.

    >>> _of_hundred(0.848), _of_hundred(0.9962), _of_hundred(1.0)
    ('85 of 100', '996 of 1,000', 'all')
    """
    if value >= 1:
        return "all"
    return f"{1000 * value:.0f} of 1,000" if value > 0.985 else f"{100 * value:.0f} of 100"


Meaning = Callable[[Mapping[str, Any], str], str]  # a figure, what is looked for

MEANINGS: dict[str, Meaning] = {
    "roc_auc": lambda figure, what: (
        f"Of two rows, one with {what} and one without, it ranks the right one higher in "
        f"{_of_hundred(figure['value'])} cases."
    ),
    "accuracy": lambda figure, _what: f"It is right for {_of_hundred(figure['value'])} rows.",
    "rmse": lambda figure, what: f"Its predictions of {what} are typically off by {value_text(figure)}.",
    "r2": lambda figure, what: f"It explains {_of_hundred(max(figure['value'], 0.0))} parts of how {what} varies.",
    "pr_auc": lambda figure, what: (
        f"Of the rows it ranks as high as one with {what}, {_of_hundred(figure['value'])} have it too, on average."
    ),
    "lift": lambda figure, what: (
        f"The tenth of the rows that it ranks highest holds {value_text(figure)} times as many {what} as a random one."
    ),
    "mcc": lambda figure, _what: (
        f"Predictions and truth correlate at {value_text(figure)}, where 0 is chance and 1 is perfect."
    ),
    "f1": lambda figure, _what: f"Wrong and missed labels weighed alike, it reaches {value_text(figure)} of 1.",
    "cost": lambda figure, _what: f"Its wrong answers cost {value_text(figure)} a row, on average over all rows.",
    "log_loss": lambda figure, _what: (
        f"It is surprised by {value_text(figure)} nats a row; always right and sure would be 0."
    ),
}


def standing_sentence(contents: Contents) -> str:
    """Return how the network stands beside the simple models, in one or two sentences."""
    baselines = (contents.evaluation or {}).get("baselines") or {}
    by_verdict: dict[str, list[str]] = {}
    for name, beside in baselines.items():
        known = (beside.get("difference") or {}).get("value") is not None
        verdict = beside["verdict"] if known else "not comparable"
        by_verdict.setdefault(verdict, []).append(model_title(name, task=contents.task))
    if not by_verdict:
        return ""
    worse, even, better = (by_verdict.get(key, []) for key in ("worse", "not distinguishable", "better"))
    said = []
    if worse:
        said.append(f"Simpler does better here: {listed(worse)} on the same rows. Use that, or look at the findings.")
    if better and not worse and not even:
        said.append(f"It clearly beats every simple model on the same rows: {listed(better)}.")
    elif better:
        said.append(f"It clearly beats {listed(better)}.")
    if even:
        said.append(f"It cannot be told apart from {listed(even)}: the difference is within what chance explains.")
    return " ".join(said)


def measured_on(contents: Contents) -> str:
    """Return which rows were measured."""
    evaluation = contents.evaluation
    if evaluation is None:
        return ""
    rows = counted(int(evaluation["rows"]), "row")
    if evaluation["split"] == "test":
        return f"measured on {rows} that it has not seen"
    return (
        f"measured on the {rows} that decided when to stop, since none were set aside to measure; it flatters a little"
    )


def primary_figure(contents: Contents) -> Mapping[str, str]:
    """Return the figure that decides, as the page shows it large."""
    assert contents.evaluation is not None
    metric = contents.evaluation["primary"]["metric"]
    figure = contents.evaluation["metrics"].get(metric) or {}
    why = str(contents.evaluation["primary"].get("why", "")).removeprefix(f"{metric}: ")
    return {
        "name": capital(metric_title(metric)),
        "value": value_text(figure),
        "interval": interval_text(figure),
        "why": capital(why),
    }


def folds_sentence(contents: Contents) -> str:
    """Return how the figure that decides varied over folds, where there were any."""
    folds = (contents.evaluation or {}).get("folds")
    if not folds or contents.evaluation is None:
        return ""
    over = folds["metrics"].get(contents.evaluation["primary"]["metric"]) or {}
    mean, spread = over.get("mean"), over.get("spread")
    if mean is None:
        return ""
    if spread is None:
        return f"Over {folds['count']} folds it is {number(mean)} on average."
    places = places_of(-spread, spread)
    return (
        f"Over {folds['count']} folds it is {fixed(mean, places)} on average, with a spread of {fixed(spread, places)}."
    )
