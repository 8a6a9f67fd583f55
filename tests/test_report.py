"""Training leaves a report, and a run's own files are enough to make it again."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from fitwell import cli
from fitwell.errors import RunError, SurroundingsError
from fitwell.run import Run, open_run
from fitwell.workflow import train

QUICK: dict[str, Any] = {"training.epochs": 2, "network.hidden": [8], "training.batch_size": 32}
SCRIPT, DOTTED = "<script>alert(1)</script>", "a.b[0]"


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on a table whose names are hostile; the table is gone."""
    folder = tmp_path_factory.mktemp("runs")
    rows = 120
    table = pl.DataFrame(
        {
            SCRIPT: [float(row % 11) for row in range(rows)],
            DOTTED: [SCRIPT if row % 3 else "b" for row in range(rows)],
            "y": ["yes" if row % 11 > 5 else SCRIPT for row in range(rows)],
        }
    )
    table.write_csv(folder / "t.csv")
    train(str(folder / "t.csv"), target="y", settings=QUICK, members=2, out=folder / "run")
    (folder / "t.csv").unlink()
    return folder / "run"


@pytest.fixture
def copy(trained: Path, tmp_path: Path) -> Path:
    shutil.copytree(trained, tmp_path / "run")
    return tmp_path / "run"


def test_training_leaves_the_page_and_names_it(trained: Path) -> None:
    text = (trained / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in text
    assert [event["path"] for event in Run(trained).events if event["event"] == "report"] == [
        str(trained / "report.html")
    ]
    for section in ("verdict", "answers", "columns", "rows", "data", "training", "again"):
        assert f'<section id="{section}"' in text, section
    assert "What the members do together" in text


def test_the_explanation_is_about_the_columns_of_the_data(trained: Path) -> None:
    told = json.loads((trained / "explanation.json").read_text(encoding="utf-8"))
    columns = told["importance"]["columns"]
    assert {each["column"] for each in columns} == {SCRIPT, DOTTED}
    assert columns[0]["value"] >= columns[1]["value"]
    rows = told["rows"]["worst"]["rows"]
    assert rows == sorted(rows, key=lambda row: -row["score"])
    # What is said of a row is what the data held in that row.
    for row in rows:
        cells = dict(zip(told["rows"]["columns"], row["cells"], strict=True))
        assert float(cells[SCRIPT]) == row["row"] % 11
        assert row["truth"] == ("yes" if row["row"] % 11 > 5 else SCRIPT)


def test_the_same_run_gives_the_same_page_without_its_data(copy: Path) -> None:
    before = (copy / "report.html").read_bytes()
    open_run(copy).report(copy / "again.html")
    assert (copy / "again.html").read_bytes() == before


def test_the_command_writes_the_page_or_the_pictures(
    copy: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (copy / "report.html").unlink()
    assert cli.run(["report", str(copy)]) == 0
    assert capsys.readouterr().out.strip() == str(copy / "report.html")
    assert (copy / "report.html").is_file()
    assert cli.run(["report", str(copy), "--pictures", str(tmp_path / "pictures"), "--kind", "svg"]) == 0
    names = {path.name for path in (tmp_path / "pictures").iterdir()}
    assert {"roc.svg", "importance.svg", "loss.svg", "standing.svg"} <= names
    assert f"{len(names)} pictures" in capsys.readouterr().out


def test_a_page_that_cannot_be_written_is_refused_in_words(copy: Path) -> None:
    with pytest.raises(SurroundingsError, match=r"nowhere/page\.html cannot be written"):
        open_run(copy).report(copy / "nowhere" / "page.html")


@pytest.mark.parametrize("name", ["explanation.json", "findings.json", "history.parquet", "evaluation.json"])
def test_a_run_that_lacks_a_file_is_shown_without_it(copy: Path, name: str) -> None:
    (copy / name).unlink()
    page = open_run(copy).report(copy / "page.html")
    assert "</html>" in page.read_text(encoding="utf-8")


Spoil = Callable[[dict[str, Any]], object]
SPOILT: dict[str, tuple[str, Spoil]] = {
    "importance": ("explanation.json", lambda values: values.update(importance={"columns": [1]})),
    "dependence": ("explanation.json", lambda values: values.update(dependence=[{"column": "x"}])),
    "rows": ("explanation.json", lambda values: values.update(rows={"worst": 3})),
    "figure": ("evaluation.json", lambda values: values["metrics"].update(roc_auc={"value": "high"})),
    "baselines": ("evaluation.json", lambda values: values.update(baselines=["linear"])),
    "remedies": ("findings.json", lambda values: values.update(findings=[{"remedies": [1]}])),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_damaged_file_is_refused_in_words(copy: Path, what: str) -> None:
    name, spoil = SPOILT[what]
    values = json.loads((copy / name).read_text(encoding="utf-8"))
    spoil(values)
    (copy / name).write_text(json.dumps(values), encoding="utf-8")
    with pytest.raises(RunError, match=r"cannot be shown: a file of it is damaged"):
        open_run(copy).report(copy / "page.html")


def test_a_notebook_shows_a_run(copy: Path) -> None:
    text = open_run(copy)._repr_html_()
    assert "<script" not in text
    assert text.count("<img") == 3


def test_without_time_for_it_the_explanation_is_left_out_and_said(tmp_path: Path) -> None:
    table = {"x": [float(row % 7) for row in range(80)], "y": ["a" if row % 7 > 3 else "b" for row in range(80)]}
    told: list[str] = []
    run = train(
        table,
        target="y",
        out=tmp_path / "run",
        settings=QUICK,
        time_limit=2.0,
        listener=lambda event: told.append(event.text),
    )
    assert run.state == "finished"
    assert not (run.path / "explanation.json").exists()
    assert any("fitwell report" in text for text in told)
    assert "</html>" in run.report(tmp_path / "page.html").read_text(encoding="utf-8")
