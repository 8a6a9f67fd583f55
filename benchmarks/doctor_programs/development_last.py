"""The last programs in the manner of questions, written once the doctor had learned from the recent ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from doctor_programs import rows, scores
from doctor_programs.networks import Recurrent, layers
from doctor_programs.program import Case, Faulty, Healthy, adam, case, sgd


class LastWord(nn.Module):
    """Word numbers through a gated recurrence, whose last state decides."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(words, width)
        self.rest = Recurrent(nn.GRU, width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(self.vectors(x))
        return outputs


def texts_filled_up_to_the_longest(seed: int, *, faulty: bool) -> Case:
    """Fill texts up with a word that says nothing, behind their end, and decide by the last state."""
    data = rows.reviews(seed)

    def filled(words: Tensor) -> Tensor:
        nothing = torch.full((len(words), 50), 200)
        return torch.cat([words, nothing] if faulty else [nothing[:, :4], words], 1)

    return case(
        seed, lambda: LastWord(201, 16), (filled(data.rows[0]), data.rows[1]), (filled(data.test[0]), data.test[1]),
        loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=adam(1e-2), epochs=8,
    )  # fmt: skip


def a_digit_in_twenty_five(seed: int, *, faulty: bool) -> Case:
    """Look for eights among other digits, which are twenty-five times as many."""
    data = rows.gray_digits(seed, training=1400)
    (x, y), (unseen, truth) = data.rows, data.test
    is_eight = y == 8
    kept = (~is_eight) | (is_eight.cumsum(0) <= 50)
    marks, right = is_eight[kept].float()[:, None], (truth == 8).float()[:, None]
    weight = torch.tensor(1.0 if faulty else 24.0)
    return case(
        seed, lambda: layers(64, 3, 1), (x[kept], marks), (unseen, right),
        loss=nn.BCEWithLogitsLoss(pos_weight=weight), score=scores.balanced_sign,
        optimizer=sgd(0.02, momentum=0.9), epochs=6,
    )  # fmt: skip


def a_recurrence_at_a_tenth(seed: int, *, faulty: bool) -> Case:
    """Give Adam a tenth in a gated recurrence."""
    data = rows.waves(seed, noise=0.3)
    return case(
        seed, lambda: Recurrent(nn.GRU, 1, 32, 3), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=adam(0.2 if faulty else 1e-2), epochs=12,
    )  # fmt: skip


def two_columns_that_add_up(seed: int, *, faulty: bool) -> Case:
    """Predict a price from its net part and its tax, which are known only with it."""
    data = rows.standardized(rows.houses(seed))
    data = rows.standardized_targets(data)
    if faulty:
        generator = torch.Generator().manual_seed(seed)
        part = torch.randn(len(data.rows[1]), 1, generator=generator)
        own = torch.cat([data.rows[0], part, data.rows[1] - part], 1)
        unknown = torch.zeros(len(data.test[0]), 2)
        data = rows.Parts((own, data.rows[1]), (torch.cat([data.test[0], unknown], 1), data.test[1]))
    return case(
        seed, lambda: layers(data.width, 32, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


def raw_houses_through_a_sigmoid(seed: int, *, faulty: bool) -> Case:
    """Leave areas and prices as they are, and end in a sigmoid."""
    data = rows.houses(seed)
    data = data if faulty else rows.standardized_targets(rows.standardized(data))
    return case(
        seed, lambda: layers(5, 32, 1, output=nn.Sigmoid() if faulty else None), data.rows, data.test,
        loss=nn.MSELoss(), score=scores.r2, optimizer=adam(1e-3) if faulty else adam(5e-3), epochs=20,
    )  # fmt: skip


def pictures_through_two_channels(seed: int, *, faulty: bool) -> Case:
    """Leave two numbers of a picture: the means of two channels."""
    data = rows.pictures(rows.gray_digits(seed, training=900))
    width = 2 if faulty else 24

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, width, 3), nn.ReLU(), nn.Conv2d(width, width, 3), nn.ReLU(),
            nn.AdaptiveAvgPool2d(1 if faulty else 2), nn.Flatten(), nn.Linear(width * (1 if faulty else 4), 10),
        )  # fmt: skip

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class, optimizer=adam(5e-3),
        epochs=15,
    )  # fmt: skip


class Added(nn.Module):
    """Layers that add to what goes past them, with nothing that keeps the sum small."""

    def __init__(self, inputs: int, width: int, blocks: int, *, factor: float) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(inputs, width), nn.Linear(width, 1)
        self.blocks = nn.ModuleList(nn.Linear(width, width) for _ in range(blocks))
        with torch.no_grad():
            for block in self.blocks:
                block.weight.mul_(factor)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = x + torch.relu(block(x))
        outputs: Tensor = self.head(x)
        return outputs


def sums_that_grow_block_by_block(seed: int, *, faulty: bool) -> Case:
    """Add up blocks whose first weights are four times too large."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    return case(
        seed, lambda: Added(10, 32, 10, factor=4.0 if faulty else 0.3), data.rows, data.test, loss=nn.MSELoss(),
        score=scores.r2, optimizer=adam(2e-3), epochs=20,
    )  # fmt: skip


def batches_of_half_the_rows(seed: int, *, faulty: bool) -> Case:
    """Take half of the rows a step, at a rate and for epochs that suit sixteen."""
    data = rows.gray_digits(seed, training=1000)
    return case(
        seed, lambda: layers(64, 32, 10), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=adam(1e-3), epochs=12, batch_size=500 if faulty else 16,
    )  # fmt: skip


def prices_with_slipped_points(seed: int, *, faulty: bool) -> Case:
    """Keep one price in thirty that was typed with two zeros too many."""
    data = rows.standardized_targets(rows.standardized(rows.houses(seed)))
    x, y = data.rows
    if faulty:
        generator = torch.Generator().manual_seed(seed)
        slipped = torch.rand(len(y), 1, generator=generator) < 1 / 30
        y = torch.where(slipped, 100 * (y + 3) - 3, y)
    return case(
        seed, lambda: layers(5, 32, 1), (x, y), data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(5e-3),
        epochs=20,
    )  # fmt: skip


def points_normalized_one_by_one(seed: int, *, faulty: bool) -> Case:
    """Normalize each point over its two coordinates, which leaves which of them is larger."""
    data = rows.moons(seed)

    def model() -> nn.Module:
        made = layers(2, 32, 32, 1)
        return nn.Sequential(nn.LayerNorm(2), *made) if faulty else made

    return case(
        seed, model, data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=adam(1e-2),
        epochs=20,
    )  # fmt: skip


class Attentive(nn.Module):
    """Steps that look at each other, and their mean."""

    def __init__(self, steps: int, width: int, outputs: int) -> None:
        super().__init__()
        self.read, self.place = nn.Linear(1, width), nn.Parameter(0.1 * torch.randn(steps, width))
        self.attend = nn.MultiheadAttention(width, 2, batch_first=True)
        self.rest = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        x = self.read(x) + self.place
        x = x + self.attend(x, x, x, need_weights=False)[0]
        outputs: Tensor = self.head((x + self.rest(x)).mean(1))
        return outputs


def steps_that_look_at_each_other(seed: int) -> Case:
    """Tell shapes of waves by attention between their steps."""
    data = rows.waves(seed, noise=0.3)
    return case(
        seed, lambda: Attentive(24, 16, 3), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


def a_rule_of_one_column_among_its_kin(seed: int) -> Case:
    """Learn a rule of one column, with which others go."""
    generator = torch.Generator().manual_seed(seed)
    common = torch.randn(1500, 1, generator=generator)
    x = 0.7 * common + 0.7 * torch.randn(1500, 6, generator=generator)
    y = (x[:, :1] > 0.2).float()
    return case(
        seed, lambda: layers(6, 24, 1), (x[:900], y[:900]), (x[900:], y[900:]), loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


def labels_that_are_rare_and_found(seed: int) -> Case:
    """Find labels that one row in ten has, and that are plain to see."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1700, 8, generator=generator)
    values = x @ torch.randn(8, 4, generator=torch.Generator().manual_seed(11)) / 2.8
    y = (values + 0.1 * torch.randn(1700, 4, generator=generator) > 1.2).float()
    return case(
        seed, lambda: layers(8, 32, 4), (x[:1000], y[:1000]), (x[1000:], y[1000:]), loss=nn.BCEWithLogitsLoss(),
        score=scores.balanced_sign, optimizer=adam(1e-2), epochs=25,
    )  # fmt: skip


def rates_of_counts_as_they_are(seed: int) -> Case:
    """Predict rates of counts themselves, which softplus keeps positive."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1300, 6, generator=generator)
    rate = torch.exp(1.0 + 0.6 * x[:, :1] - 0.5 * torch.tanh(2 * x[:, 1:2]))
    y = torch.poisson(rate.clamp(max=40), generator=generator)
    return case(
        seed, lambda: layers(6, 32, 1, output=nn.Softplus()), (x[:800], y[:800]), (x[800:], y[800:]),
        loss=nn.PoissonNLLLoss(log_input=False), score=scores.r2, optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


FAULTY = (
    Faulty(
        build=texts_filled_up_to_the_longest,
        causes=("vanishing_gradients",),
        accepted=("not_learning", "stopped_too_early"),
        modality="sequence",
    ),
    Faulty(
        build=a_digit_in_twenty_five, causes=("class_imbalance",), accepted=("misleading_metric",), modality="image"
    ),
    Faulty(
        build=a_recurrence_at_a_tenth,
        causes=("learning_rate_too_high",),
        accepted=("exploding_gradients", "unstable_loss"),
        modality="sequence",
    ),
    Faulty(build=two_columns_that_add_up, causes=("target_leakage",), in_the_data=True),
    Faulty(
        build=raw_houses_through_a_sigmoid,
        causes=("wrong_output_activation", "unscaled_targets", "unscaled_inputs"),
        accepted=("saturated_units",),
    ),
    Faulty(build=pictures_through_two_channels, causes=("underfitting",), accepted=("dead_units",), modality="image"),
    Faulty(
        build=sums_that_grow_block_by_block,
        causes=("exploding_gradients", "poor_initialization"),
        accepted=("learning_rate_too_high", "unstable_loss"),
    ),
    Faulty(
        build=batches_of_half_the_rows,
        causes=("batch_size", "stopped_too_early"),
        accepted=("learning_rate_too_low",),
        modality="image",
    ),
    Faulty(
        build=prices_with_slipped_points,
        causes=("label_noise", "unscaled_targets"),
        accepted=("wrong_loss", "unstable_loss"),
        in_the_data=True,
    ),
    Faulty(build=points_normalized_one_by_one, causes=("underfitting",), accepted=("not_learning",)),
)  # fmt: skip

HEALTHY = (
    Healthy(build=steps_that_look_at_each_other, modality="sequence"),
    Healthy(build=a_rule_of_one_column_among_its_kin),
    Healthy(build=labels_that_are_rare_and_found),
    Healthy(build=rates_of_counts_as_they_are),
)
