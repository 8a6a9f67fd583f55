"""Questions are divided so that no text is on two sides, and become windows to train on and to measure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Int

from fitwell.answering.reader import Making, features_of
from fitwell.answering.squad import Question, Squad, Stretch
from fitwell.answering.windows import Pieces, Windows, pieces_of, places_of, windows_of
from fitwell.errors import DataError
from fitwell.training.loop import Rows

ENOUGH_ARTICLES = 10  # to be divided by them; with fewer, texts are
LOOKED_AT = 512  # windows of the validation questions, at most, at each look


@dataclass(frozen=True, kw_only=True, eq=False)
class Division:
    """Which questions are trained on, decide, and are measured, by their numbers; and why they are divided so."""

    train: Int[np.ndarray, " questions"]
    validation: Int[np.ndarray, " questions"]
    test: Int[np.ndarray, " questions"]
    why: str

    @property
    def fingerprint(self) -> str:
        """A digest of the division."""
        digest = hashlib.sha256()
        for part in (self.train, self.validation, self.test):
            digest.update(np.ascontiguousarray(part, np.int64).tobytes() + b";")
        return f"sha256:{digest.hexdigest()}"


def divided(squad: Squad, *, validation: float, test: float, seed: int) -> Division:
    """Return a division in which each article, or with few articles each text, is on one side.

    Raises:
        DataError: there are too few texts to be divided.
    """
    owners = np.array([squad.passages[question.passage].article for question in squad.questions])
    unit = "article"
    if len(np.unique(owners)) < ENOUGH_ARTICLES:
        owners, unit = np.array([question.passage for question in squad.questions]), "text"
    groups, counts = np.unique(owners, return_counts=True)
    sides = 2 + (test > 0)
    if len(groups) < sides:
        raise DataError(
            f"questions about {sides} texts or more are needed to train, decide and measure, but {squad.source} has "
            f"them about {len(groups)}; add some"
        )
    order = np.random.default_rng(seed).permutation(len(groups))
    total = counts.sum()
    parts: dict[str, list[int]] = {"test": [], "validation": [], "train": []}
    left = list(order)
    for part, share in (("test", test), ("validation", validation)):
        needed, taken = share * total, 0
        while taken < needed and len(left) > (2 if part == "test" else 1):
            taken += counts[left[-1]]
            parts[part].append(int(left.pop()))
    parts["train"] = [int(place) for place in left]
    chosen = {part: np.flatnonzero(np.isin(owners, groups[places])) for part, places in parts.items()}
    counted = ", ".join(f"{len(parts[part])}" for part in ("train", "validation", "test"))
    return Division(**chosen, why=f"by {unit}, so that no text is on two sides: {counted} {unit}s")


@dataclass(frozen=True, kw_only=True, eq=False)
class Asked:
    """Questions put to texts: their own, and in places a wrong one."""

    questions: Int[np.ndarray, " pairs"]  # numbers
    texts: Int[np.ndarray, " pairs"]  # numbers of passages
    answers: tuple[Stretch | None, ...]  # of the pairs

    @property
    def answerable(self) -> Int[np.ndarray, " pairs"]:
        """1 where the text has the answer."""
        return np.array([answer is not None for answer in self.answers], np.int64)


def asked_of(squad: Squad, numbers: Sequence[int], *, negatives: float, seed: int) -> Asked:
    """Return questions with their texts; where all have answers, a share of them is asked of a wrong text too.

    The wrong text is the nearest to the question by TF-IDF, among those of the same questions, that does not have the
    words of an answer: such ones teach most (Clark and Gardner 2018).
    """
    questions = [squad.questions[number] for number in numbers]
    own = Asked(
        questions=np.array(numbers, np.int64),
        texts=np.array([question.passage for question in questions], np.int64),
        answers=tuple(question.usual for question in questions),
    )
    if negatives == 0 or squad.unanswerable:
        return own
    count = round(negatives * len(questions))
    chosen = np.sort(np.random.default_rng(seed).permutation(len(questions))[:count])
    wrong = _nearest_wrong(squad, [questions[place] for place in chosen], np.unique(own.texts))
    kept = [(numbers[place], text) for place, text in zip(chosen.tolist(), wrong, strict=True) if text >= 0]
    return Asked(
        questions=np.concatenate([own.questions, np.array([number for number, _ in kept], np.int64)]),
        texts=np.concatenate([own.texts, np.array([text for _, text in kept], np.int64)]),
        answers=(*own.answers, *(None for _ in kept)),
    )


def _nearest_wrong(squad: Squad, questions: Sequence[Question], texts: np.ndarray) -> list[int]:
    """Return for each question the nearest of these texts that is wrong; −1 where there is none."""
    from fitwell.words.tf_idf import TfidfVectorizer

    if not questions or len(texts) < 2:
        return [-1] * len(questions)
    vectorizer = TfidfVectorizer(sublinear_tf=True)
    known = vectorizer.fit_transform([squad.passages[text].text for text in texts])
    near = vectorizer.transform([question.text for question in questions]) @ known.T
    found = []
    for row, question in enumerate(questions):
        words = [answer.text.lower() for answer in question.answers]
        ranked = texts[np.argsort(-near[row].toarray().ravel(), kind="stable")]
        wrong = (
            int(text)
            for text in ranked
            if text != question.passage and not any(word in squad.passages[text].text.lower() for word in words)
        )
        found.append(next(wrong, -1))
    return found


@dataclass(frozen=True, kw_only=True, eq=False)
class Cut:
    """The questions and texts of a file as pieces."""

    questions: list[Pieces]
    texts: list[Pieces]


def cut_of(squad: Squad, making: Making) -> Cut:
    """Return all questions and texts as pieces."""
    return Cut(
        questions=pieces_of(making.opened, [question.text for question in squad.questions]),
        texts=pieces_of(making.opened, [passage.text for passage in squad.passages]),
    )


def windows_for(cut: Cut, asked: Asked, making: Making) -> Windows:
    """Return the windows of pairs."""
    pairs = zip(asked.questions.tolist(), asked.texts.tolist(), strict=True)
    return windows_of(pairs, cut.questions, cut.texts, marks=making.marks, cutting=making.cutting)


def rows_of(cut: Cut, asked: Asked, windows: Windows, *, every: int = 1) -> Rows:
    """Return windows with the places of their answers, as training takes them; every so many-th, with `every`."""
    import torch

    targets = places_of(windows, cut.texts, asked.answers)
    chosen = np.arange(0, len(windows), every)
    return Rows(
        features=features_of(windows, chosen),
        targets=torch.from_numpy(targets[chosen]),
        weights=None,
    )


def every_of(windows: Windows) -> int:
    """Return which windows are looked at after an epoch: every so many-th."""
    return max(1, -(-len(windows) // LOOKED_AT))
