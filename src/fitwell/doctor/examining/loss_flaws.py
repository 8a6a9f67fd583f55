"""What is wrong with a loss, or with what it is given, whatever the data: seen by asking it about made-up outputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from fitwell.doctor.examining.anatomy import Anatomy
from fitwell.doctor.examining.flaw import REAL, ROWS, Flaw, outputs_of, relative_spread, soundly_drawn
from fitwell.doctor.examining.losses import OF_LOGARITHMS, OF_RATES, REFUSED, Loss, classes_first, gradient_of
from fitwell.doctor.examining.meaning import meant_values, turns_away
from fitwell.doctor.examining.scoring import labels_of
from fitwell.doctor.examining.subject import Subject, standardized_rows
from fitwell.doctor.examining.thresholds import RELATIVE_FAULT, SUMS_TO_ONE

ASKED = 512  # rows whose outputs are asked for their gradients
GRID = 81  # outputs at which a loss is asked
MOST_CLASSES = 20  # of which a loss is asked
ABOVE_ONE = 0.01  # a logarithm of a share that rounding, or what keeps shares from 0, does not explain
SURE = 10.0  # logits that leave no doubt
# Losses of torch that may be a term of a loss, what they take, and along which axis of it classes lie.
TERMS = {"cross_entropy": ("logits", 1), "nll_loss": ("log-probabilities", 1), "ctc_loss": ("log-probabilities", -1)}
ABOUT_LOSS = ("loss of classes", "over one output", "takes targets", "takes classes")  # what is said of a loss


def mismatched_output(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """The loss cannot do with what the output gives."""
    if anatomy.mismatch is None:
        return None
    linear = anatomy.output == "linear"
    by_loss = linear or any(words in anatomy.mismatch for words in ABOUT_LOSS)
    mild = anatomy.output == "tanh" and anatomy.task.kind != "numbers" and _left_untold(anatomy) < RELATIVE_FAULT
    return Flaw(
        symptom="wrong_loss" if by_loss else "wrong_output_activation",
        severity="warning" if mild else "critical",
        where="loss" if by_loss else f"{anatomy.output} at the output",
        text=f"{anatomy.mismatch}; so the training cannot reach what its data allows, or only by a detour",
        change="loss" if by_loss else "output",
        way_out=_way_out(anatomy),
    )


def mismatched_term(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """A loss of its own hands a known one within it shares for logits, or numbers for logarithms of shares."""
    if anatomy.loss.expects != "anything":
        return None  # the loss as a whole was asked
    output = outputs_of(soundly_drawn(subject, anatomy), standardized_rows(subject, ROWS))
    if output is None:
        return None
    calls = Calls()
    try:
        with torch.no_grad(), calls:
            subject.loss(output, subject.targets[:ROWS])
    except REFUSED:
        return None
    for name, given in calls.seen:
        takes, axis = TERMS[name]
        are_shares = _sum_to_one(given, axis)
        if takes == "logits" and are_shares:
            wrong = f"{name} takes logits and applies its own softmax, but within the loss it is given shares already"
            change, way_out = (
                "output" if anatomy.output == "softmax" else None,
                "hand it the numbers before the softmax",
            )
        elif takes == "log-probabilities" and float(given.max()) > ABOVE_ONE:
            wrong = f"{name} takes logarithms of shares, but some that it is given within the loss are above 0"
            change, way_out = None, f"apply log_softmax over the classes before {name}"
        else:
            continue
        return Flaw(
            symptom="wrong_output_activation",
            severity="critical",
            where=f"{name} within the loss",
            text=f"{wrong}; so the training cannot reach what its data allows, or only by a detour",
            change=change,
            way_out=way_out,
        )
    return None


class Calls(TorchFunctionMode):
    """What is given to known losses while it is entered."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, Tensor]] = []

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Make the call, and keep what it was given."""
        name = getattr(func, "__name__", "")
        if name in TERMS and args and isinstance(args[0], Tensor):
            self.seen.append((name, args[0].detach()))
        return func(*args, **(kwargs or {}))


def _sum_to_one(values: Tensor, axis: int) -> bool:
    shares, axis = values.float(), axis if values.ndim > 1 else 0
    inside = bool(((shares >= 0) & (shares <= 1 + SUMS_TO_ONE)).all())
    return inside and bool(((shares.sum(axis) - 1).abs() < SUMS_TO_ONE).all())


def _left_untold(anatomy: Anatomy) -> float:
    """Return the least log loss that logits from -1 to 1 can have, beside that of knowing nothing of equal classes."""
    others = anatomy.width - 1
    if anatomy.task.kind == "labels" or others == 0:
        return math.log1p(math.exp(-1)) / math.log(2)
    return math.log1p(others * math.exp(-2)) / math.log(1 + others)


def _way_out(anatomy: Anatomy) -> str:
    if anatomy.loss.name == OF_LOGARITHMS:
        return "leave the activation at the output out, and take exp() of outputs for the rates"
    if anatomy.loss.name == OF_RATES:
        return "leave log_input at True, and take exp() of outputs for the rates"
    if anatomy.task.kind == "numbers":
        return "leave the activation at the output out, and take squared error"
    if anatomy.width == 1 or anatomy.task.kind == "labels":
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


def order_blind_loss(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """The loss is the same when the targets are shuffled against the outputs."""
    if anatomy.broadcasts or not anatomy.reading.guided:
        return None  # said already, or meant
    module = soundly_drawn(subject, anatomy)
    output = outputs_of(module, standardized_rows(subject, ROWS))
    targets = subject.targets[:ROWS]
    if output is None or len(output) < 4 or bool((targets == targets[0]).all()) or relative_spread(output) < REAL:
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
    except REFUSED:
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
    labels = labels_of(task, subject.known).flatten()
    rows = [int((labels == each).nonzero()[0]) for each in labels.unique()]  # type: ignore[no-untyped-call]
    asked = _answers(anatomy)
    try:
        losses = torch.stack(
            [
                torch.stack([subject.loss(each[None], subject.targets[row : row + 1]).mean() for each in asked])
                for row in rows
            ]
        )
    except REFUSED:
        return None
    if len(rows) < 2 or not bool(losses.isfinite().all()) or not _is_mean_over_rows(subject, asked):
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


def _is_mean_over_rows(subject: Subject, answers: Tensor) -> bool:
    """Tell whether a loss of several rows is the mean of what each costs, so that single rows can be asked about."""
    targets = subject.targets[:ROWS]
    outputs = answers[torch.arange(len(targets)) * 7 % len(answers)]
    try:
        whole = float(subject.loss(outputs, targets).mean())
        single = [
            float(subject.loss(outputs[row : row + 1], targets[row : row + 1]).mean()) for row in range(len(targets))
        ]
    except REFUSED:
        return False
    mean = sum(single) / len(single)
    return abs(whole - mean) <= REAL * max(abs(whole), abs(mean), REAL)


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


def unasked_class(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """Outputs for rows of one class have no gradient, whatever they are."""
    if anatomy.task.kind != "classes" or anatomy.broadcasts or anatomy.mismatch is not None:
        return None
    labels = labels_of(anatomy.task, subject.known)
    module = soundly_drawn(subject, anatomy)
    asked, unasked = set[int](), set[int]()
    for place in torch.split(torch.arange(min(subject.rows, ASKED)), ROWS):
        output = outputs_of(module, subject.inputs[place])
        # No surer than that: of surer ones rounding leaves no gradient, though the loss asks about them.
        some = None if output is None else output.clamp(-SURE, SURE)
        gradient = None if some is None else gradient_of(subject.loss, some, subject.targets[place])
        if gradient is None:
            return None
        if len(gradient) != labels[place].numel():  # a class for each step: outputs with the classes last or first
            gradient = classes_first(gradient, labels[place]).movedim(1, -1).reshape(labels[place].numel(), -1)
        reached = gradient.reshape(labels[place].numel(), -1).abs().amax(1) > 0
        flat = labels[place].flatten()
        asked |= set(flat[reached].tolist())
        unasked |= set(flat[~reached].tolist())
    never = sorted(each for each in unasked - asked if each >= 0)
    if not never or not asked:
        return None
    return Flaw(
        symptom="wrong_loss",
        severity="critical",
        where="loss",
        text=f"outputs for rows of class {', '.join(map(str, never))} have no gradient: the loss leaves them out, "
        "as ignore_index or a weight of 0 makes it do, so that they are learned by nobody",
        change="loss",
        way_out="let the loss ask about every class: no ignore_index that is a class, no weight of 0",
    )


def unasked_rows(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """Of the rows of a batch the loss asks about the same places, whichever rows stand there."""
    targets = subject.targets[:ROWS]
    if len(targets) < 4:
        return None
    made_up = torch.rand((len(targets), *anatomy.output_shape), generator=torch.Generator().manual_seed(0))
    places = []
    for order in _orders(len(targets)):
        gradient = gradient_of(subject.loss, made_up[order], targets[order])
        if gradient is None:
            return None
        places.append(gradient.reshape(len(gradient), -1).abs().amax(1) > 0)
    if bool(places[0].all()) or not bool(places[0].any()) or not all(torch.equal(each, places[0]) for each in places):
        return None
    return Flaw(
        symptom="wrong_loss",
        severity="critical",
        where="loss",
        text=f"of {len(targets)} rows of a batch the loss asks about {int(places[0].sum())}, by their place in it: the "
        "others have no gradient, whichever rows stand there",
        change="loss",
        way_out="take the mean over all rows of the batch",
    )


def unasked_output(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """Some of several outputs, as many as there are targets, have no gradient in any row."""
    known = subject.known[:ASKED]
    if anatomy.task.kind == "classes" or anatomy.width < 2 or known.shape[1:] != anatomy.output_shape:
        return None
    made_up = torch.rand(known.shape, generator=torch.Generator().manual_seed(0))  # shares, too, may be asked for
    gradient = gradient_of(subject.loss, made_up, subject.targets[:ASKED])
    if gradient is None:
        return None
    asked = gradient.reshape(len(gradient), -1).abs().amax(0) > 0
    if bool(asked.all()) or not bool(asked.any()):
        return None
    never = ", ".join(str(int(place)) for place in (~asked).nonzero()[:4])
    return Flaw(
        symptom="wrong_loss",
        severity="critical",
        where="loss",
        text=f"of {len(asked)} outputs for as many targets {int((~asked).sum())} have no gradient (from 0: {never}): "
        "the loss leaves them out, or takes a part of itself as a mere number (item, detach)",
        change="loss",
        way_out="add up the losses of all targets as tensors, each with its gradient",
    )


def against_targets(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """A loss of its own is greater for outputs that are the targets than for those of other rows.

    Of a loss that asks outputs to grow with their targets, sorted pairs never cost more than others do.
    """
    targets = subject.targets[:ROWS]
    if anatomy.task.kind != "numbers" or anatomy.loss.expects != "anything" or not targets.is_floating_point():
        return None
    if anatomy.reading.answering is not None or targets.shape[1:] != anatomy.output_shape or len(targets) < 4:
        return None
    right = targets.float()
    if right[0].numel() == 1 and not torch.equal(meant_values(subject.loss, subject.targets, right), right):
        return None  # each target has its best output, though another than itself
    if right[0].numel() > 1 and not turns_away(subject.loss, targets):
        return None  # outputs stand for something else
    try:
        own, others = (
            torch.tensor([float(subject.loss(right[order], targets).mean()) for order in orders])
            for orders in ([torch.arange(len(right))], _orders(len(right))[1:])
        )
    except REFUSED:
        return None
    if not bool((own > others + REAL * others.abs()).all()):
        return None
    return Flaw(
        symptom="wrong_loss",
        severity="critical",
        where="loss",
        text=f"the loss of outputs that are the targets themselves is {float(own):.3g}, of the targets of other rows "
        f"{float(others.mean()):.3g}: minimizing it drives outputs from the targets",
        change="loss",
        way_out="turn the sign of the loss",
    )


def undefined_loss(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """The loss or its gradient is no number, though outputs and targets are ordinary numbers."""
    module = soundly_drawn(subject, anatomy)
    output = outputs_of(module, standardized_rows(subject, ROWS))
    if output is None or anatomy.mismatch is not None:
        return None
    leaf = output.clone().requires_grad_()
    try:
        value = subject.loss(leaf, subject.targets[:ROWS]).mean()
        (gradient,) = torch.autograd.grad(value, leaf)
    except REFUSED:
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
