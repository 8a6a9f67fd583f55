"""Hooks that measure a step of somebody's own loop: what goes into layers, gradients, weights and updates.

A layer is a module with weights of its own that does not normalize. What it puts out, after whatever bends it, is what
goes into the layer that is called next: so activations are seen that are plain functions in a `forward`, and shortcuts
and pooling with them. Nothing waits for the device before somebody reads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from time import perf_counter

import torch
from jaxtyping import Float
from torch import Tensor, nn

from fitwell.training.signals import SATURATION_MARGIN, TINY

WEIGHTS = 2**15  # of a tensor of weights, about so many at most are measured: whole rows, evenly taken
ENTRIES = 2**16  # of what a layer puts out, about so many at most
ROWS, ARRAY_ROWS = 256, 16  # of a batch, at most; an image or a series has many entries for one unit
BOUNDED: dict[type[nn.Module], tuple[float, float]] = {
    nn.Sigmoid: (0.0, 1.0),
    nn.Tanh: (-1.0, 1.0),
    nn.Hardsigmoid: (0.0, 1.0),
    nn.Hardtanh: (-1.0, 1.0),
    nn.Softsign: (-1.0, 1.0),
}
NORMALIZING = (
    nn.modules.batchnorm._NormBase,
    nn.LayerNorm,
    nn.GroupNorm,
    nn.RMSNorm,
    nn.LocalResponseNorm,
)


@dataclass(frozen=True, kw_only=True)
class Held:
    """A layer of a model and the weights that are its own."""

    name: str
    module: nn.Module
    weights: tuple[nn.Parameter, ...]


def held_layers(model: nn.Module) -> tuple[Held, ...]:
    """Return the layers of a model in the order in which they are written down.

    >>> model = nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3), nn.ReLU(), nn.Linear(3, 1))
    >>> [layer.name for layer in held_layers(model)]
    ['0', '3']
    """
    return tuple(
        Held(name=name or type(module).__name__, module=module, weights=own)
        for name, module in model.named_modules()
        if not isinstance(module, NORMALIZING) and (own := tuple(module.parameters(recurse=False)))
    )


class Forward:
    """What was put out while the model ran forward in training, by layer; hooks hang while it listens."""

    def __init__(self, model: nn.Module, layers: tuple[Held, ...]) -> None:
        self.order: list[str] = []  # layers as they were first called
        self.seen: dict[str, Tensor] = {}  # layer -> mean, spread, zeros, dead
        self.saturated: dict[str, Tensor] = {}  # layer -> share
        self.inputs: Tensor | None = None  # (2, columns): spreads and largest sizes of what goes into the first layer
        self.spent = 0.0  # seconds, of the hooks
        self._last: str | None = None
        self._handles = [layer.module.register_forward_pre_hook(self._entering(layer.name)) for layer in layers]
        self._handles += [
            module.register_forward_hook(self._bounded(BOUNDED[type(module)]))
            for module in model.modules()
            if type(module) in BOUNDED
        ]
        # A model that is called again begins anew.
        self._handles.append(model.register_forward_pre_hook(self._beginning))

    def remove(self) -> None:
        """Take the hooks away."""
        for handle in self._handles:
            handle.remove()

    def _beginning(self, _module: nn.Module, _inputs: object) -> None:
        self._last = None

    def _entering(self, name: str):  # type: ignore[no-untyped-def]
        def hook(module: nn.Module, inputs: tuple[object, ...]) -> None:
            if not (module.training and torch.is_grad_enabled()):
                return
            started = perf_counter()
            if name not in self.order:
                self.order.append(name)
            elif name == self.order[0] != self._last:
                self._last = None  # another pass, of a model whose parts are called and not itself
            values = inputs[0] if inputs else None
            if isinstance(values, Tensor) and values.is_floating_point():
                units_first = _units_first(module)
                if self._last is None:
                    self.inputs = spreads(values.detach(), units_first=units_first)
                elif self._last != name:
                    self.seen[self._last] = measured(values.detach(), units_first=units_first)
            self._last = name
            self.spent += perf_counter() - started

        return hook

    def _bounded(self, bounds: tuple[float, float]):  # type: ignore[no-untyped-def]
        low, high = bounds
        margin = SATURATION_MARGIN * (high - low)

        def hook(module: nn.Module, _inputs: object, outputs: Tensor) -> None:
            if self._last is not None and module.training and torch.is_grad_enabled():
                started = perf_counter()
                values = _some(outputs.detach(), units_first=outputs.ndim > 3)
                share = ((values < low + margin) | (values > high - margin)).float().mean()
                self.saturated[self._last] = share
                self.spent += perf_counter() - started

        return hook


def measured(values: Tensor, *, units_first: bool) -> Float[Tensor, 4]:
    """Return mean, spread, share of zeros, and share of units that are zero in every row.

    A unit is an entry of the last axis, or with `units_first` of the axis after the rows, as images have it.

    >>> measured(torch.tensor([[0.0, 1.0, 0.0], [0.0, 3.0, 2.0]]), units_first=False)
    tensor([1.0000, 1.1547, 0.5000, 0.3333])
    """
    some = _some(values, units_first=units_first).float()
    spread, mean = torch.std_mean(some, correction=0)
    zero = some == 0
    dead = _columns(zero, units_first=units_first).all(0)
    return torch.stack([mean, spread, zero.float().mean(), dead.float().mean()])


def spreads(values: Tensor, *, units_first: bool) -> Float[Tensor, "2 columns"]:
    """Return the standard deviation and the largest size of each column, or of each channel of images.

    >>> spreads(torch.tensor([[0.0, -5.0], [2.0, -5.0]]), units_first=False)
    tensor([[1., 0.],
            [2., 5.]])
    """
    columns = _columns(_some(values, units_first=units_first), units_first=units_first).float()
    return torch.stack([columns.std(0, correction=0), columns.abs().amax(0)])


def _columns(values: Tensor, *, units_first: bool) -> Tensor:
    moved = values.transpose(1, -1) if units_first and values.ndim > 2 else values
    return moved.reshape(-1, moved.shape[-1])


def _some(values: Tensor, *, units_first: bool) -> Tensor:
    """Return some rows, and of images and series evenly taken places, of all units.

    >>> _some(torch.empty(99, 64, 32, 32), units_first=True).shape
    torch.Size([16, 64, 8, 8])
    >>> _some(torch.empty(99, 512, 64), units_first=False).shape
    torch.Size([16, 64, 64])
    """
    if values.ndim <= 2:
        return values[:ROWS]
    some = values[:ARRAY_ROWS]
    every = math.ceil((some.numel() / ENTRIES) ** (1 / (some.ndim - 2)))
    places = (slice(None, None, every),) * (some.ndim - 2)
    return some[(slice(None), slice(None), *places) if units_first else (slice(None), *places)]


def _units_first(module: nn.Module) -> bool:
    return isinstance(module, nn.modules.conv._ConvNd)


class Weights:
    """Norms of gradients, weights and updates of one step, by layer."""

    def __init__(self, layers: tuple[Held, ...]) -> None:
        self._tensors = [weight for layer in layers for weight in layer.weights if weight.requires_grad]
        places = [place for place, layer in enumerate(layers) for each in layer.weights if each.requires_grad]
        self._places, self._layers = torch.tensor(places), len(layers)
        self._frozen = torch.tensor([place for place in range(len(layers)) if place not in places], dtype=torch.int64)
        self._before: list[Tensor] = []
        self._sizes: Tensor | None = None
        self._gradients: Tensor | None = None

    def before(self) -> None:
        """Measure gradients and weights before the optimizer moves them, and remember the weights."""
        with torch.no_grad():
            self._before = [part(weight).clone() for weight in self._tensors]
            self._sizes = self._norms(self._before)
            gradients = [
                torch.zeros(1, device=weight.device) if weight.grad is None else dense(weight.grad)
                for weight in self._tensors
            ]
            self._gradients = self._norms([part(gradient) for gradient in gradients], whole=gradients)

    def after(self) -> Float[Tensor, "layers 3"]:
        """Return the norms of gradients and weights, and the size of the update beside the weights."""
        assert self._sizes is not None
        assert self._gradients is not None
        with torch.no_grad():
            now = [part(weight) for weight in self._tensors]
            moved = self._norms(torch._foreach_sub(now, self._before))
            size = torch.maximum(self._sizes, self._norms(now)).clamp_min(TINY)
            self._before = []
            return torch.stack([self._gradients, self._sizes, moved / size], -1)

    def _norms(self, tensors: list[Tensor] | tuple[Tensor, ...], whole: list[Tensor] | None = None) -> Tensor:
        """Return the norm of each layer, from the norms of parts of its tensors."""
        norms = torch.stack(torch._foreach_norm(tensors, 2, dtype=torch.float32))
        wholes = whole if whole is not None else self._tensors
        shares = [math.sqrt(each.numel() / max(1, seen.numel())) for each, seen in zip(wholes, tensors, strict=True)]
        squares = (norms * torch.tensor(shares, device=norms.device)).square()
        places = self._places.to(norms.device)
        found = torch.zeros(self._layers, device=norms.device).index_add_(0, places, squares).sqrt()
        return found.index_fill_(0, self._frozen.to(norms.device), torch.nan)


def part(tensor: Tensor) -> Tensor:
    """Return a tensor, or of a large one whole rows that are evenly taken: a view that shares its memory."""
    every = -(-tensor.numel() // WEIGHTS)
    return tensor.detach()[::every] if every > 1 and tensor.ndim else tensor.detach()


def dense(gradient: Tensor) -> Tensor:
    """Return a gradient that may be sparse as its entries that are not zero."""
    return gradient.coalesce().values() if gradient.is_sparse else gradient


def as_rows(
    layers: tuple[Held, ...], weights: Float[Tensor, "layers 3"], forward: Forward
) -> Iterator[tuple[str, Mapping[str, Tensor]]]:
    """Yield what was measured of each layer, by the names of `training.signals`."""
    for place, layer in enumerate(layers):
        found: dict[str, Tensor] = dict(
            zip(("gradient_norm", "weight_norm", "update_ratio"), weights[place].unbind(), strict=True)
        )
        if layer.name in forward.seen:
            names = ("activation_mean", "activation_spread", "zeros", "dead")
            found |= dict(zip(names, forward.seen[layer.name].unbind(), strict=True))
        if layer.name in forward.saturated:
            found["saturation"] = forward.saturated[layer.name]
        yield layer.name, found
