"""Texts, images, sounds and series go the whole way: trained, resumed, predicted, evaluated, shown; alone or mixed."""

from __future__ import annotations

import base64
import io
import json
import re
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
import torch
from PIL import Image
from torch.nn.functional import binary_cross_entropy_with_logits

import fitwell as fw
from fitwell import cli
from fitwell.data.columns import text
from fitwell.data.parquet import parquet_table
from fitwell.data.read import read_table
from fitwell.errors import DataError
from fitwell.events import unheard
from fitwell.learning import Clock, learn, predictions_for_rows, set_up
from fitwell.networks.mixing import Mixing
from fitwell.networks.noise import noise_words
from fitwell.preparation import divided, labelled_rows_of, prepare
from fitwell.recipe import Recipe, changed
from fitwell.report.predictions import predictions_page
from fitwell.run.reading import checksum
from fitwell.streamed import prepare_streamed
from fitwell.training.gradients import gradient_of
from fitwell.training.loop import Seeds
from fitwell.vectors import Vectors, load
from fitwell.workflow import resume

ROWS = 80
QUICK: dict[str, Any] = {"training.epochs": 2, "training.checkpoint_seconds": 0, "network.image.widths": [4]}
HEARING: dict[str, Any] = {"network.audio.bands": 16, "network.audio.widths": [4, 8]}


def picture_folder(folder: Path, rows: int = ROWS, *, color: bool = False, seed: int = 0) -> Path:
    """Write pictures of horizontal and of vertical stripes, of two heights each."""
    random = np.random.default_rng(seed)
    for row in range(rows):
        stripes = np.tile(np.repeat([40, 200], 2), 3)[:, None] + random.integers(-30, 30, (12, 12))
        picture = (stripes if row % 2 else stripes.T).clip(0, 255).astype(np.uint8)
        place = folder / ("across" if row % 2 else "upright")
        place.mkdir(parents=True, exist_ok=True)
        shown = np.repeat(picture[..., None], 3, 2) if color else picture
        Image.fromarray(shown).save(place / f"{row:03}.png")
    return folder


def sound_folder(folder: Path, rows: int = ROWS, seed: int = 0) -> Path:
    """Write rising and falling tones of different lengths and loudness, in noise."""
    random = np.random.default_rng(seed)
    for row in range(rows):
        seconds = np.arange(int(random.integers(1200, 2400))) / 4000
        rise = 2000 if row % 2 else -2000
        tone = np.sin(2 * np.pi * (random.uniform(900, 1100) * seconds + rise * seconds * (seconds - seconds[-1]) / 2))
        noisy = random.uniform(0.05, 0.5) * (tone + 0.05 * random.standard_normal(len(tone)))
        place = folder / ("rising" if row % 2 else "falling")
        place.mkdir(parents=True, exist_ok=True)
        soundfile.write(place / f"{row:03}.wav", noisy, 4000)
    return folder


def series_frame(rows: int = ROWS, seed: int = 0) -> pl.DataFrame:
    """Return rising and falling series of different lengths, with a gap here and there."""
    random = np.random.default_rng(seed)
    cells: list[list[float | None]] = []
    for row in range(rows):
        slope = np.linspace(0, 1 if row % 2 else -1, int(random.integers(5, 12)))
        noisy: list[float | None] = (slope + 0.1 * random.standard_normal(len(slope))).tolist()
        if row % 7 == 0:
            noisy[2] = None
        cells.append(noisy)
    return pl.DataFrame({"pulse": cells, "size": random.random(rows), "y": ["down", "up"] * (rows // 2)})


WORDS = ["river", "stone", "window", "paper", "green", "seven", "walking", "quiet", "letter", "garden"]


def text_frame(rows: int = ROWS, seed: int = 0) -> pl.DataFrame:
    """Return sentences in which one word decides, and numbers that say nothing."""
    random = np.random.default_rng(seed)
    cells = []
    for row in range(rows):
        words = list(random.choice(WORDS, 7))
        words[int(random.integers(7))] = "Apples" if row % 2 else "pears,"
        cells.append(" ".join(words))
    return pl.DataFrame({"note": cells, "size": random.random(rows), "y": ["pear", "apple"] * (rows // 2)})


def text_folder(folder: Path, frame: pl.DataFrame) -> Path:
    """Write each text into a file, in the folder of its class."""
    for row, (cell, label) in enumerate(zip(frame["note"], frame["y"], strict=True)):
        (folder / label).mkdir(parents=True, exist_ok=True)
        (folder / label / f"{row:03}.txt").write_text(cell)
    return folder


def accuracy(run: fw.Run) -> float:
    return float(run.evaluation["metrics"]["accuracy"]["value"])


def test_a_folder_of_pictures_is_learned_from_and_predicted(tmp_path: Path) -> None:
    folder = picture_folder(tmp_path / "pictures")
    run = fw.train(str(folder), out=tmp_path / "run", settings=QUICK | {"training.epochs": 12})
    assert run.state == "finished"
    assert run.recipe.target == ("label",)
    assert accuracy(run) == 1.0  # stripes one way or the other
    fresh = picture_folder(tmp_path / "fresh", rows=20, seed=5)
    predicted = run.predict(str(fresh))
    assert predicted["prediction"].to_list() == ["across"] * 10 + ["upright"] * 10
    assert predicted["image"].to_list()[:2] == ["across/001.png", "across/003.png"]
    assert run.evaluate(str(fresh)).as_json()["metrics"]["accuracy"]["value"] == 1.0
    assert {"majority", "linear"} == set(run.evaluation["baselines"])
    page = (tmp_path / "run" / "report.html").read_text()
    assert "image_0 layer 1" in page
    explained = json.loads((tmp_path / "run" / "explanation.json").read_text())
    (sheet,) = explained["sheets"]
    # Six pictures down, each beside four more, of 12 pixels a side with gaps of 2, and one before the others.
    assert Image.open(io.BytesIO(base64.b64decode(sheet["sheet"]))).size == (5 * 12 + 5 * 2, 6 * 12 + 5 * 2)
    (worst, *_) = explained["rows"]["worst"]["rows"]
    small = np.asarray(Image.open(io.BytesIO(base64.b64decode(worst["pictures"]["image"]))))
    assert np.array_equal(small, np.asarray(Image.open(folder / worst["cells"][0])))
    assert page.count('<img class="small"') == 20


@pytest.mark.parametrize("family", ["convolutional", "random_kernels"])
def test_a_folder_of_sounds_is_learned_from_explained_and_predicted(
    family: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = sound_folder(tmp_path / "sounds")
    quickly = {"training.epochs": 10, "training.learning_rate": 0.02}
    events: list[Any] = []
    heard_by = HEARING if family == "convolutional" else {}
    run = fw.train(str(folder), out=tmp_path / "run", settings=QUICK | heard_by | quickly, listener=events.append)
    assert (run.recipe.target, run.data["rows"]) == (("label",), ROWS)
    assert run.recipe.network.audio.family == family
    learned_from = run.data["split"]["train"]
    assert run.recipe.network.whitened_directions == (learned_from - 1 if family == "random_kernels" else 0)
    heard = (
        r'"audio": 4,000 samples a second, of which each sound keeps up to 0\.\d+ seconds; \d training sounds have more'
    )
    assert any(re.fullmatch(heard, event.text) for event in events)
    fresh = sound_folder(tmp_path / "fresh", rows=20, seed=5)
    predicted = run.predict(str(fresh))
    assert predicted["prediction"].to_list() == ["falling"] * 10 + ["rising"] * 10
    assert predicted["audio"].to_list()[:2] == ["falling/000.wav", "falling/002.wav"]
    assert fw.load(tmp_path / "run").predict(str(fresh)).equals(predicted)
    assert {"majority", "linear"} == set(run.evaluation["baselines"])
    (worst, *_) = json.loads((run.path / "explanation.json").read_text())["rows"]["worst"]["rows"]
    assert (folder / worst["cells"][0]).is_file()
    page = tmp_path / "page.html"
    assert cli.run(["explain-prediction", str(run.path), str(fresh), "--rows", "1", "-o", str(page), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    (regions,) = (np.array(each) for each in told["rows"][0]["regions"].values())
    # The tone lies between 300 and 1,700 Hz, above the lowest of four bands, which ends at 280 Hz.
    assert np.abs(regions[:-1]).sum() > np.abs(regions[-1]).sum()
    assert told["deleted"]["named"] > told["deleted"]["random"]
    assert "from what silence gets to what this one gets" in page.read_text()


def test_a_folder_of_texts_is_learned_from_and_predicted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = text_folder(tmp_path / "letters", text_frame(120))
    asked = ["train", str(folder), "--out", str(tmp_path / "run"), "--set", "training.epochs=15"]
    assert cli.run(asked) == 0
    assert re.search(r'"text": \d+ different terms, of which each text keeps up to \d+', capsys.readouterr().out)
    run = fw.load(tmp_path / "run")
    assert accuracy(run) == 1.0
    fresh = text_folder(tmp_path / "fresh", text_frame(20, seed=5))
    assert cli.run(["predict", str(tmp_path / "run"), str(fresh), "--output", str(tmp_path / "p.csv")]) == 0
    predicted = pl.read_csv(tmp_path / "p.csv")
    assert predicted["prediction"].to_list() == ["apple"] * 10 + ["pear"] * 10
    assert predicted["file"].to_list()[:2] == ["apple/001.txt", "apple/003.txt"]
    assert run.evaluate(str(fresh)).as_json()["metrics"]["accuracy"]["value"] == 1.0
    assert {"majority", "linear"} == set(run.evaluation["baselines"])
    assert run.evaluation["baselines"]["linear"]["metrics"]["accuracy"]["value"] == 1.0
    page = (tmp_path / "run" / "report.html").read_text()
    assert "text_0 layer 1" in page


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    "family",
    [
        *("auto", "gru"),
        *(pytest.param(family, marks=SLOW) for family in ("average", "convolutional", "rnn", "lstm", "transformer")),
    ],
)
def test_every_way_to_read_a_text_finds_the_word_that_decides(tmp_path: Path, family: str) -> None:
    settings = {"network.text.family": family, "network.text.width": 8, "training.epochs": 20, "target": ["y"]}
    if family == "transformer":
        settings |= {"network.transformer.width": 8}
    elif family not in ("auto", "average"):
        settings["network.text.widths"] = [8]
    prepared = prepared_of(text_frame(200), **settings)
    assert prepared.recipe.data.text == ("terms" if family == "auto" else "words")
    setup = set_up(prepared, prepared.recipe)
    learned = learn(setup, prepared, clock=Clock(perf_counter()), listener=unheard)
    rows = prepared.split.test
    predicted = predictions_for_rows(prepared, setup, learned.state, rows).mean
    assert (predicted.argmax(1) == prepared.labelled.truth[rows]).mean() > 0.95


def test_kept_vectors_stay_those_of_the_file_and_the_file_is_not_needed_to_predict(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    path = tmp_path / "some.txt"
    Vectors((*WORDS, "apples", "pears"), random.standard_normal((12, 6)).astype(np.float32)).save(path)
    settings = {"network.text.vectors": str(path), "network.text.tuned": False, "training.epochs": 2}
    frame = text_frame()
    run = fw.train(frame, target="y", out=tmp_path / "run", settings=settings)
    assert (run.recipe.data.text, run.recipe.network.text.width) == ("words", 6)
    vocabulary = run.model.encoders.layout.arrays["text_0"].vocabulary
    table = run.model.population.buffers["arrays.text_0.vectors.table"][0]
    loaded = load(path)
    for number, word in enumerate(vocabulary[1:], 1):
        assert np.array_equal(table[number].numpy(), loaded.vector(word))
    before = run.predict(frame)
    path.unlink()
    assert fw.load(tmp_path / "run").predict(frame).equals(before)


def test_a_prediction_rests_on_the_text_that_decides_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = fw.train(text_frame(160), target="y", out=tmp_path / "run", settings={"training.epochs": 15, "members": 2})
    explained = json.loads((run.path / "explanation.json").read_text())
    most, least = sorted(explained["importance"]["columns"], key=lambda each: -each["value"])
    assert (most["column"], least["column"]) == ("note", "size")
    asked = ["explain-prediction", str(run.path), str(tmp_path / "t.csv"), "--json"]
    text_frame(2).write_csv(tmp_path / "t.csv")
    assert cli.run(asked) == 0
    told = json.loads(capsys.readouterr().out)
    assert {row["columns"][0]["column"] for row in told["rows"]} == {"note"}
    for row in told["rows"]:
        text, words = row["texts"]["note"].values()
        assert [text[word["start"] : word["stop"]] for word in words] == [word["word"] for word in words]
    # A text without words is taken for one about pears, so that only the other prediction rests on a word.
    strongest = max(words, key=lambda word: word["value"])
    assert strongest["word"] == "Apples"
    assert strongest["low"] > max(word["value"] for word in words if word is not strongest)
    assert told["deleted"]["named"] > 2 * told["deleted"]["random"] > 0


def test_words_are_shown_in_their_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = fw.train(text_frame(), target="y", out=tmp_path / "run", settings=QUICK | {"training.epochs": 20})
    rows = {"note": ["a <b>river</b>, and Apples & stone", "... !", None], "size": [0.5] * 3}
    found = run.explain(rows)
    (words,) = found.rows[0].texts
    # Together what the text gets more than one without words, as any sum of Shapley values is.
    without = run.explain({"note": ["<></>, & "], "size": [0.5]}, about=found.rows[0].prediction).rows[0].value
    assert sum(word.value for word in words.words) == pytest.approx(found.rows[0].value - without, abs=1e-5)
    assert found.rows[1].texts == found.rows[2].texts == ()
    page = predictions_page(found, run="r", data="d").decode()
    assert "&lt;<mark" in page or "&lt;b&gt;" in page
    assert re.search(r'<mark class="(for|against) strength-6" title="[+-][\d.]+">\w+</mark>', page)
    pl.DataFrame(rows).write_parquet(tmp_path / "t.parquet")
    assert cli.run(["explain-prediction", str(run.path), str(tmp_path / "t.parquet"), "--rows", "1"]) == 0
    assert re.search(r"  note: \w+ [+-]0\.\d{3}  \w+ ", capsys.readouterr().out)


def test_texts_stream_with_the_encoder_that_they_have_in_memory(tmp_path: Path) -> None:
    text_frame().write_parquet(tmp_path / "t.parquet", row_group_size=50)
    table = parquet_table(tmp_path / "t.parquet")
    prepared = prepare_streamed(table, changed(Recipe(), {"target": ["y"], "training.batch_size": 32}), test=None)
    recipe, rows = prepared.recipe, prepared.labelled.frame[prepared.split.train]  # all: there are few
    assert (recipe.data.text, recipe.data.text_length) == ("terms", 256)
    (encoder,) = prepared.encoders.arrays.values()
    assert encoder == text.fit(rows["note"], encoder.column, recipe.data)
    batches = prepared.training(device="cpu").batches([Seeds(noise=0, order=0)], epoch=0, batch_rows=len(rows))
    (batch,) = batches
    found, expected = (
        batch.features["text_0"][0].flatten(1).numpy(),
        encoder.encode(rows["note"]).reshape(len(rows), -1),
    )
    assert np.array_equal(np.sort(found, 0), np.sort(expected, 0))  # in another order


def test_series_that_stream_are_refused_in_words(tmp_path: Path) -> None:
    pl.DataFrame({"steps": [[1.0, 2.0]] * 20, "y": ["a", "b"] * 10}).write_parquet(tmp_path / "t.parquet")
    with pytest.raises(DataError, match=r'"steps" is series, which cannot be streamed yet; drop it with --drop'):
        fw.train(str(tmp_path / "t.parquet"), target="y", out=tmp_path / "run", settings={"data.streaming": "always"})


@pytest.mark.parametrize("kind", ["text", "image", "series"])
def test_arrays_stand_beside_other_columns(tmp_path: Path, kind: str) -> None:
    if kind == "image":
        pictures = [str(path) for path in sorted(picture_folder(tmp_path / "p", color=True).rglob("*.png"))]
        frame = pl.DataFrame({"photo": pictures, "size": np.arange(ROWS) / 7, "y": ["a"] * 40 + ["b"] * 40})
    else:
        frame = series_frame() if kind == "series" else text_frame()
    settings = {name: value for name, value in QUICK.items() if not name.startswith("network.image")}
    run = fw.train(frame, target="y", out=tmp_path / "run", settings=settings)
    assert (run.recipe.network.image.family == "random_patches") == (kind == "image")
    again = fw.load(tmp_path / "run")
    assert again.predict(frame).equals(run.predict(frame))
    assert set(run.model.columns or ()) == set(frame.columns) - {"y"}


def test_broken_sounds_are_refused_or_skipped_as_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = sound_folder(tmp_path / "sounds", rows=40)
    for name, size in (("falling/000.wav", 900), ("rising/001.wav", 0)):
        (folder / name).write_bytes((folder / name).read_bytes()[:size])
    settings = QUICK | HEARING
    with pytest.raises(
        DataError, match=r"000\.wav in row 1 cannot be read: it is truncated: .* \(1 more cannot be read"
    ):
        fw.train(str(folder), out=tmp_path / "refused", settings=settings)
    assert not (tmp_path / "refused").exists()
    run = fw.train(str(folder), out=tmp_path / "skipped", settings=settings | {"data.broken_sounds": "skip"})
    assert run.data["rows"] == 38


def test_broken_pictures_are_refused_or_skipped_as_asked(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = picture_folder(tmp_path / "pictures")
    broken = folder / "across" / "001.png"
    broken.write_bytes(broken.read_bytes()[:60])
    asked = ["train", str(folder), "--set", "training.epochs=1", "--set", "network.image.widths=[4]"]
    assert cli.run([*asked, "--out", str(tmp_path / "refused")]) == 2
    told = capsys.readouterr().err
    assert "001.png in row 1 cannot be read: it is truncated or damaged" in " ".join(told.split())
    assert not (tmp_path / "refused").exists()
    assert cli.run([*asked, "--out", str(tmp_path / "skipped"), "--set", "data.broken_images=skip"]) == 0
    assert "1 rows are skipped, whose file cannot be read:" in " ".join(capsys.readouterr().out.split())
    run = fw.load(tmp_path / "skipped")
    assert run.data["rows"] == ROWS - 1
    with pytest.raises(DataError, match=r"001\.png in row 1 cannot be read"):
        run.predict(str(folder))


@pytest.mark.parametrize(
    "kind", ["image", "words", "kernels", *(pytest.param(kind, marks=SLOW) for kind in ("audio", "lstm", "text"))]
)
def test_a_training_that_was_cut_off_is_resumed_to_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    data: Any = series_frame()
    settings = QUICK | {"training.checkpoint_seconds": 1e-9, "target": ["y"]}
    if kind in ("image", "audio"):
        make = picture_folder if kind == "image" else sound_folder
        data, settings = str(make(tmp_path / "files", rows=40)), settings | HEARING | {"target": ["label"]}
        settings |= {"training.image_crop": 0.2, "training.image_color": 0.2, "training.image_erase": 0.2} | MIXED
    else:
        if kind == "lstm":
            settings |= {"network.series.family": "lstm", "network.series.widths": [5], "members": 2}
        elif kind == "kernels":
            data, settings = data.drop("size"), settings | {"members": 2}
        else:
            data = text_frame()
            settings |= {"data.text": "terms" if kind == "text" else "words", "members": 2}
        data.write_parquet(tmp_path / "t.parquet")
        data = str(tmp_path / "t.parquet")
    whole = fw.train(data, out=tmp_path / "whole", settings=settings)
    looks = 0

    def cut(event: Any) -> None:
        nonlocal looks
        looks += event.kind == "look"
        if looks == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fw.train(data, out=tmp_path / "cut", settings=settings, listener=cut)
    resumed = resume(tmp_path / "cut")
    assert torch.equal(resumed.model.population.weights, whole.model.population.weights)


def test_a_training_from_before_there_was_whitening_goes_on_without(tmp_path: Path) -> None:
    data = tmp_path / "t.parquet"
    series_frame().drop("size").write_parquet(data)
    settings = QUICK | {"training.checkpoint_seconds": 1e-9, "training.optimizer": "adamw"}
    whole = fw.train(str(data), target="y", out=tmp_path / "whole", settings=settings)
    assert whole.recipe.network.whitened_directions == 0

    def cut(event: Any) -> None:
        if event.kind == "look":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fw.train(str(data), target="y", out=tmp_path / "cut", settings=settings, listener=cut)
    recipe = tmp_path / "cut" / "recipe.yaml"
    lines = recipe.read_text().splitlines(keepends=True)
    recipe.write_text("".join(line for line in lines if "whitened_directions" not in line))
    sums = json.loads((tmp_path / "cut" / "checksums.json").read_text())
    sums["sha256"]["recipe.yaml"] = checksum(recipe.read_bytes())
    (tmp_path / "cut" / "checksums.json").write_text(json.dumps(sums))
    resumed = resume(tmp_path / "cut")
    assert torch.equal(resumed.model.population.weights, whole.model.population.weights)


def test_whitened_directions_may_be_asked_for_beside_other_columns(tmp_path: Path) -> None:
    frame = series_frame()
    settings = {"network.whitened_directions": 6, "training.epochs": 20, "members": 2}
    run = fw.train(frame, target="y", out=tmp_path / "run", settings=settings)
    directions = run.model.population.buffers["arrays.series_0.whitening.directions"]
    assert directions.shape[-1] == 6
    assert torch.equal(directions[0], directions[1])  # both members' rows are read once, for both
    assert accuracy(run) == 1.0
    assert fw.load(tmp_path / "run").predict(frame).equals(run.predict(frame))


def test_numbered_columns_are_a_series_in_training_and_prediction(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    values = np.linspace(0, 1, 6) * np.where(np.arange(ROWS) % 2, 1, -1)[:, None] + 0.1 * random.random((ROWS, 6))
    frame = pl.DataFrame({f"t{step}": values[:, step] for step in range(6)} | {"y": ["down", "up"] * (ROWS // 2)})
    frame.write_csv(tmp_path / "wide.csv")
    asked = ["train", str(tmp_path / "wide.csv"), "--target", "y", "--out", str(tmp_path / "run")]
    assert cli.run([*asked, "--set", "data.series.pulse=t", "--set", "training.epochs=15"]) == 0
    run = fw.load(tmp_path / "run")
    assert accuracy(run) == 1.0
    assert run.predict(frame)["prediction"].to_list() == frame["y"].to_list()
    assert run.recipe.data.columns["pulse"].kind == "series"


def prepared_of(source: object, **settings: Any) -> Any:
    labelled, recipe = labelled_rows_of(read_table(source), changed(Recipe(), settings), test=None)
    return prepare(labelled, recipe, split=divided(labelled, recipe))


def test_members_that_read_series_step_by_step_are_run_eagerly() -> None:
    prepared = prepared_of(series_frame(), **{"target": ["y"], "members": 3, "network.series.family": "gru"})
    assert prepared.recipe.training.execution == "eager"
    setup = set_up(prepared, prepared.recipe)
    assert len(setup.state.population.weights) == 3


MIXED = {"training.image_mixup": 0.4, "training.image_cutmix": 1.0}


@pytest.mark.parametrize("execution", ["auto", "mapped"])
def test_members_that_read_images_are_each_as_if_alone(tmp_path: Path, execution: str) -> None:
    folder = str(picture_folder(tmp_path))
    weights = []
    for members in (1, 2):
        settings = QUICK | {"members": members, "training.execution": execution, "training.image_precision": "float32"}
        settings |= MIXED
        prepared = prepared_of(folder, **settings)
        setup = set_up(prepared, prepared.recipe)
        state = learn(setup, prepared, clock=Clock(perf_counter()), listener=unheard).state
        weights.append(state.best.weights[0])
    # One after another a member's arithmetic is the same; mapped, sums are taken in another order.
    exact = execution == "auto"
    assert torch.allclose(weights[0], weights[1], rtol=0 if exact else 1e-3, atol=0 if exact else 1e-4)


@pytest.mark.parametrize("target", ["label", "size"])
def test_mixed_rows_answer_for_both_targets_by_their_shares_and_weights(tmp_path: Path, target: str) -> None:
    frame = pl.DataFrame(
        {"picture": sorted(str(path) for path in picture_folder(tmp_path, rows=40).rglob("*.png"))}
    ).with_row_index("size")
    frame = frame.with_columns(label=pl.col("picture").str.contains("across"), weight=1 + pl.col("size") % 3)
    settings = QUICK | MIXED | {"target": [target], "data.weight": "weight", "training.batch_size": 10}
    prepared = prepared_of(frame.drop({"label", "size"} - {target}), **settings)
    setup = set_up(prepared, prepared.recipe)
    batch = next(setup.training.batches(setup.seeds, epoch=0, batch_rows=10))
    assert batch.weights is not None
    assert isinstance(setup.program.network.noise_layers, int)
    noise = noise_words([5], step=0, layers=setup.program.network.noise_layers)
    found = float(gradient_of(setup.program, setup.state.population, batch, noise, False).losses[0])
    features = {name: block[0] for name, block in batch.features.items()}
    outputs, truth, weights = setup.program.network(features, noise[0]).detach(), batch.targets[0], batch.weights[0]
    own = Mixing(mixup=0.4, cutmix=1.0).drawn(noise[0, -1], 10).own
    expected = 0.0
    for row in range(10):
        for other, share in ((row, own[row]), (row ^ 1, 1 - own[row])):
            if target == "size":
                loss = (outputs[row] - truth[other]).square().mean()
            else:
                loss = binary_cross_entropy_with_logits(outputs[row], truth[other])
            expected += float(share * weights[other] * loss / weights.sum())
    assert found == pytest.approx(expected, rel=1e-5)
    assert {float(share) for share in own} != {1.0}


def test_training_pictures_stay_bytes(tmp_path: Path) -> None:
    prepared = prepared_of(str(picture_folder(tmp_path)))
    assert prepared.part(prepared.split.train, device="cpu").features["image_0"].dtype == torch.uint8


@pytest.mark.parametrize("family", ["convolutional", "rnn", "lstm", "gru", "transformer"])
def test_every_family_learns_which_way_a_series_goes(family: str) -> None:
    settings = QUICK | {"network.series.family": family, "network.series.widths": [8], "training.epochs": 12}
    prepared = prepared_of(series_frame(), **{"target": ["y"], "data.drop": ["size"]} | settings)
    setup = set_up(prepared, prepared.recipe)
    learned = learn(setup, prepared, clock=Clock(perf_counter()), listener=unheard)
    rows = prepared.split.test
    predicted = predictions_for_rows(prepared, setup, learned.state, rows).mean
    assert (predicted.argmax(1) == prepared.labelled.truth[rows]).all()
    spreads = learned.history["activation_spread.arrays.series_0.layers.0"].drop_nulls()
    assert len(spreads)
    assert (spreads > 0).all()
