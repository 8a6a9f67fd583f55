"""An encoded corpus is the corpus: the same tokens in the same order, counted right, before and after the disk."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st

from fitwell.errors import DataError, RequestError
from fitwell.words import texts
from fitwell.words.corpus_file import is_corpus_file, open_corpus, save_corpus
from fitwell.words.encoded import EncodedCorpus, encode
from fitwell.words.tokens import Tokenization
from fitwell.words.vocabulary import Vocabulary, keep_probabilities

TOKEN_LISTS = st.lists(st.lists(st.text("abcé", max_size=3), max_size=8), min_size=1, max_size=12)


@settings(deadline=None)
@given(TOKEN_LISTS.filter(any))
def test_a_corpus_holds_its_tokens_ranked_by_frequency(token_lists: list[list[str]]) -> None:
    corpus = encode(token_lists)
    assert list(corpus.texts()) == token_lists
    expected = Counter(token for tokens in token_lists for token in tokens).most_common()  # ties by first sight
    assert list(zip(corpus.vocabulary.words, corpus.vocabulary.counts.tolist(), strict=True)) == expected


def test_pieces_and_threads_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"word{number % 97} and w{number % 89} é" for number in range(3000)]
    whole = encode(lines, threads=1)
    monkeypatch.setattr(texts, "PIECE_BYTES", 1000)
    for threads in (1, 3):
        pieces = encode(lines, threads=threads)
        assert pieces.vocabulary.words == whole.vocabulary.words
        assert np.array_equal(pieces.ids, whole.ids)
        assert np.array_equal(pieces.ends, whole.ends)


def test_progress_tells_of_every_token() -> None:
    told = list[int]()
    encode(["a b", "c"], progress=told.append)
    assert sum(told) == 3


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    save_corpus(
        encode(["zwei rosen", "", "eine Rose é", "eine"], tokenization=Tokenization(lowercase=True)), tmp_path / "c"
    )
    return tmp_path / "c"


def test_a_saved_corpus_comes_back(saved: Path) -> None:
    corpus = open_corpus(saved)
    assert is_corpus_file(saved)
    assert list(corpus.texts()) == [["zwei", "rosen"], [], ["eine", "rose", "é"], ["eine"]]
    assert corpus.vocabulary.counts.tolist() == [2, 1, 1, 1, 1]
    assert corpus.tokenization == Tokenization(lowercase=True)
    assert isinstance(corpus.ids, np.memmap)


def test_a_saved_corpus_is_read_by_the_library_of_its_format(saved: Path) -> None:
    arrays, corpus = safetensors.numpy.load_file(saved), open_corpus(saved)
    assert np.array_equal(arrays["ids"], corpus.ids)
    assert np.array_equal(arrays["ends"], corpus.ends)
    assert arrays["letters"].tobytes().decode() == "".join(corpus.vocabulary.words)


def rewritten(path: Path, change: Callable[[dict[str, npt.NDArray[Any]]], None]) -> None:
    arrays = safetensors.numpy.load_file(path)
    change(arrays)
    start = path.read_bytes()
    header = json.loads(start[8 : 8 + int.from_bytes(start[:8], "little")])
    body = b"".join(arrays[name].tobytes() for name in ("ends", "counts", "offsets", "ids", "letters"))
    path.write_bytes(start[: 8 + int.from_bytes(start[:8], "little")] + body)
    assert set(header) >= set(arrays)


@pytest.mark.parametrize(
    ("array", "place", "value", "refusal"),
    [
        ("ids", 1, 99, "ids lead to words 0 to 99 of 5"),
        ("ids", 0, -1, "ids lead to words -1"),
        ("ends", 0, 50, "ends do not rise"),
        ("ends", -1, 7, "ends do not rise"),
        ("offsets", 0, -3, "offsets do not rise"),
        ("counts", 4, 9, "counts do not fall"),
    ],
)
def test_numbers_that_lead_astray_are_refused(saved: Path, array: str, place: int, value: int, refusal: str) -> None:
    rewritten(saved, lambda arrays: arrays[array].__setitem__(place, value))
    with pytest.raises(DataError, match=refusal):
        open_corpus(saved)


@pytest.mark.parametrize(
    ("spoil", "refusal"),
    [
        (lambda content: content[:-1], r"claim bytes \d+ to \d+ of"),
        (lambda content: content[:40], "JSONDecodeError"),
        (lambda content: b"\xff" * 8 + content, r"header claims 18,446,744,073,709,551,615 bytes"),
        (lambda content: content.replace(b"fitwell corpus", b"another corpus"), "something else"),
        (lambda content: content.replace(b'"version":"1"', b'"version":"9"'), "version 9 is newer"),
        (lambda content: content.replace(b'"ids"', b'"idz"'), "KeyError: 'ids'"),
        (lambda content: content.replace(b'"I32"', b'"I16"'), "its ids claim"),
        (lambda content: content.replace(b"lowercase", b"lowercaze"), "TypeError"),
    ],
)
def test_a_spoilt_file_is_refused(saved: Path, spoil: Callable[[bytes], bytes], refusal: str) -> None:
    content = saved.read_bytes()
    assert spoil(content) != content
    saved.write_bytes(spoil(content))
    with pytest.raises(DataError, match=refusal):
        open_corpus(saved)


def test_a_corpus_without_words_is_refused() -> None:
    with pytest.raises(DataError, match=r'nothing in it matches the token pattern "\\d\+"'):
        encode(["no digits"], tokenization=Tokenization(pattern=r"\d+"))


def test_less_than_one_thread_is_refused() -> None:
    with pytest.raises(RequestError, match="threads must be at least 1, but is 0"):
        encode(["a"], threads=0)


def test_a_vocabulary_is_pruned_from_its_rare_end() -> None:
    vocabulary = Vocabulary(["a", "b", "c", "d"], np.array([9, 5, 5, 1]))
    assert vocabulary.pruned(min_count=5).words == ["a", "b", "c"]
    assert vocabulary.pruned(min_count=2, max_size=2).words == ["a", "b"]
    assert vocabulary.pruned().numbers == {"a": 0, "b": 1, "c": 2, "d": 3}


@pytest.mark.parametrize(
    ("limits", "refusal"),
    [
        ({"min_count": 0}, "min_count must be at least 1, but is 0"),
        ({"max_size": 0}, "max_size must be at least 1, but is 0"),
        ({"min_count": 10}, "no word occurs 10 times: the most frequent occurs 9 times"),
    ],
)
def test_limits_that_leave_nothing_are_refused(limits: dict[str, int], refusal: str) -> None:
    with pytest.raises(RequestError, match=refusal):
        Vocabulary(["a"], np.array([9])).pruned(**limits)


def test_a_word_is_kept_as_the_original_program_keeps_it() -> None:
    # word2vec.c: ran = (sqrt(cn / (sample * train_words)) + 1) * (sample * train_words) / cn
    counts, sample = np.array([50_000, 1_000, 7]), 1e-3
    expected = [min(1.0, ((cn / (sample * 51_007)) ** 0.5 + 1) * (sample * 51_007) / cn) for cn in counts.tolist()]
    assert keep_probabilities(counts, subsample=sample) == pytest.approx(expected, rel=1e-12)
    assert expected[0] < 0.1 < expected[2] == 1.0


def test_without_subsampling_every_word_is_kept() -> None:
    assert keep_probabilities(np.array([9, 1]), subsample=0).tolist() == [1.0, 1.0]


def test_a_negative_subsample_is_refused() -> None:
    with pytest.raises(RequestError, match=r"subsample must be 0 or a small share such as 0\.001, but is -1"):
        keep_probabilities(np.array([1]), subsample=-1)


def test_a_corpus_is_bounded_by_the_disk_not_by_memory() -> None:
    corpus: EncodedCorpus = encode(iter([["a"]] * 100))
    assert isinstance(corpus.ids, np.memmap)
