"""A language model that reads forward, and one that reads backward, over words made of characters (Peters et al. 2018).

Characters are embedded, read by filters of several widths, of which each keeps its strongest answer in the word (Kim et
al. 2016), passed through highway layers (Srivastava et al. 2015) and projected. Two layers of LSTM read the words in
each direction, their outputs are projected to the width of the vectors; what enters the second is added to what it
puts out. Peters et al. project within the recurrence (Sak et al. 2014), for which CPUs have no kernel: as long a step
with four times the products takes two thirds of the time. Both directions share the words' vectors below and the
softmax above. A softmax over many words is adaptive (Grave et al. 2017): rare
words stand in clusters that are looked into only when one of them comes. Unlike one over a sample of the words it is a
distribution over all of them, so that its loss is a perplexity.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from fitwell.words.bilm.characters import PADDING, SYMBOLS

LAYERS = 2
FEW = 2000  # words from which on the softmax is adaptive
HEAD_SHARE = 0.1  # of the words, the most frequent, that the head of an adaptive softmax has
MIDDLE_SHARE = 0.4
DIVISOR = 4.0  # by which each further cluster is narrower, but never below 1

Drop = Callable[[Tensor], Tensor]


def kept(hidden: Tensor) -> Tensor:
    """Drop nothing."""
    return hidden


@dataclass(frozen=True, kw_only=True)
class Sizes:
    """The sizes of a model."""

    targets: int  # words of the softmax, with the mark between texts (0) and the unknown word (1)
    width: int = 128  # of a word's vector in one direction
    cells: int = 128
    character_width: int = 16
    filters: tuple[int, ...] = (16, 16, 32, 32, 32)  # over 1, 2, 3, ... symbols
    highways: int = 1


class Highway(nn.Module):
    """What comes in, and a bent map of it, mixed by gates.

    Shape: (words, width) -> (words, width).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.both = nn.Linear(width, 2 * width)
        with torch.no_grad():
            self.both.bias[width:] = 1.0  # carry at first

    def forward(self, words: Float[Tensor, "words width"]) -> Float[Tensor, "words width"]:
        bent, gate = self.both(words).chunk(2, 1)
        return torch.lerp(torch.relu(bent), words, torch.sigmoid(gate))


class Spelled(nn.Module):
    """Words become vectors from their characters alone.

    Shape: symbols (words, symbols), 0 after a word's end -> (words, width).
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.symbols = nn.Embedding(SYMBOLS, sizes.character_width, padding_idx=PADDING)
        self.filters = nn.ModuleList(
            nn.Conv1d(sizes.character_width, count, width) for width, count in enumerate(sizes.filters, start=1)
        )
        total = sum(sizes.filters)
        self.highways = nn.Sequential(*(Highway(total) for _ in range(sizes.highways)))
        self.projection = nn.Linear(total, sizes.width)

    def forward(self, symbols: Int[Tensor, "words symbols"]) -> Float[Tensor, "words width"]:
        longest = max(1, int((symbols != PADDING).sum(1).max()))
        symbols = symbols[:, :longest].to(torch.int64)
        characters = self.symbols(symbols).transpose(1, 2)
        absent = (symbols == PADDING)[:, None, :]
        answers = []
        for place, filters in enumerate(self.filters):
            found = filters(nn.functional.pad(characters, (0, place)))  # a window begins at each symbol
            answers.append(found.masked_fill(absent, -torch.inf).amax(2))
        outputs: Tensor = self.projection(self.highways(torch.relu(torch.cat(answers, 1))))
        return outputs


class Memory(nn.Module):
    """One layer of LSTM (Hochreiter & Schmidhuber 1997), whose forget gates begin open; gates in torch's order.

    Shape: (lanes, steps, width), and outputs and cells (lanes, cells) before the first step -> the same afterwards.
    """

    def __init__(self, width: int, cells: int) -> None:
        super().__init__()
        bound = cells**-0.5
        self.input_weight = nn.Parameter(torch.empty(4 * cells, width).uniform_(-bound, bound))
        self.recurrent_weight = nn.Parameter(torch.empty(4 * cells, cells).uniform_(-bound, bound))
        self.input_bias = nn.Parameter(torch.zeros(4 * cells))
        self.recurrent_bias = nn.Parameter(torch.zeros(4 * cells))
        with torch.no_grad():
            self.input_bias[cells : 2 * cells] = 1.0

    def forward(self, words: Tensor, output: Tensor, cell: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        weights: list[Tensor] = [self.input_weight, self.recurrent_weight, self.input_bias, self.recurrent_bias]
        first = (output[None].contiguous(), cell[None].contiguous())
        found, last, last_cell = torch.lstm(words, first, weights, True, 1, 0.0, words.is_cuda, False, True)
        return found, last[0], last_cell[0]


class Direction(nn.Module):
    """Two layers of LSTM over words in the order in which they come.

    Shape: (lanes, steps, width) -> the same for each layer.
    """

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.memories = nn.ModuleList(Memory(sizes.width, sizes.cells) for _ in range(LAYERS))
        self.projections = nn.ModuleList(nn.Linear(sizes.cells, sizes.width, bias=False) for _ in range(LAYERS))

    def forward(
        self, words: Float[Tensor, "lanes steps width"], carried: Float[Tensor, "layers lanes state"], drop: Drop = kept
    ) -> tuple[list[Float[Tensor, "lanes steps width"]], Float[Tensor, "layers lanes state"]]:
        """Return what each layer puts out, and the states at the end; `carried` are those at the beginning."""
        outputs, ends, hidden = [], [], words
        for place, (layer, projection) in enumerate(zip(self.memories, self.projections, strict=True)):
            output, cell = carried[place].chunk(2, 1)
            found, last, last_cell = layer(drop(hidden), output, cell)
            hidden = projection(found) if place == 0 else projection(found) + hidden
            outputs.append(hidden)
            ends.append(torch.cat([last, last_cell], 1))
        return outputs, torch.stack(ends)


class LanguageModel(nn.Module):
    """Both directions, with the words below and the softmax above that they share."""

    def __init__(self, sizes: Sizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.spelled = Spelled(sizes)
        self.directions = nn.ModuleList([Direction(sizes), Direction(sizes)])  # forward, backward
        self.softmax = softmax_of(sizes)

    def no_state(
        self, lanes: int, device: torch.device | None = None
    ) -> Float[Tensor, "directions layers lanes state"]:
        """Return the states before the first word."""
        return torch.zeros(2, LAYERS, lanes, 2 * self.sizes.cells, device=device)

    def losses(self, hidden: Float[Tensor, "words width"], targets: Int[Tensor, " words"]) -> Float[Tensor, " words"]:
        """Return −ln p of each target, given the outputs of a last layer."""
        if isinstance(self.softmax, nn.AdaptiveLogSoftmaxWithLoss):
            found: Tensor = -self.softmax(hidden, targets).output
            return found
        return nn.functional.cross_entropy(self.softmax(hidden), targets, reduction="none")

    def layers(
        self, words: Float[Tensor, "texts steps width"], lengths: Int[Tensor, " texts"]
    ) -> list[Float[Tensor, "texts steps both"]]:
        """Return the vectors of every layer for texts filled up at their ends, forward and backward beside each other.

        The lowest is the words themselves, twice; what lies beyond a text's end is not to be used.
        """
        there = _turned(lengths, words.shape[1])
        ahead, behind = self.no_state(len(words), words.device)
        forward, _ = self.directions[0](words, ahead)
        backward, _ = self.directions[1](_gathered(words, there), behind)
        pairs = [(words, words), *zip(forward, (_gathered(each, there) for each in backward), strict=True)]
        return [torch.cat(pair, 2) for pair in pairs]


def softmax_of(sizes: Sizes) -> nn.Module:
    """Return the softmax over so many words: plain over few, adaptive over many."""
    if sizes.targets <= FEW:
        return nn.Linear(sizes.width, sizes.targets)
    cutoffs = [int(HEAD_SHARE * sizes.targets), int(MIDDLE_SHARE * sizes.targets)]
    return nn.AdaptiveLogSoftmaxWithLoss(sizes.width, sizes.targets, cutoffs, div_value=min(DIVISOR, sizes.width**0.5))


def _turned(lengths: Int[Tensor, " texts"], steps: int) -> Int[Tensor, "texts steps"]:
    """Return the place that each place of a text has when it is read from its end; what fills up stays."""
    places = torch.arange(steps, device=lengths.device)[None, :].expand(len(lengths), steps)
    return torch.where(places < lengths[:, None], lengths[:, None] - 1 - places, places)


def _gathered(words: Float[Tensor, "texts steps width"], places: Int[Tensor, "texts steps"]) -> Tensor:
    return words.gather(1, places[:, :, None].expand_as(words))
