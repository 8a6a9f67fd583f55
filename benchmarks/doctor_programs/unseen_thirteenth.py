"""Programs of a thirteenth writing, for a judgement at first sight: short classics, and losses that are seldom met."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from doctor_programs import rows, scores
from doctor_programs.networks import layers
from doctor_programs.program import Case, Faulty, Healthy, adam, case, sgd


def taken(x: Tensor, y: Tensor, count: int) -> rows.Parts:
    """Return the first rows to train on, and the others to test on."""
    return rows.Parts((x[:count], y[:count]), (x[count:], y[count:]))


def exclusive_or_from_its_four_rows(seed: int, *, faulty: bool) -> Case:
    """Learn the exclusive or from its four rows, in three hundred steps of a hundredth."""
    x = torch.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    y = torch.tensor([[0.0], [1.0], [1.0], [0.0]])
    near = x.repeat(60, 1) + 0.1 * torch.randn(240, 2, generator=torch.Generator().manual_seed(seed))
    truth = y.repeat(60, 1)
    return case(
        seed, lambda: layers(2, 16, 1, activation=nn.Tanh), (x, y), (near[40:], truth[40:]),
        loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=sgd(0.01 if faulty else 1.0), epochs=300,
        batch_size=4, validation=(near[:40], truth[:40]),
    )  # fmt: skip


def a_sine_that_is_never_below_zero(seed: int, *, faulty: bool) -> Case:
    """Fit a sine by a network that rectifies its last layer as it does all others."""
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(900, 1, generator=generator) - 1
    y = torch.sin(math.pi * x) + 0.05 * torch.randn(900, 1, generator=generator)
    data = taken(x, y, 400)
    output = nn.ReLU() if faulty else None
    return case(
        seed, lambda: layers(1, 32, 32, 1, output=output), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3), epochs=30,
    )  # fmt: skip


def products_of_two_numbers_up_to_a_hundred(seed: int, *, faulty: bool) -> Case:
    """Learn to multiply two numbers from 1 to 100, given as they are, by plain descent."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randint(1, 101, (1200, 2), generator=generator).float()
    data = taken(x, x[:, :1] * x[:, 1:], 700)
    data = data if faulty else rows.standardized_targets(rows.standardized(data))
    return case(
        seed, lambda: layers(2, 32, 16, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=sgd(0.05), epochs=30, batch_size=20,
    )  # fmt: skip


def a_sine_in_leaps_of_a_half(seed: int, *, faulty: bool) -> Case:
    """Fit two turns of a sine by tanh units under Adam, at a rate of one half."""
    generator = torch.Generator().manual_seed(seed)
    x = 4 * torch.rand(800, 1, generator=generator) - 2
    y = torch.sin(math.pi * x) + 0.1 * torch.randn(800, 1, generator=generator)
    data = taken(x, y, 400)
    return case(
        seed, lambda: layers(1, 24, 24, 1, activation=nn.Tanh), data.rows, data.test, loss=nn.MSELoss(),
        score=scores.r2, optimizer=adam(0.5 if faulty else 1e-2), epochs=40, batch_size=25,
    )  # fmt: skip


def of_shares(outputs: Tensor, classes: Tensor) -> float:
    """Return how much surer of the right class than by chance the outputs are, in shares of all that can be known."""
    return 1 - float(functional.cross_entropy(outputs, classes)) / math.log(outputs.shape[1])


def eight_clouds_between_minus_one_and_one(seed: int, *, faulty: bool) -> Case:
    """Put a tanh at the end of a network whose outputs cross-entropy takes for logits of eight classes."""
    data = rows.groups(seed, training=900, shares=(0.125,) * 8)
    output = nn.Tanh() if faulty else None
    return case(
        seed, lambda: layers(10, 32, 8, output=output), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=of_shares, optimizer=sgd(0.1), epochs=10,
    )  # fmt: skip


def every_error_against_every_row(seed: int, *, faulty: bool) -> Case:
    """Take the mean of a smooth absolute error by hand, between a column of outputs and targets without an axis."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1400, 5, generator=generator)
    y = x[:, 0] * x[:, 1] + torch.cos(2 * x[:, 2]) + 0.2 * torch.randn(1400, generator=generator)
    y = y - y[:800].mean()

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return ((1 + (outputs - targets).square()).sqrt() - 1).mean()

    data = taken(x, y if faulty else y[:, None], 800)
    return case(
        seed, lambda: layers(5, 64, 32, 1), data.rows, data.test, loss=loss, score=scores.r2, optimizer=adam(5e-3),
        epochs=25,
    )  # fmt: skip


def spots(seed: int) -> rows.Parts:
    """Return noisy pictures (rows, 1, 8, 8) of one or two spots that are bright, dark or one of each: four classes."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 4, (1300,), generator=generator)
    first, second = torch.tensor([1.0, -1.0, 1.0, -1.0])[kind], torch.tensor([0.0, 0.0, -1.0, -1.0])[kind]
    place = torch.arange(8.0)
    x = 0.3 * torch.randn(1300, 8, 8, generator=generator)
    for size, side in ((first, 0.0), (second, 4.0)):
        at = 1 + 5 * torch.rand(1300, 2, generator=generator) * torch.tensor([1.0, 0.4]) + torch.tensor([0.0, side])
        far = (place[:, None] - at[:, :1, None]).square() + (place - at[:, 1:, None]).square()
        x = x + 2 * size[:, None, None] * (-far).exp()
    return taken(x[:, None], kind, 700)


def sixteen_kernels_that_are_one(seed: int, *, faulty: bool) -> Case:
    """Begin each layer of a convolutional network with one number for all of its weights."""
    data = spots(seed)

    def model() -> nn.Module:
        made = nn.Sequential(
            nn.Conv2d(1, 16, 3), nn.ReLU(), nn.AdaptiveMaxPool2d(2), nn.Flatten(), nn.Linear(64, 32), nn.ReLU(),
            nn.Linear(32, 4),
        )  # fmt: skip
        if faulty:
            for parameter in made.parameters():
                nn.init.constant_(parameter, 0.05)
        return made

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class, optimizer=adam(5e-3),
        epochs=12,
    )  # fmt: skip


def a_line_lost_early_in_the_file(seed: int, *, faulty: bool) -> Case:
    """Read targets from a file in which one line is missing, so that all after it belong to the row before."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 6, generator=generator)
    y = torch.sin(1.5 * x[:, :1]) + x[:, 1:2] - 0.5 * x[:, 2:3].square()
    y = y + 0.2 * torch.randn(1500, 1, generator=generator)
    data = taken(x, y, 900)
    if faulty:
        read = torch.cat([data.rows[1][:200], data.rows[1][201:], data.rows[1][-1:]])
        data = rows.Parts((data.rows[0], read), data.test)
    return case(
        seed, lambda: layers(6, 32, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3), epochs=35,
    )  # fmt: skip


class Mixed(nn.Module):
    """Products of inputs with a matrix of two columns, and what a small network makes of them."""

    def __init__(self, *, learned: bool) -> None:
        super().__init__()
        mixing = torch.randn(8, 2) / 8**0.5
        if learned:
            self.mixing = nn.Parameter(mixing)
        else:
            self.mixing = mixing.requires_grad_()  # type: ignore[assignment]  # which is what is wrong
        self.rest = layers(2, 32, 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(x @ self.mixing)
        return outputs


def a_matrix_that_is_no_parameter(seed: int, *, faulty: bool) -> Case:
    """Keep a layer's matrix as a tensor that asks for gradients, which no optimizer is told of."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 8, generator=generator)
    first, second = x[:, :4].sum(1, keepdim=True) / 2, x[:, 4:].sum(1, keepdim=True) / 2
    y = torch.tanh(2 * first) + 0.5 * second.abs() + 0.2 * torch.randn(1500, 1, generator=generator)
    data = taken(x, y, 900)
    return case(
        seed, lambda: Mixed(learned=not faulty), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(1e-2), epochs=40,
    )  # fmt: skip


def a_dozen_softsign_layers(seed: int, *, faulty: bool) -> Case:
    """Tell two circles apart by twelve thin layers of softsigns under plain descent."""
    data = rows.circles(seed, training=500)
    hidden = (16,) * (12 if faulty else 1)
    return case(
        seed, lambda: layers(2, *hidden, 1, activation=nn.Softsign), data.rows, data.test,
        loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=sgd(0.3, momentum=0.9), epochs=25,
    )  # fmt: skip


def a_column_that_never_changes(seed: int, *, faulty: bool) -> Case:
    """Divide columns by their spread, of which one is nothing."""
    generator = torch.Generator().manual_seed(seed)
    x = 20 + 5 * torch.randn(1300, 6, generator=generator)
    y = ((x[:, 0] - 20) * (x[:, 1] - 20) / 5 + x[:, 2] - 20 > 0).float()[:, None]
    x[:, 4] = 3.0
    data = taken(x, y, 800)
    if faulty:
        mean, spread = data.rows[0].mean(0), data.rows[0].std(0)
        data = rows.Parts(
            ((data.rows[0] - mean) / spread, data.rows[1]), ((data.test[0] - mean) / spread, data.test[1])
        )
    else:
        data = rows.standardized(data)
    return case(
        seed, lambda: layers(6, 32, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


class Unit(nn.Module):
    """Hidden numbers of length one, along one axis or another, and a quantity by their direction."""

    def __init__(self, *, axis: int) -> None:
        super().__init__()
        self.body, self.head = layers(5, 32, 16), nn.Linear(16, 1)
        self.axis = axis

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(4 * functional.normalize(self.body(x), dim=self.axis))
        return outputs


def lengths_taken_over_the_batch(seed: int, *, faulty: bool) -> Case:
    """Divide hidden numbers by their length over all rows that happen to be asked about at once."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 5, generator=generator)
    y = torch.sin(x[:, :1] + x[:, 1:2]) + 0.5 * x[:, 2:3].abs() + 0.2 * torch.randn(1500, 1, generator=generator)
    data = taken(x, y, 900)
    return case(
        seed, lambda: Unit(axis=0 if faulty else 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3), epochs=35,
    )  # fmt: skip


def tides_in_the_order_of_their_minutes(seed: int, *, faulty: bool) -> Case:
    """Fit a tide over forty hours, in minutes as they come one after another."""
    generator = torch.Generator().manual_seed(seed)
    hour = 40 * torch.rand(1000, 1, generator=generator)
    y = torch.sin(2 * math.pi * hour / 24) + 0.4 * torch.sin(2 * math.pi * hour / 12)
    data = taken(60 * hour, y + 0.1 * torch.randn(1000, 1, generator=generator), 500)
    data = rows.ordered_by(data, data.rows[0]) if faulty else rows.standardized(data)
    return case(
        seed, lambda: layers(1, 48, 48, 1, activation=nn.Tanh), data.rows, data.test, loss=nn.MSELoss(),
        score=scores.r2, optimizer=adam(1e-2), epochs=60, batch_size=20, shuffle=not faulty,
    )  # fmt: skip


def three_high_quantiles_with_a_sign_lost(seed: int, *, faulty: bool) -> Case:
    """Ask for a middle and two high quantiles by a loss that pays for what it should charge."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2000, 4, generator=generator)
    middle, spread = torch.sin(1.5 * x[:, :1]) + 0.7 * x[:, 1:2], 0.2 + 0.4 * x[:, 2:3].sigmoid()
    y = middle + spread * torch.randn(2000, 1, generator=generator)
    shares = torch.tensor([0.5, 0.75, 0.95])
    truth = middle + spread * torch.tensor([0.0, 0.6745, 1.6449])

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        short = targets - outputs
        return torch.maximum(shares * short, (1 - shares if faulty else shares - 1) * short).mean()

    def right(outputs: Tensor, targets: Tensor) -> float:
        return scores.r2(outputs.expand_as(targets), targets)

    return case(
        seed, lambda: layers(4, 48, 3), (x[:1300], y[:1300]), (x[1300:], truth[1300:]), loss=loss, score=right,
        optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


def first_column(outputs: Tensor, targets: Tensor) -> float:
    """Return what the first output explains of the first target."""
    return scores.r2(outputs[:, :1], targets[:, :1])


def certainty_about_eighty_rows(seed: int, *, faulty: bool) -> Case:
    """Learn means and variances of eighty noisy rows by a normal likelihood, until the network is sure of each."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1000, 5, generator=generator)
    middle = 0.8 * x[:, :1] - 0.6 * x[:, 1:2] + 0.4 * x[:, 2:3]
    y = middle + 0.8 * torch.randn(1000, 1, generator=generator)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        middles, logarithms = outputs[:, :1], outputs[:, 1:]
        return 0.5 * (logarithms + (targets - middles).square() * (-logarithms).exp()).mean()

    if faulty:
        model, optimizer, epochs = (lambda: layers(5, 256, 256, 2)), adam(2e-3), 80
    else:
        model, optimizer, epochs = (lambda: layers(5, 8, 2)), adam(1e-2, weight_decay=3e-2), 25
    return case(
        seed, model, (x[:80], y[:80]), (x[200:], middle[200:]), loss=loss, score=first_column, optimizer=optimizer,
        epochs=epochs, batch_size=16, validation=(x[80:200], y[80:200]),
    )  # fmt: skip


def as_heard(outputs: Tensor, targets: Tensor) -> float:
    """Return the share of rows whose two symbols are both right, by the likeliest symbol of each step."""
    if outputs.ndim == 2:  # a mark on each symbol, as simple models say it
        return float((((outputs + 1) / 2).round() == targets).all(1).float().mean())
    right = 0
    for said, true in zip(outputs.argmax(2).tolist(), targets.tolist(), strict=True):
        kept = [each for place, each in enumerate(said) if each and (place == 0 or said[place - 1] != each)]
        right += kept == true
    return right / len(targets)


class Heard(nn.Module):
    """Four channels over time to five symbols, of which the first is silence, at each step."""

    def __init__(self, *, shares: bool) -> None:
        super().__init__()
        self.rest = nn.Sequential(nn.Conv1d(4, 24, 3, padding=1), nn.ReLU(), nn.Conv1d(24, 5, 3, padding=1))
        self.shares = shares

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(x).transpose(1, 2)
        return outputs.log_softmax(2) if self.shares else outputs


def two_symbols_from_numbers_that_are_no_logarithms(seed: int, *, faulty: bool) -> Case:
    """Hand plain outputs to the loss of connectionist temporal classification, which expects logarithms of shares."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(1, 5, (1300, 2), generator=generator)
    places = torch.rand(1300, 12, generator=generator).argsort(1)[:, :2].sort(1).values
    x = 0.3 * torch.randn(1300, 4, 12, generator=generator)
    for place in range(2):
        x[torch.arange(1300), y[:, place] - 1, places[:, place]] += 2

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        steps = torch.full((len(outputs),), 12)
        return functional.ctc_loss(
            outputs.transpose(0, 1), targets, steps, torch.full_like(steps, 2), zero_infinity=True
        )

    data = taken(x, y, 800)
    return case(
        seed, lambda: Heard(shares=not faulty), data.rows, data.test, loss=loss, score=as_heard,
        optimizer=adam(1e-2), epochs=15, judged_by=as_heard,
    )  # fmt: skip


def overlap(outputs: Tensor, marks: Tensor) -> float:
    """Return Dice's overlap, over all rows, of what is marked and what has an output above zero."""
    said = outputs.reshape(marks.shape) > 0
    return 2 * float((said * marks).sum() / (said.sum() + marks.sum()).clamp_min(1))


def an_overlap_of_plain_numbers(seed: int, *, faulty: bool) -> Case:
    """Mark three steps in thirty by Dice's overlap, taken of outputs that are no shares."""
    generator = torch.Generator().manual_seed(seed)
    start = torch.randint(0, 30, (1200, 1), generator=generator)
    marks = ((torch.arange(30)[None] - start) % 30 < 3).float()
    sign = 2 * torch.randint(0, 2, (1200, 1), generator=generator) - 1
    x = 2 * sign * marks + 0.4 * torch.randn(1200, 30, generator=generator)

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Conv1d(1, 12, 5, padding=2), nn.ReLU(), nn.Conv1d(12, 12, 3, padding=1), nn.ReLU(),
            nn.Conv1d(12, 1, 1), nn.Flatten(),
        )  # fmt: skip

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        said = outputs if faulty else outputs.sigmoid()
        return 1 - (2 * (said * targets).sum() + 1) / (said.sum() + targets.sum() + 1)

    data = taken(x[:, None], marks, 700)
    return case(
        seed, model, data.rows, data.test, loss=loss, score=overlap, optimizer=adam(5e-3), epochs=15,
        judged_by=overlap,
    )  # fmt: skip


def side_of_first(outputs: Tensor, targets: Tensor) -> float:
    """Return the share of rows whose first output is on the side of 0 that the first target is on."""
    return float(((outputs[:, 0] > 0) == (targets[:, 0] > 0)).float().mean())


def a_verdict_beside_an_amount_in_grams(seed: int, *, faulty: bool) -> Case:
    """Learn a verdict and a weight in grams from six shared units, the losses of both added as they come."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1700, 8, generator=generator)
    verdict = (x[:, 0] * x[:, 1] + x[:, 2] > 0).float() * 2 - 1
    grams = 4000 + 900 * (x[:, 4] - x[:, 5].abs() + x[:, 6]) + 300 * torch.randn(1700, generator=generator)
    grams = grams if faulty else (grams - 3300) / 1300
    data = taken(x, torch.stack([verdict, grams], 1), 1000)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        right = functional.softplus(-targets[:, 0] * outputs[:, 0]).mean()
        return right + (outputs[:, 1] - targets[:, 1]).square().mean()

    return case(
        seed, lambda: layers(8, 24, 6, 2), data.rows, data.test, loss=loss, score=side_of_first,
        optimizer=adam(5e-3), epochs=25, judged_by=side_of_first,
    )  # fmt: skip


def bent(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return the logarithm of the density of each target under a normal distribution that is bent by a sinh."""
    place, spread, lean, tail = outputs.unbind(1)
    spread, tail = functional.softplus(spread) + 0.02, functional.softplus(tail + 0.54) + 0.1
    scaled = (targets[:, 0] - place) / spread
    inner = tail * scaled.asinh() - lean
    stretched = tail.log() + inner.cosh().log() - 0.5 * (1 + scaled.square()).log() - spread.log()
    return stretched - 0.5 * inner.sinh().square() - 0.5 * math.log(2 * math.pi)


def gaps_whose_spread_leans_to_one_side(seed: int) -> Case:
    """Learn place, spread, lean and tail of a skewed quantity by its likelihood: a flow of one number."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2100, 4, generator=generator)
    lean = 0.8 * torch.tanh(x[:, 2:3])
    middle, noise = torch.sin(1.5 * x[:, :1]) + 0.5 * x[:, 1:2], torch.randn(2100, 1, generator=generator)
    y = middle + 0.4 * (noise.asinh() + lean).sinh()

    def gained(outputs: Tensor, targets: Tensor) -> float:
        whole = torch.distributions.Normal(targets.mean(), targets.std()).log_prob(targets).mean()
        if outputs.shape[1] == 1:  # a mean alone, as simple models say it; with the spread of what it leaves
            spread = (targets - outputs).std()
            return float(torch.distributions.Normal(outputs, spread).log_prob(targets).mean() - whole)
        return float(bent(outputs, targets).mean() - whole)

    data = taken(x, y, 1400)
    return case(
        seed, lambda: layers(4, 32, 32, 4, activation=nn.Tanh), data.rows, data.test,
        loss=lambda o, t: -bent(o, t).mean(), score=gained, optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


def engines_of_which_some_still_run(seed: int) -> Case:
    """Learn the logarithm of an engine's life by Weibull's likelihood; a fourth had not failed when it was counted."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1800, 5, generator=generator)
    known = 0.8 * x[:, :1] + torch.relu(x[:, 1:2]) - 0.4 * x[:, 2:3].square()
    life = known + 0.5 * (-torch.rand(1800, 1, generator=generator).clamp(1e-6, 1 - 1e-6).log()).log()
    seen = 0.6 + torch.randn(1800, 1, generator=generator)
    y = torch.cat([torch.minimum(life, seen), (life <= seen).float()], 1)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        place, sharpness = outputs[:, 0], outputs[:, 1]
        late = (targets[:, 0] - place) * sharpness.exp()
        return (late.exp() - targets[:, 1] * (late + sharpness)).mean()

    return case(
        seed, lambda: layers(5, 32, 2), (x[:1200], y[:1200]), (x[1200:], known[1200:]), loss=loss,
        score=first_column, optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


def years_survived_one_by_one(seed: int) -> Case:
    """Learn the risk of each of five years, among those who reached it: 1 died, -1 lived through, 0 not there."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1900, 6, generator=generator)
    risk = x[:, 0] + 0.8 * x[:, 1] * x[:, 2] - 0.5 * x[:, 3]
    dies = torch.rand(1900, 5, generator=generator) < (risk - 1.2).sigmoid()[:, None]
    before = dies.long().cumsum(1) - dies.long()  # deaths in the years before, of which one is enough
    y = torch.where(before > 0, 0.0, torch.where(dies, 1.0, -1.0))

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        there = targets.abs()
        return (there * functional.softplus(-targets * outputs)).sum() / there.sum()

    def in_order(outputs: Tensor, risks: Tensor) -> float:
        said = outputs.sum(1)
        agree = (said[:, None] - said[None]) * (risks[:, None] - risks[None])
        return float(agree.sign().mean())

    return case(
        seed, lambda: layers(6, 48, 5), (x[:1300], y[:1300]), (x[1300:], risk[1300:]), loss=loss, score=in_order,
        optimizer=adam(3e-3), epochs=20,
    )  # fmt: skip


def ordered(outputs: Tensor, targets: Tensor) -> float:
    """Return the share of pairs of a rare and a common row whose rare one is put higher (the area under the curve)."""
    apart = outputs[targets[:, 0] > 0.5] - outputs[targets[:, 0] < 0.5].T
    return float(((apart > 0).float() + 0.5 * (apart == 0)).mean())


def every_rare_row_above_every_other_of_its_batch(seed: int) -> Case:
    """Put rare rows above common ones, pair by pair within a batch; where outputs lie does not matter."""
    data = rows.customers(seed, training=1400, share=0.15, noise=0.5, width=8)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        rare, common = outputs[targets > 0.5], outputs[targets < 0.5]
        apart = functional.softplus(common[None] - rare[:, None])
        return apart.sum() / max(1, apart.numel())

    return case(
        seed, lambda: layers(8, 48, 1), data.rows, data.test, loss=loss, score=ordered, optimizer=adam(3e-3),
        epochs=20, batch_size=64, judged_by=ordered,
    )  # fmt: skip


def energy(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return how far guesses are from the target, less half of how far they are from each other."""
    far = (outputs - targets).abs().mean()
    apart = (outputs[:, :, None] - outputs[:, None, :]).abs().sum((1, 2))
    guesses = outputs.shape[1]
    return far - (apart / (2 * max(1, guesses * (guesses - 1)))).mean()


def eight_guesses_at_what_goes_either_way(seed: int) -> Case:
    """Make eight guesses at a number that may lie above or below, judged together by the energy score."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1900, 3, generator=generator)
    way = 2.0 * torch.randint(0, 2, (1900, 1), generator=generator) - 1
    y = torch.sin(x[:, :1]) + way * (0.5 + x[:, 1:2].sigmoid()) + 0.1 * torch.randn(1900, 1, generator=generator)

    def gained(outputs: Tensor, targets: Tensor) -> float:
        whole = energy(targets.T.expand(len(targets), -1), targets)
        return 1 - float(energy(outputs, targets) / whole)

    data = taken(x, y, 1300)
    return case(
        seed, lambda: layers(3, 48, 8), data.rows, data.test, loss=energy, score=gained, optimizer=adam(5e-3),
        epochs=25,
    )  # fmt: skip


class Blurred(nn.Module):
    """A variational autoencoder of curves: the curve, then the means and logarithms of variances of its code."""

    def __init__(self) -> None:
        super().__init__()
        self.there, self.back = layers(20, 64, 8), layers(4, 64, 20)

    def forward(self, x: Tensor) -> Tensor:
        mean, logarithm = self.there(x).chunk(2, 1)
        code = mean + torch.randn_like(mean) * (logarithm / 2).exp() if self.training else mean
        return torch.cat([self.back(code), mean, logarithm], 1)


def curves_cleaned_through_a_blurred_code(seed: int) -> Case:
    """Clean noisy curves by a variational autoencoder that weighs its code by a hundredth."""
    generator = torch.Generator().manual_seed(seed)
    size, start = 0.5 + torch.rand(1500, 1, generator=generator), 2 * math.pi * torch.rand(1500, 1, generator=generator)
    slope = torch.randn(1500, 1, generator=generator)
    at = torch.linspace(-1, 1, 20)
    clean = size * torch.sin(math.pi * at + start) + slope * at
    noisy = clean + 0.2 * torch.randn(1500, 20, generator=generator)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        curve, mean, logarithm = outputs.split([20, 4, 4], 1)
        surprise = 0.5 * (mean.square() + logarithm.exp() - logarithm - 1).sum(1).mean()
        return functional.mse_loss(curve, targets) + 0.01 * surprise

    def cleaned(outputs: Tensor, targets: Tensor) -> float:
        return scores.r2(outputs[:, :20], targets)

    data = taken(noisy, clean, 1000)
    return case(
        seed, Blurred, data.rows, data.test, loss=loss, score=cleaned, optimizer=adam(5e-3), epochs=30,
        judged_by=cleaned,
    )  # fmt: skip


class Swung(nn.Module):
    """A pendulum of which the force is learned: its angles at twelve moments, step by step from where it began."""

    def __init__(self) -> None:
        super().__init__()
        self.force = layers(2, 16, 1, activation=nn.Tanh)

    def forward(self, x: Tensor) -> Tensor:
        angle, speed = x[:, :1], x[:, 1:]
        came = []
        for _ in range(12):
            speed = speed + 0.2 * self.force(torch.cat([angle, speed], 1))
            angle = angle + 0.2 * speed
            came.append(angle)
        return torch.cat(came, 1)


def a_pendulum_step_by_step(seed: int) -> Case:
    """Learn what moves a pendulum from twelve of its angles, by taking the steps with it."""
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.randn(900, 2, generator=generator).clamp(-2, 2) * torch.tensor([0.6, 0.5])
    angle, speed = x[:, 0], x[:, 1]
    came = []
    for moment in range(240):
        speed = speed - 0.01 * (1.5 * angle.sin() + 0.2 * speed)
        angle = angle + 0.01 * speed
        if moment % 20 == 19:
            came.append(angle)
    y = torch.stack(came, 1)
    noisy = y + 0.1 * torch.randn(y.shape, generator=generator)
    return case(
        seed, Swung, (x[:500], noisy[:500]), (x[500:], y[500:]), loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(1e-2), epochs=25,
    )  # fmt: skip


def columns_thrice_and_a_fifth_of_the_labels_by_chance(seed: int) -> Case:
    """Tell four clouds apart by columns that are there three times, with softened labels of which some are wrong."""
    data = rows.groups(seed, training=1300)
    generator = torch.Generator().manual_seed(seed)
    wrong = torch.rand(1300, generator=generator) < 0.2
    marks = torch.where(wrong, torch.randint(0, 4, (1300,), generator=generator), data.rows[1])
    return case(
        seed, lambda: layers(30, 24, 4), (data.rows[0].repeat(1, 3), marks), (data.test[0].repeat(1, 3), data.test[1]),
        loss=nn.CrossEntropyLoss(label_smoothing=0.1), score=scores.top_class, optimizer=adam(2e-3, weight_decay=1e-3),
        epochs=12,
    )  # fmt: skip


class Nearer(nn.Module):
    """How near the second and the third of three points are to the first, once all are mapped alike."""

    def __init__(self) -> None:
        super().__init__()
        self.side = layers(6, 32, 6)

    def forward(self, x: Tensor) -> Tensor:
        first, second, third = (self.side(each) for each in x.chunk(3, 1))
        far = torch.stack([(first - second).square().sum(1), (first - third).square().sum(1)], 1)
        return -(far + 1e-6).sqrt()


def which_of_two_is_of_the_same_kind(seed: int) -> Case:
    """Bring the one of two points that is of the first one's kind nearer than the other, by a margin (triplets)."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 3, (1700,), generator=generator)
    other = (kind + torch.randint(1, 3, (1700,), generator=generator)) % 3
    same = torch.randint(0, 2, (1700,), generator=generator)
    kinds = [kind, torch.where(same == 0, kind, other), torch.where(same == 1, kind, other)]
    parts = []
    for each in kinds:
        point = torch.randn(1700, 6, generator=generator)
        point[:, :3] += 2.5 * functional.one_hot(each, 3)
        point[:, 3:] *= 2
        parts.append(point)
    data = taken(torch.cat(parts, 1), same, 1100)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        near, far = (outputs.gather(1, each[:, None]) for each in (targets, 1 - targets))
        return (1 + far - near).clamp_min(0).mean()

    return case(
        seed, Nearer, data.rows, data.test, loss=loss, score=scores.top_class, optimizer=adam(3e-3), epochs=15
    )  # fmt: skip


class Exposed(nn.Module):
    """The logarithm of a rate, and that of how long it was looked at, which is the last column."""

    def __init__(self) -> None:
        super().__init__()
        self.rate = layers(4, 32, 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rate(x[:, :4]) + x[:, 4:]
        return outputs


def accidents_on_roads_that_were_watched_for_longer(seed: int) -> Case:
    """Expect counts from a rate that is learned and a time that is known, by Poisson's likelihood."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2000, 4, generator=generator)
    watched = 1.5 * torch.rand(2000, 1, generator=generator) - 1
    mean = (0.6 * torch.sin(2 * x[:, :1]) + 0.4 * x[:, 1:2] + watched).exp()
    y = torch.poisson(mean, generator=generator)
    x = torch.cat([x, watched], 1)
    return case(
        seed, Exposed, (x[:1400], y[:1400]), (x[1400:], mean[1400:]), loss=nn.PoissonNLLLoss(),
        score=lambda o, t: scores.r2(o.exp(), t), optimizer=adam(3e-3), epochs=30,
    )  # fmt: skip


FAULTY = (
    Faulty(
        build=exclusive_or_from_its_four_rows,
        causes=("learning_rate_too_low",),
        accepted=("stopped_too_early", "not_learning"),
    ),
    Faulty(
        build=a_sine_that_is_never_below_zero,
        causes=("wrong_output_activation",),
        accepted=("dead_units",),
        by_construction=True,
    ),
    Faulty(
        build=products_of_two_numbers_up_to_a_hundred,
        causes=("unscaled_targets", "unscaled_inputs"),
        accepted=(
            "exploding_gradients", "non_finite_values", "learning_rate_too_high", "unstable_loss", "dead_units",
        ),
    ),
    Faulty(
        build=a_sine_in_leaps_of_a_half,
        causes=("learning_rate_too_high",),
        accepted=("unstable_loss", "saturated_units"),
    ),
    Faulty(
        build=eight_clouds_between_minus_one_and_one,
        causes=("wrong_output_activation",),
        accepted=("wrong_loss", "saturated_units"),
        by_construction=True,
    ),
    Faulty(
        build=every_error_against_every_row,
        causes=("wrong_loss",),
        accepted=("not_learning", "misaligned_labels"),
        by_construction=True,
    ),
    Faulty(
        build=sixteen_kernels_that_are_one, causes=("poor_initialization",), accepted=("dead_units",), modality="image"
    ),
    Faulty(
        build=a_line_lost_early_in_the_file,
        causes=("misaligned_labels",),
        accepted=("label_noise",),
        in_the_data=True,
    ),
    Faulty(build=a_matrix_that_is_no_parameter, causes=("frozen_parameters",), accepted=("underfitting",)),
    Faulty(
        build=a_dozen_softsign_layers,
        causes=("vanishing_gradients",),
        accepted=("poor_initialization", "not_learning"),
    ),
    Faulty(
        build=a_column_that_never_changes,
        causes=("non_finite_values",),
        accepted=("unscaled_inputs",),
        by_construction=True,
    ),
    Faulty(
        build=lengths_taken_over_the_batch,
        causes=("not_learning",),
        accepted=("underfitting", "batch_size"),
        by_construction=True,
    ),
    Faulty(
        build=tides_in_the_order_of_their_minutes,
        causes=("unshuffled_data", "unscaled_inputs"),
        accepted=("saturated_units",),
    ),
    Faulty(
        build=three_high_quantiles_with_a_sign_lost,
        causes=("wrong_loss",),
        accepted=("unstable_loss", "not_learning"),
    ),
    Faulty(build=certainty_about_eighty_rows, causes=("overfitting",), accepted=("too_few_rows",)),
    Faulty(
        build=two_symbols_from_numbers_that_are_no_logarithms,
        causes=("wrong_output_activation",),
        accepted=("wrong_loss",),
        modality="sequence",
        by_construction=True,
    ),
    Faulty(
        build=an_overlap_of_plain_numbers,
        causes=("wrong_output_activation",),
        accepted=("wrong_loss", "unstable_loss"),
        modality="sequence",
        by_construction=True,
    ),
    Faulty(build=a_verdict_beside_an_amount_in_grams, causes=("unscaled_targets",), accepted=("wrong_loss",)),
)  # fmt: skip

HEALTHY = (
    Healthy(build=gaps_whose_spread_leans_to_one_side),
    Healthy(build=engines_of_which_some_still_run),
    Healthy(build=years_survived_one_by_one),
    Healthy(build=every_rare_row_above_every_other_of_its_batch),
    Healthy(build=eight_guesses_at_what_goes_either_way),
    Healthy(build=curves_cleaned_through_a_blurred_code, modality="sequence"),
    Healthy(build=a_pendulum_step_by_step, modality="sequence"),
    Healthy(build=columns_thrice_and_a_fifth_of_the_labels_by_chance),
    Healthy(build=which_of_two_is_of_the_same_kind),
    Healthy(build=accidents_on_roads_that_were_watched_for_longer),
)
