"""Files that a table only names: a folder of pictures, sounds or texts as a table, and paths in a table's cells.

In a folder each file is a row, and the folder that it lies in is its class. A column of names of pictures or sounds is
read relative to the file that holds it, and never leaves that file's folder.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import polars as pl

from fitwell.data.pictures import is_picture
from fitwell.data.sounds import is_sound
from fitwell.errors import DataError, RequestError
from fitwell.sources import files_below, worded

PICTURE, SOUND, TEXT, LABEL = "image", "audio", "text", "label"
# What files are that a cell names, and how that is told from a name.
NAMED: dict[str, Callable[[str], bool]] = {"pictures": is_picture, "sounds": is_sound}
FILE = "file"  # the name of a text, beside its prediction
TEXT_SUFFIX = ".txt"
FILES_OF = {PICTURE: "images", SOUND: "sounds", TEXT: "texts"}
PARTS = ("train", "training", "test", "testing", "val", "valid", "validation")  # no classes


def pictures_frame(folder: Path, pictures: Sequence[Path]) -> pl.DataFrame:
    """Return a row for each picture: where it is, and the folder below `folder` that it lies in, null for none.

    Raises:
        RequestError: the folders are parts (train, test), not classes.
    """
    return _labelled(folder, pictures, [str(picture) for picture in pictures], name=PICTURE)


def sounds_frame(folder: Path, sounds: Sequence[Path]) -> pl.DataFrame:
    """Return a row for each sound: where it is, and the folder below `folder` that it lies in, null for none.

    Raises:
        RequestError: the folders are parts (train, test), not classes.
    """
    return _labelled(folder, sounds, [str(sound) for sound in sounds], name=SOUND)


def texts_frame(folder: Path, files: Sequence[Path]) -> pl.DataFrame:
    """Return a row for each file of text: what it says, and the folder below `folder` that it lies in, null for none.

    Raises:
        RequestError: the folders are parts (train, test), not classes.
        DataError: a file is not UTF-8.
        SurroundingsError: a file may not be read.
    """
    return _labelled(folder, files, [_read(file) for file in files], name=TEXT)


def texts_below(files: Sequence[Path]) -> list[Path]:
    """Return those of the files that are texts."""
    return [file for file in files if file.suffix.lower() == TEXT_SUFFIX]


def _read(file: Path) -> str:
    with worded(str(file)):
        content = file.read_bytes()
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise DataError(
            f"a folder of texts must hold UTF-8, but {file} is not in line {line}: {error.reason} "
            f"(0x{content[error.start]:02x}); convert it, or mend that line"
        ) from None


def _labelled(folder: Path, files: Sequence[Path], cells: Sequence[str], *, name: str) -> pl.DataFrame:
    parts = [file.relative_to(folder).parts for file in files]
    classes = {part[0] for part in parts if len(part) > 1}
    if classes and {name.lower() for name in classes} <= set(PARTS):
        first, *others = sorted(classes, key=lambda name: PARTS.index(name.lower()))
        test = f", and with --test {folder / others[0]}" if others else ""
        raise RequestError(
            f"the folders of a folder of {FILES_OF[name]} are their classes, but those of {folder} are "
            f"{' and '.join([first, *others])}; try {folder / first}{test}"
        )
    labels = [part[0] if len(part) > 1 else None for part in parts]
    return pl.DataFrame({name: cells, LABEL: labels}, schema={name: pl.String, LABEL: pl.String})


def file_names(folder: Path, frame: pl.DataFrame, *, first_row: int) -> pl.Series | None:
    """Return what the files of some rows of a folder's table are called within it, None where rows are no files."""
    start = folder.expanduser().absolute()
    for named in (PICTURE, SOUND):
        if named in frame.columns:
            paths = [None if path is None else os.path.relpath(path, start) for path in frame[named]]
            below = [None if path is None else Path(path).as_posix() for path in paths]
            return pl.Series(named, below, dtype=pl.String)
    texts = texts_below(files_below(start))[first_row : first_row + len(frame)] if TEXT in frame.columns else []
    return pl.Series(FILE, [text.relative_to(start).as_posix() for text in texts]) if texts else None


def located(frame: pl.DataFrame, folder: Path) -> tuple[pl.DataFrame, list[Path]]:
    """Return the frame with the names of pictures and sounds as whole paths, and which files those are.

    A column names pictures (or sounds) when all of its cells end as those do and the first is there.

    Raises:
        DataError: a name leads out of the folder.
    """
    found: list[Path] = []
    for name, dtype in frame.schema.items():
        what = _named_in(frame[name]) if dtype == pl.String else None
        if what is None:
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
                    f'column "{name}" must name {what} within {folder}, but row {row + 1} reads "{cell}"; '
                    "move the file there, or the table above it"
                )
        whole = frame[name].replace_strict(distinct, pl.Series(paths, dtype=pl.String), default=None)
        frame = frame.with_columns(whole.alias(name))
        found += map(Path, paths)
    return frame, found


def _named_in(cells: pl.Series) -> str | None:
    """Return what all cells name by their ends, None where that is nothing or not one thing."""
    first = cells.is_not_null().arg_max()  # most columns are told by their first cell
    if first is None or cells[first] is None:
        return None
    for what, is_one in NAMED.items():
        if is_one(cells[first].strip()):
            return what if all(is_one(cell.strip()) for cell in cells.unique().drop_nulls()) else None
    return None
