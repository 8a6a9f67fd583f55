"""Files that a table only names: a folder of pictures as a table, and paths in a table's cells.

In a folder each picture is a row, and the folder that it lies in is its class. A column of names of pictures is read
relative to the file that holds it, and never leaves that file's folder.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import polars as pl

from fitwell.data.pictures import is_picture
from fitwell.errors import DataError, RequestError

PICTURE, LABEL = "image", "label"
PARTS = ("train", "training", "test", "testing", "val", "valid", "validation")  # no classes


def pictures_frame(folder: Path, pictures: Sequence[Path]) -> pl.DataFrame:
    """Return a row for each picture: where it is, and the folder below `folder` that it lies in, null for none.

    Raises:
        RequestError: the folders are parts (train, test), not classes.
    """
    parts = [picture.relative_to(folder).parts for picture in pictures]
    classes = {part[0] for part in parts if len(part) > 1}
    if classes and {name.lower() for name in classes} <= set(PARTS):
        first, *others = sorted(classes, key=lambda name: PARTS.index(name.lower()))
        test = f", and with --test {folder / others[0]}" if others else ""
        raise RequestError(
            f"the folders of a folder of pictures are their classes, but those of {folder} are "
            f"{' and '.join([first, *others])}; try {folder / first}{test}"
        )
    return pl.DataFrame(
        {
            PICTURE: [str(picture) for picture in pictures],
            LABEL: [part[0] if len(part) > 1 else None for part in parts],
        },
        schema={PICTURE: pl.String, LABEL: pl.String},
    )


def names_within(pictures: pl.Series, folder: Path) -> pl.Series:
    """Return paths of pictures as they are called within their folder."""
    start = folder.expanduser().absolute()
    names = [None if path is None else Path(os.path.relpath(path, start)).as_posix() for path in pictures]
    return pl.Series(pictures.name, names, dtype=pl.String)


def located(frame: pl.DataFrame, folder: Path) -> tuple[pl.DataFrame, list[Path]]:
    """Return the frame with the names of pictures as whole paths, and which pictures those are.

    A column names pictures when all of its cells end as pictures do and the first is there.

    Raises:
        DataError: a name leads out of the folder.
    """
    found: list[Path] = []
    for name, dtype in frame.schema.items():
        if dtype != pl.String or not _are_pictures(frame[name]):
            continue
        distinct = frame[name].unique(maintain_order=True).drop_nulls()
        paths = [os.path.normpath(folder / cell.strip()) for cell in distinct]
        if not os.path.exists(paths[0]):  # words that end like files
            continue
        inside = str(folder) + os.sep
        for cell, path in zip(distinct, paths, strict=True):
            if not path.startswith(inside):
                row = frame[name].index_of(cell)
                assert row is not None
                raise DataError(
                    f'column "{name}" must name pictures within {folder}, but row {row + 1} reads "{cell}"; '
                    "move the picture there, or the table above it"
                )
        whole = frame[name].replace_strict(distinct, pl.Series(paths, dtype=pl.String), default=None)
        frame = frame.with_columns(whole.alias(name))
        found += map(Path, paths)
    return frame, found


def _are_pictures(cells: pl.Series) -> bool:
    first = cells.is_not_null().arg_max()  # most columns are told by their first cell
    if first is None or cells[first] is None or not is_picture(cells[first].strip()):
        return False
    return all(is_picture(cell.strip()) for cell in cells.unique().drop_nulls())
