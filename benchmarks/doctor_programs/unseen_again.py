"""More programs that were written before they were asked about, once the doctor had learned from the unseen ones."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from doctor_programs import rows, scores
from doctor_programs.networks import Recurrent, layers
from doctor_programs.program import Case, Faulty, Healthy, adam, case, sgd


def first_column(outputs: Tensor, targets: Tensor) -> float:
    """Return what the first output explains."""
    return scores.r2(outputs[:, :1], targets)


def middle_column(outputs: Tensor, targets: Tensor) -> float:
    """Return what the middle one of three outputs explains."""
    return scores.r2(outputs[:, [outputs.shape[1] // 2]], targets)


def bent(seed: int, count: int, *, noise: float) -> rows.Parts:
    """Return six numbers and a bent function of four of them, with noise."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(count + 600, 6, generator=generator)
    y = torch.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:3] + torch.tanh(x[:, 3:4])
    y = y + noise * torch.randn(y.shape, generator=generator)
    return rows.Parts((x[:count], y[:count]), (x[count:], y[count:]))


def doubt_that_costs_nothing(seed: int, *, faulty: bool) -> Case:
    """Divide squared errors by a variance that is predicted too, and forget what keeps it small."""
    data = bent(seed, 900, noise=0.2)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        spread = outputs[:, 1:]
        return ((outputs[:, :1] - targets) ** 2 * (-spread).exp() + (0 if faulty else 1) * spread).mean()

    return case(
        seed, lambda: layers(6, 48, 2), data.rows, data.test, loss=loss, score=first_column, optimizer=adam(5e-3),
        epochs=25, judged_by=first_column,
    )  # fmt: skip


def pinball(share: float, outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the loss whose best output is exceeded by all but this share."""
    error = targets - outputs
    return torch.maximum(share * error, (share - 1) * error).mean()


def nearly_the_most_for_the_middle(seed: int, *, faulty: bool) -> Case:
    """Ask for what 97 rows in 100 stay below, and take it for the middle."""
    data = bent(seed, 900, noise=0.6)
    share = 0.97 if faulty else 0.5
    return case(
        seed, lambda: layers(6, 48, 1), data.rows, data.test, loss=lambda o, t: pinball(share, o, t),
        score=scores.r2, optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


def steps_up_the_hill(seed: int, *, faulty: bool) -> Case:
    """Let the optimizer maximize what is a loss."""
    data = rows.standardized(rows.tumors(seed))
    return case(
        seed, lambda: layers(30, 16, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=sgd(0.02, momentum=0.9, maximize=faulty), epochs=12,
    )  # fmt: skip


class Steps(nn.Module):
    """A gated recurrence with two outputs for each step."""

    def __init__(self) -> None:
        super().__init__()
        self.recurrent = nn.GRU(1, 16, batch_first=True)
        self.head = nn.Linear(16, 2)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.recurrent(x)[0])
        return outputs.transpose(1, 2)


def of_steps(outputs: Tensor, classes: Tensor) -> float:
    """Return the share of steps whose class is found, classes standing before steps."""
    said = outputs.argmax(1) if outputs.ndim == 3 else (outputs > 0).long()
    return float((said == classes).float().mean())


def marks_of_the_step_after_next(seed: int, *, faulty: bool) -> Case:
    """Give each step the mark of the one after the next, which nothing tells beforehand."""
    x = torch.randn(900, 14, 1, generator=torch.Generator().manual_seed(seed))
    y = (x[..., 0] + torch.roll(x[..., 0], 1, 1) > 0).long()
    y[:, 0] = (x[:, 0, 0] > 0).long()
    known = torch.roll(y, -2, 1) if faulty else y
    return case(
        seed, Steps, (x[:500], known[:500]), (x[500:], y[500:]), loss=nn.CrossEntropyLoss(), score=of_steps,
        optimizer=adam(1e-2), epochs=12,
    )  # fmt: skip


def signs_of_single_batches(seed: int, *, faulty: bool) -> Case:
    """Take a rule that goes by the sign of the whole gradient with batches of four."""
    data = rows.customers(seed, noise=0.3)
    return case(
        seed, lambda: layers(12, 32, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=(lambda p: torch.optim.Rprop(p, lr=1e-2)) if faulty else adam(3e-3), epochs=8, batch_size=4,
    )  # fmt: skip


def easy_rows_that_count_most(seed: int, *, faulty: bool) -> Case:
    """Weigh rows by how sure they are known already, instead of by how little."""
    data = rows.gray_digits(seed, training=1000)

    def loss(outputs: Tensor, classes: Tensor) -> Tensor:
        known = functional.log_softmax(outputs, 1).gather(1, classes[:, None])[:, 0]
        share = known.exp()
        return -((share if faulty else 1 - share) ** 3 * known).mean()

    return case(
        seed, lambda: layers(64, 48, 10), data.rows, data.test, loss=loss, score=scores.top_class,
        optimizer=adam(3e-3), epochs=12,
    )  # fmt: skip


class Hardly(nn.Module):
    """Blocks whose sum is taken with a small share, which stays what it was."""

    def __init__(self, share: float) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(10, 32), nn.Linear(32, 1)
        self.blocks = nn.ModuleList(layers(32, 32, 32) for _ in range(4))
        self.share = share

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = x + self.share * block(x)
        outputs: Tensor = self.head(x)
        return outputs


def blocks_that_are_hardly_added(seed: int, *, faulty: bool) -> Case:
    """Multiply what blocks add by next to nothing."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    return case(
        seed, lambda: Hardly(1e-6 if faulty else 0.5), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(3e-3), epochs=20,
    )  # fmt: skip


def one_class_where_several_are_on(seed: int, *, faulty: bool) -> Case:
    """Hand marks of several labels to cross-entropy, as if they were shares of one."""
    data = rows.standardized(rows.tags(seed))
    return case(
        seed, lambda: layers(10, 32, 6), data.rows, data.test,
        loss=nn.CrossEntropyLoss() if faulty else nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=adam(1e-2),
        epochs=15,
    )  # fmt: skip


class Leveled(nn.Module):
    """A convolution over series that are brought to mean 0 and spread 1 each."""

    def __init__(self, *, leveled: bool) -> None:
        super().__init__()
        self.normalize = nn.InstanceNorm1d(1) if leveled else nn.Identity()
        self.see = nn.Sequential(nn.Conv1d(1, 16, 3, padding=1), nn.ReLU(), nn.AdaptiveAvgPool1d(4), nn.Flatten())
        self.head = layers(64, 32, 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.see(self.normalize(x.transpose(1, 2))))
        return outputs


def levels_that_are_taken_out(seed: int, *, faulty: bool) -> Case:
    """Bring each series to mean 0 within the network, where its mean is what is asked for."""
    generator = torch.Generator().manual_seed(seed)
    level, turn = torch.randn(1200, 1, generator=generator), 6.3 * torch.rand(1200, 1, generator=generator)
    x = level + torch.sin(torch.arange(20) / 2 + turn) + 0.3 * torch.randn(1200, 20, generator=generator)
    return case(
        seed, lambda: Leveled(leveled=faulty), (x[:700, :, None], level[:700]), (x[700:, :, None], level[700:]),
        loss=nn.MSELoss(), score=scores.r2, optimizer=adam(5e-3), epochs=15,
    )  # fmt: skip


class Vectors(nn.Module):
    """Word numbers through vectors of a given spread and a recurrence."""

    def __init__(self, words: int, width: int, spread: float) -> None:
        super().__init__()
        self.vectors = nn.Embedding(words, width)
        nn.init.normal_(self.vectors.weight, std=spread)
        self.rest = Recurrent(nn.GRU, width, 24, 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(self.vectors(x))
        return outputs


def vectors_of_words_drawn_too_large(seed: int, *, faulty: bool) -> Case:
    """Draw vectors of words with a spread of forty."""
    data = rows.reviews(seed, length=10, words=90, training=1600)
    return case(
        seed, lambda: Vectors(90, 16, 40.0 if faulty else 0.5), data.rows, data.test, loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=adam(5e-3), epochs=6,
    )  # fmt: skip


def forty_rows_of_a_hundred_columns(seed: int, *, faulty: bool) -> Case:
    """Learn from fewer rows than there are columns."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2600, 100, generator=generator)
    y = (x[:, :4].sum(1, keepdim=True) + 0.3 * torch.randn(2600, 1, generator=generator) > 0).float()
    count = 60 if faulty else 1600
    return case(
        seed, lambda: layers(100, 32, 1), (x[:count], y[:count]), (x[1600:], y[1600:]),
        loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=adam(3e-3), epochs=80 if faulty else 3,
    )  # fmt: skip


def heights_in_two_units(seed: int, *, faulty: bool) -> Case:
    """Mix rows that were measured in meters with rows in millimeters."""
    data = bent(seed, 900, noise=0.1)

    def measured(x: Tensor) -> Tensor:
        other = torch.rand(len(x), 1, generator=torch.Generator().manual_seed(seed)) < 0.3
        return torch.where(other, 1000 * x, x) if faulty else x

    given = rows.standardized(
        rows.Parts((measured(data.rows[0]), data.rows[1]), (measured(data.test[0]), data.test[1]))
    )
    return case(
        seed, lambda: layers(6, 48, 1), given.rows, (given.test[0], data.test[1]), loss=nn.MSELoss(),
        score=scores.r2, optimizer=adam(5e-3), epochs=25,
    )  # fmt: skip


def three_quantiles_at_once(seed: int) -> Case:
    """Predict a tenth, a half and nine tenths of what may come."""
    data = bent(seed, 1000, noise=0.3)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return sum((pinball(share, outputs[:, at : at + 1], targets) for at, share in enumerate((0.1, 0.5, 0.9))),
                   torch.zeros(()))  # fmt: skip

    return case(
        seed, lambda: layers(6, 64, 3), data.rows, data.test, loss=loss, score=middle_column, optimizer=adam(5e-3),
        epochs=30, judged_by=middle_column,
    )  # fmt: skip


class Logarithms(nn.Module):
    """Amounts of any size through their logarithms."""

    def __init__(self) -> None:
        super().__init__()
        self.rest = layers(5, 32, 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(x.clamp(min=1e-6).log() / 2)
        return outputs


def amounts_through_their_logarithms(seed: int) -> Case:
    """Leave amounts as they are, and take logarithms within the network."""
    generator = torch.Generator().manual_seed(seed)
    known = torch.randn(1500, 5, generator=generator)
    y = torch.tanh(known[:, :1]) + 0.7 * known[:, 1:2] + 0.2 * torch.randn(1500, 1, generator=generator)
    x = torch.exp(2 * known)
    return case(
        seed, Logarithms, (x[:900], y[:900]), (x[900:], y[900:]), loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


def grades_that_are_quantities(seed: int) -> Case:
    """Learn from grades of one to ten, of which more is more."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(1, 11, (1400, 4), generator=generator).float()
    y = (x[:, :1] + x[:, 1:2] - 0.2 * x[:, 2:3] * x[:, 3:4] + torch.randn(1400, 1, generator=generator) > 4.5).float()
    x = (x - 5.5) / 2.9
    return case(
        seed, lambda: layers(4, 24, 1), (x[:800], y[:800]), (x[800:], y[800:]), loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=adam(1e-2), epochs=25,
    )  # fmt: skip


def marks_for_every_step(seed: int) -> Case:
    """Mark every step by a convolution over its neighbors."""
    x = torch.randn(900, 1, 16, generator=torch.Generator().manual_seed(seed))
    y = ((x[:, 0] > torch.roll(x[:, 0], 1, 1)) & (x[:, 0] > torch.roll(x[:, 0], -1, 1))).long()

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Conv1d(1, 16, 3, padding=1, padding_mode="circular"), nn.ReLU(), nn.Conv1d(16, 2, 1)
        )  # fmt: skip

    return case(
        seed, model, (x[:500], y[:500]), (x[500:], y[500:]), loss=nn.CrossEntropyLoss(), score=of_steps,
        optimizer=adam(1e-2), epochs=20,
    )  # fmt: skip


FAULTY = (
    Faulty(build=doubt_that_costs_nothing, causes=("wrong_loss",)),
    Faulty(build=nearly_the_most_for_the_middle, causes=("wrong_loss",)),
    Faulty(
        build=steps_up_the_hill,
        causes=("wrong_loss",),
        accepted=("learning_rate_too_high", "exploding_gradients", "non_finite_values", "not_learning"),
    ),
    Faulty(
        build=marks_of_the_step_after_next,
        causes=("misaligned_labels",),
        accepted=("label_noise",),
        modality="sequence",
        in_the_data=True,
    ),
    Faulty(
        build=signs_of_single_batches,
        causes=("batch_size",),
        accepted=("learning_rate_too_high", "learning_rate_too_low", "unstable_loss"),
    ),
    Faulty(build=easy_rows_that_count_most, causes=("wrong_loss",), modality="image"),
    Faulty(
        build=blocks_that_are_hardly_added,
        causes=("vanishing_gradients",),
        accepted=("underfitting", "frozen_parameters", "missing_activation"),
    ),
    Faulty(build=one_class_where_several_are_on, causes=("wrong_loss",), accepted=("wrong_output_activation",)),
    Faulty(
        build=levels_that_are_taken_out, causes=("underfitting",), accepted=("not_learning",), modality="sequence"
    ),
    Faulty(
        build=vectors_of_words_drawn_too_large,
        causes=("poor_initialization",),
        accepted=("saturated_units", "unscaled_inputs", "vanishing_gradients"),
        modality="sequence",
    ),
    Faulty(
        build=forty_rows_of_a_hundred_columns, causes=("too_few_rows",), accepted=("overfitting",), in_the_data=True
    ),
    Faulty(build=heights_in_two_units, causes=("unscaled_inputs",), accepted=("label_noise",), in_the_data=True),
)  # fmt: skip

HEALTHY = (
    Healthy(build=three_quantiles_at_once),
    Healthy(build=amounts_through_their_logarithms),
    Healthy(build=grades_that_are_quantities),
    Healthy(build=marks_for_every_step, modality="sequence"),
)
