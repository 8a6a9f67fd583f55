"""Every format comes back as it was written, and the files of the original tools are read as these tools read them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.vectors.conftest import ORIGINALS

from fitwell.errors import DataError, RequestError, SurroundingsError
from fitwell.vectors import Subwords, Vectors, load
from fitwell.vectors.formats import WRITERS, text
from fitwell.vectors.formats.detect import Format, look
from fitwell.vectors.formats.fasttext import read_model, write_model
from fitwell.words import classifier

WORDS = st.text(st.characters(exclude_categories=["Cs", "Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=12)
FINITE = st.floats(width=32, allow_nan=False, allow_infinity=False)


def some(width: int = 3, words: int = 5, *, subwords: bool = False) -> Vectors:
    """Make random vectors for words of several scripts."""
    generator = np.random.default_rng(width)
    names = ("the", "naïve", "日本", "x" * 40, "#", *(f"w{number}" for number in range(words)))[:words]
    matrix = generator.standard_normal((words, width)).astype(np.float32)
    parts = None
    if subwords:
        buckets = generator.standard_normal((7, width)).astype(np.float32)
        parts = Subwords(shortest=2, longest=3, buckets=buckets, own=matrix)
    counts = np.arange(words, 0, -1)
    return Vectors(names, matrix, made={"method": "chance"}, counts=counts, subwords=parts)


def is_mapped(array: np.ndarray | None) -> bool:
    """Follow an array to where its memory comes from."""
    while array is not None and not isinstance(array, np.memmap):
        array = array.base
    return array is not None


def test_every_format_that_is_recognized_is_written() -> None:
    assert set(WRITERS) == set(get_args(Format))


@pytest.mark.parametrize("format", WRITERS)
@pytest.mark.parametrize("width", [1, 2, 300])
def test_a_file_comes_back_to_the_bit_and_is_known_by_its_content(format: Format, width: int, tmp_path: Path) -> None:
    vectors, path = some(width), tmp_path / "nameless"
    vectors.save(path, format=format)
    assert look(path).format == format
    read = load(path)
    assert read.words == vectors.words
    assert read.matrix.tobytes() == vectors.matrix.tobytes()


@pytest.mark.parametrize("format", WRITERS)
def test_a_limit_reads_the_first_words(format: Format, tmp_path: Path) -> None:
    vectors, path = some(4), tmp_path / "nameless"
    vectors.save(path, format=format)
    assert load(path, limit=2).words == vectors.words[:2]
    assert (load(path, limit=2).matrix == vectors.matrix[:2]).all()
    assert load(path, limit=99).words == vectors.words


@settings(max_examples=60, deadline=None)
@given(
    format=st.sampled_from(sorted(WRITERS)),
    words=st.lists(WORDS, min_size=1, max_size=6, unique=True),
    width=st.integers(1, 5),
    data=st.data(),
)
def test_any_words_and_values_come_back(
    format: Format, words: list[str], width: int, data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    values = data.draw(st.lists(FINITE, min_size=len(words) * width, max_size=len(words) * width))
    vectors = Vectors(tuple(words), np.array(values, np.float32).reshape(len(words), width))
    path = tmp_path_factory.mktemp("any") / "nameless"
    vectors.save(path, format=format)
    read = load(path)
    assert read.words == vectors.words
    assert read.matrix.tobytes() == vectors.matrix.tobytes()


def test_binary_values_that_begin_with_a_line_end_are_no_text(tmp_path: Path) -> None:
    value = np.frombuffer(b"\n\x16\x0e[", np.float32)
    Vectors(("word", "other"), np.stack([value, value])).save(tmp_path / "nameless", format="word2vec_binary")
    assert load(tmp_path / "nameless").matrix.tobytes() == value.tobytes() * 2


def test_our_own_format_keeps_everything_and_is_mapped(tmp_path: Path) -> None:
    vectors, path = some(4, subwords=True), tmp_path / "all.safetensors"
    spaced = Vectors(
        ("New York", "a\nb", *vectors.words[2:]), vectors.matrix, vectors.made, vectors.counts, vectors.subwords
    )
    spaced.save(path)
    read = load(path)
    assert (read.words, read.made) == (spaced.words, spaced.made)
    assert read.counts is not None
    assert read.counts.tolist() == [5, 4, 3, 2, 1]
    assert is_mapped(read.matrix)
    assert (read.vector("unseen") == spaced.vector("unseen")).all()


def mostly_unused_buckets(count: int) -> Vectors:
    """Make vectors of which most buckets are zeros."""
    vectors = some(4, subwords=True)
    assert vectors.subwords is not None
    buckets = np.zeros((count, 4), np.float32)
    buckets[[3, count // 2, count - 1]] = vectors.subwords.buckets[:3]
    return replace(vectors, subwords=replace(vectors.subwords, buckets=buckets))


def test_our_own_format_leaves_buckets_without_values_out(tmp_path: Path) -> None:
    vectors = mostly_unused_buckets(100_000)
    vectors.save(tmp_path / "v.safetensors")
    assert (tmp_path / "v.safetensors").stat().st_size < 5000
    read = load(tmp_path / "v.safetensors")
    assert read.subwords is not None
    assert vectors.subwords is not None
    assert (read.subwords.buckets == vectors.subwords.buckets).all()
    assert (read.subwords.own == vectors.subwords.own).all()


def test_a_model_of_fasttext_keeps_parts_of_words(tmp_path: Path) -> None:
    original = load(ORIGINALS / "fasttext.bin")
    original.save(tmp_path / "again.bin", format="fasttext")
    again = load(tmp_path / "again.bin")
    assert again.matrix.tobytes() == original.matrix.tobytes()
    assert again.vector("womanly").tobytes() == original.vector("womanly").tobytes()
    assert again.counts is not None
    assert again.counts.tolist() == read_model(ORIGINALS / "fasttext.bin").counts.tolist()


@pytest.mark.parametrize("name", ["fasttext.bin", "classifier.bin"])
def test_a_model_of_fasttext_is_written_back_byte_for_byte(name: str, tmp_path: Path) -> None:
    write_model(read_model(ORIGINALS / name), tmp_path / name)
    assert (tmp_path / name).read_bytes() == (ORIGINALS / name).read_bytes()


def test_a_classifier_of_fasttext_gives_the_vectors_of_its_words(said: dict[str, Any]) -> None:
    vectors = load(ORIGINALS / "classifier.bin")
    assert list(vectors.words) == said["classifier"]["words"]
    assert vectors.matrix.tobytes() == np.array(said["classifier"]["values"], np.float32).tobytes()
    assert vectors.made["labels"] == said["classifier"]["labels"]
    assert (vectors.made["architecture"], vectors.made["loss"]) == ("supervised", "hierarchical_softmax")


@pytest.mark.parametrize("name", ["gensim.txt", "gensim.bin"])
def test_files_of_gensim_hold_what_gensim_says(name: str, said: dict[str, Any]) -> None:
    vectors = load(ORIGINALS / name)
    assert list(vectors.words) == said["gensim"]["words"]
    assert vectors.matrix.tobytes() == np.array(said["gensim"]["values"], np.float32).tobytes()


def test_a_vec_file_of_fasttext_holds_the_rounded_vectors(said: dict[str, Any]) -> None:
    vectors = load(ORIGINALS / "fasttext.vec")
    assert list(vectors.words) == said["fasttext"]["words"]
    rounded = [[float(f"{value:.5g}") for value in row] for row in said["fasttext"]["values"]]
    assert (vectors.matrix == np.array(rounded, np.float32)).all()


def test_answers_are_those_of_gensim(said: dict[str, Any]) -> None:
    vectors = load(ORIGINALS / "gensim.bin")
    for ours, theirs in (
        (vectors.neighbors("king", 5), said["gensim"]["neighbors_of_king"]),
        (vectors.analogy("man", "king", "woman", 5), said["gensim"]["queen_by_addition"]),
    ):
        assert [neighbor.word for neighbor in ours] == [word for word, _ in theirs]
        assert [neighbor.similarity for neighbor in ours] == pytest.approx([value for _, value in theirs], abs=1e-6)
    assert vectors.odd_one_out(["king", "queen", "man", "the"]) == said["gensim"]["odd_one_out"]
    assert vectors.similarity("king", "queen") == pytest.approx(said["gensim"]["similarity"], abs=1e-6)


def test_pieces_of_a_file_fit_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vectors, path = some(7, 200), tmp_path / "many.txt"
    vectors.save(path)
    monkeypatch.setattr(text, "PIECE", 500)  # a few lines each
    read = load(path)
    assert read.words == vectors.words
    assert read.matrix.tobytes() == vectors.matrix.tobytes()
    assert load(path, limit=57).words == vectors.words[:57]


def test_names_choose_the_format_where_they_can(tmp_path: Path) -> None:
    some().save(tmp_path / "a.vec")
    assert look(tmp_path / "a.vec").format == "word2vec"
    with pytest.raises(RequestError, match=r"a\.bin could be in several formats: say which by format="):
        some().save(tmp_path / "a.bin")
    with pytest.raises(RequestError, match=r'must be one of safetensors, word2vec, .* but is "word3vec"'):
        some().save(tmp_path / "a", format="word3vec")


@pytest.mark.parametrize("format", ["word2vec", "word2vec_binary", "glove", "fasttext"])
@pytest.mark.parametrize("word", ["New York", "a\tb", "a\nb", "", "a\0b"])
def test_words_that_a_format_cannot_tell_apart_are_refused(format: Format, word: str, tmp_path: Path) -> None:
    vectors = Vectors(("fine", word), np.eye(2, dtype=np.float32))
    with pytest.raises(RequestError, match="cannot be told apart in this format"):
        vectors.save(tmp_path / "x", format=format)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file"):
        load(tmp_path / "none.txt")
    with pytest.raises(SurroundingsError, match="there is no folder"):
        some().save(tmp_path / "none" / "x.txt")


@pytest.mark.slow
def test_the_original_tools_say_the_same_today(tmp_path: Path) -> None:
    """The tools are installed into an environment of their own; they read our files and we read theirs."""
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    subprocess.run([python, "-m", "pip", "install", "--quiet", "gensim", "fasttext-wheel"], check=True)
    script, bare = str(ORIGINALS / "make.py"), {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    made, ours = tmp_path / "made", tmp_path / "ours"
    made.mkdir()
    ours.mkdir()
    subprocess.run([python, script, str(made)], check=True, env=bare)
    said = json.loads((made / "said.json").read_text(encoding="utf-8"))
    for name, part in (
        ("gensim.txt", "gensim"),
        ("gensim.bin", "gensim"),
        ("fasttext.bin", "fasttext"),
        ("classifier.bin", "classifier"),
    ):
        assert load(made / name).matrix.tobytes() == np.array(said[part]["values"], np.float32).tobytes(), name
    vectors = load(made / "fasttext.bin")
    for name, format in (
        ("word2vec.txt", "word2vec"),
        ("word2vec.bin", "word2vec_binary"),
        ("glove.txt", "glove"),
        ("fasttext.bin", "fasttext"),
    ):
        vectors.save(ours / name, format=format)
    texts, labels = ["big cat", "a dog", "some cat", "big dog"] * 20, ["cat", "dog"] * 40
    classifiers = {}
    for loss in ("softmax", "one_vs_all", "negative_sampling", "hierarchical_softmax"):
        made_here = classifier(texts, labels, dimension=5, ngrams=2, longest=4, buckets=50, rate=0.5, loss=loss)
        made_here.save(ours / f"labels_{loss}.bin")
        classifiers[f"labels_{loss}.bin"] = made_here
    subprocess.run([python, script, "--read", str(ours)], check=True, env=bare)
    read = json.loads((ours / "read.json").read_text(encoding="utf-8"))
    for name, by_text in read.pop("classifiers").items():
        for told, expected in by_text.items():
            known = classifiers[name].model.labels
            row = dict(zip(known, classifiers[name].probabilities([told])[0], strict=True))
            # Its logistic function is a table, and labels that are next to impossible are left out.
            assert row == pytest.approx({**dict.fromkeys(known, 0.0), **expected}, abs=0.01), (name, told)
    for name, found in read.items():
        assert len(found) >= len(vectors.words)
        for word, values in found.items():
            assert (vectors.vector(word) == np.array(values, np.float32)).all(), (name, word)
