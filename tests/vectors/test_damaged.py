"""Damaged, cut and hostile files are refused in words, at once and without the memory that they ask for."""

from __future__ import annotations

import json
import struct
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import load_file, save_file
from tests.vectors.conftest import ORIGINALS
from tests.vectors.test_formats import mostly_unused_buckets, some

from fitwell.errors import DataError, FitwellError, RequestError
from fitwell.vectors import Vectors, centered, load
from fitwell.vectors.evaluation import Question, on_analogies
from fitwell.vectors.formats import WRITERS
from fitwell.vectors.formats.fasttext import read_model, write_model

VALUES = struct.pack("<2f", 1, 2)


def written(content: bytes, folder: Path) -> Path:
    path = folder / "file"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize(
    ("content", "refusal"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"hello\n", "first line must be two counts, or a word and its values"),
        (b"hello world\n", "first line must be two counts, or a word and its values"),
        (b"\x80\x04\x95\x00", "a pickle, as gensim's save"),
        (b"\x1f\x8b\x08\x00", "compressed by gzip; decompress it first"),
        (b"3 2\na 1 2\nb 3 4\n", "the header promises 3 words, but the file ends after 2.*limit=2"),
        (b"1 2\na 1 2\nb 3 4\n", "the header promises 1 words, but 2 lines follow; limit=1"),
        (b"2 2\na 1 2\nb 3\n", "line 3: a word and 2 values must stand there, but there are fewer"),
        (b"2 2\na 1 2\n3 4\n", "line 3: 2 values stand there without a word|fewer"),
        (b"a 1 2\n\nb 1 2\n", "line 2: a word and 2 values must stand there"),
        (b"a 1 2\nb 1 nan\n", 'line 2: value 2 must be a finite number .* but is "nan"'),
        (b"a 1 2\n 1 2\n", "line 2: 2 values stand there without a word"),
        (b"5 0\na\n", "vectors must have a width, but the header says 0"),
        (b"999999999999 999999999\na 1 2\n", "."),
        (b"2 2\na " + VALUES, "the header promises 2 words, but the file ends after 1"),
        (b"1 2\na " + VALUES + b"\nb " + VALUES, "promises 1 words, but the file goes on; limit=1"),
        (b"1 2\n " + VALUES + b"  ", "word 1 is empty"),
        (b"1 2\na " + struct.pack("<2f", 1, np.nan), 'finite numbers, but "a" has others'),
        (b"1 2\n" + b"\xff" * 70_000 + b" " + VALUES, "word 1 must end within 65,536 bytes"),
    ],
)
def test_a_damaged_file_is_refused_in_words(content: bytes, refusal: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=refusal):
        load(written(content, tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        b"999999999999 999999999\na 0.1 0.2\n",
        b"999999999999 300\na " + b"\x01" * 1200,
        b"a" + b" 1" * 50_000 + b"\n" + b"b 1\n" * 50_000,  # wide by its first line
        struct.pack("<2i12id3i2q", 793712314, 12, *[10**9] * 12, 0.1, 2**31 - 1, 2**31 - 1, 0, 1, -1),
        struct.pack("<2i12id3i2q?2q", 793712314, 12, *[4] * 12, 0.1, 0, 0, 0, 1, -1, False, 2**40, 2**22),
        struct.pack("<Q", 2**62) + b'{"a": 1}',
        struct.pack("<Q", 90) + b'{"__metadata__": {}}' + b" " * 70,
    ],
)
def test_what_a_file_claims_is_not_allocated(content: bytes, tmp_path: Path) -> None:
    path = written(content, tmp_path)
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match=r"file"):
            load(path)
        assert tracemalloc.get_traced_memory()[1] < 60e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(
    ("told", "tensors", "refusal"),
    [
        ({"buckets": 2**40}, {}, "vectors of 1099511627776 buckets do not belong together"),
        ({"buckets": "many"}, {}, "vectors of many buckets do not belong together"),
        ({"buckets": 60}, {}, "there are vectors of buckets beyond 60"),
        ({}, {"subword_used": np.array([1, 2])}, "do not belong together"),
        ({}, {"subword_used": np.array([1, 2, -1])}, "there are vectors of buckets beyond 99"),
        ({}, {"subword_buckets": np.ones((3, 5), np.float32)}, "as wide as those of words, but are not"),
        ({}, {"subword_own": np.ones((2, 4), np.float32)}, "as wide as those of words, but are not"),
    ],
)
def test_parts_of_words_that_contradict_one_another_are_refused(
    told: dict[str, object], tensors: dict[str, np.ndarray], refusal: str, tmp_path: Path
) -> None:
    mostly_unused_buckets(99).save(tmp_path / "v.safetensors")
    with safe_open(tmp_path / "v.safetensors", "numpy") as file:
        metadata = json.loads(file.metadata()["fitwell_vectors"])
    contents = {**load_file(tmp_path / "v.safetensors"), **tensors}
    save_file(contents, tmp_path / "odd.safetensors", {"fitwell_vectors": json.dumps({**metadata, **told})})
    with pytest.raises(DataError, match=refusal):
        load(tmp_path / "odd.safetensors")


@pytest.mark.parametrize("format", WRITERS)
def test_a_file_that_was_cut_off_anywhere_is_refused(format: str, tmp_path: Path) -> None:
    whole = tmp_path / "whole"
    some(4).save(whole, format=format)
    content = whole.read_bytes()
    read = 0
    for size in range(0, len(content), 3):
        try:
            load(written(content[:size], tmp_path))
            read += 1
        except DataError:
            continue
    # Text without a header cannot know that lines are missing; with one, the end of the last number may.
    assert read <= (len(content) // 3 if format == "glove" else 6 if format == "word2vec" else 0)


@settings(max_examples=150, deadline=None)
@given(
    format=st.sampled_from(sorted(WRITERS)),
    changes=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_a_file_with_changed_bytes_is_read_or_refused(
    format: str, changes: list[tuple[float, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("changed")
    some(4, subwords=format == "fasttext").save(folder / "whole", format=format)
    content = bytearray((folder / "whole").read_bytes())
    for place, byte in changes:
        content[int(place * (len(content) - 1))] = byte
    try:
        vectors = load(written(bytes(content), folder))
    except FitwellError:
        return
    assert len(vectors.matrix) == len(vectors.words)


@settings(max_examples=100, deadline=None)
@given(content=st.one_of(st.binary(max_size=200), st.text("0123456789 .e-\n\tab", max_size=100).map(str.encode)))
def test_any_bytes_are_read_or_refused(content: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    with suppress(FitwellError):
        load(written(content, tmp_path_factory.mktemp("any")))


def test_lines_may_end_as_they_do_elsewhere(tmp_path: Path) -> None:
    for content in (b"2 2\r\na 1 2\r\nb 3 4\r\n", b"2 2\na 1 2 \nb 3 4 \n\n\n", b"2\t2\na\t1\t2\nb  3  4"):
        read = load(written(content, tmp_path))
        assert (read.words, read.matrix.tolist()) == (("a", "b"), [[1, 2], [3, 4]])


@pytest.mark.parametrize("header", [b"", b"2 2\n"])
def test_a_mark_of_byte_order_is_passed_over(header: bytes, tmp_path: Path) -> None:
    read = load(written(b"\xef\xbb\xbf" + header + b"a 1 2\nb 3 4\n", tmp_path))
    assert (read.words, read.matrix.tolist()) == (("a", "b"), [[1, 2], [3, 4]])


def test_a_limit_beyond_the_header_does_not_hide_that_it_counts_wrong(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="promises 1 words, but 2 lines follow"):
        load(written(b"1 2\na 1 2\nb 3 4\n", tmp_path), limit=5)


def test_a_word_may_hold_spaces_where_the_width_is_known(tmp_path: Path) -> None:
    read = load(written(b"2 2\n. . . 1 2\nat 5 pm 3 4\n", tmp_path))
    assert (read.words, read.matrix.tolist()) == ((". . .", "at 5 pm"), [[1, 2], [3, 4]])


def test_only_spaces_tabs_and_line_feeds_separate(tmp_path: Path) -> None:
    content = "a\u0085b 1 2\nc\u00a0d 3 4\n".encode()  # a next line and a space that other readers split at
    assert load(written(content, tmp_path)).words == ("a\u0085b", "c\u00a0d")


@pytest.mark.parametrize(
    "content",
    [
        b"3 1\na 1\nb 2\na 3\n",
        b"3 1\n"
        + b"".join(word + b" " + struct.pack("<f", value) for word, value in ((b"a", 1), (b"b", 2), (b"a", 3))),
    ],
)
def test_of_a_word_that_comes_twice_the_first_counts(content: bytes, tmp_path: Path) -> None:
    read = load(written(content, tmp_path))
    assert (read.words, read.matrix.ravel().tolist(), read.made["copies_left_out"]) == (("a", "b"), [1, 2], 1)


@pytest.mark.parametrize("name", ["fasttext.bin", "classifier.bin"])
def test_of_a_word_that_comes_twice_in_a_model_the_first_counts(name: str, tmp_path: Path) -> None:
    model = read_model(ORIGINALS / name)
    write_model(replace(model, words=(*model.words[:-1], model.words[0])), tmp_path / "twice.bin")
    read, whole = load(tmp_path / "twice.bin"), load(ORIGINALS / name)
    assert read.words == model.words[:-1]
    assert (read.matrix == whole.matrix[:-1]).all()
    assert read.counts is not None
    assert (read.counts.tolist(), read.made["copies_left_out"]) == (model.counts[:-1].tolist(), 1)


def test_bytes_that_are_no_utf_8_are_marked(tmp_path: Path) -> None:
    assert load(written(b"caf\xe9 1 2\nb 3 4\n", tmp_path)).words == ("caf\ufffd", "b")


def test_a_pickle_of_gensim_is_refused_with_what_to_do_in_gensim() -> None:
    with pytest.raises(DataError, match=r"can run any program when read.*save_word2vec_format"):
        load(ORIGINALS / "gensim.kv")


def test_a_quantized_model_of_fasttext_is_refused(tmp_path: Path) -> None:
    content = bytearray((ORIGINALS / "fasttext.bin").read_bytes())
    words = load(ORIGINALS / "fasttext.bin").words
    flag = 92 + sum(len(word.encode()) + 10 for word in words)
    assert content[flag] == 0
    content[flag] = 1
    with pytest.raises(DataError, match=r"quantized fastText models \(\.ftz\) cannot be read"):
        load(written(bytes(content), tmp_path))


def changed_head(change: Callable[[dict[str, dict[str, object]]], None], folder: Path) -> Path:
    """Change the head of a file in our own format."""
    path = folder / "x.safetensors"
    some(4).save(path)
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    head = json.loads(content[8 : 8 + length])
    change(head)
    new = json.dumps(head).encode()
    return written(struct.pack("<Q", len(new)) + new + content[8 + length :], folder)


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (lambda head: head.pop("words"), "must hold the tensor 'words', but holds"),
        (lambda head: head.pop("__metadata__"), "a safetensors file without words in it"),
        (lambda head: head["vectors"].update(shape=[10**6, 4]), 'the tensor "vectors" needs 16,000,000 bytes'),
        (lambda head: head["vectors"].update(dtype="F16"), "not described as it must be"),
        (lambda head: head["words"].update(data_offsets=[-5, 5]), 'the tensor "words" needs'),
        (
            lambda head: head["__metadata__"].update(fitwell_vectors='{"version": 2}'),
            "version 1 can be read, but these are 2",
        ),
    ],
)
def test_a_changed_head_of_our_own_format_is_refused(
    change: Callable[[dict[str, dict[str, object]]], None], refusal: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=refusal):
        load(changed_head(change, tmp_path))


def test_a_limit_below_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="limit must be 1 or more, but is 0"):
        load(written(b"a 1 2\n", tmp_path), limit=0)


def test_a_limit_reads_what_is_left_of_a_file_that_was_cut_off(tmp_path: Path) -> None:
    assert load(written(b"3 2\na 1 2\nb 3 4\n", tmp_path), limit=2).words == ("a", "b")


def test_a_value_that_is_not_finite_in_a_mapped_file_is_refused_when_searched(tmp_path: Path) -> None:
    matrix = np.ones((3, 2), np.float32)
    matrix[1, 1] = np.inf
    Vectors(("a", "b", "c"), matrix).save(tmp_path / "x.safetensors")
    vectors = load(tmp_path / "x.safetensors")
    for ask in (
        lambda: vectors.neighbors("a"),
        lambda: vectors.analogy("a", "c", "a", method="multiply"),
        lambda: on_analogies(vectors, [Question("", "a", "c", "a", "c")]),
        lambda: centered(vectors),
        lambda: vectors.vector("b"),
    ):
        with pytest.raises(DataError, match='the vector of "b" must hold finite numbers'):
            ask()
