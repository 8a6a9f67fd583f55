"""The rows worth a look: those that were predicted worst, and those the network was least sure of."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from fitwell.data.pictures import is_picture
from fitwell.explanation.asking import Asked
from fitwell.explanation.sheets import thumbnail
from fitwell.tasks.task import truth_table

SHOWN = 10  # rows of each sort
COLUMNS = 10  # cells shown of each row
LONGEST = 60  # characters of a cell


def telling_rows(asked: Asked, columns: Sequence[str]) -> dict[str, Any]:
    """Return the worst and the most uncertain rows with their cells in some columns, as plain values."""
    shown = list(columns[:COLUMNS])
    badness, bad = badness_of(asked)
    found = {"columns": shown, "worst": {"score": bad, "rows": _rows(asked, badness, shown, largest=True)}}
    doubt = doubt_of(asked)
    if doubt is not None:
        found["uncertain"] = {"score": doubt[1], "rows": _rows(asked, doubt[0], shown, largest=doubt[2])}
    return found


def badness_of(asked: Asked) -> tuple[np.ndarray, str]:
    """Return how wrong each row is, and what that number is."""
    rows = np.arange(len(asked))
    if asked.task.form == "values":
        errors = np.abs(asked.predictions - asked.truth)
        if errors.shape[1] == 1:
            return errors[:, 0], "error"
        return (errors / np.array(asked.coding.scales)).mean(axis=1), "error in standard deviations"
    if asked.task.name == "multilabel":
        given = np.where(asked.truth == 1, asked.predictions, 1 - asked.predictions)
        return 1 - given.mean(axis=1), "mean probability given to wrong answers"
    return 1 - asked.predictions[rows, asked.truth], "probability given to wrong classes"


def doubt_of(asked: Asked) -> tuple[np.ndarray, str, bool] | None:
    """Return how unsure the network is of each row, what that number is, and whether a large one is doubt."""
    if asked.disagreement is not None:
        return asked.disagreement, "disagreement of the members", True
    if asked.task.form == "values":
        return None
    if asked.task.name == "multilabel":
        return (
            np.maximum(asked.predictions, 1 - asked.predictions).mean(axis=1),
            "mean probability of its answers",
            False,
        )
    return asked.predictions.max(axis=1), "probability of its answer", False


def _rows(asked: Asked, scores: np.ndarray, columns: list[str], *, largest: bool) -> list[dict[str, Any]]:
    order = np.argsort(-scores if largest else scores, kind="stable")[:SHOWN]
    truth = truth_table(asked.truth[order], asked.coding)
    predicted = asked.task.table(asked.predictions[order], asked.coding, asked.cut)
    answers = predicted.select(pl.col("^prediction.*$"))
    pictures = {
        column.name: block
        for column in asked.schema.features
        if column.kind == "image" and column.name in columns
        for block in asked.entries[column.name]
    }
    files = [each.name for each in asked.schema.features if each.kind in ("image", "audio") and each.name in columns]
    cells = asked.frame.select(columns).with_columns(*(_below_their_folder(asked.frame[name]) for name in files))[order]
    return [
        {
            "row": int(asked.source_rows[place]),
            "truth": _joined(truth.row(number)),
            "prediction": _joined(answers.row(number)),
            "score": float(scores[place]),
            "cells": [cell_text(cell) for cell in cells.row(number)],
            "pictures": {name: thumbnail(asked.blocks[block][place]) for name, block in pictures.items()},
        }
        for number, place in enumerate(order.tolist())
    ]


def _below_their_folder(paths: pl.Series) -> pl.Series:
    """Return paths without the folder in which all of them lie.

    >>> _below_their_folder(pl.Series(["/home/me/flowers/rose/1.jpg", "/home/me/flowers/tulip/2.jpg", None])).to_list()
    ['rose/1.jpg', 'tulip/2.jpg', None]
    """
    folder = os.path.commonpath([os.path.dirname(path) for path in paths.drop_nulls()] or [""])
    below = [None if path is None else Path(os.path.relpath(path, folder or None)).as_posix() for path in paths]
    return pl.Series(paths.name, below, dtype=pl.String)


def _joined(answers: tuple[Any, ...]) -> str | float:
    """Return one answer as it is, and several as text."""
    if len(answers) == 1:
        return float(answers[0]) if isinstance(answers[0], float) else str(answers[0])
    return ", ".join(f"{answer:.4g}" if isinstance(answer, float) else str(answer) for answer in answers)


def cell_text(cell: object) -> str:
    """Return a cell as it is shown: the beginning of a long one, the end of a long path of a picture."""
    text = "" if cell is None else str(cell)
    if len(text) <= LONGEST:
        return text
    return "…" + text[-LONGEST + 1 :] if is_picture(text) else text[: LONGEST - 1] + "…"
