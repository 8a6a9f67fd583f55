"""Faulty programs as people ask about them in forums, and their twins: written before the doctor was tried on them."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from doctor_programs import rows, scores
from doctor_programs.networks import Recurrent, Words, layers, pixels, with_weights
from doctor_programs.program import Case, Faulty, Optimizer, adam, case, sgd


def softmax_over_the_rows_of_a_batch(seed: int, *, faulty: bool) -> Case:
    """Normalize along the wrong axis: the shares of a class sum to one over a batch."""
    data = rows.standardized(rows.wines(seed))

    def likelihood(outputs: Tensor, classes: Tensor) -> Tensor:
        return F.nll_loss((outputs + 1e-9).log(), classes)

    return case(
        seed,
        lambda: layers(13, 32, 3, output=nn.Softmax(dim=0 if faulty else 1)),
        data.rows,
        data.test,
        loss=likelihood,
        score=scores.top_class,
        optimizer=adam(3e-3),
        epochs=40,
        batch_size=16,
    )


def series_reshaped_where_they_should_be_turned(seed: int, *, faulty: bool) -> Case:
    """Reshape (rows, steps) to (steps, rows) instead of exchanging the two: steps of several rows become one series."""
    data = rows.waves(seed)

    class Turned(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent, self.head = nn.GRU(1, 24), nn.Linear(24, 3)

        def forward(self, x: Tensor) -> Tensor:
            turned = x.reshape(x.shape[1], x.shape[0], 1) if faulty else x.transpose(0, 1)
            states, _ = self.recurrent(turned)
            outputs: Tensor = self.head(states.mean(0))
            return outputs

    return case(
        seed,
        Turned,
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(5e-3),
        epochs=20,
    )


def nine_units_in_ten_dropped(seed: int, *, faulty: bool) -> Case:
    """Take the share to drop for the share to keep."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    share = 0.9 if faulty else 0.1

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Linear(10, 32), nn.ReLU(), nn.Dropout(share), nn.Linear(32, 32), nn.ReLU(), nn.Dropout(share),
            nn.Linear(32, 1),
        )  # fmt: skip

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=30,
    )


def weights_pulled_to_zero(seed: int, *, faulty: bool) -> Case:
    """Take a weight decay of a half, since decay is said to be good."""
    data = rows.standardized(rows.groups(seed))
    return case(
        seed,
        lambda: layers(10, 48, 4),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(3e-3, weight_decay=0.5 if faulty else 1e-4),
        epochs=25,
    )


def only_the_biases_handed_over(seed: int, *, faulty: bool) -> Case:
    """Filter the parameters for those without weight decay, and forget the others."""
    data = rows.standardized(rows.customers(seed, noise=0.3))

    def optimizer(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        given = list(parameters)
        return torch.optim.Adam([each for each in given if each.ndim == 1] if faulty else given, lr=3e-3)

    return case(
        seed,
        lambda: layers(12, 16, 1),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=optimizer,
        epochs=20,
    )


def vectors_of_words_never_learned(seed: int, *, faulty: bool) -> Case:
    """Load a table of word vectors that was never trained, and freeze it."""
    data = rows.reviews(seed)

    def model() -> nn.Module:
        made = Words(200, 4, 16)
        made.vectors.weight.requires_grad_(not faulty)
        return made

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(5e-3),
        epochs=20,
    )


def errors_summed_at_the_rate_of_their_mean(seed: int, *, faulty: bool) -> Case:
    """Sum the loss over a batch, at a rate that suits its mean."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    return case(
        seed,
        lambda: layers(10, 32, 32, 1),
        data.rows,
        data.test,
        loss=nn.MSELoss(reduction="sum" if faulty else "mean"),
        score=scores.r2,
        optimizer=sgd(0.02, momentum=0.9),
        epochs=25,
    )


def a_recurrence_at_a_rate_of_one(seed: int, *, faulty: bool) -> Case:
    """Train a plain recurrence in large steps, without clipping."""
    data = rows.sales(seed, level=1.0)
    return case(
        seed,
        lambda: Recurrent(nn.RNN, 1, 24, 1),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=sgd(1.0 if faulty else 0.02, momentum=0.9),
        epochs=20,
    )


def a_plain_recurrence_over_eighty_steps(seed: int, *, faulty: bool) -> Case:
    """Ask a plain recurrence for what was said eighty steps ago."""
    data = rows.first_sign(seed, steps=80)

    class Remembering(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.recurrent, self.head = nn.RNN(1, 16, batch_first=True), nn.Linear(16, 1)

        def forward(self, x: Tensor) -> Tensor:
            states, _ = self.recurrent(x)
            outputs: Tensor = self.head(states[:, -1] if faulty else states.amax(1))
            return outputs

    return case(
        seed,
        Remembering,
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(2e-3),
        epochs=12,
    )


def labels_one_row_late(seed: int, *, faulty: bool) -> Case:
    """Drop the header line of the inputs only: every label stands beside the row after its own."""
    data = rows.standardized(rows.tumors(seed))
    return case(
        seed,
        lambda: layers(30, 16, 1),
        (data.rows[0], data.rows[1].roll(1, 0) if faulty else data.rows[1]),
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(2e-3),
        epochs=25,
    )


def targets_in_ascending_order(seed: int, *, faulty: bool) -> Case:
    """Sort the rows by their target, and do not shuffle them."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    data = rows.ordered_by(data, data.rows[1])
    return case(
        seed,
        lambda: layers(10, 32, 32, 1),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=sgd(0.02, momentum=0.9),
        epochs=20,
        shuffle=not faulty,
    )


def squeezed_outputs_and_a_column_of_targets(seed: int, *, faulty: bool) -> Case:
    """Squeeze the outputs, and leave the targets a column."""
    data = rows.standardized_targets(rows.standardized(rows.diabetes(seed)))

    def error(outputs: Tensor, targets: Tensor) -> Tensor:
        return (outputs - targets).abs().mean()  # as torch's own, which would warn of the shapes

    class Squeezed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.body = layers(10, 24, 1)

        def forward(self, x: Tensor) -> Tensor:
            outputs: Tensor = self.body(x)
            return outputs.squeeze() if faulty else outputs

    return case(
        seed,
        Squeezed,
        data.rows,
        data.test,
        loss=error,
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=25,
    )


def rectified_logits(seed: int, *, faulty: bool) -> Case:
    """Put the activation after every layer, the last one too."""
    data = rows.gray_digits(seed, training=900)
    return case(
        seed,
        lambda: layers(64, 32, 10, output=nn.ReLU() if faulty else None),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=sgd(0.05, momentum=0.9),
        epochs=10,
    )


def one_customer_in_thirty_in_three_kinds(seed: int, *, faulty: bool) -> Case:
    """Let two rare kinds of customers drown in the common one."""
    data = rows.standardized(rows.groups(seed, shares=(0.94, 0.03, 0.03), spread=1.6, training=1500))
    weight = None if faulty else torch.tensor([1.0, 15.0, 15.0])
    return case(
        seed,
        lambda: layers(10, 16, 3),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(weight=weight),
        score=scores.balanced_top_class,
        optimizer=adam(2e-3, weight_decay=1e-3),
        epochs=15,
    )


def meters_and_dollars_into_tanh(seed: int, *, faulty: bool) -> Case:
    """Never bring columns of very different units together."""
    data = rows.standardized_targets(rows.houses(seed))
    data = data if faulty else rows.standardized(data)
    return case(
        seed,
        lambda: layers(5, 32, 32, 1, activation=nn.Tanh),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=25,
    )


def a_rate_that_decays_with_every_step(seed: int, *, faulty: bool) -> Case:
    """Call the scheduler after every batch with a factor that is meant for epochs."""
    data = rows.standardized(rows.customers(seed, noise=0.3))

    def optimizer(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        made = torch.optim.Adam(parameters, lr=3e-3)
        factor = 0.9 if faulty else 0.998

        def decay(optimizer: torch.optim.Optimizer, *_: Any) -> None:
            for group in optimizer.param_groups:
                group["lr"] *= factor

        made.register_step_post_hook(decay)
        return made

    return case(
        seed,
        lambda: layers(12, 32, 16, 1),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=optimizer,
        epochs=20,
    )


def gradients_never_set_to_zero(seed: int, *, faulty: bool) -> Case:
    """Forget `zero_grad`: every step goes along the sum of all gradients so far."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))

    class Forgetful(torch.optim.SGD):
        def zero_grad(self, set_to_none: bool = True) -> None:
            if not faulty:
                super().zero_grad(set_to_none)

    return case(
        seed,
        lambda: layers(10, 32, 32, 1),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=lambda parameters: Forgetful(parameters, lr=0.02),
        epochs=30,
    )


def gradients_clipped_to_almost_nothing(seed: int, *, faulty: bool) -> Case:
    """Clip every value of the gradient at 0.0001, and descend plainly."""
    data = rows.pictures(rows.gray_digits(seed, training=800))

    def model() -> nn.Module:
        made = pixels(8, 16)
        if faulty:
            for each in made.parameters():
                each.register_hook(lambda gradient: gradient.clamp(-1e-4, 1e-4))
        return made

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=sgd(0.05, momentum=0.9),
        epochs=8,
    )


def brightness_divided_twice(seed: int, *, faulty: bool) -> Case:
    """Divide bytes by 255 after a transform has done so already."""
    data = rows.digits(seed, training=900)
    factor = 16.0 * 255 if faulty else 16.0
    return case(
        seed,
        lambda: layers(64, 32, 10),
        (data.rows[0] / factor, data.rows[1]),
        (data.test[0] / factor, data.test[1]),
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=sgd(0.1, momentum=0.9),
        epochs=10,
    )


def targets_of_some_hundred_thousandths(seed: int, *, faulty: bool) -> Case:
    """Regress concentrations of about 0.00002, far below the noise of the steps."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    factor = 1e-5 if faulty else 1.0
    return case(
        seed,
        lambda: layers(10, 32, 32, 1),
        (data.rows[0], data.rows[1] * factor),
        (data.test[0], data.test[1] * factor),
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=25,
    )


def shares_where_their_logarithms_are_asked_for(seed: int, *, faulty: bool) -> Case:
    """Give probabilities to the loss of log-probabilities."""
    data = rows.pictures(rows.gray_digits(seed, training=800))

    def model() -> nn.Module:
        return nn.Sequential(pixels(8, 16), nn.Softmax(dim=1) if faulty else nn.LogSoftmax(dim=1))

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.NLLLoss(),
        score=scores.top_class,
        optimizer=sgd(0.02, momentum=0.9),
        epochs=6,
    )


def attention_over_the_batch(seed: int, *, faulty: bool) -> Case:
    """Let words attend over the rows of the batch instead of the words of their own text."""
    data = rows.reviews(seed, words=120)

    class Attending(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.vectors, self.asks, self.head = nn.Embedding(120, 16), nn.Linear(16, 1), nn.Linear(16, 1)

        def forward(self, x: Tensor) -> Tensor:
            values = self.vectors(x)
            shares = self.asks(values).softmax(0 if faulty else 1)
            outputs: Tensor = self.head((shares * values).sum(1))
            return outputs

    return case(
        seed,
        Attending,
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(5e-3),
        epochs=15,
    )


def signs_in_a_loss_of_zeros_and_ones(seed: int, *, faulty: bool) -> Case:
    """Mark classes by -1 and 1 in a loss that takes them for probabilities."""
    data = rows.standardized(rows.customers(seed, share=0.3, noise=0.3))
    train, test = (2 * part[1] - 1 if faulty else part[1] for part in (data.rows, data.test))
    return case(
        seed,
        lambda: layers(12, 32, 1),
        (data.rows[0], train),
        (data.test[0], test),
        loss=nn.BCEWithLogitsLoss(),
        score=scores.sign,
        optimizer=adam(3e-3),
        epochs=25,
    )


def fourteen_plain_layers(seed: int, *, faulty: bool) -> Case:
    """Make a network deep by adding layers, with nothing that carries the signal through."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))
    return case(
        seed,
        lambda: layers(10, *(24,) * (14 if faulty else 3), 1, activation=nn.Tanh if faulty else nn.ReLU),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=sgd(0.01, momentum=0.9),
        epochs=25,
    )


def the_day_itself_in_its_own_history(seed: int, *, faulty: bool) -> Case:
    """Take the week that is to be forecast into the window that it is forecast from."""
    data = rows.standardized_targets(rows.sales(seed))
    middle, spread = data.rows[0].mean(), data.rows[0].std()

    def window(part: tuple[Tensor, Tensor], *, known: bool) -> Tensor:
        weeks = (part[0][:, :, 0] - middle) / spread
        return torch.cat([weeks[:, 1:], part[1] if known else weeks[:, -1:]], 1) if faulty else weeks

    return case(
        seed,
        lambda: layers(16, 32, 1),
        (window(data.rows, known=True), data.rows[1]),
        (window(data.test, known=False), data.test[1]),
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=20,
    )


def standardized_prices_through_tanh(seed: int, *, faulty: bool) -> Case:
    """Bound outputs by ±1, where a third of the targets lie beyond."""
    data = rows.standardized_targets(rows.standardized(rows.houses(seed)))
    return case(
        seed,
        lambda: layers(5, 32, 1, output=nn.Tanh() if faulty else None),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=25,
    )


def dropout_and_a_rate_that_hardly_moves(seed: int, *, faulty: bool) -> Case:
    """Do two things that each hold a convolutional network back."""
    data = rows.pictures(rows.gray_digits(seed, training=800))

    def model() -> nn.Module:
        body = pixels(8, 16)
        return nn.Sequential(*list(body)[:-1], nn.Dropout(0.85 if faulty else 0.2), body[-1])

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(5e-5 if faulty else 3e-3),
        epochs=8,
    )


def raw_houses_raw_prices_and_no_activation(seed: int, *, faulty: bool) -> Case:
    """Forget three things of the first chapter at once."""
    generator = torch.Generator().manual_seed(seed)
    size = 150 * torch.rand(1300, 2, generator=generator)
    noise = torch.randn(1300, 1, generator=generator)
    price = 2000.0 * (100 - (size - 75).abs().sum(1, keepdim=True)) + 2000 * noise
    data = rows.Parts((size[:800], price[:800]), (size[800:], price[800:]))
    data = data if faulty else rows.standardized_targets(rows.standardized(data))
    return case(
        seed,
        lambda: layers(2, 32, 32, 1, activation=None if faulty else nn.ReLU),
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(3e-3),
        epochs=25,
    )


def sigmoids_into_cross_entropy_with_zero_weights(seed: int, *, faulty: bool) -> Case:
    """Squash the logits of a loss that normalizes them, and start from zeros."""
    data = rows.standardized(rows.groups(seed))

    def model() -> nn.Module:
        made = layers(10, 32, 16, 4, output=nn.Sigmoid() if faulty else None)
        return with_weights(made, weight=nn.init.zeros_, bias=nn.init.zeros_) if faulty else made

    return case(
        seed,
        model,
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=adam(3e-3),
        epochs=20,
    )


def a_loss_divided_by_everything(seed: int, *, faulty: bool) -> Case:
    """Divide the mean loss by the number of rows once more, and descend plainly."""
    data = rows.standardized(rows.customers(seed, noise=0.3))

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        mean = F.binary_cross_entropy_with_logits(outputs, targets)
        return mean / (1000 if faulty else 1)

    return case(
        seed,
        lambda: layers(12, 32, 16, 1),
        data.rows,
        data.test,
        loss=loss,
        score=scores.sign,
        optimizer=sgd(0.1, momentum=0.9),
        epochs=20,
    )


def the_first_half_under_no_grad(seed: int, *, faulty: bool) -> Case:
    """Run the first half of a network under `no_grad`, as one does to save memory in evaluation."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))

    class Halves(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = layers(10, 12, 6), layers(6, 12, 1)

        def forward(self, x: Tensor) -> Tensor:
            with torch.set_grad_enabled(not faulty and torch.is_grad_enabled()):
                hidden = torch.tanh(self.first(x))
            outputs: Tensor = self.second(hidden)
            return outputs

    return case(
        seed,
        Halves,
        data.rows,
        data.test,
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(5e-3),
        epochs=25,
    )


def rare_failures_in_raw_units(seed: int, *, faulty: bool) -> Case:
    """Learn a rare class from columns of very different units, without weights."""
    data = rows.customers(seed, share=0.05, noise=0.3, training=1500)
    scale = 10.0 ** torch.arange(-3, 3, 0.5)
    if faulty:
        data = rows.Parts((data.rows[0] * scale, data.rows[1]), (data.test[0] * scale, data.test[1]))
    weight = torch.tensor(1.0 if faulty else 12.0)
    return case(
        seed,
        lambda: layers(12, 24, 1),
        data.rows,
        data.test,
        loss=nn.BCEWithLogitsLoss(pos_weight=weight),
        score=scores.balanced_sign,
        optimizer=adam(2e-3, weight_decay=1e-3),
        epochs=15,
    )


def a_momentum_that_suits_no_rate(seed: int, *, faulty: bool) -> Case:
    """Add Nesterov's momentum of 0.99 to a rate that was found without it."""
    data = rows.pictures(rows.gray_digits(seed, training=800))
    optimizer: Optimizer = sgd(0.3, momentum=0.99, nesterov=True) if faulty else sgd(0.05, momentum=0.9)
    return case(
        seed,
        lambda: pixels(8, 16),
        data.rows,
        data.test,
        loss=nn.CrossEntropyLoss(),
        score=scores.top_class,
        optimizer=optimizer,
        epochs=8,
    )


def a_sine_of_many_turns_through_raw_degrees(seed: int, *, faulty: bool) -> Case:
    """Feed degrees of 0 to 360 to a network that should learn a wave."""
    generator = torch.Generator().manual_seed(seed)
    degrees = 360 * torch.rand(1300, 1, generator=generator)
    y = torch.sin(degrees * math.pi / 60) + 0.1 * torch.randn(degrees.shape, generator=generator)
    x = degrees if faulty else (degrees - 180) / 104
    return case(
        seed,
        lambda: layers(1, 64, 64, 1, activation=nn.Tanh),
        (x[:800], y[:800]),
        (x[800:], y[800:]),
        loss=nn.MSELoss(),
        score=scores.r2,
        optimizer=adam(5e-3),
        epochs=60,
    )


FAULTY = (
    Faulty(
        build=softmax_over_the_rows_of_a_batch,
        causes=("wrong_output_activation",),
        accepted=("not_learning",),
        by_construction=True,
    ),
    Faulty(
        build=series_reshaped_where_they_should_be_turned,
        causes=("not_learning",),
        accepted=("misaligned_labels",),
        modality="sequence",
        in_the_data=True,
    ),
    Faulty(build=nine_units_in_ten_dropped, causes=("underfitting",)),
    Faulty(build=weights_pulled_to_zero, causes=("underfitting",)),
    Faulty(build=only_the_biases_handed_over, causes=("frozen_parameters",)),
    Faulty(build=vectors_of_words_never_learned, causes=("frozen_parameters",), modality="sequence"),
    Faulty(
        build=errors_summed_at_the_rate_of_their_mean,
        causes=("learning_rate_too_high", "exploding_gradients", "unstable_loss"),
        accepted=("non_finite_values", "wrong_loss"),
    ),
    Faulty(
        build=a_recurrence_at_a_rate_of_one,
        causes=("learning_rate_too_high", "exploding_gradients"),
        accepted=("unstable_loss",),
        modality="sequence",
    ),
    Faulty(build=a_plain_recurrence_over_eighty_steps, causes=("vanishing_gradients",), modality="sequence"),
    Faulty(build=labels_one_row_late, causes=("misaligned_labels",), in_the_data=True),
    Faulty(build=targets_in_ascending_order, causes=("unshuffled_data",)),
    Faulty(build=squeezed_outputs_and_a_column_of_targets, causes=("wrong_loss",), accepted=("not_learning",)),
    Faulty(
        build=rectified_logits,
        causes=("wrong_output_activation",),
        accepted=("dead_units",),
        modality="image",
        by_construction=True,
    ),
    Faulty(build=one_customer_in_thirty_in_three_kinds, causes=("class_imbalance",), accepted=("misleading_metric",)),
    Faulty(build=meters_and_dollars_into_tanh, causes=("unscaled_inputs", "saturated_units")),
    Faulty(
        build=a_rate_that_decays_with_every_step, causes=("learning_rate_too_low",), accepted=("stopped_too_early",)
    ),
    Faulty(
        build=gradients_never_set_to_zero,
        causes=("unstable_loss", "learning_rate_too_high", "exploding_gradients"),
        accepted=("not_learning", "non_finite_values"),
    ),
    Faulty(
        build=gradients_clipped_to_almost_nothing,
        causes=("learning_rate_too_low", "vanishing_gradients"),
        accepted=("stopped_too_early",),
        modality="image",
    ),
    Faulty(build=brightness_divided_twice, causes=("unscaled_inputs",), modality="image"),
    Faulty(build=targets_of_some_hundred_thousandths, causes=("unscaled_targets",)),
    Faulty(
        build=shares_where_their_logarithms_are_asked_for,
        causes=("wrong_output_activation",),
        accepted=("wrong_loss",),
        modality="image",
        by_construction=True,
    ),
    Faulty(build=attention_over_the_batch, causes=("not_learning",), modality="sequence", by_construction=True),
    Faulty(
        build=signs_in_a_loss_of_zeros_and_ones,
        causes=("wrong_loss",),
        accepted=("wrong_output_activation",),
        by_construction=True,
    ),
    Faulty(
        build=fourteen_plain_layers,
        causes=("vanishing_gradients", "poor_initialization"),
        accepted=("learning_rate_too_low",),
    ),
    Faulty(build=the_day_itself_in_its_own_history, causes=("target_leakage",), by_construction=True, in_the_data=True),
    Faulty(build=standardized_prices_through_tanh, causes=("wrong_output_activation",)),
    Faulty(
        build=dropout_and_a_rate_that_hardly_moves,
        causes=("learning_rate_too_low", "underfitting"),
        accepted=("stopped_too_early",),
        modality="image",
    ),
    Faulty(
        build=raw_houses_raw_prices_and_no_activation,
        causes=("unscaled_targets", "missing_activation", "unscaled_inputs"),
    ),
    Faulty(
        build=sigmoids_into_cross_entropy_with_zero_weights,
        causes=("poor_initialization", "wrong_output_activation"),
        accepted=("dead_units", "vanishing_gradients"),
        by_construction=True,
    ),
    Faulty(build=a_loss_divided_by_everything, causes=("learning_rate_too_low",), accepted=("wrong_loss",)),
    Faulty(build=the_first_half_under_no_grad, causes=("frozen_parameters",), accepted=("not_learning",)),
    Faulty(build=rare_failures_in_raw_units, causes=("class_imbalance", "unscaled_inputs")),
    Faulty(
        build=a_momentum_that_suits_no_rate,
        causes=("unstable_loss", "learning_rate_too_high"),
        accepted=("exploding_gradients", "dead_units"),
        modality="image",
    ),
    Faulty(build=a_sine_of_many_turns_through_raw_degrees, causes=("unscaled_inputs",), accepted=("saturated_units",)),
)
