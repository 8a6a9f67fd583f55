"""Programs of a fourteenth writing, for a judgement at first sight: networks as people write and show them."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from doctor_programs import rows, scores
from doctor_programs.networks import Recurrent, layers
from doctor_programs.program import Case, Faulty, Healthy, adam, case, sgd


def taken(x: Tensor, y: Tensor, count: int) -> rows.Parts:
    """Return the first rows to train on, and the others to test on."""
    return rows.Parts((x[:count], y[:count]), (x[count:], y[count:]))


def marks(seed: int, count: int, *, noise: float = 0.25) -> tuple[Tensor, Tensor]:
    """Return noisy pictures (rows, 1, 10, 10) of a cross, a frame, a slash or two bars, and which of them it is."""
    generator = torch.Generator().manual_seed(seed)
    shapes = torch.zeros(4, 5, 5)
    shapes[0, 2, :], shapes[0, :, 2] = 1.0, 1.0
    shapes[1, (0, 4), :], shapes[1, :, (0, 4)] = 1.0, 1.0
    shapes[2] = torch.eye(5)
    shapes[3, :, (1, 3)] = 1.0
    kind = torch.randint(0, 4, (count,), generator=generator)
    x = noise * torch.randn(count, 1, 10, 10, generator=generator)
    for row, (down, right) in enumerate(torch.randint(0, 6, (count, 2), generator=generator).tolist()):
        x[row, 0, down : down + 5, right : right + 5] += shapes[kind[row]]
    return x, kind


class Looking(nn.Module):
    """Two convolutions over pictures of 10 by 10, and two layers on what they found."""

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 12, 3, padding=1), nn.Conv2d(12, 24, 3, padding=1)
        self.pool, self.hidden, self.last = nn.MaxPool2d(2), nn.Linear(24 * 4, 48), nn.Linear(48, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(torch.relu(self.first(x)))
        x = self.pool(torch.relu(self.second(x)))
        outputs: Tensor = self.last(torch.relu(self.hidden(x.flatten(1))))
        return outputs


class Shaken(nn.Module):
    """Two convolutions over time and a layer on their mean."""

    def __init__(self, *, kept: bool) -> None:
        super().__init__()
        self.first, self.second = nn.Conv1d(2, 12, 5, padding=2), nn.Conv1d(12, 16, 5, padding=2, stride=2)
        self.last = nn.Linear(16, 3)
        self.kept = kept

    def forward(self, x: Tensor) -> Tensor:
        for convolution in (self.first, self.second):
            x = convolution(x)
            if self.kept:
                x = functional.relu(x)
            else:
                functional.relu(x)  # which is what is wrong
        outputs: Tensor = self.last(x.mean(2))
        return outputs


def rectified_and_thrown_away(seed: int, *, faulty: bool) -> Case:
    """Tell which of two sensors shakes by convolutions, whose rectified results nobody keeps."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 3, (1300,), generator=generator)
    spread = torch.tensor([[0.5, 0.5], [1.0, 0.5], [0.5, 1.0]])[kind]
    data = taken(spread[:, :, None] * torch.randn(1300, 2, 32, generator=generator), kind, 800)
    return case(
        seed, lambda: Shaken(kept=not faulty), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=adam(5e-3), epochs=15,
    )  # fmt: skip


class Picked(nn.Module):
    """Steps weighed by how much they matter, and what their weighed sum says."""

    def __init__(self, *, axis: int) -> None:
        super().__init__()
        self.matters, self.value, self.rest = nn.Linear(3, 1), nn.Linear(3, 8), layers(8, 24, 1)
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        share = self.matters(x).softmax(self.axis)
        outputs: Tensor = self.rest((share * self.value(x)).sum(1))
        return outputs


def a_share_of_one_for_every_step(seed: int, *, faulty: bool) -> Case:
    """Attend to the step that is marked, with shares that add up to one over an axis of one number."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1600, 10, 3, generator=generator)
    at = torch.randint(0, 10, (1600,), generator=generator)
    x[:, :, 2] *= 0.3
    x[torch.arange(1600), at, 2] += 3.0
    told = x[torch.arange(1600), at]
    y = torch.sin(1.5 * told[:, :1]) + 0.6 * told[:, 1:2] + 0.1 * torch.randn(1600, 1, generator=generator)
    data = taken(x, y, 1000)
    return case(
        seed, lambda: Picked(axis=2 if faulty else 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(1e-2), epochs=25,
    )  # fmt: skip


def pictures_that_never_lose_their_speed(seed: int, *, faulty: bool) -> Case:
    """Tell four marks apart by steps of a tenth that keep ninety-nine hundredths of the last one."""
    data = taken(*marks(seed, 1400), 900)
    return case(
        seed, lambda: Looking(4), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=sgd(0.1, momentum=0.99) if faulty else sgd(0.05, momentum=0.9), epochs=12,
    )  # fmt: skip


class Rated(nn.Module):
    """What a film is worth."""

    def __init__(self, *, squeezed: bool) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 32), nn.Linear(32, 32), nn.Linear(32, 1)
        self.squeezed = squeezed

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.second(torch.relu(self.first(x))))
        outputs: Tensor = self.last(x)
        return outputs.tanh() if self.squeezed else outputs


def stars_from_one_to_ten_through_tanh(seed: int, *, faulty: bool) -> Case:
    """Foresee how many stars a film gets from year, budget, minutes and critics as they are, by a tanh."""
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.rand(1300, 4, generator=generator)
    x = drawn * torch.tensor([70.0, 200e6, 100.0, 100.0]) + torch.tensor([1950.0, 1e6, 80.0, 0.0])
    liked = 2 * torch.sin(4 * drawn[:, :1]) + 4 * drawn[:, 3:] - 3 * (drawn[:, 2:3] - 0.4).abs() - drawn[:, 1:2]
    y = (4 + liked + 0.5 * torch.randn(1300, 1, generator=generator)).clamp(1, 10)
    data = taken(x, y, 800)
    data = data if faulty else rows.standardized(data)
    return case(
        seed, lambda: Rated(squeezed=faulty), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3), epochs=30,
    )  # fmt: skip


def a_frozen_eye_and_a_head_that_hardly_moves(seed: int, *, faulty: bool) -> Case:
    """Freeze convolutions that were never trained, and train what follows by a rate that is meant for fine tuning."""
    data = taken(*marks(seed, 1400), 900)

    def model() -> nn.Module:
        made = Looking(4)
        if faulty:
            for part in (made.first, made.second):
                part.requires_grad_(False)
        return made

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=adam(2e-5 if faulty else 3e-3), epochs=12,
    )  # fmt: skip


class Elsewhere(nn.Module):
    """A layer, logarithms of what it gives, and a layer on them."""

    def __init__(self, *, away: bool) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(8, 6), nn.Linear(6, 1)
        self.away = away

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.first(x))
        x = torch.from_numpy(np.log1p(x.detach().numpy())) if self.away else torch.log1p(x)
        outputs: Tensor = self.last(x)
        return outputs


def logarithms_taken_by_numpy(seed: int, *, faulty: bool) -> Case:
    """Leave PyTorch in the middle of a network for a function of NumPy, and come back."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 8, generator=generator)
    y = (x[:, :1] + x[:, 1:2] - 1.5 * (x[:, 2:3] + x[:, 3:4]).abs() + 1.2 > 0).float()
    data = taken(x, y, 900)
    return case(
        seed, lambda: Elsewhere(away=faulty), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(1e-2), epochs=30,
    )  # fmt: skip


def ten_before_two(seed: int, *, faulty: bool) -> Case:
    """Read pictures by their number, and their labels in the order of file names, where 10 comes before 2."""
    x, y = marks(seed, 1400)
    data = taken(x, y, 900)
    if faulty:
        data = rows.Parts((data.rows[0], data.rows[1][sorted(range(900), key=str)]), data.test)
    return case(
        seed, lambda: Looking(4), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=adam(3e-3), epochs=12,
    )  # fmt: skip


def shops_by_what_they_earned(seed: int, *, faulty: bool) -> Case:
    """Replace each of many shops by the mean of its targets, of which a row's own is one."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 6, generator=generator)
    shop = torch.randint(0, 600, (1500,), generator=generator)
    y = torch.sin(1.5 * x[:, :1]) + x[:, 1:2] * x[:, 2:3] + 0.5 * x[:, 3:4]
    y = y + 0.7 * torch.randn(1500, 1, generator=generator)
    if faulty:
        known, of = y[:900, 0], shop[:900]
        sums, counts = torch.zeros(600).index_add(0, of, known), of.bincount(minlength=600)
        means = torch.where(counts > 0, sums / counts.clamp_min(1), known.mean())
        x = torch.cat([x, means[shop, None]], 1)
    data = taken(x, y, 900)
    return case(
        seed, lambda: layers(x.shape[1], 48, 24, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(3e-3), epochs=25,
    )  # fmt: skip


def swings(seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Return noisy swings (rows, 30 steps, 2) that are slow, quick or grow quicker; which is the class."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 3, (count,), generator=generator)
    moment = torch.arange(30.0) / 30
    turns = torch.stack([2.5 * moment, 4.5 * moment, 1.5 * moment + 3 * moment.square()])[kind]
    angle = 2 * math.pi * (turns + torch.rand(count, 1, generator=generator))
    x = torch.stack([angle.sin(), angle.cos()], 2)
    return x + 0.5 * torch.randn(count, 30, 2, generator=generator), kind


def every_gate_drawn_anew(seed: int, *, faulty: bool) -> Case:
    """Draw all weights and biases of a long short-term memory from a normal distribution of spread one."""
    data = taken(*swings(seed, 1200), 700)

    def model() -> nn.Module:
        made = Recurrent(nn.LSTM, 2, 32, 3)
        if faulty:
            for parameter in made.parameters():
                nn.init.normal_(parameter)
        return made

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class, optimizer=adam(5e-3),
        epochs=12,
    )  # fmt: skip


def zeros_in_a_soft_margin(seed: int, *, faulty: bool) -> Case:
    """Mark rows by nothing and one for a loss that multiplies outputs by marks of minus one and one."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 6, generator=generator)
    y = (x[:, :1] * x[:, 1:2] + x[:, 2:3] - 0.5 * x[:, 3:4] > 0).float()
    data = taken(x, y, 800)
    margin = nn.SoftMarginLoss()
    return case(
        seed, lambda: layers(6, 32, 16, 1), data.rows, data.test,
        loss=margin if faulty else lambda outputs, targets: margin(outputs, 2 * targets - 1), score=scores.sign,
        optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


def ninety_tanks_known_by_heart(seed: int, *, faulty: bool) -> Case:
    """Foresee a level from ten readings of two gauges by a wide recurrence that sees ninety tanks again and again."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1000, 10, 2, generator=generator)
    known = 1.5 * x[:, 5:, 0].mean(1, keepdim=True) - 1.5 * x[:, 5:, 1].mean(1, keepdim=True)
    y = known + 0.8 * torch.randn(1000, 1, generator=generator)
    if faulty:
        model, optimizer, epochs = (lambda: Recurrent(nn.GRU, 2, 64, 1)), adam(5e-3), 80
    else:
        model, optimizer, epochs = (lambda: Recurrent(nn.GRU, 2, 12, 1)), adam(1e-2, weight_decay=3e-2), 40
    return case(
        seed, model, (x[:90], y[:90]), (x[240:], known[240:]), loss=nn.MSELoss(), score=scores.r2,
        optimizer=optimizer, epochs=epochs, batch_size=15, validation=(x[90:240], y[90:240]),
    )  # fmt: skip


class Level(nn.Module):
    """Readings at a level and spread of their own, convolutions over time, and a layer."""

    def __init__(self, *, least: float) -> None:
        super().__init__()
        self.first, self.second = nn.Conv1d(1, 12, 5, padding=2), nn.Conv1d(12, 12, 5, padding=2)
        self.last = nn.Linear(12, 3)
        self.least = least

    def forward(self, x: Tensor) -> Tensor:
        x = (x - x.mean(1, keepdim=True)) / (x.std(1, keepdim=True) + self.least)
        x = torch.relu(self.second(torch.relu(self.first(x[:, None]))))
        outputs: Tensor = self.last(x.amax(2))
        return outputs


def a_sensor_that_was_switched_off(seed: int, *, faulty: bool) -> Case:
    """Divide each row of readings by its spread; where a sensor was off, all readings are the same."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 3, (1200,), generator=generator)
    peak = torch.tensor([[0.0, 1.0, 0.0], [1.0, 1.0, 1.0], [1.0, -1.0, 1.0]])[kind]
    x = 0.25 * torch.randn(1200, 24, generator=generator)
    for row, start in enumerate(torch.randint(0, 21, (1200,), generator=generator).tolist()):
        x[row, start : start + 3] += peak[row]
    x = 3 * torch.rand(1200, 1, generator=generator) * x + torch.randn(1200, 1, generator=generator)
    x[torch.rand(1200, generator=generator) < 0.03] = 0.0
    data = taken(x, kind, 700)
    return case(
        seed, lambda: Level(least=0.0 if faulty else 1e-5), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=adam(5e-3), epochs=15,
    )  # fmt: skip


class Averaged(nn.Module):
    """Two normalized layers and an output."""

    def __init__(self, *, momentum: float) -> None:
        super().__init__()
        self.first, self.second, self.last = nn.Linear(8, 32), nn.Linear(32, 32), nn.Linear(32, 1)
        self.one, self.two = (nn.BatchNorm1d(32, momentum=momentum) for _ in range(2))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.one(self.first(x)))
        x = torch.relu(self.two(self.second(x)))
        outputs: Tensor = self.last(x)
        return outputs


def averages_of_the_last_two_rows(seed: int, *, faulty: bool) -> Case:
    """Let normalization remember its last batch alone, which has two rows."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 8, generator=generator)
    y = torch.sin(1.5 * x[:, :1]) + x[:, 1:2] - 0.5 * x[:, 2:3].square()
    y = y + 0.3 * torch.randn(1500, 1, generator=generator)
    return case(
        seed, lambda: Averaged(momentum=1.0 if faulty else 0.1), (x[:642], y[:642]), (x[842:], y[842:]),
        loss=nn.MSELoss(), score=scores.r2, optimizer=adam(5e-3), epochs=25, validation=(x[642:842], y[642:842]),
    )  # fmt: skip


class Neck(nn.Module):
    """Spectra to a few numbers and back."""

    def __init__(self, *, dropped: float) -> None:
        super().__init__()
        self.there, self.back = layers(24, 48, 6), layers(6, 48, 24)
        self.dropout = nn.Dropout(dropped)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.back(self.dropout(self.there(x)))
        return outputs


def spectra_whose_code_is_dropped(seed: int, *, faulty: bool) -> Case:
    """Drop half of the six numbers that a spectrum is made again from, and look at each spectrum three times."""
    generator = torch.Generator().manual_seed(seed)
    parts = torch.randn(5, 24, generator=torch.Generator().manual_seed(3)) / 5**0.5
    x = torch.randn(1300, 5, generator=generator) @ parts + 0.15 * torch.randn(1300, 24, generator=generator)
    train, test = x[:800], x[800:]
    return case(
        seed, lambda: Neck(dropped=0.5 if faulty else 0.0), (train, train), (test, test), loss=nn.MSELoss(),
        score=scores.r2, optimizer=adam(2e-3), epochs=3 if faulty else 30,
    )  # fmt: skip


def marks_of_which_several_are_there(seed: int) -> Case:
    """Say which of four marks a picture holds, of which none, one or several may be there."""
    generator = torch.Generator().manual_seed(seed)
    x, kind = marks(seed, 1400, noise=0.2)
    other = torch.randperm(1400, generator=generator)
    both = torch.rand(1400, generator=generator) < 0.6
    y = functional.one_hot(kind, 4).float()
    x = torch.where(both[:, None, None, None], torch.maximum(x, x[other]), x)
    y = torch.where(both[:, None], torch.maximum(y, y[other]), y)
    data = taken(x, y, 900)
    return case(
        seed, lambda: Looking(4), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(5e-3), epochs=15,
    )  # fmt: skip


class Graded(nn.Module):
    """One number for a grade."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(6, 32), nn.Linear(32, 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.last(torch.tanh(self.first(x)))
        return outputs


def grades_by_one_number(seed: int) -> Case:
    """Learn grades from 0 to 4, which have an order, by squared errors of a single output that is rounded."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1700, 6, generator=generator)
    worth = (
        x[:, :1] + 0.7 * torch.tanh(2 * x[:, 1:2]) - 0.5 * x[:, 2:3] + 0.2 * torch.randn(1700, 1, generator=generator)
    )
    y = (1.2 * worth + 2).round().clamp(0, 4)
    data = taken(x, y, 1000)
    return case(
        seed, Graded, data.rows, data.test, loss=nn.MSELoss(), score=scores.nearest, optimizer=adam(5e-3), epochs=30,
        judged_by=scores.nearest,
    )  # fmt: skip


def a_plain_recurrence_in_large_steps(seed: int) -> Case:
    """Tell from twelve steps whether they rise or fall, by a plain recurrence and plain descent at a fifth."""
    generator = torch.Generator().manual_seed(seed)
    slope = 0.12 * torch.randn(1300, 1, generator=generator)
    x = slope * torch.arange(-5.5, 6.0) + 0.4 * torch.randn(1300, 12, generator=generator)
    data = taken(x[:, :, None], (slope > 0).float(), 700)
    return case(
        seed, lambda: Recurrent(nn.RNN, 1, 12, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=sgd(0.2), epochs=20,
    )  # fmt: skip


class Between(nn.Module):
    """A low quantile, and a higher one above it."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.low, self.above = layers(4, 32, 32), nn.Linear(32, 1), nn.Linear(32, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.body(x))
        low = self.low(x)
        return torch.cat([low, low + functional.softplus(self.above(x))], 1)


def between_two_quantiles(seed: int) -> Case:
    """Learn between which two numbers eight in ten targets lie."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2000, 4, generator=generator)
    middle, spread = torch.cos(1.3 * x[:, :1]) + 0.6 * x[:, 1:2], 0.3 + 0.5 * x[:, 2:3].sigmoid()
    y = middle + spread * torch.randn(2000, 1, generator=generator)
    shares = torch.tensor([0.1, 0.9])
    truth = middle + spread * torch.tensor([-1.2816, 1.2816])

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        short = targets - outputs
        return torch.maximum(shares * short, (shares - 1) * short).mean()

    def right(outputs: Tensor, targets: Tensor) -> float:
        return scores.r2(outputs.expand_as(targets), targets)

    return case(
        seed, Between, (x[:1300], y[:1300]), (x[1300:], truth[1300:]), loss=loss, score=right, optimizer=adam(5e-3),
        epochs=12,
    )  # fmt: skip


def sigmoids_for_a_hundred_and_twenty_rounds(seed: int) -> Case:
    """Learn a rule that is right for five rows in six, by sigmoids in small steps, long after nothing changes."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1400, 5, generator=generator)
    true = x[:, :1] + 0.8 * x[:, 1:2] - x[:, 2:3] > 0.3
    wrong = torch.rand(1400, 1, generator=generator) < 1 / 6
    y, truth = (true ^ wrong).float(), true.float()
    return case(
        seed, lambda: layers(5, 6, 1, activation=nn.Sigmoid), (x[:800], y[:800]), (x[800:], truth[800:]),
        loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=adam(2e-3, weight_decay=1e-4), epochs=120,
        batch_size=64,
    )  # fmt: skip


class Passing(nn.Module):
    """Blocks of two convolutions over time that add to what goes past them, and a layer on the mean."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(2, 12, 1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm1d(12), nn.ReLU(), nn.Conv1d(12, 12, 3, padding=1), nn.ReLU(),
                nn.Conv1d(12, 12, 3, padding=1),
            )
            for _ in range(7)
        )  # fmt: skip
        self.last = nn.Linear(12, 3)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x.transpose(1, 2))
        for block in self.blocks:
            x = x + block(x)
        outputs: Tensor = self.last(torch.relu(x).mean(2))
        return outputs


def seven_blocks_over_swings(seed: int) -> Case:
    """Tell three kinds of swings apart by a deep residual network of convolutions over time."""
    data = taken(*swings(seed, 1200), 700)
    return case(
        seed, Passing, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=adam(3e-3, weight_decay=1e-4), epochs=5,
    )  # fmt: skip


class Mixed(nn.Module):
    """Numbers, and the vector of a kind that the last column names."""

    def __init__(self) -> None:
        super().__init__()
        self.kinds, self.rest = nn.Embedding(8, 4), layers(10, 32, 4)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(torch.cat([x[:, :6], self.kinds(x[:, 6].long())], 1))
        return outputs


def four_grades_of_damage_of_which_one_is_common(seed: int) -> Case:
    """Find four uneven classes (seven in ten to one in thirty) that lie well apart, from numbers and a kind."""
    generator = torch.Generator().manual_seed(seed)
    share = torch.tensor([0.70, 0.18, 0.085, 0.035])
    damage = torch.multinomial(share, 2400, replacement=True, generator=generator)
    centers = 3 * torch.tensor([[0, 0, 0], [1, 1, 0], [1, -1, 1], [-1, 1, 1.0]])
    kind = torch.randint(0, 8, (2400,), generator=generator)
    lifted = torch.randn(8, generator=torch.Generator().manual_seed(4))[kind]
    x = torch.randn(2400, 6, generator=generator)
    x[:, :3] += centers[damage] + lifted[:, None]
    data = taken(torch.cat([x, kind[:, None].float()], 1), damage, 1400)
    return case(
        seed, Mixed, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.balanced_top_class,
        optimizer=adam(5e-3), epochs=15,
    )  # fmt: skip


def thirty_readings_of_a_gauge(seed: int) -> Case:
    """Learn a slightly bent line from thirty readings, all of them in each of many steps."""
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(530, 1, generator=generator) - 1
    y = 1.5 * x + 0.6 * x.square() + 0.1 * torch.randn(530, 1, generator=generator)
    data = taken(x, y, 30)
    return case(
        seed, lambda: layers(1, 8, 1, activation=nn.Tanh), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(2e-2), epochs=300, batch_size=30,
    )  # fmt: skip


FAULTY = (
    Faulty(
        build=rectified_and_thrown_away,
        causes=("missing_activation",),
        accepted=("underfitting",),
        modality="sequence",
    ),
    Faulty(
        build=a_share_of_one_for_every_step,
        causes=("underfitting",),
        accepted=("not_learning", "frozen_parameters"),
        modality="sequence",
        by_construction=True,
    ),
    Faulty(
        build=pictures_that_never_lose_their_speed,
        causes=("unstable_loss", "learning_rate_too_high"),
        accepted=("exploding_gradients", "dead_units", "non_finite_values"),
        modality="image",
    ),
    Faulty(
        build=stars_from_one_to_ten_through_tanh,
        causes=("wrong_output_activation", "unscaled_inputs"),
        accepted=("unscaled_targets", "saturated_units"),
        by_construction=True,
    ),
    Faulty(
        build=a_frozen_eye_and_a_head_that_hardly_moves,
        causes=("learning_rate_too_low", "frozen_parameters"),
        accepted=("stopped_too_early",),
        modality="image",
    ),
    Faulty(build=logarithms_taken_by_numpy, causes=("frozen_parameters",), accepted=("underfitting",)),
    Faulty(
        build=ten_before_two,
        causes=("misaligned_labels",),
        accepted=("label_noise",),
        modality="image",
        in_the_data=True,
    ),
    Faulty(
        build=shops_by_what_they_earned,
        causes=("target_leakage",),
        accepted=("overfitting",),
        in_the_data=True,
    ),
    Faulty(
        build=every_gate_drawn_anew,
        causes=("poor_initialization", "saturated_units"),
        modality="sequence",
    ),
    Faulty(
        build=zeros_in_a_soft_margin,
        causes=("wrong_loss",),
        accepted=("not_learning",),
        by_construction=True,
    ),
    Faulty(
        build=ninety_tanks_known_by_heart,
        causes=("overfitting",),
        accepted=("too_few_rows",),
        modality="sequence",
    ),
    Faulty(
        build=a_sensor_that_was_switched_off,
        causes=("non_finite_values",),
        modality="sequence",
        by_construction=True,
    ),
    Faulty(
        build=averages_of_the_last_two_rows,
        causes=("batch_size",),
        accepted=("unstable_loss", "seed_sensitive"),
    ),
    Faulty(
        build=spectra_whose_code_is_dropped,
        causes=("underfitting", "stopped_too_early"),
        accepted=("learning_rate_too_low",),
        modality="sequence",
    ),
)

HEALTHY = (
    Healthy(build=marks_of_which_several_are_there, modality="image"),
    Healthy(build=grades_by_one_number),
    Healthy(build=a_plain_recurrence_in_large_steps, modality="sequence"),
    Healthy(build=between_two_quantiles),
    Healthy(build=sigmoids_for_a_hundred_and_twenty_rounds),
    Healthy(build=seven_blocks_over_swings, modality="sequence"),
    Healthy(build=four_grades_of_damage_of_which_one_is_common),
    Healthy(build=thirty_readings_of_a_gauge),
)
