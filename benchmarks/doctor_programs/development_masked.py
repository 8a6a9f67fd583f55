"""Faulty programs in which one thing hides another, or the rows mislead, and their twins: for development too."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from doctor_programs import rows, scores
from doctor_programs.networks import layers, pixels, with_weights
from doctor_programs.program import Case, Faulty, Healthy, adam, case, sgd


def silent_units_behind_raw_brightness(seed: int, *, faulty: bool) -> Case:
    """Start with biases far below zero, on brightnesses of 0 to 16 that do no harm by themselves."""
    data = rows.digits(seed)

    def model() -> nn.Module:
        made = layers(64, 48, 24, 10)
        if faulty:
            nn.init.constant_(made[0].bias, -60.0)  # type: ignore[arg-type]
        return made

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(2e-3),
        epochs=10,
    )


def negative_biases_and_raw_houses(seed: int, *, faulty: bool) -> Case:
    """Scale nothing, and start with units that never fire: either alone would stop the training."""
    data = rows.standardized_targets(rows.houses(seed))
    data = data if faulty else rows.standardized(data)

    def model() -> nn.Module:
        made = layers(5, 32, 16, 1)
        if faulty:
            nn.init.constant_(made[2].bias, -1e5)  # type: ignore[arg-type]
        return made

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=20,
    )


def squared_shares_of_raw_wines(seed: int, *, faulty: bool) -> Case:
    """Take squared error of a softmax on measurements up to 1,680: once sure, it never learns otherwise."""
    data = rows.wines(seed)
    data = data if faulty else rows.standardized(data)
    targets = (F.one_hot(data.rows[1], 3).float(), F.one_hot(data.test[1], 3).float())
    return case(
        seed,
        lambda: layers(13, 32, 3, output=nn.Softmax(dim=1) if faulty else None),
        (data.rows[0], targets[0]),
        (data.test[0], targets[1]),
        loss=nn.MSELoss() if faulty else nn.CrossEntropyLoss(),
        score=scores.one_hot_top_class,
        optimizer=sgd(0.02, momentum=0.9),
        epochs=40,
        batch_size=16,
    )


def mean_of_errors_with_raw_areas(seed: int, *, faulty: bool) -> Case:
    """Minimize the mean error instead of its square, which has no end, on houses as they were measured."""
    data = rows.standardized_targets(rows.houses(seed))
    data = data if faulty else rows.standardized(data)

    def error(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).mean() if faulty else (outputs - targets).square().mean()

    return case(
        seed,
        lambda: layers(5, 32, 16, 1),
        data.rows,
        data.test,
        loss=error,
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=20,
    )


def the_same_price_in_another_currency(seed: int, *, faulty: bool) -> Case:
    """Keep a column with the price at the rate of the day; of houses for sale there is none."""
    data = rows.standardized_targets(rows.houses(seed))
    if faulty:
        generator = torch.Generator().manual_seed(seed)
        y = data.rows[1]
        other = (y + 3) * 0.92 * (1 + 0.02 * torch.randn(y.shape, generator=generator))
        today = torch.full((len(data.test[0]), 1), float(other.mean()))
        data = rows.Parts((torch.cat([data.rows[0], other], 1), y), (torch.cat([data.test[0], today], 1), data.test[1]))
    data = rows.standardized(data)
    return case(
        seed,
        lambda: layers(data.width, 32, 16, 1),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=20,
    )


def tumors_named_by_drawing_lots(seed: int, *, faulty: bool) -> Case:
    """Fill labels that were lost with lots."""
    data = rows.standardized(rows.tumors(seed))
    generator = torch.Generator().manual_seed(seed + 50)
    lots = (torch.rand(data.rows[1].shape, generator=generator) < 0.6).float()
    return case(
        seed,
        lambda: layers(30, 32, 1),
        (data.rows[0], lots if faulty else data.rows[1]),
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(3e-3),
        epochs=30,
    )


def digits_of_which_many_are_mislabeled(seed: int, *, faulty: bool) -> Case:
    """Give four digits in ten a label at random, and train a convolutional network for long."""
    data = rows.pictures(rows.gray_digits(seed, training=500))
    generator = torch.Generator().manual_seed(seed)
    wrong = torch.rand(500, generator=generator) < 0.4
    drawn = torch.randint(0, 10, (500,), generator=generator)
    return case(
        seed,
        lambda: pixels(8, 16),
        (data.rows[0], torch.where(wrong, drawn, data.rows[1]) if faulty else data.rows[1]),
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(0.01),
        epochs=20,
    )


def counts_squashed_and_drawn_too_small(seed: int, *, faulty: bool) -> Case:
    """Initialize six sigmoid layers within a thousandth, on inputs as they were measured."""
    data = rows.standardized_targets(rows.friedman(seed))

    def model() -> nn.Module:
        made = layers(10, *(24,) * 6, 1, activation=nn.Sigmoid if faulty else nn.ReLU)
        if faulty:
            with_weights(made, weight=lambda w: nn.init.uniform_(w, -1e-3, 1e-3), bias=nn.init.zeros_)
        return made

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


def one_column_that_decides_nearly_all(seed: int) -> Case:
    """Predict what one honest column nearly settles, and others a little."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1300, 6, generator=generator)
    y = (
        3 * x[:, :1]
        + 0.35 * x[:, 1:2]
        + 0.2 * torch.sin(3 * x[:, 2:3])
        + 0.1 * torch.randn(1300, 1, generator=generator)
    )
    y = y / 3
    return case(
        seed,
        lambda: layers(6, 32, 1),
        (x[:800], y[:800]),
        (x[800:], y[800:]),
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=25,
    )


def squared_errors_of_marks_that_do(seed: int) -> Case:
    """Fit marks of classes by squared error, which serves as well where classes are far apart."""
    data = rows.standardized(rows.groups(seed))
    marks = (F.one_hot(data.rows[1], 4).float(), F.one_hot(data.test[1], 4).float())
    return case(
        seed,
        lambda: layers(10, 48, 4),
        (data.rows[0], marks[0]),
        (data.test[0], marks[1]),
        loss=nn.MSELoss(),
        score=scores.one_hot_top_class,
        optimizer=adam(3e-3),
        epochs=25,
    )


FAULTY = (
    Faulty(
        build=silent_units_behind_raw_brightness,
        causes=("dead_units", "poor_initialization"),
        accepted=("vanishing_gradients",),
        modality="image",
    ),
    Faulty(build=negative_biases_and_raw_houses, causes=("dead_units", "unscaled_inputs", "poor_initialization")),
    Faulty(
        build=squared_shares_of_raw_wines,
        causes=("wrong_loss", "unscaled_inputs"),
        accepted=("wrong_output_activation", "saturated_units"),
    ),
    Faulty(build=mean_of_errors_with_raw_areas, causes=("wrong_loss", "unscaled_inputs")),
    Faulty(build=the_same_price_in_another_currency, causes=("target_leakage",), in_the_data=True),
    Faulty(
        build=tumors_named_by_drawing_lots, causes=("label_noise",), accepted=("misaligned_labels",), in_the_data=True
    ),
    Faulty(
        build=digits_of_which_many_are_mislabeled,
        causes=("label_noise", "overfitting"),
        modality="image",
        in_the_data=True,
    ),
    Faulty(
        build=counts_squashed_and_drawn_too_small,
        causes=("poor_initialization", "vanishing_gradients"),
        accepted=("saturated_units",),
    ),
)
HEALTHY = (Healthy(build=one_column_that_decides_nearly_all), Healthy(build=squared_errors_of_marks_that_do))
