"""More faulty programs as people ask about them, and their twins: written after those of `development_asked.py`."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from doctor_programs import rows, scores
from doctor_programs.networks import Recurrent, layers, pixels
from doctor_programs.program import Case, Faulty, adam, case, sgd


def _with_column(given: rows.Parts, values: Tensor, unseen: Tensor) -> rows.Parts:
    """Return the parts with one more column of inputs."""
    return rows.Parts(
        (torch.cat([given.rows[0], values[:, None]], 1), given.rows[1]),
        (torch.cat([given.test[0], unseen[:, None]], 1), given.test[1]),
    )


def moments_in_milliseconds(seed: int, *, faulty: bool) -> Case:
    """Leave a time stamp among the columns as computers count it."""
    data = rows.customers(seed, noise=0.3)
    generator = torch.Generator().manual_seed(seed)
    times = [torch.rand(len(each[0]), generator=generator) for each in (data.rows, data.test)]
    scaled = [1.6e12 + 3e10 * each if faulty else 3.46 * (each - 0.5) for each in times]
    data = _with_column(data, *scaled)
    return case(
        seed, lambda: layers(13, 32, 1), data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign,
        optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


def temperatures_in_kelvin(seed: int, *, faulty: bool) -> Case:
    """Measure all inputs from absolute zero, so that they hardly vary beside their size."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    if faulty:
        data = rows.Parts((data.rows[0] + 290, data.rows[1]), (data.test[0] + 290, data.test[1]))
    return case(
        seed, lambda: layers(10, 32, 32, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(3e-3), epochs=25,
    )  # fmt: skip


def logarithms_of_days_without_sales(seed: int, *, faulty: bool) -> Case:
    """Take the logarithm of counts, some of which are zero."""
    data = rows.standardized(rows.friedman(seed))
    counts = [(each - 10).clamp(min=0).round() for each in (data.rows[1], data.test[1])]
    targets = [(each if faulty else each + 1).log() for each in counts]
    test = (data.test[0], (counts[1] + 1).log())
    return case(
        seed, lambda: layers(10, 32, 1), (data.rows[0], targets[0]), test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3), epochs=25,
    )  # fmt: skip


def shares_among_labels_that_go_together(seed: int, *, faulty: bool) -> Case:
    """Let labels compete for a sum of one, though several hold at once."""
    data = rows.tags(seed)
    output = nn.Softmax(dim=1) if faulty else nn.Sigmoid()
    return case(
        seed, lambda: layers(10, 32, 6, output=output), data.rows, data.test, loss=nn.BCELoss(), score=scores.half,
        optimizer=adam(5e-3), epochs=25,
    )  # fmt: skip


def one_class_of_labels_that_go_together(seed: int, *, faulty: bool) -> Case:
    """Give rows with several marks, or none, to a loss that expects one class."""
    data = rows.tags(seed)
    loss: nn.Module = nn.CrossEntropyLoss() if faulty else nn.BCEWithLogitsLoss()
    return case(
        seed, lambda: layers(10, 32, 6), data.rows, data.test, loss=loss, score=scores.sign, optimizer=adam(5e-3),
        epochs=25,
    )  # fmt: skip


def answers_dropped_at_the_end(seed: int, *, faulty: bool) -> Case:
    """Drop half of the answers of a regression, behind its last layer."""
    data = rows.standardized_targets(rows.standardized(rows.houses(seed)))

    def model() -> nn.Module:
        return layers(5, 32, 32, 1, output=nn.Dropout(0.7) if faulty else None)

    return case(seed, model, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(3e-3), epochs=20)


def an_epsilon_of_ten(seed: int, *, faulty: bool) -> Case:
    """Raise Adam's epsilon for stability, which divides every step by it."""
    data = rows.gray_digits(seed, training=900)
    return case(
        seed, lambda: layers(64, 32, 10), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=adam(3e-3, eps=10.0 if faulty else 1e-8), epochs=12,
    )  # fmt: skip


def weights_of_classes_upside_down(seed: int, *, faulty: bool) -> Case:
    """Weight classes by how frequent they are instead of by the inverse of it."""
    data = rows.groups(seed, shares=(0.62, 0.3, 0.08), spread=1.4)
    shares = torch.tensor([0.62, 0.3, 0.08])
    weights = shares**2 / (shares**3).sum() if faulty else (1 / shares) / 3
    return case(
        seed, lambda: layers(10, 32, 3), data.rows, data.test, loss=nn.CrossEntropyLoss(weight=weights),
        score=scores.balanced_top_class, optimizer=adam(3e-3), epochs=20,
    )  # fmt: skip


def root_mean_squares_at_a_half(seed: int, *, faulty: bool) -> Case:
    """Keep the rate of plain descent when taking RMSprop."""
    data = rows.gray_digits(seed, training=900)
    return case(
        seed, lambda: layers(64, 32, 32, 10), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=lambda parameters: torch.optim.RMSprop(parameters, lr=0.5 if faulty else 1e-3), epochs=20,
    )  # fmt: skip


def adadelta_at_the_rate_of_adam(seed: int, *, faulty: bool) -> Case:
    """Give a rate that suits Adam to a rule that finds its own, and multiplies it."""
    data = rows.standardized(rows.groups(seed))
    return case(
        seed, lambda: layers(10, 32, 4), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=lambda parameters: torch.optim.Adadelta(parameters, lr=1e-3 if faulty else 1.0), epochs=15,
    )  # fmt: skip


def softplus_for_what_may_be_negative(seed: int, *, faulty: bool) -> Case:
    """Keep an output positive whose targets are on both sides of zero."""
    data = rows.standardized_targets(rows.standardized(rows.diabetes(seed)))
    return case(
        seed, lambda: layers(10, 24, 1, output=nn.Softplus() if faulty else None), data.rows, data.test,
        loss=nn.MSELoss(), score=scores.r2, optimizer=adam(2e-3), epochs=25,
    )  # fmt: skip


def errors_capped_at_a_thousandth(seed: int, *, faulty: bool) -> Case:
    """Take Huber's loss with a delta far below the errors, so that its gradient is as small."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    return case(
        seed, lambda: layers(10, 32, 1), data.rows, data.test, loss=nn.HuberLoss(delta=1e-3 if faulty else 1.0),
        score=scores.r2, optimizer=sgd(0.05, momentum=0.9), epochs=20,
    )  # fmt: skip


def decay_that_was_meant_for_another_rule(seed: int, *, faulty: bool) -> Case:
    """Raise a decoupled decay until the weights shrink faster than they learn."""
    data = rows.gray_digits(seed, training=900)
    return case(
        seed, lambda: layers(64, 32, 10), data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=lambda parameters: torch.optim.AdamW(parameters, lr=3e-3, weight_decay=30.0 if faulty else 0.01),
        epochs=12,
    )  # fmt: skip


def two_rows_a_step(seed: int, *, faulty: bool) -> Case:
    """Take two rows a step at a rate that suits sixty-four."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    return case(
        seed, lambda: layers(10, 32, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=sgd(0.15), epochs=5 if faulty else 40, batch_size=2 if faulty else 64,
    )  # fmt: skip


def pictures_squeezed_on_their_way_out(seed: int, *, faulty: bool) -> Case:
    """Rebuild standardized pictures through a sigmoid, which reaches from 0 to 1."""
    data = rows.gray_digits(seed, training=900)
    inputs, test = data.rows[0], data.test[0]
    return case(
        seed, lambda: layers(64, 64, 24, 64, 64, output=nn.Sigmoid() if faulty else None), (inputs, inputs),
        (test, test), loss=nn.MSELoss(), score=scores.r2, optimizer=adam(5e-3), epochs=20,
    )  # fmt: skip


def an_exponential_at_the_end(seed: int, *, faulty: bool) -> Case:
    """Predict the logarithm, and take squared errors of its exponential."""
    data = rows.standardized(rows.houses(seed))
    data = rows.Parts((data.rows[0], data.rows[1] / 1e4), (data.test[0], data.test[1] / 1e4))
    scaled = rows.standardized_targets(data)

    class Exponential(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = layers(5, 32, 1)

        def forward(self, x: Tensor) -> Tensor:
            outputs: Tensor = self.layers(x)
            return torch.exp(outputs)

    chosen = data if faulty else scaled
    return case(
        seed, Exponential if faulty else lambda: layers(5, 32, 1), chosen.rows, chosen.test, loss=nn.MSELoss(),
        score=scores.r2, optimizer=sgd(0.01, momentum=0.9), epochs=20,
    )  # fmt: skip


def gates_that_forget_at_once(seed: int, *, faulty: bool) -> Case:
    """Begin with forget gates that are closed."""
    data = rows.first_sign(seed, steps=24)

    def model() -> nn.Module:
        made = Recurrent(nn.LSTM, 1, 16, 1)
        with torch.no_grad():
            for name, value in made.recurrent.named_parameters():
                if "bias" in name:
                    value.zero_()
                    value[16:32] = -6.0 if faulty else 1.0
        return made

    return case(
        seed, model, data.rows, data.test, loss=nn.BCEWithLogitsLoss(), score=scores.sign, optimizer=adam(5e-3),
        epochs=14,
    )  # fmt: skip


def one_unit_normalized_by_itself(seed: int, *, faulty: bool) -> Case:
    """Normalize a layer of one unit over its units: nothing is left of it."""
    data = rows.standardized_targets(rows.standardized(rows.houses(seed)))

    def model() -> nn.Module:
        normalized = nn.LayerNorm(1 if faulty else 32)
        return (
            nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 1), normalized)
            if faulty
            else nn.Sequential(nn.Linear(5, 32), normalized, nn.ReLU(), nn.Linear(32, 1))
        )

    return case(seed, model, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(3e-3), epochs=20)


def small_pictures_through_sigmoids_at_a_small_rate(seed: int, *, faulty: bool) -> Case:
    """Take sigmoids between convolutions, and the rate that plain descent is shown with."""
    data = rows.pictures(rows.gray_digits(seed, training=900))

    return case(
        seed, lambda: pixels(8, 16, activation=nn.Sigmoid if faulty else nn.ReLU), data.rows, data.test,
        loss=F.cross_entropy, score=scores.top_class,
        optimizer=sgd(0.01 if faulty else 0.03, momentum=0.0 if faulty else 0.9), epochs=12,
    )  # fmt: skip


FAULTY = (
    Faulty(build=moments_in_milliseconds, causes=("unscaled_inputs",), accepted=("dead_units",)),
    Faulty(build=temperatures_in_kelvin, causes=("unscaled_inputs",)),
    Faulty(build=logarithms_of_days_without_sales, causes=("non_finite_values",)),
    Faulty(build=shares_among_labels_that_go_together, causes=("wrong_output_activation",), accepted=("wrong_loss",)),
    Faulty(build=one_class_of_labels_that_go_together, causes=("wrong_loss",)),
    Faulty(
        build=answers_dropped_at_the_end,
        causes=("underfitting",),
        accepted=("wrong_output_activation", "unstable_loss"),
    ),
    Faulty(build=an_epsilon_of_ten, causes=("learning_rate_too_low",), accepted=("stopped_too_early",)),
    Faulty(build=weights_of_classes_upside_down, causes=("class_imbalance",), accepted=("wrong_loss",)),
    Faulty(
        build=root_mean_squares_at_a_half,
        causes=("learning_rate_too_high", "unstable_loss"),
        accepted=("exploding_gradients",),
    ),
    Faulty(build=adadelta_at_the_rate_of_adam, causes=("learning_rate_too_low",), accepted=("stopped_too_early",)),
    Faulty(build=softplus_for_what_may_be_negative, causes=("wrong_output_activation",)),
    Faulty(
        build=errors_capped_at_a_thousandth,
        causes=("learning_rate_too_low", "wrong_loss"),
        accepted=("stopped_too_early", "vanishing_gradients"),
    ),
    Faulty(build=decay_that_was_meant_for_another_rule, causes=("underfitting",)),
    Faulty(build=two_rows_a_step, causes=("batch_size", "learning_rate_too_high"), accepted=("unstable_loss",)),
    Faulty(build=pictures_squeezed_on_their_way_out, causes=("wrong_output_activation",), modality="image"),
    Faulty(
        build=an_exponential_at_the_end,
        causes=("unscaled_targets", "exploding_gradients"),
        accepted=("wrong_output_activation", "non_finite_values", "learning_rate_too_high"),
    ),
    Faulty(
        build=gates_that_forget_at_once,
        causes=("poor_initialization", "vanishing_gradients"),
        accepted=("stopped_too_early", "learning_rate_too_low"),
        modality="sequence",
    ),
    Faulty(build=one_unit_normalized_by_itself, causes=("not_learning",), by_construction=True),
    Faulty(
        build=small_pictures_through_sigmoids_at_a_small_rate,
        causes=("learning_rate_too_low", "vanishing_gradients", "saturated_units"),
        accepted=("stopped_too_early",),
        modality="image",
    ),
)  # fmt: skip
