"""A training goes on with new text: old words know what they knew, new ones learn from them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file
from tests.words.test_word2vec import TOPICS, interrupt_after, planted

from fitwell import words
from fitwell.errors import DataError, RequestError
from fitwell.words import Look, word_vectors

NEW = ["maroon", "ivory", "khaki"]
SETTINGS: dict[str, Any] = {"dimension": 16, "epochs": 3, "subsample": 0, "rate": 0.05}


def colors(texts: int = 500) -> list[list[str]]:
    """Return texts of old colors, and of new ones."""
    generator = np.random.default_rng(5)
    return [["the", *generator.choice([*TOPICS[1], *NEW], 6).tolist(), "the"] for _ in range(texts)]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_vectors, "BLOCK_TOKENS", 1000)


@pytest.fixture
def kept(small_blocks: None, tmp_path: Path) -> Path:
    words.word2vec(planted(), keep=tmp_path / "kept", **SETTINGS)
    return tmp_path / "kept"


def test_new_words_are_learned_among_the_old_ones(kept: Path) -> None:
    vectors = words.word2vec(colors(), start=kept, **SETTINGS)
    assert set(vectors.words) == {"the", *NEW, *(word for topic in TOPICS for word in topic)}
    for word in NEW:
        assert {near.word for near in vectors.neighbors(word, 7)} | {word} == {*TOPICS[1], *NEW}
    for topic in (TOPICS[0], TOPICS[2]):  # no longer there, and not forgotten
        assert {near.word for near in vectors.neighbors(topic[0], 4)} == set(topic[1:])


def test_words_that_do_not_come_again_stay_where_they_are(kept: Path) -> None:
    before, after = words.word2vec(planted(), **SETTINGS), words.word2vec(colors(), start=kept, **SETTINGS)
    assert (after.vector("cat") == before.vector("cat")).all()
    assert (after.vector("red") != before.vector("red")).any()


def test_counts_of_old_and_new_text_add_up(kept: Path) -> None:
    vectors = words.word2vec(colors(), start=kept, **SETTINGS)
    expected = dict.fromkeys(vectors.words, 0)
    for text in planted() + colors():
        for word in text:
            expected[word] += 1
    assert vectors.counts is not None
    assert dict(zip(vectors.words, vectors.counts.tolist(), strict=True)) == expected
    assert vectors.counts.tolist() == sorted(expected.values(), reverse=True)


def test_training_goes_on_where_it_ended(kept: Path) -> None:
    first, looks = list[Look](), list[Look]()
    words.word2vec(planted(), progress=first.append, **SETTINGS)
    words.word2vec(planted(), start=kept, progress=looks.append, **SETTINGS)
    ended, began = (np.mean([look.loss for look in some]) for some in (first[-5:], looks[:5]))
    # The rate begins anew, and shakes what has settled; but it is nowhere near the beginning.
    assert abs(began - ended) < abs(began - first[0].loss) / 3


def test_parts_of_words_go_on_too(small_blocks: None, tmp_path: Path) -> None:
    settings = {**SETTINGS, "buckets": 500}
    old = words.fasttext(planted(), keep=tmp_path / "kept", **settings)
    new = words.fasttext([["one"] * 8] * 5, start=tmp_path / "kept", **{**settings, "epochs": 1})
    assert old.subwords is not None
    assert new.subwords is not None
    of_one = new.subwords.buckets != old.subwords.buckets
    assert 0 < of_one.any(axis=1).sum() <= 6  # the parts of <one>, and no others
    words.fasttext(colors(), start=tmp_path / "kept", **settings)


def test_going_on_is_cut_off_and_resumed_to_the_same_bits(kept: Path, tmp_path: Path) -> None:
    whole = words.word2vec(colors(), start=kept, **SETTINGS)
    words.word2vec(colors(), start=kept, checkpoint=tmp_path / "c", progress=interrupt_after(3), **SETTINGS)
    with pytest.raises(RequestError, match=r"is the checkpoint of a training with start [0-9a-f]+, but None is asked"):
        words.word2vec(colors(), checkpoint=tmp_path / "c", **SETTINGS)
    resumed = words.word2vec(colors(), start=kept, checkpoint=tmp_path / "c", **SETTINGS)
    assert resumed.matrix.tobytes() == whole.matrix.tobytes()


def test_another_kind_of_training_does_not_go_on(kept: Path, tmp_path: Path) -> None:
    for asked, refusal in (
        ({"dimension": 5}, "has dimension 16, but 5 is asked for; ask for the same"),
        ({"architecture": "cbow"}, "has architecture skipgram, but cbow"),
    ):
        with pytest.raises(RequestError, match=refusal):
            words.word2vec(colors(), start=kept, **{**SETTINGS, **asked})
    with pytest.raises(RequestError, match="has method word2vec, but fasttext"):
        words.fasttext(colors(), start=kept, **SETTINGS)
    by_tree = {**SETTINGS, "loss": "hierarchical_softmax"}
    words.word2vec(planted(), keep=tmp_path / "tree", **by_tree)
    with pytest.raises(RequestError, match="cannot go on with new words, because they change the tree"):
        words.word2vec(colors(), start=tmp_path / "tree", **by_tree)


def test_what_was_not_kept_is_refused(kept: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no file .*none to start from"):
        words.word2vec(colors(), start=tmp_path / "none", **SETTINGS)
    words.word2vec(planted(), **SETTINGS).save(tmp_path / "v.safetensors")
    with pytest.raises(DataError, match="is none that a training was kept in; vectors alone"):
        words.word2vec(colors(), start=tmp_path / "v.safetensors", **SETTINGS)
    (tmp_path / "cut").write_bytes(kept.read_bytes()[:-10])
    with pytest.raises(DataError, match=r"is not whole \("):
        words.word2vec(colors(), start=tmp_path / "cut", **SETTINGS)
    tensors = load_file(kept)
    told = {"format": "fitwell words to go on from", "version": "1", "made": "{}"}
    save_file({**tensors, "counts": tensors["counts"][1:]}, tmp_path / "odd", told)
    with pytest.raises(DataError, match="is damaged: 16 words, 15 counts"):
        words.word2vec(colors(), start=tmp_path / "odd", **SETTINGS)
