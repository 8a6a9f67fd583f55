"""Simple answers that stand beside every trained reader: whole sentences of the text, chosen without learning."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

import numpy as np

from fitwell.answering.squad import Question, Squad

# Where a sentence ends: at its mark and the blanks after it, or at the end of a line.
SENTENCE = re.compile(r"[^\s].*?(?:[.!?…]+[\"'”’)\]]*(?=\s|$)|(?=\n)|$)", re.DOTALL)


def sentences_of(text: str) -> list[tuple[int, int]]:
    """Return where the sentences of a text begin and end, in characters.

    >>> text = "One. Two of them!\\nNo end"
    >>> [text[start:end] for start, end in sentences_of(text)]
    ['One.', 'Two of them!', 'No end']
    """
    return [match.span() for match in SENTENCE.finditer(text)]


def sentence_at(text: str, start: int, end: int) -> tuple[int, int]:
    """Return where the sentence around a stretch begins and ends; of several, from the first to the last."""
    around = [span for span in sentences_of(text) if span[0] < end and start < span[1]]
    return (around[0][0], around[-1][1]) if around else (start, end)


def best_sentences(squad: Squad, questions: Sequence[Question]) -> list[str]:
    """Return for each question the sentence of its text that is nearest by TF-IDF; of equals the first."""
    from fitwell.words.tf_idf import TfidfVectorizer

    used = sorted({question.passage for question in questions})
    cut = {passage: sentences_of(squad.passages[passage].text) for passage in used}
    texts = [squad.passages[passage].text[start:end] for passage in used for start, end in cut[passage]]
    firsts = dict(zip(used, np.cumsum([0, *(len(cut[passage]) for passage in used)]).tolist(), strict=False))
    vectorizer = TfidfVectorizer(sublinear_tf=True)
    sentences = vectorizer.fit_transform(texts)
    asked = vectorizer.transform([question.text for question in questions])
    chosen = []
    for row, question in enumerate(questions):
        first, count = firsts[question.passage], len(cut[question.passage])
        near = (sentences[first : first + count] @ asked[row].T).toarray().ravel()
        chosen.append(texts[first + int(near.argmax())])
    return chosen


def shortest_sentences(squad: Squad, questions: Sequence[Question]) -> list[str]:
    """Return for each question the shortest sentence of its text."""
    found = []
    for question in questions:
        text = squad.passages[question.passage].text
        start, end = min(sentences_of(text), key=lambda span: span[1] - span[0])
        found.append(text[start:end])
    return found


def no_answers(_squad: Squad, questions: Sequence[Question]) -> list[str]:
    """Answer no question."""
    return [""] * len(questions)


BASELINES: dict[str, Callable[[Squad, Sequence[Question]], list[str]]] = {
    "tfidf_sentence": best_sentences,
    "shortest_sentence": shortest_sentences,
    "no_answer": no_answers,
}
