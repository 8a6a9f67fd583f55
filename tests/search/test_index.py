"""An index on disk is whole or not there, may be read while it changes, and is refused in words when it is damaged."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from tests.search.conftest import DOCUMENTS

from fitwell.errors import DataError, RequestError, SurroundingsError
from fitwell.search import Index, add, delete, index, open_index
from fitwell.search.building import Way
from fitwell.search.store import write_next
from fitwell.vectors import Vectors

WAYS: tuple[Way, ...] = ("bm25", "tfidf", "words")


def arrays(made: Index) -> dict[str, list[float]]:
    return {name: made.generation[name].tolist() for name in made.generation.mapped}


@pytest.fixture
def copied(indexed: Index, tmp_path: Path) -> Path:
    return Path(shutil.copytree(indexed.path, tmp_path / "copied"))


def test_an_index_that_was_changed_is_the_index_of_what_it_holds(tmp_path: Path, animals: Vectors) -> None:
    after = {"cats": DOCUMENTS["cats"], "wings": "Wings of birds.", "heat": DOCUMENTS["heat"], "new": "A new dog."}
    grown = tmp_path / "grown"
    index(DOCUMENTS, grown, ways=WAYS, vectors=animals, stemmer="english", passages=10)
    told = add(grown, {"wings": "Wings of birds.", "new": "A new dog."})
    assert (told.added, told.replaced, told.deleted) == (1, 1, 0)
    assert delete(grown, ["dogs", "nothing", "ünï"]).deleted == 3
    fresh = index(after, tmp_path / "fresh", ways=WAYS, vectors=animals, stemmer="english", passages=10).index
    assert arrays(open_index(grown)) == arrays(fresh)


def test_who_has_an_index_open_keeps_it_while_another_changes_it(copied: Path) -> None:
    before = open_index(copied)
    add(copied, {"more": "A cat more."})
    delete(copied, ["cats"])
    assert {hit.id for hit in before.query("cat")} >= {"cats", "dogs"}
    assert {hit.id for hit in open_index(copied).query("cat", by="bm25")} == {"dogs", "more"}
    assert [each.name for each in copied.iterdir()] == ["3"], "older states are removed"


def test_of_two_that_change_an_index_at_once_the_second_is_refused(copied: Path) -> None:
    before = open_index(copied)
    add(copied, {"more": "A cat more."})
    (copied / "1").mkdir()  # as it still was when the second began
    with pytest.raises(SurroundingsError, match=r"another process changed .* meanwhile, so that nothing was written"):
        write_next(before.generation, arrays={}, about={})
    assert len(open_index(copied)) == len(DOCUMENTS) + 1
    assert sorted(each.name for each in copied.iterdir()) == ["1", "2"]


def test_another_process_reads_what_this_one_has_open(indexed: Index) -> None:
    code = f"from fitwell.search import open_index; print(open_index({str(indexed.path)!r}).query('dog', 1)[0].id)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == indexed.query("dog", 1)[0].id == "dogs"


def test_asking_imports_neither_torch_nor_scikit_learn(indexed: Index) -> None:
    code = (
        "import sys; from fitwell.search import open_index; "
        f"open_index({str(indexed.path)!r}).query('dog'); "
        "print(sorted({'torch', 'sklearn'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def spoil(path: Path, change: Callable[[bytearray], None]) -> None:
    content = bytearray(path.read_bytes())
    change(content)
    path.write_bytes(content)


def flip_last(content: bytearray) -> None:
    content[-1] ^= 1


def cut_off(content: bytearray) -> None:
    del content[-1:]


def test_every_changed_byte_and_every_lost_one_is_noticed(copied: Path) -> None:
    whole = open_index(copied)
    for name, array in whole.generation.mapped.items():
        if not array.size:
            continue
        path = copied / "1" / f"{name}.npy"
        sound = path.read_bytes()
        for change in (flip_last, cut_off):
            path.unlink()
            path.write_bytes(sound)
            spoil(path, change)
            with pytest.raises(DataError, match=rf"the index is damaged: .*{name}.npy .*make it again with"):
                open_index(copied).generation[name]
        path.unlink()
        with pytest.raises(DataError, match=f"the index is damaged: .*{name}.npy is not there"):
            open_index(copied)
        path.write_bytes(sound)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda about: about | {"version": 2}, "an index of version 1 can be read, but .* is of version 2"),
        (lambda about: about | {"files": 3}, "index.json is not what Fitwell writes"),
        (lambda about: about | {"settings": {"ways": ["bm26"]}}, 'index.json is not what Fitwell writes .*"bm26" is'),
        (lambda about: {"version": 1}, "index.json is not what Fitwell writes"),
        (lambda about: [], "index.json is not what Fitwell writes"),
    ],
)
def test_an_index_of_another_version_or_none_is_refused(
    copied: Path, change: Callable[[object], object], refusal: str
) -> None:
    path = copied / "1" / "index.json"
    path.write_text(json.dumps(change(json.loads(path.read_text()))))
    with pytest.raises(DataError, match=refusal):
        open_index(copied)


def test_lists_that_lead_elsewhere_are_refused_though_their_sums_fit(copied: Path) -> None:
    sound = open_index(copied).generation
    wrong = {name: np.array(array) for name, array in sound.mapped.items()}
    wrong["list_passages"][-1] = 10**6
    write_next(sound, arrays=wrong, about={"settings": sound.about["settings"]})
    with pytest.raises(DataError, match=r"lists in .* name passages beyond 6"):
        open_index(copied).query("cat")


@pytest.mark.parametrize(
    ("place", "refusal"),
    [
        ("copie", r'there is no index at .*copie; did you mean "copied"'),
        ("file", "file is a file, not the folder of an index"),
        ("empty", "empty is no index: it has no generation in it"),
    ],
)
def test_what_is_no_index_is_refused(copied: Path, place: str, refusal: str) -> None:
    (copied.parent / "file").write_text("x")
    (copied.parent / "empty").mkdir()
    with pytest.raises(DataError, match=refusal):
        open_index(copied.parent / place)


def test_a_place_that_is_taken_is_refused_before_any_work(copied: Path) -> None:
    with pytest.raises(RequestError, match=r"copied exists; choose another place with -o, .* fitwell search add"):
        index("there is no such file", copied)


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"ways": ("bm52",)}, 'ways of ranking are bm25, .*, but "bm52" is none; did you mean "bm25"'),
        ({"ways": ()}, "an index needs a way of ranking, of bm25, tfidf, words"),
        ({"stemmer": "englisch"}, 'stemmers are none, english, but "englisch" is none; did you mean "english"'),
        ({"passages": 3}, "a passage must have 10 words or more, but 3 were asked for"),
        ({"k1": -1.0}, "k1 must be at least 0"),
        ({"vectors": "vectors.txt"}, 'vectors of words serve the way "words" only'),
    ],
)
def test_wrong_settings_are_refused_and_nothing_is_written(
    tmp_path: Path, asked: dict[str, object], refusal: str
) -> None:
    with pytest.raises(RequestError, match=refusal):
        index(DOCUMENTS, tmp_path / "index", **asked)  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_deleting_what_is_not_there_deletes_nothing(copied: Path) -> None:
    with pytest.raises(RequestError, match='has no document "dog", so nothing was deleted; did you mean "dogs"'):
        delete(copied, ["cats", "dog"])
    with pytest.raises(RequestError, match="must hold documents, but all 6 would be deleted; remove"):
        delete(copied, list(DOCUMENTS))
    assert len(open_index(copied)) == 6


def test_documents_come_back_as_they_were(indexed: Index) -> None:
    assert dict(indexed.documents()) == DOCUMENTS
