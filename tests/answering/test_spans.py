"""Logits become answers: probabilities by a slow loop, scores by the scripts of transformers, and fits by search."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.answering.conftest import CONFIGURATION, tensors

from fitwell.answering.baselines import sentence_at, sentences_of
from fitwell.answering.network import NEVER, SpanNetwork
from fitwell.answering.scoring import drawn_weights, exact_match, mean_figure, scores_of, word_f1
from fitwell.answering.spans import Reading, Span, fitted_lead, fitted_temperature, readings_of
from fitwell.answering.windows import Pieces, Windows
from fitwell.pretrained.folder import encoder_of, open_folder


def test_logits_are_those_of_transformers(encoder: Path) -> None:
    from transformers import BertConfig, BertForQuestionAnswering

    values = {name: value for name, value in CONFIGURATION.items() if name != "model_type"}
    theirs: Any = BertForQuestionAnswering(BertConfig(**values))
    known = {f"bert.{name}": torch.from_numpy(tensor) for name, tensor in tensors().items()}
    missing, extra = theirs.load_state_dict(known, strict=False)
    assert not extra
    assert sorted(missing) == ["qa_outputs.bias", "qa_outputs.weight"]
    network = SpanNetwork(encoder_of(open_folder(encoder)), segment=1, dropout=0.1, is_halved=False).eval()
    network.heads.load_state_dict(theirs.qa_outputs.state_dict())
    pieces = torch.tensor([[2, 5, 9, 3, 15, 16, 9, 3], [2, 6, 3, 17, 18, 3, -1, -1]]) + 1
    text = torch.tensor([[4, 3], [3, 2]])
    with torch.no_grad():
        ours = network({"pieces": pieces, "text": text}, None)
        segments = (torch.arange(8) >= text[:, :1]).long()
        found = theirs.eval()(pieces.clamp(min=1) - 1, attention_mask=(pieces > 0).long(), token_type_ids=segments)
    allowed = [[0, 4, 5, 6], [0, 3, 4]]
    for row, places in enumerate(allowed):
        for part, logits in zip(ours[row].chunk(2), (found.start_logits[row], found.end_logits[row]), strict=True):
            torch.testing.assert_close(part[places], logits[places], rtol=1e-4, atol=1e-5)  # float32, other order
            others = [place for place in range(8) if place not in places]
            assert (part[others] == NEVER).all()


def windows_with(counts: list[int], *, length: int) -> Windows:
    return Windows(
        pieces=np.ones((len(counts), length), np.int32),
        leads=np.full(len(counts), 2, np.int32),
        counts=np.array(counts, np.int32),
        shifts=np.zeros(len(counts), np.int32),
        questions=np.zeros(len(counts), np.int32),
        texts=np.arange(len(counts), dtype=np.int32),
    )


def test_probabilities_are_those_of_a_slow_loop() -> None:
    draw = np.random.default_rng(3)
    counts, length, longest, temperature = [5, 3], 8, 3, 1.7
    outputs = draw.normal(size=(2, 2 * length)) * 2
    texts = [Pieces(*(np.arange(count, dtype=np.int32) * 2 + end for end in (0, 0, 1))) for count in counts]
    (reading,) = readings_of(windows_with(counts, length=length), outputs, texts, questions=1, longest=longest)
    scores = {}
    for window, count in enumerate(counts):
        for start in range(count):
            for end in range(start, min(start + longest, count)):
                scores[window, start, end] = outputs[window, 2 + start] + outputs[window, length + 2 + end]
    null = min(outputs[window, 0] + outputs[window, length] for window in range(2))
    total = sum(math.exp(score / temperature) for score in [*scores.values(), null])
    (window, start, end), best = max(scores.items(), key=lambda pair: pair[1])
    assert reading.spans[0][:3] == (window, 2 * start, 2 * end + 1)
    assert reading.spans[0].score == pytest.approx(best)
    found = reading.probability(reading.spans[0].score, temperature=temperature)
    assert found == pytest.approx(math.exp(best / temperature) / total)
    assert reading.null == pytest.approx(null)


def test_the_temperature_that_made_the_answers_right_is_found() -> None:
    draw = np.random.default_rng(0)
    readings = [Reading((Span(0, 0, 1, score),), 0.0, np.array([score, 0.0])) for score in draw.normal(size=2000) * 3]
    promised = np.array([each.probability(each.spans[0].score, temperature=2.5) for each in readings])
    right = (draw.random(2000) < promised).astype(float)
    assert fitted_temperature(readings, right) == pytest.approx(2.5, rel=0.2)  # three standard errors of 2,000


@given(st.binary(min_size=1, max_size=12))
def test_no_other_lead_gains_more(drawn: bytes) -> None:
    cases = np.frombuffer(drawn, np.uint8)  # in bits: 1 whether there is an answer, 3 of what it gains, 4 of its lead
    answerable = (cases >> 7).astype(int)
    gained = (cases >> 4 & 7) / 7 * answerable
    leads = (cases & 15) - 8 + np.arange(len(cases)) / 100

    def mean(lead: float) -> float:
        return float(np.where(leads >= lead, gained, 1 - answerable).sum())

    best = max(mean(lead) for lead in [*leads, leads.max() + 1])
    assert mean(fitted_lead(leads, gained, answerable)) == pytest.approx(best)


@pytest.mark.parametrize(
    ("answer", "truth", "exact", "shared"),
    [
        ("the Eiffel Tower", "Eiffel tower!", 1, 1),
        ("in 1999", "1999", 0, 2 / 3),  # precision 1/2, recall 1
        ("a", "the", 1, 1),  # articles alone are nothing
        ("", "", 1, 1),
        ("", "x", 0, 0),
        ("two two", "two", 0, 2 / 3),  # words are bags
        ("red and blue", "blue and white", 0, 2 / 3),
    ],
)
def test_scores_are_those_of_squad_by_hand(answer: str, truth: str, exact: float, shared: float) -> None:
    assert exact_match(answer, truth) == exact
    assert word_f1(answer, truth) == pytest.approx(shared)


def test_the_best_of_several_truths_counts_and_none_is_right_where_there_is_none() -> None:
    scores = scores_of(["two days", "", "x"], [["two", "two days"], [], []])
    assert scores.exact.tolist() == [1, 1, 0]
    assert scores.shared.tolist() == [1, 1, 0]


def test_intervals_are_wider_where_questions_of_a_text_agree() -> None:
    values = np.repeat([0.0, 1.0] * 20, 10)
    alone, together = (
        mean_figure(values, drawn_weights(texts)) for texts in (np.arange(400), np.repeat(np.arange(40), 10))
    )
    # The standard error of a mean of 40 texts is root 10 times that of 400 questions.
    assert alone.low is not None
    assert alone.high is not None
    assert together.low is not None
    assert together.high is not None
    assert (together.high - together.low) / (alone.high - alone.low) == pytest.approx(10**0.5, rel=0.1)


def test_sentences_are_found_around_a_stretch() -> None:
    text = "It rained. Two men of St. Louis left!  They came\nback (late)."
    assert text[slice(*sentences_of(text)[0])] == "It rained."
    start, end = sentence_at(text, text.index("They"), text.index("They") + 4)
    assert text[start:end] == "They came"
