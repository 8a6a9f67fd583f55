"""A network with some of an arm's changes made: other first weights, other layers, other calls."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable

import torch
from torch import Tensor, nn

from fitwell.doctor.examining.anatomy import Anatomy
from fitwell.doctor.examining.changes import REGULARIZED, WIDER, Arm
from fitwell.doctor.examining.subject import Subject, new_module, register
from fitwell.doctor.examining.tracing import DISTRIBUTIONS, SQUASHING, Rewired

HIDDEN = 128  # units of the stand-in's layers
DROPPED = 0.3
USUAL_MOMENTUM = 0.1  # of running means and spreads: torch's own default
LEAST_KEPT = 0.95  # of what dropout gets, where it is made lighter
FIRST_OUTPUTS = 0.1  # spread of the outputs before the first step
WIDENED = 4
LAYERS = (nn.Linear, nn.modules.conv._ConvNd)


class StandIn(nn.Module):
    """Two hidden layers on the flattened inputs (rows, …), giving outputs of the shape asked for.

    Of codes, such as word numbers, it takes the mean of their vectors.
    """

    def __init__(self, width: int, shape: tuple[int, ...], *, codes: int = 0) -> None:
        super().__init__()
        self.shape = shape
        self.vectors = nn.EmbeddingBag(codes, HIDDEN) if codes else None
        width = HIDDEN if codes else width
        self.layers = nn.Sequential(
            nn.Linear(width, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, HIDDEN),
            nn.ReLU(),
            nn.Linear(HIDDEN, math.prod(shape)),
        )

    def forward(self, inputs: Tensor) -> Tensor:
        """Return outputs (rows, …)."""
        flat = inputs.flatten(1)
        output: Tensor = self.layers(flat.float() if self.vectors is None else self.vectors(flat.long()))
        return output.reshape(len(inputs), *self.shape)


def network_of(subject: Subject, anatomy: Anatomy, arm: Arm, inputs: Tensor, *, seed: int) -> nn.Module:
    """Return the network of an arm before its first step; `inputs` (some rows, …) are what it will see."""
    if arm.is_another_network:
        torch.manual_seed(seed)
        codes = 0 if subject.is_numeric else int(subject.inputs.max()) + 1
        return StandIn(inputs[0].numel(), anatomy.output_shape, codes=codes)
    module = new_module(subject, seed)
    if "thaw" in arm.changes:
        for each in register(module).parameters():
            each.requires_grad_(each.is_floating_point())
    for name, change in IN_PLACE.items():
        if name in arm.changes:
            change(module)
    if "initialization" in arm.changes:
        torch.manual_seed(seed)
        redraw_soundly(module, anatomy, arm, inputs)
    return module


def keeps_its_outputs(subject: Subject, anatomy: Anatomy, arm: Arm) -> bool:
    """Tell whether the network of an arm gives outputs of the shape that the examined one gives."""
    some = subject.inputs[:2]
    with torch.no_grad():
        output = network_of(subject, anatomy, arm, some, seed=subject.seed).eval()(some)
    return tuple(output.shape[1:]) == anatomy.output_shape


def rewired(anatomy: Anatomy, arm: Arm, *, training: bool, undropped: bool = False) -> Rewired:
    """Return the context in which a forward pass of the arm runs; for one pass, `undropped` without its dropout."""
    hidden = anatomy.trace.hidden_activations
    if arm.is_another_network:
        return Rewired(left_out=(), rectified=(), bent=())
    left_out = [anatomy.trace.last] if "output" in arm.changes and anatomy.trace.last is not None else []
    rectified = (
        [call.number for call in hidden if call.name in SQUASHING | DISTRIBUTIONS]
        if "activations" in arm.changes
        else []
    )
    dropped = [call.number for call in hidden] if REGULARIZED in arm.changes and training else []
    return Rewired(
        left_out=left_out,
        rectified=rectified,
        bent=anatomy.trace.unbent if "bent" in arm.changes else (),
        turned=(*anatomy.trace.over_rows, *anatomy.trace.of_one) if "axis" in arm.changes else (),
        dropped=dropped,
        share=DROPPED,
        through=training and "gradient" in arm.changes,
        kept=1.0 if undropped else LEAST_KEPT if "lighter" in arm.changes else 0.0,
    )


def redraw_soundly(module: nn.Module, anatomy: Anatomy, arm: Arm, inputs: Tensor) -> None:
    """Draw all weights anew, so that what leaves each layer has unit spread over these inputs.

    Layer-sequential unit variance: Mishkin and Matas 2016, All you need is a good init.
    """
    _redraw(module)
    scaled: set[int] = set()

    def to_unit_spread(layer: nn.Module, _given: object, output: Tensor) -> Tensor:
        spread = float(output.std()) if output.numel() > 1 else 0.0
        if id(layer) in scaled or not math.isfinite(spread) or spread < 1e-8:
            return output
        scaled.add(id(layer))
        assert isinstance(layer.weight, Tensor)
        # Outputs that begin near zero are not wrong before anything is learned.
        factor = spread if layer is not layers[-1] else spread / FIRST_OUTPUTS
        layer.weight.data.div_(factor)
        return output / factor

    layers = [part for part in module.modules() if isinstance(part, LAYERS)]
    hooks = [layer.register_forward_hook(to_unit_spread) for layer in layers]
    was_training = module.training
    module.train(len(inputs) > 1)  # normalization layers hand on what they will hand on in training
    buffers = {name: value.clone() for name, value in module.named_buffers()}
    with torch.no_grad(), rewired(anatomy, arm, training=False):
        module(inputs)
    for name, value in module.named_buffers():
        value.copy_(buffers[name])
    for hook in hooks:
        hook.remove()
    module.train(was_training)


def _redraw(module: nn.Module) -> None:
    """Draw weights by their fan-in, and let other layers draw their own; biases of layers are 0."""
    drawn: set[int] = set()
    for part in module.modules():
        reset = getattr(part, "reset_parameters", None)
        if isinstance(part, LAYERS):
            fill_by_fan_in(part.weight)
            if part.bias is not None:
                part.bias.data.zero_()
        elif callable(reset):
            reset()
        else:
            continue
        drawn.update(id(each) for each in part.parameters(recurse=False))
    for parameter in module.parameters():
        if id(parameter) not in drawn and parameter.ndim == 2 and parameter.is_floating_point():
            fill_by_fan_in(parameter)


def fill_by_fan_in(weight: Tensor) -> None:
    """Fill a weight (…, fan-in…) with normal values of spread 1 / √fan-in."""
    fan_in = weight[0].numel() if weight.ndim > 1 else weight.numel()
    weight.data.normal_(0, 1 / math.sqrt(max(1, fan_in)))


def _gate(module: nn.Module) -> None:
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.RNN):
                gated = nn.GRU(
                    child.input_size,
                    child.hidden_size,
                    child.num_layers,
                    bias=child.bias,
                    batch_first=child.batch_first,
                    dropout=child.dropout,
                    bidirectional=child.bidirectional,
                )
                setattr(parent, name, gated)


def _keep_pace(module: nn.Module) -> None:
    """Let running means and spreads follow the batches, in place."""
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._NormBase):
            part.momentum = USUAL_MOMENTUM


def put_rows_first(module: nn.Module) -> None:
    """Tell the layers that may take either axis for rows that it is the first, in place."""
    for part in module.modules():
        if isinstance(part, nn.RNNBase | nn.MultiheadAttention):
            part.batch_first = True


def widen(module: nn.Module) -> None:
    """Make every hidden layer wider in place; whoever calls it finds out whether the network still fits together."""
    layers = [part for part in module.modules() if isinstance(part, LAYERS)]
    for place, layer in enumerate(layers):
        _widen_layer(layer, inside=place > 0, outside=place < len(layers) - 1)
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            _rebuild(part, type(part)(part.num_features * WIDENED, eps=part.eps, momentum=part.momentum))
        elif isinstance(part, nn.LayerNorm):
            _rebuild(part, nn.LayerNorm([part.normalized_shape[-1] * WIDENED], eps=part.eps))


def _widen_layer(part: nn.Module, *, inside: bool, outside: bool) -> None:
    if isinstance(part, nn.Linear):
        wide = nn.Linear(
            part.in_features * (WIDENED if inside else 1),
            part.out_features * (WIDENED if outside else 1),
            bias=part.bias is not None,
        )
        _rebuild(part, wide)
    elif isinstance(part, nn.modules.conv._ConvNd):
        grouped = part.groups > 1
        made = type(part)(  # type: ignore[call-arg]
            part.in_channels * (WIDENED if inside else 1),
            part.out_channels * (WIDENED if outside else 1),
            part.kernel_size,
            stride=part.stride,
            padding=part.padding,
            dilation=part.dilation,
            groups=part.groups if not grouped or inside == outside else 1,
            bias=part.bias is not None,
        )
        _rebuild(part, made)


def _rebuild(part: nn.Module, made: nn.Module) -> None:
    part.__dict__.update(copy.copy(made.__dict__))


IN_PLACE: dict[str, Callable[[nn.Module], None]] = {
    "gated": _gate,
    "rows_first": put_rows_first,
    "statistics": _keep_pace,
    WIDER: widen,
}
