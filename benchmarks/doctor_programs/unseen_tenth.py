"""Programs of a tenth writing, after the questions that people ask most, by somebody who had not read the doctor."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from doctor_programs import rows, scores
from doctor_programs.networks import layers, pixels, with_weights
from doctor_programs.program import Case, Faulty, Healthy, adam, case, sgd


def taken(x: Tensor, y: Tensor, count: int) -> rows.Parts:
    """Return the first rows to train on, and the others to test on."""
    return rows.Parts((x[:count], y[:count]), (x[count:], y[count:]))


def charges_as_they_stand_in_the_bill(seed: int, *, faulty: bool) -> Case:
    """Predict who leaves from months, monthly charges and total charges as they are, beside marks of 0 and 1."""
    data = rows.churn(seed, training=1200)
    data = data if faulty else rows.numbers_standardized(data, 4)
    return case(
        seed, lambda: layers(45, 32, 16, 1, activation=nn.Tanh), data.rows, data.test, loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=sgd(0.05, momentum=0.9), epochs=15,
    )  # fmt: skip


def three_penguins_in_grams_and_shares(seed: int, *, faulty: bool) -> Case:
    """Name penguins by a softmax that cross-entropy takes for logits, from grams and millimeters."""
    data = rows.penguins(seed)
    data = data if faulty else rows.standardized(data)
    output = nn.Softmax(1) if faulty else None
    return case(
        seed, lambda: layers(4, 16, 3, output=output), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.balanced_top_class, optimizer=adam(1e-2), epochs=30, batch_size=16,
    )  # fmt: skip


def a_loss_of_nothing_from_the_first_step(seed: int, *, faulty: bool) -> Case:
    """Hand one output and a column of zeros and ones to a cross-entropy that is meant for classes."""
    data = rows.numbers_standardized(rows.credit(seed), 7)
    return case(
        seed, lambda: layers(data.width, 24, 1), data.rows, data.test,
        loss=nn.CrossEntropyLoss() if faulty else nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(2e-3), epochs=8,
    )  # fmt: skip


def weights_drawn_between_zero_and_one(seed: int, *, faulty: bool) -> Case:
    """Draw all first weights evenly between 0 and 1, as random numbers come by default."""
    data = rows.digits(seed, training=900)
    data = rows.Parts((data.rows[0] / 16, data.rows[1]), (data.test[0] / 16, data.test[1]))

    def model() -> nn.Module:
        made = layers(64, 64, 64, 10)
        return with_weights(made, weight=nn.init.uniform_, bias=nn.init.zeros_) if faulty else made

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=adam(2e-3), epochs=15,
    )  # fmt: skip


class Joined(nn.Module):
    """Two networks, one for each half of the columns, and a third for what they say, beside or below each other."""

    def __init__(self, *, below: bool) -> None:
        super().__init__()
        self.left, self.right, self.head = layers(6, 32, 16), layers(6, 32, 16), layers(32, 32, 1)
        self.below = below

    def forward(self, x: Tensor) -> Tensor:
        said = self.left(x[:, :6]).relu(), self.right(x[:, 6:]).relu()
        together = torch.cat(said, 0).reshape(len(x), 32) if self.below else torch.cat(said, 1)
        outputs: Tensor = self.head(together)
        return outputs


def two_halves_joined_below_each_other(seed: int, *, faulty: bool) -> Case:
    """Join what two networks say along the rows, and bring it to the right shape again."""
    data = rows.customers(seed, training=1000)
    return case(
        seed, lambda: Joined(below=faulty), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(3e-3), epochs=20,
    )  # fmt: skip


def shares_for_marks_of_minus_one(seed: int, *, faulty: bool) -> Case:
    """Compare a sigmoid with marks of -1 and 1 by their squared difference."""
    data = rows.circles(seed, training=600)
    marked = rows.Parts((data.rows[0], 2 * data.rows[1] - 1), (data.test[0], 2 * data.test[1] - 1))

    def agreed(outputs: Tensor, targets: Tensor) -> float:
        return float(((outputs > 0) == (targets > 0)).float().mean())

    output = nn.Sigmoid() if faulty else nn.Tanh()
    return case(
        seed, lambda: layers(2, 24, 24, 1, output=output), marked.rows, marked.test, loss=nn.MSELoss(), score=agreed,
        optimizer=adam(1e-2), epochs=25,
    )  # fmt: skip


def columns_divided_by_their_variance(seed: int, *, faulty: bool) -> Case:
    """Divide columns by their variance where their spread was meant."""
    data = rows.wines(seed)
    mean, spread = data.rows[0].mean(0), data.rows[0].std(0)
    divisor = spread.square() if faulty else spread
    data = rows.Parts(((data.rows[0] - mean) / divisor, data.rows[1]), ((data.test[0] - mean) / divisor, data.test[1]))
    return case(
        seed, lambda: layers(13, 24, 3, activation=nn.Tanh), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.balanced_top_class, optimizer=sgd(0.05), epochs=30, batch_size=16,
    )  # fmt: skip


def patients_known_by_heart(seed: int, *, faulty: bool) -> Case:
    """Go on with a wide network on 330 patients long after it has learned what there is to learn."""
    data = rows.standardized_targets(rows.standardized(rows.diabetes(seed)))
    return case(
        seed, lambda: layers(10, 128, 128, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(2e-3) if faulty else adam(1e-3, weight_decay=1e-3), epochs=150 if faulty else 8,
    )  # fmt: skip


def corners_that_are_never_lit(seed: int, *, faulty: bool) -> Case:
    """Standardize each point of a picture by its own spread, which is 0 in the corners."""
    data = rows.digits(seed, training=900)
    mean, spread = data.rows[0].mean(0), data.rows[0].std(0)
    spread = spread if faulty else spread.clamp_min(1.0)
    data = rows.Parts(((data.rows[0] - mean) / spread, data.rows[1]), ((data.test[0] - mean) / spread, data.test[1]))
    return case(
        seed, lambda: layers(64, 48, 10), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=adam(2e-3), epochs=12,
    )  # fmt: skip


def penguins_in_the_order_of_their_file(seed: int, *, faulty: bool) -> Case:
    """Read a table as it is stored, one species after another, without shuffling it."""
    data = rows.standardized(rows.penguins(seed))
    data = rows.ordered_by(data, data.rows[1]) if faulty else data
    return case(
        seed, lambda: layers(4, 32, 3), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.balanced_top_class, optimizer=sgd(0.3, momentum=0.9), epochs=4, batch_size=8, shuffle=False,
    )  # fmt: skip


def inputs_dropped_before_they_are_read(seed: int, *, faulty: bool) -> Case:
    """Drop most of ten numbers that a regression needs, at its very entrance."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=800)))

    def model() -> nn.Module:
        return nn.Sequential(nn.Dropout(0.7 if faulty else 0.0), *layers(10, 64, 32, 1))

    return case(
        seed, model, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(3e-3), epochs=25
    )  # fmt: skip


def pictures_that_roll_on_and_on(seed: int, *, faulty: bool) -> Case:
    """Give convolutions a rate of a tenth and keep 99 hundredths of every step."""
    data = rows.pictures(rows.gray_digits(seed, training=900))
    optimizer = sgd(0.1, momentum=0.99) if faulty else sgd(0.02, momentum=0.9)
    return case(
        seed, lambda: pixels(8, 16), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=optimizer, epochs=12,
    )  # fmt: skip


def a_body_kept_that_was_never_trained(seed: int, *, faulty: bool) -> Case:
    """Keep a body as it is, as one does with a trained one, that begins at random."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=800)))

    def model() -> nn.Module:
        made = layers(10, 24, 24, 12, 1)
        if faulty:
            for parameter in made[:6].parameters():
                parameter.requires_grad_(False)
        return made

    return case(
        seed, model, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(5e-3), epochs=30
    )  # fmt: skip


def attention_in_steps_of_a_hundred_thousandth(seed: int, *, faulty: bool) -> Case:
    """Train a small transformer from the beginning at the rate that is used to tune a large one, for a few epochs."""
    data = rows.waves(seed, training=700, steps=24)

    def model() -> nn.Module:
        layer = nn.TransformerEncoderLayer(16, 2, 32, dropout=0.0, batch_first=True)
        pieces = nn.Sequential(nn.Unflatten(1, (6, 4)), nn.Flatten(2), nn.Linear(4, 16))
        return nn.Sequential(pieces, layer, nn.Flatten(), nn.Linear(96, 3))

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=adam(2e-5 if faulty else 2e-3), epochs=8 if faulty else 15,
    )  # fmt: skip


def churn_by_a_straight_line(seed: int) -> Case:
    """Predict who leaves by a logistic regression, as plain as it comes."""
    data = rows.numbers_standardized(rows.churn(seed, training=1500), 4)
    return case(
        seed, lambda: nn.Linear(45, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=sgd(0.1), epochs=30,
    )  # fmt: skip


def credits_with_dropout_and_decay(seed: int) -> Case:
    """Judge who pays back, in which much is chance, by a network that is held back as it should be."""
    data = rows.numbers_standardized(rows.credit(seed), 7)

    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(data.width, 32), nn.ReLU(), nn.Dropout(0.4), nn.Linear(32, 1))

    return case(
        seed, model, data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=2e-3, weight_decay=0.05), epochs=8,
    )  # fmt: skip


def penguins_in_large_steps(seed: int) -> Case:
    """Name penguins by a few tanh units under plain descent at a rate of one half."""
    data = rows.standardized(rows.penguins(seed))
    return case(
        seed, lambda: layers(4, 12, 3, activation=nn.Tanh), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.balanced_top_class, optimizer=sgd(0.5), epochs=40,
    )  # fmt: skip


def pictures_in_one_cycle(seed: int) -> Case:
    """Let the rate of convolutions rise to its greatest and fall again."""
    data = rows.pictures(rows.gray_digits(seed, training=900))

    def optimizer(parameters: object) -> torch.optim.Optimizer:
        made = torch.optim.AdamW(parameters, lr=1e-3, weight_decay=1e-2)  # type: ignore[arg-type]
        schedule = torch.optim.lr_scheduler.OneCycleLR(made, max_lr=1e-2, total_steps=10 * 29 + 1)
        made.register_step_post_hook(lambda *_: schedule.step())
        return made

    return case(
        seed, lambda: pixels(8, 16), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=optimizer, epochs=10,
    )  # fmt: skip


def ten_questions_for_each_digit(seed: int) -> Case:
    """Ask of a digit whether it is a 0, whether it is a 1, and so on, each by itself."""
    data = rows.gray_digits(seed, training=1000)
    first, rest = (nn.functional.one_hot(each, 10).float() for each in (data.rows[1], data.test[1]))
    return case(
        seed, lambda: layers(64, 64, 10), (data.rows[0], first), (data.test[0], rest), loss=nn.BCEWithLogitsLoss(),
        score=scores.one_hot_top_class, optimizer=adam(3e-3), epochs=15,
    )  # fmt: skip


def progressions_by_huber(seed: int) -> Case:
    """Foresee a disease by Huber's loss, from few patients, with a small network that is stopped in time."""
    data = rows.standardized_targets(rows.standardized(rows.diabetes(seed)))
    return case(
        seed, lambda: layers(10, 16, 1), data.rows, data.test, loss=nn.HuberLoss(delta=1.0), score=scores.r2,
        optimizer=adam(3e-3, weight_decay=1e-3), epochs=20,
    )  # fmt: skip


def bicycles_by_the_hour(seed: int) -> Case:
    """Predict counts of lent bicycles, by Poisson's likelihood, from the hour, the warmth, and whether it rains."""
    generator = torch.Generator().manual_seed(seed)
    hour, warm = 24 * torch.rand(1900, generator=generator), torch.randn(1900, generator=generator)
    rain = (torch.rand(1900, generator=generator) < 0.3).float()
    turn = 2 * math.pi * hour / 24
    rate = (2.0 + 0.8 * torch.sin(turn - 2) + 0.5 * torch.sin(2 * turn) + 0.4 * warm - 0.9 * rain).exp()
    counts = torch.poisson(rate, generator=generator)[:, None]
    x = torch.stack([turn.sin(), turn.cos(), (2 * turn).sin(), (2 * turn).cos(), warm, rain], 1)

    def explained(outputs: Tensor, targets: Tensor) -> float:
        return scores.r2(outputs.exp(), targets)

    data = taken(x, counts, 1300)
    return case(
        seed, lambda: layers(6, 32, 1), data.rows, data.test, loss=nn.PoissonNLLLoss(), score=explained,
        optimizer=adam(5e-3), epochs=25,
    )  # fmt: skip


class Liked(nn.Module):
    """A vector for each person and each film, and how well the two agree, beside what each is liked in general."""

    def __init__(self, people: int, films: int, width: int) -> None:
        super().__init__()
        self.vectors, self.general = nn.Embedding(people + films, width), nn.Embedding(people + films, 1)
        nn.init.normal_(self.vectors.weight, std=0.3)
        nn.init.zeros_(self.general.weight)
        self.all = nn.Parameter(torch.zeros(1))

    def forward(self, x: Tensor) -> Tensor:
        person, film = self.vectors(x).unbind(1)
        outputs: Tensor = (person * film).sum(1, keepdim=True) + self.general(x).sum(1) + self.all
        return outputs


def stars_of_people_for_films(seed: int) -> Case:
    """Factorize who likes which film: sixty people, forty films, two thirds of all pairs."""
    generator = torch.Generator().manual_seed(seed)
    people, films = (0.9 * torch.randn(count, 3, generator=generator) for count in (60, 40))
    pairs = torch.cartesian_prod(torch.arange(60), torch.arange(40))[torch.randperm(2400, generator=generator)]
    stars = (people[pairs[:, 0]] * films[pairs[:, 1]]).sum(1) + 0.6 * torch.randn(60, generator=generator)[pairs[:, 0]]
    stars = stars + 0.4 * torch.randn(2400, generator=generator)
    data = taken(pairs + torch.tensor([0, 60]), stars[:, None], 1600)
    return case(
        seed, lambda: Liked(60, 40, 4), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(1e-2, weight_decay=1e-4), epochs=40,
    )  # fmt: skip


def all_rows_and_a_step_for_each_weight(seed: int) -> Case:
    """Fit a smooth surface to all rows at once by Rprop, which is made for that."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1100, 4, generator=generator)
    y = torch.tanh(x[:, :1] * x[:, 1:2]) + 0.5 * x[:, 2:3] + 0.1 * torch.randn(1100, 1, generator=generator)
    data = taken(x, y, 600)
    return case(
        seed, lambda: layers(4, 24, 1, activation=nn.Tanh), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=lambda parameters: torch.optim.Rprop(parameters, lr=0.01), epochs=150, batch_size=600,
    )  # fmt: skip


def digits_through_their_main_directions(seed: int) -> Case:
    """Reduce pictures to their twenty main directions by a layer that is computed and then left as it is."""
    data = rows.gray_digits(seed, training=1000)
    middle = data.rows[0].mean(0)
    directions = torch.linalg.svd(data.rows[0] - middle, full_matrices=False)[2][:20]

    def model() -> nn.Module:
        first = nn.Linear(64, 20)
        with torch.no_grad():
            first.weight.copy_(directions)
            first.bias.copy_(-directions @ middle)
        first.requires_grad_(False)
        return nn.Sequential(first, nn.Linear(20, 64), nn.ReLU(), nn.Linear(64, 10))

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class, optimizer=adam(3e-3),
        epochs=15,
    )  # fmt: skip


def raw_tumors_normalized_by_the_first_layer(seed: int) -> Case:
    """Give measurements as they are to a network whose first layer normalizes them."""
    data = rows.tumors(seed)

    def model() -> nn.Module:
        return nn.Sequential(nn.BatchNorm1d(30), nn.Linear(30, 16), nn.ReLU(), nn.Linear(16, 1))

    return case(
        seed, model, data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=adam(5e-3),
        epochs=15,
    )  # fmt: skip


class Passed(nn.Module):
    """Convolutions that add to what goes past them, each pair normalized."""

    def __init__(self, channels: int, blocks: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, channels, 3, padding=1)
        self.blocks = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels), nn.ReLU(),
                nn.Conv2d(channels, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels),
            )
            for _ in range(blocks)
        )  # fmt: skip
        self.head = nn.Linear(channels * 16, 10)

    def forward(self, x: Tensor) -> Tensor:
        x = nn.functional.max_pool2d(self.first(x).relu(), 2)
        for block in self.blocks:
            x = (x + block(x)).relu()
        outputs: Tensor = self.head(x.flatten(1))
        return outputs


def eight_blocks_that_let_pictures_pass(seed: int) -> Case:
    """Tell digits by a deep residual network of normalized convolutions."""
    data = rows.pictures(rows.gray_digits(seed, training=800))
    return case(
        seed, lambda: Passed(8, 8), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=sgd(0.02, momentum=0.9, weight_decay=5e-4), epochs=8,
    )  # fmt: skip


class Kept(nn.Module):
    """A plain recurrence of rectified units that begins by keeping its state."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.recurrent = nn.RNN(inputs, width, nonlinearity="relu", batch_first=True)
        self.head = nn.Linear(width, 1)
        named = dict(self.recurrent.named_parameters())
        nn.init.eye_(named["weight_hh_l0"])
        nn.init.zeros_(named["bias_hh_l0"])
        nn.init.zeros_(named["bias_ih_l0"])

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.recurrent(x)[0][:, -1])
        return outputs


def marked_numbers_added_up(seed: int) -> Case:
    """Add up the numbers that are marked in a row of twenty, by a recurrence that begins as the identity."""
    generator = torch.Generator().manual_seed(seed)
    numbers = torch.rand(1500, 20, generator=generator)
    marks = (torch.rand(1500, 20, generator=generator) < 0.2).float()
    y = (numbers * marks).sum(1, keepdim=True) - 2
    data = taken(torch.stack([numbers, marks], 2), y, 1000)
    return case(
        seed, lambda: Kept(2, 24), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(3e-3),
        epochs=25,
    )  # fmt: skip


def throws_that_lean_a_little(seed: int) -> Case:
    """Foresee what is nearly chance: the best that can be done is right in six of ten."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(3500, 8, generator=generator)
    y = (0.35 * x[:, 0] - 0.3 * x[:, 1] + 0.2 * x[:, 2] > torch.randn(3500, generator=generator)).float()[:, None]
    data = taken(x, y, 1500)
    return case(
        seed, lambda: layers(8, 16, 1, activation=nn.GELU), data.rows, data.test, loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=adam(2e-3, weight_decay=1e-4), epochs=8,
    )  # fmt: skip


FAULTY = (
    Faulty(build=charges_as_they_stand_in_the_bill, causes=("unscaled_inputs",), accepted=("saturated_units",)),
    Faulty(build=three_penguins_in_grams_and_shares, causes=("unscaled_inputs", "wrong_output_activation")),
    Faulty(
        build=a_loss_of_nothing_from_the_first_step,
        causes=("wrong_loss",),
        accepted=("wrong_output_activation", "not_learning"),
    ),
    Faulty(
        build=weights_drawn_between_zero_and_one, causes=("poor_initialization",), accepted=("exploding_gradients",)
    ),
    Faulty(build=two_halves_joined_below_each_other, causes=("not_learning",), accepted=("underfitting",)),
    Faulty(build=shares_for_marks_of_minus_one, causes=("wrong_output_activation",), accepted=("wrong_loss",)),
    Faulty(build=columns_divided_by_their_variance, causes=("unscaled_inputs",)),
    Faulty(build=patients_known_by_heart, causes=("overfitting",), accepted=("too_few_rows",)),
    Faulty(build=corners_that_are_never_lit, causes=("non_finite_values",), modality="image"),
    Faulty(build=penguins_in_the_order_of_their_file, causes=("unshuffled_data",)),
    Faulty(build=inputs_dropped_before_they_are_read, causes=("underfitting",)),
    Faulty(
        build=pictures_that_roll_on_and_on,
        causes=("learning_rate_too_high",),
        accepted=("unstable_loss", "dead_units", "exploding_gradients", "non_finite_values"),
        modality="image",
    ),
    Faulty(build=a_body_kept_that_was_never_trained, causes=("frozen_parameters",)),
    Faulty(
        build=attention_in_steps_of_a_hundred_thousandth,
        causes=("learning_rate_too_low", "stopped_too_early"),
        modality="sequence",
    ),
)  # fmt: skip

HEALTHY = (
    Healthy(build=churn_by_a_straight_line),
    Healthy(build=credits_with_dropout_and_decay),
    Healthy(build=penguins_in_large_steps),
    Healthy(build=pictures_in_one_cycle, modality="image"),
    Healthy(build=ten_questions_for_each_digit, modality="image"),
    Healthy(build=progressions_by_huber),
    Healthy(build=bicycles_by_the_hour),
    Healthy(build=stars_of_people_for_films),
    Healthy(build=all_rows_and_a_step_for_each_weight),
    Healthy(build=digits_through_their_main_directions, modality="image"),
    Healthy(build=raw_tumors_normalized_by_the_first_layer),
    Healthy(build=eight_blocks_that_let_pictures_pass, modality="image"),
    Healthy(build=marked_numbers_added_up, modality="sequence"),
    Healthy(build=throws_that_lean_a_little),
)
