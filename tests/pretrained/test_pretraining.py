"""Pretraining against plain loops, hand-made figures and planted regularities; cut off, resumed, continued, refused."""

from __future__ import annotations

import json
import math
import os
import random
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file, save_file
from tests.pretrained.conftest import BERT, WIDTH, WORDS, Write
from tests.pretrained.test_encoder import NUMBERS, slow_states

from fitwell import cli
from fitwell.errors import DataError, FitwellError, RequestError, SurroundingsError
from fitwell.pretrained import Learning, PretrainingLook, Shape, open_encoder, pretrain
from fitwell.pretrained.packed import packed_arrays, packed_lists
from fitwell.pretrained.pretraining import pretraining
from fitwell.pretrained.pretraining.beginning import begun_with
from fitwell.pretrained.pretraining.corpus import Sequences, divided, sequences_of
from fitwell.pretrained.pretraining.learning import DROPS, MASKS, ORDER, Batches, State, flattened, learn
from fitwell.pretrained.pretraining.masking import Pieces, masked
from fitwell.pretrained.pretraining.measuring import Told, accuracy, perplexity
from fitwell.pretrained.pretraining.origin import HEAD, from_folder, model_of
from fitwell.pretrained.pretraining.preparing import prepared
from fitwell.pretrained.pretraining.vocabulary import vocabulary_for
from fitwell.pretrained.tokenizer import MARKS, opened

SMALL = Shape(layers=1, width=16, heads=2, vocabulary=120)
QUICK = Learning(steps=12, length=16, batch=300, rate=0.01, seed=3)


def sentences(count: int = 400, *, numbered: bool = True) -> list[str]:
    """Sentences in which every noun tells the verb after it, and the verb the noun; numbers make them all different."""
    draw = random.Random(0)
    pairs = [("dog", "barks"), ("cat", "sleeps"), ("bird", "sings"), ("fish", "swims"), ("horse", "runs")]
    days = ("today", "now", "often", "here", "again", "there")
    return [
        " ".join(f"the {noun} {verb} {draw.choice(days)}" for noun, verb in draw.choices(pairs, k=draw.randint(1, 4)))
        + (f" {number}" if numbered else "")
        for number in range(count)
    ]


def pretrained_here(folder: Path, **settings: Any) -> pretraining.Pretrained:
    asked: dict[str, Any] = {"shape": SMALL, "learning": QUICK} | settings
    return pretrain(sentences(), folder, **asked)


PIECES = Pieces(mask=4, ordinary=np.arange(5, 100), is_ordinary=np.arange(100) >= 5)


def test_pieces_begin_with_vectors_in_which_those_that_stand_together_are_near() -> None:
    """Pairs of pieces, 10 and 11, 12 and 13 and so on, stand beside each other only, between marks; 99 comes once."""
    draw = np.random.default_rng(0)
    firsts = 10 + 2 * draw.integers(0, 5, 8000)
    numbers = np.stack([np.full(8000, 2), firsts, firsts + 1, firsts, firsts + 1, np.full(8000, 3)], 1).ravel()
    numbers[1] = 99
    sequences = Sequences(numbers=numbers.astype(np.int32), ends=np.arange(6, 48001, 6), texts=np.arange(8000))
    found, vectors = begun_with(sequences, PIECES, width=8, seed=1)
    assert sorted(found.tolist()) == list(range(10, 20))
    assert float(vectors.std()) == pytest.approx(0.1, rel=1e-4)
    unit = torch.nn.functional.normalize(vectors, dim=1)[torch.from_numpy(np.argsort(found))]
    cosines = unit @ unit.T
    beside = torch.arange(10)[:, None] ^ 1 == torch.arange(10)
    others = ~beside & ~torch.eye(10, dtype=torch.bool)
    assert float(cosines[beside].mean()) > float(cosines[others].mean()) + 0.3
    rare = Sequences(numbers=np.arange(10, 20, dtype=np.int32), ends=np.array([10]), texts=np.array([0]))
    assert len(begun_with(rare, PIECES, width=8, seed=1)[0]) == 0


def test_pieces_are_masked_in_the_shares_of_the_paper() -> None:
    numbers = np.random.default_rng(0).integers(0, 100, size=200_000)
    hidden = masked(numbers, PIECES, share=0.15, draw=np.random.default_rng(1))
    able = int((numbers >= 5).sum())
    # Five standard deviations of a binomial share.
    assert len(hidden.places) / able == pytest.approx(0.15, abs=5 * math.sqrt(0.15 * 0.85 / able))
    assert (numbers[hidden.places] == hidden.truth).all()
    assert (hidden.truth >= 5).all()
    at = hidden.numbers[hidden.places]
    wide = 5 * math.sqrt(0.25 / len(at))
    assert (at == 4).mean() == pytest.approx(0.8, abs=wide)
    # One in ten is drawn anew, of which one in 95 is drawn as it was.
    assert (at == hidden.truth).mean() == pytest.approx(0.1 + 0.1 / 95, abs=wide)
    others = np.ones(len(numbers), bool)
    others[hidden.places] = False
    assert (hidden.numbers[others] == numbers[others]).all()


def test_at_least_one_piece_is_masked() -> None:
    hidden = masked(np.array([2, 50, 3]), PIECES, share=1e-9, draw=np.random.default_rng(0))
    assert hidden.places.tolist() == [1]


def test_pieces_in_arrays_are_packed_as_those_in_lists() -> None:
    numbers, lengths = np.concatenate([np.array(each) for each in NUMBERS]), np.array([len(each) for each in NUMBERS])
    found, moved = packed_arrays(numbers, lengths)
    expected = packed_lists(NUMBERS)
    assert (found.runs, found.count) == (expected.runs, expected.count)
    for name in ("numbers", "places", "order"):
        assert getattr(found, name).tolist() == getattr(expected, name).tolist()
    assert found.numbers[moved].tolist() == numbers.tolist()


def test_a_vocabulary_has_frequent_words_whole_and_is_the_same_again() -> None:
    texts = sentences()
    found = vocabulary_for(texts, size=120, lowercase=True)
    assert found == vocabulary_for(texts, size=120, lowercase=True)
    tokenizer = opened(found, source="the test")
    assert tokenizer.encode("The dog barks").tokens == ["[CLS]", "the", "dog", "barks", "[SEP]"]
    assert tokenizer.encode("dogbarks").tokens[1] == "dog"
    assert [tokenizer.token_to_id(mark) for mark in MARKS] == list(range(5))
    assert tokenizer.get_vocab_size() <= 120


def test_no_text_is_on_both_sides_and_few_texts_give_up_their_ends() -> None:
    texts = [*sentences(), *sentences()]
    found = divided(texts, unit="line", field=None, share=0.1, seed=1)
    assert not set(found.learned) & set(found.held_out)
    assert len(found.held_out) == 40
    assert sorted([*found.learned, *found.held_out, *found.held_out]) == sorted(texts)
    few = divided(["a b c d e f g h i j"], unit="line", field=None, share=0.2, seed=1)
    assert (few.learned, few.held_out) == (["a b c d e f g h"], [" i j"])


def test_longer_texts_become_several_sequences_with_marks_of_their_own() -> None:
    tokenizer = opened(vocabulary_for(sentences(), size=120, lowercase=True), source="the test")
    found = sequences_of(tokenizer, ["the dog " * 5, "", "cat"], length=8)
    parts = np.split(found.numbers, found.ends[:-1])
    assert [tokenizer.decode(part.tolist()) for part in parts] == ["the dog the dog the dog", "the dog the dog", "cat"]
    assert all((part[0], part[-1]) == (2, 3) for part in parts)
    assert found.texts.tolist() == [0, 0, 2]
    numbers, lengths = found.of(np.array([2, 0]))
    assert (numbers.tolist(), lengths.tolist()) == ([*parts[2], *parts[0]], [3, 8])


def test_scores_are_those_of_a_slow_loop_over_the_files(write: Write) -> None:
    folder, draw = write(prefix="bert."), np.random.default_rng(5)
    tensors = load_file(folder / "model.safetensors")
    shapes = {"mapped.weight": (WIDTH, WIDTH), "bias": (len(WORDS),)}
    head = {name: draw.normal(size=shapes.get(name, (WIDTH,))).astype(np.float32) for name in HEAD}
    save_file(tensors | {HEAD[name]: tensor for name, tensor in head.items()}, folder / "model.safetensors")
    model = model_of(from_folder(folder, length=8), np.ones(len(WORDS)), seed=0)
    states = slow_states(NUMBERS[1], BERT, {name.removeprefix("bert."): tensor for name, tensor in tensors.items()})
    mapped = states @ head["mapped.weight"].T.astype(float) + head["mapped.bias"]
    bent = mapped * 0.5 * (1 + np.vectorize(math.erf)(mapped / math.sqrt(2)))
    centered = bent - bent.mean(1, keepdims=True)
    scaled = centered / np.sqrt((centered**2).mean(1, keepdims=True) + 1e-12)
    normalized = scaled * head["normalization.weight"] + head["normalization.bias"]
    expected = normalized @ tensors["bert.embeddings.word_embeddings.weight"].T.astype(float) + head["bias"]
    with torch.no_grad():
        found = model(packed_lists([NUMBERS[1]]), torch.arange(len(NUMBERS[1])))
    # Sums of some hundred products in float32.
    np.testing.assert_allclose(found.numpy(), expected, atol=2e-4)


def test_steps_are_those_of_a_plain_loop(tmp_path: Path) -> None:
    settings = replace(QUICK, dropout=0.2, clip=0.1, steps=6)
    ready = prepared(
        sentences(), shape=SMALL, learning=settings, start=None, checkpoint=tmp_path / "none", unit="line", field=None
    )
    model, theirs = (model_of(ready.origin, ready.frequencies, seed=3) for _ in range(2))
    flat = flattened(model)
    state = State(flat.weights, torch.zeros_like(flat.weights), torch.zeros_like(flat.weights), 6)
    found = list(learn(model, flat, state, ready.sequences, ready.pieces, ready.settings))
    batches = Batches.of(ready.sequences, ready.settings)
    groups = [
        {"params": [p for p in theirs.parameters() if p.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [p for p in theirs.parameters() if p.ndim == 1], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(groups, lr=0.01, betas=(0.9, 0.98), eps=1e-6)
    for step in range(3):
        epoch, batch = divmod(step, batches.of_epoch)
        order = np.random.default_rng([3, ORDER, epoch]).permutation(len(ready.sequences))
        chosen = order[batch * batches.sequences : (batch + 1) * batches.sequences]
        numbers, lengths = ready.sequences.of(chosen)
        hidden = masked(numbers, ready.pieces, share=0.15, draw=np.random.default_rng([3, MASKS, step]))
        texts, moved = packed_arrays(hidden.numbers, lengths)
        (seed,) = np.random.SeedSequence([3, DROPS, step]).generate_state(1, np.uint64)
        generator = torch.Generator().manual_seed(int(seed >> np.uint64(1)))

        def drop(outputs: torch.Tensor, _place: int, generator: torch.Generator = generator) -> torch.Tensor:
            return outputs * (torch.empty_like(outputs).bernoulli_(0.8, generator=generator) / 0.8)

        scores = theirs(texts, moved[torch.from_numpy(hidden.places)], drop)
        loss = -scores.log_softmax(1)[range(len(hidden.truth)), hidden.truth].mean()
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), 0.1)
        for group in optimizer.param_groups:
            group["lr"] = found[step].rate
        optimizer.step()
        assert found[step].loss == pytest.approx(loss.item(), rel=1e-5)
    assert [step.rate for step in found] == pytest.approx([0.01 * (6 - step) / 6 for step in range(6)])


def test_what_neighbors_tell_is_learned_and_counts_are_beaten(tmp_path: Path) -> None:
    shape = replace(SMALL, width=32)
    learning = replace(QUICK, steps=300, length=20, rate=0.005, dropout=0.0, held_out=0.3, skipgram=False)
    made = pretrain(sentences(numbered=False), tmp_path / "model", shape=shape, learning=learning)
    assert made.is_finished
    # Of four words one is "the", one of five nouns, one of five verbs and one of six days. Whoever knows which kind
    # comes next and guesses is unsure among e^((ln 5 + ln 5 + ln 6) / 4); less than that is known from neighbors.
    assert made.perplexity.high is not None
    assert made.perplexity.high < 150 ** (1 / 4)
    assert made.accuracy.low is not None
    assert made.accuracy.low > (1 + 1 / 5 + 1 / 5 + 1 / 6) / 4
    assert made.unigram_perplexity.low is not None
    assert made.unigram_perplexity.low > 12  # of seventeen words, one of which is each fourth
    told = json.loads((tmp_path / "model" / "pretraining.json").read_text())
    assert told["figures"]["accuracy"]["value"] == made.accuracy.value
    assert [entry["step"] for entry in told["history"]] == list(range(30, 301, 30))


def weights(folder: Path) -> dict[str, np.ndarray]:
    return dict(load_file(folder / "model.safetensors"))


def assert_same_bits(first: Path, second: Path) -> None:
    ours, theirs = weights(first), weights(second)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert tensor.tobytes() == theirs[name].tobytes(), name
    one, other = (json.loads((folder / "pretraining.json").read_text()) for folder in (first, second))
    assert one == other


class Killed(Exception):
    """What a test raises where the power fails."""


def at_step(step: int, act: Callable[[], None]) -> Callable[[PretrainingLook], None]:
    def listen(look: PretrainingLook) -> None:
        if look.step == step:
            act()

    return listen


def die() -> None:
    raise Killed


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the folder of a pretraining that nothing interrupted."""
    folder = tmp_path_factory.mktemp("whole") / "model"
    pretrained_here(folder)
    return folder


@pytest.mark.parametrize("continues", [False, True])
def test_a_killed_pretraining_goes_on_to_the_same_bits(
    tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch, continues: bool
) -> None:
    settings: dict[str, Any] = {}
    if continues:
        settings = {"shape": None, "start": whole}
        whole = tmp_path / "whole"
        pretrained_here(whole, **settings)
    monkeypatch.setattr(pretraining, "CHECKPOINT_SECONDS", 0.0)
    (tmp_path / "cut" / ".checkpoint.safetensors.left").mkdir(parents=True)
    for step in (5, 9):
        with pytest.raises(Killed):
            pretrained_here(tmp_path / "cut", progress=at_step(step, die), **settings)
    pretrained_here(tmp_path / "cut", **settings)
    assert_same_bits(whole, tmp_path / "cut")
    assert not (tmp_path / "cut" / "checkpoint.safetensors").exists()


def test_ctrl_c_leaves_a_usable_folder_from_which_it_goes_on(tmp_path: Path, whole: Path) -> None:
    made = pretrained_here(tmp_path / "cut", progress=at_step(7, lambda: os.kill(os.getpid(), signal.SIGINT)))
    assert (made.steps, made.is_finished, made.is_interrupted) == (7, False, True)
    assert open_encoder(tmp_path / "cut").encode(["the dog"]).shape == (1, 16)
    with pytest.raises(RequestError, match=r"of a pretraining with rate 0\.01, but 0\.02 is asked for"):
        pretrained_here(tmp_path / "cut", learning=replace(QUICK, rate=0.02))
    with pytest.raises(RequestError, match="of a pretraining on another corpus; name another folder"):
        pretrain(sentences(300), tmp_path / "cut", shape=SMALL, learning=QUICK)
    assert pretrained_here(tmp_path / "cut").is_finished
    assert_same_bits(whole, tmp_path / "cut")


class Clock:
    """A clock on which every step takes a hundredth of a second, and nothing else takes much time."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 1e-6
        return self.now


def test_a_time_limit_takes_steps_away_and_the_rate_still_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, looks = Clock(), list[PretrainingLook]()
    monkeypatch.setattr(pretraining, "time", clock)

    def listen(look: PretrainingLook) -> None:
        clock.now += 0.01
        looks.append(look)

    made = pretrained_here(tmp_path / "model", learning=replace(QUICK, steps=100_000), time_limit=1.0, progress=listen)
    # Some of the hundred steps that would fit are left for files, and for measuring.
    assert 75 < made.steps < 95
    assert made.is_finished
    assert looks[-1].rate < 0.02 * max(look.rate for look in looks)


def test_who_is_out_of_time_can_go_on(tmp_path: Path, whole: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr(pretraining, "time", clock)

    def slower(_look: PretrainingLook) -> None:
        clock.now += 1.0

    made = pretrained_here(tmp_path / "cut", time_limit=5.5, progress=slower)
    assert (made.steps, made.is_finished, made.is_interrupted) == (6, False, False)
    assert pretrained_here(tmp_path / "cut").steps == 12
    assert_same_bits(whole, tmp_path / "cut")


def test_what_was_pretrained_goes_on_where_it_was(tmp_path: Path) -> None:
    before = pretrained_here(tmp_path / "first", learning=replace(QUICK, steps=30))
    after = pretrain(
        sentences(), tmp_path / "second", learning=replace(QUICK, steps=1, rate=1e-9), start=tmp_path / "first"
    )
    assert after.perplexity.value == pytest.approx(before.perplexity.value, rel=1e-5)
    first, second = (json.loads((tmp_path / name / "config.json").read_text()) for name in ("first", "second"))
    assert first == second


def test_an_encoder_of_sentences_keeps_its_pooling_and_gets_a_head(write: Write, tmp_path: Path) -> None:
    folder = write(pooling="cls_token", unit_length=True, longest=12)
    texts = [f"the film is {word} , not {other}" for word in ("good", "bad", "very") for other in WORDS[5:]]
    made = pretrain(texts, tmp_path / "on", learning=replace(QUICK, length=10, batch=50, steps=2), start=folder)
    assert made.perplexity.value is not None
    # The head begins with how frequent pieces are, so that it knows no less than counts, but for what they mix in.
    assert made.perplexity.value < 2 * (made.unigram_perplexity.value or 0)
    configuration = open_encoder(tmp_path / "on").configuration
    assert (configuration.pooling, configuration.unit_length, configuration.longest) == (("first",), True, 12)


def test_intervals_are_those_of_resampled_texts() -> None:
    draw = np.random.default_rng(0)
    counts = draw.integers(1, 30, size=300).astype(float)
    hardness = draw.gamma(4.0, 1.0, size=300)
    told = Told(losses=counts * hardness, hits=draw.binomial(counts.astype(int), 0.3).astype(float), counts=counts)
    rows = draw.integers(300, size=(4000, 300))
    for figure, sums, bent in ((perplexity(told), told.losses, np.exp), (accuracy(told), told.hits, np.asarray)):
        resampled = bent(sums[rows].sum(1) / counts[rows].sum(1))
        assert figure.value == pytest.approx(float(bent(sums.sum() / counts.sum())))
        low, high = np.quantile(resampled, [0.025, 0.975])
        # A tenth of the width: percentiles of resampling are themselves a little narrow, and noisy.
        assert (figure.low, figure.high) == pytest.approx((low, high), abs=0.1 * (high - low))


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text("\n".join(sentences()))
    return "corpus.txt"


OPTIONS = "--layers 1 --dimension 16 --heads 2 --max-size 120 --steps 12 --length 16 --batch 300"


def test_the_command_writes_what_other_commands_read(corpus: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["words", "train", corpus, "--method", "bert", "-o", "model", *OPTIONS.split()]) == 0
    told = capsys.readouterr().err
    assert "step 12/12" in told
    assert "masked pieces of held-out texts: perplexity" in told
    assert "12 steps" in told
    assert cli.run(["words", "sentences", "model", corpus, "-o", "vectors.npy"]) == 0
    assert np.load("vectors.npy").shape == (400, 16)
    assert cli.run(["words", "train", corpus, "--method", "bert", "-o", "on", "--start", "model", "--steps", "1",
                    "--length", "16", "--batch", "300", "--quiet"]) == 0  # fmt: skip
    assert open_encoder("on").width == 16


def test_the_command_exits_with_130_where_it_was_interrupted(
    corpus: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(look: PretrainingLook) -> str:
        os.kill(os.getpid(), signal.SIGINT)
        return f"step {look.step}"

    command = ["words", "train", corpus, "--method", "bert", "-o", "model", *OPTIONS.split()]
    with monkeypatch.context() as patched:
        patched.setattr("fitwell.cli.words.pretraining.look_text", interrupted)
        assert cli.run(command) == 130
    assert "the same command goes on from here" in capsys.readouterr().err
    assert cli.run(command) == 0
    assert cli.run(command) == 2
    assert "model must be new or empty, but holds files already; name another folder" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("text", "settings", "error", "message"),
    [
        ([], {}, DataError, "a corpus must have words, but this one has none; name another"),
        (["  ", "\t"], {}, DataError, "a corpus must have words, but this one has none"),
        (["a b c"] * 3, {}, DataError, r"at least as many pieces as a batch, 300, but this one has \d+ to learn from"),
        ("absent.txt", {}, DataError, "absent.txt"),
        (None, {"start": "absent"}, RequestError, "but absent is not there"),
        (None, {"start": "absent", "shape": SMALL}, RequestError, "which pretraining starts from; leave the shape out"),
        (None, {"time_limit": 0.0}, RequestError, r"time_limit must be above 0 seconds, but is 0\.0"),
        (None, {"folder": "no/model"}, SurroundingsError, "no/model cannot be made: there is no folder no"),
        (None, {"folder": "full"}, RequestError, "full must be new or empty, but holds files already"),
        (None, {"folder": "full/file"}, RequestError, "is written as a folder, but full/file is a file"),
    ],
)
def test_what_cannot_be_learned_is_refused(
    text: Any, settings: dict[str, Any], error: type[FitwellError], message: str, tmp_path: Path, monkeypatch: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("full").mkdir()
    Path("full/file").touch()
    asked: dict[str, Any] = {"folder": "model", "learning": QUICK, "shape": None if "start" in settings else SMALL}
    with pytest.raises(error, match=message):
        pretrain(sentences() if text is None else text, **asked | settings)
    assert not Path("model").exists()


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"rate": 0.0}, r"rate must be above 0, but is 0\.0"),
        ({"masked": 1.0}, r"masked must be a share between 0 and 1, but is 1\.0"),
        ({"length": 4}, "length must be at least 8, but is 4"),
        ({"steps": 0}, "steps must be at least 1, but is 0"),
        ({"dropout": 1.0}, r"dropout must be from 0 to below 1, but is 1\.0"),
        ({"weight_decay": -1.0}, r"weight_decay must be at least 0, but is -1\.0"),
    ],
)
def test_a_wrong_setting_is_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(RequestError, match=message):
        Learning(**settings)


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(RequestError, match="heads must divide the width 100, but are 3"):
        Shape(width=100, heads=3)


@pytest.mark.parametrize(
    ("model_type", "length", "message"),
    [
        ("roberta", 8, "from encoders of the family bert, but .* is of the family roberta"),
        ("bert", 20, "length must be at most the 16 pieces that .* reads, but is 20"),
    ],
)
def test_an_encoder_that_cannot_go_on_is_refused(model_type: str, length: int, message: str, write: Write) -> None:
    folder = write(BERT | {"model_type": model_type, "type_vocab_size": 1 if model_type == "roberta" else 2})
    with pytest.raises(RequestError, match=message):
        from_folder(folder, length=length)


def test_damaged_checkpoints_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "checkpoint.safetensors").write_bytes(b"no tensors")
    with pytest.raises(DataError, match=r"is not a whole checkpoint .*; remove it to begin anew"):
        pretrained_here(folder)
    save_file({"weights": np.zeros(3, np.float32)}, folder / "checkpoint.safetensors")
    with pytest.raises(DataError, match="is not a checkpoint of a pretraining of this version"):
        pretrained_here(folder)


def test_a_corpus_of_numbers_is_refused(corpus: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["words", "encode", corpus, "-o", "encoded.safetensors"]) == 0
    assert cli.run(["words", "train", "encoded.safetensors", "--method", "bert", "-o", "model"]) == 2
    assert "has the numbers of words and not their text" in capsys.readouterr().err
