"""The encoder of a transformer (Vaswani et al. 2017) as BERT has it: normalized after each sum, over packed texts.

The three maps of attention are one matrix; nothing is padded and nothing masked (`packed.py`). Dropout comes from
outside as a function, because what is random is the business of whoever trains; what attention gives each piece is not
dropped, so that its kernel stays one call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import scaled_dot_product_attention

from fitwell.pretrained.configuration import Configuration, Pooling
from fitwell.pretrained.packed import Packed

Drop = Callable[[Tensor, int], Tensor]  # of hidden pieces, and the number of the place where they are
Vectors = Float[Tensor, "pieces width"]


class Gelu(nn.Module):
    """The Gaussian error linear unit, in place where nothing is learned: what it is given is nobody else's then."""

    def __init__(self, approximate: str = "none") -> None:
        super().__init__()
        self.approximate = approximate

    def forward(self, inputs: Float[Tensor, ...]) -> Float[Tensor, ...]:
        bend = torch.ops.aten.gelu if torch.is_grad_enabled() else torch.ops.aten.gelu_
        outputs: Tensor = bend(inputs, approximate=self.approximate)
        return outputs


BENT: dict[str, Callable[[], nn.Module]] = {
    "gelu": Gelu,
    "gelu_tanh": lambda: Gelu("tanh"),
    "relu": nn.ReLU,
    "silu": nn.SiLU,
}


def kept(hidden: Tensor, place: int) -> Tensor:
    """Drop nothing."""
    return hidden


def by_run(hidden: Tensor, texts: Packed) -> tuple[Tensor, ...]:
    """Return the pieces of each run; one split serves all, whose gradient is one concatenation."""
    return torch.split(hidden, [run.pieces.stop - run.pieces.start for run in texts.runs])


class Block(nn.Module):
    """Attention, then two maps with a bend between; each is added to what came in, and the sum normalized."""

    def __init__(self, configuration: Configuration) -> None:
        super().__init__()
        width, inner = configuration.width, configuration.inner
        self.heads = configuration.heads
        self.asked = nn.Linear(width, 3 * width)  # queries, keys and values
        self.mixed = nn.Linear(width, width)
        self.first_normalization = nn.LayerNorm(width, eps=configuration.epsilon)
        self.inner = nn.Linear(width, inner)
        self.bend = BENT[configuration.activation]()
        self.outer = nn.Linear(inner, width)
        self.second_normalization = nn.LayerNorm(width, eps=configuration.epsilon)

    def forward(self, hidden: Vectors, texts: Packed, drop: Drop, place: int) -> Vectors:
        hidden = self.first_normalization(hidden + drop(self.mixed(self._attended(hidden, texts)), place))
        outputs: Tensor = self.second_normalization(hidden + drop(self.outer(self.bend(self.inner(hidden))), place + 1))
        return outputs

    def _attended(self, hidden: Vectors, texts: Packed) -> Vectors:
        # Never in less than the sums have: on a CPU, the way back through attention takes ten times as long in that.
        asked = self.asked(hidden).to(hidden.dtype)
        width = asked.shape[1] // 3
        found = []
        with torch.autocast(hidden.device.type, enabled=False):
            for run, part in zip(texts.runs, by_run(asked, texts), strict=True):
                # (texts, length, 3, heads, width of a head) -> 3 of (texts, heads, length, width of a head)
                shaped = part.view(-1, run.length, 3, self.heads, width // self.heads)
                query, key, value = shaped.permute(2, 0, 3, 1, 4).unbind(0)
                answers = scaled_dot_product_attention(query, key, value)
                found.append(answers.transpose(1, 2).reshape(-1, width))
        return torch.cat(found)


def _table(count: int, width: int) -> nn.Embedding:
    """Return a table whose vectors are not drawn: on "meta", that imports PyTorch's compiler, which takes seconds."""
    return nn.Embedding(count, width, _weight=torch.empty(count, width))


class Transformer(nn.Module):
    """Pieces of texts become vectors in context.

    Its weights are zeros until they are loaded.

    Shape: packed texts -> (pieces, width).
    """

    def __init__(self, configuration: Configuration) -> None:
        super().__init__()
        self.configuration = configuration
        width, entry_width = configuration.width, configuration.entry_width
        with torch.device("meta"):  # drawing weights that are replaced takes longer than loading them
            self.entries = _table(configuration.vocabulary, entry_width)
            self.places = _table(configuration.positions, entry_width)
            self.segments = _table(configuration.types, entry_width) if configuration.types else None
            self.normalization = nn.LayerNorm(entry_width, eps=configuration.epsilon)
            self.widening = nn.Linear(entry_width, width) if entry_width != width else nn.Identity()
            self.blocks = nn.ModuleList(Block(configuration) for _ in range(configuration.layers))

    def allocated(self) -> Transformer:
        """Return the module itself, its weights zeros in memory."""
        self.to_empty(device="cpu")
        for parameter in self.parameters():
            nn.init.zeros_(parameter)
        return self

    @property
    def drops(self) -> int:
        """How many places there are at which something may be dropped."""
        return 1 + 2 * len(self.blocks)

    @property
    def multiplications(self) -> float:
        """How many multiplications one piece takes, about; what it asks of the others is small beside that."""
        return float(sum(parameter.numel() for parameter in self.blocks.parameters() if parameter.ndim == 2))

    def forward(self, texts: Packed, drop: Drop = kept, *, depth: int | None = None) -> Vectors:
        """Return the pieces after `depth` of the layers: 0 is what enters them, None what leaves the last."""
        *_, hidden = self.layers(texts, drop, depth=depth)
        return hidden

    def layers(self, texts: Packed, drop: Drop = kept, *, depth: int | None = None) -> Iterator[Vectors]:
        """Yield the pieces as they enter the first layer, and as they leave each of them, up to `depth` layers."""
        hidden: Tensor = self.entries(texts.numbers) + self.places(texts.places + self.configuration.first_position)
        if self.segments is not None:
            hidden = hidden + (self.segments.weight[0] if texts.segments is None else self.segments(texts.segments))
        hidden = self.widening(drop(self.normalization(hidden), 0))
        yield hidden
        for number, block in enumerate(self.blocks[:depth]):
            hidden = block(hidden, texts, drop, 1 + 2 * number)
            yield hidden


def pooled(hidden: Vectors, texts: Packed, pooling: tuple[Pooling, ...]) -> Float[Tensor, "texts pooled_width"]:
    """Return one vector for each text of the batch, in its order; that of a text without a piece is zero.

    Several ways of pooling stand beside each other, in the order of sentence-transformers' configuration.
    """
    width = len(pooling) * hidden.shape[1]
    of_runs = []
    for run, part in zip(texts.runs, by_run(hidden, texts), strict=True):
        block = part.view(-1, run.length, hidden.shape[1])
        of_runs.append(torch.cat([POOLINGS[name](block) for name in pooling], 1))
    vectors = hidden.new_zeros(texts.count, width)
    if not of_runs:
        return vectors
    return vectors.index_copy(0, texts.order, torch.cat(of_runs))


POOLINGS: dict[Pooling, Callable[[Float[Tensor, "texts length width"]], Float[Tensor, "texts width"]]] = {
    "first": lambda block: block[:, 0],
    "max": lambda block: block.amax(1),
    "mean": lambda block: block.mean(1),
    "root_mean": lambda block: block.sum(1) / block.shape[1] ** 0.5,
}
