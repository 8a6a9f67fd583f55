"""Programs of a fifth writing, once the doctor had learned from the fourth: asked about only once they were written."""

from __future__ import annotations

import copy
import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from doctor_programs import rows, scores
from doctor_programs.networks import layers
from doctor_programs.program import Case, Faulty, Healthy, adam, case


def halves(x: Tensor, y: Tensor, count: int) -> rows.Parts:
    """Return the first rows to train on, and the others to test on."""
    return rows.Parts((x[:count], y[:count]), (x[count:], y[count:]))


class Marked(nn.Module):
    """A gated recurrence read both ways, with a class for each step: (rows, classes, steps)."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.GRU(1, 16, batch_first=True, bidirectional=True)
        self.head = nn.Linear(32, 3)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.recurrent(x)[0]).transpose(1, 2)
        return outputs


def steps_of_marks(seed: int, *, nothing: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return noise of different lengths, for each step whether it falls, stays or rises, and which steps are real."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1100, 16, 1, generator=generator)
    change = torch.diff(x[..., 0], dim=1, prepend=torch.zeros(1100, 1))
    y = torch.bucketize(change, torch.tensor([-0.6, 0.6]))
    real = torch.arange(16) < torch.randint(3, 9, (1100, 1), generator=generator)
    return torch.where(real[..., None], x, torch.zeros(())), torch.where(real, y, torch.tensor(nothing)), real


def of_real_steps(outputs: Tensor, classes: Tensor) -> float:
    """Return the share of the steps that have a class, and of which it is found; the classes stand before the steps."""
    said, real = outputs.argmax(1), classes >= 0
    return float((said == classes)[real].float().mean())


def what_fills_up_is_learned_too(seed: int, *, faulty: bool) -> Case:
    """Mark what fills rows up with a class, the first one, and let the loss count it with the others."""
    x, y, real = steps_of_marks(seed, nothing=0 if faulty else -100)
    right = torch.where(real, y, torch.tensor(-100))

    def model() -> nn.Module:
        return nn.Sequential(nn.Conv1d(1, 8, 2, padding=1), nn.Tanh(), nn.Conv1d(8, 3, 2))

    return case(
        seed, model, (x[:700].transpose(1, 2), y[:700]), (x[700:].transpose(1, 2), right[700:]),
        loss=nn.CrossEntropyLoss(), score=of_real_steps, optimizer=adam(1e-2), epochs=4,
    )  # fmt: skip


def several_of_which_some_are_missing(seed: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return inputs, three targets of which three in ten are no numbers, and all of them."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 6, generator=generator)
    known = torch.stack([torch.sin(2 * x[:, 0]) + x[:, 1], x[:, 2] * x[:, 3], x[:, 4].abs() - x[:, 5]], 1)
    y = known + 0.1 * torch.randn(1500, 3, generator=generator)
    missing = torch.rand(1500, 3, generator=generator) < 0.3
    return x, torch.where(missing, torch.tensor(math.nan), y), known


def missing_targets_times_nothing(seed: int, *, faulty: bool) -> Case:
    """Multiply errors of missing targets by 0, which leaves what is no number what it is."""
    x, y, known = several_of_which_some_are_missing(seed)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        there = ~targets.isnan()
        if faulty:
            return ((outputs - targets) ** 2 * there.float()).sum() / there.sum()
        return ((outputs - targets.nan_to_num(0))[there] ** 2).mean()

    return case(
        seed, lambda: layers(6, 64, 3), (x[:900], y[:900]), (x[900:], known[900:]), loss=loss, score=scores.r2,
        optimizer=adam(5e-3), epochs=20, judged_by=of_those_there,
    )  # fmt: skip


def of_those_there(outputs: Tensor, targets: Tensor) -> float:
    """Return what is explained of the targets that are numbers."""
    there = ~targets.isnan()
    return scores.r2(outputs[there], targets[there])


class Sorted(nn.Module):
    """A network that sorts the numbers of each row, or leaves them in their columns."""

    def __init__(self, *, ordered: bool) -> None:
        super().__init__()
        self.rest, self.ordered = layers(10, 48, 1), ordered

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(x.sort(1).values if self.ordered else x)
        return outputs


def numbers_sorted_across_their_columns(seed: int, *, faulty: bool) -> Case:
    """Sort along the wrong axis, so that no number is in its column any more."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=900)))
    return case(
        seed, lambda: Sorted(ordered=faulty), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


class Averaged(nn.Module):
    """A network that predicts by the running means of its weights."""

    def __init__(self, decay: float) -> None:
        super().__init__()
        self.learning = layers(64, 48, 10)
        self.steady = copy.deepcopy(self.learning).requires_grad_(False)
        self.decay = decay

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            with torch.no_grad():
                for mean, weight in zip(self.steady.parameters(), self.learning.parameters(), strict=True):
                    mean.lerp_(weight, 1 - self.decay)
        outputs: Tensor = (self.learning if self.training else self.steady)(x)
        return outputs


def means_of_weights_that_hardly_move(seed: int, *, faulty: bool) -> Case:
    """Predict by running means of the weights whose decay suits a training of a million steps."""
    data = rows.gray_digits(seed, training=1000)
    return case(
        seed, lambda: Averaged(0.9999 if faulty else 0.95), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=adam(3e-3), epochs=10,
    )  # fmt: skip


def targets_standardized_batch_by_batch(seed: int, *, faulty: bool) -> Case:
    """Standardize targets within the loss, by the mean and spread of the batch that comes along."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=600)))

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        moved = targets - targets.mean()
        spread = (moved.square().sum() / max(1, len(moved) - 1)).sqrt()
        return functional.mse_loss(outputs, moved / (spread + 1e-6) if faulty else targets)

    return case(
        seed, lambda: layers(10, 32, 1), data.rows, data.test, loss=loss, score=scores.r2, optimizer=adam(3e-3),
        epochs=15, batch_size=3,
    )  # fmt: skip


def class_and_number(seed: int) -> tuple[Tensor, Tensor]:
    """Return inputs and targets of two columns: one of three classes, and a number."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 6, generator=generator)
    classes = torch.stack([x[:, 0] * x[:, 1], x[:, 2], -x[:, 3].abs() + 0.8], 1).argmax(1).float()
    number = torch.sin(2 * x[:, 4]) + x[:, 5] + 0.1 * torch.randn(1500, generator=generator)
    return x, torch.stack([classes, number], 1)


def both(outputs: Tensor, targets: Tensor) -> float:
    """Return the mean of the share of classes that are found and of what is explained of the number."""
    found = scores.top_class(outputs[:, :3], targets[:, 0].long())
    return (found + scores.r2(outputs[:, 3:], targets[:, 1:])) / 2


def a_class_and_a_number(seed: int) -> Case:
    """Learn a class and a number at once, by the sum of their losses."""
    x, y = class_and_number(seed)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        classes = functional.cross_entropy(outputs[:, :3], targets[:, 0].long())
        return classes + functional.mse_loss(outputs[:, 3:], targets[:, 1:])

    return case(
        seed, lambda: layers(6, 64, 4), (x[:900], y[:900]), (x[900:], y[900:]), loss=loss, score=both,
        optimizer=adam(5e-3), epochs=25, judged_by=both,
    )  # fmt: skip


def targets_of_which_some_are_missing(seed: int) -> Case:
    """Learn from several targets of which some are no numbers, and leave those out."""
    x, y, known = several_of_which_some_are_missing(seed)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        there = ~targets.isnan()
        return functional.mse_loss(outputs[there], targets[there])

    return case(
        seed, lambda: layers(6, 64, 3), (x[:900], y[:900]), (x[900:], known[900:]), loss=loss, score=scores.r2,
        optimizer=adam(5e-3), epochs=25, judged_by=of_those_there,
    )  # fmt: skip


def marks_of_the_steps_that_there_are(seed: int) -> Case:
    """Mark every step of rows of different lengths, and leave out what fills them up."""
    x, y, _ = steps_of_marks(seed, nothing=-100)
    return case(
        seed, Marked, (x[:700], y[:700]), (x[700:], y[700:]), loss=nn.CrossEntropyLoss(), score=of_real_steps,
        optimizer=adam(1e-2), epochs=12, judged_by=of_real_steps,
    )  # fmt: skip


def of_shares(outputs: Tensor, targets: Tensor) -> float:
    """Return what the means of the distributions explain."""
    first, second = (functional.softplus(outputs) + 0.01).chunk(2, 1)
    return scores.r2(first / (first + second), targets)


def distributions_of_shares(seed: int) -> Case:
    """Predict distributions of shares between 0 and 1, by the two numbers that they have."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1600, 5, generator=generator)
    middle = (torch.sin(2 * x[:, :1]) + x[:, 1:2]).sigmoid()
    y = (middle + 0.08 * torch.randn(1600, 1, generator=generator)).clamp(0.01, 0.99)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        first, second = (functional.softplus(outputs) + 0.01).chunk(2, 1)
        return -torch.distributions.Beta(first, second).log_prob(targets).mean()

    data = halves(x, y, 1000)
    return case(
        seed, lambda: layers(5, 48, 2), data.rows, data.test, loss=loss, score=of_shares, optimizer=adam(5e-3),
        epochs=25, judged_by=of_shares,
    )  # fmt: skip


class Points(nn.Module):
    """Points of a row through one network each, and their strongest answers through another."""

    def __init__(self) -> None:
        super().__init__()
        self.each, self.rest = layers(2, 32, 32), layers(32, 32, 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(self.each(x).amax(1))
        return outputs


def how_far_points_reach(seed: int) -> Case:
    """Tell of sets of points, in any order, how wide they are."""
    x = torch.randn(1500, 12, 2, generator=torch.Generator().manual_seed(seed))
    y = (x.amax(1) - x.amin(1)).prod(1, keepdim=True)
    y = (y - y.mean()) / y.std()
    data = halves(x, y, 1000)
    return case(
        seed, Points, data.rows, data.test, loss=nn.HuberLoss(), score=scores.r2, optimizer=adam(3e-3), epochs=25
    )  # fmt: skip


FAULTY = (
    Faulty(
        build=what_fills_up_is_learned_too,
        causes=("wrong_loss",),
        accepted=("class_imbalance", "label_noise", "underfitting"),
        modality="sequence",
    ),
    Faulty(build=missing_targets_times_nothing, causes=("non_finite_values",), accepted=("wrong_loss",)),
    Faulty(build=numbers_sorted_across_their_columns, causes=("underfitting",), accepted=("not_learning",)),
    Faulty(
        build=means_of_weights_that_hardly_move,
        causes=("frozen_parameters",),
        accepted=("stopped_too_early", "learning_rate_too_low"),
        modality="image",
    ),
    Faulty(build=targets_standardized_batch_by_batch, causes=("wrong_loss",), accepted=("batch_size",)),
)  # fmt: skip

HEALTHY = (
    Healthy(build=a_class_and_a_number),
    Healthy(build=targets_of_which_some_are_missing),
    Healthy(build=marks_of_the_steps_that_there_are, modality="sequence"),
    Healthy(build=distributions_of_shares),
    Healthy(build=how_far_points_reach, modality="sequence"),
)
