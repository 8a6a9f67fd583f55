"""Faulty programs of a sixth writing, by somebody who had not read the doctor's code; asked about once all were there.

They are what people ask in forums: a state read behind the end of a row, pairs marked 0 instead of -1, the root of a
distance that may be nothing, a decay meant for epochs taken at every step, a price level that nobody scaled.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from doctor_programs import rows, scores
from doctor_programs.networks import Recurrent, layers
from doctor_programs.program import Case, Faulty, Optimizer, adam, case, sgd


def halves(x: Tensor, y: Tensor, count: int) -> rows.Parts:
    """Return the first rows to train on, and the others to test on."""
    return rows.Parts((x[:count], y[:count]), (x[count:], y[count:]))


class Ended(nn.Module):
    """A recurrence over numbers in front of zeros that fill rows up, read at the last step or at the last real one."""

    def __init__(self, *, real: bool) -> None:
        super().__init__()
        self.recurrent, self.head, self.real = nn.RNN(1, 24, batch_first=True), nn.Linear(24, 1), real

    def forward(self, x: Tensor) -> Tensor:
        states, _ = self.recurrent(x)
        last = (x[..., 0] != 0).sum(1) - 1
        state = states[torch.arange(len(x)), last] if self.real else states[:, -1]
        outputs: Tensor = self.head(state)
        return outputs


def the_state_behind_the_end(seed: int, *, faulty: bool) -> Case:
    """Read the last state of rows that are filled up to fifty steps, most of which are filling."""
    generator = torch.Generator().manual_seed(seed)
    length = torch.randint(3, 9, (1500, 1), generator=generator)
    x = torch.randn(1500, 50, generator=generator) * (torch.arange(50) < length)
    last = x.gather(1, length - 1)
    y = last * x.gather(1, length - 2).sign() + 0.1 * torch.randn(1500, 1, generator=generator)
    data = halves(x[..., None], y, 1000)
    return case(
        seed, lambda: Ended(real=not faulty), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3), epochs=30,
    )  # fmt: skip


def by_neighbors(outputs: Tensor, classes: Tensor) -> float:
    """Return the share of rows whose nearest other row is of their class."""
    away = torch.cdist(outputs, outputs).fill_diagonal_(torch.inf)
    return float((classes[away.argmin(1)] == classes).float().mean())


def the_near_and_the_far_exchanged(seed: int, *, faulty: bool) -> Case:
    """Pass the row of another class where the loss takes the row of the same one."""
    data = rows.gray_digits(seed, training=800)

    def loss(outputs: Tensor, classes: Tensor) -> Tensor:
        same = classes[:, None] == classes[None]
        away = torch.cdist(outputs, outputs)
        near = away.masked_fill(~same, 0).amax(1)
        far = away.masked_fill(same, 1e3).amin(1).clamp(max=1e2)
        first, second = (far, near) if faulty else (near, far)
        return functional.relu(first - second + 1).mean()

    return case(
        seed, lambda: layers(64, 48, 8), data.rows, data.test, loss=loss, score=by_neighbors, optimizer=adam(3e-3),
        epochs=12, judged_by=by_neighbors,
    )  # fmt: skip


def pictures_rectified_at_the_end(seed: int, *, faulty: bool) -> Case:
    """End an autoencoder of pictures of mean 0 in a rectifier, as its other layers do."""
    data = rows.gray_digits(seed, training=900)
    x, held = data.rows[0], data.test[0]
    output = nn.ReLU() if faulty else None
    return case(
        seed, lambda: layers(64, 48, 16, 48, 64, output=output), (x, x), (held, held), loss=nn.MSELoss(),
        score=scores.r2, optimizer=adam(3e-3), epochs=25,
    )  # fmt: skip


def overlap(outputs: Tensor, targets: Tensor) -> float:
    """Return twice the points found over those said and those that are right."""
    said, right = outputs > 0, targets > 0.5
    return 2 * float((said & right).sum()) / max(1.0, float(said.sum() + right.sum()))


def spots_that_are_one_point_in_fifty(seed: int, *, faulty: bool) -> Case:
    """Mark the few points of faint spots in pictures, each point counting as much as one of the ground."""
    generator = torch.Generator().manual_seed(seed)
    y = (torch.rand(700, 1, 12, 12, generator=generator) < 0.02).float()
    x = 2.0 * y + torch.randn(700, 1, 12, 12, generator=generator)
    data = halves(x, y, 500)
    weight = torch.tensor(1.0 if faulty else 6.0)

    def model() -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.Conv2d(8, 1, 1))

    return case(
        seed, model, data.rows, data.test, loss=nn.BCEWithLogitsLoss(pos_weight=weight), score=overlap,
        optimizer=adam(1e-2), epochs=12, judged_by=overlap,
    )  # fmt: skip


def tomorrows_price_in_cents(seed: int, *, faulty: bool) -> Case:
    """Predict tomorrow's price, some thousand cents, with an LSTM that reads differences of some spreads."""
    generator = torch.Generator().manual_seed(seed)
    change = torch.randn(1400, 12, generator=generator)
    x = change.cumsum(1)
    after = x[:, -1:] + 0.7 * change[:, -1:] - 0.5 * change[:, -2:-1] + 0.3 * torch.randn(1400, 1, generator=generator)
    y = after if not faulty else 4000 + 250 * after
    data = halves(x[..., None] / 2.5, y if faulty else y / 2.5, 900)
    return case(
        seed, lambda: Recurrent(nn.LSTM, 1, 24, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


class Clipped(torch.optim.SGD):
    """Descent whose gradients are cut to a length before each step."""

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float, *, length: float) -> None:
        super().__init__(parameters, lr=rate, momentum=0.9)
        self.length = length

    def step(self, closure: object = None) -> None:  # type: ignore[override]
        nn.utils.clip_grad_norm_([each for group in self.param_groups for each in group["params"]], self.length)
        super().step()


def gradients_cut_to_a_thousandth(seed: int, *, faulty: bool) -> Case:
    """Cut gradients to a length of a thousandth, against explosions that there are none of."""
    data = rows.groups(seed, training=800)
    return case(
        seed, lambda: layers(10, 48, 48, 4), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=lambda parameters: Clipped(parameters, 0.02, length=1e-3 if faulty else 5.0), epochs=12,
    )  # fmt: skip


def falling(rate: float, *, factor: float) -> Optimizer:
    """Return SGD whose rate falls by this factor at every step."""

    def made(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        optimizer = torch.optim.SGD(parameters, lr=rate, momentum=0.9)
        schedule = torch.optim.lr_scheduler.ExponentialLR(optimizer, factor)
        optimizer.register_step_post_hook(lambda *_: schedule.step())
        return optimizer

    return made


def a_decay_of_epochs_at_every_step(seed: int, *, faulty: bool) -> Case:
    """Let the rate fall at every step by what was meant for an epoch."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=900)))
    return case(
        seed, lambda: layers(10, 48, 48, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=falling(0.03, factor=0.8 if faulty else 0.997), epochs=20,
    )  # fmt: skip


def expected_counts(outputs: Tensor, targets: Tensor) -> float:
    """Return what the exponentials of the outputs explain of counts."""
    return scores.r2(outputs.exp(), targets)


def rates_above_one_where_most_count_nothing(seed: int, *, faulty: bool) -> Case:
    """Keep the logarithm of a rate positive, where most rows count nothing."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2200, 6, generator=generator)
    rate = (-1.0 + 1.2 * torch.tanh(x[:, :1]) + 0.8 * x[:, 1:2]).exp()
    data = halves(x, torch.poisson(rate, generator=generator), 1400)
    output = nn.Softplus() if faulty else None
    return case(
        seed, lambda: layers(6, 32, 1, output=output), data.rows, data.test, loss=nn.PoissonNLLLoss(),
        score=expected_counts, optimizer=adam(3e-3), epochs=15,
    )  # fmt: skip


class Frozen(nn.Module):
    """Word numbers through few numbers each, which are learned or left as they were drawn."""

    def __init__(self, *, kept: bool) -> None:
        super().__init__()
        self.vectors = nn.Embedding.from_pretrained(torch.randn(200, 3), freeze=kept)
        self.head = nn.Linear(3, 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.vectors(x).mean(1))
        return outputs


def vectors_of_words_that_nobody_learned(seed: int, *, faulty: bool) -> Case:
    """Keep the vectors of words, as one does with learned ones, though these were only drawn."""
    data = rows.reviews(seed, training=900)
    return case(
        seed, lambda: Frozen(kept=faulty), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(1e-2), epochs=25,
    )  # fmt: skip


def raw_readings_sigmoids_and_small_steps(seed: int, *, faulty: bool) -> Case:
    """Leave readings in their units, put sigmoids behind four layers, and descend in small steps."""
    raw = rows.wines(seed)
    data = raw if faulty else rows.standardized(raw)
    activation = nn.Sigmoid if faulty else nn.ReLU
    return case(
        seed, lambda: layers(13, 32, 32, 32, 3, activation=activation), data.rows, data.test,
        loss=nn.CrossEntropyLoss(), score=scores.top_class, optimizer=sgd(0.01 if faulty else 0.1), epochs=30,
        batch_size=16,
    )  # fmt: skip


class Weighted(nn.Module):
    """Steps added up by weights that they compete for: within their row, or with the other rows of a batch."""

    def __init__(self, *, axis: int) -> None:
        super().__init__()
        self.each, self.weight, self.head, self.axis = layers(2, 24, 24), nn.Linear(24, 1), nn.Linear(24, 1), axis

    def forward(self, x: Tensor) -> Tensor:
        states = self.each(x).tanh()
        weights = self.weight(states).softmax(self.axis)
        outputs: Tensor = self.head((states * weights).sum(1))
        return outputs


def attention_shared_with_other_rows(seed: int, *, faulty: bool) -> Case:
    """Let steps compete for attention with those of the other rows of the batch."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1800, 10, 2, generator=generator)
    marked = x[..., 1].argmax(1)
    y = x[torch.arange(1800), marked, 0][:, None] + 0.1 * torch.randn(1800, 1, generator=generator)
    data = halves(x, y, 1200)
    return case(
        seed, lambda: Weighted(axis=0 if faulty else 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3), epochs=25,
    )  # fmt: skip


def few_rows_and_two_hundred_epochs(seed: int, *, faulty: bool) -> Case:
    """Go over some noisy rows of twenty-five columns until each of them is known by heart."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(900, 25, generator=generator)
    known = x[:, :4].sum(1, keepdim=True) / 2
    y = known + torch.randn(900, 1, generator=generator)
    return case(
        seed, lambda: layers(25, 128, 128, 1) if faulty else layers(25, 16, 1), (x[:160], y[:160]),
        (x[160:], known[160:]), loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(2e-3 if faulty else 5e-3, weight_decay=0.0 if faulty else 0.1), epochs=200 if faulty else 15,
    )  # fmt: skip


class Twins(nn.Module):
    """How far apart two rows are, as one network sees them; a root, with or without a little beneath it."""

    def __init__(self, *, beneath: float) -> None:
        super().__init__()
        self.seen, self.beneath = layers(8, 32, 8), beneath

    def forward(self, x: Tensor) -> Tensor:
        apart = self.seen(x[:, 0]) - self.seen(x[:, 1])
        outputs: Tensor = (apart.square().sum(1, keepdim=True) + self.beneath).sqrt()
        return outputs


def the_root_of_a_distance_that_is_nothing(seed: int, *, faulty: bool) -> Case:
    """Take the root of a squared distance, among pairs of which a few are one row twice."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 2, 8, generator=generator)
    x[::40, 1] = x[::40, 0]
    y = (x[:, 0, :4] - x[:, 1, :4]).abs().sum(1, keepdim=True) + 0.1 * torch.randn(1500, 1, generator=generator)
    order = torch.randperm(1500, generator=generator)
    data = halves(x[order], y[order], 1000)
    return case(
        seed, lambda: Twins(beneath=0.0 if faulty else 1e-6), data.rows, data.test, loss=nn.MSELoss(),
        score=scores.r2, optimizer=adam(5e-3), epochs=15,
    )  # fmt: skip


class Pairs(nn.Module):
    """The directions in which one network sees two rows: (rows, 2, width)."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = layers(64, 48, 16)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.seen(x)
        return outputs


def pairs_of_digits(seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Return two digits beside each other, (rows, 2, 64), and 1 where they are the same number, which half are."""
    data = rows.gray_digits(seed, training=1200)
    random = torch.Generator().manual_seed(seed)
    first = torch.randint(0, 1200, (4 * count,), generator=random)
    second = torch.randint(0, 1200, (4 * count,), generator=random)
    same = data.rows[1][first] == data.rows[1][second]
    chosen = torch.cat([same.nonzero().flatten()[: count // 6], (~same).nonzero().flatten()[: count // 6]])
    chosen = chosen[torch.randperm(len(chosen), generator=random)]
    x = torch.stack([data.rows[0][first[chosen]], data.rows[0][second[chosen]]], 1)
    return x, same[chosen].float()


def order_of_likenesses(outputs: Tensor, marks: Tensor) -> float:
    """Return how often a pair of one kind is more alike than one of two kinds (ROC-AUC), 0 for half of the time."""
    likeness = functional.cosine_similarity(outputs[:, 0], outputs[:, 1])
    same, other = likeness[marks > 0], likeness[marks <= 0]
    return 2 * float((same[:, None] > other[None]).float().mean()) - 1


def pairs_marked_with_nothing(seed: int, *, faulty: bool) -> Case:
    """Mark pairs that differ with 0, where the loss asks for -1 and takes no notice of anything else."""
    x, same = pairs_of_digits(seed, 3000)
    y = same if faulty else 2 * same - 1

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cosine_embedding_loss(outputs[:, 0], outputs[:, 1], targets, margin=0.3)

    data = halves(x, y, len(x) * 2 // 3)
    return case(
        seed, Pairs, data.rows, data.test, loss=loss, score=order_of_likenesses, optimizer=adam(3e-3), epochs=15,
        judged_by=order_of_likenesses,
    )  # fmt: skip


def sensors_around_a_thousand(seed: int, *, faulty: bool) -> Case:
    """Hand over pressures of about a thousand, of which the last few units say it all."""
    generator = torch.Generator().manual_seed(seed)
    level = torch.randn(1500, 1, generator=generator)
    x = level + 0.6 * torch.randn(1500, 16, generator=generator).cumsum(1) / 2
    y = (x[:, -4:].mean(1) > x[:, :4].mean(1)).float()[:, None]
    x = (1013 + 6 * x if faulty else x)[..., None]
    data = halves(x, y, 1000)
    return case(
        seed, lambda: Recurrent(nn.GRU, 1, 24, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=adam(5e-3), epochs=12,
    )  # fmt: skip


FAULTY = (
    Faulty(
        build=the_state_behind_the_end,
        causes=("vanishing_gradients",),
        accepted=("underfitting", "not_learning"),
        modality="sequence",
    ),
    Faulty(build=the_near_and_the_far_exchanged, causes=("wrong_loss",), modality="image"),
    Faulty(build=pictures_rectified_at_the_end, causes=("wrong_output_activation",), modality="image"),
    Faulty(
        build=spots_that_are_one_point_in_fifty,
        causes=("class_imbalance",),
        accepted=("misleading_metric", "wrong_loss"),
        modality="image",
    ),
    Faulty(
        build=tomorrows_price_in_cents,
        causes=("unscaled_targets",),
        modality="sequence",
    ),
    Faulty(
        build=gradients_cut_to_a_thousandth,
        causes=("learning_rate_too_low",),
        accepted=("stopped_too_early",),
    ),
    Faulty(
        build=a_decay_of_epochs_at_every_step,
        causes=("learning_rate_too_low",),
        accepted=("stopped_too_early",),
    ),
    Faulty(
        build=rates_above_one_where_most_count_nothing,
        causes=("wrong_output_activation",),
        accepted=("wrong_loss",),
    ),
    Faulty(build=vectors_of_words_that_nobody_learned, causes=("frozen_parameters",), modality="sequence"),
    Faulty(
        build=raw_readings_sigmoids_and_small_steps,
        causes=("unscaled_inputs", "saturated_units", "learning_rate_too_low"),
        accepted=("vanishing_gradients",),
    ),
    Faulty(
        build=attention_shared_with_other_rows,
        causes=("underfitting",),
        accepted=("not_learning", "batch_size"),
        modality="sequence",
    ),
    Faulty(build=few_rows_and_two_hundred_epochs, causes=("overfitting",), accepted=("too_few_rows",)),
    Faulty(build=the_root_of_a_distance_that_is_nothing, causes=("non_finite_values",)),
    Faulty(build=pairs_marked_with_nothing, causes=("wrong_loss",), modality="image"),
    Faulty(build=sensors_around_a_thousand, causes=("unscaled_inputs",), modality="sequence"),
)  # fmt: skip
