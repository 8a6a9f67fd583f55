"""How well masked pieces of texts are told that nothing was learned from, with intervals, beside counting pieces.

Pieces of one text are alike in how hard they are, so that a text counts as one: intervals are those of a ratio of two
sums over texts.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from fitwell.metrics.figure import Figure
from fitwell.metrics.intervals import Share, hall, moments
from fitwell.pretrained.packed import packed_arrays
from fitwell.pretrained.pretraining.corpus import Sequences
from fitwell.pretrained.pretraining.masking import Masked, Pieces, masked
from fitwell.pretrained.pretraining.model import MaskedModel

SEQUENCES_AT_ONCE = 64
DRAW = 3  # tells these random numbers from others of the same seed
CONFIDENCE = 0.95


@dataclass(frozen=True, kw_only=True)
class Told:
    """How well pieces were told: the sums of each text."""

    losses: npt.NDArray[np.float64]  # (texts,), nats
    hits: npt.NDArray[np.float64]  # (texts,)
    counts: npt.NDArray[np.float64]  # (texts,), of masked pieces

    @property
    def loss(self) -> float:
        """The mean over masked pieces, in nats."""
        return float(self.losses.sum() / self.counts.sum())


@dataclass(frozen=True, kw_only=True)
class Question:
    """Sequences with some pieces masked, always the same."""

    masked: Masked
    lengths: npt.NDArray[np.int64]
    texts: npt.NDArray[np.int64]  # (chosen,): the text of each place

    @property
    def count(self) -> int:
        """How many pieces are to be told."""
        return len(self.masked.places)


def questions_of(sequences: Sequences, pieces: Pieces, *, share: float, seed: int) -> list[Question]:
    """Return held-out sequences, masked as in training."""
    found = []
    for number, start in enumerate(range(0, len(sequences), SEQUENCES_AT_ONCE)):
        some = np.arange(start, min(start + SEQUENCES_AT_ONCE, len(sequences)))
        numbers, lengths = sequences.of(some)
        hidden = masked(numbers, pieces, share=share, draw=np.random.default_rng([seed, DRAW, number]))
        texts = np.repeat(sequences.texts[some], lengths)[hidden.places]
        found.append(Question(masked=hidden, lengths=lengths, texts=texts))
    return found


def told_by(model: MaskedModel, questions: list[Question]) -> Told:
    """Ask the model."""
    losses, hits = [], []
    with torch.inference_mode():
        for question in questions:
            texts, moved = packed_arrays(question.masked.numbers, question.lengths)
            scores = model(texts, moved[torch.from_numpy(question.masked.places)])
            truth = torch.from_numpy(question.masked.truth)
            losses.append(torch.nn.functional.cross_entropy(scores, truth, reduction="none").numpy())
            hits.append((scores.argmax(1) == truth).numpy())
    return _summed(questions, np.concatenate(losses), np.concatenate(hits))


def told_by_counts(frequencies: npt.NDArray[np.float64], questions: list[Question]) -> Told:
    """Tell each masked piece by how frequent the pieces are, wherever it stands."""
    truth = np.concatenate([question.masked.truth for question in questions])
    return _summed(questions, -np.log(frequencies[truth]), truth == frequencies.argmax())


def perplexity(told: Told) -> Figure:
    """Return e to the mean loss: among so many pieces the model is as unsure as if all were equally likely."""
    sample = moments(told.losses / told.counts, told.counts, told.counts**2)
    interval = hall(sample, confidence=CONFIDENCE)
    low, high = (math.exp(bound) if math.isfinite(bound) else None for bound in interval)
    return Figure(value=math.exp(sample.mean), low=low, high=high, method="a ratio over texts, Hall's t")


def accuracy(told: Told) -> Figure:
    """Return the share of masked pieces that were told."""
    sample = moments(told.hits / told.counts, told.counts, told.counts**2)
    if math.isinf(sample.error):
        return Figure(value=sample.mean, low=None, high=None, method="none", reason="there is one held-out text")
    size = sample.mean * (1 - sample.mean) / sample.error**2 if sample.error > 0 else sample.size
    interval = Share(sample.mean, size).wilson(confidence=CONFIDENCE)
    return Figure(value=sample.mean, low=interval.low, high=interval.high, method="a ratio over texts, Wilson")


def _summed(questions: list[Question], losses: npt.NDArray[np.floating], hits: npt.NDArray[np.bool_]) -> Told:
    texts = np.concatenate([question.texts for question in questions])
    _, owners = np.unique(texts, return_inverse=True)
    return Told(
        losses=np.bincount(owners, losses).astype(np.float64),
        hits=np.bincount(owners, hits).astype(np.float64),
        counts=np.bincount(owners).astype(np.float64),
    )
