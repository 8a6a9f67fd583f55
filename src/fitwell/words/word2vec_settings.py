"""What Word2Vec is asked to do, refused at the door where it cannot be done."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

from fitwell.errors import RequestError

Architecture = Literal["skipgram", "cbow"]
Loss = Literal["negative_sampling", "hierarchical_softmax"]

RATES: dict[str, float] = {"skipgram": 0.025, "cbow": 0.05}  # a bag is one step where skip-gram takes several
LAST_RATE = 1e-4  # what the learning rate falls to
MOST_NEGATIVE = 7  # a vector of eight numbers holds them and the middle word
COMPILED_ON = "cpu"  # where compiled loops read; elsewhere torch does


@dataclass(frozen=True, kw_only=True)
class Word2VecSettings:
    """How vectors are learned."""

    architecture: Architecture
    dimension: int
    window: int  # words to each side, at most; how many is drawn for every word
    loss: Loss  # by what words are told
    negative: int  # drawn words for each window, where the loss has some
    epochs: int
    min_count: int
    max_size: int | None
    subsample: float
    rate: float  # at the beginning; it falls linearly to LAST_RATE
    seed: int
    device: str = "cpu"

    def __post_init__(self) -> None:
        """Refuse what cannot be done, at the door."""
        for name, words in (("architecture", Architecture), ("loss", Loss)):
            if getattr(self, name) not in get_args(words):
                raise RequestError(
                    f'{name} must be one of {", ".join(get_args(words))}, but is "{getattr(self, name)}"'
                )
        for name in ("dimension", "window", "negative", "epochs"):
            if getattr(self, name) < 1:
                raise RequestError(f"{name} must be at least 1, but is {getattr(self, name)}")
        if self.negative > MOST_NEGATIVE:
            raise RequestError(f"negative must be at most {MOST_NEGATIVE}, but is {self.negative}; 5 is usual")
        if not self.rate > LAST_RATE:
            raise RequestError(f"rate must be above {LAST_RATE}, to which it falls, but is {self.rate}; try 0.025")
        if self.seed < 0:
            raise RequestError(f"seed must be at least 0, but is {self.seed}")
        if not re.fullmatch(r"cpu|cuda(:\d+)?", self.device):
            raise RequestError(f'device must be cpu, cuda or cuda:1 (or another number), but is "{self.device}"')
        if self.device != COMPILED_ON and self.loss != "negative_sampling":
            raise RequestError(
                f'loss "{self.loss}" is computed by compiled loops, which do not run on {self.device}; '
                "leave the device out, or take negative_sampling"
            )
