"""Faulty programs that the doctor is judged by, with their twins. Who sets its thresholds stops reading here."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from doctor_programs import rows, scores
from doctor_programs.networks import Recurrent, layers, pixels, with_weights
from doctor_programs.program import Case, Faulty, adam, case, sgd


def a_share_for_a_quantity(seed: int, *, faulty: bool) -> Case:
    """End in a sigmoid where targets go from 25 to 346."""
    data = rows.standardized(rows.diabetes(seed))
    data = data if faulty else rows.standardized_targets(data)
    return case(
        seed,
        lambda: layers(10, 24, 1, output=nn.Sigmoid() if faulty else None),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(2e-3),
        epochs=30,
    )


def outputs_as_they_are_into_a_likelihood(seed: int, *, faulty: bool) -> Case:
    """Hand plain outputs to a loss that expects logarithms of probabilities: it falls without end."""
    data = rows.standardized(rows.groups(seed, spread=1.3))
    return case(
        seed,
        lambda: layers(10, 32, 4, output=None if faulty else nn.LogSoftmax(dim=1)),
        data.rows,
        data.test,
        loss=nn.NLLLoss(),
        score=scores.top_class,
        optimizer=adam(3e-3),
        epochs=15,
    )


def absolute_errors_of_one_hot_digits(seed: int, *, faulty: bool) -> Case:
    """Minimize absolute errors of ten numbers of which nine are 0: nothing but 0 is the best guess."""
    data = rows.gray_digits(seed)
    targets = F.one_hot(data.rows[1], 10).float(), F.one_hot(data.test[1], 10).float()
    return case(
        seed,
        lambda: layers(64, 48, 10),
        (data.rows[0], targets[0]),
        (data.test[0], targets[1]),
        loss=nn.L1Loss() if faulty else nn.CrossEntropyLoss(),
        score=scores.one_hot_top_class,
        optimizer=sgd(0.03, momentum=0.9),
        epochs=10,
    )


def years_and_incomes_into_tanh(seed: int, *, faulty: bool) -> Case:
    """Feed the year 1987 and an income of 40,000 to tanh units."""
    data = rows.standardized_targets(rows.houses(seed))
    data = data if faulty else rows.standardized(data)
    return case(
        seed,
        lambda: layers(5, 32, 16, 1, activation=nn.Tanh),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=20,
    )


def six_figures_in_small_steps(seed: int, *, faulty: bool) -> Case:
    """Regress prices in dollars with Adam, whose steps do not grow with the error."""
    data = rows.standardized(rows.houses(seed))
    data = data if faulty else rows.standardized_targets(data)
    return case(
        seed,
        lambda: layers(5, 48, 24, 1),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=25,
    )


def deep_sigmoids_on_pictures(seed: int, *, faulty: bool) -> Case:
    """Stack six sigmoid layers for digits."""
    data = rows.gray_digits(seed)
    return case(
        seed,
        lambda: layers(64, 40, 40, 40, 40, 40, 10, activation=nn.Sigmoid if faulty else nn.ReLU),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=sgd(0.05, momentum=0.9),
        epochs=18,
    )


def what_was_said_fifty_steps_ago(seed: int, *, faulty: bool) -> Case:
    """Ask a plain recurrence for the first of fifty steps."""
    data = rows.first_sign(seed, steps=50, training=500)

    class Begun(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = nn.RNN(1, 16, batch_first=True)
            self.head = nn.Linear(16, 1)

        def forward(self, x: Tensor) -> Tensor:
            # Read from the end, the step that tells is the last one.
            states, _ = self.recurrent(x if faulty else x.flip(1))
            outputs: Tensor = self.head(states[:, -1])
            return outputs

    return case(
        seed,
        Begun,
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(3e-3),
        epochs=8,
    )


def a_recurrence_that_doubles(seed: int, *, faulty: bool) -> Case:
    """Multiply the state by two at each of sixteen steps."""
    data = rows.sales(seed)
    shift, spread = 5000, 1600

    class Linear(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.outer, self.head = nn.Linear(1, 12), nn.Linear(12, 12), nn.Linear(12, 1)
            nn.init.eye_(self.outer.weight)
            if faulty:
                self.outer.weight.data *= 2.0

        def forward(self, x: Tensor) -> Tensor:
            state = torch.zeros(len(x), 12)
            for step in range(x.shape[1]):
                state = self.outer(F.leaky_relu(state + self.inner(x[:, step]), 0.1))
                state = state if faulty else torch.tanh(state)
            outputs: Tensor = self.head(state)
            return outputs

    return case(
        seed,
        Linear,
        ((data.rows[0] - shift) / spread, (data.rows[1] - shift) / spread),
        ((data.test[0] - shift) / spread, (data.test[1] - shift) / spread),
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=10,
    )


def negative_weights_on_positive_pictures(seed: int, *, faulty: bool) -> Case:
    """Draw only negative weights for inputs that are never negative."""
    data = rows.pictures(rows.digits(seed, training=900))

    def model() -> nn.Module:
        made = pixels(8, 16)
        if faulty:
            nn.init.uniform_(made[0].weight, -0.4, 0.0)  # type: ignore[arg-type]
            nn.init.constant_(made[0].bias, -0.1)  # type: ignore[arg-type]
        return made

    return case(
        seed,
        model,
        (data.rows[0] / 16, data.rows[1]),
        (data.test[0] / 16, data.test[1]),
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(5e-3),
        epochs=8,
    )


def steep_sigmoids_for_four_groups(seed: int, *, faulty: bool) -> Case:
    """Draw weights of spread 8 for sigmoid units."""
    data = rows.standardized(rows.groups(seed))

    def model() -> nn.Module:
        made = layers(10, 32, 32, 4, activation=nn.Sigmoid)
        if faulty:
            with_weights(made, weight=lambda w: nn.init.normal_(w, std=8.0), bias=nn.init.zeros_)
        return made

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(5e-3),
        epochs=20,
    )


def ones_for_all_weights(seed: int, *, faulty: bool) -> Case:
    """Start all units of a layer as the same unit."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))

    def model() -> nn.Module:
        made = layers(10, 24, 24, 1)
        return with_weights(made, weight=lambda w: nn.init.constant_(w, 0.1), bias=nn.init.zeros_) if faulty else made

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=25,
    )


def leaps_of_a_recurrence(seed: int, *, faulty: bool) -> Case:
    """Train a GRU with Adam at a rate of 0.5."""
    data = rows.waves(seed, steps=16, noise=0.3)
    return case(
        seed,
        lambda: Recurrent(nn.GRU, 1, 16, 3, pooled=True),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(0.5 if faulty else 0.01),
        epochs=15,
    )


def a_rate_of_one_millionth(seed: int, *, faulty: bool) -> Case:
    """Stand still with Adam."""
    data = rows.standardized_targets(rows.standardized(rows.houses(seed)))
    return case(
        seed,
        lambda: layers(5, 32, 16, 1),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(2e-6 if faulty else 3e-3),
        epochs=15,
    )


def one_row_at_a_time(seed: int, *, faulty: bool) -> Case:
    """Follow each row as far as a batch would go."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=500)))
    return case(
        seed,
        lambda: layers(10, 32, 1),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=sgd(0.1),
        epochs=5 if faulty else 40,
        batch_size=1 if faulty else 32,
    )


def a_thousand_rows_a_step(seed: int, *, faulty: bool) -> Case:
    """Take twelve steps in twelve epochs."""
    data = rows.gray_digits(seed)
    return case(
        seed,
        lambda: layers(64, 48, 10),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=sgd(0.05, momentum=0.9),
        epochs=8,
        batch_size=1200 if faulty else 32,
    )


def six_layers_of_three_units(seed: int, *, faulty: bool) -> Case:
    """Leave it to luck whether a thin stack of ReLU layers is alive at the start."""
    data = rows.moons(seed)
    width = 3 if faulty else 24
    return case(
        seed,
        lambda: layers(2, *(width,) * 6, 1),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(5e-3),
        epochs=30,
    )


def three_epochs_of_a_curve(seed: int, *, faulty: bool) -> Case:
    """Stop a regression before its first bend is learned."""
    generator = torch.Generator().manual_seed(seed)
    x = 4 * torch.rand(1300, 2, generator=generator) - 2
    y = torch.sin(3 * x[:, :1]) * torch.cos(x[:, 1:]) + 0.05 * torch.randn(1300, 1, generator=generator)
    return case(
        seed,
        lambda: layers(2, 64, 64, 1),
        (x[:800], y[:800]),
        (x[800:], y[800:]),
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(2e-3),
        epochs=3 if faulty else 60,
    )


def a_threshold_for_an_activation(seed: int, *, faulty: bool) -> Case:
    """Let units say 0 or 1, through which no gradient goes."""
    data = rows.gray_digits(seed)

    class Steps(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.last = nn.Linear(64, 24), nn.Linear(24, 16), nn.Linear(16, 10)

        def forward(self, x: Tensor) -> Tensor:
            for layer in (self.first, self.second):
                x = layer(x)
                x = (x > 0).float() if faulty else F.relu(x)
            outputs: Tensor = self.last(x)
            return outputs

    return case(
        seed,
        Steps,
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(3e-3),
        epochs=12,
    )


def layers_in_a_plain_list(seed: int, *, faulty: bool) -> Case:
    """Keep layers where PyTorch does not see their parameters."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))

    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            hidden = [nn.Linear(10, 12), nn.Linear(12, 6)]
            self.hidden = hidden if faulty else nn.ModuleList(hidden)
            self.last = nn.Linear(6, 1)

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.hidden:
                x = F.relu(layer(x))
            outputs: Tensor = self.last(x)
            return outputs

    return case(
        seed,
        Listed,
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(5e-3),
        epochs=25,
    )


def a_root_of_nothing(seed: int, *, faulty: bool) -> Case:
    """Take the root of values that are 0 for some rows: its slope there is infinite."""
    data = rows.standardized(rows.groups(seed))

    class Rooted(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.last = nn.Linear(10, 32), nn.Linear(32, 4)

        def forward(self, x: Tensor) -> Tensor:
            hidden = self.first(x)
            positive = hidden * (hidden > 0)
            outputs: Tensor = self.last(torch.sqrt(positive if faulty else positive + 0.01))
            return outputs

    return case(
        seed,
        Rooted,
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(3e-3),
        epochs=20,
    )


def two_rare_classes_never_named(seed: int, *, faulty: bool) -> Case:
    """Learn 96 % of one class beside two of 2 %, all rows alike."""
    shares = (0.95, 0.025, 0.025)
    data = rows.standardized(rows.groups(seed, shares=shares, spread=1.3, training=1200))
    weight = None if faulty else torch.tensor([1 / share for share in shares]) / 30
    return case(
        seed,
        lambda: layers(10, 16, 3),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(weight=weight),
        score=scores.balanced_top_class,
        optimizer=adam(2e-3, weight_decay=1e-3),
        epochs=6,
    )


def labels_that_are_rarely_on(seed: int, *, faulty: bool) -> Case:
    """Watch the share of right answers over eight labels of which nearly all are off."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(3000, 10, generator=generator)
    weights = torch.randn(10, 8, generator=torch.Generator().manual_seed(3))
    y = (x @ weights + 2 * torch.randn(3000, 8, generator=generator) > 6.5).float()
    weight = torch.tensor(1.0 if faulty else 15.0)
    return case(
        seed,
        lambda: layers(10, 16, 8),
        (x[:1000], y[:1000]),
        (x[1000:], y[1000:]),
        loss=nn.BCEWithLogitsLoss(pos_weight=weight),
        score=scores.balanced_sign,
        optimizer=adam(2e-3, weight_decay=1e-3),
        epochs=20,
        judged_by=scores.sign if faulty else scores.balanced_sign,
    )


def the_beginning_of_a_sorted_file(seed: int, *, faulty: bool) -> Case:
    """Read the first rows of a file that is sorted by class."""
    data = rows.gray_digits(seed)
    both = data.rows[1] < 2
    x, y = data.rows[0][both], data.rows[1][both]
    first = y.argsort(stable=True)[:100] if faulty else torch.arange(len(y))
    tested = data.test[1] < 2
    return case(
        seed,
        lambda: layers(64, 16, 2),
        (x[first], y[first]),
        (data.test[0][tested], data.test[1][tested]),
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(2e-3),
        epochs=15,
    )


def tumors_named_by_guessing(seed: int, *, faulty: bool) -> Case:
    """Learn from diagnoses of which a third is turned around."""
    data = rows.standardized(rows.tumors(seed))
    generator = torch.Generator().manual_seed(seed)
    wrong = torch.rand(400, 1, generator=generator) < (0.33 if faulty else 0.0)
    return case(
        seed,
        lambda: layers(30, 64, 32, 1),
        (data.rows[0], torch.where(wrong, 1 - data.rows[1], data.rows[1])),
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(2e-3),
        epochs=30,
    )


def targets_one_row_late(seed: int, *, faulty: bool) -> Case:
    """Pair every row with the target of the row before."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    return case(
        seed,
        lambda: layers(10, 32, 1),
        (data.rows[0], data.rows[1].roll(1, 0) if faulty else data.rows[1]),
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(5e-3),
        epochs=20,
    )


def twenty_five_customers(seed: int, *, faulty: bool) -> Case:
    """Learn from the first rows that came in."""
    data = rows.standardized(rows.customers(seed, noise=0.3))
    data = rows.first_rows(data, 25) if faulty else data
    return case(
        seed,
        lambda: layers(12, 32, 1),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(3e-3),
        epochs=100 if faulty else 20,
        batch_size=8 if faulty else 32,
    )


def the_price_in_euros(seed: int, *, faulty: bool) -> Case:
    """Leave the target among the features in another unit; for houses to be sold it is not known."""
    data = rows.standardized_targets(rows.standardized(rows.houses(seed)))
    if faulty:
        unknown = torch.zeros_like(data.test[1])
        generator = torch.Generator().manual_seed(seed)
        euros = 0.92 * data.rows[1] + 0.02 * torch.randn(data.rows[1].shape, generator=generator)
        data = rows.Parts(
            (torch.cat([data.rows[0], euros], 1), data.rows[1]), (torch.cat([data.test[0], unknown], 1), data.test[1])
        )
    return case(
        seed,
        lambda: layers(data.width, 24, 1),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(5e-3),
        epochs=15,
    )


def validated_on_what_was_trained_on(seed: int, *, faulty: bool) -> Case:
    """Validate on the first rows of the training set."""
    data = rows.standardized(rows.groups(seed, training=300, spread=2.0))
    x, y = data.rows
    return case(
        seed,
        lambda: layers(10, 96, 96, 4) if faulty else layers(10, 24, 4),
        (x, y) if faulty else (x[:220], y[:220]),
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(3e-3),
        epochs=40 if faulty else 20,
        validation=(x[:80], y[:80]) if faulty else (x[220:], y[220:]),
    )


def houses_from_cheap_to_dear(seed: int, *, faulty: bool) -> Case:
    """Go through rows that are sorted by price, in that order."""
    data = rows.standardized_targets(rows.standardized(rows.houses(seed)))
    data = rows.ordered_by(data, data.rows[1])
    return case(
        seed,
        lambda: layers(5, 32, 1),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=sgd(0.02, momentum=0.9),
        epochs=15,
        shuffle=not faulty,
    )


def a_vector_for_every_customer(seed: int, *, faulty: bool) -> Case:
    """Give each row's number a vector of its own, which can only be learned by heart."""
    data = rows.standardized(rows.customers(seed, training=500, noise=1.0, width=8))
    numbers = torch.arange(len(data.rows[0]) + len(data.test[0])).float()[:, None]
    count = len(data.rows[0])

    class Numbered(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vectors = nn.Embedding(len(numbers), 24)
            self.body = layers(8 + (24 if faulty else 0), 32, 1)

        def forward(self, x: Tensor) -> Tensor:
            numbers, known = x[:, 0].long(), x[:, 1:]
            outputs: Tensor = self.body(torch.cat([known, self.vectors(numbers)], 1) if faulty else known)
            return outputs

    return case(
        seed,
        Numbered,
        (torch.cat([numbers[:count], data.rows[0]], 1), data.rows[1]),
        (torch.cat([numbers[count:], data.test[0]], 1), data.test[1]),
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(5e-3),
        epochs=30 if faulty else 15,
    )


def a_straight_line_through_waves(seed: int, *, faulty: bool) -> Case:
    """Forget the activations of a regression on angles."""
    generator = torch.Generator().manual_seed(seed)
    x = math.pi * (2 * torch.rand(1300, 3, generator=generator) - 1)
    y = (
        torch.cos(x[:, :1])
        + torch.cos(x[:, 1:2]) * torch.cos(x[:, 2:])
        + 0.1 * torch.randn(1300, 1, generator=generator)
    )
    return case(
        seed,
        lambda: layers(3, 48, 48, 1, activation=None if faulty else nn.ReLU),
        (x[:800], y[:800]),
        (x[800:], y[800:]),
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=40,
    )


def held_back_too_much(seed: int, *, faulty: bool) -> Case:
    """Drop nine of ten units and pull all weights to 0."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    drop, decay = (0.9, 0.1) if faulty else (0.02, 0.0)
    return case(
        seed,
        lambda: nn.Sequential(
            nn.Linear(10, 32),
            nn.ReLU(),
            nn.Dropout(drop),
            nn.Linear(32, 32),
            nn.ReLU(),
            nn.Dropout(drop),
            nn.Linear(32, 1),
        ),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3, weight_decay=decay),
        epochs=25,
    )


def softmax_and_steps_too_small_on_bytes(seed: int, *, faulty: bool) -> Case:
    """Take softmax twice, on raw brightnesses, at a rate for which ten epochs are nothing."""
    data = rows.digits(seed)
    scale, shift = (16.0, 0.0) if faulty else (1 / 6, -0.8)
    return case(
        seed,
        lambda: layers(64, 48, 10, output=nn.Softmax(dim=1) if faulty else None),
        (data.rows[0] * scale + shift, data.rows[1]),
        (data.test[0] * scale + shift, data.test[1]),
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=sgd(1e-5 if faulty else 0.05),
        epochs=10,
    )


def raw_columns_and_rare_labels(seed: int, *, faulty: bool) -> Case:
    """Look for one in twenty with columns of very different sizes."""
    data = rows.customers(seed, share=0.05, noise=0.3, training=1200)
    weight = torch.tensor(1.0 if faulty else 12.0)
    size = torch.logspace(-2, 4, 12) if faulty else torch.ones(12)
    return case(
        seed,
        lambda: layers(12, 24, 1),
        (data.rows[0] * size, data.rows[1]),
        (data.test[0] * size, data.test[1]),
        loss=nn.BCEWithLogitsLoss(pos_weight=weight),
        score=scores.balanced_sign,
        optimizer=adam(2e-3),
        epochs=12,
    )


FAULTY = (
    Faulty(build=a_share_for_a_quantity, causes=("wrong_output_activation", "unscaled_targets"), by_construction=True),
    Faulty(
        build=outputs_as_they_are_into_a_likelihood,
        causes=("wrong_loss",),
        accepted=("wrong_output_activation",),
        by_construction=True,
    ),
    Faulty(build=absolute_errors_of_one_hot_digits, causes=("wrong_loss",), modality="image"),
    Faulty(build=years_and_incomes_into_tanh, causes=("unscaled_inputs", "saturated_units")),
    Faulty(
        build=six_figures_in_small_steps,
        causes=("unscaled_targets",),
        accepted=("learning_rate_too_low", "stopped_too_early"),
    ),
    Faulty(
        build=deep_sigmoids_on_pictures,
        causes=("vanishing_gradients",),
        accepted=("saturated_units", "poor_initialization"),
        modality="image",
    ),
    Faulty(
        build=what_was_said_fifty_steps_ago,
        causes=("vanishing_gradients",),
        accepted=("not_learning",),
        modality="sequence",
    ),
    Faulty(
        build=a_recurrence_that_doubles,
        causes=("exploding_gradients", "poor_initialization"),
        accepted=("unstable_loss", "non_finite_values"),
        modality="sequence",
    ),
    Faulty(build=negative_weights_on_positive_pictures, causes=("dead_units", "poor_initialization"), modality="image"),
    Faulty(build=steep_sigmoids_for_four_groups, causes=("saturated_units", "poor_initialization")),
    Faulty(build=ones_for_all_weights, causes=("poor_initialization",)),
    Faulty(
        build=leaps_of_a_recurrence,
        causes=("learning_rate_too_high", "unstable_loss"),
        accepted=("saturated_units", "exploding_gradients"),
        modality="sequence",
    ),
    Faulty(
        build=a_rate_of_one_millionth, causes=("learning_rate_too_low",), accepted=("stopped_too_early", "not_learning")
    ),
    Faulty(build=one_row_at_a_time, causes=("batch_size", "unstable_loss"), accepted=("learning_rate_too_high",)),
    Faulty(
        build=a_thousand_rows_a_step,
        causes=("batch_size",),
        accepted=("learning_rate_too_low", "stopped_too_early"),
        modality="image",
    ),
    Faulty(build=six_layers_of_three_units, causes=("seed_sensitive",), accepted=("dead_units", "underfitting")),
    Faulty(
        build=three_epochs_of_a_curve, causes=("stopped_too_early",), accepted=("learning_rate_too_low", "underfitting")
    ),
    Faulty(
        build=a_threshold_for_an_activation,
        causes=("not_learning", "frozen_parameters"),
        accepted=("vanishing_gradients",),
        modality="image",
    ),
    Faulty(build=layers_in_a_plain_list, causes=("frozen_parameters",)),
    Faulty(build=a_root_of_nothing, causes=("non_finite_values",), accepted=("exploding_gradients",)),
    Faulty(build=two_rare_classes_never_named, causes=("class_imbalance",), accepted=("misleading_metric",)),
    Faulty(build=labels_that_are_rarely_on, causes=("misleading_metric", "class_imbalance")),
    Faulty(build=the_beginning_of_a_sorted_file, causes=("one_class",), modality="image", in_the_data=True),
    Faulty(build=tumors_named_by_guessing, causes=("label_noise", "overfitting"), in_the_data=True),
    Faulty(build=targets_one_row_late, causes=("misaligned_labels",), accepted=("label_noise",), in_the_data=True),
    Faulty(build=twenty_five_customers, causes=("too_few_rows",), accepted=("overfitting",), in_the_data=True),
    Faulty(build=the_price_in_euros, causes=("target_leakage",), in_the_data=True),
    Faulty(
        build=validated_on_what_was_trained_on,
        causes=("split_leakage", "overfitting"),
        by_construction=True,
        in_the_data=True,
    ),
    Faulty(build=houses_from_cheap_to_dear, causes=("unshuffled_data",)),
    Faulty(build=a_vector_for_every_customer, causes=("overfitting",)),
    Faulty(build=a_straight_line_through_waves, causes=("missing_activation",), accepted=("underfitting",)),
    Faulty(build=held_back_too_much, causes=("underfitting",)),
    Faulty(
        build=softmax_and_steps_too_small_on_bytes,
        causes=("wrong_output_activation", "unscaled_inputs", "learning_rate_too_low"),
        accepted=("wrong_loss", "stopped_too_early"),
        modality="image",
    ),
    Faulty(
        build=raw_columns_and_rare_labels,
        causes=("unscaled_inputs", "class_imbalance"),
        accepted=("misleading_metric",),
    ),
)
