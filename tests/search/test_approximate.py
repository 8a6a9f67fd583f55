"""Many vectors are searched along a graph, which stays right while documents come and go, and is no one's must."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from fitwell.cli import app
from fitwell.errors import DataError, RequestError
from fitwell.search import Index, add, delete, index, open_index
from fitwell.search.store import write_next
from fitwell.vectors import Vectors

WORDS = tuple(f"w{number}" for number in range(60))
ASKED = [f"w{number} w{(number + 7) % 60}" for number in range(0, 60, 2)]


@pytest.fixture(scope="module")
def documents() -> dict[str, str]:
    draw = np.random.default_rng(0)
    return {f"d{number}": " ".join(draw.choice(WORDS, 3)) for number in range(400)}


@pytest.fixture(scope="module")
def vectors() -> Vectors:
    return Vectors(WORDS, np.random.default_rng(1).standard_normal((60, 12)).astype(np.float32))


@pytest.fixture
def made(tmp_path: Path, documents: dict[str, str], vectors: Vectors) -> Index:
    return index(documents, tmp_path / "index", ways=["words"], vectors=vectors, exact_until=100).index


def found(opened: Index) -> list[list[tuple[str, float]]]:
    return [[(hit.id, hit.score) for hit in opened.query(text)] for text in ASKED]


def recall(opened: Index) -> float:
    pairs = zip(found(opened), found(open_index(opened.path, exact=True)), strict=True)
    return float(np.mean([len(set(one) & set(other)) / len(other) for one, other in pairs]))


def test_more_vectors_than_the_bound_are_searched_along_a_graph(
    made: Index, tmp_path: Path, documents: dict[str, str], vectors: Vectors
) -> None:
    assert made.contents.walked("words") is not None
    assert open_index(made.path, exact=True).contents.walked("words") is None
    assert recall(made) > 0.98
    told = index(documents, tmp_path / "few", ways=["words"], vectors=vectors, exact_until=400)
    assert told.index.contents.graph("words") is None
    assert told.notes == ()
    again = add(tmp_path / "few", {"new": "w1 w2"})
    assert again.notes == (
        "401 vectors are searched along a graph, which may miss a near one; --exact compares with all",
    )


def test_deleted_documents_never_come_back_and_new_ones_are_found_at_once(made: Index) -> None:
    before = made.generation.folder / "words_graph_content.npy"
    inode = os.stat(before).st_ino
    gone = [hit.id for hit in made.query("w0 w7")]
    left = delete(made.path, gone).index
    assert os.stat(left.generation.folder / before.name).st_ino == inode, "few changes leave the graph as it is"
    assert not {name for hits in found(left) for name, _ in hits} & set(gone)
    assert recall(left) > 0.98
    after = add(made.path, {"same": "w0 w7", "d5": "w1 w8"}).index
    assert after.query("w0 w7", 1)[0].id == "same"
    assert "d5" in {hit.id for hit in after.query("w1 w8", 3)}
    assert recall(after) > 0.98
    few = delete(made.path, [name for name in after.ids if name != "same"][:320]).index
    assert few.contents.graph("words") is None, "so few are all compared"


def test_without_the_package_search_is_exact_and_says_so_once(
    made: Index, tmp_path: Path, documents: dict[str, str], vectors: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = found(open_index(made.path, exact=True))
    monkeypatch.setitem(sys.modules, "usearch.index", None)
    opened = open_index(made.path)
    assert found(opened) == expected
    (note,) = opened.notes
    assert note.startswith("vectors are all compared, which takes longer: the package usearch is not installed")
    assert note.endswith("pip install 'fitwell[search]'")
    asked = CliRunner().invoke(app, ["search", "query", str(made.path), "w1"])
    assert asked.exit_code == 0
    assert asked.stderr.count("usearch") == 1
    told = index(documents, tmp_path / "without", ways=["words"], vectors=vectors, exact_until=100)
    (note,) = told.notes
    assert note.startswith("400 vectors are all compared in every search: the package usearch is not installed")
    assert told.index.contents.graph("words") is None


def test_a_graph_of_other_passages_is_refused_though_its_sum_fits(made: Index) -> None:
    about = {"settings": made.generation.about["settings"]}
    for wrong, refusal in ((9999, "names passages that there are not"), (7, "names passages that there are not")):
        arrays = {name: np.array(array) for name, array in made.generation.mapped.items()}
        arrays["words_graph_rows"][3] = wrong
        spoiled = Index(write_next(open_index(made.path).generation, arrays=arrays, about=about))
        with pytest.raises(DataError, match=rf"the index is damaged: the graph in .* {refusal}; make it again"):
            spoiled.query("w1")
    arrays["words_graph_rows"] = made.generation["words_graph_rows"]
    arrays["words_graph_content"] = np.zeros(100, np.uint8)
    spoiled = Index(write_next(open_index(made.path).generation, arrays=arrays, about=about))
    with pytest.raises(DataError, match=r"the index is damaged: the graph in .* cannot be used .*isn't an index"):
        spoiled.query("w1")
    with pytest.raises(DataError, match=r"the graph in .* cannot be used"):
        add(made.path, {"new": "w1"})
    assert open_index(made.path, exact=True).query("w1")


def test_a_bound_below_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="exact_until must be a number of vectors, 0 or more, but is -1"):
        index({"one": "a text"}, tmp_path / "index", exact_until=-1)
