"""A classifier's step is the formula's, it learns what was planted, and its models are fastText's."""

from __future__ import annotations

import math
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import numpy as np
import numpy.typing as npt
import pytest
from tests.vectors.conftest import ORIGINALS
from tests.vectors.conftest import said as said
from tests.words.test_windows import Randomness
from tests.words.test_word2vec import interrupt_after

from fitwell import words
from fitwell.errors import DataError, RequestError
from fitwell.vectors.formats.fasttext import LOSSES, read_model
from fitwell.words import Look, classifier_training
from fitwell.words.kernels.classifying import learn_texts
from fitwell.words.kernels.windows import has_wide_vectors
from fitwell.words.matrices import aligned_zeros
from fitwell.words.text_classifier import ClassifierLoss, loss_number, ways_of

Exact = npt.NDArray[np.float64]
LOSS_NAMES = get_args(ClassifierLoss)
THEIR_NAMES = {
    "softmax": "softmax",
    "one_vs_all": "ova",
    "negative_sampling": "ns",
    "hierarchical_softmax": "hs",
}

# fastText adds 1e-5 to a probability before it takes a logarithm, in its tree at every turn. Of single labels it takes
# the logistic function from a table in steps of 1/32, where it rises by up to 1/4 of that.
TOLERANCES = {"softmax": 1e-6, "one_vs_all": 1 / 128, "negative_sampling": 1 / 128, "hierarchical_softmax": 2e-5}


def planted(texts: int = 400) -> tuple[list[str], list[str]]:
    """Return texts whose label can be told from one of their words, between words that say nothing."""
    generator = np.random.default_rng(2)
    telling = {"sport": ["goal", "match"], "money": ["bank", "loan"], "food": ["bread", "soup"]}
    labels = generator.choice(list(telling), texts, p=[0.5, 0.3, 0.2]).tolist()
    noise = [f"word{number}" for number in range(30)]
    return [
        " ".join([*generator.choice(noise, 4), generator.choice(telling[label]), *generator.choice(noise, 4)])
        for label in labels
    ], labels


def learned(**asked: Any) -> words.TextClassifier:
    texts, labels = planted()
    return words.classifier(texts, labels, **{"dimension": 10, "rate": 0.5, "epochs": 10, "buckets": 1000, **asked})


def sigmoid(x: Any) -> Any:
    return 1 / (1 + np.exp(-x))


class Told:
    """What a loss asks of a text: at which rows of the outputs, and how far the truth is from the probability there."""

    def __init__(self, loss: str, outputs: Exact, draws: list[int], draw: int) -> None:
        self.loss, self.outputs, self.draws, self.draw = loss, outputs, draws, draw
        counts = np.array([9, 5, 3, 2])
        self.ways = ways_of("hierarchical_softmax", counts)

    def errors(self, x: Exact, labels: list[int], chosen: int) -> Iterator[tuple[int, float]]:
        """Yield rows and errors; each row is moved before the next one is asked for."""
        if self.loss == "softmax":
            scores = self.outputs @ x
            probabilities = np.exp(scores - scores.max()) / np.exp(scores - scores.max()).sum()
            yield from enumerate((np.arange(len(scores)) == chosen) - probabilities)
            return
        for row, truth in self.asked(labels, chosen):
            yield row, truth - sigmoid(self.outputs[row] @ x)

    def asked(self, labels: list[int], chosen: int) -> list[tuple[int, float]]:
        if self.loss == "one_vs_all":
            return [(label, float(label in labels)) for label in range(4)]
        if self.loss == "hierarchical_softmax":
            first, last = self.ways.begins[chosen : chosen + 2]
            return list(zip(self.ways.nodes[first:last].tolist(), self.ways.turns[first:last].tolist(), strict=True))
        drawn = list[tuple[int, float]]()
        while len(drawn) < 3:
            label = self.draws[self.draw % len(self.draws)]
            self.draw += 1
            if label != chosen:
                drawn.append((label, 0.0))
        return [(chosen, 1.0), *drawn]


@pytest.mark.parametrize("wide", [(), ((0,), ())] if has_wide_vectors() else [()])
@pytest.mark.parametrize("loss", LOSS_NAMES)
def test_learning_from_texts_is_what_a_loop_does(loss: str, wide: Any) -> None:
    generator = np.random.default_rng(3)
    texts = [generator.integers(0, 12, generator.integers(0, 6)).tolist() for _ in range(60)]  # some rows come twice
    labels = [sorted(generator.permutation(4)[: generator.integers(0, 3)].tolist()) for _ in range(60)]
    inputs, outputs = (aligned_zeros(count * 16).reshape(count, 16) for count in (12, 4))
    inputs[:], outputs[:] = generator.normal(size=(12, 16)), generator.normal(size=(4, 16))
    exact_inputs, exact_outputs = inputs.astype(float), outputs.astype(float)
    draws, order = generator.integers(0, 4, 32, dtype=np.int32), generator.permutation(60)
    ways = ways_of(loss, np.array([9, 5, 3, 2]))
    looked_at, total = learn_texts(
        order,
        np.array([row for text in texts for row in text], np.int32),
        np.cumsum([0, *map(len, texts)]),
        np.array([label for each in labels for label in each], np.int32),
        np.cumsum([0, *map(len, labels)]),
        inputs,
        outputs,
        loss_number(loss),
        draws,
        3,
        (ways.nodes, ways.turns, ways.begins),
        0.2,
        1e-3,
        np.uint64(9),
        aligned_zeros(4 * 16).reshape(4, 16),
        wide,
    )
    randomness = Randomness(9)
    told = Told(loss, exact_outputs, draws.tolist(), (randomness.next() >> 32) % 32)
    for number, text in enumerate(order.tolist()):
        if not texts[text] or not labels[text]:
            continue
        chosen = labels[text][(randomness.next() >> 32) % len(labels[text])]
        x, move, rate = exact_inputs[texts[text]].mean(axis=0), np.zeros(16), 0.2 - 1e-3 * number
        for row, error in told.errors(x, labels[text], chosen):
            move += rate * error * exact_outputs[row]
            exact_outputs[row] += rate * error * x
        for row in texts[text]:
            exact_inputs[row] += move / len(texts[text])
    assert looked_at > 0 < total
    # Single precision over sixty steps, and a logistic function that is good to 4e-4 beyond 4 and ends at 7.9.
    assert inputs == pytest.approx(exact_inputs, abs=1e-3)
    assert outputs == pytest.approx(exact_outputs, abs=1e-3)


@pytest.mark.parametrize("loss", LOSS_NAMES)
@pytest.mark.parametrize("asked", [{}, {"threads": 2}, {"ngrams": 2, "longest": 4}])
def test_what_was_planted_is_learned(loss: str, asked: dict[str, Any]) -> None:
    model = learned(loss=loss, **asked)
    texts, labels = planted()
    assert model.predict(texts) == labels
    assert model.labels == ("sport", "money", "food")
    assert model.predict(["word3 soup", "match", "a loan"]) == ["food", "sport", "money"]
    sums = model.probabilities(texts).sum(axis=1)
    if loss in ("softmax", "hierarchical_softmax"):
        assert sums == pytest.approx(1, abs=1e-5)
    assert model.probabilities([]).shape == (0, 3)


def test_parts_of_words_tell_words_that_were_never_seen() -> None:
    assert learned(longest=4).predict(["breads", "banking", "goals"]) == ["food", "money", "sport"]


def test_runs_of_words_tell_what_their_words_do_not() -> None:
    texts = ["not good", "good not", "not bad", "bad not"] * 100
    labels = ["a", "b", "b", "a"] * 100
    assert words.classifier(texts, labels, dimension=8, epochs=20, rate=0.5).predict(texts[:4]) != labels[:4]
    assert words.classifier(texts, labels, dimension=8, epochs=20, rate=0.5, ngrams=2).predict(texts[:4]) == labels[:4]


def test_labels_may_be_words_of_the_texts_and_several() -> None:
    texts = ["__label__x __label__y both", "__label__x one", "__label__y other", "nothing said"] * 50
    model = words.classifier(texts, dimension=8, epochs=20, rate=0.5, loss="one_vs_all")
    assert sorted(model.labels) == ["x", "y"]
    found = model.probabilities(["both", "one", "other", "one __label__y"])
    place = [model.labels.index(label) for label in ("x", "y")]
    assert (found[:, place] > 0.5).tolist() == [[True, True], [True, False], [False, True], [True, False]]


@pytest.mark.parametrize("loss", LOSS_NAMES)
def test_models_of_fasttext_predict_what_fasttext_does(loss: str, said: dict[str, Any]) -> None:
    model = words.load_classifier(ORIGINALS / f"labels_{THEIR_NAMES[loss]}.bin")
    assert model.loss == loss
    for text, expected in said["predictions"][THEIR_NAMES[loss]].items():
        found = dict(zip(model.model.labels, model.probabilities([text])[0].tolist(), strict=True))
        assert found == pytest.approx({label: value - 1e-5 for label, value in expected.items()}, abs=TOLERANCES[loss])


@pytest.mark.parametrize("loss", LOSS_NAMES)
def test_a_model_is_saved_and_loaded_to_the_same_predictions(loss: str, tmp_path: Path) -> None:
    model = learned(loss=loss, ngrams=2, longest=3, epochs=2)
    model.save(tmp_path / "model.bin")
    again = words.load_classifier(tmp_path / "model.bin")
    texts, _ = planted()
    assert again.probabilities(texts).tobytes() == model.probabilities(texts).tobytes()
    arguments = read_model(tmp_path / "model.bin").arguments
    expected = {"dim": 10, "wordNgrams": 2, "minn": 3, "maxn": 3, "bucket": 1000, "epoch": 2, "minCount": 1, "model": 3}
    assert {name: arguments[name] for name in expected} == expected
    assert LOSSES[arguments["loss"]] == loss


def test_rare_words_count_by_their_parts_only() -> None:
    model = learned(min_count=200)
    assert set(model.model.words) == {"</s>"}


def test_the_same_seed_gives_the_same_bits_and_another_does_not() -> None:
    first = learned(epochs=2).model.inputs.tobytes()
    assert learned(epochs=2).model.inputs.tobytes() == first
    assert learned(epochs=2, seed=2).model.inputs.tobytes() != first


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(classifier_training, "BLOCK_ROWS", 400)


def test_progress_tells_how_training_stands(small_blocks: None) -> None:
    looks = list[Look]()
    learned(epochs=3, progress=looks.append)
    assert len(looks) == 30
    assert looks[-1].epoch == looks[-1].epochs == 3
    assert looks[-1].rate == pytest.approx(0, abs=1e-9)
    assert looks[0].loss == pytest.approx(math.log(3), abs=0.1)  # nothing is known yet
    assert looks[-1].loss < looks[0].loss / 4
    assert [look.epoch for look in looks] == pytest.approx(np.linspace(0.1, 3, 30))
    assert all(before.seconds_left >= 0 for before, _ in pairwise(looks))


@pytest.mark.parametrize("loss", LOSS_NAMES)
def test_a_training_that_was_cut_off_goes_on_to_the_same_bits(small_blocks: None, tmp_path: Path, loss: str) -> None:
    cut = learned(loss=loss, epochs=2, checkpoint=tmp_path / "c", progress=interrupt_after(7))
    assert (tmp_path / "c").exists()
    resumed = learned(loss=loss, epochs=2, checkpoint=tmp_path / "c")
    whole = learned(loss=loss, epochs=2)
    assert resumed.model.inputs.tobytes() == whole.model.inputs.tobytes() != cut.model.inputs.tobytes()
    assert resumed.model.outputs.tobytes() == whole.model.outputs.tobytes()
    assert not (tmp_path / "c").exists()


def test_another_training_does_not_go_on_from_a_checkpoint(small_blocks: None, tmp_path: Path) -> None:
    learned(checkpoint=tmp_path / "c", progress=interrupt_after(2))
    with pytest.raises(RequestError, match="with ngrams 1, but 2 is asked for"):
        learned(checkpoint=tmp_path / "c", ngrams=2)
    texts, labels = planted()
    with pytest.raises(RequestError, match="of a training on another corpus"):
        words.classifier(
            texts, labels[::-1], dimension=10, rate=0.5, epochs=10, buckets=1000, checkpoint=tmp_path / "c"
        )


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"loss": "hinge"}, 'loss must be one of softmax, one_vs_all, .*, but is "hinge"'),
        ({"dimension": 0}, "dimension must be at least 1, but is 0"),
        ({"negative": 0}, "negative must be at least 1, but is 0"),
        ({"ngrams": 0}, "ngrams must be at least 1, but is 0"),
        ({"epochs": 0}, "epochs must be at least 1, but is 0"),
        ({"min_count": 0}, "min_count must be at least 1, but is 0"),
        ({"shortest": 5, "longest": 4}, "parts of words must have 1 to `longest` characters, but are 5 to 4"),
        ({"buckets": 0}, "buckets must be 1 to 2,147,483,647, but are 0"),
        ({"rate": 0.0}, "rate must be above 0, but is 0"),
        ({"seed": -1}, "seed must be at least 0, but is -1"),
        ({"threads": 0}, "threads must be at least 1, but is 0"),
    ],
)
def test_a_wrong_setting_is_refused(asked: dict[str, Any], refusal: str) -> None:
    with pytest.raises(RequestError, match=refusal):
        learned(**asked)


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(RequestError, match="there are 2 texts and 1 labels"):
        words.classifier(["a", "b"], ["x"])
    with pytest.raises(RequestError, match="that of text 2 is None"):
        words.classifier(["a", "b"], ["x", None])
    with pytest.raises(DataError, match="two labels or more, but there are 1; label the texts"):
        words.classifier(["a", "b"], ["x", "x"])
    with pytest.raises(DataError, match="but there are 0"):
        words.classifier(["a", "b"])


def test_what_is_no_classifier_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RequestError, match="holds word vectors and no classifier"):
        words.load_classifier(ORIGINALS / "fasttext.bin")
    with pytest.raises(DataError, match=r"must be a model of fastText \(\.bin\), but is word2vec"):
        words.load_classifier(ORIGINALS / "fasttext.vec")
    with pytest.raises(DataError, match="there is no file"):
        words.load_classifier(tmp_path / "none.bin")
