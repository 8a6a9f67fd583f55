"""A reader is trained, cut off, resumed, asked and measured as any run is."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file
from tests.answering.conftest import ANSWERS, SETTINGS, squad, write_encoder

import fitwell as fw
from fitwell import cli
from fitwell.answering.lesson import asked_of, divided
from fitwell.answering.squad import read_squad
from fitwell.errors import DataError, RecipeError, RequestError, RunError
from fitwell.events import Event
from fitwell.workflow import resume


def test_a_reader_learns_to_find_what_was_planted(run: fw.Run) -> None:
    figures = run.evaluation["metrics"]
    assert figures["f1"]["value"] > 0.9
    assert run.evaluation["baselines"]["tfidf_sentence"]["verdict"] == "better"
    assert figures["f1"]["low"] <= figures["f1"]["value"] <= figures["f1"]["high"] <= 1
    assert run.state == "finished"
    assert run.predictions.filter(pl.col("part") == "test").height == run.evaluation["rows"]
    assert not [line for line in (run.path / "recipe.yaml").read_text().splitlines() if ": auto " in f"{line} "]


def test_no_text_is_on_two_sides(questions: Path) -> None:
    known = read_squad(questions)
    division = divided(known, validation=0.15, test=0.15, seed=0)
    owners = [
        {known.questions[number].passage for number in part}
        for part in (division.train, division.validation, division.test)
    ]
    assert all(owners)
    assert all(first.isdisjoint(second) for first, second in combinations(owners, 2))
    assert sum(map(len, (division.train, division.validation, division.test))) == len(known.questions)


def test_wrong_texts_lack_the_answer(questions: Path) -> None:
    known = read_squad(questions)
    asked = asked_of(known, range(50), negatives=0.5, seed=0)
    wrong = np.flatnonzero(asked.answerable == 0)
    assert len(wrong) == 25
    for place in wrong:
        question = known.questions[asked.questions[place]]
        assert asked.texts[place] != question.passage
        assert question.answers[0].text not in known.passages[asked.texts[place]].text


def test_a_reader_that_was_cut_off_ends_at_the_same_bits(
    run: fw.Run, encoder: Path, questions: Path, tmp_path: Path
) -> None:
    def interrupt(event: Event) -> None:
        if event.kind == "look" and event.values["epoch"] == 2:
            import os
            import signal

            os.kill(os.getpid(), signal.SIGINT)

    out = tmp_path / "cut"
    cut = fw.train(
        questions, task="answer", out=out, settings=SETTINGS | {"data.text_encoder": str(encoder)}, listener=interrupt
    )
    assert cut.state == "interrupted"
    assert cut.answer("where lies north ?", "the north red hill .").question  # usable
    done = resume(out)
    assert done.state == "finished"
    ours, theirs = (load_file(each.path / "model.safetensors") for each in (done, run))
    assert all((ours[name] == theirs[name]).all() for name in theirs)


def test_an_answer_has_its_place_and_its_sentence(run: fw.Run) -> None:
    context = "the tree of stone . the house lies north blue hill . a river ."
    found = run.answer("where lies north ?", context, alternatives=1)
    assert found.best is not None
    assert found.best.text in ANSWERS
    assert context[found.best.start : found.best.end] == found.best.text == "blue"
    assert found.best.sentence == "the house lies north blue hill ."
    assert 0 < found.best.probability <= 1
    assert len(found.others) == 1


def test_predictions_and_figures_of_another_file(
    run: fw.Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.json"
    other.write_text(json.dumps(squad(3, seed=5)))
    table = run.predict(other)
    assert table.columns == ["id", "question", "prediction", "probability", "start", "end", "sentence"]
    assert table.filter(pl.col("prediction").is_in(ANSWERS)).height > 0.9 * table.height
    assert cli.run(["evaluate", str(run.path), str(other), "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["metrics"]["exact_match"]["value"] > 0.9
    assert told["rows"] == table.height


@pytest.mark.slow
def test_questions_without_an_answer_are_measured_apart(encoder: Path, tmp_path: Path) -> None:
    data = tmp_path / "some.json"
    data.write_text(json.dumps(squad(unanswerable=True)))
    found = fw.train(data, task="answer", out=tmp_path / "run", settings=SETTINGS | {"data.text_encoder": str(encoder)})
    figures = found.evaluation["metrics"]
    assert figures["no_answer_accuracy"]["value"] > 0.7
    assert figures["has_answer_f1"]["value"] > 0.7
    assert "no_answer" in found.evaluation["baselines"]
    said = found.answer("where lies north ?", "the tree of the north hill .")
    assert (said.answered, said.text) == (False, None)
    assert "above no answer" in said.why


def test_the_page_shows_right_and_wrong_answers(run: fw.Run) -> None:
    page = (run.path / "report.html").read_text()
    assert "The surest answers that are right." in page
    assert "where lies" in page
    assert "not an intended" not in page


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({}, RequestError, r"begins with a pretrained encoder, but none is named; .* data\.text_encoder=FOLDER"),
        ({"data.folds": 3}, RequestError, r"task answer has no use for data\.folds, which is 3"),
        ({"data.text_encoder": "nowhere"}, RequestError, r"a pretrained encoder is a folder .* nowhere is not there"),
        ({"answers.overlap": 300}, RequestError, r"at most half of answers\.window 384, but is 300"),
        (
            {"decision.threshold": "f1"},
            RecipeError,
            r"decision\.threshold is f1, but it has no effect while task is answer",
        ),
    ],
)
def test_what_a_reader_cannot_do_is_refused(
    questions: Path, encoder: Path, tmp_path: Path, settings: dict[str, Any], error: type[Exception], said: str
) -> None:
    named = {} if not settings or "data.text_encoder" in settings else {"data.text_encoder": str(encoder)}
    with pytest.raises(error, match=said):
        fw.train(questions, task="answer", out=tmp_path / "run", settings=named | settings)
    assert not (tmp_path / "run").exists()


def test_an_encoder_with_too_few_places_is_refused(questions: Path, tmp_path: Path) -> None:
    folder = write_encoder(tmp_path / "short")
    configuration = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(configuration | {"max_position_embeddings": 64}))
    with pytest.raises(RequestError, match=r"must have 88 positions or more .* has 64; take another"):
        fw.train(questions, task="answer", settings={"data.text_encoder": str(folder)}, out=tmp_path / "run")


@pytest.mark.slow
def test_a_time_limit_decides_how_many_epochs_there_are(encoder: Path, questions: Path, tmp_path: Path) -> None:
    asked = SETTINGS | {"data.text_encoder": str(encoder), "training.epochs": 5000}
    found = fw.train(questions, task="answer", out=tmp_path / "run", settings=asked, time_limit=8.0)
    assert found.state == "finished"
    epochs = found.recipe.training.epochs
    assert isinstance(epochs, int)
    assert epochs < 5000


def test_other_commands_say_what_a_reader_is_for(run: fw.Run, questions: Path, tmp_path: Path) -> None:
    with pytest.raises(RequestError, match=r"answers questions, which this is not for; ask it with: fitwell answer"):
        _ = run.model
    with pytest.raises(DataError, match=r"must have answers to be learned from"):
        run.evaluate({"data": [{"paragraphs": [{"context": "A.", "qas": [{"question": "What?", "id": 1}]}]}]})
    with pytest.raises(RequestError, match=r"answers questions; measure each on one file of questions"):
        fw.compare([run.path, run.path])
    with pytest.raises(RunError, match=r"only trainings on tables, .* are examined by experiments"):
        fw.diagnose(run.path)
    with pytest.raises(RequestError, match=r"a question must have words"):
        run.answer(" ", "a text")
    with pytest.raises(RequestError, match=r"must be a text to find an answer in, but it is empty"):
        run.answer("where?", " ")
