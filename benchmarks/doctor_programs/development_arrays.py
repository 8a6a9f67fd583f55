"""Faulty programs on pictures and sequences, and their twins: the part that whoever builds the doctor may look at."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from doctor_programs import rows, scores
from doctor_programs.networks import Recurrent, layers, pixels, with_weights
from doctor_programs.program import Case, Faulty, adam, case, sgd


def softmax_before_cross_entropy(seed: int, *, faulty: bool) -> Case:
    """Hand probabilities to a loss that takes their softmax again: its gradient is small and never ends."""
    data = rows.gray_digits(seed)
    output = nn.Softmax(dim=1) if faulty else None
    return case(
        seed,
        lambda: layers(64, 64, 64, 10, output=output),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=sgd(0.02, momentum=0.9),
        epochs=8,
    )


def bytes_of_pictures_into_tanh(seed: int, *, faulty: bool) -> Case:
    """Feed brightnesses of 0 to 255 to tanh units."""
    data = rows.digits(seed)
    scale, shift = (15.9, 0.0) if faulty else (1 / 6, -0.8)
    return case(
        seed,
        lambda: layers(64, 64, 32, 10, activation=nn.Tanh),
        (data.rows[0] * scale + shift, data.rows[1]),
        (data.test[0] * scale + shift, data.test[1]),
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=sgd(0.02, momentum=0.9),
        epochs=10,
    )


def a_rate_of_a_tenth_for_adam(seed: int, *, faulty: bool) -> Case:
    """Take steps that throw a convolutional network out of all sense."""
    data = rows.pictures(rows.gray_digits(seed, training=900))
    return case(
        seed,
        lambda: pixels(8, 16),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(0.1 if faulty else 3e-3),
        epochs=8,
    )


def a_first_step_that_kills_the_units(seed: int, *, faulty: bool) -> Case:
    """Train a ReLU network with momentum at a rate of one."""
    data = rows.gray_digits(seed)
    return case(
        seed,
        lambda: layers(64, 64, 64, 10),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=sgd(1.0 if faulty else 0.02, momentum=0.9),
        epochs=8,
    )


def a_rate_of_one_ten_thousandth(seed: int, *, faulty: bool) -> Case:
    """Hardly move."""
    data = rows.gray_digits(seed)
    return case(
        seed,
        lambda: layers(64, 64, 10),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=sgd(2e-4 if faulty else 0.1),
        epochs=10,
    )


def two_epochs_of_plain_descent(seed: int, *, faulty: bool) -> Case:
    """Stop while every epoch still helps a lot."""
    data = rows.pictures(rows.gray_digits(seed, training=900))
    return case(
        seed,
        lambda: pixels(8, 16),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=sgd(0.02),
        epochs=2 if faulty else 20,
    )


def everything_frozen_but_the_head(seed: int, *, faulty: bool) -> Case:
    """Freeze a body that was never trained, as one does with a pretrained one."""
    data = rows.gray_digits(seed)

    def model() -> nn.Module:
        made = layers(64, 24, 12, 10, activation=nn.Tanh)
        if faulty:
            for module in list(made)[:-1]:
                module.requires_grad_(False)
        return made

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(3e-3),
        epochs=10,
    )


def an_encoder_cut_off_by_detach(seed: int, *, faulty: bool) -> Case:
    """Detach between encoder and classifier."""
    data = rows.pictures(rows.gray_digits(seed, training=900))

    class Cut(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.encoder = nn.Sequential(
                nn.Conv2d(1, 6, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(54, 8), nn.ReLU()
            )
            self.classifier = nn.Linear(8, 10)

        def forward(self, x: Tensor) -> Tensor:
            code = self.encoder(x)
            outputs: Tensor = self.classifier(code.detach() if faulty else code)
            return outputs

    return case(
        seed,
        Cut,
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(5e-3),
        epochs=15,
    )


def pairs_of_rows_under_batch_normalization(seed: int, *, faulty: bool) -> Case:
    """Normalize over two pictures at a time."""
    data = rows.pictures(rows.gray_digits(seed, training=600))
    return case(
        seed,
        lambda: nn.Sequential(
            nn.Flatten(),
            nn.Linear(64, 48),
            nn.BatchNorm1d(48),
            nn.ReLU(),
            nn.Linear(48, 48),
            nn.BatchNorm1d(48),
            nn.ReLU(),
            nn.Linear(48, 10),
        ),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=sgd(0.05, momentum=0.9),
        epochs=4 if faulty else 12,
        batch_size=2 if faulty else 32,
    )


def digits_one_class_after_another(seed: int, *, faulty: bool) -> Case:
    """Read a folder per class, and do not shuffle."""
    data = rows.gray_digits(seed)
    data = rows.ordered_by(data, data.rows[1])
    return case(
        seed,
        lambda: layers(64, 64, 10),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=sgd(0.02, momentum=0.9),
        epochs=8,
        shuffle=not faulty,
    )


def labels_of_folders_in_another_order(seed: int, *, faulty: bool) -> Case:
    """Join the pictures of two folders in one order and their labels in the other."""
    data = rows.gray_digits(seed)
    x, y = data.rows
    half = len(x) // 2
    return case(
        seed,
        lambda: layers(64, 64, 10),
        (x, torch.cat([y[half:], y[:half]]) if faulty else y),
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(2e-3),
        epochs=8,
    )


def three_pictures_of_each_digit(seed: int, *, faulty: bool) -> Case:
    """Train on thirty pictures."""
    data = rows.gray_digits(seed)
    data = rows.first_rows(data, 30) if faulty else data
    return case(
        seed,
        lambda: layers(64, 64, 10),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(2e-3),
        epochs=60 if faulty else 8,
        batch_size=10 if faulty else 32,
    )


def a_neck_of_one_unit(seed: int, *, faulty: bool) -> Case:
    """Pass ten classes through a single ReLU unit."""
    data = rows.gray_digits(seed)
    neck = 1 if faulty else 32
    return case(
        seed,
        lambda: layers(64, 64, neck, 10),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(3e-3),
        epochs=12,
    )


def waves_known_by_heart(seed: int, *, faulty: bool) -> Case:
    """Train a big network on 60 noisy series for hundreds of epochs."""
    data = rows.waves(seed, training=60 if faulty else 1500, noise=0.4)
    return case(
        seed,
        lambda: nn.Sequential(nn.Flatten(), *layers(24, 128, 128, 3)),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(1e-3),
        epochs=100 if faulty else 8,
    )


def a_rectified_recurrence_that_blows_up(seed: int, *, faulty: bool) -> Case:
    """Start a recurrence of ReLU units with too large a matrix: values grow with every step."""
    data = rows.waves(seed, steps=16, noise=0.3)

    class Rectified(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent = nn.RNN(1, 24, nonlinearity="relu" if faulty else "tanh", batch_first=True)
            if faulty:
                nn.init.normal_(self.recurrent.all_weights[0][1], std=0.7)
            self.head = nn.Linear(24, 3)

        def forward(self, x: Tensor) -> Tensor:
            outputs: Tensor = self.head(self.recurrent(x)[0].mean(1))
            return outputs

    return case(
        seed,
        Rectified,
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(5e-3),
        epochs=20,
    )


def sales_in_units_into_a_recurrence(seed: int, *, faulty: bool) -> Case:
    """Forecast thousands from thousands with a GRU whose states lie between -1 and 1."""
    data = rows.sales(seed)
    if not faulty:
        data = rows.Parts(
            ((data.rows[0] - 5000) / 1600, (data.rows[1] - 5000) / 1600),
            ((data.test[0] - 5000) / 1600, (data.test[1] - 5000) / 1600),
        )
    return case(
        seed,
        lambda: Recurrent(nn.GRU, 1, 16, 1),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(5e-3),
        epochs=15,
    )


def one_epoch_of_a_recurrence(seed: int, *, faulty: bool) -> Case:
    """Leave after one pass over the series."""
    data = rows.waves(seed, steps=16, noise=0.3)
    return case(
        seed,
        lambda: Recurrent(nn.GRU, 1, 16, 3, pooled=True),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(0.01),
        epochs=1 if faulty else 15,
    )


def all_weights_the_same(seed: int, *, faulty: bool) -> Case:
    """Start every weight at 0.05: the units of a layer stay copies of one another."""
    data = rows.gray_digits(seed)

    def model() -> nn.Module:
        made = layers(64, 48, 24, 10, activation=nn.Tanh)
        if faulty:
            with_weights(made, weight=lambda w: nn.init.constant_(w, 0.05), bias=nn.init.zeros_)
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


def squared_error_and_sigmoids_on_bytes(seed: int, *, faulty: bool) -> Case:
    """Train sigmoid units with squared error on one-hot digits, on raw brightnesses, at a small rate."""
    data = rows.digits(seed)
    inputs = (data.rows[0] * 16, data.test[0] * 16) if faulty else (data.rows[0] / 8 - 0.6, data.test[0] / 8 - 0.6)
    targets = (F.one_hot(data.rows[1], 10).float(), F.one_hot(data.test[1], 10).float())
    loss = nn.MSELoss() if faulty else nn.CrossEntropyLoss()
    output = nn.Sigmoid() if faulty else None
    return case(
        seed,
        lambda: layers(64, 32, 32, 10, activation=nn.Sigmoid if faulty else nn.ReLU, output=output),
        (inputs[0], targets[0]),
        (inputs[1], targets[1]),
        loss=loss,
        score=scores.one_hot_top_class,
        optimizer=sgd(0.05, momentum=0.9),
        epochs=8,
    )


FAULTY = (
    Faulty(
        build=softmax_before_cross_entropy,
        causes=("wrong_output_activation",),
        accepted=("wrong_loss",),
        modality="image",
        by_construction=True,
    ),
    Faulty(build=bytes_of_pictures_into_tanh, causes=("unscaled_inputs", "saturated_units"), modality="image"),
    Faulty(
        build=a_rate_of_a_tenth_for_adam,
        causes=("learning_rate_too_high", "dead_units"),
        accepted=("unstable_loss",),
        modality="image",
    ),
    Faulty(
        build=a_first_step_that_kills_the_units,
        causes=("learning_rate_too_high", "dead_units", "exploding_gradients"),
        accepted=("unstable_loss", "non_finite_values"),
        modality="image",
    ),
    Faulty(
        build=a_rate_of_one_ten_thousandth,
        causes=("learning_rate_too_low",),
        accepted=("stopped_too_early", "underfitting"),
        modality="image",
    ),
    Faulty(
        build=two_epochs_of_plain_descent,
        causes=("stopped_too_early",),
        accepted=("learning_rate_too_low", "underfitting"),
        modality="image",
    ),
    Faulty(build=everything_frozen_but_the_head, causes=("frozen_parameters",), modality="image"),
    Faulty(build=an_encoder_cut_off_by_detach, causes=("frozen_parameters",), modality="image"),
    Faulty(
        build=pairs_of_rows_under_batch_normalization,
        causes=("batch_size", "unstable_loss"),
        accepted=("learning_rate_too_high",),
        modality="image",
    ),
    Faulty(build=digits_one_class_after_another, causes=("unshuffled_data",), modality="image"),
    Faulty(
        build=labels_of_folders_in_another_order,
        causes=("misaligned_labels",),
        accepted=("label_noise",),
        modality="image",
        in_the_data=True,
    ),
    Faulty(
        build=three_pictures_of_each_digit,
        causes=("too_few_rows",),
        accepted=("overfitting",),
        modality="image",
        in_the_data=True,
    ),
    Faulty(
        build=a_neck_of_one_unit, causes=("underfitting",), accepted=("seed_sensitive", "dead_units"), modality="image"
    ),
    Faulty(build=waves_known_by_heart, causes=("overfitting", "too_few_rows"), modality="sequence", in_the_data=True),
    Faulty(
        build=a_rectified_recurrence_that_blows_up,
        causes=("exploding_gradients", "poor_initialization"),
        accepted=("non_finite_values", "unstable_loss"),
        modality="sequence",
    ),
    Faulty(
        build=sales_in_units_into_a_recurrence,
        causes=("unscaled_targets", "unscaled_inputs", "saturated_units"),
        modality="sequence",
    ),
    Faulty(
        build=one_epoch_of_a_recurrence,
        causes=("stopped_too_early",),
        accepted=("learning_rate_too_low", "underfitting"),
        modality="sequence",
    ),
    Faulty(build=all_weights_the_same, causes=("poor_initialization",), modality="image"),
    Faulty(
        build=squared_error_and_sigmoids_on_bytes,
        causes=("wrong_loss", "unscaled_inputs", "learning_rate_too_low"),
        accepted=("wrong_output_activation", "saturated_units", "vanishing_gradients"),
        modality="image",
    ),
)
