"""ELMo: its parts against slow loops, its figures against planted texts, its folder against damage."""

from __future__ import annotations

import json
import math
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import fitwell as fw
from fitwell.cli import run
from fitwell.errors import DataError, RequestError
from fitwell.words import Elmo, Look
from fitwell.words.bilm.characters import LONGEST, character_rows
from fitwell.words.bilm.learning import STEPS, stream_of
from fitwell.words.bilm.network import FEW, Direction, Highway, LanguageModel, Memory, Sizes, Spelled, softmax_of

SMALL = Sizes(targets=12, width=6, cells=5, character_width=4, filters=(3, 4))
TEXTS = [f"the {words} here {number}" for number in range(60) for words in ("dog barks", "cat sits")]
SETTINGS: dict[str, Any] = {"dimension": 8, "epochs": 2, "lanes": 2}


def learned(**settings: Any) -> Elmo:
    return fw.words.elmo(TEXTS, **{**SETTINGS, **settings})


@pytest.fixture(scope="module")
def model() -> Elmo:
    return learned()


def test_a_direction_is_the_lstm_written_gate_by_gate_in_float64() -> None:
    torch.manual_seed(0)
    direction = Direction(SMALL).double()
    words, carried = torch.randn(3, 7, 6).double(), torch.randn(2, 3, 10).double()
    layers, ends = direction(words, carried)
    inputs = words
    for place in range(2):
        lstm, projection = direction.memories[place], direction.projections[place]
        assert isinstance(lstm, Memory)
        assert isinstance(projection, torch.nn.Linear)
        output, cell = carried[place][:, :5], carried[place][:, 5:]
        outputs = []
        for step in range(7):
            gates = inputs[:, step] @ lstm.input_weight.T + lstm.input_bias
            gates = gates + output @ lstm.recurrent_weight.T + lstm.recurrent_bias
            enter, forget, new, leave = gates.chunk(4, 1)
            cell = torch.sigmoid(forget) * cell + torch.sigmoid(enter) * torch.tanh(new)
            output = torch.sigmoid(leave) * torch.tanh(cell)
            outputs.append(output @ projection.weight.T)
        found = torch.stack(outputs, 1) + (inputs if place == 1 else 0)
        torch.testing.assert_close(layers[place], found)
        torch.testing.assert_close(ends[place], torch.cat([output, cell], 1))
        inputs = found


def test_a_text_read_in_windows_with_its_states_is_the_text_read_at_once() -> None:
    torch.manual_seed(0)
    direction = Direction(SMALL)
    words, nothing = torch.randn(2, 9, 6), torch.zeros(2, 2, 10)
    whole, end = direction(words, nothing)
    first, carried = direction(words[:, :4], nothing)
    second, carried = direction(words[:, 4:], carried)
    torch.testing.assert_close(torch.cat([first[1], second[1]], 1), whole[1])
    torch.testing.assert_close(carried, end)


def test_a_words_vector_is_that_of_a_loop_over_its_windows() -> None:
    torch.manual_seed(0)
    spelled = Spelled(SMALL)
    symbols = torch.from_numpy(character_rows(["cat", "a"]))
    found = spelled(symbols)
    for row, length in ((1, 5), (2, 3)):
        letters = torch.cat([spelled.symbols(symbols[row, :length].long()), torch.zeros(1, 4)])
        answers = []
        for width, filters in enumerate(spelled.filters, start=1):
            assert isinstance(filters, torch.nn.Conv1d)
            assert filters.bias is not None
            windows = [
                torch.einsum("ocw,wc->o", filters.weight, letters[start : start + width]) + filters.bias
                for start in range(length)
            ]
            answers.append(torch.stack(windows).amax(0))
        hidden = torch.relu(torch.cat(answers))
        [highway] = spelled.highways
        assert isinstance(highway, Highway)
        bent, gate = (highway.both.weight @ hidden + highway.both.bias).chunk(2)
        hidden = torch.sigmoid(gate) * hidden + (1 - torch.sigmoid(gate)) * torch.relu(bent)
        torch.testing.assert_close(found[row], spelled.projection.weight @ hidden + spelled.projection.bias)


@pytest.mark.parametrize("layer", [1, 2])
def test_forward_vectors_see_the_left_alone_and_backward_vectors_the_right(layer: int) -> None:
    torch.manual_seed(0)
    network = LanguageModel(SMALL)
    words = torch.randn(1, 6, 6, requires_grad=True)
    both = network.layers(words, torch.tensor([6]))[layer]
    for half, seen in ((both[..., :6], [0, 1, 2, 3]), (both[..., 6:], [3, 4, 5])):
        (gradient,) = torch.autograd.grad(half[0, 3].square().sum(), words, retain_graph=True)
        assert torch.nonzero(gradient[0].abs().sum(1)).flatten().tolist() == seen


def test_vectors_of_a_text_do_not_depend_on_the_texts_beside_it(model: Elmo) -> None:
    alone = model.word_vectors(["the dog barks"])
    among = model.word_vectors(["a cat that was never seen sits here", "the dog barks", "", "dog"])
    np.testing.assert_allclose(among[1].vectors, alone[0].vectors, atol=1e-6)
    assert (among[2].words, among[2].vectors.shape) == ([], (0, 16))


def test_a_word_has_one_vector_below_and_another_in_each_text_above(model: Elmo) -> None:
    def of_the(layer: int) -> np.ndarray:
        return np.stack([found.vectors[0] for found in model.word_vectors(["the dog", "the cat"], layer)])

    below, above = of_the(0), of_the(-1)
    np.testing.assert_allclose(below[0], below[1], atol=1e-6)
    assert np.abs(above[0] - above[1]).max() > 1e-3


def test_an_adaptive_softmax_is_a_distribution() -> None:
    sizes = Sizes(targets=FEW + 50, width=6)
    torch.manual_seed(0)
    network = LanguageModel(sizes)
    hidden = torch.randn(1, 6).expand(sizes.targets, 6)
    losses = network.losses(hidden, torch.arange(sizes.targets)).detach()
    assert float(torch.exp(-losses.double()).sum()) == pytest.approx(1, abs=1e-4)
    assert isinstance(softmax_of(SMALL), torch.nn.Linear)


def test_every_word_of_the_stream_is_told_once_in_each_direction() -> None:
    stream = stream_of(np.arange(500, dtype=np.int32), np.array([200, 500]), known=300, lanes=4)
    lanes, places = stream.words.shape
    assert (lanes, places) == (4, 125)
    for each in (stream, stream.reversed()):
        told = torch.cat([each.window(step)[1] for step in range(each.steps)], 1)
        assert torch.equal(told, each.targets[:, 1:])
        assert each.window(0)[0].shape == (4, STEPS)
    assert stream.words.flatten()[0] == stream.words.flatten()[201] == 0
    assert stream.targets.flatten()[202:301].tolist() == list(range(202, 301))  # the mark, the rare, then from 2 on
    assert set(stream.targets.flatten()[302:].tolist()) <= {0, 1}


def test_long_words_are_cut_and_any_character_is_read() -> None:
    rows = character_rows(["a" * 100, "ß😀"])
    assert rows.shape == (3, LONGEST)
    assert (rows[1] != 0).all()
    assert (rows[2] != 0).sum() == 2 + 6


@pytest.mark.slow
def test_the_perplexity_of_a_planted_chain_comes_near_its_entropy() -> None:
    """Eight words, each followed by one of two that it shares with another, by chances of 0.9 and 0.1."""
    draw, words, now = np.random.default_rng(0), list[int](), 0
    for _ in range(12_000):
        words.append(now)
        now = (now + (1 if draw.random() < 0.9 else 3)) % 8
    text = " ".join(f"w{word}" for word in words)
    model = fw.words.elmo([text], dimension=16, epochs=4, lanes=8, dropout=0, rate=0.01)
    entropy = -(0.9 * math.log(0.9) + 0.1 * math.log(0.1))  # the chain reversed has the same
    made = {name: float(str(model.made[name])) for name in model.made if name.startswith("perplexity")}
    assert made["perplexity_by_frequency"] == pytest.approx(8, rel=0.06)  # the mark at a text's end is a word too
    # 600 words are held out: the mean of their losses has a standard error of 0.027.
    assert math.log(made["perplexity_forward"]) == pytest.approx(entropy, abs=0.1)
    assert math.log(made["perplexity_backward"]) == pytest.approx(entropy, abs=0.1)


def interrupt_after(count: int) -> Callable[[Look], None]:
    seen = 0

    def listen(_look: Look) -> None:
        nonlocal seen
        seen += 1
        if seen == count:
            os.kill(os.getpid(), signal.SIGINT)

    return listen


def weights(model: Elmo) -> bytes:
    return b"".join(tensor.numpy().tobytes() for tensor in model.network.state_dict().values())


def test_a_training_that_was_cut_off_goes_on_to_the_same_bits(model: Elmo, tmp_path: Path) -> None:
    place = tmp_path / "checkpoint"
    cut = learned(checkpoint=place, progress=interrupt_after(5))
    assert cut.made["epochs_done"] != 2
    assert cut.word_vectors(["the dog"])[0].vectors.shape == (2, 16)
    assert weights(learned(checkpoint=place)) == weights(model) != weights(cut)
    assert not place.exists()


def test_a_time_limit_takes_steps_away_and_the_rate_still_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    """A clock of which every step takes a tenth of a second: of 8 seconds, 0.8 are kept free, and 72 steps fit."""
    now = [0.0]
    monkeypatch.setattr("fitwell.words.bilm.pacing.time.monotonic", lambda: now[0])
    rates = list[float]()

    def tick(look: Look) -> None:
        now[0] += 0.1
        rates.append(look.rate)

    limited = learned(epochs=1000, held_out=0.0, time_limit=8.0, progress=tick)
    assert 65 <= len(rates) <= 72
    assert rates[-1] < 0.05 * max(rates)
    assert limited.made["epochs_done"] == limited.made["epochs_planned"] != 1000


def test_a_checkpoint_of_other_settings_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "checkpoint"
    learned(checkpoint=place, progress=interrupt_after(2))
    with pytest.raises(RequestError, match=r"with dropout 0\.1, but 0\.2 is asked for"):
        learned(checkpoint=place, dropout=0.2)


def test_a_saved_model_gives_the_same_vectors(model: Elmo, tmp_path: Path) -> None:
    model.save(tmp_path / "model")
    opened = fw.words.load_elmo(tmp_path / "model")
    for layer in range(3):
        one, other = (each.word_vectors(["the dög barks"], layer)[0] for each in (model, opened))
        assert one.words == other.words
        assert one.vectors.tobytes() == other.vectors.tobytes()
    assert opened.made == json.loads(json.dumps(dict(model.made)))
    with pytest.raises(RequestError, match="is there already; name another"):
        model.save(tmp_path / "model")


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("config.json", b"{", "damaged"),
        ("config.json", b'{"model_type": "bert", "version": 1}', "it says model_type bert"),
        ("words.json", b'["a"]', "1 words do not fit a softmax of"),
        ("model.safetensors", b"x" * 100, "damaged"),
        ("model.safetensors", None, "damaged"),
    ],
)
def test_a_damaged_folder_is_refused(
    model: Elmo, tmp_path: Path, file: str, content: bytes | None, message: str
) -> None:
    model.save(tmp_path / "model")
    if content is None:
        (tmp_path / "model" / file).unlink()
    else:
        (tmp_path / "model" / file).write_bytes(content)
    with pytest.raises(DataError, match=message):
        fw.words.load_elmo(tmp_path / "model")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"dimension": 0}, "dimension must be at least 1, but is 0"),
        ({"dropout": 1.0}, r"dropout must be from 0 to below 1, but is 1\.0"),
        ({"rate": 0.0}, r"rate must be above 0, but is 0\.0"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"time_limit": 0.0}, r"time_limit must be above 0 seconds, but is 0\.0"),
        ({"min_count": 1000}, "no word occurs 1000 times"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        learned(**settings)


def test_a_layer_that_is_not_there_is_refused(model: Elmo) -> None:
    with pytest.raises(RequestError, match="layer must be from -3 to 2 for this model, but is 3"):
        model.word_vectors(["a"], layer=3)


def test_a_corpus_of_a_few_words_is_refused() -> None:
    with pytest.raises(DataError, match="learned from 20 words or more, but the corpus has 1"):
        fw.words.elmo(["a a"], min_count=1)


def test_the_commands_learn_a_model_and_tell_senses_by_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    corpus = tmp_path / "corpus.txt"
    corpus.write_text("\n".join(TEXTS))
    folder = str(tmp_path / "model")
    options = [
        "--method",
        "elmo",
        "--dimension",
        "8",
        "--epochs",
        "1",
        "--lanes",
        "2",
        "--time-limit",
        "1h",
        "-o",
        folder,
    ]
    assert run(["words", "train", str(corpus), *options]) == 0
    told = capsys.readouterr().err
    assert "words of held-out texts: perplexity" in told
    assert "by how frequent words are: perplexity" in told
    assert run(["words", "train", str(corpus), *options]) == 2
    assert "is there already; name another" in capsys.readouterr().err
    page, vectors = tmp_path / "the.html", tmp_path / "vectors.txt"
    vectors.write_text("dog 1 0\ncat 0 1\n")
    senses = ["words", "senses", "the", str(corpus), "--encoder", folder, "--vectors", str(vectors), "--most", "12"]
    assert run([*senses, "-o", str(page)]) == 0
    assert '"the" has' in capsys.readouterr().out
    assert page.read_text().startswith("<!doctype html>")
    assert run(["words", "senses", "the", str(corpus), "--encoder", str(tmp_path / "no")]) == 2
    assert "is not there" in capsys.readouterr().err
