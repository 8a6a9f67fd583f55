"""More programs in the manner of questions, written when the doctor was there: faults that few others have."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from doctor_programs import rows, scores
from doctor_programs.networks import Recurrent, Words, layers, pixels
from doctor_programs.program import Case, Faulty, Healthy, adam, case, sgd


def shares_between_hidden_layers(seed: int, *, faulty: bool) -> Case:
    """Let the units of each hidden layer compete for a sum of one."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))

    def activation() -> nn.Module:
        return nn.Softmax(dim=1) if faulty else nn.ReLU()

    return case(
        seed, lambda: layers(10, 64, 64, 64, 1, activation=activation), data.rows, data.test, loss=nn.MSELoss(),
        score=scores.r2, optimizer=adam(2e-3), epochs=20,
    )  # fmt: skip


def powers_up_to_the_sixth(seed: int, *, faulty: bool) -> Case:
    """Fit a curve by powers of a number between -4 and 4, as large as they come."""
    generator = torch.Generator().manual_seed(seed)
    number = 8 * torch.rand(900, 1, generator=generator) - 4
    targets = torch.sin(1.3 * number) + 0.1 * number + 0.15 * torch.randn(900, 1, generator=generator)
    powers = torch.cat([number**power for power in range(1, 7)], 1)
    data = rows.Parts((powers[:400], targets[:400]), (powers[400:], targets[400:]))
    data = data if faulty else rows.standardized(data)
    return case(
        seed, lambda: layers(6, 32, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=sgd(0.02, momentum=0.9), epochs=60,
    )  # fmt: skip


def rare_rows_repeated_before_the_split(seed: int, *, faulty: bool) -> Case:
    """Repeat the rare class until both are as frequent, and only then set rows apart for validation."""
    data = rows.standardized(rows.customers(seed, training=600, share=0.12, noise=1.5))
    (x, y), count = data.rows, 450
    generator = torch.Generator().manual_seed(seed)

    def repeated(inputs: Tensor, targets: Tensor) -> rows.Rows:
        rare = torch.nonzero(targets[:, 0]).repeat(6, 1)[:, 0]
        order = torch.cat([torch.arange(len(inputs)), rare])
        order = order[torch.randperm(len(order), generator=generator)]
        return inputs[order], targets[order]

    if faulty:
        inputs, targets = repeated(x, y)
        part = int(0.75 * len(inputs))
        training, held = (inputs[:part], targets[:part]), (inputs[part:], targets[part:])
    else:
        training, held = repeated(x[:count], y[:count]), (x[count:], y[count:])
    return case(
        seed, lambda: layers(12, 64, 64, 1), training, data.test, loss=nn.BCEWithLogitsLoss(),
        score=scores.balanced_sign, optimizer=adam(3e-3) if faulty else adam(1e-3, weight_decay=1e-2),
        epochs=40 if faulty else 5, validation=held,
    )  # fmt: skip


def labels_that_are_hardly_ever_on(seed: int, *, faulty: bool) -> Case:
    """Count right answers over labels of which one in thirty is on."""
    random = torch.Generator().manual_seed(seed)
    x = torch.randn(1900, 10, generator=random)
    weights = torch.randn(10, 5, generator=torch.Generator().manual_seed(3))
    values = x @ weights + 1.5 * torch.randn(1900, 5, generator=random)
    y = (values > values.quantile(0.965, dim=0)).float()
    loss = nn.BCEWithLogitsLoss(pos_weight=torch.full((5,), 1.0 if faulty else 20.0))
    return case(
        seed, lambda: layers(10, 24, 5), (x[:1200], y[:1200]), (x[1200:], y[1200:]), loss=loss,
        score=scores.balanced_sign, optimizer=adam(2e-3, weight_decay=1e-3), epochs=15,
        judged_by=scores.sign if faulty else scores.balanced_sign,
    )  # fmt: skip


def rates_where_logarithms_are_asked_for(seed: int, *, faulty: bool) -> Case:
    """Hand rates of counts to a likelihood that takes their logarithms."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1300, 6, generator=generator)
    rate = torch.exp(1.2 + 0.8 * x[:, :1] - 0.6 * torch.tanh(2 * x[:, 1:2]) + 0.4 * x[:, 2:3] * x[:, 3:4])
    y = torch.poisson(rate.clamp(max=60), generator=generator)

    def score(outputs: Tensor, targets: Tensor) -> float:
        return scores.r2(outputs.clamp(-3, 5).exp() if not faulty else outputs, targets)

    return case(
        seed, lambda: layers(6, 32, 32, 1, output=nn.Softplus() if faulty else None), (x[:800], y[:800]),
        (x[800:], y[800:]), loss=nn.PoissonNLLLoss(), score=score, optimizer=adam(3e-3), epochs=25,
    )  # fmt: skip


def a_number_that_grew_with_the_file(seed: int, *, faulty: bool) -> Case:
    """Keep the number of a row, in a file that holds one class after the other."""
    data = rows.standardized(rows.customers(seed, noise=0.4))
    (x, y), (unseen, truth) = data.rows, data.test
    if faulty:
        number = torch.empty(len(y))
        number[y[:, 0].argsort(stable=True)] = torch.linspace(-1.7, 1.7, len(y))
        generator = torch.Generator().manual_seed(seed)
        new = 1.7 + 0.5 * torch.rand(len(unseen), 1, generator=generator)
        x, unseen = torch.cat([x, number[:, None]], 1), torch.cat([unseen, new], 1)
    return case(
        seed, lambda: layers(x.shape[1], 32, 1), (x, y), (unseen, truth), loss=nn.BCEWithLogitsLoss(),
        score=scores.sign, optimizer=adam(3e-3), epochs=20,
    )  # fmt: skip


def pictures_of_bytes_and_shares_of_shares(seed: int, *, faulty: bool) -> Case:
    """Take brightness as bytes, end in a softmax before cross entropy, and descend with a small rate."""
    data = rows.pictures(rows.gray_digits(seed, training=900))
    if faulty:
        data = rows.Parts(
            (94 * data.rows[0] + 78, data.rows[1]), (94 * data.test[0] + 78, data.test[1])
        )  # fmt: skip

    def model() -> nn.Module:
        made = pixels(8, 16)
        return made.append(nn.Softmax(dim=1)) if faulty else made

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=sgd(1e-3) if faulty else sgd(0.03, momentum=0.9), epochs=10,
    )  # fmt: skip


def ratings_known_by_heart(seed: int, *, faulty: bool) -> Case:
    """Go through a few rated reviews until each word of them is a reason."""
    generator = torch.Generator().manual_seed(seed)
    worth = torch.randn(200, generator=torch.Generator().manual_seed(5)) * (torch.arange(200) % 3 == 0)
    words = torch.randint(0, 200, (800, 20), generator=generator)
    rated = worth[words].sum(1, keepdim=True) / 2.5 + 0.6 * torch.randn(800, 1, generator=generator)
    return case(
        seed, lambda: Words(200, 64 if faulty else 16, 64 if faulty else 16), (words[:400], rated[:400]),
        (words[400:], rated[400:]), loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3) if faulty else adam(5e-3, weight_decay=2e-3), epochs=60 if faulty else 30,
    )  # fmt: skip


def normalization_and_nothing_else_between(seed: int, *, faulty: bool) -> Case:
    """Normalize between the layers, and leave out what bends."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed)))

    def model() -> nn.Module:
        made: list[nn.Module] = []
        for before in (10, 48):
            made += [nn.Linear(before, 48), nn.BatchNorm1d(48), *([] if faulty else [nn.ReLU()])]
        return nn.Sequential(*made, nn.Linear(48, 1))

    return case(seed, model, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(3e-3), epochs=25)


def waves_filled_up_behind_their_end(seed: int, *, faulty: bool) -> Case:
    """Fill series up with zeros behind their end, and read the state at the last of them."""
    data = rows.waves(seed, noise=0.2)
    if faulty:
        x, unseen = (torch.cat([each, torch.zeros(len(each), 50, 1)], 1) for each in (data.rows[0], data.test[0]))
        data = rows.Parts((x, data.rows[1]), (unseen, data.test[1]))
    return case(
        seed, lambda: Recurrent(nn.GRU, 1, 24, 3), data.rows, data.test, loss=nn.CrossEntropyLoss(),
        score=scores.top_class, optimizer=adam(1e-2), epochs=15,
    )  # fmt: skip


def a_gated_recurrence_on_scaled_sales(seed: int) -> Case:
    """Predict next week's sales, all on one scale."""
    data = rows.sales(seed)
    mean, spread = data.rows[0].mean(), data.rows[0].std()
    (x, y), (unseen, truth) = data.rows, data.test
    return case(
        seed, lambda: Recurrent(nn.GRU, 1, 24, 1), ((x - mean) / spread, (y - mean) / spread),
        ((unseen - mean) / spread, (truth - mean) / spread), loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(5e-3), epochs=25,
    )  # fmt: skip


def sixty_rows_of_a_plane(seed: int) -> Case:
    """Learn from sixty rows what three numbers add up to."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(460, 3, generator=generator)
    y = x @ torch.tensor([[1.0], [-0.7], [0.4]]) + 0.4 * torch.randn(460, 1, generator=generator)
    return case(
        seed, lambda: layers(3, 8, 1), (x[:60], y[:60]), (x[60:], y[60:]), loss=nn.MSELoss(), score=scores.r2,
        optimizer=adam(1e-2), epochs=60, batch_size=16,
    )  # fmt: skip


def a_loss_times_a_hundred_at_a_hundredth_of_the_rate(seed: int) -> Case:
    """Weigh the loss by a hundred, and descend as much more slowly."""
    data = rows.standardized(rows.groups(seed, spread=1.3))
    entropy = nn.CrossEntropyLoss()

    def loss(outputs: Tensor, classes: Tensor) -> Tensor:
        weighed: Tensor = 100 * entropy(outputs, classes)
        return weighed

    return case(
        seed, lambda: layers(10, 32, 4), data.rows, data.test, loss=loss, score=scores.top_class,
        optimizer=sgd(1e-3, momentum=0.9), epochs=20,
    )  # fmt: skip


FAULTY = (
    Faulty(
        build=shares_between_hidden_layers,
        causes=("vanishing_gradients",),
        accepted=("saturated_units", "poor_initialization"),
    ),
    Faulty(
        build=powers_up_to_the_sixth,
        causes=("unscaled_inputs", "exploding_gradients"),
        accepted=("non_finite_values", "learning_rate_too_high"),
    ),
    Faulty(build=rare_rows_repeated_before_the_split, causes=("split_leakage",), accepted=("overfitting",)),
    Faulty(build=labels_that_are_hardly_ever_on, causes=("misleading_metric",), accepted=("class_imbalance",)),
    Faulty(
        build=rates_where_logarithms_are_asked_for, causes=("wrong_output_activation",), accepted=("wrong_loss",)
    ),
    Faulty(build=a_number_that_grew_with_the_file, causes=("target_leakage",), in_the_data=True),
    Faulty(
        build=pictures_of_bytes_and_shares_of_shares,
        causes=("wrong_output_activation", "unscaled_inputs", "learning_rate_too_low"),
        accepted=("wrong_loss",),
        modality="image",
    ),
    Faulty(build=ratings_known_by_heart, causes=("overfitting",), accepted=("too_few_rows",), modality="sequence"),
    Faulty(build=normalization_and_nothing_else_between, causes=("missing_activation",), accepted=("underfitting",)),
    Faulty(
        build=waves_filled_up_behind_their_end,
        causes=("vanishing_gradients",),
        accepted=("not_learning", "underfitting", "stopped_too_early"),
        modality="sequence",
    ),
)  # fmt: skip

HEALTHY = (
    Healthy(build=a_gated_recurrence_on_scaled_sales, modality="sequence"),
    Healthy(build=sixty_rows_of_a_plane),
    Healthy(build=a_loss_times_a_hundred_at_a_hundredth_of_the_rate),
)
