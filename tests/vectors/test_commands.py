"""The commands on word vectors as a user meets them."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from tests.vectors.conftest import ORIGINALS

from fitwell.cli import run
from fitwell.vectors import Vectors, load

GENSIM = str(ORIGINALS / "gensim.bin")


@pytest.fixture
def file(royals: Vectors, tmp_path: Path) -> str:
    """Give the royals as a file."""
    royals.save(tmp_path / "royals.txt")
    return str(tmp_path / "royals.txt")


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must succeed and return what it printed."""
    assert run(["words", *arguments]) == 0
    return capsys.readouterr().out


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must be refused and return why."""
    assert run(["words", *arguments]) == 2
    return capsys.readouterr().err


def test_neighbors_are_printed_nearest_first(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "neighbors", file, "man", "-k", "2") == "prince  0.7071\nking    0.4472\n"


def test_neighbors_of_several_words_stand_under_each(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        printed(capsys, "neighbors", file, "man", "king", "-k", "1") == "man\nprince  0.7071\n\nking\nprince  0.9487\n"
    )


def test_neighbors_are_given_as_json(capsys: pytest.CaptureFixture[str], said: dict[str, Any]) -> None:
    given = json.loads(printed(capsys, "neighbors", GENSIM, "king", "--count", "5", "--json"))
    assert [each["word"] for each in given["neighbors"]["king"]] == [
        word for word, _ in said["gensim"]["neighbors_of_king"]
    ]


@pytest.mark.parametrize("method", ["add", "multiply"])
def test_an_analogy_is_answered(file: str, method: str, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["analogy", file, "man", "woman", "king", "--method", method]
    assert printed(capsys, *arguments).split()[0] == "queen"
    assert json.loads(printed(capsys, *arguments, "--json"))["answers"][0]["word"] == "queen"


def test_the_similarity_of_two_words_is_one_number(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "similarity", file, "man", "prince") == "0.7071\n"


def test_the_odd_word_is_printed(file: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "odd", file, "man", "king", "prince", "woman") == "woman\n"


def test_figures_come_with_intervals_and_counts(capsys: pytest.CaptureFixture[str], said: dict[str, Any]) -> None:
    pairs, questions = str(ORIGINALS / "pairs.tsv"), str(ORIGINALS / "questions.txt")
    arguments = ["evaluate", GENSIM, "--similarity", pairs, "--analogies", questions]
    lines = printed(capsys, *arguments).splitlines()
    assert lines[0].split()[:2] == ["spearman", f"{said['gensim']['spearman']:.4f}"]
    assert lines[1].split()[:2] == ["accuracy", f"{said['gensim']['accuracy']:.4f}"]
    assert "5 counted, 1 with unknown words" in lines[1]
    given = json.loads(printed(capsys, *arguments, "--json", "--unknown", "wrong"))
    assert given["similarity"]["counted"] == 7
    assert given["analogies"]["sections"]["royal"]["value"] == 1


def test_an_undefined_figure_says_why(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pairs = tmp_path / "pairs.tsv"
    pairs.write_text("man\tking\t3\n")
    assert "spearman  -  a rank correlation with an interval needs 4 pairs" in printed(
        capsys, "evaluate", file, "--similarity", str(pairs)
    )


def test_a_conversion_keeps_words_and_values(file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.bin"
    assert run(["words", "convert", file, str(out), "--format", "word2vec_binary", "--limit", "3"]) == 0
    assert f"3 words of width 2 in {out}" in capsys.readouterr().err
    assert (load(out).matrix == load(file).matrix[:3]).all()


def test_a_map_names_the_words_and_says_what_it_shows(
    file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "map.svg"
    assert run(["words", "map", file, "--words", "man, king queen", "-o", str(out)]) == 0
    assert capsys.readouterr().err == f"3 words in {out}, which shows 100 % of their spread\n"
    texts = [element.text for element in ET.parse(out).iter("{http://www.w3.org/2000/svg}text")]
    assert {"man", "king", "queen"} <= set(texts)


@pytest.mark.parametrize("dark", [[], ["--dark"]])
def test_a_map_may_be_a_png(file: str, dark: list[str], tmp_path: Path) -> None:
    out = tmp_path / "map.png"
    assert run(["words", "map", file, "--first", "5", *dark, "-o", str(out)]) == 0
    content = out.read_bytes()
    assert content.startswith(b"\x89PNG")
    assert min(struct.unpack(">2I", content[16:24])) > 500


@pytest.mark.parametrize(
    ("arguments", "refusal"),
    [
        (["neighbors", "FILE", "qeen"], '"qeen" is none of the 6 words; did you mean "queen"?'),
        (["neighbors", "FILE", "king", "-k", "0"], "the count must be 1 or more, but is 0"),
        (["neighbors", "FILE", "king", "--limit", "0"], "limit must be 1 or more"),
        (["neighbors", "none.txt", "king"], "there is no file none.txt"),
        (["neighbors", "FILE"], "see: fitwell words neighbors --help"),
        (["analogy", "FILE", "man", "king", "queen", "--method", "divide"], 'the method is "divide"'),
        (["odd", "FILE", "man", "king"], "among 3 or more words"),
        (["map", "FILE", "-o", "map.jpg"], 'written as one of .svg, .png, but "map.jpg" ends otherwise'),
        (["map", "FILE", "--words", "man king", "-o", "map.svg"], "a map needs 3 words or more, but there are 2"),
        (["evaluate", "FILE"], "give --similarity PAIRS or --analogies QUESTIONS"),
        (
            ["evaluate", "FILE", "--similarity", str(ORIGINALS / "pairs.tsv"), "--unknown", "maybe"],
            'are skip or wrong, not "maybe"',
        ),
        (["convert", "FILE", "out.bin"], "could be in several formats"),
        (["neighbors", str(ORIGINALS / "gensim.kv"), "king"], "a pickle"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    arguments: list[str], refusal: str, file: str, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    told = refused(capsys, *[file if each == "FILE" else each for each in arguments])
    assert refusal in told
    assert len(told.splitlines()) == 1
    assert {path.name for path in tmp_path.iterdir()} == {"royals.txt"}


def test_compiling_is_said_where_it_happens(file: str, tmp_path: Path) -> None:
    arguments = ["words", "similarity", file, "man", "king"]
    code = f"from fitwell.cli import main; main({arguments!r})"
    environment = {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PATH": "", "PYTHONPATH": ":".join(sys.path)}
    first, second = (
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment) for _ in range(2)
    )
    assert (first.stdout, second.stdout) == ("0.4472\n", "0.4472\n")
    assert first.stderr == "compiling loops for this machine; the next time they are there already\n"
    assert second.stderr == ""
