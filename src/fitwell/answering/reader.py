"""A trained reader as a value: questions and texts go in, the likeliest stretches come out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from fitwell.answering.network import SpanNetwork
from fitwell.answering.spans import Reading, readings_of
from fitwell.answering.windows import Cutting, Marks, Pieces, Windows, marks_of, pieces_of, windows_of
from fitwell.errors import DataError
from fitwell.pretrained.configuration import Configuration, configuration_from_text
from fitwell.pretrained.tokenizer import opened
from fitwell.pretrained.transformer import Transformer

if TYPE_CHECKING:
    from tokenizers import Tokenizer

WINDOWS_AT_ONCE = 512  # bounds the memory of their logits


@dataclass(frozen=True, kw_only=True)
class Making:
    """What a reader is made of, but for its weights."""

    configuration: Configuration
    tokenizer: str  # the content of a tokenizer.json
    cutting: Cutting
    longest: int  # pieces of an answer

    @cached_property
    def opened(self) -> Tokenizer:
        """The tokenizer, opened."""
        return opened(self.tokenizer, source="the reader")

    @cached_property
    def marks(self) -> Marks:
        """What stands around a question and a text."""
        return marks_of(self.opened)

    def as_json(self) -> dict[str, Any]:
        """Return plain values that `making_from_json` reads back."""
        return {
            "configuration": self.configuration.as_text(),
            "tokenizer": self.tokenizer,
            "window": self.cutting.longest,
            "overlap": self.cutting.overlap,
            "longest": self.longest,
        }


def making_from_json(values: Mapping[str, Any]) -> Making:
    """Return what was saved.

    Raises:
        KeyError, TypeError, ValueError: it is not what `as_json` gives.
    """
    return Making(
        configuration=configuration_from_text(values["configuration"]),
        tokenizer=str(values["tokenizer"]),
        cutting=Cutting(longest=int(values["window"]), overlap=int(values["overlap"])),
        longest=int(values["longest"]),
    )


@dataclass(frozen=True, kw_only=True)
class Judgment:
    """What turns scores into probabilities and answers; fitted on questions that were not trained on."""

    temperature: float = 1.0
    lead: float | None = None  # the best stretch must score so much more than no answer; None: it always answers


@dataclass(frozen=True, kw_only=True, eq=False)
class Reader:
    """A network that reads, with what it takes to cut texts and to judge what was read."""

    making: Making
    network: SpanNetwork
    judgment: Judgment

    def read(self, questions: Sequence[str], texts: Sequence[str], pairs: Sequence[tuple[int, int]]) -> list[Reading]:
        """Return what is read for each question; `pairs` are of a question and a text, those of a question together.

        Texts of one question compete: their stretches share one probability.
        """
        asked, cut = pieces_of(self.making.opened, questions), pieces_of(self.making.opened, texts)
        making = self.making
        windows = windows_of(pairs, asked, cut, marks=making.marks, cutting=making.cutting)
        owners = np.array([question for question, _ in pairs], np.int32)
        of_questions = Windows(
            pieces=windows.pieces,
            leads=windows.leads,
            counts=windows.counts,
            shifts=windows.shifts,
            questions=owners[windows.questions],
            texts=windows.texts,
        )
        return self.readings(of_questions, cut, questions=len(questions))

    def readings(self, windows: Windows, texts: Sequence[Pieces], *, questions: int) -> list[Reading]:
        """Return what is read for so many questions from their windows."""
        outputs = self.outputs(windows)
        return readings_of(windows, outputs, texts, questions=questions, longest=self.making.longest)

    def outputs(self, windows: Windows) -> Float[np.ndarray, "windows outputs"]:
        """Return the logits of windows, those of like lengths read together."""
        length = windows.pieces.shape[1]
        found = np.zeros((len(windows), 2 * length), np.float32)
        order = np.argsort(-(windows.pieces > 0).sum(1), kind="stable")
        self.network.eval()
        with torch.inference_mode():
            for start in range(0, len(order), WINDOWS_AT_ONCE):
                some = order[start : start + WINDOWS_AT_ONCE]
                found[some] = self.network(features_of(windows, some), None).numpy()
        return found

    def knows(self, reading: Reading) -> bool:
        """Tell whether what was read is an answer, or the question better stays without."""
        if not reading.spans:
            return False
        return self.judgment.lead is None or reading.lead >= self.judgment.lead

    def probability(self, reading: Reading, number: int = 0) -> float:
        """Return how likely one of the stretches that were read is exactly right."""
        return reading.probability(reading.spans[number].score, temperature=self.judgment.temperature)


def features_of(windows: Windows, rows: np.ndarray | None = None) -> dict[str, Tensor]:
    """Return windows as the network takes them; of some of them, with `rows`."""
    chosen = slice(None) if rows is None else rows
    text = np.stack([windows.leads[chosen], windows.counts[chosen]], axis=1)
    return {"pieces": torch.from_numpy(windows.pieces[chosen]), "text": torch.from_numpy(text)}


def empty_network(making: Making) -> SpanNetwork:
    """Return the network of a reader with weights of zeros, to be filled with saved ones."""
    encoder = Transformer(making.configuration).allocated()
    return SpanNetwork(encoder, segment=making.marks.segment, dropout=0.0, is_halved=False)


def filled(making: Making, tensors: Mapping[str, Tensor], judgment: Judgment) -> Reader:
    """Return the reader that was saved.

    Raises:
        KeyError: a tensor is missing. DataError: one has another shape than the configuration says.
    """
    network = empty_network(making)
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if tensors[name].shape != (1, *parameter.shape):
                raise DataError(
                    f"{name} of a reader must have the shape {(1, *parameter.shape)} that its configuration says, but "
                    f"has {tuple(tensors[name].shape)}; restore its run from a copy, or train again"
                )
            parameter.copy_(tensors[name][0])
    return Reader(making=making, network=network.requires_grad_(False), judgment=judgment)


def judgment_from_json(values: Mapping[str, Any]) -> Judgment:
    """Return what a run's decision.json says about a reader.

    Raises:
        KeyError, TypeError, ValueError: it says something else.
    """
    threshold = values["threshold"]
    return Judgment(
        temperature=float(values["calibration"]["temperature"]),
        lead=None if threshold is None else float(threshold["value"]),
    )
