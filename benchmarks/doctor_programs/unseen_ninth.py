"""Healthy programs of a ninth writing: more losses and networks that people use, nothing wrong with any."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from doctor_programs import rows, scores
from doctor_programs.networks import layers
from doctor_programs.program import Case, Healthy, adam, case, sgd


def divided(x: Tensor, y: Tensor, count: int) -> rows.Parts:
    """Return the first rows to train on, and the others to test on."""
    return rows.Parts((x[:count], y[:count]), (x[count:], y[count:]))


def crps(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the continuous ranked probability score of normal distributions, of a mean and a log spread."""
    mean, spread = outputs[:, :1], outputs[:, 1:].clamp(-6, 6).exp()
    z = (targets - mean) / spread
    density = (-z.square() / 2).exp() / math.sqrt(2 * math.pi)
    below = (1 + torch.erf(z / math.sqrt(2))) / 2
    return (spread * (z * (2 * below - 1) + 2 * density - 1 / math.sqrt(math.pi))).mean()


def rain_by_its_whole_distribution(seed: int) -> Case:
    """Forecast a mean and a spread by the continuous ranked probability score."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1600, 6, generator=generator)
    middle, spread = torch.sin(1.5 * x[:, :1]) + 0.7 * x[:, 1:2], 0.15 + 0.4 * x[:, 2:3].sigmoid()
    data = divided(x, middle + spread * torch.randn(1600, 1, generator=generator), 1100)
    return case(
        seed, lambda: layers(6, 48, 2), data.rows, data.test, loss=crps, score=lambda o, t: scores.r2(o[:, :1], t),
        optimizer=adam(5e-3), epochs=25,
    )  # fmt: skip


class Ranker(nn.Module):
    """Eight candidates of four numbers each to a score each, by the same layers."""

    def __init__(self) -> None:
        super().__init__()
        self.rest = layers(4, 32, 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(x)[..., 0]
        return outputs


def hits_in_their_order(seed: int) -> Case:
    """Order eight candidates by how relevant they are, by the likeness of two softmaxes (ListNet)."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(900, 8, 4, generator=generator)
    y = x[..., 0] + torch.relu(x[..., 1]) * x[..., 2] + 0.3 * torch.randn(900, 8, generator=generator)
    data = divided(x, y, 600)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return -(targets.softmax(1) * outputs.log_softmax(1)).sum(1).mean()

    def pairs(outputs: Tensor, targets: Tensor) -> float:
        said, right = (each[:, :, None] > each[:, None] for each in (outputs, targets))
        return 2 * float((said == right).float().mean()) - 1

    return case(
        seed, Ranker, data.rows, data.test, loss=loss, score=pairs, optimizer=adam(5e-3), epochs=25
    )  # fmt: skip


def catches_that_are_often_none(seed: int) -> Case:
    """Learn counts that are nothing more often than Poisson's are, by a likelihood with a share of nothing."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2000, 5, generator=generator)
    rate = (0.8 + 0.7 * x[:, :1] + 0.4 * x[:, 1:2] * x[:, 2:3]).clamp(-3, 3).exp()
    idle = torch.rand(2000, 1, generator=generator) < (x[:, 3:4] - 0.5).sigmoid()
    y = torch.poisson(rate, generator=generator).masked_fill(idle, 0.0)
    data = divided(x, y, 1400)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        logs, logits = outputs[:, :1].clamp(max=6), outputs[:, 1:]
        counted = targets * logs - logs.exp() - torch.lgamma(targets + 1) + functional.logsigmoid(-logits)
        nothing = torch.logaddexp(functional.logsigmoid(logits), functional.logsigmoid(-logits) - logs.exp())
        return -torch.where(targets == 0, nothing, counted).mean()

    def means(outputs: Tensor, targets: Tensor) -> float:
        return scores.r2(outputs[:, :1].exp() * (-outputs[:, 1:]).sigmoid(), targets)

    return case(
        seed, lambda: layers(5, 32, 2), data.rows, data.test, loss=loss, score=means, optimizer=adam(3e-3), epochs=25
    )  # fmt: skip


def shares_by_a_beta_distribution(seed: int) -> Case:
    """Learn shares of a whole by the likelihood of a beta distribution, its two numbers kept positive."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 6, generator=generator)
    pull = 1.2 * x[:, :1] - x[:, 1:2] * x[:, 2:3] + 0.5 * torch.randn(1500, 1, generator=generator)
    data = divided(x, pull.sigmoid().clamp(1e-3, 1 - 1e-3), 1000)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        first, second = (functional.softplus(outputs) + 0.05).chunk(2, 1)
        norm = torch.lgamma(first) + torch.lgamma(second) - torch.lgamma(first + second)
        return (norm - (first - 1) * targets.log() - (second - 1) * (1 - targets).log()).mean()

    def means(outputs: Tensor, targets: Tensor) -> float:
        first, second = (functional.softplus(outputs) + 0.05).chunk(2, 1)
        return scores.r2(first / (first + second), targets)

    return case(
        seed, lambda: layers(6, 48, 2), data.rows, data.test, loss=loss, score=means, optimizer=adam(5e-3), epochs=25
    )  # fmt: skip


class Waved(nn.Module):
    """Places to a brightness, through sines and cosines of fixed random frequencies."""

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("frequencies", 4 * torch.randn(2, 32))
        self.rest = layers(64, 64, 1)

    def forward(self, x: Tensor) -> Tensor:
        turned = x @ self.get_buffer("frequencies")
        outputs: Tensor = self.rest(torch.cat([turned.sin(), turned.cos()], 1))
        return outputs


def one_picture_from_its_places(seed: int) -> Case:
    """Learn one picture as a function of places, by random Fourier features."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(1700, 2, generator=generator) * 2 - 1
    y = torch.sin(6 * x[:, :1]) * torch.cos(5 * x[:, 1:]) + (x.norm(dim=1, keepdim=True) < 0.5).float()
    data = divided(x, y + 0.05 * torch.randn(1700, 1, generator=generator), 1200)
    return case(
        seed, Waved, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(3e-3), epochs=25
    )  # fmt: skip


class Set(nn.Module):
    """A set of at most ten points, those that are not there marked by zero in the third column, by sums."""

    def __init__(self) -> None:
        super().__init__()
        self.each, self.all = layers(2, 32, 32), layers(32, 32, 3)

    def forward(self, x: Tensor) -> Tensor:
        there = x[..., 2:]
        outputs: Tensor = self.all((self.each(x[..., :2]) * there).sum(1) / there.sum(1).clamp_min(1))
        return outputs


def sets_of_points_of_three_shapes(seed: int) -> Case:
    """Tell rings, crosses and clouds by sets of points (deep sets)."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 3, (1300,), generator=generator)
    turn, size = (torch.rand(1300, 10, generator=generator) for _ in range(2))
    ring = torch.stack([(2 * math.pi * turn).cos(), (2 * math.pi * turn).sin()], 2)
    along = 2 * size - 1
    cross = torch.where((turn < 0.5)[..., None], torch.stack([along, along], 2), torch.stack([along, -along], 2))
    cloud = 0.6 * torch.randn(1300, 10, 2, generator=generator)
    points = torch.stack([ring, cross, cloud], 1)[torch.arange(1300), y]
    points = points + 0.1 * torch.randn(points.shape, generator=generator)
    there = (torch.arange(10) < torch.randint(6, 11, (1300, 1), generator=generator)).float()[..., None]
    data = divided(torch.cat([points * there, there], 2), y, 900)
    return case(
        seed, Set, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class, optimizer=adam(5e-3),
        epochs=25,
    )  # fmt: skip


class Ahead(nn.Module):
    """Twelve steps in, the four that follow out, one after the other from what was said last."""

    def __init__(self) -> None:
        super().__init__()
        self.reader, self.writer, self.head = nn.GRU(1, 24, batch_first=True), nn.GRUCell(1, 24), nn.Linear(24, 1)

    def forward(self, x: Tensor) -> Tensor:
        state, last = self.reader(x)[1][0], x[:, -1]
        said = []
        for _ in range(4):
            state = self.writer(last, state)
            last = last + self.head(state)
            said.append(last)
        return torch.cat(said, 1)


def four_steps_ahead(seed: int) -> Case:
    """Forecast four steps of a wave by a recurrence that reads and one that writes."""
    generator = torch.Generator().manual_seed(seed)
    start = 2 * math.pi * torch.rand(1000, 1, generator=generator)
    pace = 0.4 + 0.4 * torch.rand(1000, 1, generator=generator)
    series = torch.sin(start + pace * torch.arange(16)) + 0.1 * torch.randn(1000, 16, generator=generator)
    data = divided(series[:, :12, None], series[:, 12:], 700)
    return case(
        seed, Ahead, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(5e-3), epochs=25
    )  # fmt: skip


class Shared(nn.Module):
    """Four small networks, and one that says how much each counts for a row."""

    def __init__(self) -> None:
        super().__init__()
        self.gate, self.parts = nn.Linear(8, 4), nn.ModuleList(layers(8, 16, 1) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        shares = self.gate(x).softmax(1)
        said = torch.cat([part(x) for part in self.parts], 1)
        return (shares * said).sum(1, keepdim=True)


def four_experts_and_a_gate(seed: int) -> Case:
    """Learn a law that differs by region, by a mixture of experts."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 8, generator=generator)
    y = torch.where(x[:, :1] > 0, x[:, 1:2] + x[:, 2:3], torch.sin(2 * x[:, 3:4]) - x[:, 1:2])
    data = divided(x, y + 0.2 * torch.randn(1500, 1, generator=generator), 1000)
    return case(
        seed, Shared, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(5e-3), epochs=30
    )  # fmt: skip


class Signed(nn.Module):
    """Hidden units that are -1 or 1, whose gradient is let through as if they were not (straight through)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(64, 64), nn.Linear(64, 48), nn.Linear(48, 10)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(self.first(x))
        soft = torch.tanh(self.second(hidden))
        hard = soft + (soft.sign() - soft).detach()
        outputs: Tensor = self.head(hard)
        return outputs


def digits_by_codes_of_two_values(seed: int) -> Case:
    """Tell digits by codes of -1 and 1, with an estimate of their gradient."""
    data = rows.gray_digits(seed, training=1000)
    return case(
        seed, Signed, data.rows, data.test, loss=nn.CrossEntropyLoss(label_smoothing=0.1), score=scores.top_class,
        optimizer=adam(3e-3), epochs=20,
    )  # fmt: skip


class Twins(nn.Module):
    """Two rows side by side to how far apart they are, by one network for both."""

    def __init__(self) -> None:
        super().__init__()
        self.side = layers(10, 32, 8)

    def forward(self, x: Tensor) -> Tensor:
        first, second = (self.side(each) for each in x.chunk(2, 1))
        return ((first - second).square().sum(1) + 1e-6).sqrt()


def same_or_other_by_a_margin(seed: int) -> Case:
    """Tell whether two rows are of one kind, by the contrastive loss of siamese networks: 1 means of one kind."""
    generator = torch.Generator().manual_seed(seed)
    centers = 1.4 * torch.randn(6, 10, generator=torch.Generator().manual_seed(9))
    first = torch.randint(0, 6, (1600,), generator=generator)
    same = torch.rand(1600, generator=generator) < 0.5
    second = torch.where(same, first, (first + torch.randint(1, 6, (1600,), generator=generator)) % 6)
    noise = torch.randn(1600, 20, generator=generator)
    data = divided(torch.cat([centers[first], centers[second]], 1) + noise, same.float(), 1100)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        near, far = outputs.square(), (2 - outputs).clamp_min(0).square()
        return (targets * near + (1 - targets) * far).mean()

    def right(outputs: Tensor, targets: Tensor) -> float:
        return float(((outputs < 1) == (targets > 0.5)).float().mean())

    return case(
        seed, Twins, data.rows, data.test, loss=loss, score=right, optimizer=adam(3e-3), epochs=20
    )  # fmt: skip


def deep_layers_that_keep_their_scale(seed: int) -> Case:
    """Tell groups by eight layers that normalize themselves, with the dropout made for them."""
    data = rows.groups(seed, training=1000)

    def model() -> nn.Module:
        parts: list[nn.Module] = []
        for width in (10, *[32] * 7):
            linear = nn.Linear(width, 32)
            nn.init.normal_(linear.weight, 0, width**-0.5)
            nn.init.zeros_(linear.bias)
            parts += [linear, nn.SELU(), nn.AlphaDropout(0.02)]
        return nn.Sequential(*parts, nn.Linear(32, 4))

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class, optimizer=adam(1e-3),
        epochs=15,
    )  # fmt: skip


def amounts(seed: int) -> rows.Parts:
    """Return positive amounts over two orders of size, with an error of a fifth."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 7, generator=generator)
    logs = 2 + x[:, :1] + 0.5 * torch.sin(2 * x[:, 1:2]) + 0.2 * torch.randn(1500, 1, generator=generator)
    return divided(x, logs.exp(), 1000)


class Positive(nn.Module):
    """Layers whose output is an exponential."""

    def __init__(self) -> None:
        super().__init__()
        self.rest = layers(7, 48, 1)

    def forward(self, x: Tensor) -> Tensor:
        return (1 + self.rest(x)).clamp(max=8).exp()


def relative_errors_both_ways(seed: int) -> Case:
    """Learn amounts by errors relative to the sum of both (SMAPE)."""
    data = amounts(seed)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return (2 * (outputs - targets).abs() / (outputs.abs() + targets.abs())).mean()

    return case(
        seed, Positive, data.rows, data.test, loss=loss, score=lambda o, t: scores.r2(o.log(), t.log()),
        optimizer=adam(5e-3), epochs=25,
    )  # fmt: skip


def errors_of_logarithms(seed: int) -> Case:
    """Learn amounts by the squared errors of the logarithms of one more."""
    data = amounts(seed)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs.log1p() - targets.log1p()).square().mean()

    return case(
        seed, Positive, data.rows, data.test, loss=loss, score=lambda o, t: scores.r2(o.log1p(), t.log1p()),
        optimizer=adam(5e-3), epochs=25,
    )  # fmt: skip


def the_root_of_squared_errors(seed: int) -> Case:
    """Learn by the root of the mean squared error of each batch, by momentum."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=900)))

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return ((outputs - targets).square().mean() + 1e-8).sqrt()

    return case(
        seed, lambda: layers(10, 48, 1), data.rows, data.test, loss=loss, score=scores.r2,
        optimizer=sgd(0.02, momentum=0.9), epochs=30,
    )  # fmt: skip


def stock_that_may_run_out(seed: int) -> Case:
    """Say how much to order where each that is missing costs four times what each too many does."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1800, 5, generator=generator)
    middle, spread = 5 + 2 * x[:, :1] + torch.relu(x[:, 1:2]), 0.5 + 0.8 * x[:, 2:3].sigmoid()
    y = (middle + spread * torch.randn(1800, 1, generator=generator)).clamp_min(0)
    data = divided(x, y, 1200)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return (4 * (targets - outputs).clamp_min(0) + (outputs - targets).clamp_min(0)).mean()

    return case(
        seed, lambda: layers(5, 32, 1), data.rows, (data.test[0], (middle + 0.8416 * spread)[1200:]), loss=loss,
        score=scores.r2, optimizer=adam(1e-2), epochs=25,
    )  # fmt: skip


HEALTHY = (
    Healthy(build=rain_by_its_whole_distribution),
    Healthy(build=hits_in_their_order),
    Healthy(build=catches_that_are_often_none),
    Healthy(build=shares_by_a_beta_distribution),
    Healthy(build=one_picture_from_its_places),
    Healthy(build=sets_of_points_of_three_shapes),
    Healthy(build=four_steps_ahead, modality="sequence"),
    Healthy(build=four_experts_and_a_gate),
    Healthy(build=digits_by_codes_of_two_values, modality="image"),
    Healthy(build=same_or_other_by_a_margin),
    Healthy(build=deep_layers_that_keep_their_scale),
    Healthy(build=relative_errors_both_ways),
    Healthy(build=errors_of_logarithms),
    Healthy(build=the_root_of_squared_errors),
    Healthy(build=stock_that_may_run_out),
)
