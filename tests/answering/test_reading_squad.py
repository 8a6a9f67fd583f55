"""SQuAD's files are read with every offset checked, and refused in words."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from fitwell.answering.squad import Stretch, read_squad
from fitwell.errors import DataError

WHOLE: dict[str, Any] = {
    "data": [
        {
            "title": "Sky",
            "paragraphs": [
                {
                    "context": "Der Himmel über Köln ist blau.",
                    "qas": [
                        {
                            "id": "1",
                            "question": "Wie ist er?",
                            "answers": [
                                {"text": "ist blau", "answer_start": 21},
                                {"text": "blau", "answer_start": 25},
                                {"text": "blau", "answer_start": 25},
                            ],
                        },
                        {"id": "2", "question": "Wo liegt Bonn?", "answers": [], "is_impossible": True},
                    ],
                }
            ],
        }
    ]
}


def changed(**values: Any) -> dict[str, Any]:
    found = copy.deepcopy(WHOLE)
    paragraph = found["data"][0]["paragraphs"][0]
    for name, value in values.items():
        (paragraph if name in paragraph else paragraph["qas"][0])[name] = value
    return found


def test_questions_come_with_their_answers_and_those_without_have_none(tmp_path: Path) -> None:
    path = tmp_path / "sky.json"
    path.write_text(json.dumps(WHOLE), encoding="utf-8")
    squad = read_squad(path)
    assert [len(question.answers) for question in squad.questions] == [3, 0]
    assert squad.questions[0].usual == Stretch("blau", 25)  # what two of three people said
    assert (squad.unanswerable, squad.titles, squad.is_labelled) == (1, ("Sky",), True)


def test_questions_without_answers_can_be_asked() -> None:
    bare = {"data": [{"paragraphs": [{"context": "A sky.", "qas": [{"question": "What?", "id": "1"}]}]}]}
    assert not read_squad(bare).is_labelled


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"answers": [{"text": "blau", "answer_start": 24}]}, r'at character 24 there is " bla", not "blau"; count'),
        ({"answers": [{"text": "blau", "answer_start": 99}]}, r"a character of its context \(0 to 26\), but .* is 99"),
        ({"answers": [{"text": "blau"}]}, r'"answer_start" is None; mend it'),
        ({"answers": "blau"}, r"must have a list of answers, but has 'blau'"),
        ({"context": "  "}, r'must have text in "context", but has "  "; mend it'),
        ({"question": ""}, r'must have text in "question", but has ""; mend it'),
        ({"id": "2"}, r'must have an id of its own, but 2 have "2"'),
        ({"qas": []}, r"must hold questions, but has none in 1 passages"),
        ({"qas": 3}, r'must have a list "qas", but has 3; SQuAD'),
    ],
)
def test_what_is_wrong_is_named_with_its_place(values: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        read_squad(changed(**values))


@pytest.mark.parametrize(
    ("content", "said"),
    [("{", r"must be JSON in SQuAD's form"), ("[1]", r'must have a list "data", but is no mapping'), ("", "is empty")],
)
def test_a_file_of_another_form_is_refused(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "other.json").write_text(content)
    with pytest.raises(DataError, match=said):
        read_squad(tmp_path / "other.json")
