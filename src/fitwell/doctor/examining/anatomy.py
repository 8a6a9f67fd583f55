"""What the examined training is made of, told before its first step."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fitwell.doctor.examining.losses import OF_LOGARITHMS, OF_RATES, REFUSED, LossKind, gradient_of, recognize
from fitwell.doctor.examining.reading import LOOKED_AT, Reading, reading_of
from fitwell.doctor.examining.scoring import Task, class_counts, labels_of, task_of
from fitwell.doctor.examining.subject import Subject, calmed, new_module, steps_of, unregistered
from fitwell.doctor.examining.thresholds import SUMS_TO_ONE
from fitwell.doctor.examining.tracing import RECTIFIERS, Rewired, Trace, trace
from fitwell.errors import RequestError

CALM = 1e-4  # relative: what rounding leaves between two calls


@dataclass(frozen=True, kw_only=True)
class Anatomy:
    """The parts of a training that its symptoms are about."""

    trace: Trace
    reading: Reading
    output_shape: tuple[int, ...]  # of a row
    output: str  # "softmax", "sigmoid", "tanh", "relu", "linear", …
    mismatch: str | None  # why loss and output do not go together
    broadcasts: bool  # outputs and targets have shapes that the loss spreads over each other
    frozen: tuple[str, ...]  # names of parameters with requires_grad off
    unowned: tuple[str, ...]  # that the optimizer was not given
    unregistered: int  # layers in plain lists and dicts and plain weights, which torch takes for no parameters
    dropout: float  # the largest share that a layer drops
    drawing: bool  # parts that are not torch's draw something in training alone, as noise or turned pictures
    weight_decay: float
    decoupled: bool  # from the gradient, as AdamW's is: it is then scaled by the rate, and far larger ones are usual
    plain_recurrent: bool
    blunt: bool  # what is between two numbers of the inputs gets lost, as where they are cut to whole ones
    stale: float  # the share of their first guess that running means of normalization layers end with, the largest
    newest: float  # the share of the newest batch in running means of normalization layers, the largest
    imbalance: float  # rows of the largest class over those of the smallest; of labels, the most uneven one's
    comparable: bool  # whether outputs that answer can be compared with the targets, number by number
    # Of all rows of one class on the outputs, over those of another: the loss may weigh them. None where unknown.
    pull: float | None
    severed: bool = False  # something in the network stops the gradient, and it can be let through
    mixed: bool = False  # rows are taken for steps, and need not be
    misled: bool = False  # the loss was seen to ask for something else

    @property
    def loss(self) -> LossKind:
        """Which loss it is."""
        return self.reading.loss

    @property
    def task(self) -> Task:
        """What the network is to do."""
        return self.reading.task

    @property
    def width(self) -> int:
        """Units of the output."""
        return self.output_shape[0] if self.output_shape else 1

    @property
    def loss_may_be_meant(self) -> bool:
        """Whether a loss of its own may ask for more of numbers than their mean: a quantile, a code, a spread."""
        sound = not (self.misled or self.broadcasts or self.mismatch)
        return sound and self.task.kind == "numbers" and self.loss.expects == "anything"


def anatomy_of(subject: Subject) -> Anatomy:
    """Return what a training is made of.

    Raises:
        RequestError: the network does not take the inputs.
    """
    module = new_module(subject, subject.seed)
    names = {id(value): name for name, value in module.named_parameters()}
    rows = min(LOOKED_AT, subject.rows)
    inputs, targets = subject.inputs[:rows], subject.targets[:rows]
    module.eval()
    try:
        seen = trace(module, inputs)
    except (RuntimeError, IndexError, ValueError, TypeError) as error:
        shape = tuple(inputs.shape[1:])
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise RequestError(f"the model must take inputs with rows of shape {shape}, but fails: {reason}") from error
    if not isinstance(seen.output, Tensor) or len(seen.output) != rows or not seen.output.ndim:
        came = tuple(seen.output.shape) if isinstance(seen.output, Tensor) else type(seen.output).__name__
        raise RequestError(f"the model must give a tensor with a row for each of {rows} rows, but gives {came}")
    loss = recognize(subject.loss, seen.output.float()[:16], targets[:16])
    task = task_of(subject.known, seen.output, loss)
    owned = owned_by(subject, module)
    output = _output_of(seen)
    reading = reading_of(subject, loss, task, seen.output.float())
    sizes = {reading.answers(seen.output)[0].numel(), subject.known[0].numel()}
    return Anatomy(
        trace=seen,
        reading=reading,
        output_shape=tuple(seen.output.shape[1:]),
        output=output,
        mismatch=mismatch_of(
            output,
            loss,
            task,
            seen.output,
            subject.known,
            bounds=None if seen.output_activation is None else seen.output_activation.bounds,
        ),
        broadcasts=_broadcasts(task, loss, seen.output, targets),
        frozen=tuple(names[id(each)] for each in module.parameters() if not each.requires_grad),
        unowned=tuple(
            names[id(each)] for each in module.parameters() if each.requires_grad and id(each) not in owned.parameters
        ),
        unregistered=len(unregistered(module)),
        dropout=seen.dropout,
        drawing=_draws_in_training(subject, inputs),
        weight_decay=owned.weight_decay,
        decoupled=owned.decoupled,
        blunt=_is_blunt(subject, module, inputs),
        plain_recurrent=any(isinstance(each, nn.RNN) for each in module.modules()),
        stale=_stale(subject, module),
        newest=max(_momenta(module), default=0.0),
        imbalance=_imbalance(task, subject.known),
        comparable=len(sizes) == 1 or 1 in sizes,
        pull=_pull(subject, task, loss, seen.output),
    )


@dataclass(frozen=True, kw_only=True)
class Owned:
    """What an optimizer was given."""

    parameters: frozenset[int]  # `id` of each
    weight_decay: float  # the largest
    decoupled: bool


def owned_by(subject: Subject, module: nn.Module) -> Owned:
    """Return which parameters of the module the optimizer moves."""
    try:
        optimizer = subject.optimizer(module.parameters())
    except (ValueError, TypeError, RuntimeError) as error:
        raise RequestError(f"optimizer must make a torch optimizer of parameters, but fails: {error}") from error
    if not isinstance(optimizer, torch.optim.Optimizer):
        raise RequestError(f"optimizer must return a torch optimizer, but returns {type(optimizer).__name__}")
    decays = [float(group.get("weight_decay", 0) or 0) for group in optimizer.param_groups]
    return Owned(
        parameters=frozenset(id(each) for group in optimizer.param_groups for each in group["params"]),
        weight_decay=max(decays, default=0.0),
        decoupled=isinstance(optimizer, torch.optim.AdamW),
    )


def _output_of(seen: Trace) -> str:
    """Return the name of the activation at the output, by its call, else by its values."""
    if seen.output_activation is not None:
        return "relu" if seen.output_activation.name in RECTIFIERS else seen.output_activation.name
    output = seen.output.float()
    if output.ndim < 2 or output.shape[1] < 2:
        return "linear"
    for name, shares in (("softmax", output), ("log_softmax", output.exp())):
        if bool((shares >= 0).all()) and bool(((shares.sum(1) - 1).abs() < SUMS_TO_ONE).all()):
            return name
    return "linear"


def mismatch_of(
    output: str,
    loss: LossKind,
    task: Task,
    values: Tensor,
    targets: Tensor,
    *,
    bounds: tuple[float, float] | None = None,
) -> str | None:
    """Return why the loss cannot do with what the output gives, None when it can."""
    width = values.shape[1] if values.ndim > 1 else 1
    if output in ("softmax", "log_softmax") and width == 1:
        return "softmax over one unit gives the same value whatever the inputs"
    if loss.name in ("cross-entropy", "negative log-likelihood") and width == 1:
        return f"{loss.name} over one output is the same whatever the output: it needs one output for each class"
    if loss.expects == "logits" and output in ("softmax", "sigmoid"):
        return f"{loss.name} takes logits and applies its own {output}, but the output is a {output} already"
    if loss.expects == "logits" and output in ("relu", "tanh") and task.kind != "numbers":
        return f"{loss.name} takes logits of any sign and size, but {output} bounds them"
    if (unfit := _of_targets(loss, task, targets)) is not None:
        return unfit
    if loss.expects == "probabilities" and output not in ("sigmoid", "softmax", "hardsigmoid"):
        return f"{loss.name} takes probabilities, but the output is {output}"
    if loss.expects == "log-probabilities" and output != "log_softmax":
        return f"{loss.name} takes log-probabilities, but the output is {output}"
    if task.kind == "numbers":
        # Under a loss that takes outputs for something else than targets, they need not reach these.
        reached = loss.expects in ("anything", "log-probabilities") and loss.name != "negative log-likelihood"
        return _of_counts(output, loss, values) or (
            None if reached else _unreachable(output, loss, targets.float(), bounds)
        )
    return None


def _of_targets(loss: LossKind, task: Task, targets: Tensor) -> str | None:
    if loss.name == "cross-entropy" and task.kind == "labels":
        most = int(targets.sum(1).max())
        return f"{loss.name} takes targets that mark one class, or sum to 1, but rows mark up to {most}"
    if loss.name.startswith("binary") and not _within_0_1(targets):
        return (
            f"{loss.name} takes targets from 0 to 1, but they go from {float(targets.min()):.4g} to "
            f"{float(targets.max()):.4g}, where it has no least value: outputs without end make it ever smaller"
        )
    if loss.name == "hinge" and loss.how == "by its type" and task.coding == "0/1":
        return f"{loss.name} takes classes of -1 and 1, but the targets are 0 and 1: those of 0 have no say in it"
    return None


def _of_counts(output: str, loss: LossKind, values: Tensor) -> str | None:
    if loss.name == OF_LOGARITHMS and BOUNDS.get(output, (-1.0, 0.0))[0] >= 0:
        return f"{loss.name} takes logarithms, but {output} keeps them from being negative: no rate below 1 can be said"
    if loss.name == OF_RATES and bool((values < 0).any()):
        return f"{loss.name} takes its outputs' logarithm, but the output is {output}, and may be negative"
    return None


def _are_shares(targets: Tensor) -> bool:
    return targets.ndim > 1 and _within_0_1(targets) and bool(((targets.sum(1) - 1).abs() < SUMS_TO_ONE).all())


def _within_0_1(targets: Tensor) -> bool:
    return bool(((targets >= 0) & (targets <= 1)).all())


BOUNDS = {"sigmoid": (0.0, 1.0), "hardsigmoid": (0.0, 1.0), "softmax": (0.0, 1.0), "tanh": (-1.0, 1.0),
          "hardtanh": (-1.0, 1.0), "relu": (0.0, float("inf")), "exp": (0.0, float("inf")),
          "softplus": (0.0, float("inf")), "log_softmax": (float("-inf"), 0.0)}  # fmt: skip


def _unreachable(output: str, loss: LossKind, targets: Tensor, bounds: tuple[float, float] | None) -> str | None:
    if loss.name in ("cross-entropy", "negative log-likelihood"):
        if loss.name == "cross-entropy" and _are_shares(targets):
            return None
        return f"{loss.name} is a loss of classes, but the targets are numbers"
    low, high = bounds or BOUNDS.get(output, (float("-inf"), float("inf")))
    outside = ((targets < low - 1e-6) | (targets > high + 1e-6)).float().mean()
    if outside > 0.02:
        return (
            f"{output} gives values from {low:g} to {high:g}, but {100 * float(outside):.0f} % of the targets, "
            f"{float(targets.min()):.4g} to {float(targets.max()):.4g}, lie outside"
        )
    return None


def _broadcasts(task: Task, loss: LossKind, output: Tensor, targets: Tensor) -> bool:
    by_index = loss.name in ("cross-entropy", "negative log-likelihood")
    if by_index or output.shape == targets.shape or loss.name.startswith("binary"):
        return False  # torch refuses other shapes for these
    if len(output) < 2 or (task.kind == "classes" and task.coding == "index"):
        return False
    same_count = output.numel() == targets.numel()
    return same_count and output.ndim != targets.ndim


def _draws_in_training(subject: Subject, inputs: Tensor) -> bool:
    """Tell whether outputs differ from call to call in training, though nothing is dropped, and with calm parts not."""
    if len(inputs) < 2:
        return False
    module = new_module(subject, subject.seed).train()
    loud = _differs(module, inputs)
    return loud and not _differs(calmed(module), inputs)


def _differs(module: nn.Module, inputs: Tensor) -> bool:
    try:
        with torch.no_grad(), Rewired(left_out=(), rectified=(), bent=(), kept=1.0):
            first, second = module(inputs), module(inputs)
    except REFUSED:
        return False
    return bool((first - second).abs().max() > CALM * second.abs().mean().clamp(min=1e-12))


def _is_blunt(subject: Subject, module: nn.Module, inputs: Tensor) -> bool:
    """Tell whether the output depends on inputs that are measurements, but has no slope in any of them."""
    if not inputs.is_floating_point() or bool((inputs == inputs.round()).all()):
        return False
    leaf = inputs.clone().requires_grad_()
    try:
        output = module(leaf)
    except REFUSED:
        return False
    if not bool((output - output[:1]).any()):
        return False  # it depends on nothing, which is said elsewhere
    if not output.requires_grad:
        return False
    (slope,) = torch.autograd.grad(output.float().square().sum(), leaf, allow_unused=True)
    return slope is None or not bool(slope.any())


def _stale(subject: Subject, module: nn.Module) -> float:
    """Return the share (1 − momentum)^steps of the first guess that a running mean still has at the end."""
    steps = steps_of(subject.training_rows, subject.batch_size, subject.epochs)
    return max(((1 - momentum) ** steps for momentum in _momenta(module)), default=0.0)


def _momenta(module: nn.Module) -> list[float]:
    """Return the momentum of each normalization layer that keeps running means."""
    return [
        float(part.momentum)
        for part in module.modules()
        if isinstance(part, nn.modules.batchnorm._NormBase) and part.track_running_stats and part.momentum is not None
    ]


def _pull(subject: Subject, task: Task, loss: LossKind, output: Tensor) -> float | None:
    """Return how many times as hard all rows of a class pull on outputs that say nothing yet as those of another.

    Without weights in the loss they pull as they are many. None where the loss cannot be asked.
    """
    labels = labels_of(task, subject.known) if task.kind == "classes" else None
    nothing = {"logits": 0.0, "probabilities": 1 / task.classes, "log-probabilities": -math.log(task.classes)}
    if labels is None or labels.ndim > 1 or loss.expects not in nothing:
        return None
    neutral = torch.full((len(output), *output.shape[1:]), nothing[loss.expects])
    gradient = gradient_of(subject.loss, neutral, subject.targets[: len(output)])
    if gradient is None:
        return None
    size, of_rows = gradient.flatten(1).square().sum(1).sqrt(), labels[: len(output)]
    present = [each for each in range(task.classes) if bool((of_rows == each).any())]
    pulls = [float(size[of_rows == each].mean() * (labels == each).sum()) for each in present]
    return max(pulls) / min(pulls) if pulls and min(pulls) > 0 else None


def _imbalance(task: Task, targets: Tensor) -> float:
    if task.kind == "numbers":
        return 1.0
    if task.kind == "labels":
        shares = labels_of(task, targets).double().mean(0)
        rarer = torch.minimum(shares, 1 - shares)
        return float(((1 - rarer) / rarer)[rarer > 0].amax()) if bool((rarer > 0).any()) else 1.0
    counts = class_counts(labels_of(task, targets))
    counts = counts[counts > 0]
    return float(counts.max() / counts.min())
