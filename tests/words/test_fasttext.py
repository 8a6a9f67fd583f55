"""FastText's vectors are made of parts, so that words that were never seen have some too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from tests.words.test_word2vec import interrupt_after

from fitwell import words
from fitwell.errors import RequestError
from fitwell.vectors import Neighbor
from fitwell.vectors.formats.fasttext import read_model
from fitwell.vectors.subwords import buckets_of
from fitwell.words import word_vectors
from fitwell.words.parts import PartSettings, parts_of_words, subwords_of

STEMS = {"color": ["red", "blue", "green"], "animal": ["wolf", "horse", "tiger"]}
ENDINGS = ["ish", "like", "ness"]


def planted(texts: int = 1200) -> list[list[str]]:
    """Return texts about one kind of thing each, whose words are stems with endings; one combination never comes."""
    generator = np.random.default_rng(4)
    made = []
    for number in range(texts):
        stems = STEMS["animal" if number % 2 else "color"]
        drawn = [f"{generator.choice(stems)}{generator.choice(ENDINGS)}" for _ in range(6)]
        made.append([word for word in drawn if word not in ("greenness", "tigerness")])
    return made


def learned(**asked: Any) -> words.Vectors:
    settings = {"dimension": 16, "epochs": 3, "subsample": 0, "buckets": 5000, "rate": 0.1}
    return words.fasttext(planted(), **{**settings, **asked})


def nearest_words(vectors: words.Vectors, direction: npt.NDArray[np.float32], count: int) -> list[str]:
    nearest = vectors.neighbors(direction, count)
    return [near.word for near in nearest if isinstance(near, Neighbor)]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_vectors, "BLOCK_TOKENS", 500)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"architecture": "cbow"},
        {"threads": 2},
        {"loss": "hierarchical_softmax"},
        {"loss": "hierarchical_softmax", "architecture": "cbow"},
    ],
)
def test_words_that_were_never_seen_lie_where_their_stems_do(small_blocks: None, asked: dict[str, Any]) -> None:
    vectors = learned(**asked)
    for unseen, kind in (("greenness", "color"), ("tigerness", "animal"), ("greens", "color")):
        assert unseen not in vectors.rows
        nearest = nearest_words(vectors, vectors.vector(unseen), 3)
        assert all(word.startswith(tuple(STEMS[kind])) for word in nearest), (unseen, nearest)


def test_a_word_is_made_of_its_own_row_and_those_of_its_parts() -> None:
    settings = PartSettings(shortest=2, longest=4, buckets=100)
    vocabulary = ["naïve", "</s>", "naïf", "a"]
    parts = parts_of_words(vocabulary, settings)
    inputs = np.random.default_rng(1).normal(size=(parts.size, 3)).astype(np.float32)
    subwords = subwords_of(inputs, parts, settings)
    for number, word in enumerate(vocabulary):
        rows = parts.rows[parts.begins[number] : parts.begins[number + 1]]
        assert rows[0] == number
        # `buckets_of` is the plain loop that is held against fastText itself.
        assert parts.used[rows[1:] - len(vocabulary)].tolist() == buckets_of(word, subwords)
    assert (subwords.own == inputs[:4]).all()
    assert (subwords.buckets[parts.used] == inputs[4:]).all()
    assert not np.delete(subwords.buckets, parts.used, axis=0).any()


def test_vectors_are_saved_as_a_model_of_fasttext(tmp_path: Path) -> None:
    vectors = learned(epochs=1, window=4, negative=3, architecture="cbow", loss="hierarchical_softmax", subsample=0.5)
    vectors.save(tmp_path / "model.bin", format="fasttext")
    again = words.load(tmp_path / "model.bin")
    assert again.words == vectors.words
    assert again.matrix.tobytes() == vectors.matrix.tobytes()
    assert again.vector("greenness").tobytes() == vectors.vector("greenness").tobytes()
    model = read_model(tmp_path / "model.bin")
    assert model.sampling == 0.5
    assert model.arguments == {
        "dim": 16,
        "ws": 4,
        "epoch": 1,
        "minCount": 5,
        "neg": 3,
        "wordNgrams": 1,
        "loss": 1,
        "model": 1,
        "bucket": 5000,
        "minn": 3,
        "maxn": 6,
        "lrUpdateRate": 100,
    }


def test_a_training_that_was_cut_off_goes_on_to_the_same_bits(small_blocks: None, tmp_path: Path) -> None:
    cut = learned(checkpoint=tmp_path / "c", progress=interrupt_after(3))
    resumed = learned(checkpoint=tmp_path / "c")
    assert resumed.matrix.tobytes() == learned().matrix.tobytes() != cut.matrix.tobytes()
    assert not (tmp_path / "c").exists()


def test_vectors_without_parts_do_not_go_on_with_some(small_blocks: None, tmp_path: Path) -> None:
    learned(checkpoint=tmp_path / "c", progress=interrupt_after(2))
    with pytest.raises(RequestError, match="is the checkpoint of a training with method fasttext, but word2vec is"):
        words.word2vec(planted(), dimension=16, epochs=3, subsample=0, rate=0.1, checkpoint=tmp_path / "c")


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"shortest": 0}, "parts of words must have 1 to `longest` characters, but are 0 to 6"),
        ({"longest": 2}, "but are 3 to 2; 3 to 6 are usual"),
        ({"buckets": 0}, r"buckets must be 1 to 2,147,483,647, but are 0"),
        ({"loss": "softmax"}, 'loss must be one of negative_sampling, hierarchical_softmax, but is "softmax"'),
        ({"negative": 9}, "negative must be at most 7"),
    ],
)
def test_a_wrong_setting_is_refused(asked: dict[str, Any], refusal: str) -> None:
    with pytest.raises(RequestError, match=refusal):
        words.fasttext(["a b"] * 9, **asked)
