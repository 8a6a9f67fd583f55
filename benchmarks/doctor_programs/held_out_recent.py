"""More programs to judge the doctor by, in the manner of questions, written when the doctor was there."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from doctor_programs import rows, scores
from doctor_programs.networks import Recurrent, layers, pixels
from doctor_programs.program import Case, Faulty, Healthy, adam, case, sgd


def an_activation_that_is_never_called(seed: int, *, faulty: bool) -> Case:
    """Make an activation in the constructor, and forget it in forward."""
    data = rows.moons(seed)

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.head = nn.Linear(2, 32), nn.Linear(32, 32), nn.Linear(32, 1)
            self.activation = nn.ReLU()

        def forward(self, x: Tensor) -> Tensor:
            bend = (lambda values: values) if faulty else self.activation
            outputs: Tensor = self.head(bend(self.second(bend(self.first(x)))))
            return outputs

    return case(
        seed, Network, data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=adam(1e-2),
        epochs=25,
    )  # fmt: skip


def distances_by_two_units(seed: int, *, faulty: bool) -> Case:
    """Learn how far a number is from zero with as many units as it takes, when none of them dies."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(900, 1, generator=generator)
    y = 1.3 * (x.abs() - 0.8) + 0.1 * torch.randn(900, 1, generator=generator)
    return case(
        seed, lambda: layers(1, 2 if faulty else 24, 1), (x[:400], y[:400]), (x[400:], y[400:]), loss=nn.MSELoss(),
        score=scores.r2, optimizer=adam(1e-2), epochs=30,
    )  # fmt: skip


def classes_divided_until_one_is_left(seed: int, *, faulty: bool) -> Case:
    """Divide class numbers by the largest brightness, as whole numbers."""
    data = rows.pictures(rows.gray_digits(seed, training=900))
    classes = data.rows[1] // 16 if faulty else data.rows[1]
    return case(
        seed, lambda: pixels(8, 16), (data.rows[0], classes), data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=adam(3e-3), epochs=8,
    )  # fmt: skip


def all_cats_and_then_all_dogs(seed: int, *, faulty: bool) -> Case:
    """Read one folder of pictures after the other, in this order in every epoch."""
    data = rows.pictures(rows.gray_digits(seed, training=1000))
    data = rows.Parts((data.rows[0], data.rows[1] % 2), (data.test[0], data.test[1] % 2))
    data = rows.as_column(data)
    data = rows.ordered_by(data, data.rows[1]) if faulty else data

    def model() -> nn.Module:
        made = pixels(8, 16)
        made[-1] = nn.Linear(64, 1)
        return made

    return case(
        seed, model, data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=sgd(0.05, momentum=0.9), epochs=8, shuffle=not faulty,
    )  # fmt: skip


def a_likelihood_of_plain_outputs(seed: int, *, faulty: bool) -> Case:
    """Hand plain outputs to a likelihood that takes logarithms of shares: it falls for ever."""
    data = rows.standardized(rows.groups(seed, spread=1.3))
    output = None if faulty else nn.LogSoftmax(dim=1)
    return case(
        seed, lambda: layers(10, 32, 4, output=output), data.rows, data.test, loss=nn.NLLLoss(),
        score=scores.top_class, optimizer=adam(3e-3), epochs=15,
    )  # fmt: skip


def sigmoids_pushed_to_one(seed: int, *, faulty: bool) -> Case:
    """Begin with sigmoids whose biases hold them at one."""
    data = rows.standardized(rows.customers(seed, noise=0.3))

    def model() -> nn.Module:
        made = layers(12, 32, 32, 1, activation=nn.Sigmoid)
        if faulty:
            with torch.no_grad():
                for module in (made[0], made[2]):
                    module.bias.fill_(9.0)
        return made

    return case(
        seed, model, data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=adam(1e-2),
        epochs=25,
    )  # fmt: skip


def prices_under_a_loss_that_grows_evenly(seed: int, *, faulty: bool) -> Case:
    """Take prices in dollars under a loss that forgives outliers, whose gradient is as small for all."""
    data = rows.standardized(rows.houses(seed))
    data = data if faulty else rows.standardized_targets(data)
    return case(
        seed, lambda: layers(5, 32, 1), data.rows, data.test, loss=nn.SmoothL1Loss(), score=scores.r2,
        optimizer=adam(3e-3), epochs=20,
    )  # fmt: skip


def three_rounds_of_a_gated_recurrence(seed: int, *, faulty: bool) -> Case:
    """Stop after three epochs, because the example did."""
    data = rows.waves(seed, training=500)
    return case(
        seed, lambda: Recurrent(nn.GRU, 1, 24, 3), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=adam(3e-3), epochs=3 if faulty else 25,
    )  # fmt: skip


def reviews_sorted_without_their_labels(seed: int, *, faulty: bool) -> Case:
    """Sort texts, so that similar ones stand together, and leave their labels where they were."""
    data = rows.reviews(seed)
    x, y = data.rows
    order = x.float().mean(1).argsort()

    class Bag(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.words, self.head = nn.EmbeddingBag(200, 16, mode="mean"), nn.Linear(16, 1)

        def forward(self, words: Tensor) -> Tensor:
            outputs: Tensor = self.head(self.words(words))
            return outputs

    return case(
        seed, Bag, (x[order], y if faulty else y[order]), data.test, loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=adam(1e-2), epochs=12,
    )  # fmt: skip


def raw_tumors_through_two_sigmoids(seed: int, *, faulty: bool) -> Case:
    """Leave measurements as they are, and squeeze the output before a loss that squeezes it too."""
    data = rows.tumors(seed)
    data = data if faulty else rows.standardized(data)
    output = nn.Sigmoid() if faulty else None
    return case(
        seed, lambda: layers(30, 16, 1, activation=nn.Tanh, output=output), data.rows, data.test,
        loss=nn.BCEWithLogitsLoss(), score=scores.half if faulty else scores.sign, optimizer=sgd(0.1), epochs=30,
    )  # fmt: skip


def convolutions_over_time_with_softened_labels(seed: int) -> Case:
    """Find shapes of waves by convolutions over time, under softened labels."""
    data = rows.waves(seed)
    turned = rows.Parts((data.rows[0].mT, data.rows[1]), (data.test[0].mT, data.test[1]))

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Conv1d(1, 16, 5, padding=2), nn.BatchNorm1d(16), nn.ReLU(), nn.Conv1d(16, 24, 5, padding=2),
            nn.BatchNorm1d(24), nn.ReLU(), nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(24, 3),
        )  # fmt: skip

    return case(
        seed, model, turned.rows, turned.test, loss=nn.CrossEntropyLoss(label_smoothing=0.1), score=scores.top_class,
        optimizer=adam(5e-3), epochs=12,
    )  # fmt: skip


def all_rows_at_once_and_often(seed: int) -> Case:
    """Descend with all rows in one batch, as many times as it takes."""
    data = rows.standardized(rows.groups(seed, training=500, spread=1.3))
    return case(
        seed, lambda: layers(10, 24, 4, activation=nn.Tanh), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=adam(1e-2), epochs=150, batch_size=500,
    )  # fmt: skip


def logarithms_of_skewed_prices(seed: int) -> Case:
    """Predict the logarithm of prices that are now and then enormous."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1300, 6, generator=generator)
    y = (
        0.9 * x[:, :1]
        + 0.5 * x[:, 1:2].abs()
        - 0.6 * torch.tanh(x[:, 2:3])
        + 0.4 * torch.randn(1300, 1, generator=generator)
    )
    return case(
        seed, lambda: layers(6, 32, 1), (x[:800], y[:800]), (x[800:], y[800:]), loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3, weight_decay=1e-4), epochs=15,
    )  # fmt: skip


FAULTY = (
    Faulty(build=an_activation_that_is_never_called, causes=("missing_activation",), accepted=("underfitting",)),
    Faulty(build=distances_by_two_units, causes=("seed_sensitive", "underfitting"), accepted=("dead_units",)),
    Faulty(build=classes_divided_until_one_is_left, causes=("one_class",), modality="image", in_the_data=True),
    Faulty(build=all_cats_and_then_all_dogs, causes=("unshuffled_data",), modality="image"),
    Faulty(build=a_likelihood_of_plain_outputs, causes=("wrong_loss",), accepted=("wrong_output_activation",)),
    Faulty(build=sigmoids_pushed_to_one, causes=("saturated_units",), accepted=("poor_initialization",)),
    Faulty(
        build=prices_under_a_loss_that_grows_evenly,
        causes=("unscaled_targets",),
        accepted=("learning_rate_too_low", "stopped_too_early"),
    ),
    Faulty(
        build=three_rounds_of_a_gated_recurrence,
        causes=("stopped_too_early",),
        accepted=("learning_rate_too_low", "underfitting"),
        modality="sequence",
    ),
    Faulty(
        build=reviews_sorted_without_their_labels,
        causes=("misaligned_labels",),
        accepted=("label_noise",),
        modality="sequence",
        in_the_data=True,
    ),
    Faulty(
        build=raw_tumors_through_two_sigmoids,
        causes=("unscaled_inputs", "wrong_output_activation"),
        accepted=("wrong_loss", "saturated_units"),
    ),
)  # fmt: skip

HEALTHY = (
    Healthy(build=convolutions_over_time_with_softened_labels, modality="sequence"),
    Healthy(build=all_rows_at_once_and_often),
    Healthy(build=logarithms_of_skewed_prices),
)
