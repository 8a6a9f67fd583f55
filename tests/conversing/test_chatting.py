"""A FAQ and documents answer in turns: follow-ups are completed, what is not sure is asked back."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import fitwell as fw
from fitwell import cli
from fitwell.conversing import Turn
from fitwell.conversing.following import understood
from fitwell.conversing.routing import Asked, learned, shares, threshold_for, weights_of
from fitwell.errors import DataError, RequestError

FAQ = (
    "question,answer\n"
    "Where is my new card?,Cards come within a week.\n"
    "How do I close my account?,Write to us.\n"
    "Which currencies can I exchange?,Thirty of them.\n"
)
CASES = {
    "card": ("where is my card", "has my card come", "my card is not here", "when will the card come", "track my card"),
    "fee": (
        "why is there a fee",
        "what fee do you take",
        "how high is the fee",
        "a fee was charged",
        "fee for transfer",
    ),
    "pin": ("i forgot my pin", "change the pin", "where do i find the pin", "my pin is blocked", "set a new pin"),
}


@pytest.fixture
def faq(tmp_path: Path) -> Path:
    (tmp_path / "faq.csv").write_text(FAQ)
    fw.search.index(tmp_path / "faq.csv", tmp_path / "faq", threads=1)
    return tmp_path / "faq"


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    """Every question five times with other words around it, so that each has company."""
    lines = [
        json.dumps({"question": text + extra, "answer": name})
        for name, texts in CASES.items()
        for text in texts
        for extra in ("", " please", " again")
    ]
    (tmp_path / "faq.jsonl").write_text("\n".join(lines))
    fw.search.index(tmp_path / "faq.jsonl", tmp_path / "labelled", ways=("bm25", "tfidf"), threads=1)
    return tmp_path / "labelled"


def turn(said: str, answer: str = "") -> Turn:
    return Turn(question=said, understood=said, kind="answer", answer=answer, confidence=1.0)


def test_a_faq_answers_with_its_source_and_asks_back_otherwise(faq: Path) -> None:
    chat = fw.chat(faq)
    found = chat.turn("where is the card?")
    assert (found.kind, found.answer) == ("answer", "Cards come within a week.")
    assert found.sources[0].text == "Where is my new card?"
    unsure = chat.turn("close the window of the exchange office")
    assert unsure.kind == "asks_back"
    assert 2 <= len(unsure.possibilities) <= 3
    place = [each.text for each in unsure.possibilities].index("How do I close my account?")
    chosen = chat.turn(str(place + 1), [unsure])
    assert (chosen.kind, chosen.answer) == ("answer", "Write to us.")
    assert chat.turn("zzz").possibilities == ()


@pytest.mark.parametrize(
    ("question", "before", "added"),
    [
        ("How long does it take?", ["Where is my new card?"], ("new", "card")),
        ("And in Europe?", ["Which currencies can I exchange?"], ("currencies", "exchange")),
        ("Why?", ["Is the account closed?", "Who signed the contract?"], ("signed", "contract", "account", "closed")),
        ("How do I close my account?", ["Where is my new card?"], ()),
        ("How long does it take?", [], ()),
    ],
)
def test_a_follow_up_gets_the_words_that_it_leaves_out(
    question: str, before: list[str], added: tuple[str, ...]
) -> None:
    assert understood(question, [turn(each) for each in before]).added == added


def test_a_short_question_is_first_asked_as_it_stands(faq: Path) -> None:
    chat = fw.chat(faq)
    unsure = chat.turn("close the window of the exchange office")
    found = chat.turn("card?", [unsure])
    assert (found.understood, found.answer) == ("card?", "Cards come within a week.")


def test_names_of_the_answer_before_are_remembered() -> None:
    before = turn("Who wrote the book?", "It was written by Ada Lovelace in London.")
    assert understood("When was she born?", [before]).added == ("wrote", "book", "Ada Lovelace", "London")


def test_a_follow_up_reaches_the_document_that_it_is_about(tmp_path: Path) -> None:
    documents = {
        "card": "The new card is sent by post. The card takes seven days.",
        "fee": "A transfer takes two days.",
    }
    fw.search.index(documents, tmp_path / "docs")
    chat = fw.chat(tmp_path / "docs")
    first = chat.turn("How is the new card sent?")
    assert (first.kind, first.sources[0].document) == ("answer", "card")
    second = chat.turn("How many days does it take?", [first])
    assert (
        second.sources[0].document == "card" if second.kind == "answer" else second.possibilities[0].document == "card"
    )
    text = documents["card"]
    assert text[first.sources[0].start : first.sources[0].end] == first.answer


def test_the_threshold_is_the_least_that_is_right_as_often_as_wanted() -> None:
    draw = np.random.default_rng(1)
    sure = draw.random(300)
    right = draw.random(300) < sure
    threshold, reached = threshold_for(sure, right, wanted=0.8)
    assert reached == pytest.approx(right[sure >= threshold].mean())
    assert reached >= 0.8
    lower = [right[sure >= each].mean() for each in sure[sure < threshold]]
    assert max(lower) < 0.8


def test_votes_are_shared_out_as_a_softmax_by_hand() -> None:
    found = shares(np.array([2.0, 1.0, 1.0]), np.array([0, 1, 1]), temperature=0.5)
    weights = np.exp(np.array([4.0, 2.0, 2.0]))
    assert found == pytest.approx({0: weights[0] / weights.sum(), 1: 2 * weights[1] / weights.sum()})


def test_labels_of_a_faq_decide_its_threshold(labelled: Path) -> None:
    routing = learned(fw.search.open_index(labelled))
    assert routing.is_learned
    chat = fw.chat(labelled, by="bm25")
    found = chat.turn("the pin is blocked again")
    assert (found.kind, found.answer) == ("answer", "pin")


def test_all_ways_of_ranking_vote_unless_one_is_named(labelled: Path) -> None:
    both = fw.chat(labelled).routing.votings
    assert {each.by for each in both} <= {"bm25", "tfidf"}
    assert sum(each.weight for each in both) == pytest.approx(1)
    alone = fw.chat(labelled, by="tfidf")
    assert [(each.by, each.weight) for each in alone.routing.votings] == [("tfidf", 1.0)]
    with pytest.raises(RequestError, match=r"this index ranks by fusion, bm25, tfidf, but \"bm52\" is none of them"):
        fw.chat(labelled, by="bm52")
    with pytest.raises(RequestError, match=r"need scores that say how near they are, of bm25, tfidf; fusion has none"):
        fw.chat(labelled, by="fusion")


def test_weights_are_those_of_the_largest_likelihood_on_a_grid() -> None:
    draw = np.random.default_rng(0)
    probabilities = np.stack([draw.beta(4, 2, 200), draw.beta(2, 2, 200)])
    grid = np.linspace(0, 1, 1001)
    likelihoods = [np.log(share * probabilities[0] + (1 - share) * probabilities[1]).sum() for share in grid]
    first, second = weights_of(probabilities)
    assert first == pytest.approx(grid[int(np.argmax(likelihoods))], abs=2e-3)
    assert first + second == pytest.approx(1)


def test_probabilities_of_right_answers_are_their_shares_of_the_votes() -> None:
    draw = np.random.default_rng(0)
    asked = Asked(
        truths=draw.integers(3, size=20), codes=draw.integers(3, size=(20, 4)), scores=draw.normal(size=(20, 4))
    )
    asked.scores[::3, 2:] = -np.inf
    asked.scores[5] = -np.inf
    expected = [each.get(int(truth), 0.0) for each, truth in zip(asked.shares(0.7), asked.truths, strict=True)]
    np.testing.assert_allclose(asked.probabilities(0.7), expected)
    assert asked.probabilities(0.7)[5] == 0


def test_an_index_is_read_by_the_run_that_was_named_once(faq: Path, tmp_path: Path) -> None:
    fw.search.index({"a": "the sky is red ."}, tmp_path / "docs")
    with pytest.raises(RequestError, match=r"need a reader, and none is remembered; name a run .* --reader"):
        fw.answer(tmp_path / "docs", "what?")
    with pytest.raises(RequestError, match=r"is a FAQ, whose answers are given; leave it out"):
        fw.chat(faq, reader="somewhere")
    with pytest.raises(DataError, match=r"there is no index at"):
        fw.chat(tmp_path / "nowhere")
    with pytest.raises(RequestError, match=r"threshold must be a number from 0 to 1, but is 2"):
        fw.chat(faq, threshold=2)
    (tmp_path / "docs" / "reader.json").write_text("[]")
    with pytest.raises(DataError, match=r"reader\.json is not what Fitwell writes"):
        fw.answer(tmp_path / "docs", "what?")


def test_a_pipe_is_answered_line_by_line(
    faq: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("Where is my card?\n\nhow do i close an account\nquit\nnever read\n"))
    assert cli.run(["chat", str(faq), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["answer"] for line in lines] == ["Cards come within a week.", "Write to us."]
    monkeypatch.setattr(sys, "stdin", io.StringIO("close exchange\n1\n"))
    assert cli.run(["chat", str(faq), "--threshold", "1"]) == 0
    told = capsys.readouterr().out
    assert "Is it one of these?\n  1. " in told
    assert "confidence 1.00" in told


def test_answers_of_a_faq_stay_with_their_questions_when_it_changes(faq: Path) -> None:
    fw.search.add(faq, [("4", "Is there an app?")])
    fw.search.delete(faq, ["1"])
    index = fw.search.open_index(faq)
    assert index.answers == ["Write to us.", "Thirty of them.", ""]
    assert [document.id for document in index.documents()] == ["2", "3", "4"]
