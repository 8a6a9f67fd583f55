"""Programs on pictures and sequences that nobody had seen, written before anything was changed for them."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from doctor_programs import rows, scores
from doctor_programs.networks import layers
from doctor_programs.program import Case, Faulty, Healthy, Rows, adam, case


def above_what_came_before(seed: int, steps: int) -> tuple[Rows, Rows]:
    """Return noise, and for each of its steps whether it is above the step before."""
    x = torch.randn(900, steps, 1, generator=torch.Generator().manual_seed(seed))
    before = torch.cat([torch.zeros(900, 1), x[:, :-1, 0]], 1)
    y = (x[..., 0] > before).long()
    return (x[:500], y[:500]), (x[500:], y[500:])


class Tagger(nn.Module):
    """A gated recurrence with two outputs for each step."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.recurrent = nn.GRU(inputs, width, batch_first=True)
        self.head = nn.Linear(width, 2)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.recurrent(x)[0])
        return outputs


def step_by_step(outputs: Tensor, classes: Tensor) -> float:
    """Return the share of steps whose greater output is that of their class."""
    said = outputs.argmax(2) if outputs.ndim == 3 else (outputs > 0).long()
    return float((said == classes).float().mean())


def steps_reshaped_into_classes(seed: int, *, faulty: bool) -> Case:
    """Reshape outputs until the loss takes them, where axes should change places."""

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        count, steps, classes = outputs.shape
        turned = outputs.reshape(count, classes, steps) if faulty else outputs.transpose(1, 2)
        return functional.cross_entropy(turned, targets)

    return case(
        seed, lambda: Tagger(1, 16), *above_what_came_before(seed, 12), loss=loss, score=step_by_step,
        optimizer=adam(1e-2), epochs=15,
    )  # fmt: skip


def pairs_of_digits(seed: int, count: int = 1800) -> rows.Parts:
    """Return two digits beside each other, and whether they differ, which half of the pairs do."""
    data = rows.gray_digits(seed, training=1797)
    (x, y), generator = data.rows, torch.Generator().manual_seed(seed)
    first = torch.randint(0, len(y), (count,), generator=generator)
    other = torch.randint(0, len(y), (count,), generator=generator)
    for row in range(0, count, 2):
        alike = (y == y[first[row]]).nonzero()[:, 0]
        other[row] = alike[torch.randint(0, len(alike), (1,), generator=generator)]
    pair = torch.stack([x[first], x[other]], 1)
    differ = (y[first] != y[other]).float()[:, None]
    return rows.Parts((pair[:1200], differ[:1200]), (pair[1200:], differ[1200:]))


class Apart(nn.Module):
    """How far apart two rows are, as one network sees them."""

    def __init__(self) -> None:
        super().__init__()
        self.see = layers(64, 48, 8)

    def forward(self, x: Tensor) -> Tensor:
        return (self.see(x[:, 0]) - self.see(x[:, 1])).square().sum(1, keepdim=True).add(1e-6).sqrt()


def pairs_pulled_the_wrong_way(seed: int, *, faulty: bool) -> Case:
    """Pull pairs together whose mark is 1, where 1 says that they differ."""
    data = pairs_of_digits(seed)

    def loss(distance: Tensor, marks: Tensor) -> Tensor:
        same = marks if faulty else 1 - marks
        return (same * distance**2 + (1 - same) * torch.relu(1 - distance) ** 2).mean()

    return case(
        seed, Apart, data.rows, data.test, loss=loss, score=scores.half, optimizer=adam(3e-3), epochs=20
    )  # fmt: skip


class Drawn(nn.Module):
    """A variational autoencoder: what it makes again, and the mean and spread of what it drew."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.encode = layers(inputs, 64, 2 * width)
        self.decode = layers(width, 64, inputs)

    def forward(self, x: Tensor) -> Tensor:
        mean, spread = self.encode(x).chunk(2, 1)
        code = mean + torch.randn_like(mean) * (spread / 2).exp() if self.training else mean
        return torch.cat([self.decode(code), mean, spread], 1)


def pictures_made_again(outputs: Tensor, targets: Tensor) -> float:
    """Return what is explained of pictures by the first of the outputs."""
    return scores.r2(outputs[:, : targets.shape[1]], targets)


def a_code_that_must_say_nothing(seed: int, *, faulty: bool) -> Case:
    """Weigh the divergence of the code by its sum, and the error of the picture by its mean."""
    data = rows.gray_digits(seed, training=1000)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        made, mean, spread = outputs.split([64, 12, 12], 1)
        apart = -0.5 * (1 + spread - mean**2 - spread.exp()).sum(1).mean()
        return functional.mse_loss(made, targets) + (1.0 if faulty else 0.002) * apart

    return case(
        seed, lambda: Drawn(64, 12), (data.rows[0], data.rows[0]), (data.test[0], data.test[0]), loss=loss,
        score=pictures_made_again, optimizer=adam(3e-3), epochs=20, judged_by=pictures_made_again,
    )  # fmt: skip


def rising_or_falling(seed: int, *, steps: int = 10) -> tuple[Rows, Rows]:
    """Return noise in the order of its values: ascending or descending, which alone is asked for."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1200, steps, generator=generator).sort(1).values + 0.3 * torch.randn(
        1200, steps, generator=generator
    )
    rising = torch.rand(1200, 1, generator=generator) < 0.5
    x = torch.where(rising, x, x.flip(1))[..., None]
    return (x[:700], rising[:700].float()), (x[700:], rising[700:].float())


class Looking(nn.Module):
    """Steps that look at each other, with or without knowing where they stand."""

    def __init__(self, steps: int, width: int, *, places: bool) -> None:
        super().__init__()
        self.read = nn.Linear(1, width)
        self.place = nn.Parameter(0.5 * torch.randn(steps, width)) if places else 0.0
        self.layer = nn.TransformerEncoderLayer(width, 2, 2 * width, dropout=0.0, batch_first=True)
        self.head = nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.layer(self.read(x) + self.place).mean(1))
        return outputs


def steps_that_do_not_know_their_place(seed: int, *, faulty: bool) -> Case:
    """Ask for an order of a network to which all orders are one."""
    return case(
        seed, lambda: Looking(10, 16, places=not faulty), *rising_or_falling(seed), loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=adam(3e-3), epochs=15,
    )  # fmt: skip


class AtStep(nn.Module):
    """A gated recurrence that is asked at one of its steps."""

    def __init__(self, inputs: int, width: int, outputs: int, *, step: int) -> None:
        super().__init__()
        self.recurrent = nn.GRU(inputs, width, batch_first=True)
        self.head = nn.Linear(width, outputs)
        self.step = step

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.recurrent(x)[0][:, self.step])
        return outputs


def asked_before_anything_was_read(seed: int, *, faulty: bool) -> Case:
    """Take the state of a recurrence at its first step."""
    data = rows.waves(seed, noise=0.3)
    return case(
        seed, lambda: AtStep(1, 24, 3, step=0 if faulty else -1), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=adam(1e-2), epochs=15,
    )  # fmt: skip


class StepsFirst(nn.Module):
    """An LSTM that takes the first axis for steps unless it is told otherwise."""

    def __init__(self, inputs: int, width: int, outputs: int, *, told: bool) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(inputs, width, batch_first=told)
        self.head = nn.Linear(width, outputs)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.recurrent(x)[0][:, -1])
        return outputs


def rows_read_as_steps(seed: int, *, faulty: bool) -> Case:
    """Forget to say that rows come first."""
    data = rows.sales(seed)
    data = rows.Parts(
        ((data.rows[0] - 5000) / 1500, (data.rows[1] - 5000) / 1500),
        ((data.test[0] - 5000) / 1500, (data.test[1] - 5000) / 1500),
    )
    return case(
        seed, lambda: StepsFirst(1, 24, 1, told=not faulty), data.rows, data.test, loss=nn.MSELoss(),
        score=scores.r2, optimizer=adam(1e-2), epochs=20,
    )  # fmt: skip


def a_corner_of_every_picture(seed: int, *, faulty: bool) -> Case:
    """Step over most of a picture, so that a few of its points are all that is seen."""
    data = rows.pictures(rows.gray_digits(seed))
    step, side = (4, 2) if faulty else (1, 8)

    def model() -> nn.Module:
        return nn.Sequential(nn.Conv2d(1, 8, 1, stride=step), nn.ReLU(), nn.Flatten(), nn.Linear(8 * side * side, 10))

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class, optimizer=adam(5e-3),
        epochs=15,
    )  # fmt: skip


class Short(nn.Module):
    """Word numbers through the mean of their vectors, all words beyond the first ones being one."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(words, width)
        self.head = layers(width, 16, 1)
        self.words = words

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.vectors(x.clamp(max=self.words - 1)).mean(1))
        return outputs


def a_dictionary_of_eight_words(seed: int, *, faulty: bool) -> Case:
    """Know eight words, and take all others for one."""
    data = rows.reviews(seed)
    return case(
        seed, lambda: Short(8 if faulty else 200, 16), data.rows, data.test, loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=adam(1e-2), epochs=12,
    )  # fmt: skip


def gray_pictures_made_again_between_zero_and_one(seed: int, *, faulty: bool) -> Case:
    """Make pictures of mean 0 again through a sigmoid."""
    data = rows.gray_digits(seed, training=1000)
    made = layers(64, 32, 16, 32, 64)
    output = nn.Sigmoid() if faulty else None
    return case(
        seed, lambda: nn.Sequential(*made, *([output] if output else [])), (data.rows[0], data.rows[0]),
        (data.test[0], data.test[0]), loss=nn.MSELoss(), score=scores.r2, optimizer=adam(5e-3), epochs=30,
    )  # fmt: skip


class Alike(nn.Module):
    """Whether two rows are of one kind, from the difference of what one network sees in them."""

    def __init__(self) -> None:
        super().__init__()
        self.see = layers(64, 48, 16)
        self.head = layers(16, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head((self.see(x[:, 0]) - self.see(x[:, 1])).abs())
        return outputs


def pairs_that_are_told_apart(seed: int) -> Case:
    """Tell whether two digits differ."""
    data = pairs_of_digits(seed)
    return case(
        seed, Alike, data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=adam(3e-3),
        epochs=25,
    )  # fmt: skip


class BothWays(nn.Module):
    """An LSTM that reads both ways, and the greatest of what it found anywhere."""

    def __init__(self, inputs: int, width: int, outputs: int) -> None:
        super().__init__()
        self.recurrent = nn.LSTM(inputs, width, batch_first=True, bidirectional=True)
        self.head = nn.Sequential(nn.LayerNorm(2 * width), nn.Linear(2 * width, outputs))

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.recurrent(x)[0].amax(1))
        return outputs


def waves_read_both_ways(seed: int) -> Case:
    """Tell shapes of waves by reading them forth and back."""
    data = rows.waves(seed, noise=0.3)
    return case(
        seed, lambda: BothWays(1, 16, 3), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=adam(1e-2), epochs=15,
    )  # fmt: skip


def pictures_cleaned_of_noise(seed: int) -> Case:
    """Make pictures again from what is left of them under noise."""
    data = rows.gray_digits(seed, training=1200)
    generator = torch.Generator().manual_seed(seed)
    (x, _), (unseen, _) = data.rows, data.test
    noisy = x + 0.7 * torch.randn(x.shape, generator=generator)
    others = unseen + 0.7 * torch.randn(unseen.shape, generator=generator)
    return case(
        seed, lambda: layers(64, 96, 24, 96, 64), (noisy, x), (others, unseen), loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(2e-3), epochs=30,
    )  # fmt: skip


FAULTY = (
    Faulty(
        build=steps_reshaped_into_classes, causes=("wrong_loss",), accepted=("misaligned_labels",), modality="sequence"
    ),
    Faulty(build=pairs_pulled_the_wrong_way, causes=("wrong_loss",), modality="image"),
    Faulty(
        build=a_code_that_must_say_nothing,
        causes=("wrong_loss",),
        accepted=("underfitting", "not_learning"),
        modality="image",
    ),
    Faulty(
        build=steps_that_do_not_know_their_place,
        causes=("underfitting",),
        accepted=("not_learning",),
        modality="sequence",
    ),
    Faulty(
        build=asked_before_anything_was_read, causes=("underfitting",), accepted=("not_learning",), modality="sequence"
    ),
    Faulty(build=rows_read_as_steps, causes=("underfitting",), accepted=("not_learning",), modality="sequence"),
    Faulty(build=a_corner_of_every_picture, causes=("underfitting",), modality="image"),
    Faulty(
        build=a_dictionary_of_eight_words, causes=("underfitting",), accepted=("not_learning",), modality="sequence"
    ),
    Faulty(
        build=gray_pictures_made_again_between_zero_and_one, causes=("wrong_output_activation",), modality="image"
    ),
)  # fmt: skip

HEALTHY = (
    Healthy(build=pairs_that_are_told_apart, modality="image"),
    Healthy(build=waves_read_both_ways, modality="sequence"),
    Healthy(build=pictures_cleaned_of_noise, modality="image"),
)
