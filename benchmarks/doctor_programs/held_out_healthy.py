"""Healthy programs that the doctor is judged by. Who sets its thresholds stops reading here."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from doctor_programs import rows, scores
from doctor_programs.networks import Recurrent, layers, pixels
from doctor_programs.program import Case, Healthy, adam, case, sgd


def four_rows_at_a_time(seed: int) -> Case:
    """Take many small steps on small batches: the loss jumps, the network learns."""
    data = rows.standardized(rows.groups(seed, training=500))
    return case(
        seed,
        lambda: layers(10, 24, 4),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=sgd(0.02),
        epochs=8,
        batch_size=4,
    )


def large_batches_at_a_large_rate(seed: int) -> Case:
    """Take few steps, each of them far and well directed."""
    data = rows.gray_digits(seed)
    return case(
        seed,
        lambda: layers(64, 64, 10),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(0.01),
        epochs=25,
        batch_size=300,
    )


def a_progression_that_is_hard_to_foresee(seed: int) -> Case:
    """Explain the half of a variance that there is to explain."""
    data = rows.standardized_targets(rows.standardized(rows.diabetes(seed)))
    return case(
        seed,
        lambda: layers(10, 8, 1),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3, weight_decay=1e-3),
        epochs=25,
    )


def nearly_all_said_by_one_column(seed: int) -> Case:
    """Use an honest column that says nearly everything, and is known beforehand."""
    data = rows.customers(seed, noise=0.4)

    def measured(inputs: Tensor, targets: Tensor, offset: int) -> Tensor:
        generator = torch.Generator().manual_seed(seed + offset)
        return torch.cat([inputs, 2.5 * targets + 0.8 * torch.randn(targets.shape, generator=generator)], 1)

    return case(
        seed,
        lambda: layers(13, 24, 1),
        (measured(*data.rows, 0), data.rows[1]),
        (measured(*data.test, 1), data.test[1]),
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(3e-3),
        epochs=15,
    )


def next_week_from_sixteen(seed: int) -> Case:
    """Forecast with an LSTM."""
    data = rows.sales(seed)
    return case(
        seed,
        lambda: Recurrent(nn.LSTM, 1, 16, 1),
        ((data.rows[0] - 5000) / 1600, (data.rows[1] - 5000) / 1600),
        ((data.test[0] - 5000) / 1600, (data.test[1] - 5000) / 1600),
        loss=nn.SmoothL1Loss(),
        score=scores.r2,
        optimizer=adam(0.01),
        epochs=15,
    )


def attention_over_words(seed: int) -> Case:
    """Tell texts apart with one layer of attention."""
    data = rows.reviews(seed, training=1600)

    class Attentive(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vectors = nn.Embedding(200, 16)
            self.layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.1, batch_first=True)
            self.head = nn.Linear(16, 1)

        def forward(self, x: Tensor) -> Tensor:
            outputs: Tensor = self.head(self.layer(self.vectors(x)).mean(1))
            return outputs

    return case(
        seed,
        Attentive,
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(3e-3),
        epochs=6,
    )


def probabilities_into_their_loss(seed: int) -> Case:
    """Use a sigmoid with the loss that expects one."""
    data = rows.standardized(rows.tumors(seed))
    return case(
        seed,
        lambda: layers(30, 16, 1, output=nn.Sigmoid()),
        data.rows,
        data.test,
        loss=nn.BCELoss(),
        score=scores.half,
        optimizer=adam(3e-3, weight_decay=1e-3),
        epochs=20,
    )


def two_numbers_at_once(seed: int) -> Case:
    """Regress two columns, one of them much noisier."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1400, 6, generator=generator)
    noise = torch.randn(1400, 2, generator=generator) * torch.tensor([0.1, 1.0])
    y = torch.stack([torch.sin(x[:, 0]) + 0.5 * x[:, 1], x[:, 2] * 0.7 - x[:, 3]], 1) + noise
    return case(
        seed,
        lambda: layers(6, 32, 32, 2, activation=nn.SiLU),
        (x[:900], y[:900]),
        (x[900:], y[900:]),
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=15,
    )


def one_against_the_rest(seed: int) -> Case:
    """Train ten yes-or-no answers for ten classes: 90 % of the targets are 0."""
    data = rows.pictures(rows.gray_digits(seed, training=900))
    return case(
        seed,
        lambda: pixels(12, 24, activation=nn.LeakyReLU),
        (data.rows[0], F.one_hot(data.rows[1], 10).float()),
        (data.test[0], F.one_hot(data.test[1], 10).float()),
        loss=nn.BCEWithLogitsLoss(),
        score=scores.one_hot_top_class,
        optimizer=adam(5e-3),
        epochs=10,
    )


def seventy_wines(seed: int) -> Case:
    """Learn three vineyards from seventy rows."""
    data = rows.standardized(rows.first_rows(rows.wines(seed), 70))
    return case(
        seed,
        lambda: layers(13, 12, 3, activation=nn.Tanh),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(0.01),
        epochs=25,
        batch_size=14,
    )


def skewed_amounts_of_wide_spread(seed: int) -> Case:
    """Feed standardized amounts of which a few are ten deviations out."""
    generator = torch.Generator().manual_seed(seed)
    amounts = torch.exp(torch.randn(1600, 6, generator=generator))
    weights = torch.tensor([[1.0], [-1.0], [0.7], [0.0], [0.0], [-0.5]])
    y = (amounts.log() @ weights + 0.5 * torch.randn(1600, 1, generator=generator) > 0).float()
    data = rows.standardized(rows.Parts((amounts[:1000], y[:1000]), (amounts[1000:], y[1000:])))
    return case(
        seed,
        lambda: layers(6, 48, 24, 1),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(5e-3),
        epochs=25,
    )


def six_tanh_layers_well_begun(seed: int) -> Case:
    """Train a deep tanh network from weights that keep the spread of the signal."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))

    def model() -> nn.Module:
        made = layers(10, 32, 32, 32, 32, 32, 1, activation=nn.Tanh)
        for module in made:
            if isinstance(module, nn.Linear):
                nn.init.xavier_normal_(module.weight)
                nn.init.zeros_(module.bias)
        return made

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=sgd(0.02, momentum=0.9),
        epochs=30,
    )


HEALTHY = (
    Healthy(build=four_rows_at_a_time),
    Healthy(build=large_batches_at_a_large_rate, modality="image"),
    Healthy(build=a_progression_that_is_hard_to_foresee),
    Healthy(build=nearly_all_said_by_one_column),
    Healthy(build=next_week_from_sixteen, modality="sequence"),
    Healthy(build=attention_over_words, modality="sequence"),
    Healthy(build=probabilities_into_their_loss),
    Healthy(build=two_numbers_at_once),
    Healthy(build=one_against_the_rest, modality="image"),
    Healthy(build=seventy_wines),
    Healthy(build=skewed_amounts_of_wide_spread),
    Healthy(build=six_tanh_layers_well_begun),
)
