"""Faulty programs on tables, and their twins: the part that whoever builds the doctor may look at."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from doctor_programs import rows, scores
from doctor_programs.networks import layers, with_weights
from doctor_programs.program import Case, Faulty, adam, case, sgd


def softmax_on_one_unit(seed: int, *, faulty: bool) -> Case:
    """Normalize one output over itself: it is always 1."""
    data = rows.standardized(rows.tumors(seed))
    output = nn.Softmax(dim=1) if faulty else nn.Sigmoid()
    return case(
        seed,
        lambda: layers(30, 16, 1, output=output),
        data.rows,
        data.test,
        loss=nn.BCELoss(),
        score=scores.half,
        optimizer=adam(1e-3),
        epochs=30,
        batch_size=16,
    )


def relu_on_the_output_of_a_regression(seed: int, *, faulty: bool) -> Case:
    """Cut off all targets below the mean."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    output = nn.ReLU() if faulty else None
    return case(
        seed,
        lambda: layers(10, 32, 32, 1, output=output),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=25,
    )


def sigmoid_before_a_loss_on_logits(seed: int, *, faulty: bool) -> Case:
    """Squash twice: the loss sees probabilities between a half and 0.73 alone."""
    data = rows.standardized(rows.customers(seed, share=0.25, noise=0.3))
    output = nn.Sigmoid() if faulty else None
    return case(
        seed,
        lambda: layers(12, 32, 16, 1, output=output),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.half if faulty else scores.sign,
        optimizer=sgd(0.02, momentum=0.9),
        epochs=15,
    )


def squared_error_on_class_numbers(seed: int, *, faulty: bool) -> Case:
    """Regress the number of a class, as if class 2 lay between 1 and 3."""
    data = rows.groups(seed, shares=(0.2,) * 5)
    used = rows.as_column(data) if faulty else data
    return case(
        seed,
        lambda: layers(10, 32, 1 if faulty else 5),
        used.rows,
        used.test,
        loss=nn.MSELoss() if faulty else nn.CrossEntropyLoss(),
        score=scores.nearest if faulty else scores.top_class,
        optimizer=adam(3e-3),
        epochs=25,
    )


def targets_broadcast_against_outputs(seed: int, *, faulty: bool) -> Case:
    """Subtract a row of targets from a column of outputs: every output is compared with every target."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))

    def squared(outputs: Tensor, targets: Tensor) -> Tensor:
        return ((outputs - targets.reshape(-1)) ** 2).mean() if faulty else ((outputs - targets) ** 2).mean()

    return case(
        seed,
        lambda: layers(10, 32, 32, 1),
        data.rows,
        data.test,
        loss=squared,
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=20,
    )


def raw_measurements_into_a_sigmoid_network(seed: int, *, faulty: bool) -> Case:
    """Feed areas of 2,000 beside smoothnesses of 0.1 to sigmoid units."""
    data = rows.tumors(seed) if faulty else rows.standardized(rows.tumors(seed))
    return case(
        seed,
        lambda: layers(30, 24, 12, 1, activation=nn.Sigmoid),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(3e-3),
        epochs=20,
    )


def one_huge_column_among_small_ones(seed: int, *, faulty: bool) -> Case:
    """Leave one column, which says nothing, in millions."""
    data = rows.customers(seed, noise=0.2)
    scale = torch.ones(12)
    scale[11] = 2e4
    if faulty:
        data = rows.Parts((data.rows[0] * scale, data.rows[1]), (data.test[0] * scale, data.test[1]))
    return case(
        seed,
        lambda: layers(12, 32, 16, 1),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(3e-3),
        epochs=25,
    )


def progressions_as_they_were_measured(seed: int, *, faulty: bool) -> Case:
    """Ask a small network to climb to targets of 25 to 346 with small steps."""
    data = rows.standardized(rows.diabetes(seed))
    data = data if faulty else rows.standardized_targets(data)
    return case(
        seed,
        lambda: layers(10, 16, 1),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(1e-3),
        epochs=60,
    )


def prices_in_dollars(seed: int, *, faulty: bool) -> Case:
    """Regress hundreds of thousands of dollars with plain gradient descent: the first step is enormous."""
    data = rows.standardized(rows.houses(seed))
    data = data if faulty else rows.standardized_targets(data)
    return case(
        seed,
        lambda: layers(5, 32, 16, 1),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=sgd(0.01, momentum=0.9),
        epochs=20,
    )


def seven_sigmoid_layers(seed: int, *, faulty: bool) -> Case:
    """Stack sigmoid layers until nothing of the gradient reaches the first."""
    data = rows.standardized(rows.customers(seed, noise=0.2))
    activation = nn.Sigmoid if faulty else nn.ReLU
    return case(
        seed,
        lambda: layers(12, 32, 32, 32, 32, 32, 32, 1, activation=activation),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=sgd(0.05, momentum=0.9),
        epochs=25,
    )


def tiny_first_weights_in_a_deep_network(seed: int, *, faulty: bool) -> Case:
    """Draw weights of spread 0.01 for six tanh layers: signals die out at the start."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))

    def model() -> nn.Module:
        made = layers(10, 32, 32, 32, 32, 32, 1, activation=nn.Tanh)
        return (
            with_weights(made, weight=lambda w: nn.init.normal_(w, std=0.01), bias=nn.init.zeros_) if faulty else made
        )

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=sgd(0.02, momentum=0.9),
        epochs=30,
    )


def first_weights_of_spread_one(seed: int, *, faulty: bool) -> Case:
    """Draw standard normal weights for wide layers: outputs start in the thousands."""
    data = rows.standardized(rows.customers(seed, noise=0.3))

    def model() -> nn.Module:
        made = layers(12, 128, 128, 128, 1)
        return with_weights(made, weight=nn.init.normal_, bias=nn.init.zeros_) if faulty else made

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(1e-3),
        epochs=12,
    )


def steep_weights_in_a_deep_regression(seed: int, *, faulty: bool) -> Case:
    """Scale each of five layers up so that gradients grow from layer to layer."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))

    def model() -> nn.Module:
        made = layers(10, *(48,) * 5, 1)
        gain = 5.0 if faulty else 1.3

        def draw(weight: Tensor) -> Tensor:
            return nn.init.normal_(weight, std=gain / weight.shape[1] ** 0.5)

        return with_weights(made, weight=draw, bias=nn.init.zeros_)

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(1e-3),
        epochs=25,
    )


def biases_far_below_zero(seed: int, *, faulty: bool) -> Case:
    """Start with biases of -10: no unit of the first layer ever fires."""
    data = rows.standardized(rows.groups(seed))

    def model() -> nn.Module:
        made = layers(10, 48, 24, 4)
        if faulty:
            nn.init.constant_(made[0].bias, -10.0)  # type: ignore[arg-type]
        return made

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(2e-3),
        epochs=20,
    )


def steep_tanh_units(seed: int, *, faulty: bool) -> Case:
    """Draw weights of spread 3 for tanh layers: units answer +1 or -1 and have no slope."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))

    def model() -> nn.Module:
        made = layers(10, 48, 48, 1, activation=nn.Tanh)
        if faulty:
            with_weights(made, weight=lambda w: nn.init.normal_(w, std=3.0), bias=nn.init.zeros_)
        return made

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=25,
    )


def all_weights_zero(seed: int, *, faulty: bool) -> Case:
    """Start from nothing at all: no gradient goes through a layer of zeros."""
    data = rows.standardized(rows.wines(seed))

    def model() -> nn.Module:
        made = layers(13, 32, 16, 3)
        return with_weights(made, weight=nn.init.zeros_, bias=nn.init.zeros_) if faulty else made

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(3e-3),
        epochs=40,
        batch_size=16,
    )


def momentum_of_nearly_one(seed: int, *, faulty: bool) -> Case:
    """Swing past the minimum again and again."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    optimizer = sgd(0.2, momentum=0.98) if faulty else sgd(0.02, momentum=0.9)
    return case(
        seed,
        lambda: layers(10, 32, 32, 1, activation=nn.Tanh),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=optimizer,
        epochs=25,
    )


def exclusive_or_with_two_hidden_units(seed: int, *, faulty: bool) -> Case:
    """Leave it to luck whether the two units of the hidden layer start on useful sides."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(700, 2, generator=generator)
    y = ((x[:, :1] > 0) ^ (x[:, 1:] > 0)).float()
    width = 3 if faulty else 32
    return case(
        seed,
        lambda: layers(2, width, 1),
        (x[:400], y[:400]),
        (x[400:], y[400:]),
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(0.02),
        epochs=40,
    )


def output_that_no_input_reaches(seed: int, *, faulty: bool) -> Case:
    """Overwrite the inputs' path by a slip of the pen: the second layer reads a fresh tensor."""
    data = rows.standardized(rows.customers(seed, noise=0.3))

    class Slip(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.last = nn.Linear(12, 32), nn.Linear(32, 32), nn.Linear(32, 1)

        def forward(self, x: Tensor) -> Tensor:
            hidden = F.relu(self.first(x))
            if faulty:
                hidden = torch.zeros_like(hidden)
            outputs: Tensor = self.last(F.relu(self.second(hidden)))
            return outputs

    return case(
        seed,
        Slip,
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(3e-3),
        epochs=20,
    )


def rounding_in_the_middle(seed: int, *, faulty: bool) -> Case:
    """Round hidden values, whose gradient is 0: what comes before stays as it was drawn."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))

    class Rounded(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second, self.last = nn.Linear(10, 24), nn.Linear(24, 8), nn.Linear(8, 1)

        def forward(self, x: Tensor) -> Tensor:
            hidden = self.second(F.relu(self.first(x)))
            outputs: Tensor = self.last(hidden.round() if faulty else F.relu(hidden))
            return outputs

    return case(
        seed,
        Rounded,
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=25,
    )


def optimizer_of_the_last_bias_alone(seed: int, *, faulty: bool) -> Case:
    """Hand the optimizer the wrong parameters."""
    data = rows.standardized(rows.groups(seed))

    def optimizer(parameters: object) -> torch.optim.Optimizer:
        given = list(parameters)  # type: ignore[call-overload]
        return torch.optim.Adam(given[-1:] if faulty else given, lr=3e-3)

    return case(
        seed,
        lambda: layers(10, 48, 4),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=optimizer,
        epochs=15,
    )


def relative_entropy_by_hand(seed: int, *, faulty: bool) -> Case:
    """Multiply a target of 0 with the logarithm of 0, which is no number, and neither is its gradient."""
    data = rows.standardized(rows.wines(seed))

    def divergence(outputs: Tensor, shares: Tensor) -> Tensor:
        if faulty:
            return (shares * (shares / outputs.softmax(1)).log()).sum(1).mean()
        return F.kl_div(outputs.log_softmax(1), shares, reduction="batchmean")

    return case(
        seed,
        lambda: layers(13, 32, 3),
        (data.rows[0], F.one_hot(data.rows[1], 3).float()),
        (data.test[0], F.one_hot(data.test[1], 3).float()),
        loss=divergence,
        score=scores.one_hot_top_class,
        optimizer=adam(3e-3),
        epochs=30,
        batch_size=16,
    )


def a_missing_cell(seed: int, *, faulty: bool) -> Case:
    """Leave three cells that are no number in the table: the first batch with one of them spoils all weights."""
    data = rows.standardized(rows.tumors(seed))
    inputs = data.rows[0].clone()
    inputs[[5, 120, 333], [2, 7, 19]] = float("nan") if faulty else 0.0
    return case(
        seed,
        lambda: layers(30, 16, 1),
        (inputs, data.rows[1]),
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(2e-3),
        epochs=20,
    )


def all_rows_in_one_batch(seed: int, *, faulty: bool) -> Case:
    """Take one step an epoch."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    return case(
        seed,
        lambda: layers(10, 32, 32, 1),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(2e-3),
        epochs=25,
        batch_size=800 if faulty else 32,
    )


def accuracy_where_one_in_thirty_leaves(seed: int, *, faulty: bool) -> Case:
    """Watch accuracy, which is 97 % for a network that never finds anybody."""
    data = rows.standardized(rows.customers(seed, share=0.035, noise=1.0, training=1000))
    weight = torch.tensor(1.0 if faulty else 25.0)
    return case(
        seed,
        lambda: layers(12, 24, 1),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(pos_weight=weight),
        score=scores.balanced_sign,
        optimizer=adam(2e-3, weight_decay=1e-3),
        epochs=12,
        judged_by=scores.sign if faulty else scores.balanced_sign,
    )


def rare_customers_never_found(seed: int, *, faulty: bool) -> Case:
    """Train on 4 % of one class as if both were the same."""
    data = rows.standardized(rows.customers(seed, share=0.04, noise=0.6, training=1200))
    weight = torch.tensor(1.0 if faulty else 15.0)
    return case(
        seed,
        lambda: layers(12, 16, 1),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(pos_weight=weight),
        score=scores.balanced_sign,
        optimizer=adam(2e-3, weight_decay=1e-3),
        epochs=10,
    )


def labels_compared_with_a_misspelled_word(seed: int, *, faulty: bool) -> Case:
    """Compare "benign" with "Benign": every label is 0."""
    data = rows.standardized(rows.tumors(seed))
    return case(
        seed,
        lambda: layers(30, 16, 1),
        (data.rows[0], data.rows[1] * 0 if faulty else data.rows[1]),
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(2e-3),
        epochs=20,
    )


def answers_of_careless_annotators(seed: int, *, faulty: bool) -> Case:
    """Learn labels of which 35 % are wrong, long enough to learn them by heart."""
    data = rows.standardized(rows.groups(seed, training=600))
    generator = torch.Generator().manual_seed(seed)
    wrong = torch.rand(600, generator=generator) < 0.35
    drawn = torch.randint(0, 4, (600,), generator=generator)
    classes = torch.where(wrong, drawn, data.rows[1]) if faulty else data.rows[1]
    return case(
        seed,
        lambda: layers(10, 96, 96, 4),
        (data.rows[0], classes),
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(2e-3),
        epochs=35,
    )


def inputs_and_labels_shuffled_apart(seed: int, *, faulty: bool) -> Case:
    """Shuffle the inputs, and the labels with another permutation."""
    data = rows.standardized(rows.tumors(seed))
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(400, generator=generator) if faulty else torch.arange(400)
    return case(
        seed,
        lambda: layers(30, 24, 1),
        (data.rows[0], data.rows[1][order]),
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(1e-3),
        epochs=25,
    )


def a_column_that_is_filled_in_afterwards(seed: int, *, faulty: bool) -> Case:
    """Train on the refund, which is entered when a customer has left; for customers of today it is empty."""
    data = rows.customers(seed, noise=0.4)
    if faulty:
        generator = torch.Generator().manual_seed(seed)
        refund = 3 * data.rows[1] + 0.1 * torch.randn(data.rows[1].shape, generator=generator)
        today = torch.zeros(len(data.test[0]), 1)
        data = rows.Parts(
            (torch.cat([data.rows[0], refund], 1), data.rows[1]), (torch.cat([data.test[0], today], 1), data.test[1])
        )
    return case(
        seed,
        lambda: layers(data.width, 32, 1),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(3e-3),
        epochs=20,
    )


def copies_of_rows_on_both_sides(seed: int, *, faulty: bool) -> Case:
    """Repeat rows to have more of them, and only then set some apart for validation."""
    data = rows.standardized(rows.customers(seed, training=400, noise=2.0))
    x, y = data.rows
    if faulty:
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(400, generator=generator).repeat(4)[torch.randperm(1600, generator=generator)]
        training, held = (x[order[:1200]], y[order[:1200]]), (x[order[1200:]], y[order[1200:]])
        epochs = 40
    else:
        training, held, epochs = (x[:300], y[:300]), (x[300:], y[300:]), 10
    return case(
        seed,
        lambda: layers(12, 64, 64, 1),
        training,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(3e-3 if faulty else 1e-3),
        epochs=epochs,
        validation=held,
    )


def a_wide_network_on_noisy_answers(seed: int, *, faulty: bool) -> Case:
    """Train 200,000 weights on 240 noisy rows until every one is known by heart."""
    data = rows.standardized(rows.customers(seed, training=300, noise=1.5))
    width, epochs, decay = (256, 60, 0.0) if faulty else (16, 25, 0.3)

    def model() -> nn.Module:
        return layers(12, width, width, 1)

    def optimizer(parameters: object) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters, lr=2e-3, weight_decay=decay)  # type: ignore[arg-type]

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=lambda outputs, targets: 1 - float(F.binary_cross_entropy_with_logits(outputs, targets)),
        optimizer=optimizer,
        epochs=epochs,
    )


def a_curve_through_forty_points(seed: int, *, faulty: bool) -> Case:
    """Fit 40 noisy rows of ten numbers exactly, where 600 were to be had."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=600, noise=2.0)))
    data = rows.first_rows(data, 40) if faulty else data
    return case(
        seed,
        lambda: layers(10, 64, 64, 1),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(2e-3, weight_decay=1e-3),
        epochs=300 if faulty else 20,
        batch_size=16 if faulty else 32,
    )


def layers_without_anything_between(seed: int, *, faulty: bool) -> Case:
    """Stack linear layers, which are one linear layer."""
    data = rows.circles(seed)
    return case(
        seed,
        lambda: layers(2, 32, 32, 32, 1, activation=None if faulty else nn.ReLU),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(3e-3),
        epochs=20,
    )


def two_units_for_a_wiggly_curve(seed: int, *, faulty: bool) -> Case:
    """Give the network too few corners."""
    generator = torch.Generator().manual_seed(seed)
    x = 4 * torch.rand(1300, 1, generator=generator) - 2
    y = torch.sin(4 * x) + 0.1 * torch.randn(x.shape, generator=generator)
    width = 2 if faulty else 64
    return case(
        seed,
        lambda: layers(1, width, width, 1),
        (x[:800], y[:800]),
        (x[800:], y[800:]),
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(0.01),
        epochs=30,
    )


def raw_inputs_deep_sigmoids_and_a_small_rate(seed: int, *, faulty: bool) -> Case:
    """Do three things wrong at once, each enough to stop the training."""
    data = rows.houses(seed)
    data = rows.standardized_targets(data if faulty else rows.standardized(data))
    activation = nn.Sigmoid if faulty else nn.ReLU
    return case(
        seed,
        lambda: layers(5, 32, 32, 32, 32, 1, activation=activation),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=sgd(1e-3 if faulty else 0.02, momentum=0.9),
        epochs=20,
    )


def raw_prices_and_raw_areas(seed: int, *, faulty: bool) -> Case:
    """Scale neither side."""
    data = rows.houses(seed)
    data = data if faulty else rows.standardized_targets(rows.standardized(data))
    return case(
        seed,
        lambda: layers(5, 32, 16, 1),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(1e-3),
        epochs=25,
    )


def steps_too_small_for_old_defaults(seed: int, *, faulty: bool) -> Case:
    """Give Adadelta the rate of 0.001 that another library has by default."""
    data = rows.standardized(rows.groups(seed))
    rate = 1e-3 if faulty else 1.0
    return case(
        seed,
        lambda: layers(10, 48, 24, 4),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=lambda parameters: torch.optim.Adadelta(parameters, lr=rate),
        epochs=20,
    )


FAULTY = (
    Faulty(build=softmax_on_one_unit, causes=("wrong_output_activation",), by_construction=True),
    Faulty(build=relu_on_the_output_of_a_regression, causes=("wrong_output_activation",), accepted=("dead_units",)),
    Faulty(
        build=sigmoid_before_a_loss_on_logits,
        causes=("wrong_output_activation",),
        accepted=("wrong_loss",),
        by_construction=True,
    ),
    Faulty(build=squared_error_on_class_numbers, causes=("wrong_loss",), accepted=("wrong_output_activation",)),
    Faulty(
        build=targets_broadcast_against_outputs, causes=("wrong_loss",), accepted=("misaligned_labels", "not_learning")
    ),
    Faulty(build=raw_measurements_into_a_sigmoid_network, causes=("unscaled_inputs", "saturated_units")),
    Faulty(build=one_huge_column_among_small_ones, causes=("unscaled_inputs",)),
    Faulty(
        build=progressions_as_they_were_measured,
        causes=("unscaled_targets",),
        accepted=("learning_rate_too_low", "stopped_too_early"),
    ),
    Faulty(
        build=prices_in_dollars,
        causes=("unscaled_targets", "non_finite_values", "exploding_gradients"),
        accepted=("learning_rate_too_high",),
    ),
    Faulty(
        build=seven_sigmoid_layers, causes=("vanishing_gradients",), accepted=("saturated_units", "poor_initialization")
    ),
    Faulty(build=tiny_first_weights_in_a_deep_network, causes=("poor_initialization", "vanishing_gradients")),
    Faulty(build=first_weights_of_spread_one, causes=("poor_initialization", "exploding_gradients")),
    Faulty(build=steep_weights_in_a_deep_regression, causes=("exploding_gradients", "poor_initialization")),
    Faulty(build=biases_far_below_zero, causes=("dead_units", "poor_initialization")),
    Faulty(build=steep_tanh_units, causes=("saturated_units", "poor_initialization")),
    Faulty(build=all_weights_zero, causes=("poor_initialization", "dead_units"), accepted=("vanishing_gradients",)),
    Faulty(build=momentum_of_nearly_one, causes=("unstable_loss", "learning_rate_too_high")),
    Faulty(
        build=exclusive_or_with_two_hidden_units, causes=("seed_sensitive", "underfitting"), accepted=("dead_units",)
    ),
    Faulty(build=output_that_no_input_reaches, causes=("not_learning", "frozen_parameters")),
    Faulty(build=rounding_in_the_middle, causes=("not_learning", "vanishing_gradients", "frozen_parameters")),
    Faulty(build=optimizer_of_the_last_bias_alone, causes=("frozen_parameters",), accepted=("not_learning",)),
    Faulty(build=relative_entropy_by_hand, causes=("non_finite_values",), accepted=("wrong_loss",)),
    Faulty(build=a_missing_cell, causes=("non_finite_values",)),
    Faulty(
        build=all_rows_in_one_batch,
        causes=("batch_size",),
        accepted=("stopped_too_early", "learning_rate_too_low"),
    ),
    Faulty(build=accuracy_where_one_in_thirty_leaves, causes=("misleading_metric", "class_imbalance")),
    Faulty(build=rare_customers_never_found, causes=("class_imbalance",), accepted=("misleading_metric",)),
    Faulty(build=labels_compared_with_a_misspelled_word, causes=("one_class",), in_the_data=True),
    Faulty(build=answers_of_careless_annotators, causes=("label_noise", "overfitting"), in_the_data=True),
    Faulty(
        build=inputs_and_labels_shuffled_apart,
        causes=("misaligned_labels",),
        accepted=("label_noise",),
        in_the_data=True,
    ),
    Faulty(build=a_column_that_is_filled_in_afterwards, causes=("target_leakage",), in_the_data=True),
    Faulty(
        build=copies_of_rows_on_both_sides,
        causes=("split_leakage", "overfitting"),
        by_construction=True,
        in_the_data=True,
    ),
    Faulty(build=a_wide_network_on_noisy_answers, causes=("overfitting",)),
    Faulty(build=a_curve_through_forty_points, causes=("too_few_rows", "overfitting"), in_the_data=True),
    Faulty(build=layers_without_anything_between, causes=("missing_activation",), accepted=("underfitting",)),
    Faulty(build=two_units_for_a_wiggly_curve, causes=("underfitting",), accepted=("seed_sensitive", "dead_units")),
    Faulty(
        build=raw_inputs_deep_sigmoids_and_a_small_rate,
        causes=("unscaled_inputs", "vanishing_gradients", "learning_rate_too_low"),
        accepted=("saturated_units",),
    ),
    Faulty(build=raw_prices_and_raw_areas, causes=("unscaled_targets", "unscaled_inputs")),
    Faulty(
        build=steps_too_small_for_old_defaults,
        causes=("learning_rate_too_low",),
        accepted=("stopped_too_early", "not_learning"),
    ),
)
