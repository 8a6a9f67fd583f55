"""An activation bends what a linear map put out, and decides how the map before it should start.

A gain g = 1/√E[f(z)²], z ~ N(0, 1), is how much larger weights must be so that signals keep their size on the way
through f (He et al. 2015 for ReLU). Activations that pass half of their input unchanged start by He's rule with their
gain; bounded ones and near-linear ones by Glorot's rule, which keeps the gradients' size on the way back as well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from torch import nn

from fitwell.recipe import InitializationName, NetworkSettings


@dataclass(frozen=True, kw_only=True)
class Activation:
    """A nonlinearity and what follows from its shape."""

    module: Callable[[NetworkSettings], nn.Module]
    gain: Callable[[NetworkSettings], float]  # 1/√E[f(z)²] for a standard normal z
    saturates: tuple[float, float] | None  # bounds where the slope vanishes on both sides; None: no such bounds
    initialization: InitializationName  # unless the recipe says otherwise
    why: str  # the initialization
    definition: str


def _always(gain: float) -> Callable[[NetworkSettings], float]:
    return lambda settings: gain


def leaky_gain(settings: NetworkSettings) -> float:
    """Return √(2 / (1 + α²)): half of the squares pass, the other half times α² (He et al. 2015).

    >>> leaky_gain(NetworkSettings(leaky_slope=1.0))
    1.0
    """
    return math.sqrt(2 / (1 + settings.leaky_slope**2))


_HALF = "passes positive inputs and stops negative ones, so He's rule with its gain keeps signals the same size"
_BOUNDED = "flattens large inputs, so Glorot's rule keeps inputs and gradients where it still has slope"
_LINEAR = "is close to linear, so Glorot's rule keeps inputs and gradients the same size"

ACTIVATIONS: dict[str, Activation] = {
    "relu": Activation(
        module=lambda settings: nn.ReLU(),
        gain=_always(math.sqrt(2)),
        saturates=None,
        initialization="he_normal",
        why=_HALF,
        definition="max(0, x)",
    ),
    "leaky_relu": Activation(
        module=lambda settings: nn.LeakyReLU(settings.leaky_slope),
        gain=leaky_gain,
        saturates=None,
        initialization="he_normal",
        why=_HALF,
        definition="x if x > 0 else α x",
    ),
    "prelu": Activation(
        module=lambda settings: nn.PReLU(init=settings.leaky_slope),
        gain=leaky_gain,
        saturates=None,
        initialization="he_normal",
        why=_HALF,
        definition="x if x > 0 else α x, with α learned for each layer",
    ),
    "elu": Activation(
        module=lambda settings: nn.ELU(),
        gain=_always(1.2451983007007066),
        saturates=None,
        initialization="he_normal",
        why=_HALF,
        definition="x if x > 0 else e^x − 1",
    ),
    "selu": Activation(
        module=lambda settings: nn.SELU(),
        gain=_always(1.0),
        saturates=None,
        initialization="he_normal",
        why="normalizes signals by itself if weights have variance 1/inputs: He's rule with gain 1, LeCun's rule",
        definition="1.0507 · (x if x > 0 else 1.6733 (e^x − 1))",
    ),
    "gelu": Activation(
        module=lambda settings: nn.GELU(),
        gain=_always(1.5335304411955353),
        saturates=None,
        initialization="he_normal",
        why=_HALF,
        definition="x Φ(x), with Φ the standard normal distribution function",
    ),
    "silu": Activation(
        module=lambda settings: nn.SiLU(),
        gain=_always(1.6765324703310909),
        saturates=None,
        initialization="he_normal",
        why=_HALF,
        definition="x / (1 + e^(−x))",
    ),
    "mish": Activation(
        module=lambda settings: nn.Mish(),
        gain=_always(1.486847581273208),
        saturates=None,
        initialization="he_normal",
        why=_HALF,
        definition="x tanh(log(1 + e^x))",
    ),
    "softplus": Activation(
        module=lambda settings: nn.Softplus(),
        gain=_always(1.0418668355353016),
        saturates=None,
        initialization="glorot_uniform",
        why=_LINEAR,
        definition="log(1 + e^x)",
    ),
    "sigmoid": Activation(
        module=lambda settings: nn.Sigmoid(),
        gain=_always(1.8462285453386054),
        saturates=(0.0, 1.0),
        initialization="glorot_uniform",
        why=_BOUNDED,
        definition="1 / (1 + e^(−x))",
    ),
    "tanh": Activation(
        module=lambda settings: nn.Tanh(),
        gain=_always(1.5925374197228312),
        saturates=(-1.0, 1.0),
        initialization="glorot_uniform",
        why=_BOUNDED,
        definition="(e^x − e^(−x)) / (e^x + e^(−x))",
    ),
    "identity": Activation(
        module=lambda settings: nn.Identity(),
        gain=_always(1.0),
        saturates=None,
        initialization="glorot_uniform",
        why=_LINEAR,
        definition="x",
    ),
}
