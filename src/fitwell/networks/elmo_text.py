"""An ELMo model reads a text, and a network learns how to mix its layers (Peters et al. 2018).

Each layer's vectors of words are normalized and averaged over the text, scaled by those of the training texts, and then
mixed (`mixed_layers.py`). So a model that is kept reads each text once, before the first step, and its layers are mixed
anew in every step. One that is tuned learns along, layer by layer at rates of its own.
"""

from __future__ import annotations

import json
import re

import torch
from jaxtyping import Float, Int, Shaped
from torch import Tensor, nn
from torch.nn.functional import layer_norm

from fitwell.networks.layer import ArrayNetwork, ArrayStart, freeze
from fitwell.networks.mixed_layers import MixedLayers
from fitwell.networks.noise import Dropout
from fitwell.words.bilm.characters import BEGINS, BOUNDARY, ENDS, LONGEST
from fitwell.words.bilm.model import load_elmo, sizes_from
from fitwell.words.bilm.network import LAYERS, LanguageModel

TEXTS_AT_ONCE = 256


class ElmoText(ArrayNetwork):
    """Texts become their words' vectors of all layers, averaged and mixed.

    Shape: symbols (rows, symbols), 0 after a text's end, or what `read` returned -> (rows, width).
    """

    def __init__(self, start: ArrayStart) -> None:
        super().__init__()
        assert start.settings.dropout != "auto"
        assert start.settings.text.tuned != "auto"
        # Without training rows only the structure is of use, to be filled with saved weights.
        if start.sample is None:
            self.model = LanguageModel(sizes_from(json.loads(start.array.configuration)["sizes"], source="the run"))
        else:
            self.model = load_elmo(start.array.folder).network
        self.model.softmax = nn.Identity()  # tells words, which nobody asks for here
        self.is_tuned = start.settings.text.tuned
        self.model.requires_grad_(True)
        if not self.is_tuned:
            freeze(self.model)
        self.layers = nn.ModuleList()
        self.noise_layers = 1
        self.dropout = Dropout(start.settings.dropout, layer=start.noise_layer)
        self.width = 2 * self.model.sizes.width
        weights = sum(each.numel() for each in (*self.model.parameters(), *self.model.buffers()) if each.ndim == 2)
        self.multiplications = float(start.array.shape[0] / LONGEST * weights)
        self.mixed = MixedLayers(LAYERS + 1, self.width)
        if start.sample is not None:
            self.mixed.fit_to(start.sample, self._in_parts)

    def forward(self, symbols: Shaped[Tensor, "rows entries"], noise: Tensor | None) -> Float[Tensor, "rows width"]:
        vectors = symbols if symbols.is_floating_point() else self._in_parts(symbols)
        outputs: Tensor = self.dropout(self.mixed(vectors), noise)
        return outputs

    def read(self, symbols: Int[Tensor, "rows symbols"]) -> Float[Tensor, "rows entries"] | None:
        """Return the averages of every layer where training leaves them as they are, so that each text is read once."""
        if self.is_tuned:
            return None
        with torch.no_grad():
            return self._in_parts(symbols)

    def depth_of(self, name: str) -> int | None:
        """Return how many layers follow the one of a parameter; None for those that mix, which are new."""
        if not name.startswith("model."):
            return None
        found = re.search(r"\b(?:memories|projections)\.(\d+)\.", name)
        return LAYERS if found is None else LAYERS - 1 - int(found[1])

    def _in_parts(self, symbols: Int[Tensor, "rows symbols"]) -> Float[Tensor, "rows entries"]:
        averages = torch.cat([self._averages(some) for some in torch.split(symbols, TEXTS_AT_ONCE)])
        return self.mixed.scaled(averages) * (symbols[:, :1] > 0)  # those of a text without words stay zero

    def _averages(self, symbols: Int[Tensor, "rows symbols"]) -> Float[Tensor, "rows entries"]:
        spelled, places, lengths = words_of(symbols)
        distinct, numbers = torch.unique(spelled, dim=0, return_inverse=True)
        layers = self.model.layers(self.model.spelled(distinct)[numbers[places]], lengths)
        steps = torch.arange(places.shape[1], device=symbols.device)
        is_word = (steps > 0) & (steps < lengths[:, None] - 1)
        counts = is_word.sum(1, keepdim=True).clamp_min(1)
        shares = is_word.to(layers[0].dtype) / counts
        return torch.cat([(shares[:, None] @ layer_norm(each, (self.width,)))[:, 0] for each in layers], 1)


def words_of(
    symbols: Int[Tensor, "rows symbols"],
) -> tuple[Int[Tensor, "words longest"], Int[Tensor, "rows steps"], Int[Tensor, " rows"]]:
    """Return the symbols of each word, the mark between texts first; which words each text has, marks around; how many.

    >>> texts = torch.tensor([[257, 98, 258, 257, 99, 258], [257, 98, 258, 0, 0, 0]])
    >>> spelled, places, lengths = words_of(texts)
    >>> spelled[:, :3].tolist(), places.tolist(), lengths.tolist()
    ([[257, 259, 258], [257, 98, 258], [257, 99, 258], [257, 98, 258]], [[0, 1, 2, 0], [0, 3, 0, 0]], [4, 3])
    """
    symbols = symbols.to(torch.int64)
    begins = symbols == BEGINS
    counts = begins.sum(1)
    row, start = torch.nonzero(begins, as_tuple=True)
    word = begins.flatten().cumsum(0).view_as(symbols)  # from 1 on, over all texts
    spelled = symbols.new_zeros(len(row) + 1, LONGEST)
    spelled[0, :3] = torch.tensor([BEGINS, BOUNDARY, ENDS], device=symbols.device)
    present = symbols > 0
    first = torch.cat([start.new_zeros(1), start])[word]
    place = torch.arange(symbols.shape[1], device=symbols.device) - first
    spelled[word[present], place[present]] = symbols[present]
    places = symbols.new_zeros(len(symbols), int(counts.max()) + 2)
    of_text = torch.arange(1, len(row) + 1, device=symbols.device)
    places[row, of_text - (counts.cumsum(0) - counts)[row]] = of_text
    return spelled, places, counts + 2
