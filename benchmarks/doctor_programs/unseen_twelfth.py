"""Programs of a twelfth writing: what people ask most often, by somebody who had not read the doctor."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from doctor_programs import rows, scores
from doctor_programs.networks import Recurrent, layers, with_weights
from doctor_programs.program import Case, Faulty, Healthy, adam, case, sgd


def taken(x: Tensor, y: Tensor, count: int) -> rows.Parts:
    """Return the first rows to train on, and the others to test on."""
    return rows.Parts((x[:count], y[:count]), (x[count:], y[count:]))


def spiral(seed: int) -> rows.Parts:
    """Return points on two arms that turn once around the middle, and on which of them each lies."""
    generator = torch.Generator().manual_seed(seed)
    arm = torch.randint(0, 2, (1400,), generator=generator)
    along = torch.rand(1400, generator=generator).sqrt()
    turn = math.pi * (1.8 * along + arm)
    x = 1.8 * along[:, None] * torch.stack([turn.cos(), turn.sin()], 1)
    return taken(x + 0.08 * torch.randn(1400, 2, generator=generator), arm, 900)


def two_arms_in_steps_of_a_millionth(seed: int, *, faulty: bool) -> Case:
    """Tell two arms of a spiral apart under RMSprop, at a rate with too many zeros."""
    data = spiral(seed)
    rate = 2e-6 if faulty else 3e-3
    return case(
        seed, lambda: layers(2, 32, 32, 2), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=lambda parameters: torch.optim.RMSprop(parameters, lr=rate), epochs=30,
    )  # fmt: skip


def bars(seed: int, *, side: int = 9, noise: float = 0.5) -> rows.Parts:
    """Return noisy pictures (rows, 1, side, side) of a bar that lies, stands, falls or rises; which is the class."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 4, (1400,), generator=generator)
    shift = 2 * torch.rand(1400, 2, generator=generator) - 1
    place = torch.linspace(-2, 2, side)
    down, right = place[None, :, None] - shift[:, :1, None], place[None, None, :] - shift[:, 1:, None]
    angle = (kind * math.pi / 4)[:, None, None]
    across, along = down * angle.cos() - right * angle.sin(), down * angle.sin() + right * angle.cos()
    bar = 2.0 * ((across.abs() < 0.35) & (along.abs() < 1.5)).float()
    return taken((bar + noise * torch.randn(bar.shape, generator=generator))[:, None], kind, 800)


def bars_at_a_rate_of_two(seed: int, *, faulty: bool) -> Case:
    """Take steps of two where a fiftieth would do, with Nesterov's momentum."""
    data = bars(seed)

    def model() -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 12, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(108, 4))

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=sgd(2.0 if faulty else 0.02, momentum=0.9, nesterov=True), epochs=15, batch_size=40,
    )  # fmt: skip


def rain_from_pressures_in_pascals(seed: int, *, faulty: bool) -> Case:
    """Foresee rain from a pressure around a hundred thousand, a humidity below one, and two more."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(1900, 4, generator=generator)
    rain = z[:, :1] * -1.3 + z[:, 1:2] + 0.8 * z[:, 2:3] * z[:, 3:] + 0.4 * torch.randn(1900, 1, generator=generator)
    x = z * torch.tensor([900.0, 0.1, 6.0, 1.5]) + torch.tensor([101325.0, 0.7, 284.0, 5.0])
    data = taken(x, (rain > 0).float(), 1200)
    data = data if faulty else rows.standardized(data)
    return case(
        seed, lambda: layers(4, 32, 16, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(3e-3), epochs=20,
    )  # fmt: skip


def fields_in_square_meters(seed: int, *, faulty: bool) -> Case:
    """Measure how large a field in a picture is, in square meters."""
    generator = torch.Generator().manual_seed(seed)
    half = 0.3 + 0.6 * torch.rand(1300, 2, generator=generator)
    shift = 0.4 * torch.rand(1300, 2, generator=generator) - 0.2
    place = torch.linspace(-1, 1, 10)
    down = (8 * (half[:, :1] - (place - shift[:, :1]).abs())).sigmoid()
    right = (8 * (half[:, 1:] - (place - shift[:, 1:]).abs())).sigmoid()
    x = down[:, :, None] * right[:, None, :] + 0.1 * torch.randn(1300, 10, 10, generator=generator)
    data = taken(x[:, None] - 0.4, 40000 * half.prod(1, keepdim=True), 700)
    data = data if faulty else rows.standardized_targets(data)

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), nn.Linear(200, 32), nn.ReLU(),
            nn.Linear(32, 1),
        )  # fmt: skip

    return case(seed, model, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(1e-3), epochs=12)


def returned_parcels_by_a_share_of_a_share(seed: int, *, faulty: bool) -> Case:
    """Put a sigmoid before a loss that has its own, and take steps of a hundred-thousandth."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2000, 7, generator=generator)
    likely = x[:, :1] - x[:, 1:2].abs() + torch.tanh(2 * x[:, 2:3]) * x[:, 3:4] - 0.5
    y = (likely + 0.4 * torch.randn(2000, 1, generator=generator) > 0).float()
    data = taken(x, y, 1300)
    output = nn.Sigmoid() if faulty else None
    return case(
        seed, lambda: layers(7, 32, 32, 1, output=output), data.rows, data.test, loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=adam(1e-5 if faulty else 3e-3), epochs=15,
    )  # fmt: skip


def rides_against_all_rides_of_a_batch(seed: int, *, faulty: bool) -> Case:
    """Compare a column of answers with a row of targets, from years and meters as they are."""
    generator = torch.Generator().manual_seed(seed)
    z = torch.randn(1600, 5, generator=generator)
    y = torch.sin(1.5 * z[:, 0]) + 0.7 * z[:, 1] - 0.5 * z[:, 2].abs() + 0.2 * torch.randn(1600, generator=generator)
    x = z * torch.tensor([4.0, 700.0, 6.0, 90.0, 3.0]) + torch.tensor([2008.0, 2500.0, 12.0, 400.0, 15.0])
    y = y - y[:1000].mean()
    data = taken(x, y if faulty else y[:, None], 1000)
    data = data if faulty else rows.standardized(data)
    return case(
        seed, lambda: layers(5, 48, 24, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(3e-3), epochs=25,
    )  # fmt: skip


def kernels_of_spread_one(seed: int, *, faulty: bool) -> Case:
    """Draw all kernels and weights from a normal distribution as it comes, for three convolutions of digits."""
    data = rows.pictures(rows.gray_digits(seed, training=800))

    def model() -> nn.Module:
        made = nn.Sequential(
            nn.Conv2d(1, 12, 3, padding=1), nn.ReLU(), nn.Conv2d(12, 12, 3, stride=2, padding=1), nn.ReLU(),
            nn.Conv2d(12, 16, 3, stride=2, padding=1), nn.ReLU(), nn.Flatten(), nn.Linear(64, 10),
        )  # fmt: skip
        return with_weights(made, weight=nn.init.normal_ if faulty else nn.init.kaiming_normal_, bias=nn.init.zeros_)

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=sgd(0.02, momentum=0.9), epochs=12,
    )  # fmt: skip


def wines_by_units_shifted_down_by_nine(seed: int, *, faulty: bool) -> Case:
    """Begin the biases of rectified layers at minus nine, which no wine reaches."""
    data = rows.standardized(rows.wines(seed))

    def model() -> nn.Module:
        made = layers(13, 24, 24, 3)
        if faulty:
            for layer in (made[0], made[2]):
                nn.init.constant_(layer.bias, -9.0)
        return made

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=sgd(0.05, momentum=0.9), epochs=80, batch_size=16,
    )  # fmt: skip


class Symbols(nn.Module):
    """Symbols one after another, through their vectors and a plain recurrence."""

    def __init__(self, *, pooled: bool) -> None:
        super().__init__()
        self.vectors, self.rest = nn.Embedding(12, 8), Recurrent(nn.RNN, 8, 24, 3, pooled=pooled)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(self.vectors(x))
        return outputs


def one_of_three_symbols_long_ago(seed: int, *, faulty: bool) -> Case:
    """Remember which of three symbols was among the first of forty-five, by a plain recurrence's last state."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 3, (1300,), generator=generator)
    x = torch.randint(3, 12, (1300, 45), generator=generator)
    each = torch.arange(1300)
    for _ in range(3):
        x[each, torch.randint(0, 6, (1300,), generator=generator)] = kind
    data = taken(x, kind, 800)
    return case(
        seed, lambda: Symbols(pooled=not faulty), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=adam(1e-2), epochs=16,
    )  # fmt: skip


def pulses(seed: int, count: int, *, noise: float = 0.6) -> tuple[Tensor, Tensor]:
    """Return rows of 40 steps with a pulse somewhere: (rows, 1, steps); which of four shapes it has is the class."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 4, (count,), generator=generator)
    at = torch.arange(40.0)[None] - 8 - 24 * torch.rand(count, 1, generator=generator)
    bell = (-at.square() / 8).exp()
    shapes = torch.stack([2 * bell, -2 * bell, 1.6 * at * bell, 2.5 * bell * torch.cos(2 * at)], 1)
    x = shapes[torch.arange(count), kind] + noise * torch.randn(count, 40, generator=generator)
    return x[:, None], kind


def listener() -> nn.Module:
    """Return a convolutional network for pulses."""
    return nn.Sequential(
        nn.Conv1d(1, 16, 7, padding=3), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(16, 16, 5, padding=2), nn.ReLU(),
        nn.AdaptiveMaxPool1d(1), nn.Flatten(), nn.Linear(16, 4),
    )  # fmt: skip


def pulses_under_a_decay_of_one(seed: int, *, faulty: bool) -> Case:
    """Ask Adam for a decay of one, as another rule would have it."""
    data = taken(*pulses(seed, 1400), 800)
    return case(
        seed, listener, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=adam(5e-3, weight_decay=1.0 if faulty else 1e-4), epochs=12,
    )  # fmt: skip


class Bodied(nn.Module):
    """A body of few units and a head, between which the data of a tensor may be taken, and not the tensor."""

    def __init__(self, *, data_alone: bool) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(8, 12), nn.ReLU(), nn.Linear(12, 12), nn.ReLU())
        self.head = nn.Linear(12, 1)
        self.data_alone = data_alone

    def forward(self, x: Tensor) -> Tensor:
        inner = self.body(x)
        outputs: Tensor = self.head(inner.data if self.data_alone else inner)
        return outputs


def wages_by_a_head_that_learns_alone(seed: int, *, faulty: bool) -> Case:
    """Hand a tensor's data from the body to the head, and predict wages of some ten thousands."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1700, 8, generator=generator)
    curved = x[:, :1] * x[:, 1:2] + torch.relu(2 * x[:, 2:3]) + (x[:, 3:4] - x[:, 4:5]).abs()
    data = taken(x, 32000 + 9000 * (curved + 0.3 * torch.randn(1700, 1, generator=generator)), 1100)
    data = data if faulty else rows.standardized_targets(data)
    return case(
        seed, lambda: Bodied(data_alone=faulty), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3), epochs=35,
    )  # fmt: skip


def a_balance_after_two_looks(seed: int, *, faulty: bool) -> Case:
    """Learn for two epochs what a row of payments leaves, where some count twice, by an LSTM."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1300, 14, 2, generator=generator)
    y = (x[..., :1] * (1 + (x[..., 1:] > 0))).mean(1) * 2
    data = taken(x, y, 700)
    return case(
        seed, lambda: Recurrent(nn.LSTM, 2, 24, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(3e-3), epochs=2 if faulty else 40,
        batch_size=64,
    )  # fmt: skip


def pulses_shape_after_shape(seed: int, *, faulty: bool) -> Case:
    """Read the recordings of one shape after those of another, always in this order."""
    data = taken(*pulses(seed + 50, 1300, noise=0.4), 700)
    data = rows.ordered_by(data, data.rows[1])
    return case(
        seed, listener, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=sgd(0.05, momentum=0.9), epochs=15, batch_size=20, shuffle=not faulty,
    )  # fmt: skip


def a_hundred_patients_and_a_quarter_million_weights(seed: int, *, faulty: bool) -> Case:
    """Learn a hundred noisy answers by heart with two layers of five hundred units."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1800, 12, generator=generator)
    y = x[:, :3].sum(1, keepdim=True) / math.sqrt(3) + 0.9 * torch.randn(1800, 1, generator=generator)
    test = (x[300:], x[300:, :3].sum(1, keepdim=True) / math.sqrt(3))
    model = (lambda: layers(12, 500, 500, 1)) if faulty else (lambda: layers(12, 1))
    return case(
        seed, model, (x[:100], y[:100]), test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(2e-3) if faulty else adam(5e-3, weight_decay=1e-2), epochs=60, batch_size=10,
        validation=(x[100:300], y[100:300]),
    )  # fmt: skip


def two_kinds_in_a_hundred_that_nobody_names(seed: int, *, faulty: bool) -> Case:
    """Tell four kinds of seeds apart, of which two are one in fifty each and count no more than that."""
    data = rows.groups(seed, training=1200, shares=(0.6, 0.36, 0.02, 0.02), spread=2.0)
    weight = None if faulty else torch.tensor([0.42, 0.69, 12.5, 12.5])
    return case(
        seed, lambda: layers(10, 24, 4), data.rows, data.test, loss=nn.CrossEntropyLoss(weight=weight),
        score=scores.balanced_top_class, optimizer=adam(2e-3), epochs=12, judged_by=scores.balanced_top_class,
    )  # fmt: skip


def logarithms_of_clicks_that_never_came(seed: int, *, faulty: bool) -> Case:
    """Take the logarithm of counts, some of which are zero."""
    generator = torch.Generator().manual_seed(seed)
    level = torch.randn(1700, 6, generator=generator)
    x = torch.poisson((1.5 + level).exp(), generator=generator)
    y = level[:, 0] + level[:, 1] - level[:, 2] + 0.5 * level[:, 3] * level[:, 4] > 0
    x = x.log() if faulty else (1 + x).log() - 1.6
    data = taken(x, y.long(), 1000)
    return case(
        seed, lambda: layers(6, 32, 2), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=adam(5e-3), epochs=15,
    )  # fmt: skip


def four_straight_layers_and_one_step_an_epoch(seed: int, *, faulty: bool) -> Case:
    """Say whether two numbers have the same sign, by linear layers alone, with all rows in each batch."""
    generator = torch.Generator().manual_seed(seed)
    x = 2 * torch.rand(4600, 4, generator=generator) - 1
    data = taken(x, (x[:, :1] * x[:, 1:2] > 0).float(), 4000)
    activation = None if faulty else nn.ReLU
    return case(
        seed, lambda: layers(4, 32, 32, 32, 1, activation=activation), data.rows, data.test,
        loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=sgd(0.05, momentum=0.9), epochs=30,
        batch_size=4000 if faulty else 64,
    )  # fmt: skip


def labels_of_which_four_in_five_were_clicked_blindly(seed: int, *, faulty: bool) -> Case:
    """Train on marks of pictures that were mostly given without a look."""
    data = bars(seed + 70, side=8, noise=0.7)
    if faulty:
        generator = torch.Generator().manual_seed(seed)
        blind = torch.rand(800, generator=generator) < 0.8
        marks = torch.where(blind, torch.randint(0, 4, (800,), generator=generator), data.rows[1])
        data = rows.Parts((data.rows[0], marks), data.test)

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(576, 32), nn.ReLU(), nn.Linear(32, 4)
        )

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class, optimizer=adam(2e-3),
        epochs=10,
    )  # fmt: skip


def twenty_four_beetles(seed: int) -> Case:
    """Tell two kinds of beetles apart by three lengths, after twenty-four of them."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.arange(624) % 2
    x = torch.randn(624, 3, generator=generator) + 1.2 * (2 * kind[:, None] - 1) * torch.tensor([1.0, -0.8, 0.6])
    data = taken(x, kind, 24)
    return case(
        seed, lambda: layers(3, 6, 2, activation=nn.Tanh), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=adam(2e-2, weight_decay=1e-2), epochs=80, batch_size=4,
    )  # fmt: skip


def harvests_that_hang_on_the_weather(seed: int) -> Case:
    """Predict harvests of which four fifths are chance."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(3000, 6, generator=generator)
    middle = 0.6 * x[:, :1] + 0.4 * x[:, 1:2] - 0.3 * x[:, 2:3].abs() + 0.24
    y = middle + 1.5 * torch.randn(3000, 1, generator=generator)
    return case(
        seed, lambda: layers(6, 16, 1), (x[:2000], y[:2000]), (x[2000:], middle[2000:]), loss=nn.MSELoss(),
        score=scores.r2, optimizer=adam(2e-3, weight_decay=1e-3), epochs=12,
    )  # fmt: skip


def one_scratch_in_fourteen_plates(seed: int) -> Case:
    """Find the plates with a scratch, which are few and can be seen well."""
    generator = torch.Generator().manual_seed(seed)
    scratched = torch.rand(2200, generator=generator) < 1 / 14
    x = 0.5 * torch.randn(2200, 9, 9, generator=generator)
    line = torch.randint(0, 9, (2200,), generator=generator)
    x[torch.arange(2200), line, 2:7] += 1.8 * scratched[:, None]
    data = taken(x[:, None], scratched.float()[:, None], 1400)

    def model() -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 8, (1, 5)), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten(), nn.Linear(8, 1))

    return case(
        seed, model, data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=adam(1e-2),
        epochs=12,
    )  # fmt: skip


def spectra_through_sixteen_numbers(seed: int) -> Case:
    """Make spectra of three lines each again from sixteen numbers."""
    generator = torch.Generator().manual_seed(seed)
    at = 40 * torch.rand(1900, 3, 1, generator=generator) + 4
    height = 0.5 + torch.rand(1900, 3, 1, generator=generator)
    x = (height * (-(torch.arange(48.0) - at).square() / 18).exp()).sum(1) - 0.4
    x = x + 0.05 * torch.randn(1900, 48, generator=generator)
    first, rest = x[:1200], x[1200:]
    return case(
        seed, lambda: layers(48, 64, 16, 64, 48), (first, first), (rest, rest), loss=nn.MSELoss(),
        score=scores.r2, optimizer=adam(3e-3), epochs=50,
    )  # fmt: skip


def three_weaves_in_two_colors(seed: int) -> Case:
    """Tell three weaves apart by a small convolutional network with batch normalization."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 3, (1400,), generator=generator)
    place, start = torch.arange(8.0), 2 * math.pi * torch.rand(1400, 2, 1, 1, generator=generator)
    down, right = 1.6 * place[:, None] + start[:, 0], 1.6 * place[None] + start[:, 1]
    weaves = torch.stack([down.sin() * right.sin(), (down + right).sin() * 0.7, (down - right).sin() * 0.7], 1)
    one = weaves[torch.arange(1400), kind]
    x = torch.stack([one, -one], 1) + 0.8 * torch.randn(1400, 2, 8, 8, generator=generator)
    data = taken(x, kind, 800)

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(2, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(12, 16, 3),
            nn.BatchNorm2d(16), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(16, 3),
        )  # fmt: skip

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=5e-3), epochs=12,
    )  # fmt: skip


def whether_it_rose_before_it_fell(seed: int) -> Case:
    """Say whether a rise came before a fall in twelve steps, by a gated recurrence."""
    generator = torch.Generator().manual_seed(seed)
    places = torch.rand(1300, 12, generator=generator).argsort(1)[:, :2]
    x = 0.3 * torch.randn(1300, 12, generator=generator)
    each = torch.arange(1300)
    x[each, places[:, 0]] += 2
    x[each, places[:, 1]] -= 2
    data = taken(x[..., None], (places[:, :1] < places[:, 1:]).float(), 800)
    return case(
        seed, lambda: Recurrent(nn.GRU, 1, 20, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=adam(1e-2), epochs=15,
    )  # fmt: skip


class Quiet(nn.Module):
    """Twelve blocks of which each adds a quarter of what it makes."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(5, 24), nn.Linear(24, 1)
        self.blocks = nn.ModuleList(nn.Linear(24, 24) for _ in range(12))

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        for block in self.blocks:
            x = x + 0.25 * functional.gelu(block(x))
        outputs: Tensor = self.head(x)
        return outputs


def twelve_blocks_that_add_a_quarter(seed: int) -> Case:
    """Predict a current from five settings by a deep network that lets its inputs pass."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 5, generator=generator)
    middle = torch.sin(x[:, :1] + x[:, 1:2]) + 0.5 * x[:, 2:3] * torch.tanh(x[:, 3:4])
    y = middle + 0.2 * torch.randn(1500, 1, generator=generator)
    return case(
        seed, Quiet, (x[:900], y[:900]), (x[900:], middle[900:]), loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(1e-3), epochs=15,
    )  # fmt: skip


def rings_in_steps_of_a_half(seed: int) -> Case:
    """Tell three rings apart under plain descent at a rate of one half."""
    generator = torch.Generator().manual_seed(seed)
    kind = torch.randint(0, 3, (1500,), generator=generator)
    turn = 2 * math.pi * torch.rand(1500, generator=generator)
    far = 0.4 + 0.7 * kind + 0.13 * torch.randn(1500, generator=generator)
    data = taken(far[:, None] * torch.stack([turn.cos(), turn.sin()], 1), kind, 900)
    return case(
        seed, lambda: layers(2, 32, 16, 3, activation=nn.Tanh), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=sgd(0.5), epochs=30, batch_size=64,
    )  # fmt: skip


FAULTY = (
    Faulty(build=two_arms_in_steps_of_a_millionth, causes=("learning_rate_too_low",), accepted=("stopped_too_early",)),
    Faulty(
        build=bars_at_a_rate_of_two,
        causes=("learning_rate_too_high",),
        accepted=("unstable_loss", "dead_units", "exploding_gradients", "non_finite_values"),
        modality="image",
    ),
    Faulty(build=rain_from_pressures_in_pascals, causes=("unscaled_inputs",)),
    Faulty(build=fields_in_square_meters, causes=("unscaled_targets",), modality="image"),
    Faulty(
        build=returned_parcels_by_a_share_of_a_share,
        causes=("wrong_output_activation", "learning_rate_too_low"),
        accepted=("wrong_loss", "stopped_too_early"),
        by_construction=True,
    ),
    Faulty(build=rides_against_all_rides_of_a_batch, causes=("wrong_loss", "unscaled_inputs"), by_construction=True),
    Faulty(
        build=kernels_of_spread_one,
        causes=("poor_initialization",),
        accepted=("dead_units", "exploding_gradients", "unstable_loss", "non_finite_values"),
        modality="image",
    ),
    Faulty(build=wines_by_units_shifted_down_by_nine, causes=("dead_units",), accepted=("poor_initialization",)),
    Faulty(build=one_of_three_symbols_long_ago, causes=("vanishing_gradients",), modality="sequence"),
    Faulty(
        build=pulses_under_a_decay_of_one,
        causes=("underfitting",),
        accepted=("not_learning",),
        modality="sequence",
    ),
    Faulty(build=wages_by_a_head_that_learns_alone, causes=("frozen_parameters", "unscaled_targets")),
    Faulty(
        build=a_balance_after_two_looks,
        causes=("stopped_too_early",),
        accepted=("learning_rate_too_low",),
        modality="sequence",
    ),
    Faulty(build=pulses_shape_after_shape, causes=("unshuffled_data",), modality="sequence"),
    Faulty(build=a_hundred_patients_and_a_quarter_million_weights, causes=("overfitting",), accepted=("too_few_rows",)),
    Faulty(
        build=two_kinds_in_a_hundred_that_nobody_names, causes=("class_imbalance",), accepted=("misleading_metric",)
    ),
    Faulty(build=logarithms_of_clicks_that_never_came, causes=("non_finite_values",), by_construction=True),
    Faulty(
        build=four_straight_layers_and_one_step_an_epoch,
        causes=("missing_activation", "batch_size"),
        accepted=("stopped_too_early", "learning_rate_too_low"),
    ),
    Faulty(
        build=labels_of_which_four_in_five_were_clicked_blindly,
        causes=("label_noise",),
        accepted=("overfitting",),
        modality="image",
        in_the_data=True,
    ),
)  # fmt: skip

HEALTHY = (
    Healthy(build=twenty_four_beetles),
    Healthy(build=harvests_that_hang_on_the_weather),
    Healthy(build=one_scratch_in_fourteen_plates, modality="image"),
    Healthy(build=spectra_through_sixteen_numbers, modality="sequence"),
    Healthy(build=three_weaves_in_two_colors, modality="image"),
    Healthy(build=whether_it_rose_before_it_fell, modality="sequence"),
    Healthy(build=twelve_blocks_that_add_a_quarter),
    Healthy(build=rings_in_steps_of_a_half),
)
