"""The commands under `fitwell words` do from the command line what Python offers."""

from __future__ import annotations

from pathlib import Path

import pytest

from fitwell import cli
from fitwell.words import open_corpus

LINES = "He saw New York.\nNew York is big.\n\nShe saw him.\n" * 5


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text(LINES)
    return "corpus.txt"


def test_encode_writes_the_numbers_of_a_corpus(corpus: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["words", "encode", corpus, "--lowercase", "--token-pattern", r"\w+", "-o", "numbers"]) == 0
    assert "55 tokens of 8 words in 20 texts: numbers" in capsys.readouterr().err
    texts = list(open_corpus("numbers").texts())
    assert texts[:3] == [["he", "saw", "new", "york"], ["new", "york", "is", "big"], []]


def test_encode_joins_phrases(corpus: str) -> None:
    options = ["--phrases", "1", "--phrase-measure", "npmi", "--phrase-threshold", "0.9", "--token-pattern", r"\w+"]
    assert cli.run(["words", "encode", corpus, *options, "-o", "numbers"]) == 0
    assert next(iter(open_corpus("numbers").texts())) == ["He", "saw", "New_York"]


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        (["--unit", "page"], 'unit must be "line" or "file", but is "page"'),
        (["--normalization", "x"], "normalization must be one of"),
        (["--phrases", "1", "--phrase-measure", "x"], "one of count, pmi, npmi"),
        (["--threads", "0"], "threads must be at least 1"),
    ],
)
def test_a_wrong_option_of_encode_is_refused(
    corpus: str, capsys: pytest.CaptureFixture[str], options: list[str], refusal: str
) -> None:
    assert cli.run(["words", "encode", corpus, "-o", "numbers", *options]) == 2
    assert refusal in capsys.readouterr().err
    assert not Path("numbers").exists()


def test_a_forgotten_option_is_refused_with_the_way_to_the_help(
    corpus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["words", "encode", corpus]) == 2
    assert "see: fitwell words encode --help" in capsys.readouterr().err
