"""Programs on tables that nobody had seen, written before anything was changed for them."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from doctor_programs import rows, scores
from doctor_programs.networks import layers
from doctor_programs.program import Case, Faulty, Healthy, Rows, adam, case, sgd


def drawn(seed: int, count: int, width: int) -> tuple[Tensor, torch.Generator]:
    """Return standard normal rows and the generator that goes on behind them."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, width, generator=generator), generator


def divided(x: Tensor, y: Tensor, training: int) -> tuple[Rows, Rows]:
    """Return the first rows to train on, and the rest."""
    return (x[:training], y[:training]), (x[training:], y[training:])


def a_class_taken_for_padding(seed: int, *, faulty: bool) -> Case:
    """Tell the loss to leave out the number 0, which is a class."""
    data = rows.groups(seed)
    loss = nn.CrossEntropyLoss(ignore_index=0) if faulty else nn.CrossEntropyLoss()
    return case(
        seed, lambda: layers(10, 32, 4), data.rows, data.test, loss=loss, score=scores.top_class,
        optimizer=adam(5e-3), epochs=15,
    )  # fmt: skip


def directions_that_are_turned_away_from(seed: int, *, faulty: bool) -> Case:
    """Minimize the likeness of two directions, which is greatest where they agree."""
    x, _ = drawn(seed, 1200, 8)
    turn = torch.randn(8, 3, generator=torch.Generator().manual_seed(3))
    y = functional.normalize(torch.tanh(x) @ turn, dim=1)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        likeness = functional.cosine_similarity(outputs, targets, dim=1).mean()
        return likeness if faulty else 1 - likeness

    def score(outputs: Tensor, targets: Tensor) -> float:
        return float(functional.cosine_similarity(outputs, targets, dim=1).mean())

    return case(
        seed, lambda: layers(8, 32, 3), *divided(x, y, 700), loss=loss, score=score, optimizer=adam(3e-3), epochs=20
    )


class Noisy(nn.Module):
    """Layers between which most units are left out, in prediction too."""

    def __init__(self, *widths: int, always: bool) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(before, after) for before, after in pairwise(widths))
        self.always = always

    def forward(self, x: Tensor) -> Tensor:
        for layer in self.layers[:-1]:
            x = functional.dropout(torch.relu(layer(x)), 0.4, training=self.training or self.always)
        outputs: Tensor = self.layers[-1](x)
        return outputs


def units_left_out_in_prediction_too(seed: int, *, faulty: bool) -> Case:
    """Call dropout as a function that does not know when a network only predicts."""
    data = rows.standardized_targets(rows.standardized(rows.houses(seed)))
    return case(
        seed, lambda: Noisy(5, 24, 24, 1, always=faulty), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(3e-3), epochs=20,
    )  # fmt: skip


def means_that_are_never_updated(seed: int, *, faulty: bool) -> Case:
    """Normalize by batches in training, and by means that hardly move in prediction."""
    data = rows.tumors(seed)
    momentum = 1e-4 if faulty else 0.1

    def model() -> nn.Module:
        return nn.Sequential(
            nn.BatchNorm1d(30, momentum=momentum), nn.Linear(30, 32), nn.BatchNorm1d(32, momentum=momentum),
            nn.ReLU(), nn.Linear(32, 1),
        )  # fmt: skip

    return case(
        seed, model, data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=adam(5e-3),
        epochs=20,
    )  # fmt: skip


class Between(nn.Module):
    """Outputs cut to what lies between 0 and 1."""

    def forward(self, x: Tensor) -> Tensor:
        return x.clamp(0.0, 1.0)


def progressions_cut_to_one(seed: int, *, faulty: bool) -> Case:
    """Cut outputs to between 0 and 1, though standardized targets are not."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    return case(
        seed, lambda: layers(10, 32, 1, output=Between() if faulty else None), data.rows, data.test,
        loss=nn.MSELoss(), score=scores.r2, optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


class Anew(nn.Module):
    """A network whose first layer is made when it is called."""

    def __init__(self, inputs: int, width: int, *, anew: bool) -> None:
        super().__init__()
        self.first = None if anew else nn.Linear(inputs, width)
        self.inputs, self.width = inputs, width
        self.rest = nn.Sequential(nn.ReLU(), nn.Linear(width, 1))

    def forward(self, x: Tensor) -> Tensor:
        first = nn.Linear(self.inputs, self.width) if self.first is None else self.first
        outputs: Tensor = self.rest(first(x))
        return outputs


def a_layer_made_in_every_call(seed: int, *, faulty: bool) -> Case:
    """Make the first layer where it is called, so that it is another one each time."""
    data = rows.customers(seed)
    return case(
        seed, lambda: Anew(12, 32, anew=faulty), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(5e-3), epochs=15,
    )  # fmt: skip


def weights_of_a_model_that_was_replaced(seed: int, *, faulty: bool) -> Case:
    """Give the optimizer the weights of the network that was there before."""
    data = rows.standardized(rows.wines(seed))
    before = layers(13, 16, 3)

    def optimizer(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.Adam(before.parameters() if faulty else parameters, lr=1e-2)

    return case(
        seed, lambda: layers(13, 16, 3), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=optimizer, epochs=20,
    )  # fmt: skip


def two_decays_exchanged(seed: int, *, faulty: bool) -> Case:
    """Give Adam the decay of its squares for that of its mean, and the reverse."""
    data = rows.standardized_targets(rows.standardized(rows.houses(seed)))
    betas = (0.999, 0.9) if faulty else (0.9, 0.999)
    return case(
        seed, lambda: layers(5, 32, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(1e-2, betas=betas), epochs=8,
    )  # fmt: skip


def a_body_that_crawls_behind_its_head(seed: int, *, faulty: bool) -> Case:
    """Give all layers but the last a rate with a few zeros too many."""
    data = rows.circles(seed)

    def optimizer(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        known = list(parameters)
        body = {"params": known[:-2], "lr": 1e-7 if faulty else 1e-2}
        return torch.optim.Adam([body, {"params": known[-2:], "lr": 1e-2}])

    return case(
        seed, lambda: layers(2, 6, 6, 1, activation=nn.Tanh), data.rows, data.test, loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=optimizer, epochs=20,
    )  # fmt: skip


def streets_by_their_number(seed: int, *, faulty: bool) -> Case:
    """Hand over the number of a street as a quantity, though neighbors have nothing in common."""
    generator = torch.Generator().manual_seed(seed)
    street = torch.randint(0, 30, (1600,), generator=generator)
    level = torch.randn(30, generator=torch.Generator().manual_seed(2))
    others = torch.randn(1600, 3, generator=generator)
    y = level[street][:, None] + 0.4 * others[:, :1] + 0.2 * torch.randn(1600, 1, generator=generator)
    column = street[:, None].float() if faulty else functional.one_hot(street, 30).float()
    x = torch.cat([column, others], 1)
    return case(
        seed, lambda: layers(x.shape[1], 32, 1), *divided(x, y, 1000), loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


def cells_of_minus_nine_nine_nine(seed: int, *, faulty: bool) -> Case:
    """Leave the number that stands for nothing in one cell of twelve."""
    data = rows.standardized(rows.customers(seed))
    generator = torch.Generator().manual_seed(seed)

    def with_gaps(x: Tensor) -> Tensor:
        return torch.where(torch.rand(x.shape, generator=generator) < 1 / 12, -999.0 if faulty else 0.0, x)

    return case(
        seed, lambda: layers(12, 32, 1), (with_gaps(data.rows[0]), data.rows[1]),
        (with_gaps(data.test[0]), data.test[1]), loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=sgd(0.05, momentum=0.9), epochs=15,
    )  # fmt: skip


def a_column_of_the_same_year(seed: int, *, faulty: bool) -> Case:
    """Keep a column that has the same year in every row."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))

    def with_year(x: Tensor) -> Tensor:
        return torch.cat([x, torch.full((len(x), 1), 2026.0 if faulty else 0.0)], 1)

    return case(
        seed, lambda: layers(11, 32, 1), (with_year(data.rows[0]), data.rows[1]),
        (with_year(data.test[0]), data.test[1]), loss=nn.MSELoss(), score=scores.r2, optimizer=adam(5e-3), epochs=15,
    )  # fmt: skip


def leavers_who_were_never_entered(seed: int, *, faulty: bool) -> Case:
    """Train on marks that half of those who left never got."""
    data = rows.customers(seed, noise=0.2)
    x, y = data.rows
    if faulty:
        generator = torch.Generator().manual_seed(seed)
        y = torch.where(torch.rand(y.shape, generator=generator) < 0.55, 0.0, y)
    return case(
        seed, lambda: layers(12, 32, 1), (x, y), data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(5e-3), epochs=10,
    )  # fmt: skip


def columns_explained(outputs: Tensor, targets: Tensor) -> float:
    """Return the mean over columns of the share of variance that is explained."""
    return sum(scores.r2(outputs[:, each], targets[:, each]) for each in range(targets.shape[1])) / targets.shape[1]


def a_share_beside_an_amount(seed: int, *, faulty: bool) -> Case:
    """Predict an amount of thousands and a share with one squared error."""
    x, generator = drawn(seed, 1400, 6)
    share = torch.sigmoid(x[:, :1] * x[:, 1:2] + x[:, 2:3])
    amount = torch.tanh(x[:, 3:4]) + x[:, 4:5] + 0.1 * torch.randn(1400, 1, generator=generator)
    y = torch.cat([30.0 * amount, share] if faulty else [amount, 4 * share], 1)
    return case(
        seed, lambda: layers(6, 48, 2), *divided(x, y, 800), loss=nn.MSELoss(), score=columns_explained,
        optimizer=adam(5e-3), epochs=25, judged_by=columns_explained,
    )  # fmt: skip


def visits_of_patients_on_both_sides(seed: int, *, faulty: bool) -> Case:
    """Hold out visits, when what is asked for are patients."""
    generator = torch.Generator().manual_seed(seed)
    person = torch.randn(400, 12, generator=generator)
    ill = (person[:, :1] + 0.3 * torch.randn(400, 1, generator=generator) > 0).float()
    visits = person[:, None] + 0.02 * torch.randn(400, 10, 12, generator=generator)
    marks = ill[:, None].expand(-1, 10, -1)
    known, held = (visits[:200, :7], marks[:200, :7]), (visits[200:280], marks[200:280])
    if faulty:
        held = (visits[:200, 7:], marks[:200, 7:])
    return case(
        seed, lambda: layers(12, 64, 1), (known[0].reshape(-1, 12), known[1].reshape(-1, 1)),
        (visits[280:].reshape(-1, 12), marks[280:].reshape(-1, 1)), loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(1e-3), epochs=8,
        validation=(held[0].reshape(-1, 12), held[1].reshape(-1, 1)),
    )  # fmt: skip


def one_share_among_labels_in_small_steps(seed: int, *, faulty: bool) -> Case:
    """Let labels that go together compete for one share, and take steps too small to see it."""
    data = rows.standardized(rows.tags(seed))
    output = nn.Softmax(dim=1) if faulty else nn.Sigmoid()
    return case(
        seed, lambda: layers(10, 32, 6, output=output), data.rows, data.test, loss=nn.BCELoss(), score=scores.half,
        optimizer=sgd(2e-3) if faulty else adam(1e-2), epochs=15,
    )  # fmt: skip


def shares_into_a_likelihood_of_raw_wines(seed: int, *, faulty: bool) -> Case:
    """Hand shares to a loss that asks for their logarithms, and measurements as they are to the network."""
    data = rows.wines(seed) if faulty else rows.standardized(rows.wines(seed))
    output = nn.Softmax(dim=1) if faulty else nn.LogSoftmax(dim=1)
    return case(
        seed, lambda: layers(13, 24, 3, output=output), data.rows, data.test, loss=nn.NLLLoss(),
        score=scores.top_class, optimizer=sgd(1e-2, momentum=0.9), epochs=30, batch_size=16,
    )  # fmt: skip


def incomes_with_a_long_tail(seed: int, *, faulty: bool) -> Case:
    """Divide amounts by a spread that a few of them make, which leaves nearly all in one place."""
    x, generator = drawn(seed, 1500, 6)
    y = torch.sin(2 * x[:, :1]) + x[:, 1:2] * x[:, 2:3] + 0.2 * torch.randn(1500, 1, generator=generator)
    skewed = torch.exp(2.5 * x) if faulty else x
    data = rows.standardized(rows.Parts(*divided(skewed, y, 900)))
    return case(
        seed, lambda: layers(6, 32, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(1e-2), epochs=30,
    )  # fmt: skip


def logarithms_of_shares_that_change_nothing(seed: int) -> Case:
    """End in a log-softmax before cross-entropy, which takes it once more and finds the same."""
    data = rows.standardized(rows.wines(seed))
    return case(
        seed, lambda: layers(13, 24, 3, output=nn.LogSoftmax(dim=1)), data.rows, data.test,
        loss=nn.CrossEntropyLoss(), score=scores.top_class, optimizer=adam(1e-2), epochs=15,
    )  # fmt: skip


def classes_that_begin_with_one(seed: int) -> Case:
    """Number classes from 1, and leave an output that no row asks for."""
    data = rows.groups(seed)
    return case(
        seed, lambda: layers(10, 32, 5), (data.rows[0], data.rows[1] + 1), (data.test[0], data.test[1] + 1),
        loss=nn.CrossEntropyLoss(), score=scores.top_class, optimizer=sgd(0.05, momentum=0.9), epochs=15,
    )  # fmt: skip


class Street(nn.Module):
    """A number of a street that stands for a vector, beside columns that are numbers."""

    def __init__(self, streets: int, others: int) -> None:
        super().__init__()
        self.vectors = nn.Embedding(streets, 4)
        self.rest = layers(4 + others, 32, 1)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(torch.cat([self.vectors(x[:, 0].long()), x[:, 1:]], 1))
        return outputs


def a_vector_for_every_street(seed: int) -> Case:
    """Look up the number of a street within the network."""
    generator = torch.Generator().manual_seed(seed)
    street = torch.randint(0, 20, (1600,), generator=generator)
    level = torch.randn(20, generator=torch.Generator().manual_seed(2))
    others = torch.randn(1600, 3, generator=generator)
    y = level[street][:, None] + others[:, :1] + 0.2 * torch.randn(1600, 1, generator=generator)
    x = torch.cat([street[:, None].float(), others], 1)
    return case(
        seed, lambda: Street(20, 3), *divided(x, y, 1000), loss=nn.MSELoss(), score=scores.r2, optimizer=adam(1e-2),
        epochs=20,
    )  # fmt: skip


def middles_of_a_noise_with_long_tails(seed: int) -> Case:
    """Predict a middle by absolute errors, where one row in ten is far off."""
    x, generator = drawn(seed, 1500, 5)
    y = x[:, :1] - torch.relu(2 * x[:, 1:2]) + 0.2 * torch.randn(1500, 1, generator=generator)
    far = torch.rand(900, 1, generator=generator) < 0.1
    known = y[:900] + torch.where(far, 8 * torch.randn(900, 1, generator=generator), 0.0)
    return case(
        seed, lambda: layers(5, 32, 1), (x[:900], known), (x[900:], y[900:]), loss=nn.L1Loss(), score=scores.r2,
        optimizer=adam(5e-3), epochs=25,
    )  # fmt: skip


def a_mean_and_how_sure_it_is(seed: int) -> Case:
    """Predict a mean and the logarithm of a variance, which grows with one column."""
    x, generator = drawn(seed, 1500, 6)
    noise = 0.1 + 0.5 * torch.sigmoid(2 * x[:, 5:6])
    y = torch.tanh(x[:, :1]) + x[:, 1:2] * x[:, 2:3] + noise * torch.randn(1500, 1, generator=generator)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        spread = outputs[:, 1:].clamp(-8, 8)
        return (spread / 2 + (outputs[:, :1] - targets) ** 2 / (2 * spread.exp())).mean()

    def score(outputs: Tensor, targets: Tensor) -> float:
        return scores.r2(outputs[:, :1], targets)

    return case(
        seed, lambda: layers(6, 48, 2), *divided(x, y, 900), loss=loss, score=score, optimizer=adam(5e-3), epochs=25,
        judged_by=score,
    )  # fmt: skip


FAULTY = (
    Faulty(
        build=a_class_taken_for_padding,
        causes=("wrong_loss",),
        accepted=("class_imbalance", "misleading_metric"),
    ),
    Faulty(build=directions_that_are_turned_away_from, causes=("wrong_loss",)),
    Faulty(
        build=units_left_out_in_prediction_too,
        causes=("underfitting",),
        accepted=("not_learning", "unstable_loss", "seed_sensitive"),
    ),
    Faulty(
        build=means_that_are_never_updated,
        causes=("batch_size",),
        accepted=("unscaled_inputs", "overfitting", "frozen_parameters", "seed_sensitive"),
    ),
    Faulty(build=progressions_cut_to_one, causes=("wrong_output_activation",), accepted=("saturated_units",)),
    Faulty(
        build=a_layer_made_in_every_call,
        causes=("frozen_parameters",),
        accepted=("not_learning", "seed_sensitive"),
    ),
    Faulty(build=weights_of_a_model_that_was_replaced, causes=("frozen_parameters",)),
    Faulty(
        build=two_decays_exchanged,
        causes=("unstable_loss", "learning_rate_too_high"),
        accepted=("stopped_too_early", "learning_rate_too_low", "not_learning"),
    ),
    Faulty(
        build=a_body_that_crawls_behind_its_head,
        causes=("learning_rate_too_low",),
        accepted=("frozen_parameters",),
    ),
    Faulty(build=streets_by_their_number, causes=("underfitting",), accepted=("unscaled_inputs", "stopped_too_early")),
    Faulty(build=cells_of_minus_nine_nine_nine, causes=("unscaled_inputs",)),
    Faulty(build=a_column_of_the_same_year, causes=("unscaled_inputs",)),
    Faulty(
        build=leavers_who_were_never_entered,
        causes=("label_noise",),
        accepted=("class_imbalance",),
        in_the_data=True,
    ),
    Faulty(build=a_share_beside_an_amount, causes=("unscaled_targets",), accepted=("wrong_loss",)),
    Faulty(
        build=visits_of_patients_on_both_sides,
        causes=("split_leakage",),
        accepted=("overfitting",),
        by_construction=True,
        in_the_data=True,
    ),
    Faulty(
        build=one_share_among_labels_in_small_steps,
        causes=("wrong_output_activation", "learning_rate_too_low"),
        accepted=("stopped_too_early",),
    ),
    Faulty(
        build=shares_into_a_likelihood_of_raw_wines,
        causes=("wrong_output_activation", "unscaled_inputs", "wrong_loss"),
    ),
    Faulty(build=incomes_with_a_long_tail, causes=("unscaled_inputs",), accepted=("underfitting",)),
)

HEALTHY = (
    Healthy(build=logarithms_of_shares_that_change_nothing),
    Healthy(build=classes_that_begin_with_one),
    Healthy(build=a_vector_for_every_street),
    Healthy(build=middles_of_a_noise_with_long_tails),
    Healthy(build=a_mean_and_how_sure_it_is),
)
