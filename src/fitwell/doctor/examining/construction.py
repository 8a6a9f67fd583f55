"""What cannot be right whatever the data: confirmed by looking, without a training.

Each check is a function and a line in a table. Its finding names the change that would put it right, so that what that
brings can be measured and said, even where it is small.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from fitwell.doctor.examining.anatomy import Anatomy, owned_by
from fitwell.doctor.examining.changes import Arm
from fitwell.doctor.examining.losses import OF_LOGARITHMS, OF_RATES, Loss
from fitwell.doctor.examining.rewiring import redraw_soundly
from fitwell.doctor.examining.scoring import labels_of
from fitwell.doctor.examining.signals import gradient_by_step
from fitwell.doctor.examining.subject import Subject, new_module, standardized_rows
from fitwell.doctor.examining.tracing import Rewired
from fitwell.doctor.finding import Severity

ROWS = 32
GRID = 81  # outputs at which a loss is asked
MOST_CLASSES = 20  # of which a loss is asked
SURE = 10.0  # logits that leave no doubt
ABOUT_LOSS = ("loss of classes", "over one output", "takes targets", "takes classes")  # what is said of a loss
REAL = 1e-3  # relative: what outputs must differ by at least, beyond rounding, to differ at all


@dataclass(frozen=True, kw_only=True)
class Flaw:
    """One thing that is wrong by construction."""

    symptom: str
    severity: Severity
    where: str
    text: str  # what is wrong and what follows from it
    change: str | None  # the change of the table that puts it right
    way_out: str


Check = Callable[[Subject, Anatomy], Flaw | None]


def mismatched_output(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """The loss cannot do with what the output gives."""
    if anatomy.mismatch is None:
        return None
    linear = anatomy.output == "linear"
    by_loss = linear or any(words in anatomy.mismatch for words in ABOUT_LOSS)
    mild = anatomy.output in ("tanh", "softplus") and anatomy.task.kind != "numbers"
    return Flaw(
        symptom="wrong_loss" if by_loss else "wrong_output_activation",
        severity="warning" if mild else "critical",
        where="loss" if by_loss else f"{anatomy.output} at the output",
        text=f"{anatomy.mismatch}; so the training cannot reach what its data allows, or only by a detour",
        change="loss" if by_loss else "output",
        way_out=_way_out(anatomy),
    )


def _way_out(anatomy: Anatomy) -> str:
    if anatomy.loss.name == OF_LOGARITHMS:
        return "leave the activation at the output out, and take exp() of outputs for the rates"
    if anatomy.loss.name == OF_RATES:
        return "leave log_input at True, and take exp() of outputs for the rates"
    if anatomy.task.kind == "numbers":
        return "leave the activation at the output out, and take squared error"
    if anatomy.width == 1:
        return "give logits (no activation at the output) to BCEWithLogitsLoss"
    return "give logits (no activation at the output) to CrossEntropyLoss"


def broadcast_targets(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """Outputs and targets of different shapes are spread over each other."""
    if not anatomy.broadcasts:
        return None
    output, targets = ("batch", *anatomy.output_shape), ("batch", *subject.targets.shape[1:])
    return Flaw(
        symptom="wrong_loss",
        severity="critical",
        where="shapes of output and targets",
        text=f"the loss compares outputs of shape ({_shape(output)}) with targets of shape ({_shape(targets)}): torch "
        "spreads them over each other, so that every output is compared with every target, and the best output for "
        "all is their mean",
        change="loss",
        way_out="give both the same shape, by targets.reshape(output.shape)",
    )


def _shape(sizes: tuple[object, ...]) -> str:
    return ", ".join(map(str, sizes)) + ("," if len(sizes) == 1 else "")


def climbing_loss(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """Minimizing the loss maximizes a known one."""
    if not anatomy.loss.negated:
        return None
    return Flaw(
        symptom="wrong_loss",
        severity="critical",
        where="loss",
        text=f"the loss is {anatomy.loss.name} with its sign turned: minimizing it drives outputs from the targets",
        change="loss",
        way_out="turn the sign of the loss",
    )


def squared_error_of_classes(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """Class numbers or marks are fitted as numbers: often good enough, hence a warning."""
    if anatomy.task.kind == "numbers" or anatomy.loss.expects != "values" or anatomy.broadcasts:
        return None
    return Flaw(
        symptom="wrong_loss",
        severity="warning",
        where="loss",
        text=f"{anatomy.loss.name} is minimized, but {anatomy.task.why}: where the output is sure and wrong, its "
        "gradient vanishes, and cross-entropy's does not",
        change="loss",
        way_out=_way_out(anatomy),
    )


def nothing_to_train(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """The optimizer moves no parameter of the network."""
    module = new_module(subject, subject.seed)
    owned = owned_by(subject, module).parameters
    if any(each.requires_grad and id(each) in owned for each in module.parameters()):
        return None
    return Flaw(
        symptom="frozen_parameters",
        severity="critical",
        where="optimizer",
        text="the optimizer holds no trainable parameter of this network: they are frozen, or belong to another one, "
        "so that no step changes it",
        change="thaw",
        way_out="hand model.parameters() of the trained network to the optimizer, with requires_grad on",
    )


def unregistered_weights(subject: Subject, _anatomy: Anatomy) -> Flaw | None:
    """The output depends on weights that are no parameters of the module, as those of layers in a plain list."""
    module = new_module(subject, subject.seed)
    known = {id(each) for each in module.parameters()} | owned_by(subject, module).parameters
    output = _outputs_with_graph(module, standardized_rows(subject, ROWS))
    strangers = [] if output is None else [leaf for leaf in _leaves(output) if id(leaf) not in known]
    if not strangers:
        return None
    count = sum(leaf.numel() for leaf in strangers)
    return Flaw(
        symptom="frozen_parameters",
        severity="critical",
        where="model.parameters()",
        text=f"the output depends on {len(strangers)} tensors ({count:,} weights) that are no parameters of the model: "
        "layers in a plain list or dict are not registered, so that no optimizer gets them and no step changes them",
        change=None,
        way_out="keep layers in nn.ModuleList or nn.ModuleDict, and single weights in nn.Parameter attributes",
    )


def _outputs_with_graph(module: nn.Module, inputs: Tensor) -> Tensor | None:
    try:
        output = module(inputs)
    except (RuntimeError, ValueError, IndexError, TypeError):
        return None  # said where the training fails
    return output if isinstance(output, Tensor) and output.requires_grad else None


def _leaves(output: Tensor) -> Iterator[Tensor]:
    """Yield every tensor whose gradient the graph of an output accumulates."""
    waiting, seen = [output.grad_fn], set[object]()
    while waiting:
        node = waiting.pop()
        if node is None or node in seen:
            continue
        seen.add(node)
        if hasattr(node, "variable"):
            yield node.variable
        waiting += [each for each, _ in node.next_functions]


def no_gradient(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """The loss of a batch has no gradient."""
    module = new_module(subject, subject.seed)
    for each in module.parameters():
        each.requires_grad_(each.is_floating_point())
    try:
        loss = subject.loss(module(subject.inputs[:ROWS]), subject.targets[:ROWS])
    except (RuntimeError, ValueError, IndexError, TypeError):
        return None  # what the base training will say
    if isinstance(loss, Tensor) and loss.requires_grad:
        return None
    in_the_loss = module(subject.inputs[:ROWS]).requires_grad
    return Flaw(
        symptom="not_learning",
        severity="critical",
        where="loss" if in_the_loss else "forward",
        text="the loss has no gradient: between the parameters and it something cuts the graph (detach, item, numpy, "
        "argmax, no_grad), so that no step changes the network",
        change=None if in_the_loss else _let_through(module, subject.inputs[:ROWS], list(_by_name(module))),
        way_out="compute the loss from the output itself by differentiable operations",
    )


def order_blind_loss(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """The loss is the same when the targets are shuffled against the outputs."""
    if anatomy.broadcasts:
        return None  # said already
    module = _soundly_drawn(subject, anatomy)
    output = _outputs(module, standardized_rows(subject, ROWS))
    targets = subject.targets[:ROWS]
    if output is None or len(output) < 4 or bool((targets == targets[0]).all()) or _spread(output) < REAL:
        return None
    asked = [output]
    if anatomy.task.kind == "numbers" and output.numel() == targets.numel():
        # Outputs far from targets hide by their distance that the order matters, and outputs that are as large as
        # targets by what a loss makes of them, where it takes them for logarithms.
        asked.append(targets.to(output.dtype).reshape(output.shape))
    if not all(_is_order_blind(subject.loss, each, targets) for each in asked):
        return None
    return Flaw(
        symptom="wrong_loss",
        severity="critical",
        where="loss",
        text="the loss of a batch stays the same when its targets are shuffled against the outputs: it compares every "
        "output with every target, as shapes such as (batch, 1) and (batch,) do when they are spread over each other",
        change="loss",
        way_out="give outputs and targets the same shape inside the loss",
    )


def _is_order_blind(loss: Loss, output: Tensor, targets: Tensor) -> bool:
    try:
        values = [float(loss(output, targets[order]).mean()) for order in _orders(len(output))]
    except (RuntimeError, ValueError, IndexError, TypeError):
        return False
    return all(map(math.isfinite, values)) and max(values) - min(values) <= 1e-5 * max(map(abs, values))


def _orders(rows: int) -> list[Tensor]:
    return [torch.arange(rows), torch.arange(rows).flip(0), torch.arange(rows).roll(1)]


def one_sided_loss(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """A loss of its own is least at the same output whichever class is right, or does not ask about one of them."""
    task = anatomy.task
    if task.kind != "classes" or anatomy.loss.expects != "anything" or anatomy.broadcasts or subject.targets.ndim > 2:
        return None
    if len(anatomy.output_shape) > 1 or (anatomy.width > 1 and anatomy.width != task.classes):
        return None
    if task.classes > MOST_CLASSES:
        return None  # each would be asked about each
    labels = labels_of(task, subject.targets).flatten()
    rows = [int((labels == each).nonzero()[0]) for each in labels.unique()]  # type: ignore[no-untyped-call]
    asked = _answers(anatomy)
    try:
        losses = torch.stack(
            [
                torch.stack([subject.loss(each[None], subject.targets[row : row + 1]).mean() for each in asked])
                for row in rows
            ]
        )
    except (RuntimeError, ValueError, IndexError, TypeError):
        return None
    if len(rows) < 2 or not bool(losses.isfinite().all()):
        return None
    spread = losses.amax(1) - losses.amin(1)
    flat = spread <= 1e-6 * losses.abs().amax(1).clamp(min=1e-6)
    best = losses.argmin(1)
    if bool(flat.all()) or not (bool(flat.any()) or bool((best == best[0]).all())):
        return None
    return Flaw(
        symptom="wrong_loss",
        severity="critical",
        where="loss",
        text="rows of one class do not change the loss, whatever the output for them, as where a term of the "
        "cross-entropy is missing, so that the same answer for all is the best"
        if bool(flat.any())
        else "the loss is least at the same output whichever class is right, so that nothing tells the classes apart",
        change="loss",
        way_out=_way_out(anatomy),
    )


def _answers(anatomy: Anatomy) -> Tensor:
    """Return outputs (answers, …) as the network might give them: from sure of one class to sure of another."""
    shares = anatomy.output in ("sigmoid", "softmax", "hardsigmoid")
    if anatomy.width == 1:
        one = torch.linspace(1e-3, 1 - 1e-3, GRID) if shares else torch.linspace(-SURE, SURE, GRID)
        return one.reshape(GRID, *anatomy.output_shape)
    logits = SURE * torch.eye(anatomy.width)
    if anatomy.output == "log_softmax":
        return logits.log_softmax(1)
    return logits.softmax(1) if shares else logits


def undefined_loss(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """The loss or its gradient is no number, though outputs and targets are ordinary numbers."""
    module = _soundly_drawn(subject, anatomy)
    output = _outputs(module, standardized_rows(subject, ROWS))
    if output is None or anatomy.mismatch is not None:
        return None
    leaf = output.clone().requires_grad_()
    try:
        value = subject.loss(leaf, subject.targets[:ROWS]).mean()
        (gradient,) = torch.autograd.grad(value, leaf)
    except (RuntimeError, ValueError, IndexError, TypeError):
        return None
    if bool(value.isfinite()) and bool(gradient.isfinite().all()):
        return None
    return Flaw(
        symptom="non_finite_values",
        severity="critical",
        where="loss",
        text=f"the loss of ordinary outputs is {float(value.detach()):g}, or its gradient is no number: it takes "
        "0 / 0, 0 · log 0, or the root of 0",
        change="loss",
        way_out="use torch's own form of the loss, which is defined there, or add a small number where it divides or "
        "takes logarithms",
    )


def cut_gradients(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """Parameters that the output depends on get no gradient."""
    module = _soundly_drawn(subject, anatomy)
    inputs = standardized_rows(subject, ROWS)
    try:
        output = _propagated(module, inputs)
    except RuntimeError:
        return None  # there is none at all, which is said elsewhere
    cut = [name for name, value in module.named_parameters() if value.requires_grad and not _moved(value)]
    used = [name for name in cut if _matters(module, name, inputs, output.detach())]
    if not used:
        return None
    detached = all(dict(module.named_parameters())[name].grad is None for name in used)
    cause = (
        "detach, no_grad, or a copy out of torch" if detached else "rounding, comparing, argmax, or another flat step"
    )
    return Flaw(
        symptom="frozen_parameters" if detached else "not_learning",
        severity="critical",
        where=", ".join(used[:4]) + (", …" if len(used) > 4 else ""),
        text=f"the output depends on {len(used)} parameters that get no gradient, also with other first weights: "
        f"between them and the output stands {cause}, so that they stay as they were drawn",
        change=_let_through(module, inputs, used),
        way_out="let the gradient through: take the detaching or flat step out of forward()",
    )


def _propagated(module: nn.Module, inputs: Tensor) -> Tensor:
    output: Tensor = module(inputs)
    # In a random direction: squares of outputs, say, may cancel over symmetric rows.
    direction = torch.randn(output.shape, generator=torch.Generator().manual_seed(0))
    (output.float() * direction).sum().backward()  # type: ignore[no-untyped-call]
    return output


def _by_name(module: nn.Module) -> dict[str, nn.Parameter]:
    return {name: value for name, value in module.named_parameters() if value.is_floating_point()}


def _let_through(module: nn.Module, inputs: Tensor, names: list[str]) -> str | None:
    """Return the change that lets the gradient through to these parameters, None where what stops it is another."""
    module.zero_grad()
    try:
        with Rewired(left_out=(), rectified=(), bent=(), through=True):
            _propagated(module, inputs)
    except RuntimeError:
        return None
    return "gradient" if any(_moved(_by_name(module)[name]) for name in names) else None


def _moved(value: nn.Parameter) -> bool:
    return value.grad is not None and bool(value.grad.any())


def _matters(module: nn.Module, name: str, inputs: Tensor, output: Tensor) -> bool:
    """Tell whether other values of a parameter give another output."""
    value = dict(module.named_parameters())[name]
    kept = value.detach().clone()
    with torch.no_grad():
        value.add_(torch.randn_like(value) * (1 + value.abs().mean()))
        other = module(inputs)
        value.copy_(kept)
    return bool((other - output).abs().max() > REAL * (1e-9 + output.abs().mean()))


def deaf_output(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """The output is the same whatever the inputs, also with other first weights."""
    if anatomy.mismatch is not None and anatomy.width == 1:
        return None  # said already
    module = _soundly_drawn(subject, anatomy)
    output = _outputs(module, standardized_rows(subject, ROWS))
    if output is None or _spread(output) > REAL or bool((subject.inputs[:ROWS] == subject.inputs[0]).all()):
        return None
    reached = gradient_by_step(module, standardized_rows(subject, ROWS))
    if reached is not None and bool((reached > 0).any()):
        return _forgotten(subject)  # hardly anything is left of the inputs, but they are not lost
    return Flaw(
        symptom="not_learning",
        severity="critical",
        where="output",
        text="the output is the same whatever the inputs, also with other first weights: what the network computes "
        "does not depend on them",
        change=None,
        way_out="follow one row through forward(), and look where its values are lost",
    )


def _forgotten(subject: Subject) -> Flaw | None:
    if not bool(subject.filled.any()):
        return None
    share = float(subject.filled.double().mean()) / subject.inputs.shape[1]
    return Flaw(
        symptom="vanishing_gradients",
        severity="critical",
        where="the recurrent layer",
        text=f"rows are filled up behind their end, on average over {100 * share:.0f} % of their steps, and the state "
        "that is read at the last step has forgotten them by then: outputs hardly depend on the inputs",
        change="fronted",
        way_out="read the state at the last step of a row's own (pack_padded_sequence), or fill rows up in front",
    )


def mixed_rows(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """What a row gives depends on the other rows of its batch, also in evaluation mode."""
    module = _soundly_drawn(subject, anatomy)
    inputs = standardized_rows(subject, ROWS)
    if any(getattr(part, "track_running_stats", True) is False for part in module.modules()):
        return None  # normalization by the batch is meant
    # The last rows: a recurrent layer that takes rows for steps hands earlier ones on to later ones.
    last = max(1, len(inputs) // 4)
    together, alone = _outputs(module, inputs), _outputs(module, inputs[-last:])
    if together is None or alone is None:
        return None
    difference = float((together[-last:] - alone).abs().max())
    if difference <= REAL * max(float(together.abs().mean()), 1e-9):
        return None
    activation = anatomy.trace.output_activation
    over_rows = activation is not None and activation.axis == 0
    return Flaw(
        symptom="wrong_output_activation" if over_rows else "not_learning",
        severity="critical",
        where=f"{anatomy.output} at the output" if over_rows else "forward",
        text="what the network gives for a row changes with the other rows of the batch: "
        + (f"{anatomy.output} runs over the rows (dim=0) instead of the classes" if over_rows else
           "an operation mixes rows, as a recurrent layer without batch_first does, or a reshape across the batch"),
        change="output" if over_rows else None,
        way_out="take dim=1" if over_rows else "keep rows apart: batch_first=True, no reshape across axis 0",
    )  # fmt: skip


def _soundly_drawn(subject: Subject, anatomy: Anatomy) -> nn.Module:
    module = new_module(subject, subject.seed)
    redraw_soundly(module, anatomy, Arm(), standardized_rows(subject, ROWS))
    return module.eval()


def _outputs(module: nn.Module, inputs: Tensor) -> Tensor | None:
    try:
        with torch.no_grad():
            output: Tensor = module(inputs)
    except (RuntimeError, ValueError, IndexError):
        return None
    return output.float() if bool(output.isfinite().all()) else None


def _spread(output: Tensor) -> float:
    across = float(output.reshape(len(output), -1).std(0).max())
    return across / max(float(output.abs().mean()), 1e-12) if math.isfinite(across) else 1.0


CHECKS: tuple[Check, ...] = (
    nothing_to_train,
    unregistered_weights,
    no_gradient,
    mismatched_output,
    broadcast_targets,
    climbing_loss,
    order_blind_loss,
    one_sided_loss,
    undefined_loss,
    squared_error_of_classes,
    deaf_output,
    cut_gradients,
    mixed_rows,
)


def flaws(subject: Subject, anatomy: Anatomy) -> tuple[Flaw, ...]:
    """Return what is wrong by construction."""
    found = [check(subject, anatomy) for check in CHECKS]
    return tuple(each for each in found if each is not None)
