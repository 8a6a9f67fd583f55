"""Texts with their labels, from a table or from lines in which labels are words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from fitwell.words.texts import Corpus

Text = Annotated[str | None, typer.Option(help="Column of a table that holds the texts.")]
Label = Annotated[str | None, typer.Option(help="Column of a table that holds the labels.")]


@dataclass(frozen=True)
class Labelled:
    """Texts, and the label of each, unless labels are words of the texts."""

    texts: Corpus
    labels: list[str] | None


def read_labelled(source: str, *, text: str | None, label: str | None) -> Labelled:
    """Return the texts of a file; without a column of texts its lines are texts.

    Raises:
        DataError: the file cannot be read, or a cell is missing.
        RequestError: a column is not there, or there is one of labels and none of texts.
    """
    from fitwell.errors import RequestError

    if text is not None:
        texts, *labels = _columns(source, [text] if label is None else [text, label])
        return Labelled(texts, labels[0] if labels else None)
    if label is not None:
        raise RequestError(f'the labels are in column "{label}", but where are the texts? name their column by --text')
    return Labelled(source, None)


def _columns(source: str, names: list[str]) -> list[list[str]]:
    from fitwell.data.read import read_table
    from fitwell.errors import DataError, RequestError, nearest

    frame = read_table(source).frame
    for name in names:
        if name not in frame.columns:
            raise RequestError(f'{source} has no column "{name}"{nearest(name, frame.columns) or ""}')
        if frame[name].null_count():
            row = int(frame[name].is_null().arg_max() or 0) + 1
            raise DataError(f'{source} must have a value in every row, but column "{name}" has none in row {row}')
    return [frame[name].cast(str).to_list() for name in names]
