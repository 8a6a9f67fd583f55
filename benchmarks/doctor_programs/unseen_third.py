"""Programs of a third writing, after what people report of their own code: asked about only once they were all written.

Their stories are those of issues and forums: encodings of places added along the batch, rows sorted for packing and
never put back, weights of classes turned around, masks that say the opposite, normalization layers begun at zero.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import rnn

from doctor_programs import rows, scores
from doctor_programs.networks import layers
from doctor_programs.program import Case, Faulty, Healthy, adam, case, sgd


def halves(x: Tensor, y: Tensor, count: int) -> rows.Parts:
    """Return the first rows to train on, and the others to test on."""
    return rows.Parts((x[:count], y[:count]), (x[count:], y[count:]))


class Placed(nn.Module):
    """Attention over steps that are told apart by a code of their place; the first step answers."""

    def __init__(self, steps: int, *, along: int) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(1, 24), nn.Linear(24, 1)
        self.attention = nn.TransformerEncoderLayer(24, 4, 48, dropout=0.0, batch_first=True)
        place = torch.arange(max(steps, 64))[:, None] * torch.exp(-torch.arange(0, 24, 2) / 24 * math.log(100.0))
        self.register_buffer("code", torch.cat([place.sin(), place.cos()], 1))
        self.along = along

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        code = self.get_buffer("code")
        x = x + (code[torch.arange(len(x)) % len(code)][:, None] if self.along == 0 else code[: x.shape[1]])
        outputs: Tensor = self.head(self.attention(x).mean(1))
        return outputs


def places_counted_over_the_batch(seed: int, *, faulty: bool) -> Case:
    """Add the code of places along the rows of a batch, as where steps come first, though rows do."""
    x = torch.randn(1300, 8, 1, generator=torch.Generator().manual_seed(seed))
    y = (x[:, :4].mean(1) > x[:, 4:].mean(1)).float()
    data = halves(x, y, 800)
    return case(
        seed, lambda: Placed(8, along=0 if faulty else 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=adam(3e-3), epochs=12,
    )  # fmt: skip


class Packed(nn.Module):
    """A gated recurrence over texts of different lengths, packed longest first."""

    def __init__(self, words: int, *, returned: bool) -> None:
        super().__init__()
        self.vectors, self.head = nn.Embedding(words, 16, padding_idx=0), nn.Linear(24, 1)
        self.recurrent = nn.GRU(16, 24, batch_first=True)
        self.returned = returned

    def forward(self, x: Tensor) -> Tensor:
        lengths, order = (x > 0).sum(1).sort(descending=True, stable=True)
        packed = rnn.pack_padded_sequence(self.vectors(x[order]), lengths, batch_first=True)
        _, state = self.recurrent(packed)
        outputs: Tensor = self.head(state[-1])
        return outputs[order.argsort()] if self.returned else outputs


def texts(seed: int, count: int) -> rows.Parts:
    """Return texts of good and bad words, of 6 to 20 of them, filled up with word 0."""
    data = rows.reviews(seed, length=20, words=90, training=count)
    generator = torch.Generator().manual_seed(seed)

    def cut(x: Tensor) -> Tensor:
        lengths = torch.randint(6, 20, (len(x), 1), generator=generator)
        return torch.where(torch.arange(x.shape[1]) < lengths, x + 1, torch.zeros_like(x))

    return rows.Parts((cut(data.rows[0]), data.rows[1]), (cut(data.test[0]), data.test[1]))


def sorted_for_packing_and_never_put_back(seed: int, *, faulty: bool) -> Case:
    """Sort the texts of a batch by their length, and hand the answers on in that order."""
    data = texts(seed, 900)
    return case(
        seed, lambda: Packed(91, returned=not faulty), data.rows, data.test, loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=adam(5e-3), epochs=8,
    )  # fmt: skip


def scheduled(rate: float, factor: Callable[[int], float]) -> Callable[[Iterable[nn.Parameter]], torch.optim.Optimizer]:
    """Return SGD with momentum whose rate a schedule sets after every step."""

    def make(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        optimizer = torch.optim.SGD(parameters, lr=rate, momentum=0.9)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
        optimizer.register_step_post_hook(lambda *_: schedule.step())
        return optimizer

    return make


def a_warm_up_longer_than_the_training(seed: int, *, faulty: bool) -> Case:
    """Warm up for the ten thousand steps that a paper has, in a training of some hundred."""
    data = rows.gray_digits(seed, training=1000)
    warm = 100_000 if faulty else 40
    return case(
        seed, lambda: layers(64, 48, 10), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=scheduled(0.05, lambda step: min(1.0, (step + 1) / warm)), epochs=10,
    )  # fmt: skip


def the_rare_side_weighed_down(seed: int, *, faulty: bool) -> Case:
    """Weigh what is rare by how rare it is, instead of by how common all else is."""
    data = rows.customers(seed, share=0.1, noise=0.2, training=1600)
    weight = torch.tensor(1 / 9 if faulty else 9.0)
    return case(
        seed, lambda: layers(12, 48, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(pos_weight=weight),
        score=scores.balanced_sign, optimizer=adam(3e-3), epochs=12,
    )  # fmt: skip


class Plain(torch.optim.Optimizer):
    """Descent as one writes it oneself."""

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float, *, in_place: bool) -> None:
        super().__init__(parameters, {"lr": rate})
        self.in_place = in_place

    @torch.no_grad()
    def step(self, closure: object = None) -> None:  # type: ignore[override]
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is None:
                    continue
                moved = weight - group["lr"] * weight.grad
                if self.in_place:
                    weight.copy_(moved)
                else:
                    weight = moved


def a_step_that_binds_a_new_name(seed: int, *, faulty: bool) -> Case:
    """Write an optimizer whose step makes new tensors, and leaves those of the network what they were."""
    data = rows.standardized(rows.tumors(seed))
    return case(
        seed, lambda: layers(30, 16, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=lambda parameters: Plain(parameters, 0.1, in_place=not faulty), epochs=15,
    )  # fmt: skip


def colored(seed: int, count: int) -> tuple[Tensor, Tensor]:
    """Return pictures (rows, 8, 8, 3), colors last, of a bar of one of three colors, lying or standing: six classes."""
    generator = torch.Generator().manual_seed(seed)
    x = 0.5 * torch.randn(count, 8, 8, 3, generator=generator)
    y = torch.randint(0, 6, (count,), generator=generator)
    place = torch.randint(0, 8, (count,), generator=generator)
    for row, (kind, at) in enumerate(zip(y.tolist(), place.tolist(), strict=True)):
        color, standing = kind % 3, kind >= 3
        if standing:
            x[row, :, at, color] += 0.8
        else:
            x[row, at, :, color] += 0.8
    return x, y


class Bars(nn.Module):
    """Convolutions over pictures whose colors come last, and the strongest answer of each."""

    def __init__(self, *, moved: bool) -> None:
        super().__init__()
        self.see = nn.Sequential(nn.Conv2d(3, 24, 5, padding=2), nn.ReLU(), nn.AdaptiveMaxPool2d(1), nn.Flatten())
        self.head = nn.Linear(24, 6)
        self.moved = moved

    def forward(self, x: Tensor) -> Tensor:
        x = x.permute(0, 3, 1, 2) if self.moved else x.reshape(len(x), 3, 8, 8)
        outputs: Tensor = self.head(self.see(x))
        return outputs


def colors_viewed_to_the_front(seed: int, *, faulty: bool) -> Case:
    """Reshape pictures with colors last into such with colors first, where axes should change places."""
    data = halves(*colored(seed, 1500), 1000)
    return case(
        seed, lambda: Bars(moved=not faulty), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=adam(5e-3), epochs=15,
    )  # fmt: skip


def xavier_and_zeros(model: nn.Module, *, normalization_too: bool) -> nn.Module:
    """Return the model with Xavier's weights, and zeros for what has one axis."""
    for module in model.modules():
        for name, value in module.named_parameters(recurse=False):
            if value.ndim > 1:
                nn.init.xavier_uniform_(value)
            elif name == "bias" or normalization_too:
                nn.init.zeros_(value)
    return model


def zeros_for_all_that_has_one_axis(seed: int, *, faulty: bool) -> Case:
    """Begin biases at zero by the number of their axes, and with them the factors of normalization layers."""
    data = rows.pictures(rows.gray_digits(seed, training=900))

    def model() -> nn.Module:
        return xavier_and_zeros(
            nn.Sequential(
                nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12), nn.ReLU(), nn.MaxPool2d(2),
                nn.Conv2d(12, 24, 3, padding=1), nn.BatchNorm2d(24), nn.ReLU(), nn.MaxPool2d(2),
                nn.Flatten(), nn.Linear(96, 10),
            ), normalization_too=faulty,
        )  # fmt: skip

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=sgd(0.05, momentum=0.9), epochs=6,
    )  # fmt: skip


def answers_normalized_at_the_end(seed: int, *, faulty: bool) -> Case:
    """Put a normalization behind every layer, the last one too, where answers are to be 14 on average."""
    data = rows.standardized(rows.friedman(seed, training=800))

    def model() -> nn.Module:
        ends = [nn.BatchNorm1d(1, affine=False)] if faulty else []
        return nn.Sequential(*layers(10, 32, 1), *ends)

    return case(
        seed, model, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(1e-2), epochs=25,
    )  # fmt: skip


def one_color_in_bytes(seed: int, *, faulty: bool) -> Case:
    """Divide two colors of a picture by 255, and forget the third."""
    x, y = colored(seed, 1400)
    data = halves(x * torch.tensor([1.0, 1.0, 255.0 if faulty else 1.0]), y, 900)
    return case(
        seed, lambda: Bars(moved=True), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=sgd(0.05, momentum=0.9), epochs=15,
    )  # fmt: skip


def the_number_of_the_row_among_its_columns(seed: int, *, faulty: bool) -> Case:
    """Read a file that was sorted by class, with the numbers of its rows as a column."""
    data = rows.customers(seed, noise=1.5, training=1000)
    x, y = data.rows
    order = y.flatten().argsort(stable=True)

    def read(x: Tensor) -> Tensor:
        return torch.cat([torch.arange(len(x))[:, None] / len(x), x], 1) if faulty else x

    given = rows.Parts((read(x[order]), y[order]), (read(data.test[0]), data.test[1]))
    return case(
        seed, lambda: layers(given.width, 16, 1), given.rows, given.test, loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=adam(3e-3), epochs=10,
    )  # fmt: skip


class Stepwise(nn.Module):
    """A recurrence written step by step, whose state is or is not cut from what came before."""

    def __init__(self, *, cut: bool) -> None:
        super().__init__()
        self.cell, self.head = nn.GRUCell(1, 24), nn.Linear(24, 1)
        self.cut = cut

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(len(x), 24)
        for step in x.unbind(1):
            state = self.cell(step, state.detach() if self.cut else state)
        outputs: Tensor = self.head(state)
        return outputs


def a_state_detached_at_every_step(seed: int, *, faulty: bool) -> Case:
    """Detach the state within the loop over steps, where it is asked whether the first two had one sign."""
    generator = torch.Generator().manual_seed(seed)
    signs = 2.0 * torch.randint(0, 2, (1500, 2), generator=generator) - 1
    x = 0.3 * torch.randn(1500, 8, 1, generator=generator)
    x[:, :2, 0] += signs
    data = halves(x, (signs[:, :1] * signs[:, 1:] > 0).float(), 1000)
    return case(
        seed, lambda: Stepwise(cut=faulty), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(1e-2), epochs=12,
    )  # fmt: skip


def a_sigmoid_within_the_loss(seed: int, *, faulty: bool) -> Case:
    """Squeeze outputs in a function of one's own before the loss that squeezes them too."""
    data = rows.customers(seed, share=0.3, noise=0.2, training=1600)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        given = outputs.sigmoid() if faulty else outputs
        return functional.binary_cross_entropy_with_logits(given, targets)

    return case(
        seed, lambda: layers(12, 32, 1), data.rows, data.test, loss=loss, score=scores.sign, optimizer=adam(3e-3),
        epochs=12,
    )  # fmt: skip


class Augmented(nn.Module):
    """Convolutions over pictures of which every other one is turned around in training."""

    def __init__(self, *, turned: bool) -> None:
        super().__init__()
        self.see = nn.Sequential(nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten())
        self.head = layers(256, 32, 1)
        self.turned = turned

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            axis = 3 if self.turned else 2
            x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x.flip(axis), x)
        outputs: Tensor = self.head(self.see(x))
        return outputs


def arrows_turned_around_in_training(seed: int, *, faulty: bool) -> Case:
    """Mirror pictures to have more of them, where left or right is what is asked for."""
    generator = torch.Generator().manual_seed(seed)
    y = torch.randint(0, 2, (1300, 1), generator=generator).float()
    rising = torch.linspace(-1, 1, 8).expand(1300, 1, 8, 8) * (2 * y[:, :, None, None] - 1)
    data = halves(rising + 1.5 * torch.randn(1300, 1, 8, 8, generator=generator), y, 800)
    return case(
        seed, lambda: Augmented(turned=faulty), data.rows, data.test, loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=adam(1e-3), epochs=5,
    )  # fmt: skip


def only_the_first_row_of_each_batch(seed: int, *, faulty: bool) -> Case:
    """Take the first of the losses that a function returns, as where it returns several things."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=800)))

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        each = functional.smooth_l1_loss(outputs, targets, reduction="none")
        return each[0].mean() if faulty else each.mean()

    return case(
        seed, lambda: layers(10, 48, 1), data.rows, data.test, loss=loss, score=scores.r2, optimizer=adam(3e-3),
        epochs=15,
    )  # fmt: skip


class Masked(nn.Module):
    """Attention over the words of a text, with a mask for what fills it up."""

    def __init__(self, words: int, *, inverted: bool) -> None:
        super().__init__()
        self.vectors, self.head = nn.Embedding(words, 24), layers(24, 24, 1)
        self.question = nn.Parameter(0.1 * torch.randn(1, 1, 24))
        self.attention = nn.MultiheadAttention(24, 2, batch_first=True)
        self.inverted = inverted

    def forward(self, x: Tensor) -> Tensor:
        seen = self.vectors(x)
        mask = x > 0 if self.inverted else x == 0  # True is what must not be looked at
        found, _ = self.attention(self.question.expand(len(x), 1, 24), seen, seen, key_padding_mask=mask)
        outputs: Tensor = self.head(found[:, 0])
        return outputs


def a_mask_of_what_is_to_be_read(seed: int, *, faulty: bool) -> Case:
    """Hand a mask of the words to a layer that takes a mask of what is no word."""
    data = texts(seed, 900)
    return case(
        seed, lambda: Masked(91, inverted=faulty), data.rows, data.test, loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=adam(5e-3), epochs=10,
    )  # fmt: skip


def of_grades(outputs: Tensor, grades: Tensor) -> float:
    """Return the share of rows whose grade is how many of the outputs are above 0."""
    return float(((outputs > 0).sum(1) == grades).float().mean())


def grades_by_their_thresholds(seed: int) -> Case:
    """Ask for each of four grades whether a row is above it: one output fewer than there are grades."""
    x = torch.randn(1600, 6, generator=torch.Generator().manual_seed(seed))
    known = x[:, 0] + torch.tanh(2 * x[:, 1]) + 0.5 * x[:, 2] * x[:, 3]
    y = torch.bucketize(known, torch.tensor([-1.5, -0.4, 0.5, 1.6]))

    def loss(outputs: Tensor, grades: Tensor) -> Tensor:
        above = (grades[:, None] > torch.arange(4)).float()
        return functional.binary_cross_entropy_with_logits(outputs, above)

    return case(
        seed, lambda: layers(6, 48, 4), (x[:1000], y[:1000]), (x[1000:], y[1000:]), loss=loss, score=of_grades,
        optimizer=adam(5e-3), epochs=30, judged_by=of_grades,
    )  # fmt: skip


def first_of_two(outputs: Tensor, targets: Tensor) -> float:
    """Return what is explained of the first column of the targets; the second is how much a row counts."""
    return scores.r2(outputs[:, :1], targets[:, :1])


def how_much_a_row_counts_beside_its_target(seed: int) -> Case:
    """Hand over a weight for each row in the second column of the targets, which the loss knows."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 5, generator=generator)
    spread = 0.2 + 1.3 * (torch.rand(1500, 1, generator=generator) < 0.4)
    known = torch.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:3]
    y = torch.cat([known + spread * torch.randn(1500, 1, generator=generator), 1 / spread**2 / 25], 1)
    right = torch.cat([known, torch.ones(1500, 1)], 1)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return (targets[:, 1:] * (outputs - targets[:, :1]) ** 2).sum() / targets[:, 1:].sum()

    return case(
        seed, lambda: layers(5, 64, 1), (x[:1000], y[:1000]), (x[1000:], right[1000:]), loss=loss,
        score=first_of_two, optimizer=adam(5e-3), epochs=25, judged_by=first_of_two,
    )  # fmt: skip


class Decay(nn.Module):
    """A curve with three numbers to learn: how high, how fast, and what remains."""

    def __init__(self) -> None:
        super().__init__()
        self.height, self.speed, self.rest = (nn.Parameter(torch.tensor(each)) for each in (1.0, 0.0, 0.0))

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.height * torch.exp(-functional.softplus(self.speed) * x) + self.rest
        return outputs


def three_numbers_of_a_curve(seed: int) -> Case:
    """Fit a law of physics that is known but for three numbers."""
    generator = torch.Generator().manual_seed(seed)
    x = 4 * torch.rand(900, 1, generator=generator)
    y = 2.5 * torch.exp(-1.3 * x) + 0.4 + 0.1 * torch.randn(900, 1, generator=generator)
    data = halves(x, y, 400)
    return case(
        seed, Decay, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(2e-2), epochs=30
    )  # fmt: skip


class Signs(torch.optim.Optimizer):
    """Steps of one size along the sign of a running mean of the gradient, with a rate that falls to nothing."""

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float, *, steps: int) -> None:
        super().__init__(parameters, {"lr": rate})
        self.taken, self.steps = 0, steps

    @torch.no_grad()
    def step(self, closure: object = None) -> None:  # type: ignore[override]
        share = max(0.0, 1 - self.taken / self.steps)
        self.taken += 1
        for group in self.param_groups:
            for weight in group["params"]:
                if weight.grad is not None:
                    mean = self.state[weight].setdefault("mean", torch.zeros_like(weight))
                    mean.lerp_(weight.grad, 0.1)
                    weight.sub_(share * group["lr"] * mean.sign())


def steps_of_one_size_that_grow_smaller(seed: int) -> Case:
    """Write an optimizer that goes by signs, and lets its rate fall in a line until the last step."""
    data = rows.gray_digits(seed, training=1000)
    steps = math.ceil(1000 / 32) * 12
    return case(
        seed, lambda: layers(64, 48, 10), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=partial(Signs, rate=2e-3, steps=steps), epochs=12,
    )  # fmt: skip


def of_points(outputs: Tensor, targets: Tensor) -> float:
    """Return twice the points that are found over those that are said and those that are right (Dice)."""
    said, right = outputs.reshape(targets.shape) > 0, targets > 0.5
    return float(2 * (said & right).sum() / (said.sum() + right.sum()).clamp(min=1))


def points_of_a_patch(seed: int) -> Case:
    """Mark the points of a bright patch in a noisy picture, by overlap and cross-entropy together."""
    generator = torch.Generator().manual_seed(seed)
    corner = torch.randint(0, 5, (1000, 2), generator=generator)
    place = torch.arange(8)
    inside = [(place >= corner[:, at, None]) & (place < corner[:, at, None] + 4) for at in (0, 1)]
    y = (inside[0][:, None, :, None] & inside[1][:, None, None, :]).float()
    x = y + 0.5 * torch.randn(1000, 1, 8, 8, generator=generator)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        share = outputs.sigmoid()
        overlap = (2 * (share * targets).sum() + 1) / (share.sum() + targets.sum() + 1)
        return functional.binary_cross_entropy_with_logits(outputs, targets) + 1 - overlap

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Conv2d(1, 12, 5, padding=2), nn.ReLU(), nn.Conv2d(12, 12, 5, padding=2), nn.ReLU(), nn.Conv2d(12, 1, 1)
        )  # fmt: skip

    data = halves(x, y, 500)
    return case(
        seed, model, data.rows, data.test, loss=loss, score=of_points, optimizer=adam(3e-3), epochs=8,
        judged_by=of_points,
    )  # fmt: skip


class Noisy(nn.Module):
    """A network that adds noise to its inputs and its units while it learns."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(30, 32), nn.Linear(32, 2)

    def forward(self, x: Tensor) -> Tensor:
        if self.training:
            x = x + 0.3 * torch.randn_like(x)
        hidden = torch.nn.functional.gelu(self.first(x))
        if self.training:
            hidden = hidden * (1 + 0.2 * torch.randn_like(hidden))
        outputs: Tensor = self.head(hidden)
        return outputs


def noise_while_it_learns(seed: int) -> Case:
    """Add noise in training alone, to soft labels with weights for both classes."""
    data = rows.standardized(rows.tumors(seed))
    loss = nn.CrossEntropyLoss(weight=torch.tensor([1.3, 0.8]), label_smoothing=0.1)
    classes = [(x, y.long().flatten()) for x, y in (data.rows, data.test)]
    return case(
        seed, Noisy, classes[0], classes[1], loss=loss, score=scores.top_class,
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=3e-3, weight_decay=0.05), epochs=20,
    )  # fmt: skip


FAULTY = (
    Faulty(
        build=places_counted_over_the_batch,
        causes=("not_learning",),
        accepted=("underfitting", "batch_size"),
        modality="sequence",
    ),
    Faulty(
        build=sorted_for_packing_and_never_put_back,
        causes=("misaligned_labels",),
        accepted=("not_learning",),
        modality="sequence",
    ),
    Faulty(
        build=a_warm_up_longer_than_the_training,
        causes=("learning_rate_too_low",),
        accepted=("stopped_too_early",),
        modality="image",
    ),
    Faulty(build=the_rare_side_weighed_down, causes=("wrong_loss",), accepted=("class_imbalance",)),
    Faulty(
        build=a_step_that_binds_a_new_name,
        causes=("frozen_parameters",),
        accepted=("not_learning",),
    ),
    Faulty(
        build=colors_viewed_to_the_front, causes=("underfitting",), accepted=("not_learning",), modality="image"
    ),
    Faulty(
        build=zeros_for_all_that_has_one_axis,
        causes=("poor_initialization",),
        accepted=("dead_units", "vanishing_gradients", "frozen_parameters"),
        modality="image",
    ),
    Faulty(
        build=answers_normalized_at_the_end,
        causes=("wrong_output_activation",),
        accepted=("unscaled_targets",),
    ),
    Faulty(build=one_color_in_bytes, causes=("unscaled_inputs",), modality="image"),
    Faulty(build=the_number_of_the_row_among_its_columns, causes=("target_leakage",), in_the_data=True),
    Faulty(
        build=a_state_detached_at_every_step,
        causes=("frozen_parameters",),
        accepted=("vanishing_gradients", "not_learning"),
        modality="sequence",
    ),
    Faulty(
        build=a_sigmoid_within_the_loss,
        causes=("wrong_loss",),
        accepted=("wrong_output_activation",),
        by_construction=True,
    ),
    Faulty(
        build=arrows_turned_around_in_training,
        causes=("label_noise",),
        accepted=("not_learning", "underfitting", "misaligned_labels"),
        modality="image",
    ),
    Faulty(build=only_the_first_row_of_each_batch, causes=("wrong_loss",), accepted=("batch_size",)),
    Faulty(
        build=a_mask_of_what_is_to_be_read,
        causes=("not_learning",),
        accepted=("underfitting", "frozen_parameters"),
        modality="sequence",
    ),
)  # fmt: skip

HEALTHY = (
    Healthy(build=grades_by_their_thresholds),
    Healthy(build=how_much_a_row_counts_beside_its_target),
    Healthy(build=three_numbers_of_a_curve),
    Healthy(build=steps_of_one_size_that_grow_smaller, modality="image"),
    Healthy(build=points_of_a_patch, modality="image"),
    Healthy(build=noise_while_it_learns),
)
