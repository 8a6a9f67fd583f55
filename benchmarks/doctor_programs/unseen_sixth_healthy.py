"""Healthy programs of a sixth writing: losses, targets and networks that are unusual and sound."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import rnn

from doctor_programs import rows, scores
from doctor_programs.networks import layers
from doctor_programs.program import Case, Healthy, adam, case, sgd


def halves(x: Tensor, y: Tensor, count: int) -> rows.Parts:
    """Return the first rows to train on, and the others to test on."""
    return rows.Parts((x[:count], y[:count]), (x[count:], y[count:]))


def middles_of_wild_errors(seed: int) -> Case:
    """Learn a bent function under errors whose variance is infinite, by Huber's loss."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1800, 5, generator=generator)
    known = torch.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:3]
    normal = torch.randn(1800, 3, generator=generator)
    errors = normal[:, :1] / (normal[:, 1:].square().mean(1, keepdim=True)).sqrt().clamp(min=0.05)
    data = halves(x, known + 0.3 * errors, 1200)
    return case(
        seed, lambda: layers(5, 48, 1), data.rows, (data.test[0], known[1200:]), loss=nn.HuberLoss(delta=0.5),
        score=scores.r2, optimizer=adam(3e-3), epochs=40,
    )  # fmt: skip


def what_eight_in_ten_stay_below(seed: int) -> Case:
    """Ask for what eight rows in ten stay below, where the spread grows with a column."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2000, 4, generator=generator)
    middle, spread = torch.sin(2 * x[:, :1]) + x[:, 1:2], 0.2 + 0.6 * x[:, 2:3].sigmoid()
    y = middle + spread * torch.randn(2000, 1, generator=generator)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        short = targets - outputs
        return torch.maximum(0.8 * short, -0.2 * short).mean()

    data = halves(x, y, 1300)
    return case(
        seed, lambda: layers(4, 48, 1), data.rows, (data.test[0], (middle + 0.8416 * spread)[1300:]), loss=loss,
        score=scores.r2, optimizer=adam(3e-3), epochs=20,
    )  # fmt: skip


def of_means(outputs: Tensor, targets: Tensor) -> float:
    """Return what the exponentials of the first outputs explain."""
    return scores.r2(outputs[:, :1].exp(), targets)


def visits_more_spread_than_poissons(seed: int) -> Case:
    """Predict the mean and the dispersion of counts by a negative binomial likelihood; half of all are zero."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2400, 5, generator=generator)
    mean = (0.2 + 0.8 * torch.tanh(2 * x[:, :1]) + 0.6 * x[:, 1:2]).exp()
    shape = torch.distributions.Gamma(2.0, 2.0)
    torch.manual_seed(seed)
    y = torch.poisson(mean * shape.sample((2400, 1)), generator=generator)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        log_mean, log_size = outputs[:, :1], outputs[:, 1:]
        size = log_size.exp()
        likely = torch.distributions.NegativeBinomial(size, logits=log_mean - log_size)
        return -likely.log_prob(targets).mean()

    data = halves(x, y, 1600)
    return case(
        seed, lambda: layers(5, 32, 2), data.rows, (data.test[0], mean[1600:]), loss=loss, score=of_means,
        optimizer=adam(3e-3), epochs=20,
    )  # fmt: skip


def rare_cases_by_a_focal_loss(seed: int) -> Case:
    """Find one row in twelve by a loss that looks away from what is known already."""
    data = rows.customers(seed, training=1600, share=0.08, noise=0.3)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        each = functional.binary_cross_entropy_with_logits(outputs, targets, reduction="none")
        weight = torch.where(targets > 0.5, 0.85, 0.15)
        return (weight * (1 - (-each).exp()) ** 2 * each).mean()

    return case(
        seed, lambda: layers(12, 48, 48, 1), data.rows, data.test, loss=loss, score=scores.balanced_sign,
        optimizer=adam(3e-3), epochs=15, judged_by=scores.balanced_sign,
    )  # fmt: skip


def as_said(outputs: Tensor, targets: Tensor) -> float:
    """Return the share of rows whose symbols are all right, once repeated and empty steps are left out."""
    best = outputs.argmax(2)
    right = 0
    for said, true in zip(best.tolist(), targets.tolist(), strict=True):
        kept = [each for place, each in enumerate(said) if each and (place == 0 or said[place - 1] != each)]
        right += kept == true
    return right / len(targets)


def symbols_in_their_order_alone(seed: int) -> Case:
    """Learn which three symbols a series has, in order but without their places (CTC)."""
    random = torch.Generator().manual_seed(seed)
    y = torch.randint(1, 5, (1300, 3), generator=random)
    places = torch.rand(1300, 16, generator=random).argsort(1)[:, :3].sort(1).values
    x = 0.3 * torch.randn(1300, 16, 4, generator=random)
    for place in range(3):
        x[torch.arange(1300), places[:, place], y[:, place] - 1] += 2

    class Steps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.rest = nn.Sequential(nn.Conv1d(4, 32, 3, padding=1), nn.ReLU(), nn.Conv1d(32, 5, 3, padding=1))

        def forward(self, given: Tensor) -> Tensor:
            outputs: Tensor = self.rest(given.transpose(1, 2)).transpose(1, 2)
            return outputs

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        steps = torch.full((len(outputs),), 16)
        return functional.ctc_loss(
            outputs.log_softmax(2).transpose(0, 1), targets, steps, torch.full_like(steps, 3), zero_infinity=True
        )

    data = halves(x, y, 900)
    return case(
        seed, Steps, data.rows, data.test, loss=loss, score=as_said, optimizer=adam(1e-2), epochs=20,
        judged_by=as_said,
    )  # fmt: skip


def side(outputs: Tensor, targets: Tensor) -> float:
    """Return the share of rows whose output has the sign of their target."""
    return float((outputs.sign() == targets.sign()).float().mean())


def margins_around_a_circle(seed: int) -> Case:
    """Tell two sides, -1 and 1, by a squared hinge."""
    data = rows.circles(seed)
    first, rest = ((x, 2 * y - 1) for x, y in (data.rows, data.test))

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.relu(1 - outputs * targets).square().mean()

    return case(
        seed, lambda: layers(2, 32, 1), first, rest, loss=loss, score=side, optimizer=adam(1e-2), epochs=25
    )  # fmt: skip


def directions_on_a_compass(seed: int) -> Case:
    """Predict where a wind comes from by the cosine between directions."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1600, 5, generator=generator)
    angle = 2 * x[:, 0] + torch.tanh(x[:, 1] * x[:, 2]) + 0.2 * torch.randn(1600, generator=generator)
    y = torch.stack([angle.sin(), angle.cos()], 1)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return (1 - functional.cosine_similarity(outputs, targets)).mean()

    def agreement(outputs: Tensor, targets: Tensor) -> float:
        return float(functional.cosine_similarity(outputs, targets).mean())

    data = halves(x, y, 1100)
    return case(
        seed, lambda: layers(5, 64, 2), data.rows, data.test, loss=loss, score=agreement, optimizer=adam(5e-3),
        epochs=50,
    )  # fmt: skip


def of_mixtures(outputs: Tensor, targets: Tensor) -> float:
    """Return how much likelier targets are than under one normal distribution of them all, in units of 1.5 nats."""
    whole = torch.distributions.Normal(targets.mean(), targets.std()).log_prob(targets).mean()
    return float((mixture(outputs).log_prob(targets[:, 0]).mean() - whole) / 1.5)


def mixture(outputs: Tensor) -> torch.distributions.MixtureSameFamily:
    """Return the distribution that nine outputs stand for: shares, means and spreads of three parts."""
    shares, means, spreads = outputs.chunk(3, 1)
    return torch.distributions.MixtureSameFamily(
        torch.distributions.Categorical(logits=shares),
        torch.distributions.Normal(means, functional.softplus(spreads) + 0.02),
    )


def one_of_several_answers(seed: int) -> Case:
    """Learn which answers are possible, where one number allows several (a mixture density network)."""
    generator = torch.Generator().manual_seed(seed)
    y = 2 * torch.rand(2000, 1, generator=generator) - 1
    x = y + 0.4 * torch.sin(2 * math.pi * y) + 0.05 * torch.randn(2000, 1, generator=generator)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return -mixture(outputs).log_prob(targets[:, 0]).mean()

    data = halves(x, y, 1400)
    return case(
        seed, lambda: layers(1, 48, 48, 9, activation=nn.Tanh), data.rows, data.test, loss=loss, score=of_mixtures,
        optimizer=adam(3e-3), epochs=40,
    )  # fmt: skip


class Flow(nn.Module):
    """Two numbers to two numbers and back: couplings, and the logarithm of how much they stretch."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList(layers(1, 32, 2, activation=nn.Tanh) for _ in range(6))

    def forward(self, x: Tensor) -> Tensor:
        stretched = torch.zeros(len(x))
        for part in self.parts:
            scale, move = part(x[:, :1]).chunk(2, 1)
            scale = scale.tanh()
            x = torch.cat([x[:, 1:] * scale.exp() + move, x[:, :1]], 1)
            stretched = stretched + scale[:, 0]
        return torch.cat([x, stretched[:, None]], 1)


def likelihood(outputs: Tensor) -> Tensor:
    """Return the logarithm of the density of each row, in nats."""
    return -outputs[:, :2].square().sum(1) / 2 - math.log(2 * math.pi) + outputs[:, 2]


def density_of_two_moons(seed: int) -> Case:
    """Learn how dense points lie, by a flow; there is no target but the points themselves."""
    data = rows.moons(seed, training=1200, noise=0.1)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return -likelihood(outputs).mean()

    def gained(outputs: Tensor, targets: Tensor) -> float:
        whole = torch.distributions.MultivariateNormal(targets.mean(0), targets.T.cov())
        return float(likelihood(outputs).mean() - whole.log_prob(targets).mean())

    (x, _), (held, _) = data.rows, data.test
    return case(
        seed, Flow, (x, x), (held, held), loss=loss, score=gained, optimizer=adam(5e-3), epochs=60, judged_by=gained
    )  # fmt: skip


class Tied(nn.Module):
    """An autoencoder whose way back has the weights of its way there."""

    def __init__(self) -> None:
        super().__init__()
        self.there = nn.Linear(64, 16)
        self.center = nn.Parameter(torch.zeros(64))

    def forward(self, x: Tensor) -> Tensor:
        return functional.linear(self.there(x), self.there.weight.T, self.center)


def digits_there_and_back(seed: int) -> Case:
    """Make digits again from sixteen numbers, with the same weights both ways."""
    data = rows.gray_digits(seed, training=1000)
    x, held = data.rows[0], data.test[0]
    return case(
        seed, Tied, (x, x), (held, held), loss=nn.MSELoss(), score=scores.r2, optimizer=adam(3e-3), epochs=30
    )  # fmt: skip


class Rough(nn.Module):
    """A variational autoencoder: the picture, the means and the logarithms of the variances of its code."""

    def __init__(self) -> None:
        super().__init__()
        self.there, self.back = layers(64, 64, 24), layers(12, 64, 64)

    def forward(self, x: Tensor) -> Tensor:
        mean, log_variance = self.there(x).chunk(2, 1)
        noise = torch.randn_like(mean) if self.training else torch.zeros_like(mean)
        return torch.cat([self.back(mean + noise * (log_variance / 2).exp()), mean, log_variance], 1)


def pictures_from_codes_with_noise(seed: int) -> Case:
    """Make digits again from a noisy code, of which a normal distribution is asked as well."""
    data = rows.gray_digits(seed, training=1000)
    x, held = data.rows[0], data.test[0]

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        picture, mean, log_variance = outputs.split([64, 12, 12], 1)
        error = (picture - targets).square().sum(1) / (2 * 0.3)
        divergence = (mean.square() + log_variance.exp() - 1 - log_variance).sum(1) / 2
        return (error + divergence).mean()

    def again(outputs: Tensor, targets: Tensor) -> float:
        return scores.r2(outputs[:, :64], targets)

    return case(
        seed, Rough, (x, x), (held, held), loss=loss, score=again, optimizer=adam(3e-3), epochs=50
    )  # fmt: skip


class Bags(nn.Module):
    """Texts as bags of word numbers, behind a layer whose greatest stretch is 1."""

    def __init__(self) -> None:
        super().__init__()
        self.bag = nn.EmbeddingBag(200, 16, mode="mean")
        hidden: Any = nn.utils.parametrizations.spectral_norm(nn.Linear(16, 16))
        self.rest = nn.Sequential(hidden, nn.ReLU(), nn.Linear(16, 1))

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(self.bag(x))
        return outputs


def bags_of_words_under_a_norm(seed: int) -> Case:
    """Tell liked texts by bags of their words, with a spectral norm."""
    data = rows.reviews(seed, training=900)
    return case(
        seed, Bags, data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=adam(1e-2),
        epochs=10,
    )  # fmt: skip


class Lengths(nn.Module):
    """A gated recurrence over rows of different lengths, packed, and their last real state."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent, self.head = nn.GRU(1, 24, batch_first=True), nn.Linear(24, 1)

    def forward(self, x: Tensor) -> Tensor:
        lengths = (x[..., 0] != 0).sum(1)
        packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        outputs: Tensor = self.head(self.recurrent(packed)[1][0])
        return outputs


def rows_of_different_lengths(seed: int) -> Case:
    """Predict a sum over rows of three to twenty steps, packed; the rows come in no order, and stay in it."""
    generator = torch.Generator().manual_seed(seed)
    length = torch.randint(3, 21, (1500, 1), generator=generator)
    x = torch.randn(1500, 20, generator=generator) * (torch.arange(20) < length)
    y = torch.tanh(x).sum(1, keepdim=True) / 3 + 0.1 * torch.randn(1500, 1, generator=generator)
    data = halves(x[..., None], y, 1000)
    return case(
        seed, Lengths, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(5e-3), epochs=12,
        shuffle=False,
    )  # fmt: skip


class Begins(nn.Module):
    """Sixteen blocks, each of which adds nothing at first (ReZero)."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(10, 32), nn.Linear(32, 1)
        self.blocks = nn.ModuleList(layers(32, 32, 32) for _ in range(16))
        self.shares = nn.Parameter(torch.zeros(16))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for share, block in zip(self.shares, self.blocks, strict=True):
            x = x + share * block(x)
        outputs: Tensor = self.head(x)
        return outputs


def blocks_that_begin_with_nothing(seed: int) -> Case:
    """Learn with many blocks, all of which begin as the identity."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=900)))
    return case(
        seed, Begins, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(3e-3), epochs=15
    )  # fmt: skip


def a_line_long_since_found(seed: int) -> Case:
    """Go on for hundreds of epochs once a linear law is found, in small steps and under noise as large as the law."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(900, 6, generator=generator)
    known = x[:, :3].sum(1, keepdim=True) / 3**0.5
    y = known + torch.randn(900, 1, generator=generator)
    data = halves(x, y, 300)
    return case(
        seed, lambda: nn.Linear(6, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=sgd(1e-3, momentum=0.9), epochs=200,
    )  # fmt: skip


def thirty_rows_of_a_law(seed: int) -> Case:
    """Learn a gentle law from thirty rows, with a small network and decay."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(430, 2, generator=generator) * 2 - 1
    y = x[:, :1] + 0.5 * x[:, 1:] ** 2 + 0.1 * torch.randn(430, 1, generator=generator)
    data = halves(x, (y - 0.17) / 0.6, 30)
    return case(
        seed, lambda: layers(2, 16, 1, activation=nn.Tanh), data.rows, data.test, loss=nn.MSELoss(),
        score=scores.r2, optimizer=adam(1e-2, weight_decay=1e-3), epochs=120, batch_size=10,
    )  # fmt: skip


def marks_of_which_a_third_are_wrong(seed: int) -> Case:
    """Learn from marks of which three in ten were drawn, and stop before they are known by heart."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(3000, 8, generator=generator)
    known = (x[:, 0] * x[:, 1] + x[:, 2] > 0).float()[:, None]
    drawn = torch.rand(3000, 1, generator=generator)
    y = torch.where(drawn < 0.25, 1 - known, known)
    data = halves(x, y, 2200)
    return case(
        seed, lambda: layers(8, 24, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(5e-3), epochs=12,
    )  # fmt: skip


def shares_of_a_whole(seed: int) -> Case:
    """Predict rates between 0 and 1 by a cross-entropy with what they are."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 6, generator=generator)
    y = (1.5 * x[:, :1] - x[:, 1:2] * x[:, 2:3] + 0.3 * torch.randn(1500, 1, generator=generator)).sigmoid()

    def explained(outputs: Tensor, targets: Tensor) -> float:
        return scores.r2(outputs.sigmoid(), targets)

    data = halves(x, y, 1000)
    return case(
        seed, lambda: layers(6, 48, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=explained,
        optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


def classes_by_squared_errors(seed: int) -> Case:
    """Tell digits by the squared error to 0 and 1, which works as well, in large steps with normalization."""
    data = rows.gray_digits(seed, training=1000)
    first, rest = ((x, functional.one_hot(y, 10).float()) for x, y in (data.rows, data.test))

    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(64, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Linear(48, 10))

    return case(
        seed, model, first, rest, loss=nn.MSELoss(), score=scores.one_hot_top_class,
        optimizer=sgd(0.5, momentum=0.9), epochs=12,
    )  # fmt: skip


def a_dozen_rare_labels(seed: int) -> Case:
    """Find which of a dozen labels are on, each in one row of eight."""
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(2200, 12, generator=random)
    weights = torch.randn(12, 12, generator=torch.Generator().manual_seed(3))
    pull = x @ weights / 12**0.5
    y = (pull + 0.2 * torch.randn(2200, 12, generator=random) > 1.15).float()

    def f1(outputs: Tensor, targets: Tensor) -> float:
        said, right = outputs > 0, targets > 0.5
        return 2 * float((said & right).sum()) / max(1.0, float(said.sum() + right.sum()))

    data = halves(x, y, 1500)
    return case(
        seed, lambda: layers(12, 64, 12), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=f1,
        optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


class Scaled(nn.Module):
    """A network whose answers are brought to the units of the targets by what is known of them."""

    def __init__(self, middle: Tensor, spread: Tensor) -> None:
        super().__init__()
        self.rest = layers(10, 48, len(middle))
        self.register_buffer("middle", middle)
        self.register_buffer("spread", spread)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.get_buffer("middle") + self.get_buffer("spread") * self.rest(x)
        return outputs


def tons_and_shares_in_their_units(seed: int) -> Case:
    """Predict tons and shares at once, each error by the spread of its column."""
    data = rows.standardized(rows.friedman(seed, training=900))
    units = torch.tensor([400.0, 0.01])

    def both(pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        second = torch.tanh(pair[0][:, 5:6]) + pair[0][:, 6:7] * pair[0][:, 7:8]
        return pair[0], torch.cat([pair[1] / 5, second], 1) * units

    first, rest = both(data.rows), both(data.test)
    middle, spread = first[1].mean(0), first[1].std(0)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return ((outputs - targets) / spread).square().mean()

    def explained(outputs: Tensor, targets: Tensor) -> float:
        return (scores.r2(outputs[:, :1], targets[:, :1]) + scores.r2(outputs[:, 1:], targets[:, 1:])) / 2

    return case(
        seed, lambda: Scaled(middle, spread), first, rest, loss=loss, score=explained, optimizer=adam(5e-3),
        epochs=25,
    )  # fmt: skip


HEALTHY = (
    Healthy(build=middles_of_wild_errors),
    Healthy(build=what_eight_in_ten_stay_below),
    Healthy(build=visits_more_spread_than_poissons),
    Healthy(build=rare_cases_by_a_focal_loss),
    Healthy(build=symbols_in_their_order_alone, modality="sequence"),
    Healthy(build=margins_around_a_circle),
    Healthy(build=directions_on_a_compass),
    Healthy(build=one_of_several_answers),
    Healthy(build=density_of_two_moons),
    Healthy(build=digits_there_and_back, modality="image"),
    Healthy(build=pictures_from_codes_with_noise, modality="image"),
    Healthy(build=bags_of_words_under_a_norm, modality="sequence"),
    Healthy(build=rows_of_different_lengths, modality="sequence"),
    Healthy(build=blocks_that_begin_with_nothing),
    Healthy(build=a_line_long_since_found),
    Healthy(build=thirty_rows_of_a_law),
    Healthy(build=marks_of_which_a_third_are_wrong),
    Healthy(build=shares_of_a_whole),
    Healthy(build=classes_by_squared_errors, modality="image"),
    Healthy(build=a_dozen_rare_labels),
    Healthy(build=tons_and_shares_in_their_units),
)
