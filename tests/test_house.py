"""The rooms of `src/fitwell` stand in the order of the table in `docs/design.md`, and imports obey it."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[1]
PACKAGE = PROJECT / "src" / "fitwell"


def rooms_of(design: str) -> list[str]:
    section = design.split("## The house", 1)[1].split("\n## ", 1)[0]
    return re.findall(r"^\| `(\w+)(?:\.py|/)` \|", section, flags=re.MULTILINE)


ROOMS = rooms_of((PROJECT / "docs" / "design.md").read_text(encoding="utf-8"))


def module_name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCES = {module_name(path): path for path in sorted(PACKAGE.rglob("*.py"))}


def room_of(module: str) -> str:
    return module.split(".")[1]


def imported_by(module: str, source: str) -> Iterator[str]:
    """Yield each module of ours that the source imports, anywhere in it, type checkers' imports included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "fitwell")
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: imports are absolute, but line {node.lineno} is relative"
            origin = node.module or ""
            if origin.split(".")[0] == "fitwell":
                for alias in node.names:
                    deeper = f"{origin}.{alias.name}"
                    yield deeper if deeper in SOURCES else origin


IMPORTS = {name: set(imported_by(name, path.read_text(encoding="utf-8"))) for name, path in SOURCES.items()}


def test_the_design_lists_the_rooms_that_exist() -> None:
    found = {room_of(name) for name in SOURCES if name != "fitwell"}
    assert sorted(ROOMS) == sorted(found)


@pytest.mark.parametrize("module", sorted(set(SOURCES) - {"fitwell"}))
def test_a_module_imports_its_own_and_earlier_rooms_only(module: str) -> None:
    allowed = ROOMS[: ROOMS.index(room_of(module)) + 1]
    # `from fitwell import __version__` is the one thing taken from the root, which is above all rooms.
    later = sorted(name for name in IMPORTS[module] if name != "fitwell" and room_of(name) not in allowed)
    assert later == [], f"{module} may import {', '.join(allowed)}"


@pytest.mark.parametrize("room", ROOMS)
def test_modules_of_a_room_do_not_import_in_a_circle(room: str) -> None:
    graph = {
        name: {other for other in IMPORTS[name] if other != "fitwell" and room_of(other) == room and other != name}
        for name in SOURCES
        if name != "fitwell" and room_of(name) == room
    }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_the_table_is_read_in_its_order() -> None:
    design = (
        "## The house\n| room | what |\n|---|---|\n| `errors.py` | a |\n| `data/` | b |\n\n## Next\n| `no/` | c |\n"
    )
    assert rooms_of(design) == ["errors", "data"]


def test_imports_are_found_wherever_they_stand() -> None:
    source = (
        "from fitwell.errors import DataError\ndef f():\n    import fitwell.recipe\n    from fitwell import recipe\n"
    )
    assert sorted(imported_by("fitwell.x", source)) == ["fitwell.errors", "fitwell.recipe", "fitwell.recipe"]
