"""How an encoder is pretrained: what it is made of, and how it learns."""

from __future__ import annotations

from dataclasses import dataclass

from fitwell.errors import RequestError

RATE, CONTINUED_RATE = 1e-3, 1e-4
WIDTH_OF_HEAD = 64  # as in BERT, whatever its size
INNER = 4  # times the width, between the two maps of a layer
FEWEST_TOGETHER = 8  # pieces: a mark at either end, and a few that tell something about each other
FEWEST_PIECES = 100  # of a vocabulary; below, hardly more than letters
BATCH, SMALLEST_BATCH = 4096, 512  # pieces
STEPS = 2000  # fewer hardly teach more than which pieces are frequent, which makes vectors of texts alike


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What a new encoder is made of."""

    layers: int = 4
    width: int = 128
    heads: int | None = None  # one for each 64 numbers of the width
    vocabulary: int = 8192  # pieces, at most
    lowercase: bool = True

    def __post_init__(self) -> None:
        """Refuse what cannot be built."""
        for name, least in (("layers", 1), ("width", 1), ("vocabulary", FEWEST_PIECES)):
            _require_least(name, getattr(self, name), least)
        if self.width % self.whole_heads:
            raise RequestError(f"heads must divide the width {self.width}, but are {self.whole_heads}; try another")

    @property
    def whole_heads(self) -> int:
        """Heads of attention in each layer."""
        return max(1, self.width // WIDTH_OF_HEAD) if self.heads is None else self.heads


@dataclass(frozen=True, kw_only=True)
class Learning:
    """How an encoder learns to tell masked pieces.

    A step has 4,096 pieces, and fewer, down to 512, where epochs would not have 2,000 steps. The learning rate rises
    evenly during the first `warm_up` of all steps, and falls evenly to 0 after them.
    """

    epochs: float = 10.0
    steps: int | None = None  # instead of epochs
    length: int = 128  # pieces that are read together, marks at their ends included; longer texts are cut
    batch: int | None = None  # pieces of a step, about: so many texts as have them on average
    rate: float | None = None  # the highest; 0.001, and 0.0001 for what is near a good place already
    masked: float = 0.15  # share of the pieces that are to be told
    dropout: float = 0.1
    weight_decay: float = 0.01  # not of biases and normalizations
    clip: float = 1.0  # the longest gradient
    warm_up: float = 0.06
    held_out: float = 0.05  # share of the texts that are measured on and not learned from
    skipgram: bool = True  # a new encoder's pieces begin with vectors of skip-gram
    seed: int = 1

    def __post_init__(self) -> None:
        """Refuse what cannot be done."""
        for name in ("epochs", "rate", "clip"):
            value = getattr(self, name)
            if value is not None and not value > 0:
                raise RequestError(f"{name} must be above 0, but is {value}")
        if self.steps is not None:
            _require_least("steps", self.steps, 1)
        _require_least("length", self.length, FEWEST_TOGETHER)
        if self.batch is not None:
            _require_least("batch", self.batch, 1)
        _require_least("seed", self.seed, 0)
        for name in ("masked", "held_out"):
            if not 0 < getattr(self, name) < 1:
                raise RequestError(f"{name} must be a share between 0 and 1, but is {getattr(self, name)}")
        for name in ("dropout", "warm_up"):
            if not 0 <= getattr(self, name) < 1:
                raise RequestError(f"{name} must be from 0 to below 1, but is {getattr(self, name)}")
        if self.weight_decay < 0:
            raise RequestError(f"weight_decay must be at least 0, but is {self.weight_decay}; 0.01 is usual")


def _require_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise RequestError(f"{name} must be at least {least}, but is {value}")


def usual_batch(pieces: int, epochs: float) -> int:
    """Return how many pieces a step has where so many are read so often: a power of two.

    >>> usual_batch(150_000, 10), usual_batch(4_000_000, 10)
    (512, 4096)
    """
    fitting = int(epochs * pieces / STEPS)
    return min(BATCH, max(SMALLEST_BATCH, 1 << max(0, fitting.bit_length() - 1)))
