"""Healthy programs that look ill in one way or another: the part that whoever builds the doctor may look at."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from doctor_programs import rows, scores
from doctor_programs.networks import Recurrent, Residual, Words, layers, pixels
from doctor_programs.program import Case, Healthy, adam, case, sgd


def a_small_rate_for_a_long_time(seed: int) -> Case:
    """Move slowly, but get there."""
    data = rows.standardized(rows.tumors(seed))
    return case(
        seed,
        lambda: layers(30, 16, 1),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=sgd(3e-3, momentum=0.9),
        epochs=60,
    )


def a_large_rate_that_works(seed: int) -> Case:
    """Take steps of 0.5 with a network whose loss is smooth."""
    data = rows.gray_digits(seed)
    return case(
        seed,
        lambda: layers(64, 48, 10, activation=nn.Tanh),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=sgd(0.3),
        epochs=12,
        batch_size=64,
    )


def one_sigmoid_layer(seed: int) -> Case:
    """Use sigmoid units where one layer of them is enough."""
    data = rows.standardized(rows.wines(seed))
    return case(
        seed,
        lambda: layers(13, 24, 3, activation=nn.Sigmoid),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(0.01),
        epochs=60,
        batch_size=16,
    )


def tanh_units_on_a_smooth_regression(seed: int) -> Case:
    """Use tanh units, many of which answer with nearly 1."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    return case(
        seed,
        lambda: layers(10, 48, 48, 1, activation=nn.Tanh),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=30,
    )


def flat_for_a_hundred_epochs(seed: int) -> Case:
    """Go on long after everything is learned."""
    data = rows.standardized(rows.tumors(seed))
    return case(
        seed,
        lambda: nn.Linear(30, 1),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(3e-3, weight_decay=0.03),
        epochs=120,
    )


def one_in_twelve_and_found(seed: int) -> Case:
    """Learn rare classes that lie apart."""
    data = rows.standardized(rows.groups(seed, shares=(0.5, 0.42, 0.08), spread=0.7))
    return case(
        seed,
        lambda: layers(10, 32, 3),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.balanced_top_class,
        optimizer=adam(3e-3),
        epochs=15,
    )


def a_hundred_flowers(seed: int) -> Case:
    """Learn from a hundred rows, which is enough here."""
    data = rows.standardized(rows.flowers(seed))
    return case(
        seed,
        lambda: layers(4, 16, 3),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(0.01),
        epochs=40,
        batch_size=10,
    )


def answers_that_are_mostly_chance(seed: int) -> Case:
    """Reach the little that noisy answers allow."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(3200, 8, generator=generator)
    weights = torch.tensor([[0.5], [-0.4], [0.3], [0.2], [0.0], [0.0], [0.0], [0.0]])
    y = (torch.rand(len(x), 1, generator=generator) < torch.sigmoid(x @ weights)).float()
    return case(
        seed,
        lambda: layers(8, 8, 1),
        (x[:1200], y[:1200]),
        (x[1200:], y[1200:]),
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(2e-3, weight_decay=1e-3),
        epochs=12,
    )


def digits_through_a_neck(seed: int) -> Case:
    """Reproduce pictures from 16 numbers."""
    data = rows.gray_digits(seed)
    return case(
        seed,
        lambda: layers(64, 48, 16, 48, 64),
        (data.rows[0], data.rows[0]),
        (data.test[0], data.test[0]),
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=40,
    )


def ten_residual_blocks(seed: int) -> Case:
    """Train twenty layers, which residual connections make easy."""
    data = rows.gray_digits(seed, training=900)
    return case(
        seed,
        lambda: Residual(64, 32, 10, 10),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(2e-3),
        epochs=14,
        batch_size=64,
    )


def convolutions_with_batch_normalization(seed: int) -> Case:
    """Train the usual small network for pictures with momentum."""
    data = rows.pictures(rows.gray_digits(seed, training=1216))
    return case(
        seed,
        lambda: pixels(8, 16, normalized=True),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=sgd(0.05, momentum=0.9),
        epochs=8,
        batch_size=64,
    )


def shapes_of_waves(seed: int) -> Case:
    """Tell series apart with a GRU."""
    data = rows.waves(seed, steps=16, noise=0.3)
    return case(
        seed,
        lambda: Recurrent(nn.GRU, 1, 16, 3, pooled=True),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(0.01),
        epochs=20,
    )


def words_that_are_liked(seed: int) -> Case:
    """Tell texts apart by the mean of their words' vectors."""
    data = rows.reviews(seed)
    return case(
        seed,
        lambda: Words(200, 8, 8),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(0.01),
        epochs=8,
    )


def several_labels_at_once(seed: int) -> Case:
    """Predict six labels, each on for some rows."""
    data = rows.tags(seed)
    return case(
        seed,
        lambda: layers(10, 48, 6),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(3e-3),
        epochs=20,
    )


def absolute_error_against_outliers(seed: int) -> Case:
    """Use absolute errors, since a few targets are far off."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    generator = torch.Generator().manual_seed(seed)
    far = torch.rand(800, 1, generator=generator) < 0.03
    targets = data.rows[1] + 8 * far * torch.randn(800, 1, generator=generator)
    return case(
        seed,
        lambda: layers(10, 48, 48, 1),
        (data.rows[0], targets),
        data.test,
        loss=nn.L1Loss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=25,
    )


def centimeters_as_they_are(seed: int) -> Case:
    """Leave numbers of 0.1 to 8 as they are: they do no harm."""
    data = rows.flowers(seed)
    return case(
        seed,
        lambda: layers(4, 24, 3),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(0.01),
        epochs=60,
        batch_size=10,
    )


def a_straight_line(seed: int) -> Case:
    """Fit what is linear with a linear model."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1300, 6, generator=generator)
    y = x @ torch.tensor([[1.0], [-0.5], [0.3], [0.0], [0.8], [0.1]]) + 0.5 * torch.randn(1300, 1, generator=generator)
    return case(
        seed,
        lambda: nn.Linear(6, 1),
        (x[:800], y[:800]),
        (x[800:], y[800:]),
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=sgd(0.05),
        epochs=15,
    )


def random_order_without_shuffling(seed: int) -> Case:
    """Do not shuffle rows that come in random order."""
    data = rows.standardized(rows.customers(seed, noise=0.4))
    return case(
        seed,
        lambda: layers(12, 32, 1),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(3e-3),
        epochs=20,
        shuffle=False,
    )


def shares_through_a_sigmoid(seed: int) -> Case:
    """Regress shares between 0 and 1, for which a sigmoid output is right."""
    data = rows.standardized(rows.friedman(seed))

    def share(targets: Tensor) -> Tensor:
        return torch.sigmoid((targets - 14.4) / 4)

    return case(
        seed,
        lambda: layers(10, 48, 48, 1, output=nn.Sigmoid()),
        (data.rows[0], share(data.rows[1])),
        (data.test[0], share(data.test[1])),
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=30,
    )


def logarithms_of_probabilities(seed: int) -> Case:
    """Use the two halves of cross-entropy, each where it belongs."""
    data = rows.gray_digits(seed)
    return case(
        seed,
        lambda: layers(64, 48, 10, output=nn.LogSoftmax(dim=1)),
        data.rows,
        data.test,
        loss=nn.NLLLoss(),
        score=scores.top_class,
        optimizer=adam(3e-3),
        epochs=10,
    )


def dropout_on_noisy_rows(seed: int) -> Case:
    """Hold a network back with dropout: its training loss is above its validation loss."""
    data = rows.standardized(rows.customers(seed, training=1200, noise=1.0))
    return case(
        seed,
        lambda: nn.Sequential(nn.Linear(12, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 1)),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(2e-3),
        epochs=18,
    )


def counts_by_their_likelihood(seed: int) -> Case:
    """Predict logarithms of expected counts: targets and outputs are on different scales, as they should be."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 5, generator=generator)
    expected = torch.exp(1.0 + 0.5 * x[:, :1] - 0.4 * x[:, 1:2] + 0.3 * torch.sin(2 * x[:, 2:3]))
    y = torch.poisson(expected, generator=generator)
    return case(
        seed,
        lambda: layers(5, 24, 1),
        (x[:1000], y[:1000]),
        (x[1000:], y[1000:]),
        loss=nn.PoissonNLLLoss(log_input=True),
        score=lambda outputs, targets: scores.r2(outputs.exp(), targets),
        optimizer=adam(5e-3),
        epochs=15,
    )


def hinges_on_two_moons(seed: int) -> Case:
    """Use a margin loss written by hand, for classes of -1 and 1."""
    data = rows.moons(seed)

    def hinge(outputs: Tensor, targets: Tensor) -> Tensor:
        return F.relu(1 - outputs * (2 * targets - 1)).mean()

    return case(
        seed,
        lambda: layers(2, 32, 32, 1),
        data.rows,
        data.test,
        loss=hinge,
        score=scores.sign,
        optimizer=adam(5e-3),
        epochs=25,
    )


HEALTHY = (
    Healthy(build=a_small_rate_for_a_long_time),
    Healthy(build=a_large_rate_that_works, modality="image"),
    Healthy(build=one_sigmoid_layer),
    Healthy(build=tanh_units_on_a_smooth_regression),
    Healthy(build=flat_for_a_hundred_epochs),
    Healthy(build=one_in_twelve_and_found),
    Healthy(build=a_hundred_flowers),
    Healthy(build=answers_that_are_mostly_chance),
    Healthy(build=digits_through_a_neck, modality="image"),
    Healthy(build=ten_residual_blocks, modality="image"),
    Healthy(build=convolutions_with_batch_normalization, modality="image"),
    Healthy(build=shapes_of_waves, modality="sequence"),
    Healthy(build=words_that_are_liked, modality="sequence"),
    Healthy(build=several_labels_at_once),
    Healthy(build=absolute_error_against_outliers),
    Healthy(build=centimeters_as_they_are),
    Healthy(build=a_straight_line),
    Healthy(build=random_order_without_shuffling),
    Healthy(build=shares_through_a_sigmoid),
    Healthy(build=logarithms_of_probabilities, modality="image"),
    Healthy(build=dropout_on_noisy_rows),
    Healthy(build=counts_by_their_likelihood),
    Healthy(build=hinges_on_two_moons),
)
