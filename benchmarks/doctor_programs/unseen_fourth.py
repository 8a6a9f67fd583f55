"""Programs of a fourth writing, once the doctor had learned from the third: asked about only once they were written."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from doctor_programs import rows, scores
from doctor_programs.networks import layers
from doctor_programs.program import Case, Faulty, Healthy, adam, case, sgd


def halves(x: Tensor, y: Tensor, count: int) -> rows.Parts:
    """Return the first rows to train on, and the others to test on."""
    return rows.Parts((x[:count], y[:count]), (x[count:], y[count:]))


class Every(torch.optim.SGD):
    """Descent that takes a step every so many calls, as where gradients are added up over batches."""

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float, *, calls: int) -> None:
        super().__init__(parameters, lr=rate, momentum=0.9)
        self.calls, self.seen = calls, 0

    def step(self, closure: object = None) -> None:  # type: ignore[override]
        self.seen += 1
        if self.seen % self.calls == 0:
            super().step()


def batches_added_up_and_thrown_away(seed: int, *, faulty: bool) -> Case:
    """Take a step every sixty-four batches, and set gradients to zero before each of them all the same."""
    data = rows.gray_digits(seed, training=1000)
    return case(
        seed, lambda: layers(64, 48, 10), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=lambda parameters: Every(parameters, 0.05, calls=64 if faulty else 1), epochs=10,
    )  # fmt: skip


class Exponential(nn.Module):
    """A network whose answers are kept positive by an exponential, or by nothing."""

    def __init__(self, *, kept: bool) -> None:
        super().__init__()
        self.rest, self.kept = layers(10, 32, 1), kept

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(x)
        return outputs.exp() if self.kept else outputs


def exponentials_that_must_reach_hundreds(seed: int, *, faulty: bool) -> Case:
    """Take the exponential of the last layer, where targets go to some hundreds, in steps that suit a logarithm."""
    data = rows.standardized(rows.friedman(seed, training=800))
    scale = 20.0 if faulty else 1 / 14

    def scaled(pair: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return pair[0], scale * pair[1]

    return case(
        seed, lambda: Exponential(kept=faulty), scaled(data.rows), scaled(data.test), loss=nn.MSELoss(),
        score=scores.r2, optimizer=sgd(0.02, momentum=0.9), epochs=25,
    )  # fmt: skip


class Sparse(nn.Module):
    """A network that leaves some inputs out: others each time, or the same ones for ever."""

    def __init__(self, width: int, *, fixed: bool) -> None:
        super().__init__()
        self.rest, self.fixed = layers(width, 32, 1), fixed
        self.register_buffer("mask", (torch.rand(width) > 0.5).float())

    def forward(self, x: Tensor) -> Tensor:
        if self.fixed:
            x = 2 * x * self.get_buffer("mask")
        outputs: Tensor = self.rest(functional.dropout(x, 0.05, training=self.training))
        return outputs


def a_mask_drawn_once_and_for_all(seed: int, *, faulty: bool) -> Case:
    """Draw which inputs are dropped when the network is made, instead of at every call."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=900)))
    return case(
        seed, lambda: Sparse(10, fixed=faulty), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


def validated_on_another_scale(seed: int, *, faulty: bool) -> Case:
    """Standardize the rows that are trained on, and forget those that judge, and all that come later."""
    raw = rows.tumors(seed)
    good = rows.standardized(raw)
    seen = (good.rows[0][:300], good.rows[1][:300])
    judging = ((raw.rows[0] if faulty else good.rows[0])[300:], good.rows[1][300:])
    return case(
        seed, lambda: layers(30, 16, 1), seen, (raw.test[0] if faulty else good.test[0], good.test[1]),
        loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=adam(5e-3), epochs=20, validation=judging,
    )  # fmt: skip


class Whole(nn.Module):
    """A network that takes whole numbers."""

    def __init__(self, *, whole: bool) -> None:
        super().__init__()
        self.rest, self.whole = layers(10, 48, 1), whole

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(x.long().float() if self.whole else x)
        return outputs


def quantities_cut_to_whole_numbers(seed: int, *, faulty: bool) -> Case:
    """Cast inputs to whole numbers where a layer once asked for them, which leaves most of them at zero."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=900)))
    return case(
        seed, lambda: Whole(whole=faulty), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


def a_divergence_of_plain_shares(seed: int, *, faulty: bool) -> Case:
    """Hand shares to a divergence that takes their logarithms, where several judges have voted."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 8, generator=generator)
    known = torch.stack([x[:, 0] * x[:, 1], torch.tanh(2 * x[:, 2]), x[:, 3].abs() - 0.8, x[:, 4]], 1)
    y = (2 * known).softmax(1)
    output = nn.Softmax(1) if faulty else nn.LogSoftmax(1)
    data = halves(x, y, 900)
    return case(
        seed, lambda: layers(8, 48, 4, output=output), data.rows, data.test,
        loss=nn.KLDivLoss(reduction="batchmean"), score=scores.one_hot_top_class, optimizer=adam(3e-3), epochs=25,
    )  # fmt: skip


class Begun(nn.Module):
    """A gated recurrence that begins at zero, or at a state that is drawn for each call."""

    def __init__(self, *, drawn: bool) -> None:
        super().__init__()
        self.recurrent, self.head, self.drawn = nn.GRU(1, 24, batch_first=True), nn.Linear(24, 1), drawn

    def forward(self, x: Tensor) -> Tensor:
        state = torch.randn(1, len(x), 24) if self.drawn else torch.zeros(1, len(x), 24)
        outputs: Tensor = self.head(self.recurrent(x, 5 * state)[0][:, -1])
        return outputs


def a_state_that_begins_anywhere(seed: int, *, faulty: bool) -> Case:
    """Draw the first state of a recurrence at random in every call, as a lesson did, over series of three steps."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 3, 1, generator=generator)
    y = x[:, 0] * x[:, 1] + x[:, 2] + 0.1 * torch.randn(1500, 1, generator=generator)
    data = halves(x, y, 900)
    return case(
        seed, lambda: Begun(drawn=faulty), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(1e-2), epochs=20,
    )  # fmt: skip


def the_second_loss_as_a_mere_number(seed: int, *, faulty: bool) -> Case:
    """Add up the losses of two targets, one of them by its value, through which no gradient goes."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 6, generator=generator)
    y = torch.stack([torch.sin(2 * x[:, 0]) + x[:, 1], x[:, 2] * x[:, 3] + 0.5 * x[:, 4]], 1)
    y = y + 0.1 * torch.randn(1500, 2, generator=generator)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        first = functional.mse_loss(outputs[:, 0], targets[:, 0])
        second = functional.mse_loss(outputs[:, 1], targets[:, 1])
        return first + (second.item() if faulty else second)

    data = halves(x, y, 900)
    return case(
        seed, lambda: layers(6, 64, 2), data.rows, data.test, loss=loss, score=scores.r2, optimizer=adam(5e-3),
        epochs=20,
    )  # fmt: skip


class Cooled(nn.Module):
    """Logits divided by a temperature."""

    def __init__(self, temperature: float) -> None:
        super().__init__()
        self.rest, self.temperature = layers(64, 48, 10), temperature

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(x) / self.temperature
        return outputs


def a_temperature_of_two_hundred(seed: int, *, faulty: bool) -> Case:
    """Divide logits by a temperature that belongs where answers are drawn, and descend plainly."""
    data = rows.gray_digits(seed, training=1000)
    return case(
        seed, lambda: Cooled(200.0 if faulty else 1.0), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=sgd(0.1, momentum=0.9), epochs=10,
    )  # fmt: skip


def margins_of_ten_classes(seed: int) -> Case:
    """Tell digits apart by margins between their outputs instead of likelihoods."""
    data = rows.gray_digits(seed, training=1000)
    return case(
        seed, lambda: layers(64, 48, 10), data.rows, data.test, loss=nn.MultiMarginLoss(), score=scores.top_class,
        optimizer=adam(3e-3), epochs=15,
    )  # fmt: skip


def of_counts(outputs: Tensor, targets: Tensor) -> float:
    """Return what the expected counts explain: the rate, times the share of rows that may count at all."""
    return scores.r2(outputs[:, :1].exp() * outputs[:, 1:].sigmoid(), targets)


def counts_of_which_many_must_be_zero(seed: int) -> Case:
    """Predict a rate and how likely there is anything to count, by the likelihood of both."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2000, 5, generator=generator)
    rate, share = (1.2 + 0.6 * torch.tanh(x[:, :1]) + 0.4 * x[:, 1:2]).exp(), (2 * x[:, 2:3]).sigmoid()
    y = torch.poisson(rate, generator=generator) * (torch.rand(2000, 1, generator=generator) < share)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        log_rate, logit = outputs[:, :1], outputs[:, 1:]
        some = targets * log_rate - log_rate.exp() - torch.lgamma(targets + 1) + functional.logsigmoid(logit)
        none = torch.logaddexp(functional.logsigmoid(-logit), functional.logsigmoid(logit) - log_rate.exp())
        return -torch.where(targets > 0, some, none).mean()

    data = halves(x, y, 1200)
    return case(
        seed, lambda: layers(5, 48, 2), data.rows, data.test, loss=loss, score=of_counts, optimizer=adam(3e-3),
        epochs=20, judged_by=of_counts,
    )  # fmt: skip


def concordance(outputs: Tensor, targets: Tensor) -> float:
    """Return how many pairs, of which it is known who came first, are in the right order; 0 for half of them."""
    time, seen, risk = targets[:, 0], targets[:, 1] > 0, outputs.flatten()
    known = (time[:, None] < time[None]) & seen[:, None]
    return 2 * float((risk[:, None] > risk[None])[known].float().mean()) - 1


def risks_of_those_who_remain(seed: int) -> Case:
    """Learn from times, some of which are only known to be later, by who of those that remained was next."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1800, 6, generator=generator)
    risk = x[:, 0] + x[:, 1] * x[:, 2] + 0.7 * x[:, 3].abs()
    time = -torch.rand(1800, generator=generator).clamp(min=1e-6).log() / risk.exp()
    until = 3 * torch.rand(1800, generator=generator)
    y = torch.stack([torch.minimum(time, until), (time <= until).float()], 1)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        order = targets[:, 0].argsort(descending=True)
        risks, seen = outputs.flatten()[order], targets[order, 1]
        return -((risks - risks.logcumsumexp(0)) * seen).sum() / seen.sum().clamp(min=1)

    data = halves(x, y, 1200)
    return case(
        seed, lambda: layers(6, 48, 1), data.rows, data.test, loss=loss, score=concordance, optimizer=adam(3e-3),
        epochs=20, batch_size=64, judged_by=concordance,
    )  # fmt: skip


def of_neighbors(outputs: Tensor, classes: Tensor) -> float:
    """Return the share of rows whose most similar other row is of their class."""
    directions = functional.normalize(outputs.reshape(len(outputs), -1), dim=1)
    likeness = (directions @ directions.T).fill_diagonal_(-2)
    return float((classes[likeness.argmax(1)] == classes).float().mean())


def directions_shared_by_a_class(seed: int) -> Case:
    """Learn directions that rows of a class share and others do not, by the likenesses within a batch."""
    data = rows.gray_digits(seed, training=1000)

    def loss(outputs: Tensor, classes: Tensor) -> Tensor:
        directions = functional.normalize(outputs, dim=1)
        likeness = (directions @ directions.T / 0.2).masked_fill(torch.eye(len(outputs)) > 0, -1e9)
        same = (classes[:, None] == classes[None]).float() - torch.eye(len(outputs))
        each = (likeness.log_softmax(1) * same).sum(1) / same.sum(1).clamp(min=1)
        return -each.mean()

    return case(
        seed, lambda: layers(64, 64, 16), data.rows, data.test, loss=loss, score=of_neighbors, optimizer=adam(3e-3),
        epochs=12, batch_size=64, judged_by=of_neighbors,
    )  # fmt: skip


class Waves(nn.Module):
    """Layers whose activation is a sine, drawn so that there are many turns at first."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(2, 48), nn.Linear(48, 48), nn.Linear(48, 1)
        nn.init.uniform_(self.first.weight, -0.5, 0.5)
        nn.init.uniform_(self.second.weight, -((6 / 48) ** 0.5) / 10, (6 / 48) ** 0.5 / 10)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.sin(10 * self.first(x))
        outputs: Tensor = self.head(torch.sin(10 * self.second(x)))
        return outputs


def a_surface_of_sines(seed: int) -> Case:
    """Learn a surface of several turns from places on it, by sines."""
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(2000, 2, generator=generator) - 1
    y = torch.sin(9 * x[:, :1]) * torch.cos(7 * x[:, 1:]) + 0.1 * torch.randn(2000, 1, generator=generator)
    data = halves(x, y, 1400)
    return case(
        seed, Waves, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(1e-3), epochs=20
    )  # fmt: skip


FAULTY = (
    Faulty(
        build=batches_added_up_and_thrown_away,
        causes=("learning_rate_too_low",),
        accepted=("stopped_too_early", "batch_size"),
        modality="image",
    ),
    Faulty(
        build=exponentials_that_must_reach_hundreds,
        causes=("wrong_output_activation",),
        accepted=("unscaled_targets", "exploding_gradients", "learning_rate_too_high"),
    ),
    Faulty(build=a_mask_drawn_once_and_for_all, causes=("underfitting",)),
    Faulty(build=validated_on_another_scale, causes=("unscaled_inputs",), in_the_data=True),
    Faulty(build=quantities_cut_to_whole_numbers, causes=("underfitting",), accepted=("not_learning",)),
    Faulty(
        build=a_divergence_of_plain_shares,
        causes=("wrong_output_activation",),
        accepted=("wrong_loss",),
    ),
    Faulty(
        build=a_state_that_begins_anywhere,
        causes=("poor_initialization",),
        accepted=("underfitting", "not_learning"),
        modality="sequence",
    ),
    Faulty(build=the_second_loss_as_a_mere_number, causes=("wrong_loss",), accepted=("frozen_parameters",)),
    Faulty(
        build=a_temperature_of_two_hundred,
        causes=("learning_rate_too_low",),
        accepted=("poor_initialization", "vanishing_gradients", "stopped_too_early"),
        modality="image",
    ),
)  # fmt: skip

HEALTHY = (
    Healthy(build=margins_of_ten_classes, modality="image"),
    Healthy(build=counts_of_which_many_must_be_zero),
    Healthy(build=risks_of_those_who_remain),
    Healthy(build=directions_shared_by_a_class, modality="image"),
    Healthy(build=a_surface_of_sines),
)
