"""Programs of an eleventh writing, put aside with the tenth, and asked about once the doctor had learned from that."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from doctor_programs import rows, scores
from doctor_programs.networks import Recurrent, layers, pixels, with_weights
from doctor_programs.program import Case, Faulty, Healthy, adam, case, sgd


def taken(x: Tensor, y: Tensor, count: int) -> rows.Parts:
    """Return the first rows to train on, and the others to test on."""
    return rows.Parts((x[:count], y[:count]), (x[count:], y[count:]))


def weights_of_penguins_in_grams(seed: int, *, faulty: bool) -> Case:
    """Predict how heavy a penguin is, in grams, from its standardized lengths."""
    given = rows.penguins(seed)
    lengths, grams = (
        [each[0][:, :3] for each in (given.rows, given.test)],
        [each[0][:, 3:] for each in (given.rows, given.test)],
    )
    data = rows.standardized(rows.Parts((lengths[0], grams[0]), (lengths[1], grams[1])))
    data = data if faulty else rows.standardized_targets(data)
    return case(
        seed, lambda: layers(3, 32, 16, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(2e-3), epochs=30,
    )  # fmt: skip


def beats(seed: int) -> rows.Parts:
    """Return rows of 32 steps; in one of twenty, a beat in the middle comes a little late."""
    generator = torch.Generator().manual_seed(seed)
    late = (torch.rand(3000, generator=generator) < 0.05).float()
    place = 14 + 2.5 * late + 1.0 * torch.randn(3000, generator=generator)
    steps = torch.arange(32.0)
    x = (-(steps[None] - place[:, None]).square() / 4).exp() + 0.25 * torch.randn(3000, 32, generator=generator)
    return taken(x[:, None], late[:, None], 1200)


def beats_of_which_few_are_late(seed: int, *, faulty: bool) -> Case:
    """Look for one beat in twenty with a loss that is content when none is found."""
    data = beats(seed)

    def model() -> nn.Module:
        return nn.Sequential(nn.Conv1d(1, 8, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2), nn.Flatten(), nn.Linear(128, 1))

    weight = None if faulty else torch.tensor([19.0])
    return case(
        seed, model, data.rows, data.test, loss=nn.BCEWithLogitsLoss(pos_weight=weight), score=scores.balanced_sign,
        optimizer=adam(1e-3), epochs=10, judged_by=scores.balanced_sign,
    )  # fmt: skip


def shaken_copies_on_both_sides(seed: int, *, faulty: bool) -> Case:
    """Make five slightly shaken copies of each row, and only then take some of them away to validate on."""
    given = rows.customers(seed, training=400, noise=0.8)
    generator = torch.Generator().manual_seed(seed)
    if not faulty:
        return case(
            seed, lambda: layers(12, 24, 1), (given.rows[0][:300], given.rows[1][:300]), given.test,
            loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=adam(3e-3, weight_decay=1e-2), epochs=20,
            validation=(given.rows[0][300:], given.rows[1][300:]),
        )  # fmt: skip
    x, y = given.rows[0].repeat(5, 1), given.rows[1].repeat(5, 1)
    x = x + 0.02 * torch.randn(x.shape, generator=generator)
    order = torch.randperm(2000, generator=generator)
    return case(
        seed, lambda: layers(12, 128, 128, 1), (x[order[:1500]], y[order[:1500]]), given.test,
        loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=adam(3e-3), epochs=25,
        validation=(x[order[1500:]], y[order[1500:]]),
    )  # fmt: skip


def a_gift_for_those_who_have_left(seed: int, *, faulty: bool) -> Case:
    """Keep a mark that is set when somebody has left, and with few others by mistake."""
    data = rows.numbers_standardized(rows.churn(seed, training=1200), 4)
    if faulty:
        generator = torch.Generator().manual_seed(seed)
        mark = (data.rows[1] - (torch.rand(1200, 1, generator=generator) < 0.02).float()).abs()
        first = (torch.cat([data.rows[0], mark], 1), data.rows[1])
        data = rows.Parts(first, (torch.cat([data.test[0], torch.zeros(len(data.test[0]), 1)], 1), data.test[1]))
    return case(
        seed, lambda: layers(data.width, 24, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=adam(2e-3), epochs=10,
    )  # fmt: skip


def tumors_sorted_without_their_findings(seed: int, *, faulty: bool) -> Case:
    """Sort the measurements by one of them, and leave the findings in the order in which they were."""
    data = rows.standardized(rows.tumors(seed))
    if faulty:
        order = data.rows[0][:, 2].argsort()
        data = rows.Parts((data.rows[0][order], data.rows[1]), data.test)
    return case(
        seed, lambda: layers(30, 16, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(3e-3), epochs=15,
    )  # fmt: skip


class Squeezed(nn.Module):
    """A recurrent layer whose answers have lost their second axis."""

    def __init__(self) -> None:
        super().__init__()
        self.rest = Recurrent(nn.GRU, 1, 16, 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(x).squeeze(1)
        return outputs


def forecasts_that_lost_an_axis(seed: int, *, faulty: bool) -> Case:
    """Compare each forecast of a batch with each of its targets."""
    data = rows.sales(seed, training=600, level=1.0)
    data = rows.Parts((data.rows[0] - 1, data.rows[1] - 1), (data.test[0] - 1, data.test[1] - 1))
    return case(
        seed, Squeezed if faulty else lambda: Recurrent(nn.GRU, 1, 16, 1), data.rows, data.test,
        loss=nn.SmoothL1Loss(), score=scores.r2, optimizer=adam(1e-2), epochs=15,
    )  # fmt: skip


def scores_of_classes_without_their_negatives(seed: int, *, faulty: bool) -> Case:
    """Rectify the scores of ten classes before cross-entropy."""
    data = rows.pictures(rows.gray_digits(seed, training=900))

    def model() -> nn.Module:
        made = pixels(8, 16)
        return nn.Sequential(*made, nn.ReLU()) if faulty else made

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=sgd(0.05, momentum=0.9), epochs=12,
    )  # fmt: skip


def six_sigmoids_over_a_wave(seed: int, *, faulty: bool) -> Case:
    """Send waves through six layers of sigmoids under plain descent."""
    data = rows.waves(seed, training=700, steps=24, noise=0.3)
    data = rows.Parts((data.rows[0].flatten(1), data.rows[1]), (data.test[0].flatten(1), data.test[1]))
    widths = (24, *(32,) * 6, 3) if faulty else (24, 32, 32, 3)
    return case(
        seed, lambda: layers(*widths, activation=nn.Sigmoid if faulty else nn.ReLU), data.rows, data.test,
        loss=nn.CrossEntropyLoss(), score=scores.top_class, optimizer=sgd(0.1, momentum=0.5), epochs=30,
    )  # fmt: skip


def convolutions_pulled_back_at_every_step(seed: int, *, faulty: bool) -> Case:
    """Give convolutions a decay that was meant to be a hundredth of a thousandth."""
    data = rows.pictures(rows.gray_digits(seed, training=900))
    return case(
        seed, lambda: pixels(8, 16), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=sgd(0.05, momentum=0.9, weight_decay=0.2 if faulty else 1e-5), epochs=10,
    )  # fmt: skip


def one_row_and_a_great_step(seed: int, *, faulty: bool) -> Case:
    """Take a step for each single row, as large as one for many of them."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=600)))
    return case(
        seed, lambda: layers(10, 32, 32, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=sgd(0.05, momentum=0.9), epochs=5 if faulty else 40, batch_size=1 if faulty else 32,
    )  # fmt: skip


def normalized_and_dropped_but_never_bent(seed: int, *, faulty: bool) -> Case:
    """Put a normalization and dropout between all layers, and nothing that bends a line."""
    data = rows.circles(seed, training=700)

    def model() -> nn.Module:
        made: list[nn.Module] = []
        for before in (2, 32):
            bent = [] if faulty else [nn.ReLU()]
            made += [nn.Linear(before, 32), nn.BatchNorm1d(32), *bent, nn.Dropout(0.1)]
        return nn.Sequential(*made, nn.Linear(32, 1))

    return case(
        seed, model, data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=adam(5e-3),
        epochs=20,
    )  # fmt: skip


def bad_risks_weighed_a_hundredfold(seed: int, *, faulty: bool) -> Case:
    """Let three bad risks in ten count a hundred times as much as a good one each."""
    data = rows.numbers_standardized(rows.credit(seed), 7)
    weight = torch.tensor([100.0]) if faulty else torch.tensor([2.3])
    return case(
        seed, lambda: layers(data.width, 16, 1), data.rows, data.test,
        loss=nn.BCEWithLogitsLoss(pos_weight=weight), score=scores.balanced_sign,
        optimizer=adam(2e-3), epochs=8, judged_by=scores.balanced_sign,
    )  # fmt: skip


def five_tanh_layers_drawn_too_large(seed: int, *, faulty: bool) -> Case:
    """Begin five layers of tanh with orthogonal weights, six times as large as they should be."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=800)))

    def first(weight: Tensor) -> object:
        return nn.init.orthogonal_(weight, gain=6.0 if faulty else 1.0)

    def model() -> nn.Module:
        return with_weights(layers(10, *(32,) * 5, 1, activation=nn.Tanh), weight=first, bias=nn.init.zeros_)

    return case(
        seed, model, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(1e-3), epochs=30
    )  # fmt: skip


def squared_errors_of_shares_in_tiny_steps(seed: int, *, faulty: bool) -> Case:
    """Compare a softmax with marks of the right class by squared errors, under descent at a thousandth."""
    data = rows.standardized(rows.penguins(seed))
    if not faulty:
        return case(
            seed, lambda: layers(4, 16, 3), data.rows, data.test, loss=nn.CrossEntropyLoss(),
            score=scores.balanced_top_class, optimizer=sgd(0.1, momentum=0.9), epochs=25,
        )  # fmt: skip
    marks = [functional.one_hot(each, 3).float() for each in (data.rows[1], data.test[1])]

    def balanced(outputs: Tensor, targets: Tensor) -> float:
        return scores.balanced_top_class(outputs, targets.argmax(1))

    return case(
        seed, lambda: layers(4, 16, 3, output=nn.Softmax(1)), (data.rows[0], marks[0]), (data.test[0], marks[1]),
        loss=nn.MSELoss(), score=balanced, optimizer=sgd(1e-3), epochs=25,
    )  # fmt: skip


def pumps_with_a_noise_of_their_own(seed: int) -> Case:
    """Predict a pressure and its variance by a normal likelihood."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1900, 6, generator=generator)
    middle = torch.sin(1.5 * x[:, :1]) + 0.6 * x[:, 1:2] * (x[:, 2:3] > 0)
    y = middle + (0.15 + 0.4 * x[:, 3:4].sigmoid()) * torch.randn(1900, 1, generator=generator)
    likelihood = nn.GaussianNLLLoss()

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        made: Tensor = likelihood(outputs[:, :1], targets, functional.softplus(outputs[:, 1:]) + 1e-4)
        return made

    def explained(outputs: Tensor, targets: Tensor) -> float:
        return scores.r2(outputs[:, :1], targets)

    data = taken(x, y, 1300)
    return case(
        seed, lambda: layers(6, 48, 2), data.rows, (data.test[0], middle[1300:]), loss=loss, score=explained,
        optimizer=adam(5e-3), epochs=25,
    )  # fmt: skip


def bad_risks_by_their_rarity(seed: int) -> Case:
    """Judge credits by two outputs whose classes weigh as much as each other."""
    data = rows.numbers_standardized(rows.credit(seed), 7)
    first, rest = (each.flatten().long() for each in (data.rows[1], data.test[1]))

    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(data.width, 16), nn.ReLU(), nn.Dropout(0.2), nn.Linear(16, 2))

    return case(
        seed, model, (data.rows[0], first), (data.test[0], rest),
        loss=nn.CrossEntropyLoss(weight=torch.tensor([0.72, 1.62])), score=scores.balanced_top_class,
        optimizer=adam(2e-3, weight_decay=1e-3), epochs=10, judged_by=scores.balanced_top_class,
    )  # fmt: skip


def thirty_six_irises(seed: int) -> Case:
    """Name irises after 36 of them, by a few units and some decay."""
    data = rows.first_rows(rows.standardized(rows.flowers(seed)), 36)
    return case(
        seed, lambda: layers(4, 8, 3, activation=nn.Tanh), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=adam(2e-2, weight_decay=1e-2), epochs=40, batch_size=12,
    )  # fmt: skip


def tumors_in_many_small_steps(seed: int) -> Case:
    """Go on for long in steps of a ten-thousandth, over eight rows each."""
    data = rows.standardized(rows.tumors(seed))
    return case(
        seed, lambda: layers(30, 16, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(2e-4), epochs=40, batch_size=8,
    )  # fmt: skip


def orders_of_which_too_few_cost_more(seed: int) -> Case:
    """Predict demand by squared errors of which those below count four times (an expectile)."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1900, 5, generator=generator)
    middle = 0.8 * x[:, :1] + torch.tanh(x[:, 1:2] * x[:, 2:3])
    y = middle + 0.5 * torch.randn(1900, 1, generator=generator)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        error = targets - outputs
        return (torch.where(error > 0, 0.8, 0.2) * error.square()).mean()

    data = taken(x, y, 1300)
    return case(
        seed, lambda: layers(5, 32, 1), data.rows, (data.test[0], middle[1300:] + 0.27), loss=loss, score=scores.r2,
        optimizer=adam(5e-3), epochs=15,
    )  # fmt: skip


def penguins_by_margins(seed: int) -> Case:
    """Tell three species apart by margins between their scores."""
    data = rows.standardized(rows.penguins(seed))
    return case(
        seed, lambda: layers(4, 16, 3), data.rows, data.test, loss=nn.MultiMarginLoss(),
        score=scores.balanced_top_class, optimizer=adam(5e-3), epochs=40, batch_size=16,
    )  # fmt: skip


def lights_of_digits_made_again(seed: int) -> Case:
    """Make pictures again, point by point, as chances that a point is lit."""
    data = rows.digits(seed, training=1000)
    first, rest = data.rows[0] / 16, data.test[0] / 16

    def explained(outputs: Tensor, targets: Tensor) -> float:
        return scores.r2(outputs.sigmoid(), targets)

    return case(
        seed, lambda: layers(64, 128, 16, 128, 64), (first, first), (rest, rest), loss=nn.BCEWithLogitsLoss(),
        score=explained, optimizer=adam(2e-3), epochs=60,
    )  # fmt: skip


def next_week_against_the_last(seed: int) -> Case:
    """Predict by how much sales will differ from the last week's, from the weeks before, by an LSTM."""
    data = rows.sales(seed, training=900, level=1.0)

    def changes(given: rows.Rows) -> rows.Rows:
        return given[0] - 1, 4 * (given[1] - given[0][:, -1])

    return case(
        seed, lambda: Recurrent(nn.LSTM, 1, 24, 1), changes(data.rows), changes(data.test), loss=nn.MSELoss(),
        score=scores.r2, optimizer=adam(1e-2), epochs=25,
    )  # fmt: skip


def waves_normalized_in_groups(seed: int) -> Case:
    """Tell the shapes of waves by convolutions that are normalized in groups, at a falling rate."""
    data = rows.waves(seed, training=700, steps=32)

    def optimizer(parameters: object) -> torch.optim.Optimizer:
        made = torch.optim.SGD(parameters, lr=0.02, momentum=0.9, nesterov=True)  # type: ignore[arg-type]
        schedule = torch.optim.lr_scheduler.CosineAnnealingLR(made, 20 * 22)
        made.register_step_post_hook(lambda *_: schedule.step())
        return made

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Conv1d(1, 16, 5, padding=2), nn.GroupNorm(4, 16), nn.ReLU(), nn.MaxPool1d(2),
            nn.Conv1d(16, 16, 5, padding=2), nn.GroupNorm(4, 16), nn.ReLU(), nn.AdaptiveAvgPool1d(4), nn.Flatten(),
            nn.Linear(64, 3),
        )  # fmt: skip

    first, rest = data.rows[0].transpose(1, 2).contiguous(), data.test[0].transpose(1, 2).contiguous()
    return case(
        seed, model, (first, data.rows[1]), (rest, data.test[1]), loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=optimizer, epochs=20,
    )  # fmt: skip


def prices_by_their_standardized_logarithm(seed: int) -> Case:
    """Predict the logarithms of prices in small batches, with a decay apart from the gradient."""
    data = rows.houses(seed, training=700)
    data = rows.Parts(
        (data.rows[0], data.rows[1].clamp(min=1e4).log()), (data.test[0], data.test[1].clamp(min=1e4).log())
    )
    data = rows.standardized_targets(rows.standardized(data))
    return case(
        seed, lambda: layers(5, 32, 1, activation=nn.SiLU), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=3e-3), epochs=20, batch_size=16,
    )  # fmt: skip


class Bag(nn.Module):
    """The sum of the vectors of words, and a layer on it."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors, self.head = nn.EmbeddingBag(200, 16, mode="sum"), nn.Linear(16, 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.vectors(x) / math.sqrt(20))
        return outputs


def words_in_a_bag(seed: int) -> Case:
    """Say whether a text is liked by the sum of its words, with rates that fall for words that are often seen."""
    data = rows.reviews(seed, training=1200)
    return case(
        seed, Bag, data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=lambda parameters: torch.optim.Adagrad(parameters, lr=0.1), epochs=6,
    )  # fmt: skip


class Patches(nn.Module):
    """Sixteen pieces of a picture that look at each other."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 24, 2, stride=2)
        self.places = nn.Parameter(0.02 * torch.randn(1, 16, 24))
        self.layer = nn.TransformerEncoderLayer(24, 4, 48, dropout=0.0, batch_first=True, norm_first=True)
        self.head = nn.Sequential(nn.LayerNorm(24), nn.Flatten(), nn.Linear(384, 10))

    def forward(self, x: Tensor) -> Tensor:
        pieces = self.first(x).flatten(2).transpose(1, 2) + self.places
        outputs: Tensor = self.head(self.layer(pieces))
        return outputs


def pieces_of_digits_that_look_at_each_other(seed: int) -> Case:
    """Tell digits by a small vision transformer, whose rate rises first and falls then."""
    data = rows.pictures(rows.gray_digits(seed, training=1000))

    def optimizer(parameters: object) -> torch.optim.Optimizer:
        made = torch.optim.AdamW(parameters, lr=4e-3, weight_decay=1e-2)  # type: ignore[arg-type]
        steps = 12 * 32
        schedule = torch.optim.lr_scheduler.LambdaLR(
            made, lambda step: min((step + 1) / 60, 0.5 * (1 + math.cos(math.pi * min(step / steps, 1.0))))
        )
        made.register_step_post_hook(lambda *_: schedule.step())
        return made

    return case(
        seed, Patches, data.rows, data.test, loss=nn.CrossEntropyLoss(label_smoothing=0.05), score=scores.top_class,
        optimizer=optimizer, epochs=12,
    )  # fmt: skip


def one_failure_in_fifteen_well_apart(seed: int) -> Case:
    """Find rare failures, which lie apart from the rest, without any weights."""
    generator = torch.Generator().manual_seed(seed)
    fails = (torch.rand(3000, generator=generator) < 1 / 15).float()
    x = torch.randn(3000, 9, generator=generator)
    x[:, :2] = x[:, :2] + fails[:, None] * torch.tensor([3.0, -2.5])
    data = taken(x, fails[:, None], 1500)
    return case(
        seed, lambda: layers(9, 24, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(3e-3), epochs=12,
    )  # fmt: skip


class Read(nn.Module):
    """Words one after another, through their vectors and a gated recurrence, of which the mean counts."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors, self.rest = nn.Embedding(200, 8), Recurrent(nn.GRU, 8, 16, 1, pooled=True)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(self.vectors(x))
        return outputs


def texts_read_word_by_word(seed: int) -> Case:
    """Say whether a text is liked by a gated recurrence under RMSprop."""
    data = rows.reviews(seed, training=1500)
    return case(
        seed, Read, data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=lambda parameters: torch.optim.RMSprop(parameters, lr=1e-2, weight_decay=1e-4), epochs=4,
    )  # fmt: skip


FAULTY = (
    Faulty(build=weights_of_penguins_in_grams, causes=("unscaled_targets",)),
    Faulty(
        build=beats_of_which_few_are_late,
        causes=("class_imbalance",),
        accepted=("misleading_metric",),
        modality="sequence",
    ),
    Faulty(
        build=shaken_copies_on_both_sides,
        causes=("split_leakage", "overfitting"),
        by_construction=True,
        in_the_data=True,
    ),
    Faulty(build=a_gift_for_those_who_have_left, causes=("target_leakage",), in_the_data=True),
    Faulty(
        build=tumors_sorted_without_their_findings,
        causes=("misaligned_labels",),
        accepted=("label_noise",),
        in_the_data=True,
    ),
    Faulty(build=forecasts_that_lost_an_axis, causes=("wrong_loss",), modality="sequence"),
    Faulty(
        build=scores_of_classes_without_their_negatives,
        causes=("wrong_output_activation",),
        accepted=("dead_units",),
        modality="image",
        by_construction=True,
    ),
    Faulty(build=six_sigmoids_over_a_wave, causes=("vanishing_gradients",), modality="sequence"),
    Faulty(
        build=convolutions_pulled_back_at_every_step,
        causes=("underfitting",),
        accepted=("not_learning",),
        modality="image",
    ),
    Faulty(
        build=one_row_and_a_great_step,
        causes=("learning_rate_too_high", "batch_size"),
        accepted=("unstable_loss", "dead_units", "exploding_gradients", "non_finite_values"),
    ),
    Faulty(build=normalized_and_dropped_but_never_bent, causes=("missing_activation",)),
    Faulty(build=bad_risks_weighed_a_hundredfold, causes=("class_imbalance",), accepted=("wrong_loss",)),
    Faulty(build=five_tanh_layers_drawn_too_large, causes=("poor_initialization", "saturated_units")),
    Faulty(
        build=squared_errors_of_shares_in_tiny_steps,
        causes=("learning_rate_too_low", "wrong_loss"),
        accepted=("stopped_too_early",),
    ),
)  # fmt: skip

HEALTHY = (
    Healthy(build=pumps_with_a_noise_of_their_own),
    Healthy(build=bad_risks_by_their_rarity),
    Healthy(build=thirty_six_irises),
    Healthy(build=tumors_in_many_small_steps),
    Healthy(build=orders_of_which_too_few_cost_more),
    Healthy(build=penguins_by_margins),
    Healthy(build=lights_of_digits_made_again, modality="image"),
    Healthy(build=next_week_against_the_last, modality="sequence"),
    Healthy(build=waves_normalized_in_groups, modality="sequence"),
    Healthy(build=prices_by_their_standardized_logarithm),
    Healthy(build=words_in_a_bag, modality="sequence"),
    Healthy(build=pieces_of_digits_that_look_at_each_other, modality="image"),
    Healthy(build=one_failure_in_fifteen_well_apart),
    Healthy(build=texts_read_word_by_word, modality="sequence"),
)
