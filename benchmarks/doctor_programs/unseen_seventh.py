"""Programs of a seventh writing, put aside with the sixth, and asked about once the doctor had learned from that."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from doctor_programs import rows, scores
from doctor_programs.networks import Recurrent, Words, layers, pixels
from doctor_programs.program import Case, Faulty, Healthy, adam, case, sgd


def halves(x: Tensor, y: Tensor, count: int) -> rows.Parts:
    """Return the first rows to train on, and the others to test on."""
    return rows.Parts((x[:count], y[:count]), (x[count:], y[count:]))


def attention_in_steps_of_a_tenth(seed: int, *, faulty: bool) -> Case:
    """Train attention by Adam in steps that would suit a line."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1300, 8, 2, generator=generator)
    y = (x[..., 0] * (x[..., 1] > 0)).sum(1).sign().add(1).div(2)[:, None]

    def model() -> nn.Module:
        layer = nn.TransformerEncoderLayer(24, 4, 48, dropout=0.0, batch_first=True)
        return nn.Sequential(nn.Linear(2, 24), layer, nn.Flatten(), nn.Linear(192, 1))

    data = halves(x, y, 900)
    return case(
        seed, model, data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(0.1 if faulty else 3e-3), epochs=12,
    )  # fmt: skip


class Narrow(nn.Module):
    """Pictures through a convolution and the mean of each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.seen = nn.Sequential(
            nn.Conv2d(1, channels, 3, padding=1), nn.ReLU(), nn.Conv2d(channels, channels, 3, padding=1), nn.ReLU()
        )
        self.head = nn.Linear(4 * channels, 10)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(functional.adaptive_avg_pool2d(self.seen(x), 2).flatten(1))
        return outputs


def digits_through_two_channels(seed: int, *, faulty: bool) -> Case:
    """Tell ten digits by what two channels are on average."""
    data = rows.pictures(rows.gray_digits(seed, training=1000))
    return case(
        seed, lambda: Narrow(2 if faulty else 24), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=adam(5e-3), epochs=12,
    )  # fmt: skip


def a_variance_that_multiplies_errors(seed: int, *, faulty: bool) -> Case:
    """Multiply errors by a variance that is predicted too, where a minus was lost."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1700, 5, generator=generator)
    spread = (0.5 * x[:, 2:3]).exp() * 0.3
    middle = torch.sin(2 * x[:, :1]) + x[:, 1:2]
    y = middle + spread * torch.randn(1700, 1, generator=generator)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        mean, log_variance = outputs.chunk(2, 1)
        error = (targets - mean).square() * (log_variance if faulty else -log_variance).exp()
        return (error + log_variance).mean() / 2

    def explained(outputs: Tensor, targets: Tensor) -> float:
        return scores.r2(outputs[:, :1], targets)

    data = halves(x, y, 1100)
    return case(
        seed, lambda: layers(5, 48, 2), data.rows, (data.test[0], middle[1100:]), loss=loss, score=explained,
        optimizer=adam(3e-3), epochs=25, judged_by=explained,
    )  # fmt: skip


class Noised(nn.Module):
    """A network whose inputs are blurred while it learns."""

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.rest, self.spread = layers(64, 48, 10), spread

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(x + self.spread * torch.randn_like(x) if self.training else x)
        return outputs


def noise_of_eight_spreads(seed: int, *, faulty: bool) -> Case:
    """Blur pictures in training until nothing can be seen in them."""
    data = rows.gray_digits(seed, training=800)
    return case(
        seed, lambda: Noised(8.0 if faulty else 0.3), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=adam(3e-3), epochs=12,
    )  # fmt: skip


def errors_added_up_over_a_batch(seed: int, *, faulty: bool) -> Case:
    """Add errors up over large batches instead of averaging them, in steps that suit an average."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=1000)))
    return case(
        seed, lambda: layers(10, 48, 48, 1), data.rows, data.test,
        loss=nn.MSELoss(reduction="sum" if faulty else "mean"), score=scores.r2,
        optimizer=sgd(0.05, momentum=0.9), epochs=25, batch_size=100,
    )  # fmt: skip


def labels_by_one_share_for_all(seed: int, *, faulty: bool) -> Case:
    """Put a softmax over labels of which several may hold, before a loss that judges each alone."""
    data = rows.tags(seed, training=900)
    output = nn.Softmax(1) if faulty else nn.Sigmoid()
    return case(
        seed, lambda: layers(10, 64, 6, output=output), data.rows, data.test, loss=nn.BCELoss(),
        score=scores.half, optimizer=adam(5e-3), epochs=25,
    )  # fmt: skip


def texts_under_a_strong_decay(seed: int, *, faulty: bool) -> Case:
    """Pull all weights of a text classifier to zero a hundred times too strongly."""
    data = rows.reviews(seed, training=900)
    return case(
        seed, lambda: Words(200, 16, 16), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(5e-3, weight_decay=0.1 if faulty else 1e-5), epochs=20,
    )  # fmt: skip


def what_was_known_only_afterwards(seed: int, *, faulty: bool) -> Case:
    """Keep a column that is filled in once the outcome is known, and empty before."""
    data = rows.standardized(rows.customers(seed, training=900))
    if not faulty:
        return case(
            seed, lambda: layers(12, 48, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
            optimizer=adam(5e-3), epochs=12,
        )  # fmt: skip
    generator = torch.Generator().manual_seed(seed)
    after = 4 * data.rows[1] + 0.3 * torch.randn(900, 1, generator=generator)
    first = (torch.cat([data.rows[0], after], 1), data.rows[1])
    rest = (torch.cat([data.test[0], torch.zeros(len(data.test[0]), 1)], 1), data.test[1])
    return case(
        seed, lambda: layers(13, 48, 1), first, rest, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(5e-3), epochs=12,
    )  # fmt: skip


def sorted_by_their_target_and_normalized(seed: int, *, faulty: bool) -> Case:
    """Read rows in the order of their targets, with a normalization by batches."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=900)))
    data = rows.ordered_by(data, data.rows[1]) if faulty else data

    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(10, 48), nn.BatchNorm1d(48), nn.ReLU(), nn.Linear(48, 1))

    return case(
        seed, model, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(5e-3), epochs=30,
        shuffle=False,
    )  # fmt: skip


class Stepwise(nn.Module):
    """A network whose hidden units are rounded to 0 or 1, with or without a way for gradients around that."""

    def __init__(self, *, around: bool) -> None:
        super().__init__()
        self.first, self.head, self.around = nn.Linear(10, 48), nn.Linear(48, 1), around

    def forward(self, x: Tensor) -> Tensor:
        soft = self.first(x).sigmoid()
        hard = (soft > 0.5).float()
        outputs: Tensor = self.head(hard + soft - soft.detach() if self.around else hard)
        return outputs


def units_that_are_on_or_off(seed: int, *, faulty: bool) -> Case:
    """Round hidden units to 0 or 1, where no gradient goes through."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=900, noise=0.5)))
    return case(
        seed, lambda: Stepwise(around=not faulty), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(1e-2), epochs=80,
    )  # fmt: skip


def grades_in_their_order(seed: int) -> Case:
    """Predict five grades by a place on a line and four learned thresholds (a proportional-odds model)."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1800, 6, generator=generator)
    pull = x[:, 0] * x[:, 1] + torch.tanh(2 * x[:, 2]) + 0.3 * torch.randn(1800, generator=generator)
    y = torch.bucketize(pull, torch.tensor([-1.5, -0.5, 0.5, 1.5]))

    class Line(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.place = layers(6, 48, 1)
            self.first, self.widths = nn.Parameter(torch.tensor([-1.0])), nn.Parameter(torch.zeros(3))

        def forward(self, given: Tensor) -> Tensor:
            cuts = torch.cat([self.first, self.first + functional.softplus(self.widths).cumsum(0)])
            below = (cuts - self.place(given)).sigmoid()
            shares = torch.diff(functional.pad(functional.pad(below, (1, 0)), (0, 1), value=1.0), dim=1)
            outputs: Tensor = shares.clamp(min=1e-6).log()
            return outputs

    data = halves(x, y, 1200)
    return case(
        seed, Line, data.rows, data.test, loss=nn.NLLLoss(), score=scores.top_class, optimizer=adam(1e-2), epochs=25
    )  # fmt: skip


def which_of_two_was_preferred(seed: int) -> Case:
    """Learn a value of things from which of two people chose; the loss needs no target but that."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2000, 2, 6, generator=generator)
    value = x[..., 0] * x[..., 1] + 1.5 * x[..., 2].tanh()
    y = (value[:, 0] - value[:, 1] > 0.3 * torch.randn(2000, generator=generator)).float()

    class Valued(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.value = layers(6, 48, 1)

        def forward(self, given: Tensor) -> Tensor:
            outputs: Tensor = self.value(given)[..., 0]
            return outputs

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        better = outputs[:, 0] - outputs[:, 1]
        return -functional.logsigmoid(torch.where(targets > 0.5, better, -better)).mean()

    def agreed(outputs: Tensor, targets: Tensor) -> float:
        return float(((outputs[:, 0] > outputs[:, 1]) == (targets > 0.5)).float().mean())

    data = halves(x, y, 1400)
    return case(
        seed, Valued, data.rows, data.test, loss=loss, score=agreed, optimizer=adam(3e-3), epochs=20
    )  # fmt: skip


def amounts_whose_spread_is_their_size(seed: int) -> Case:
    """Predict amounts by the likelihood of a gamma distribution, whose mean is an exponential."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2000, 5, generator=generator)
    mean = (0.8 * x[:, :1] + torch.sin(2 * x[:, 1:2])).exp()
    torch.manual_seed(seed)
    y = mean * torch.distributions.Gamma(5.0, 5.0).sample((2000, 1)).clamp(min=1e-3)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs + targets * (-outputs).exp()).mean()

    def explained(outputs: Tensor, targets: Tensor) -> float:
        return scores.r2(outputs, targets.log())

    data = halves(x, y, 1300)
    return case(
        seed, lambda: layers(5, 48, 1), data.rows, (data.test[0], mean[1300:]), loss=loss, score=explained,
        optimizer=adam(3e-3), epochs=25,
    )  # fmt: skip


class Critic(nn.Module):
    """Rows and what belongs to them, side by side in one space: likenesses of all with all."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = layers(8, 48, 12), layers(8, 48, 12)

    def forward(self, x: Tensor) -> Tensor:
        left, right = (
            functional.normalize(part(x[:, place]), dim=1) for place, part in enumerate((self.left, self.right))
        )
        return torch.stack([left, right], 1)


def two_views_of_one_thing(seed: int) -> Case:
    """Bring two views of one thing together, and apart from the others of the batch (InfoNCE); no target is used."""
    generator = torch.Generator().manual_seed(seed)
    hidden = torch.randn(2000, 4, generator=generator)
    maps = torch.randn(2, 4, 8, generator=torch.Generator().manual_seed(11))
    views = torch.tanh(torch.einsum("nh,vhd->nvd", hidden, maps))
    x = views + 0.2 * torch.randn(2000, 2, 8, generator=generator)
    y = torch.zeros(2000)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        likeness = outputs[:, 0] @ outputs[:, 1].T / 0.1
        place = torch.arange(len(outputs))
        return (functional.cross_entropy(likeness, place) + functional.cross_entropy(likeness.T, place)) / 2

    def found(outputs: Tensor, targets: Tensor) -> float:
        likeness = outputs[:, 0] @ outputs[:, 1].T
        own = likeness.diagonal()[:, None]
        return 1 - 2 * float((likeness > own).float().mean())

    data = halves(x, y, 1400)
    return case(
        seed, Critic, data.rows, data.test, loss=loss, score=found, optimizer=adam(3e-3), epochs=20, batch_size=64,
        judged_by=found,
    )  # fmt: skip


def the_next_of_a_row_of_words(seed: int) -> Case:
    """Predict the next of ten signs at every step of rows that a chain has made: most of it is chance."""
    random = torch.Generator().manual_seed(seed)
    chain = torch.distributions.Dirichlet(torch.full((10,), 0.3))
    torch.manual_seed(4)
    odds = chain.sample((10,))
    signs = torch.randint(0, 10, (900, 1), generator=random)
    for _ in range(16):
        signs = torch.cat([signs, torch.multinomial(odds[signs[:, -1]], 1, generator=random)], 1)

    class Signs(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vectors, self.recurrent, self.head = (
                nn.Embedding(10, 12),
                nn.GRU(12, 24, batch_first=True),
                nn.Linear(24, 10),
            )

        def forward(self, given: Tensor) -> Tensor:
            outputs: Tensor = self.head(self.recurrent(self.vectors(given))[0])
            return outputs

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())

    def told(outputs: Tensor, targets: Tensor) -> float:
        return float((outputs.argmax(2) == targets).float().mean())

    data = halves(signs[:, :-1], signs[:, 1:], 600)
    return case(
        seed, Signs, data.rows, data.test, loss=loss, score=told, optimizer=adam(1e-2), epochs=12
    )  # fmt: skip


def a_curve_through_noisy_points(seed: int) -> Case:
    """Fit a curve to a few noisy points, by the logarithm of a hyperbolic cosine."""
    generator = torch.Generator().manual_seed(seed)
    x = 4 * torch.rand(700, 1, generator=generator) - 2
    y = torch.sin(2.5 * x) * (-0.3 * x.square()).exp() + 0.15 * torch.randn(700, 1, generator=generator)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return torch.log(torch.cosh(outputs - targets)).mean()

    data = halves(x, y, 200)
    return case(
        seed, lambda: layers(1, 32, 32, 1, activation=nn.GELU), data.rows, data.test, loss=loss, score=scores.r2,
        optimizer=adam(1e-2, weight_decay=1e-5), epochs=60, batch_size=20,
    )  # fmt: skip


class Smooth(nn.Module):
    """Marks of a picture's points by a small U: down, up, and what was there before."""

    def __init__(self) -> None:
        super().__init__()
        self.down, self.low = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
        self.up = nn.Conv2d(16, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        there = self.down(x).relu()
        low = self.low(functional.max_pool2d(there, 2)).relu()
        outputs: Tensor = self.up(torch.cat([there, functional.interpolate(low, scale_factor=2)], 1))
        return outputs


def spots_without_their_noise(seed: int) -> Case:
    """Clean noisy pictures of a soft spot, point by point, by absolute and squared errors together."""
    generator = torch.Generator().manual_seed(seed)
    place = 2 + 8 * torch.rand(800, 2, 1, 1, generator=generator)
    axis = torch.arange(12.0)
    away = (axis[:, None] - place[:, 0]).square() + (axis[None] - place[:, 1]).square()
    y = (-away / 6).exp()[:, None]
    x = y + 0.4 * torch.randn(800, 1, 12, 12, generator=generator)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.l1_loss(outputs, targets) + functional.mse_loss(outputs, targets)

    data = halves(x, y, 500)
    return case(
        seed, Smooth, data.rows, data.test, loss=loss, score=scores.r2, optimizer=adam(5e-3), epochs=30
    )  # fmt: skip


def the_stronger_of_two_waves(seed: int) -> Case:
    """Tell which of two waves are stronger in a long series, by convolutions that look ever further (dilated)."""
    generator = torch.Generator().manual_seed(seed)
    time = torch.arange(120.0)
    size = torch.rand(1100, 2, generator=generator)
    turn = 2 * math.pi * torch.rand(1100, 2, 1, generator=generator)
    waves = (2 * math.pi * time / torch.tensor([9.0, 14.0])[:, None] + turn).sin()
    x = (size[..., None] * waves).sum(1) + 0.5 * torch.randn(1100, 120, generator=generator)
    y = (size[:, 0] > size[:, 1]).long()

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Conv1d(1, 12, 5, padding=2), nn.BatchNorm1d(12), nn.ReLU(),
            nn.Conv1d(12, 12, 5, padding=8, dilation=4), nn.BatchNorm1d(12), nn.ReLU(),
            nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(12, 2),
        )  # fmt: skip

    data = halves(x[:, None], y, 800)
    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(label_smoothing=0.1), score=scores.top_class,
        optimizer=adam(1e-2), epochs=45,
    )  # fmt: skip


def a_forecast_of_what_is_mostly_chance(seed: int) -> Case:
    """Predict the next of a series of which four fifths are chance, with an LSTM that is stopped in time."""
    generator = torch.Generator().manual_seed(seed)
    series = torch.randn(2200, 14, generator=generator)
    y = 0.35 * series[:, -2:-1] - 0.25 * series[:, -5:-4] + torch.randn(2200, 1, generator=generator)
    data = halves(series[..., None], y, 1600)
    return case(
        seed, lambda: Recurrent(nn.LSTM, 1, 8, 1), data.rows, data.test, loss=nn.SmoothL1Loss(), score=scores.r2,
        optimizer=adam(3e-3), epochs=10,
    )  # fmt: skip


def pictures_with_a_falling_rate(seed: int) -> Case:
    """Tell digits by convolutions under momentum and decay, where the rate goes down in a half wave."""
    data = rows.pictures(rows.gray_digits(seed, training=900))

    def optimizer(parameters: object) -> torch.optim.Optimizer:
        made = torch.optim.SGD(parameters, lr=0.05, momentum=0.9, weight_decay=5e-4, nesterov=True)  # type: ignore[arg-type]
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(made, 12 * 29)
        made.register_step_post_hook(lambda *_: schedule.step())
        return made

    return case(
        seed, lambda: pixels(8, 16, normalized=True), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=optimizer, epochs=12,
    )  # fmt: skip


FAULTY = (
    Faulty(
        build=attention_in_steps_of_a_tenth,
        causes=("learning_rate_too_high",),
        accepted=("unstable_loss",),
        modality="sequence",
    ),
    Faulty(build=digits_through_two_channels, causes=("underfitting",), modality="image"),
    Faulty(build=a_variance_that_multiplies_errors, causes=("wrong_loss",)),
    Faulty(build=noise_of_eight_spreads, causes=("underfitting",), accepted=("not_learning",), modality="image"),
    Faulty(
        build=errors_added_up_over_a_batch,
        causes=("learning_rate_too_high",),
        accepted=("wrong_loss", "exploding_gradients", "unstable_loss", "non_finite_values", "dead_units"),
    ),
    Faulty(build=labels_by_one_share_for_all, causes=("wrong_output_activation",), accepted=("wrong_loss",)),
    Faulty(
        build=texts_under_a_strong_decay, causes=("underfitting",), accepted=("not_learning",), modality="sequence"
    ),
    Faulty(build=what_was_known_only_afterwards, causes=("target_leakage",), in_the_data=True),
    Faulty(build=sorted_by_their_target_and_normalized, causes=("unshuffled_data",)),
    Faulty(
        build=units_that_are_on_or_off,
        causes=("frozen_parameters",),
        accepted=("vanishing_gradients", "wrong_output_activation", "missing_activation"),
    ),
)  # fmt: skip

HEALTHY = (
    Healthy(build=grades_in_their_order),
    Healthy(build=which_of_two_was_preferred),
    Healthy(build=amounts_whose_spread_is_their_size),
    Healthy(build=two_views_of_one_thing),
    Healthy(build=the_next_of_a_row_of_words, modality="sequence"),
    Healthy(build=a_curve_through_noisy_points),
    Healthy(build=spots_without_their_noise, modality="image"),
    Healthy(build=the_stronger_of_two_waves, modality="sequence"),
    Healthy(build=a_forecast_of_what_is_mostly_chance, modality="sequence"),
    Healthy(build=pictures_with_a_falling_rate, modality="image"),
)
