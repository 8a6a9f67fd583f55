"""What is wrong with a network or its optimizer whatever the data: seen by what outputs and gradients depend on."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from fitwell.doctor.examining.anatomy import Anatomy, owned_by
from fitwell.doctor.examining.changes import CHANGES, bundle
from fitwell.doctor.examining.flaw import REAL, ROWS, Flaw, outputs_of, relative_spread, soundly_drawn
from fitwell.doctor.examining.losses import REFUSED, gradient_of
from fitwell.doctor.examining.rewiring import put_rows_first
from fitwell.doctor.examining.signals import gradient_by_step
from fitwell.doctor.examining.subject import Subject, new_module, register, standardized_rows
from fitwell.doctor.examining.thresholds import RESTLESS, STALE
from fitwell.doctor.examining.tracing import Rewired

LOOKED_AT = 2000  # rows
MOST_LOST = 0.5  # of the rows


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
    owned = owned_by(subject, module).parameters
    output = _outputs_with_graph(module, standardized_rows(subject, ROWS))
    leaves = [] if output is None else _no_parameters_of(module, list(_leaves(output)))
    strangers = [leaf for leaf in leaves if id(leaf) not in owned]
    if not strangers:
        return None
    registered = _outputs_with_graph(register(module), standardized_rows(subject, ROWS))
    left = [] if registered is None else _no_parameters_of(module, list(_leaves(registered)))
    count = sum(leaf.numel() for leaf in strangers)
    return Flaw(
        symptom="frozen_parameters",
        severity="critical",
        where="model.parameters()",
        text=f"the output depends on {count:,} weights in {len(strangers)} tensors that are no parameters of the "
        "model: layers in a plain list or dict are not registered, so that no optimizer gets and no step "
        "changes them",
        change=None if left else "thaw",
        way_out="keep layers in nn.ModuleList or nn.ModuleDict, and single weights in nn.Parameter attributes",
    )


def _no_parameters_of(module: nn.Module, leaves: list[Tensor]) -> list[Tensor]:
    known = {id(each) for each in module.parameters()}
    return [leaf for leaf in leaves if id(leaf) not in known]


def _outputs_with_graph(module: nn.Module, inputs: Tensor) -> Tensor | None:
    try:
        output = module(inputs)
    except REFUSED:
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
    except REFUSED:
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


def cut_gradients(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """Parameters that the output depends on get no gradient."""
    module = soundly_drawn(subject, anatomy)
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


def loses_gradient(subject: Subject, anatomy: Anatomy) -> bool:
    """Tell whether parameters get another gradient where nothing detaches, the output being the same.

    A state that is detached at every step of a recurrence leaves them a part of theirs. That may be meant, so that it
    is no flaw by itself: letting it through has to help.
    """
    module = soundly_drawn(subject, anatomy)
    inputs = standardized_rows(subject, ROWS)
    found: list[Tensor] = []
    for through in (False, True):
        module.zero_grad()
        try:
            with Rewired(left_out=(), rectified=(), bent=(), through=through):
                _propagated(module, inputs)
        except RuntimeError:
            return False  # nothing has a gradient, which is said elsewhere
        moved = [value.grad for value in module.parameters() if value.grad is not None]
        found.append(torch.cat([each.flatten() for each in moved]) if moved else torch.zeros(0))
    part, whole = found
    if len(part) != len(whole) or not bool(whole.isfinite().all()):
        return len(part) < len(whole)
    return bool((whole - part).norm() > REAL * whole.norm())


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
    module = soundly_drawn(subject, anatomy)
    output = outputs_of(module, standardized_rows(subject, ROWS))
    if output is None or relative_spread(output) > REAL or bool((subject.inputs[:ROWS] == subject.inputs[0]).all()):
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


def stale_statistics(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """Running means and spreads of normalization layers hardly follow the batches."""
    if anatomy.stale <= STALE:
        return None
    return Flaw(
        symptom="frozen_parameters",
        severity="critical",
        where="normalization layers",
        text=f"running means and spreads move so slowly that at the end {100 * anatomy.stale:.0f} % of their first "
        "guess is left ((1 − momentum)^steps): predictions are normalized by other numbers than training was",
        change="statistics",
        way_out="leave the momentum of normalization layers at 0.1; in torch it is the share of the new batch",
    )


def restless_output(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """Predictions of the same rows differ from call to call, since units are dropped then too."""
    if not CHANGES["lighter"].applies(subject, anatomy):
        return None
    module = soundly_drawn(subject, anatomy)
    inputs = standardized_rows(subject, ROWS)
    if not _is_restless(module, inputs):
        return None
    with Rewired(left_out=(), rectified=(), bent=(), kept=1.0):
        calm = not _is_restless(module, inputs)
    if not calm:
        return None  # something else draws, as is meant where a code is sampled
    return Flaw(
        symptom="underfitting",
        severity="critical",
        where="forward",
        text="predictions of the same rows differ from call to call: units are dropped in evaluation mode as well, as "
        "functional.dropout without training=self.training does",
        change="lighter",
        way_out="take nn.Dropout, or hand training=self.training to functional.dropout",
    )


def _is_restless(module: nn.Module, inputs: Tensor) -> bool:
    first, second = outputs_of(module, inputs), outputs_of(module, inputs)
    if first is None or second is None:
        return False
    return bool((first - second).abs().mean() > RESTLESS * first.reshape(len(first), -1).std(0).mean())


def lone_shares(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """A softmax within the network runs over an axis of one number, and gives 1 whatever that is."""
    if not anatomy.trace.of_one:
        return None
    return Flaw(
        symptom="not_learning",
        severity="warning",
        where="forward",
        text="a softmax within the network runs over an axis of one number (the last), which gives 1 whatever it is: "
        "what it should weigh by shares is added up as it is",
        change="axis",
        way_out="let it run over the parts of a row that compete for a share: dim=1",
    )


def unnumbered_rows(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """The network gives no number for some rows whose inputs are numbers, as where it divides by their spread of 0."""
    module = new_module(subject, subject.seed).eval()
    try:
        with torch.no_grad():
            outputs = module(subject.inputs[:LOOKED_AT])
    except REFUSED:
        return None
    bad = ~outputs.reshape(len(outputs), -1).isfinite().all(1)
    if not 0 < int(bad.sum()) <= len(bad) * MOST_LOST:
        return None  # of all of them, scales and weights may be why
    if gradient_of(subject.loss, outputs[bad], subject.targets[:LOOKED_AT][bad]) is not None:
        return None  # the loss can do with it, as with logits of what may not be chosen
    again = outputs_of(module, standardized_rows(subject, LOOKED_AT))
    return Flaw(
        symptom="non_finite_values",
        severity="critical",
        where="forward",
        text=f"{int(bad.sum())} of {len(bad)} rows, the first of them row {int(bad.nonzero()[0, 0])}, have an output "
        "that is infinite or no number before anything is trained, though their inputs are numbers: one such row makes "
        "the loss no number, and after its step every weight",
        change=None if again is None or "inputs" not in bundle(subject, anatomy) else "inputs",
        way_out="look for divisions by a spread or sum that may be 0, and for logarithms; add a small number there",
    )


def mixed_rows(subject: Subject, anatomy: Anatomy) -> Flaw | None:
    """What a row gives depends on the other rows of its batch, also in evaluation mode."""
    module = soundly_drawn(subject, anatomy)
    inputs = standardized_rows(subject, ROWS)
    if any(getattr(part, "track_running_stats", True) is False for part in module.modules()):
        return None  # normalization by the batch is meant
    # The last rows: a recurrent layer that takes rows for steps hands earlier ones on to later ones.
    last = max(1, len(inputs) // 4)
    if _is_restless(module, inputs) or not _is_mixing(module, inputs, last):
        return None
    put_rows_first(module)
    by_layer = not _is_mixing(module, inputs, last)
    activation = anatomy.trace.output_activation
    over_rows = activation is not None and activation.axis == 0
    shares = bool(anatomy.trace.over_rows)
    return Flaw(
        symptom="wrong_output_activation" if over_rows else "not_learning",
        severity="critical",
        where=f"{anatomy.output} at the output" if over_rows else "forward",
        text="what the network gives for a row changes with the other rows of the batch: "
        + (f"{anatomy.output} runs over the rows (dim=0) instead of the classes" if over_rows else
           "a softmax within it runs over the rows (dim=0), which compete for shares" if shares else
           "an operation mixes rows, as a recurrent layer without batch_first does, or a reshape across the batch"),
        change="output" if over_rows else "axis" if shares else "rows_first" if by_layer else None,
        way_out="take dim=1" if over_rows or shares else "keep rows apart: batch_first=True, no reshape across axis 0",
    )  # fmt: skip


def _is_mixing(module: nn.Module, inputs: Tensor, last: int) -> bool:
    """Tell whether the last rows give something else among others than alone."""
    together, alone = outputs_of(module, inputs), outputs_of(module, inputs[-last:])
    if together is None or alone is None:
        return False
    return float((together[-last:] - alone).abs().max()) > REAL * max(float(together.abs().mean()), 1e-9)
