"""Everything that can be set, measured or typed is explained, and every explanation's example runs."""

from __future__ import annotations

import doctest
import json
import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from fitwell import cli
from fitwell.data.audit import CHECKS
from fitwell.errors import RequestError
from fitwell.metrics import METRICS
from fitwell.recipe import ColumnSettings, choices_of, described
from fitwell.topics import GROUPS, Topic, find, names, parse

PROJECT = Path(__file__).parents[1]
TOPICS = [find(name) for name in names()]
FILES = sorted((PROJECT / "src" / "fitwell" / "topics").glob("*.md"))

SETTINGS = {path for path, _, _ in described()} | {f"data.columns.{name}" for name in ColumnSettings.model_fields}
# `auto` is explained with its setting; a column's kinds are words of `data.columns.kind`.
WORDS = {f"{path}.{word}" for path, _, _ in described() for word in choices_of(path) if word != "auto"}
KINDS = {"number", "category", "boolean", "date", "text", "image", "audio", "series", "identifier", "constant"}
HAVE_FORMULAS = {
    "Activations",
    "Initializations",
    "Normalizations",
    "Losses",
    "Optimizers",
    "Learning-rate schedules",
    "Metrics",
    "Encodings",
}
HAVE_SOURCES = {"Losses", "Optimizers", "Metrics"}


def named(kind: str) -> set[str]:
    return {topic.name for topic in TOPICS if topic.kind == kind}


def test_every_setting_is_a_topic_and_nothing_else_is_called_one() -> None:
    assert named("setting") == SETTINGS


def test_every_word_that_a_setting_accepts_is_a_topic() -> None:
    assert named("choice") == WORDS | {f"data.columns.kind.{kind}" for kind in KINDS}


def test_every_metric_is_a_topic() -> None:
    assert named("metric") == set(METRICS)


def test_every_command_is_a_topic() -> None:
    inner = {f"{group}.{name}" for group, (_, commands) in cli.GROUPS.items() for name in commands}
    assert named("command") == set(cli.COMMANDS) | inner


def test_everything_that_the_audit_notices_is_a_topic() -> None:
    assert set(CHECKS) <= named("symptom")


def test_every_file_of_topics_is_listed() -> None:
    assert {file.stem for file in FILES} == set(GROUPS)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_lines_of_a_file_fit_a_screen(file: Path) -> None:
    lines = file.read_text(encoding="utf-8").splitlines()
    # What an example prints cannot be broken.
    assert [line for line in lines if len(line) > 120 and not line.startswith("fitwell.errors.")] == []


@pytest.mark.parametrize("topic", TOPICS, ids=lambda topic: topic.name)
def test_a_topic_is_complete(topic: Topic) -> None:
    assert topic.claim.endswith((".", ":")), "a claim is a sentence"
    assert topic.formula or topic.group not in HAVE_FORMULAS, "this kind of topic has a formula"
    assert topic.source or topic.group not in HAVE_SOURCES, "this kind of topic has a source"
    assert [other for other in topic.see_also if find(other).name != other] == []


@pytest.mark.parametrize("topic", [each for each in TOPICS if each.language == "pycon"], ids=lambda topic: topic.name)
def test_an_example_says_what_it_shows(topic: Topic) -> None:
    example = doctest.DocTestParser().get_doctest(topic.example, {}, topic.name, None, None)
    assert any(part.want for part in example.examples), "an example shows a result"
    said: list[str] = []
    result = doctest.DocTestRunner().run(example, out=said.append)
    assert result.failed == 0, "".join(said)


@pytest.mark.parametrize("topic", [each for each in TOPICS if each.language == "bash"], ids=lambda topic: topic.name)
def test_an_example_of_a_command_runs(topic: Topic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").mkdir()
    shutil.copy(PROJECT / "examples" / "penguins.csv", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    for line in topic.example.splitlines():
        if line.startswith("fitwell "):
            assert cli.run(shlex.split(line)[1:]) == 0, line
        else:
            subprocess.run(["bash", "-ec", line], check=True)
    assert f"fitwell {topic.name.replace('.', ' ')}" in topic.example


@pytest.mark.parametrize("name", METRICS)
def test_every_metric_says_what_its_interval_is_and_when_that_is_approximate(name: str) -> None:
    (said,) = (part for part in find(name).text.split("\n\n") if part.startswith("Interval: "))
    assert "approximate" in said


def test_a_topic_is_found_by_its_last_words_or_its_title() -> None:
    assert find("patience").name == "training.early_stopping.patience"
    assert find("number_embedding.none").name == "network.number_embedding.none"
    assert find("Batch normalization").name == "network.normalization.batch"
    assert find("roc-auc").name == "roc_auc"


def test_a_misspelled_topic_is_refused_with_the_nearest() -> None:
    with pytest.raises(RequestError, match=r'no topic is called "dropuot"; did you mean "dropout"'):
        find("dropuot")


def test_a_topic_like_no_other_is_refused_with_the_way_to_the_list() -> None:
    with pytest.raises(RequestError, match=r'no topic is called "zzzz"; fitwell explain lists them all'):
        find("zzzz")


def test_an_ambiguous_topic_is_refused_with_all_it_may_be() -> None:
    with pytest.raises(
        RequestError, match=r'"quantile" may be training\.quantile, data\.numbers\.quantile, training\.loss'
    ):
        find("quantile")


WHOLE = "# Group\n\n## a: A\n\nClaim.\n\nFormula: x\n    y\n\nSee also: b,\nc\n\n```pycon\n>>> 1\n1\n```\n"


def test_a_topic_is_read_in_all_its_parts() -> None:
    (topic,) = parse(WHOLE, kind="method", origin="x.md")
    assert (topic.claim, topic.formula, topic.source, topic.see_also) == ("Claim.", "x\ny", None, ("b", "c"))
    assert (topic.group, topic.text, topic.example, topic.language) == ("Group", "", ">>> 1\n1\n", "pycon")


@pytest.mark.parametrize(
    ("spoilt", "refusal"),
    [
        (WHOLE.replace("# Group\n", "", 1), 'must begin with one line "# Title"'),
        (WHOLE.replace("## a: A", "## a"), 'a topic must begin with "## name: Title"'),
        (WHOLE.replace("```pycon", "```"), "topic a must end with one example"),
        (WHOLE + "More.\n", "topic a must end with one example"),
        (WHOLE.replace("Claim.\n\n", ""), "topic a must say its claim first"),
        (WHOLE.replace("See also: b,", "Formula: z"), 'topic a has 2 paragraphs "Formula:"'),
    ],
)
def test_a_spoilt_file_is_refused_in_words(spoilt: str, refusal: str) -> None:
    with pytest.raises(RequestError, match=refusal):
        list(parse(spoilt, kind="method", origin="x.md"))


def test_explain_shows_formula_source_and_default(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["explain", "dropout"]) == 0
    shown = capsys.readouterr().out
    for part in ("Dropout", "network.dropout (setting)", "y = x m / (1 − p)", "Srivastava", "Default\n  auto", ">>> "):
        assert part in shown


def test_explain_without_a_topic_lists_them_all(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["explain"]) == 0
    shown = capsys.readouterr().out
    assert [name for name in names() if name not in shown] == []


def test_explain_gives_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["explain", "adamw", "--json"]) == 0
    (topic,) = json.loads(capsys.readouterr().out)["topics"]
    assert (topic["name"], topic["kind"]) == ("training.optimizer.adamw", "choice")
    assert topic["set"] == "--set training.optimizer=adamw"


def test_explain_refuses_an_unknown_topic_with_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["explain", "dropuot"]) == 2
    assert 'did you mean "dropout"' in capsys.readouterr().err
