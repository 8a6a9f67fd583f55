"""What a network computes, seen from its calls: linear layers, activations between them, what shapes the output.

Modules and functions end in the same calls of torch, so watching the calls sees both, and a call can be answered
differently: another activation here, one more there, none at the output. The k-th watched call of a forward pass is
the same every time, so a change names calls by their numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.overrides import TorchFunctionMode

LINEAR = frozenset(
    {
        *("linear", "matmul", "__matmul__", "__rmatmul__", "mm", "addmm", "conv1d", "conv2d", "conv3d"),
        *("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"),
    }
)
RECURRENT = frozenset({"lstm", "gru", "rnn_tanh", "rnn_relu"})
RECTIFIERS = frozenset({"relu", "relu_", "relu6", "threshold", "clamp_min"})
SQUASHING = frozenset({"sigmoid", "sigmoid_", "tanh", "tanh_", "hardtanh", "hardsigmoid", "softsign"})
DISTRIBUTIONS = frozenset({"softmax", "log_softmax", "softmin"})
SMOOTH = frozenset({"leaky_relu", "elu", "gelu", "silu", "selu", "softplus", "mish", "celu", "prelu", "hardswish"})
EXPONENTIAL = frozenset({"exp", "exp_"})  # as an output's activation; within a network it is seldom one of units
ACTIVATIONS = RECTIFIERS | SQUASHING | DISTRIBUTIONS | SMOOTH | EXPONENTIAL
CUTTING = frozenset({"clamp", "clamp_", "clip", "clip_"})  # numbers on both sides, which is as good as an activation
# What leaves a linear function of its input linear: views, averages, dropout, batch normalization, sums.
CARRIES = frozenset(
    {
        *("view", "reshape", "flatten", "squeeze", "unsqueeze", "transpose", "permute", "contiguous", "__getitem__"),
        *("dropout", "batch_norm", "mean", "sum", "avg_pool1d", "avg_pool2d", "adaptive_avg_pool1d", "view_as"),
        *("adaptive_avg_pool2d", "add", "__add__", "__radd__", "__iadd__", "add_", "sub", "__sub__", "to", "float"),
        *("reshape_as", "t", "select", "movedim"),
    }
)
# Views alone keep what an activation gave as it is.
VIEWS = frozenset(
    {
        *("view", "reshape", "flatten", "squeeze", "unsqueeze", "transpose", "permute", "contiguous", "__getitem__"),
        *("to", "float", "view_as", "reshape_as", "t", "select", "movedim"),
    }
)

# Flat steps, which are as good as straight where the gradient passes (Bengio, Léonard and Courville 2013, Estimating or
# propagating gradients through stochastic neurons).
FLAT = frozenset({"round", "floor", "ceil", "trunc", "sign", "sgn"})
COMPARING: Mapping[str, int] = {"gt": 1, "ge": 1, "lt": -1, "le": -1}  # whether it rises with what is compared
AS_NUMBERS = frozenset({"float", "double", "half", "to", "type", "type_as"})
DETACHING = frozenset({"detach", "detach_", "tensor", "new_tensor"})  # the last two where they copy a tensor

DROPPING = frozenset(
    {"dropout", "dropout1d", "dropout2d", "dropout3d", "alpha_dropout", "feature_dropout", "feature_alpha_dropout"}
)
SHARE_DROPPED = 0.5  # where a call does not say

Kind = Literal["linear", "recurrent", "activation"]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One watched call of a forward pass."""

    number: int
    kind: Kind
    name: str
    follows: int | None  # the linear call whose output reached it unbent
    weight: int | None  # `id` of the parameter that a linear call multiplies by
    width: int = 0  # units of its output
    axis: int | None = None  # of a distribution
    alone: bool = False  # a distribution over an axis of one number, of what has parts along another
    bounds: tuple[float, float] | None = None  # of what cuts values


@dataclass(frozen=True, kw_only=True)
class Trace:
    """The watched calls of one forward pass, in order, and its output."""

    calls: tuple[Call, ...]
    output: Tensor
    last: int | None  # the activation whose values are the output
    dropout: float = 0.0  # the largest share that a call drops in training

    @property
    def output_activation(self) -> Call | None:
        """The activation that shapes the output, None where the output is what a layer gives."""
        return None if self.last is None else self.calls[self.last]

    @property
    def hidden_activations(self) -> tuple[Call, ...]:
        """The activations of layers that are not the output's; not those of attention weights."""
        return tuple(
            call
            for call in self.calls
            if call.kind == "activation"
            and call.number != self.last
            and call.name not in EXPONENTIAL
            and not (call.name in DISTRIBUTIONS and call.follows is None)
        )

    @property
    def over_rows(self) -> tuple[int, ...]:
        """The calls within the network that make shares of what all rows of a batch have, not of one row's parts."""
        return tuple(call.number for call in self.calls if call.axis == 0 and call.number != self.last)

    @property
    def of_one(self) -> tuple[int, ...]:
        """The calls within the network that make a share of one number by itself, which is 1 whatever it is."""
        return tuple(call.number for call in self.calls if call.alone and call.number != self.last)

    @property
    def unbent(self) -> tuple[int, ...]:
        """The linear calls whose output reaches another linear layer with no activation between them."""
        found = {call.follows for call in self.calls if call.kind in ("linear", "recurrent")}
        return tuple(sorted(number for number in found if number is not None))


def _tensors(values: Iterable[Any]) -> list[Tensor]:
    return [value for value in values if isinstance(value, Tensor)]


def _watched(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Kind | None:
    arguments = (*args, *kwargs.values())
    bends = name in ACTIVATIONS or (name in CUTTING and _bounds(args, kwargs) is not None)
    if bends:  # of a parameter, as what keeps a number positive, it is no activation of units
        return None if any(isinstance(each, nn.Parameter) for each in arguments[:1]) else "activation"
    if name in RECURRENT:
        return "recurrent"
    if name in LINEAR and any(isinstance(each, nn.Parameter) for each in arguments):
        return "linear"
    return None


class _Watching(TorchFunctionMode):
    """Notes the calls of a forward pass, and what each linear one reaches."""

    def __init__(self, each: Callable[[Call, Tensor], None] | None = None) -> None:
        super().__init__()
        self.calls: list[Call] = []
        self.each = each
        self.linear_from: dict[int, int] = {}  # by `id` of a tensor: the linear call it is a linear function of
        self.activation_from: dict[int, int] = {}  # the activation whose values it has
        self.dropout = 0.0
        self.kept: list[Tensor] = []  # an `id` means something while its tensor lives

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        name = getattr(func, "__name__", "")
        output = result[0] if isinstance(result, tuple) and result and isinstance(result[0], Tensor) else result
        if not isinstance(output, Tensor):
            return result
        if name in DROPPING:
            self.dropout = max(self.dropout, _dropped(args, kwargs))
        given = _tensors([*args, *kwargs.values()])
        source = next((self.linear_from[id(each)] for each in given if id(each) in self.linear_from), None)
        shaped = next((self.activation_from[id(each)] for each in given if id(each) in self.activation_from), None)
        self.kept += [output]
        for table in (self.linear_from, self.activation_from):
            table.pop(id(output), None)
        kind = _watched(name, args, kwargs)
        if kind is not None:
            weight = next((id(each) for each in given if isinstance(each, nn.Parameter)), None)
            call = Call(
                number=len(self.calls),
                kind=kind,
                name=name.rstrip("_"),
                follows=source,
                weight=weight,
                width=output.shape[-1] if output.ndim else 1,
                axis=_axis(name, args, kwargs),
                alone=_is_alone(_axis(name, args, kwargs), output),
                bounds=_bounds(args, kwargs) if name in CUTTING else None,
            )
            self.calls.append(call)
            if kind == "linear":
                self.linear_from[id(output)] = call.number
            elif kind == "activation":
                # What only keeps shares from 0 and 1 leaves the activation before it what it was.
                self.activation_from[id(output)] = shaped if name in CUTTING and shaped is not None else call.number
            if self.each is not None:
                self.each(call, output)
        else:
            if name in CARRIES and source is not None:
                self.linear_from[id(output)] = source
            if name in VIEWS and shaped is not None:
                self.activation_from[id(output)] = shaped
        return result


def _dropped(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> float:
    return float(kwargs.get("p", args[1] if len(args) > 1 else SHARE_DROPPED))


def _bounds(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[float, float] | None:
    """Return between what numbers a call cuts, None where it cuts on one side, or codes."""
    given = args[0] if args else kwargs.get("input")
    low, high = (kwargs.get(name, args[at] if len(args) > at else None) for name, at in (("min", 1), ("max", 2)))
    if not isinstance(given, Tensor) or not given.is_floating_point():
        return None
    return (float(low), float(high)) if isinstance(low, int | float) and isinstance(high, int | float) else None


def _axis(name: str, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> int | None:
    if name not in DISTRIBUTIONS:
        return None
    axis = kwargs.get("dim", args[1] if len(args) > 1 else None)
    return axis if isinstance(axis, int) else None


def _is_alone(axis: int | None, output: Tensor) -> bool:
    """Tell whether shares of a step (rows, steps, 1) are taken of it alone, and not of all steps."""
    return axis in (2, -1) and output.ndim == 3 and output.shape[2] == 1 < output.shape[1]


def trace(module: nn.Module, inputs: Tensor, each: Callable[[Call, Tensor], None] | None = None) -> Trace:
    """Return what a forward pass without gradients calls; `each` is shown every watched call and its output."""
    with torch.no_grad(), _Watching(each) as watching:
        output = module(inputs)
    return Trace(
        calls=tuple(watching.calls),
        output=output,
        last=watching.activation_from.get(id(output)),
        dropout=watching.dropout,
    )


class Rewired(TorchFunctionMode):
    """A forward pass within it has activations left out, replaced by ReLU, followed by dropout, or inserted.

    Of what is `turned`, shares run over axis 1 instead. With `kept`, dropout keeps at least that share. With
    `through`, the gradient passes what would have stopped it: detaching, flat steps, and `torch.no_grad`.
    """

    def __init__(
        self,
        *,
        left_out: Collection[int],
        rectified: Collection[int],
        bent: Collection[int],
        turned: Collection[int] = (),
        dropped: Collection[int] = (),
        share: float = 0.0,
        through: bool = False,
        kept: float = 0.0,
    ) -> None:
        super().__init__()
        self.left_out, self.rectified, self.bent = frozenset(left_out), frozenset(rectified), frozenset(bent)
        self.turned = frozenset(turned)
        self.dropped, self.share = frozenset(dropped), share
        self.through, self.kept = through, kept
        self.number = 0
        self.compared: dict[int, tuple[Tensor, Tensor]] = {}  # by `id` of what came out: that, and what it rises with

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if not self.through:
            return self._answered(func, name, args, kwargs)
        with torch.enable_grad():
            found = self._passed(func, name, args, kwargs)
            return self._answered(func, name, args, kwargs) if found is None else found

    def _passed(self, func: Any, name: str, args: Any, kwargs: Any) -> Tensor | None:
        """Return what a call gives that stops the gradient, with the gradient; None for other calls.

        A comparison rises with the difference of what is compared, and has its slope where it becomes numbers.
        """
        if not args or not isinstance(args[0], Tensor):
            return None
        value = args[0]
        if name in DETACHING or getattr(func, "__self__", None) is Tensor.data:
            copied = args[1] if name == "new_tensor" else value
            return copied if isinstance(copied, Tensor) else None
        if name in FLAT and value.is_floating_point():
            stepped: Tensor = func(*args, **kwargs)
            return value + (stepped - value).detach()
        if name in COMPARING and len(args) > 1:
            result: Tensor = func(*args, **kwargs)
            self.compared[id(result)] = result, COMPARING[name] * (value - args[1])
            return result
        if id(value) in self.compared and name in AS_NUMBERS | {"where"}:
            result = func(*args, **kwargs)
            slope = self.compared[id(value)][1]
            rise = args[1] - args[2] if name == "where" else 1.0
            return result + rise * (slope - slope.detach()) if result.is_floating_point() else None
        return None

    def _answered(self, func: Any, name: str, args: Any, kwargs: Any) -> Any:
        if self.kept and name in DROPPING:
            lighter = min(_dropped(args, kwargs), 1 - self.kept)
            positional = (args[0], lighter, *args[2:]) if len(args) > 1 else args
            return func(*positional, **(kwargs if len(args) > 1 else {**kwargs, "p": lighter}))
        kind = _watched(name, args, kwargs)
        if kind is None:
            return func(*args, **kwargs)
        number, self.number = self.number, self.number + 1
        if number in self.left_out:
            return args[0] if args else kwargs["input"]
        if number in self.rectified:
            result = functional.relu(args[0] if args else kwargs["input"])
        elif number in self.turned:
            result = functional.softmax(args[0] if args else kwargs["input"], 1)
            result = result.log() if name.startswith("log") else result
        else:
            result = func(*args, **kwargs)
        if number in self.bent:
            result = functional.relu(result)
        return functional.dropout(result, self.share) if number in self.dropped else result

    @property
    def changes_nothing(self) -> bool:
        """True when no call is answered differently."""
        return not (
            self.left_out or self.rectified or self.bent or self.turned or self.dropped or self.through or self.kept
        )
