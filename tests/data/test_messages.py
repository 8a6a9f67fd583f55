"""A message that names a setting names one that exists."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from fitwell import data
from fitwell.recipe import ColumnSettings, described

assert data.__file__ is not None
FILES = sorted(Path(data.__file__).parent.rglob("*.py"))
ANY = "NAME"  # stands for what is filled in
SETTINGS = {path for path, _, _ in described()} | {f"data.series.{ANY}"}
SETTINGS |= {f"data.columns.{ANY}.{name}" for name in ColumnSettings.model_fields}
NAMED = re.compile(r"(?<![\w./])(?:data|training|network)\.[a-z_]+(?:\.\w+)*")


def texts_of(source: str) -> Iterator[str]:
    """Yield the string constants of a source but for docstrings, f-strings with a word for what is filled in."""
    tree = ast.parse(source)
    inner = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            inner.add(id(node.value))
        elif isinstance(node, ast.JoinedStr):
            yield "".join(str(part.value) if isinstance(part, ast.Constant) else ANY for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in inner:
            yield node.value


def unknown_settings(source: str) -> set[str]:
    groups = {path.rsplit(".", 1)[0] for path in SETTINGS} | {f"data.columns.{ANY}"}
    return {name for text in texts_of(source) for name in NAMED.findall(text)} - SETTINGS - groups


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_every_setting_that_a_message_names_exists(file: Path) -> None:
    assert unknown_settings(file.read_text(encoding="utf-8")) == set()


def test_a_setting_that_does_not_exist_would_be_told() -> None:
    source = """
def f(x):
    "Docstrings may say data.nothing."
    raise E(f"set data.columns.{x}.kind, data.columns.{x}.sort or " "data.seed, as data.split", t.data.where)
"""
    assert unknown_settings(source) == {"data.columns.NAME.sort", "data.seed"}
