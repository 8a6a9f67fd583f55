"""Many windows at once move the vectors by the formula's sums, scaled down where many of them meet in one row."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fitwell import words
from fitwell.errors import RequestError, SurroundingsError
from fitwell.words import device_windows, word_vectors
from fitwell.words.device_windows import LONGEST, step

WORDS, DIMENSION = 6, 5
PLACES = st.lists(st.integers(0, WORDS - 1), min_size=4, max_size=4)
WINDOWS = st.lists(st.tuples(PLACES, st.lists(st.booleans(), min_size=4, max_size=4), PLACES), min_size=1, max_size=8)


def by_formula(
    inputs: Any, outputs: Any, windows: list[tuple[list[int], list[bool], list[int]]], rate: float, is_bag: bool
) -> None:
    """Move both matrices as the windows do together, one number after the other, in float64."""
    moves: dict[str, list[tuple[int, Any, Any]]] = {"inputs": [], "outputs": []}
    for around, is_there, targets in windows:
        there = [word for word, belongs in zip(around, is_there, strict=True) if belongs]
        if not there:
            continue
        told = list(dict.fromkeys(targets))  # of equal targets the first
        contexts = [inputs[there].mean(0)] if is_bag else [inputs[word] for word in there]
        of_told = dict.fromkeys(told, 0.0)
        bends = rate / 4 * sum(outputs[t] @ outputs[t] for t in told)
        bends_told = rate / 4 * sum(x @ x for x in contexts)
        for place, x in enumerate(contexts):
            gradients = {t: rate * ((t == targets[0]) - 1 / (1 + np.exp(-x @ outputs[t]))) for t in told}
            move = sum(gradients[t] * outputs[t] for t in told)
            moves["inputs"] += [(word, move, bends) for word in (there if is_bag else [there[place]])]
            of_told = {t: of_told[t] + gradients[t] * x for t in told}
        moves["outputs"] += [(t, move, bends_told) for t, move in of_told.items()]
    for name, rows in (("inputs", inputs), ("outputs", outputs)):
        bend = Counter[int]()
        for row, _, bends in moves[name]:
            bend[row] += bends
        for row, move, _ in moves[name]:
            rows[row] += move * min(1, LONGEST / bend[row])


@settings(deadline=None, max_examples=60)
@given(WINDOWS, st.booleans(), st.sampled_from([0.05, 5.0]))
def test_windows_move_together_as_the_formula_says(windows: list[Any], is_bag: bool, rate: float) -> None:
    # At a rate of 5 some moves of a row are too many.
    generator = np.random.default_rng(0)
    inputs, outputs = (generator.normal(size=(WORDS, DIMENSION)) for _ in range(2))
    moved = torch.from_numpy(inputs.copy()), torch.from_numpy(outputs.copy())
    context, is_there, targets = (torch.tensor([window[part] for window in windows]) for part in range(3))
    step(*moved, context, is_there, targets, rate=rate, is_bag=is_bag)
    by_formula(inputs, outputs, windows, rate, is_bag)
    for found, expected in zip(moved, (inputs, outputs), strict=True):
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("architecture", ["skipgram", "cbow"])
def test_words_of_one_topic_become_neighbors_there_too(architecture: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    # What reads on a GPU reads here; of one text's topic nothing reaches the next.
    monkeypatch.setattr(word_vectors, "COMPILED_ON", "nowhere")
    monkeypatch.setattr(word_vectors, "DEVICE_BLOCK_TOKENS", 2000)
    monkeypatch.setattr(device_windows, "WINDOWS", {architecture: 64})
    topics = [["cat", "dog", "cow", "pig"], ["red", "blue", "pink", "teal"], ["one", "two", "six", "ten"]]
    generator = np.random.default_rng(3)
    texts = [["the", *generator.choice(topics[number % 3], 6).tolist(), "rare" if number < 3 else "the"]
             for number in range(750)]  # fmt: skip
    seen = list[words.Look]()
    asked: dict[str, Any] = {"architecture": architecture, "dimension": 16, "epochs": 4, "rate": 0.05, "subsample": 0}
    vectors = words.word2vec(texts, **asked, progress=seen.append)
    for topic in topics:
        for word in topic:
            assert {each.word for each in vectors.neighbors(word, 3)} == {*topic} - {word}
    assert "rare" not in vectors.words
    assert seen[-1].loss < seen[0].loss
    assert seen[-1].epoch == 4
    assert words.word2vec(texts, **asked).matrix.tobytes() == vectors.matrix.tobytes()


def test_a_device_that_is_not_there_is_refused() -> None:
    texts = [["a", "b"]] * 9
    with pytest.raises(RequestError, match="device must be cpu, cuda or cuda:1"):
        words.word2vec(texts, device="tpu")
    with pytest.raises(RequestError, match="compiled loops, which do not run on cuda"):
        words.word2vec(texts, device="cuda", loss="hierarchical_softmax")
    with pytest.raises(SurroundingsError, match=r'device is "cuda:99", but torch cannot compute there'):
        words.word2vec(texts, device="cuda:99")
