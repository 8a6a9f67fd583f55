"""What each section of the page shows, as plain values for the template."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from fitwell.report.about import column_table, data_facts, decision_facts
from fitwell.report.answers import Question, questions
from fitwell.report.examined import examined_sentence, experiments_table
from fitwell.report.examples import example_tables
from fitwell.report.explained import dependence_pictures, importance_pictures
from fitwell.report.found import effect_pictures, findings_shown
from fitwell.report.inside import inside_pictures
from fitwell.report.learning import learning_pictures
from fitwell.report.mattered import search_pictures
from fitwell.report.members import members_pictures
from fitwell.report.picture import Contents, Picture, Table
from fitwell.report.ranking import ranking_pictures
from fitwell.report.reach import reach_pictures
from fitwell.report.searched import search_sentence, trials_table
from fitwell.report.several import class_table, confusion_picture, curves_pictures, label_table
from fitwell.report.standing import standing_pictures
from fitwell.report.threshold import FIGURES, Stops, stops_of
from fitwell.report.values import value_pictures
from fitwell.report.verdict import folds_sentence, headline, measured_on, primary_figure, standing_sentence
from fitwell.report.words import decimals, fixed, interval_text, metric_title, number, value_text

SMALL = Markup('<img class="small" alt="" src="data:image/png;base64,{}"> {}')  # what is put in is escaped
LABELS = 6  # of several labels, so many have their own pictures


@dataclass(frozen=True, kw_only=True)
class Panel:
    """One question with its threshold, its pictures and the figures that follow the slider."""

    place: int
    question: Question
    stops: Stops
    pictures: Sequence[Picture]
    figures: Sequence[tuple[str, str, str]]  # name, title, as measured with its interval

    @property
    def now(self) -> dict[str, float | None]:
        """The figures at the chosen threshold."""
        return self.stops.figures(self.stops.chosen)


def all_of(contents: Contents) -> dict[str, Any]:
    """Return everything that the template names."""
    asked = questions(contents)
    panels = _panels(contents, asked)
    return {
        "contents": contents,
        "target": ", ".join(contents.data["targets"]["names"]),
        "headline": headline(contents),
        "standing": standing_sentence(contents),
        "folds": folds_sentence(contents),
        "measured_on": measured_on(contents),
        "primary": None if contents.evaluation is None else primary_figure(contents),
        "beside": list(standing_pictures(contents)),
        "findings": findings_shown(contents.findings),
        "examined": examined_sentence(contents),
        "experiments": experiments_table(contents),
        "effects": list(effect_pictures(contents)),
        "panels": panels,
        "several": list(several_pictures(contents, asked)),
        "several_table": _several_table(contents, asked),
        "values": list(value_pictures(contents)),
        "figures": _figures(contents),
        "importance": list(importance_pictures(contents)),
        "dependence": list(dependence_pictures(contents)),
        "goes_by": bool(contents.explanation.get("importance")),
        "bounded": (contents.explanation.get("importance") or {}).get("bounded"),
        "rows": _row_tables(contents),
        "examples": list(example_tables(contents)),
        "sheets": contents.explanation.get("sheets", []),
        "data_facts": data_facts(contents),
        "decision": decision_facts(contents),
        "columns": column_table(contents),
        "learning": [*learning_pictures(contents), *members_pictures(contents)],
        "inside": [*inside_pictures(contents), *reach_pictures(contents)],
        "search": list(search_pictures(contents)),
        "search_says": search_sentence(contents),
        "trials": trials_table(contents),
        "reproduce": _reproduce(contents),
        "number": number,
        "decimals": decimals,
        "of_hundred": lambda share: decimals(None if share is None else 100 * share, 0),
        "metric_title": metric_title,
        "slider": [{"id": panel.place, **panel.stops.as_json(), "costs": costs_of(contents)} for panel in panels],
    }


# Every family of pictures, in the order of the page.
PICTURES: dict[str, Callable[[Contents], Iterator[Picture]]] = {
    "standing": standing_pictures,
    "effects": effect_pictures,
    "ranking": lambda contents: (each for panel in _panels(contents, questions(contents)) for each in panel.pictures),
    "several": lambda contents: several_pictures(contents, questions(contents)),
    "values": value_pictures,
    "importance": importance_pictures,
    "dependence": dependence_pictures,
    "learning": learning_pictures,
    "members": members_pictures,
    "inside": inside_pictures,
    "reach": reach_pictures,
    "search": search_pictures,
}


def pictures(contents: Contents) -> list[Picture]:
    """Return every picture of the page."""
    return [picture for family in PICTURES.values() for picture in family(contents)]


def several_pictures(contents: Contents, asked: Sequence[Question]) -> Iterator[Picture]:
    """Yield the pictures that show several classes or labels side by side."""
    if contents.task == "multiclass":
        yield from confusion_picture(contents)
        yield from curves_pictures(asked, what="class")
    elif contents.task == "multilabel":
        yield from curves_pictures(asked, what="label")


def _panels(contents: Contents, asked: Sequence[Question]) -> list[Panel]:
    """Return a panel for a binary target, and one for each of several labels."""
    if contents.task not in ("binary", "multilabel") or contents.evaluation is None:
        return []
    parts = contents.evaluation.get("parts") or {}
    panels = []
    costs = costs_of(contents)
    names = [*FIGURES, *([] if costs is None else ["cost"])]
    for place, question in enumerate([each for each in asked if each.can_rank][:LABELS]):
        metrics = contents.evaluation["metrics"] if contents.task == "binary" else (parts.get(question.label) or {})
        threshold = _threshold(contents, question.label)
        stops = stops_of(question, threshold, costs=costs)
        chosen = {**stops.figures(stops.chosen), "threshold": threshold}
        prefix = "" if contents.task == "binary" else f"label-{place + 1}-"
        panels.append(
            Panel(
                place=place,
                question=question,
                stops=stops,
                pictures=list(ranking_pictures(question, metrics, chosen, prefix=prefix)),
                figures=[(name, _figure_title(name), _measured(metrics.get(name))) for name in names],
            )
        )
    return panels


def _threshold(contents: Contents, label: str) -> float:
    told = (contents.decision.get("threshold") or {}).get("value")
    told = told.get(label) if isinstance(told, Mapping) else told
    if told is None and contents.evaluation is not None:
        told = contents.evaluation.get("threshold")
    return 0.5 if told is None else float(told)


def costs_of(contents: Contents) -> tuple[float, float] | None:
    """Return what a false alarm and a missed positive cost, None where that was not said."""
    decision = contents.settings.get("decision") or {}
    alarm, miss = decision.get("false_positive_cost"), decision.get("false_negative_cost")
    return None if alarm is None or miss is None else (float(alarm), float(miss))


def _figure_title(name: str) -> str:
    titles = {
        "predicted_positive": "predicted positive",
        "false_positive_rate": "false positive rate",
        "cost": "cost per row",
    }
    return titles.get(name, metric_title(name))


def _measured(figure: Mapping[str, Any] | None) -> str:
    if not figure or figure.get("value") is None:
        return ""
    return f"{value_text(figure)} ({interval_text(figure)})"


def _several_table(contents: Contents, asked: Sequence[Question]) -> Table | None:
    if contents.task == "multilabel" and contents.evaluation is not None and asked:
        return label_table(contents.evaluation.get("parts") or {}, asked)
    return class_table(contents, asked)


def _cell(value: object) -> str:
    return number(value) if isinstance(value, int | float) and not isinstance(value, bool) else str(value)


def _figures(contents: Contents) -> Table | None:
    """Return every figure with its interval and how that came about."""
    if contents.evaluation is None:
        return None
    rows = [
        [metric_title(name), value_text(figure), interval_text(figure), _method(figure)]
        for name, figure in contents.evaluation["metrics"].items()
        if isinstance(figure, Mapping)
    ]
    return Table(header=("figure", "value", "95 % interval", "how the interval came about"), rows=rows)


def _method(figure: Mapping[str, Any]) -> str:
    if figure.get("reason"):
        return str(figure["reason"])
    return f"{figure.get('method', '')}{', approximate' if figure.get('approximate') else ''}"


def _row_tables(contents: Contents) -> list[Table]:
    """Return the rows that were predicted worst, and those the network was least sure of."""
    told = contents.explanation.get("rows")
    if not told:
        return []
    captions = {
        "worst": "The rows it got most wrong, counted from 1 below the header. Look for mistakes in the data, and for "
        "what they have in common.",
        "uncertain": "The rows it was least sure of.",
    }
    return [
        Table(
            caption=caption,
            header=["row", "true", "predicted", told[kind]["score"], *told["columns"]],
            rows=[_row_cells(row, told["columns"]) for row in told[kind]["rows"]],
        )
        for kind, caption in captions.items()
        if told.get(kind)
    ]


def _row_cells(row: Mapping[str, Any], columns: Sequence[str]) -> list[str]:
    """Return a row as people count them, from 1, with its answers and cells; pictures stand before their names."""
    pictures = row.get("pictures", {})
    return [
        f"{row['row'] + 1:,}",
        _cell(row["truth"]),
        _cell(row["prediction"]),
        fixed(row["score"], 3) if 0 <= row["score"] <= 1 else number(row["score"], digits=3),
        *(
            SMALL.format(pictures[name], cell) if name in pictures else _cell(cell)
            for name, cell in zip(columns, row["cells"], strict=True)
        ),
    ]


def _reproduce(contents: Contents) -> dict[str, Any]:
    data = contents.data
    where = data.get("path") or data["source"]
    return {
        "command": f"fitwell train {shlex.quote(str(where))} --recipe recipe.yaml",
        "facts": [
            ("seed", str(contents.settings.get("seed", ""))),
            ("data", str(data.get("fingerprint", ""))),
            ("division", str(data["split"].get("fingerprint", ""))),
            *contents.versions.items(),
        ],
    }
