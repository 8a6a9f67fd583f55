"""What other tools say of a training: torchmortem itself, and two published sets of rules rendered from their texts.

SageMaker Debugger's rules and default thresholds are those of "List of Debugger built-in rules" in the Amazon SageMaker
developer guide (docs.aws.amazon.com/sagemaker/latest/dg/debugger-built-in-rules.html), where a parameter has no default
the value of its example. By default tensors are saved every 500 steps, which shows nothing of trainings as short as
these; here losses are looked at every step and all else at the end of every epoch. Each rule is an alarm, as published.

AutoTrainer's problems, their conditions and thresholds are those of Zhang, Zhai, Ma and Shen (ICSE 2021, "AUTOTRAINER:
An Automatic DNN Training Problem Detection and Repair System") and of the monitor in its authors' repository
(shiningrain/AUTOTRAINER). It knows classification alone; for regressions R² takes the place of accuracy here.
"""

from __future__ import annotations

import importlib.util
import logging
import math
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from doctor_programs.program import Case, Rows
from doctor_programs.training import begun, outputs_of, trained

Said = tuple[str, ...]  # the names of what a tool raises an alarm about, in its order and its words

# The symptoms of ours that a name stands for: the tool has named a cause when one of them is among a program's.
SAGEMAKER = {
    "ExplodingTensor": ("non_finite_values", "exploding_gradients"),
    "VanishingGradient": ("vanishing_gradients",),
    "PoorWeightInitialization": ("poor_initialization",),
    "DeadRelu": ("dead_units",),
    "SaturatedActivation": ("saturated_units",),
    "CheckInputImages": ("unscaled_inputs",),
    "ClassImbalance": ("class_imbalance", "one_class"),
    "WeightUpdateRatio": ("learning_rate_too_high", "learning_rate_too_low"),
    "TensorVariance": ("exploding_gradients", "saturated_units", "poor_initialization"),
    "AllZero": ("dead_units",),
    "UnchangedTensor": ("not_learning", "frozen_parameters"),
    "Overfit": ("overfitting",),
    "Overtraining": ("overfitting",),
    "LossNotDecreasing": ("not_learning", "learning_rate_too_low"),
}
TORCHMORTEM = {
    "dead_units": ("dead_units",),
    "saturation": ("saturated_units",),
    "weight_norm": ("exploding_gradients",),
    "rank_collapse": ("underfitting",),
    "gradient_noise": ("batch_size",),
    "update_ratio": ("learning_rate_too_high", "learning_rate_too_low"),
    "loss_dynamics": ("unstable_loss", "not_learning", "learning_rate_too_high"),
    "gradient_flow": ("vanishing_gradients", "exploding_gradients"),
}
AUTOTRAINER = {
    "exploding gradient": ("exploding_gradients", "non_finite_values", "learning_rate_too_high"),
    "vanishing gradient": ("vanishing_gradients",),
    "dying ReLU": ("dead_units",),
    "slow convergence": ("learning_rate_too_low", "not_learning", "stopped_too_early"),
    "oscillating loss": ("unstable_loss", "learning_rate_too_high"),
}
MEANINGS = {**SAGEMAKER, **TORCHMORTEM, **AUTOTRAINER}


@dataclass
class Look:
    """What rules see at the end of an epoch: the last step's gradients, all weights, activations and losses."""

    gradients: list[Tensor]
    weights: list[Tensor]
    rectified: list[Tensor]  # outputs of each ReLU for the last batch, units last
    squashed: list[tuple[str, Tensor]]  # inputs of each tanh and sigmoid
    training: float  # loss on the training rows
    validation: float
    training_score: float
    validation_score: float


@dataclass
class Seen:
    """A training as rules see it."""

    epochs: int
    losses: list[float] = field(default_factory=list)  # of each step
    first_inputs: list[list[float]] = field(default_factory=list)  # variance of each ReLU's inputs, first ten steps
    first_ranges: list[float] = field(default_factory=list)  # least 5th to 95th percentile of gradients, the same steps
    looks: list[Look] = field(default_factory=list)


def with_validation(case: Case) -> tuple[Case, Rows]:
    """Return the training and its validation rows: its own, or every fifth row, which is then not trained on."""
    arguments = case.arguments
    if arguments["validation"] is not None:
        return case, arguments["validation"]
    held = torch.arange(len(arguments["inputs"])) % 5 == 4
    x, y = arguments["inputs"], arguments["targets"]
    less = {**arguments, "inputs": x[~held], "targets": y[~held]}
    return Case(arguments=less, test=case.test, score=case.score), (x[held], y[held])


def seen(case: Case) -> Seen:
    """Train, and return what rules see of it."""
    case, validation = with_validation(case)
    arguments, score = case.arguments, case.score
    model, optimizer = begun(case)
    rectified: dict[nn.Module, tuple[Tensor, Tensor]] = {}
    squashed: dict[nn.Module, Tensor] = {}
    for module in model.modules():
        if isinstance(module, nn.ReLU | nn.LeakyReLU):
            module.register_forward_hook(
                lambda at, given, out: rectified.update({at: (given[0].detach(), out.detach())})
            )
        if isinstance(module, nn.Tanh | nn.Sigmoid):
            module.register_forward_hook(lambda at, given, out: squashed.update({at: given[0].detach()}))
    made = Seen(epochs=arguments["epochs"])
    # Long trainings are looked at fifty times.
    every = max(1, arguments["epochs"] // 50)
    for stepped in trained(case, model, optimizer):
        made.losses.append(stepped.loss)
        gradients = [each.grad for each in model.parameters() if each.grad is not None]
        if len(made.losses) <= 10:
            made.first_inputs.append([float(inputs.var()) for inputs, _ in rectified.values()])
            made.first_ranges.append(min((_range(each) for each in gradients if each.numel() > 20), default=math.inf))
        if not stepped.last or stepped.epoch % every:
            continue
        kept = [each.clone() for each in gradients]
        outputs = [out for _, out in rectified.values()]
        inputs = [(type(at).__name__, given) for at, given in squashed.items()]
        sides = [(arguments["inputs"], arguments["targets"]), validation]
        losses, scored = [], []
        for x, y in sides:
            predicted = outputs_of(model, x)
            losses.append(float(arguments["loss"](predicted, y)))
            scored.append(score(predicted, y))
        made.looks.append(
            Look(kept, [each.detach().clone() for each in model.parameters()], outputs, inputs, *losses, *scored)
        )
    return made


def _range(gradient: Tensor) -> float:
    low, high = torch.quantile(gradient.flatten()[:100_000].nan_to_num(), torch.tensor([0.05, 0.95]))
    return float(high - low)


def sagemaker(case: Case) -> Said:
    """Return the rules of SageMaker Debugger that fire, in the order of `SAGEMAKER`."""
    made = seen(case)
    looks = made.looks
    pairs = list(pairwise(looks))
    fires: dict[str, Callable[[], bool]] = {
        "ExplodingTensor": lambda: any(not each.isfinite().all() for look in looks for each in look.gradients),
        "VanishingGradient": lambda: any(each.abs().mean() < 1e-7 for look in looks for each in look.gradients),
        "PoorWeightInitialization": lambda: _poorly_begun(made),
        "DeadRelu": lambda: any(_idle(out) > 0.5 for look in looks for out in look.rectified),
        "SaturatedActivation": lambda: any(_saturated(*each) > 0.5 for look in looks for each in look.squashed),
        "CheckInputImages": lambda: _shifted(case.arguments["inputs"]),
        "ClassImbalance": lambda: _imbalanced(case.arguments["targets"]),
        "WeightUpdateRatio": lambda: any(
            not 1e-8 <= ((new - old).abs().mean() / (old.abs().mean() + 1e-9)) <= 10
            for before, after in pairs
            for old, new in zip(before.weights, after.weights, strict=True)
        ),
        "TensorVariance": lambda: any(
            not 1e-5 <= each.var() <= 10 for look in looks for each in look.weights if each.ndim > 1
        ),
        "AllZero": lambda: any(not each.any() for look in looks for each in look.gradients),
        "UnchangedTensor": lambda: any(
            all(math.isclose(loss, losses[0], rel_tol=1e-5, abs_tol=1e-8) for loss in losses)
            for losses in zip(made.losses, made.losses[1:], made.losses[2:], strict=False)
        ),
        "Overfit": lambda: any(
            (look.validation - look.training) / abs(look.training) > 0.1 for look in looks[:-1] if look.training
        ),
        "Overtraining": lambda: (
            _stalled([look.training for look in looks], 5) and _stalled([look.validation for look in looks], 10)
        ),
        "LossNotDecreasing": lambda: any(
            not later < earlier * (1 - 0.001)
            for earlier, later in zip(made.losses[::10], made.losses[10::10], strict=False)
        ),
    }
    return tuple(name for name in SAGEMAKER if fires[name]())


def _poorly_begun(made: Seen) -> bool:
    # The guide adds the loss's convergence without saying how; without it, the rule is the milder one.
    for variances in made.first_inputs:
        if len(variances) > 1 and max(variances) > 10 * min(variances):
            return True
    return any(width < 0.001 for width in made.first_ranges)


def _idle(outputs: Tensor) -> float:
    units = outputs.flatten(1) if outputs.ndim < 4 else outputs.transpose(0, 1).flatten(1).T
    return float(((units > 0).float().mean(0) < 0.01).float().mean())


def _saturated(kind: str, inputs: Tensor) -> float:
    low, high = (-9.4999, 9.4999) if kind == "Tanh" else (-23.0, 16.99999)
    units = inputs.flatten(1)
    active = ((units > low) & (units < high)).float().mean(0)
    return float((active < 0.01).float().mean())


def _shifted(inputs: Tensor) -> bool:
    return inputs.ndim == 4 and len(inputs) >= 500 and bool((inputs.mean((0, 2, 3)).abs() > 0.2).any())


def _imbalanced(targets: Tensor) -> bool:
    if targets.is_floating_point() and not set(torch.unique(targets).tolist()) <= {0.0, 1.0}:
        return False
    if targets.ndim == 2 and targets.shape[1] > 1:
        return False
    counts = torch.unique(targets.long().flatten(), return_counts=True)[1]
    return len(targets) >= 500 and (len(counts) < 2 or bool(counts.max() > 10 * counts.min()))


def _stalled(losses: list[float], patience: int) -> bool:
    best, since = math.inf, 0
    for loss in losses:
        best, since = (loss, 0) if loss < best - 0.01 else (best, since + 1)
        if since > patience:
            return True
    return False


def autotrainer(case: Case) -> Said:
    """Return the problem that AutoTrainer would see first."""
    made = seen(case)
    died = vanished = exploded = 0
    for number, look in enumerate(made.looks):
        if not all(each.isfinite().all() for each in (*look.gradients, *look.weights)):
            return ("exploding gradient",)
        if not (math.isfinite(look.training) and look.validation < 1e5):
            return ("exploding gradient",)
        matrices = [each for each in look.gradients if each.ndim > 1]
        first, last = float(matrices[0].norm()) if matrices else 0.0, float(matrices[-1].norm()) if matrices else 1.0
        zeros = sum(int((each == 0).sum()) for each in look.gradients) / max(
            1, sum(each.numel() for each in look.gradients)
        )
        ratio = first / last if last else math.inf
        died += zeros >= 0.7
        vanished += ratio < 1e-3 and first < 1e-4
        exploded += ratio > 70
        so_far = made.looks[: number + 1]
        if len(so_far) < 0.3 * len(made.looks):
            continue
        best = [max(look.training_score for look in so_far), max(look.validation_score for look in so_far)]
        slow = all(
            max((after - before for before, after in pairwise(scores)), default=0.0) < 0.01
            for scores in ([each.training_score for each in so_far], [each.validation_score for each in so_far])
        )
        if min(best) < 0.7 or slow:
            for count, problem in (
                (died, "dying ReLU"),
                (exploded, "exploding gradient"),
                (vanished, "vanishing gradient"),
            ):
                if count >= 1:
                    return (problem,)
            if slow:
                return ("slow convergence",)
        elif _oscillates([each.training_score for each in so_far]):
            return ("oscillating loss",)
    return ()


def _oscillates(scores: list[float]) -> bool:
    inner = range(1, len(scores) - 1)
    peaks = [scores[at] for at in inner if scores[at] >= scores[at - 1] and scores[at] >= scores[at + 1]]
    valleys = [scores[at] for at in inner if scores[at] <= scores[at - 1] and scores[at] <= scores[at + 1]]
    swings = sum(peak - valley >= 0.03 for peak, valley in zip(peaks, valleys, strict=False))
    return swings >= max(1, 0.2 * len(scores))


def torchmortem(case: Case) -> Said:
    """Return the categories of torchmortem's critical findings, in its order."""
    library: Any = importlib.import_module("torchmortem")
    logging.getLogger("torchmortem").setLevel(logging.CRITICAL)
    case, _ = with_validation(case)
    model, optimizer = begun(case)
    autopsy = library.Autopsy(model, optimizer=optimizer)
    with autopsy:
        for stepped in trained(case, model, optimizer):
            autopsy.step(loss=stepped.loss)
    with tempfile.TemporaryDirectory() as folder:
        report = autopsy.report(Path(folder) / "report.json")
    critical = [each for each in report.findings if each.severity.name == "CRITICAL"]
    return tuple(dict.fromkeys(str(each.category) for each in critical))


RIVALS: dict[str, Callable[[Case], Said]] = {
    "torchmortem": torchmortem,
    "SageMaker's rules": sagemaker,
    "AutoTrainer's rules": autotrainer,
}


def available() -> dict[str, Callable[[Case], Said]]:
    """Return the rivals that can be asked here."""
    return {
        name: ask for name, ask in RIVALS.items() if name != "torchmortem" or importlib.util.find_spec("torchmortem")
    }
