"""Several classes or labels side by side: the confusion matrix, and one curve for each against the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from fitwell.metrics.confusion import confusion_matrix, f1s, margins, precisions, recalls
from fitwell.metrics.ranked import roc_auc
from fitwell.report.answers import Question, measured_rows, row_weights
from fitwell.report.picture import SQUARE, Contents, Picture, Spec, Table, data, quantity
from fitwell.report.ranking import precision_recall_points, roc_points
from fitwell.report.theme import RAMP, SERIES, color, series_color
from fitwell.report.words import counted, fixed, listed, number, percent, value_text

SHOWN = 24  # classes of a confusion matrix; of more, those that are confused most


def confusion_picture(contents: Contents) -> Iterator[Picture]:
    """Yield which class is taken for which, as shares of the rows of each class."""
    found = confusion(contents)
    if found is None:
        return
    classes, cells = found
    shown = _most_confused(cells)
    totals = cells.sum(1)
    rows = [
        {
            "t": classes[i],
            "p": classes[j],
            "z": float(cells[i, j] / totals[i]) if totals[i] else 0.0,
            "n": number(float(cells[i, j])) if cells[i, j] else "",
        }
        for i in shown
        for j in shown
    ]
    wrong = cells - np.diag(np.diag(cells))
    worst = np.unravel_index(int(wrong.argmax()), wrong.shape)
    most = (
        f"most often “{classes[worst[0]]}” is taken for “{classes[worst[1]]}” ({_rows(float(wrong[worst]))})"
        if wrong.any()
        else "no row is confused"
    )
    left_out = (
        f" Of {len(classes)} classes, the {len(shown)} that are confused most are drawn."
        if len(shown) < len(classes)
        else ""
    )
    yield Picture(
        name="confusion",
        title="Confusion matrix",
        says=f"{percent(float(np.trace(cells) / cells.sum()))} of the rows lie on the diagonal; {most}.{left_out}",
        reading="Each row is a true class; the shade is the share of its rows, the number counts them.",
        spec=_matrix([classes[place] for place in shown], rows),
    )


def confusion(contents: Contents) -> tuple[list[str], np.ndarray] | None:
    """Return the classes and the weight of rows by true and predicted class, None without predictions."""
    rows = measured_rows(contents)
    if rows is None or contents.task != "multiclass":
        return None
    classes = list(contents.data["targets"]["classes"][0])
    known = rows.filter(pl.col("truth").is_in(classes) & pl.col("prediction").is_in(classes))
    places = pl.Series(range(len(classes)), dtype=pl.Int64)
    truth, predicted = (
        known[column].replace_strict(pl.Series(classes), places).to_numpy() for column in ("truth", "prediction")
    )
    return classes, confusion_matrix(truth, predicted, row_weights(known), len(classes))


def class_table(contents: Contents, asked: Sequence[Question]) -> Table | None:
    """Return precision, recall, F1 and ROC-AUC of every class."""
    found = confusion(contents)
    if found is None:
        return None
    classes, cells = found
    counted_up = margins(cells)
    columns = [precisions(counted_up), recalls(counted_up), f1s(counted_up)]
    areas = {question.label: _area(question) for question in asked}
    rows = [
        [
            label,
            number(float(cells[place].sum())),
            *("–" if np.isnan(column[place]) else fixed(float(column[place]), 3) for column in columns),
            areas.get(label, "–"),
        ]
        for place, label in enumerate(classes)
    ]
    return Table(header=("class", "rows", "precision", "recall", "F1", "ROC-AUC"), rows=rows)


def label_table(parts: Mapping[str, Mapping[str, Any]], asked: Sequence[Question]) -> Table:
    """Return the figures of every label, as they were measured."""
    names = {
        "precision": "precision",
        "recall": "recall",
        "f1": "F1",
        "roc_auc": "ROC-AUC",
        "pr_auc": "average precision",
    }
    rows = [
        [
            question.label,
            percent(question.positives / (question.positives + question.negatives)),
            *(value_text(parts.get(question.label, {}).get(metric) or {"value": None}) for metric in names),
        ]
        for question in asked
    ]
    return Table(header=("label", "share", *names.values()), rows=rows)


def curves_pictures(asked: Sequence[Question], *, what: str) -> Iterator[Picture]:
    """Yield ROC and precision-recall curves of up to six classes or labels, the largest first."""
    able = sorted((question for question in asked if question.can_rank), key=lambda each: -each.positives)[
        : len(SERIES)
    ]
    if not able:
        return
    names = [question.label for question in able]
    told = f" The {len(able)} most frequent of {len(asked)} are drawn." if len(able) < len(asked) else ""
    areas = listed([f"“{question.label}” {_area(question)}" for question in able])
    yield Picture(
        name="roc-each",
        title=f"ROC curve of each {what}",
        says=f"Areas: {areas}.{told}",
        reading="The nearer to the upper left corner, the better; dashed: chance.",
        spec=_lines(able, names, roc_points, ("false positive rate", "true positive rate (recall)"), diagonal=True),
    )
    yield Picture(
        name="precision-recall-each",
        title=f"Precision and recall of each {what}",
        says="Chance is each one's share of the rows: "
        + listed([f"“{each.label}” {percent(each.positives / (each.positives + each.negatives))}" for each in able])
        + f".{told}",
        reading="The nearer to the upper right corner, the better.",
        spec=_lines(able, names, precision_recall_points, ("recall", "precision"), diagonal=False),
    )


def _rows(weight: float) -> str:
    return counted(int(weight), "row") if weight.is_integer() else f"a weight of {number(weight)}"


def _area(question: Question) -> str:
    return fixed(float(roc_auc(question.rows.positive, question.rows.negative)), 3) if question.can_rank else "–"


def _lines(
    asked: Sequence[Question],
    names: list[str],
    points: Callable[[Question], tuple[np.ndarray, np.ndarray]],
    titles: tuple[str, str],
    *,
    diagonal: bool,
) -> Spec:
    rows = []
    for question in asked:
        xs, ys = points(question)
        rows += [{"x": float(x), "y": float(y), "s": question.label} for x, y in zip(xs, ys, strict=True)]
    x = quantity("x", titles[0], domain=[0, 1], tickCount=5)
    y = quantity("y", titles[1], domain=[0, 1], tickCount=5)
    paint = {
        "field": "s",
        "type": "nominal",
        "title": None,
        "scale": {"domain": names, "range": [series_color(place) for place in range(len(names))]},
        "legend": {"columns": 3},
    }
    base = {
        "data": data([{"x": 0, "y": 0}, {"x": 1, "y": 1}]),
        "mark": {"type": "line", "strokeDash": [4, 3], "color": color("line")},
        "encoding": {"x": x, "y": y},
    }
    step = "linear" if diagonal else "step-before"
    lines = {
        "data": data(rows),
        "mark": {"type": "line", "interpolate": step},
        "encoding": {"x": x, "y": y, "color": paint, "order": {"field": "x"}},
    }
    return {"width": SQUARE, "height": SQUARE, "layer": [base, lines] if diagonal else [lines]}


def _most_confused(cells: np.ndarray) -> list[int]:
    """Return the places of the classes to show, in their order."""
    if len(cells) <= SHOWN:
        return list(range(len(cells)))
    wrong = cells - np.diag(np.diag(cells))
    return sorted(np.argsort(-(wrong.sum(0) + wrong.sum(1)), kind="stable")[:SHOWN].tolist())


def _matrix(classes: list[str], rows: list[dict[str, Any]]) -> Spec:
    ramp = [color(role) for role in RAMP]
    step = max(18, min(56, SQUARE // max(1, len(classes))))
    axis = {"labelLimit": 90}
    x = {
        "field": "p",
        "type": "nominal",
        "title": "predicted",
        "sort": classes,
        "axis": {**axis, "orient": "top", "labelAngle": -40 if len(classes) > 4 else 0},
    }
    y = {"field": "t", "type": "nominal", "title": "true", "sort": classes, "axis": axis}
    shade = {
        "field": "z",
        "type": "quantitative",
        "scale": {"type": "threshold", "domain": [0.005, 0.05, 0.15, 0.35, 0.6, 0.85], "range": ramp},
        "legend": None,
    }
    ink = {"condition": {"test": "datum.z >= 0.35", "value": color("paper")}, "value": color("ink")}
    layers: list[Spec] = [{"mark": {"type": "rect"}, "encoding": {"color": shade}}]
    if len(classes) <= 16:
        layers.append(
            {
                "mark": {"type": "text", "fontSize": 11 if step < 30 else 12},
                "encoding": {"text": {"field": "n"}, "color": ink},
            }
        )
    return {
        "width": {"step": step},
        "height": {"step": step},
        "data": data(rows),
        "encoding": {"x": x, "y": y},
        "layer": layers,
    }
