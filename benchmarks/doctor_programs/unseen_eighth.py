"""Healthy programs of an eighth writing: losses, networks and ways to train that people use, nothing wrong with any."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional

from doctor_programs import rows, scores
from doctor_programs.networks import layers
from doctor_programs.program import Case, Healthy, Optimizer, adam, case, sgd


def divided(x: Tensor, y: Tensor, count: int) -> rows.Parts:
    """Return the first rows to train on, and the others to test on."""
    return rows.Parts((x[:count], y[:count]), (x[count:], y[count:]))


def agreement(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return Lin's concordance of two columns: 1 where they are equal, 0 where neither tells of the other."""
    spread = outputs.var(unbiased=False) + targets.var(unbiased=False)
    apart = (outputs.mean() - targets.mean()).square()
    return 2 * ((outputs - outputs.mean()) * (targets - targets.mean())).mean() / (spread + apart + 1e-8)


def moods_by_their_agreement(seed: int) -> Case:
    """Rate moods by one less Lin's concordance, as is usual for arousal and valence."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1600, 8, generator=generator)
    y = torch.tanh(x[:, :1] - x[:, 1:2] * x[:, 2:3]) + 0.2 * torch.randn(1600, 1, generator=generator)
    data = divided(x, y, 1100)
    return case(
        seed, lambda: layers(8, 48, 1), data.rows, data.test, loss=lambda o, t: 1 - agreement(o, t),
        score=scores.r2, optimizer=adam(3e-3), epochs=20, batch_size=64,
    )  # fmt: skip


def chamfer(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return how far the points of each set are from the nearest of the other, squared, both ways: (rows,)."""
    apart = (outputs.reshape(-1, 6, 1, 2) - targets.reshape(-1, 1, 6, 2)).square().sum(3)
    return apart.min(2).values.mean(1) + apart.min(1).values.mean(1)


def points_in_no_order(seed: int) -> Case:
    """Place six points of an ellipse, whose order says nothing, by the distance of Chamfer."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 4, generator=generator)
    turns = torch.linspace(0, 2 * math.pi, 7)[:6]
    wide, high = 1 + 0.4 * torch.tanh(x[:, :1]), 0.6 + 0.3 * torch.tanh(x[:, 1:2])
    points = torch.stack([x[:, 2:3] + wide * turns.cos(), x[:, 3:] + high * turns.sin()], 2)
    order = torch.rand(1500, 6, generator=generator).argsort(1)
    y = points.gather(1, order[..., None].expand(-1, -1, 2)) + 0.03 * torch.randn(1500, 6, 2, generator=generator)
    data = divided(x, y.flatten(1), 1100)

    def near(outputs: Tensor, targets: Tensor) -> float:
        return 1 - float(chamfer(outputs, targets).mean() / chamfer(targets.roll(1, 0), targets).mean())

    return case(
        seed, lambda: layers(4, 64, 12), data.rows, data.test, loss=lambda o, t: chamfer(o, t).mean(), score=near,
        optimizer=adam(5e-3), epochs=30,
    )  # fmt: skip


def meanings_by_their_angle(seed: int) -> Case:
    """Bring rows near vectors of a known meaning by the cosine between them; lengths are free."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 12, generator=generator)
    weights = torch.randn(12, 16, generator=torch.Generator().manual_seed(11)) / 12**0.5
    y = torch.tanh(1.5 * x @ weights) + 0.2 * torch.randn(1500, 16, generator=generator)
    data = divided(x, 30 * y, 1000)

    def likeness(outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cosine_similarity(outputs, targets).mean()

    return case(
        seed, lambda: layers(12, 64, 16), data.rows, data.test, loss=lambda o, t: 1 - likeness(o, t),
        score=lambda o, t: float(likeness(o, t)), optimizer=adam(3e-3), epochs=20,
    )  # fmt: skip


class Grades(nn.Module):
    """One liking and four bounds that are learned; what comes out are logarithms of the shares of five grades."""

    def __init__(self) -> None:
        super().__init__()
        self.liking = layers(6, 32, 1)
        self.first, self.steps = nn.Parameter(torch.tensor([-1.5])), nn.Parameter(torch.zeros(3))

    def forward(self, x: Tensor) -> Tensor:
        bounds = torch.cat([self.first, self.first + functional.softplus(self.steps).cumsum(0)])
        below = (bounds - self.liking(x)).sigmoid()
        ends = torch.cat([torch.zeros(len(x), 1), below, torch.ones(len(x), 1)], 1)
        return ends.diff(dim=1).clamp_min(1e-6).log()


def five_grades_between_bounds(seed: int) -> Case:
    """Tell five grades by a cumulative model (proportional odds)."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1800, 6, generator=generator)
    known = 1.5 * x[:, 0] + x[:, 1] * x[:, 2] + 0.4 * torch.randn(1800, generator=generator)
    data = divided(x, torch.bucketize(known, torch.tensor([-1.8, -0.5, 0.5, 1.8])), 1200)
    return case(
        seed, Grades, data.rows, data.test, loss=nn.NLLLoss(), score=scores.top_class, optimizer=adam(1e-2), epochs=25
    )  # fmt: skip


def cox(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return Cox's partial likelihood, less its sign, of times (first column) and whether they ended (second)."""
    order = targets[:, 0].argsort(descending=True)
    risk, ended = outputs[order, 0], targets[order, 1]
    return -((risk - risk.logcumsumexp(0)) * ended).sum() / ended.sum().clamp_min(1)


def concordance(outputs: Tensor, targets: Tensor) -> float:
    """Return Harrell's concordance from -1 to 1: of pairs whose order is known, how many have the higher risk first."""
    time, ended = targets[:, 0], targets[:, 1] > 0.5
    known = (time[:, None] < time[None]) & ended[:, None]
    higher = outputs[:, 0][:, None] > outputs[:, 0][None]
    return 2 * float((higher & known).sum() / known.sum()) - 1


def who_lives_longer(seed: int) -> Case:
    """Rank patients by their risk, with times of which a third are cut off (DeepSurv)."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1500, 7, generator=generator)
    risk = 1.2 * x[:, 0] + x[:, 1].square() - x[:, 2]
    life = -torch.rand(1500, generator=generator).clamp_min(1e-6).log() / risk.exp()
    left = -torch.rand(1500, generator=generator).clamp_min(1e-6).log() * 1.5
    y = torch.stack([torch.minimum(life, left), (life <= left).float()], 1)
    data = divided(x, y, 1000)
    return case(
        seed, lambda: layers(7, 32, 1), data.rows, data.test, loss=cox, score=concordance, optimizer=adam(5e-3),
        epochs=20, batch_size=100,
    )  # fmt: skip


def claims_that_are_mostly_none(seed: int) -> Case:
    """Expect what insured people claim, in most rows nothing, by the deviance of Tweedie at 1.5."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2500, 6, generator=generator)
    mean = (0.8 * x[:, :1] - 0.6 * x[:, 1:2] * x[:, 2:3] - 0.3).clamp(-3, 2.5).exp()
    count = torch.poisson(0.7 * mean.sqrt(), generator=generator)
    size = torch.distributions.Gamma(2.0, 1.0)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        y = count * size.sample((2500, 1)) / 2 * mean.sqrt() / 0.7
    data = divided(x, y, 1800)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return (2 * (outputs / 2).exp() + 2 * targets * (-outputs / 2).exp()).mean()

    return case(
        seed, lambda: layers(6, 48, 1), data.rows, (data.test[0], mean[1800:]), loss=loss,
        score=lambda o, t: scores.r2(o.exp(), t), optimizer=adam(2e-3), epochs=20, batch_size=64,
    )  # fmt: skip


def a_load_by_log_cosh(seed: int) -> Case:
    """Forecast the load of the next hour by the logarithm of the hyperbolic cosine of its error."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=900)))

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        error = outputs - targets
        return (error + functional.softplus(-2 * error) - math.log(2)).mean()

    return case(
        seed, lambda: layers(10, 64, 1, activation=nn.SiLU), data.rows, data.test, loss=loss, score=scores.r2,
        optimizer=adam(5e-3), epochs=30,
    )  # fmt: skip


def three_quantiles_in_order(seed: int) -> Case:
    """Ask for a low, a middle and a high quantile at once."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2000, 5, generator=generator)
    middle, spread = x[:, :1] + torch.sin(2 * x[:, 1:2]), 0.2 + 0.5 * x[:, 2:3].sigmoid()
    y = middle + spread * torch.randn(2000, 1, generator=generator)
    shares = torch.tensor([0.1, 0.5, 0.9])
    truth = middle + spread * torch.tensor([-1.2816, 0.0, 1.2816])
    data = divided(x, y, 1400)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        short = targets - outputs
        return torch.maximum(shares * short, (shares - 1) * short).sum(1).mean()

    def right(outputs: Tensor, targets: Tensor) -> float:
        return 1 - float((outputs - targets).square().mean() / (targets - targets.mean(0)).square().mean())

    return case(
        seed, lambda: layers(5, 64, 3), data.rows, (data.test[0], truth[1400:]), loss=loss, score=right,
        optimizer=adam(3e-3), epochs=25,
    )  # fmt: skip


def evidence(outputs: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Return the four numbers of a normal-inverse-gamma distribution that four outputs stand for."""
    middle, rest = outputs[:, :1], functional.softplus(outputs[:, 1:]) + 1e-3
    return middle, rest[:, :1], rest[:, 1:2] + 1, rest[:, 2:]


def numbers_with_their_evidence(seed: int) -> Case:
    """Predict a number and how much is known of it, by evidential regression."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(1500, 3, generator=generator) * 4 - 2
    y = torch.sin(2 * x[:, :1]) + 0.5 * x[:, 1:2] * x[:, 2:] + 0.2 * torch.randn(1500, 1, generator=generator)
    data = divided(x, y, 1000)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        middle, seen, shape, scale = evidence(outputs)
        doubled = 2 * scale * (1 + seen)
        likelihood = (
            0.5 * (math.pi / seen).log()
            - shape * doubled.log()
            + (shape + 0.5) * ((targets - middle).square() * seen + doubled).log()
            + torch.lgamma(shape)
            - torch.lgamma(shape + 0.5)
        )
        return (likelihood + 0.01 * (targets - middle).abs() * (2 * seen + shape)).mean()

    return case(
        seed, lambda: layers(3, 48, 48, 4), data.rows, data.test, loss=loss,
        score=lambda o, t: scores.r2(o[:, :1], t), optimizer=adam(3e-3), epochs=40,
    )  # fmt: skip


def returns_with_heavy_tails(seed: int) -> Case:
    """Learn the middle and the spread of changes of a price by a t distribution of four degrees."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(2200, 6, generator=generator)
    normal = torch.randn(2200, 5, generator=generator)
    wild = normal[:, :1] / normal[:, 1:].square().mean(1, keepdim=True).sqrt()
    spread = (0.7 * x[:, 1:2]).exp() * 0.5
    y = x[:, :1] + 0.3 * x[:, 2:3] * x[:, 3:4] + spread * wild
    data = divided(x, y, 1600)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        middle, log_spread = outputs.chunk(2, 1)
        far = ((targets - middle) / log_spread.exp()).square()
        return (log_spread + 2.5 * (far / 4).log1p()).mean()

    def right(outputs: Tensor, targets: Tensor) -> float:
        return scores.r2(outputs[:, 1:], targets)

    return case(
        seed, lambda: layers(6, 32, 2), data.rows, (data.test[0], spread.log()[1600:]), loss=loss, score=right,
        optimizer=adam(3e-3), epochs=25, batch_size=64,
    )  # fmt: skip


class Tagged(nn.Module):
    """Scores of four tags at each of ten steps, and, in the four last rows, of each tag after each."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors, self.recurrent = nn.Embedding(30, 12), nn.GRU(12, 16, batch_first=True, bidirectional=True)
        self.head, self.after = nn.Linear(32, 4), nn.Parameter(torch.zeros(4, 4))

    def forward(self, x: Tensor) -> Tensor:
        scored: Tensor = self.head(self.recurrent(self.vectors(x))[0])
        return torch.cat([scored, self.after.expand(len(x), 4, 4)], 1)


def chained(outputs: Tensor, tags: Tensor) -> Tensor:
    """Return how unlikely chains of tags are under a conditional random field, in nats."""
    scored, after = outputs[:, :-4], outputs[:, -4:]
    whole = scored[:, 0]
    for step in range(1, scored.shape[1]):
        whole = (whole[:, :, None] + after).logsumexp(1) + scored[:, step]
    own = scored.gather(2, tags[..., None])[..., 0].sum(1)
    links = after.flatten(1).gather(1, 4 * tags[:, :-1] + tags[:, 1:]).sum(1)
    return (whole.logsumexp(1) - own - links).mean()


def best_chain(outputs: Tensor, tags: Tensor) -> float:
    """Return the share of tags that the best chain of each row has right (Viterbi)."""
    scored, after = outputs[:, :-4], outputs[:, -4:]
    best, came = scored[:, 0], []
    for step in range(1, scored.shape[1]):
        found = (best[:, :, None] + after).max(1)
        best = found.values + scored[:, step]
        came.append(found.indices)
    chain = [best.argmax(1)]
    for back in reversed(came):
        chain.append(back.gather(1, chain[-1][:, None])[:, 0])
    return float((torch.stack(chain[::-1], 1) == tags).float().mean())


def tags_that_follow_each_other(seed: int) -> Case:
    """Mark each word with one of four tags, by a recurrence both ways and a conditional random field."""
    generator = torch.Generator().manual_seed(seed)
    moves = torch.tensor([[0.1, 0.7, 0.1, 0.1], [0.1, 0.1, 0.7, 0.1], [0.2, 0.1, 0.1, 0.6], [0.7, 0.1, 0.1, 0.1]])
    tags = [torch.randint(0, 4, (900,), generator=generator)]
    for _ in range(9):
        tags.append(torch.multinomial(moves[tags[-1]], 1, generator=generator)[:, 0])
    y = torch.stack(tags, 1)
    unclear = torch.rand(900, 10, generator=generator) < 0.35
    word = 7 * y + torch.randint(0, 7, (900, 10), generator=generator)
    x = torch.where(unclear, torch.randint(0, 30, (900, 10), generator=generator), word)
    data = divided(x, y, 500)
    return case(
        seed, Tagged, data.rows, data.test, loss=chained, score=best_chain, optimizer=adam(1e-2), epochs=8
    )  # fmt: skip


def likeness_of_digits(seed: int) -> Case:
    """Bring digits of one kind together and others apart (supervised contrastive), at a temperature of 0.2."""
    data = rows.gray_digits(seed, training=1000)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        place = functional.normalize(outputs, dim=1)
        alike = (place @ place.T / 0.2).masked_fill(torch.eye(len(place), dtype=torch.bool), -1e4)
        same = (targets[:, None] == targets[None]).float().fill_diagonal_(0)
        share = alike.log_softmax(1)
        return -((share * same).sum(1) / same.sum(1).clamp_min(1)).mean()

    def neighbours(outputs: Tensor, targets: Tensor) -> float:
        place = functional.normalize(outputs, dim=1)
        nearest = (place @ place.T).fill_diagonal_(-2).argmax(1)
        return float((targets[nearest] == targets).float().mean())

    return case(
        seed, lambda: layers(64, 64, 16), data.rows, data.test, loss=loss, score=neighbours, optimizer=adam(3e-3),
        epochs=15, batch_size=100,
    )  # fmt: skip


def what_a_teacher_thinks(seed: int) -> Case:
    """Learn from the logits of a teacher at a temperature of four (distillation)."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1600, 10, generator=generator)
    fixed = torch.Generator().manual_seed(21)
    first, second = torch.randn(10, 24, generator=fixed) / 10**0.5, torch.randn(24, 5, generator=fixed)
    data = divided(x, 1.5 * torch.relu(x @ first) @ second, 1200)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        said, taught = (outputs / 4).log_softmax(1), (targets / 4).softmax(1)
        return 16 * functional.kl_div(said, taught, reduction="batchmean")

    return case(
        seed, lambda: layers(10, 48, 5), data.rows, data.test, loss=loss, score=scores.one_hot_top_class,
        optimizer=adam(5e-3), epochs=25,
    )  # fmt: skip


class Filled(nn.Module):
    """Words to scores of all words at each step, those laid out as cross-entropy wants them: (rows, words, steps)."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors, self.places = nn.Embedding(21, 32), nn.Parameter(torch.zeros(12, 32))
        self.layer = nn.TransformerEncoderLayer(32, 4, 64, dropout=0.0, batch_first=True)
        self.head = nn.Linear(32, 20)

    def forward(self, x: Tensor) -> Tensor:
        scored: Tensor = self.head(self.layer(self.vectors(x) + self.places))
        return scored.transpose(1, 2)


def words_behind_masks(seed: int) -> Case:
    """Say which words stand behind masks; all others have the target that is left out."""
    generator = torch.Generator().manual_seed(seed)
    word = (torch.randint(0, 20, (1300, 1), generator=generator) + torch.arange(12)) % 20
    hidden = torch.rand(word.shape, generator=generator) < 0.25
    hidden[:, 0] |= ~hidden.any(1)
    data = divided(word.masked_fill(hidden, 20), word.masked_fill(~hidden, -100), 1000)

    def right(outputs: Tensor, targets: Tensor) -> float:
        asked = targets >= 0
        return float((outputs.argmax(1) == targets)[asked].float().mean())

    return case(
        seed, Filled, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=right, optimizer=adam(5e-3), epochs=20,
        batch_size=50,
    )  # fmt: skip


class Cleaned(nn.Module):
    """An autoencoder that spoils its inputs while it learns, and makes them again."""

    def __init__(self) -> None:
        super().__init__()
        self.rest = layers(64, 48, 16, 48, 64)

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.rest(x + 0.4 * torch.randn_like(x) if self.training else x)
        return outputs


def digits_that_are_spoiled_first(seed: int) -> Case:
    """Make digits again that the network itself has put noise on."""
    data = rows.gray_digits(seed, training=1000)
    x, held = data.rows[0], data.test[0]
    return case(
        seed, Cleaned, (x, x), (held, held), loss=nn.MSELoss(), score=scores.r2, optimizer=adam(3e-3), epochs=40
    )  # fmt: skip


class Speech(nn.Module):
    """Words to scores of the next word at each step; the last layer's weights are the words' vectors."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.Embedding(20, 24)
        self.recurrent, self.head = nn.GRU(24, 24, batch_first=True), nn.Linear(24, 20)
        self.head.weight = self.vectors.weight

    def forward(self, x: Tensor) -> Tensor:
        outputs: Tensor = self.head(self.recurrent(self.vectors(x))[0])
        return outputs


def what_comes_next_with_shared_vectors(seed: int) -> Case:
    """Say each next word of a chain, with the same vectors at both ends."""
    generator = torch.Generator().manual_seed(seed)
    word = [torch.randint(0, 20, (1000,), generator=generator)]
    for _ in range(12):
        stray = torch.rand(1000, generator=generator) < 0.2
        word.append(torch.where(stray, torch.randint(0, 20, (1000,), generator=generator), (3 * word[-1] + 1) % 20))
    all_words = torch.stack(word, 1)
    data = divided(all_words[:, :-1], all_words[:, 1:], 700)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        return functional.cross_entropy(outputs.flatten(0, 1), targets.flatten())

    def right(outputs: Tensor, targets: Tensor) -> float:
        return float((outputs.argmax(2) == targets).float().mean())

    return case(
        seed, Speech, data.rows, data.test, loss=loss, score=right, optimizer=adam(1e-2), epochs=12
    )  # fmt: skip


class Written(nn.Module):
    """Three numbers say the weights of a small network that two others go through (a hypernetwork)."""

    def __init__(self) -> None:
        super().__init__()
        self.writer = layers(3, 32, 33)

    def forward(self, x: Tensor) -> Tensor:
        first, shift, second, last = self.writer(x[:, :3]).split([16, 8, 8, 1], 1)
        hidden = torch.tanh(torch.bmm(first.reshape(-1, 8, 2), x[:, 3:, None])[..., 0] + shift)
        return (hidden * second).sum(1, keepdim=True) + last


def weights_that_a_network_writes(seed: int) -> Case:
    """Learn a family of functions by a network that writes another's weights."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.rand(1600, 5, generator=generator) * 2 - 1
    y = torch.sin(2 * x[:, :1] * x[:, 3:4]) + x[:, 1:2] * x[:, 4:] + 0.5 * x[:, 2:3]
    data = divided(x, 2 * y + 0.1 * torch.randn(1600, 1, generator=generator), 1100)
    return case(
        seed, Written, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(5e-3), epochs=30
    )  # fmt: skip


class Outlined(nn.Module):
    """A small U-Net over pictures of 16 by 16: down twice, up twice, with what was seen on the way down."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(1, 6, 3, padding=1), nn.Conv2d(6, 12, 3, padding=1)
        self.low, self.up = nn.Conv2d(12, 12, 3, padding=1), nn.ConvTranspose2d(12, 6, 2, stride=2)
        self.last = nn.Conv2d(12, 1, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        first = torch.relu(self.first(x))
        low = torch.relu(self.second(functional.max_pool2d(first, 2)))
        up = torch.relu(self.up(torch.relu(self.low(low)) + low))
        outputs: Tensor = self.last(torch.cat([first, up], 1))
        return outputs


def overlap(outputs: Tensor, targets: Tensor) -> Tensor:
    """Return Dice's overlap of each picture, softly: (rows,)."""
    both = (outputs.sigmoid() * targets).flatten(1).sum(1)
    return (2 * both + 1) / (outputs.sigmoid().flatten(1).sum(1) + targets.flatten(1).sum(1) + 1)


def discs_in_noise(seed: int) -> Case:
    """Mark the points of a disc in noise, by Dice's loss and cross-entropy together."""
    generator = torch.Generator().manual_seed(seed)
    side = torch.arange(16.0)
    middle, radius = 4 + 8 * torch.rand(400, 2, generator=generator), 2 + 2 * torch.rand(400, 1, 1, generator=generator)
    apart = (side[None, :, None] - middle[:, :1, None]) ** 2 + (side[None, None] - middle[:, 1:, None]) ** 2
    y = (apart < radius**2).float()[:, None]
    data = divided(y - 0.2 + 0.5 * torch.randn(y.shape, generator=generator), y, 250)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        points = functional.binary_cross_entropy_with_logits(outputs, targets)
        return points + 1 - overlap(outputs, targets).mean()

    return case(
        seed, Outlined, data.rows, data.test, loss=loss, score=lambda o, t: float(overlap(o, t).mean()),
        optimizer=adam(1e-2), epochs=12, batch_size=25,
    )  # fmt: skip


class Passed(nn.Module):
    """Eight nodes of three numbers and who knows whom (rows, 8, 3 + 8): two rounds of messages, then their mean."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(6, 24), nn.Linear(48, 24), nn.Linear(24, 1)

    def forward(self, x: Tensor) -> Tensor:
        nodes, known = x.split([3, 8], 2)
        known = known / known.sum(2, keepdim=True).clamp_min(1)
        nodes = torch.relu(self.first(torch.cat([nodes, known @ nodes], 2)))
        nodes = torch.relu(self.second(torch.cat([nodes, known @ nodes], 2)))
        outputs: Tensor = self.head(nodes.mean(1))
        return outputs


def messages_between_nodes(seed: int) -> Case:
    """Predict a property of a small graph by messages along its edges."""
    generator = torch.Generator().manual_seed(seed)
    nodes = torch.randn(1500, 8, 3, generator=generator)
    edges = (torch.rand(1500, 8, 8, generator=generator) < 0.3).float().triu(1)
    edges = edges + edges.transpose(1, 2)
    mean = edges @ nodes[..., :1] / edges.sum(2, keepdim=True).clamp_min(1)
    y = 3 * (torch.relu(nodes[..., 1:2] + mean).mean(1) - 0.4) + nodes[..., 2].mean(1, keepdim=True)
    y = y + 0.2 * torch.randn(1500, 1, generator=generator)
    data = divided(torch.cat([nodes, edges], 2), y, 1000)
    return case(
        seed, Passed, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=adam(5e-3), epochs=25
    )  # fmt: skip


class Headed(nn.Module):
    """One trunk and two heads: a number, and the scores of three kinds."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = nn.Sequential(nn.Linear(8, 48), nn.ReLU())
        self.amount, self.kind = nn.Linear(48, 1), nn.Linear(48, 3)

    def forward(self, x: Tensor) -> Tensor:
        shared = self.trunk(x)
        return torch.cat([self.amount(shared), self.kind(shared)], 1)


def an_amount_and_a_kind(seed: int) -> Case:
    """Predict an amount and a kind at once, the kind as a number in the second column of targets."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1700, 8, generator=generator)
    amount = x[:, :1] + torch.sin(2 * x[:, 1:2]) + 0.3 * torch.randn(1700, 1, generator=generator)
    drawn = torch.stack([x[:, 2], x[:, 3] * x[:, 4], 0.5 - x[:, 5]], 1) * 2
    kind = (drawn + 0.3 * torch.randn(1700, 3, generator=generator)).argmax(1, keepdim=True)
    data = divided(x, torch.cat([amount, kind.float()], 1), 1200)

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        amounts = functional.mse_loss(outputs[:, :1], targets[:, :1])
        return amounts + 0.5 * functional.cross_entropy(outputs[:, 1:], targets[:, 1].long())

    def both(outputs: Tensor, targets: Tensor) -> float:
        kinds = scores.top_class(outputs[:, 1:], targets[:, 1].long())
        return (scores.r2(outputs[:, :1], targets[:, :1]) + kinds) / 2

    return case(
        seed, Headed, data.rows, data.test, loss=loss, score=both, optimizer=adam(5e-3), epochs=20
    )  # fmt: skip


class Heard(nn.Module):
    """A gated recurrence over rows filled up with zeros; the mean of the states of real steps."""

    def __init__(self) -> None:
        super().__init__()
        self.vectors = nn.Embedding(40, 12, padding_idx=0)
        self.recurrent, self.head = nn.GRU(12, 20, batch_first=True), nn.Linear(20, 2)

    def forward(self, x: Tensor) -> Tensor:
        real = (x > 0).float()[..., None]
        states, _ = self.recurrent(self.vectors(x))
        outputs: Tensor = self.head((states * real).sum(1) / real.sum(1).clamp_min(1))
        return outputs


def rare_complaints_in_filled_rows(seed: int) -> Case:
    """Find the complaints, one row in eight, among texts of several lengths, with weights of classes."""
    generator = torch.Generator().manual_seed(seed)
    length = torch.randint(4, 15, (1600, 1), generator=generator)
    y = (torch.rand(1600, generator=generator) < 0.125).long()
    bad = torch.rand(1600, 14, generator=generator) < torch.where(y[:, None] == 1, 0.4, 0.06)
    word = torch.where(
        bad, torch.randint(1, 8, (1600, 14), generator=generator), torch.randint(8, 40, (1600, 14), generator=generator)
    )
    data = divided(word * (torch.arange(14) < length), y, 1000)
    return case(
        seed, Heard, data.rows, data.test, loss=nn.CrossEntropyLoss(torch.tensor([1.0, 7.0])),
        score=scores.balanced_top_class, optimizer=adam(5e-3), epochs=8, judged_by=scores.balanced_top_class,
    )  # fmt: skip


def forty_rows_held_tight(seed: int) -> Case:
    """Learn from forty rows of twelve columns with much dropout and decay, because two columns matter."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(640, 12, generator=generator)
    y = x[:, :1] + 0.6 * x[:, 1:2] + 0.5 * torch.randn(640, 1, generator=generator)
    data = divided(x, y, 40)

    def model() -> nn.Module:
        return nn.Sequential(nn.Linear(12, 32), nn.ReLU(), nn.Dropout(0.3), nn.Linear(32, 1))

    def optimizer(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        return torch.optim.AdamW(parameters, lr=5e-3, weight_decay=0.5)

    return case(
        seed, model, data.rows, data.test, loss=nn.MSELoss(), score=scores.r2, optimizer=optimizer, epochs=60,
        batch_size=10,
    )  # fmt: skip


def warmed(rate: float, steps: int, whole: int) -> Optimizer:
    """Return momentum whose rate rises over some steps and then falls to nothing in a line."""

    def made(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        optimizer = torch.optim.SGD(parameters, lr=rate, momentum=0.9)
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: max(0.0, min((step + 1) / steps, (whole - step) / (whole - steps)))
        )
        optimizer.register_step_post_hook(lambda *_: schedule.step())
        return optimizer

    return made


def a_large_rate_after_a_warmup(seed: int) -> Case:
    """Tell customers who leave by a deep normalized network, at a large rate that is warmed up."""
    data = rows.groups(seed, training=1200, shares=(0.2,) * 5)

    def model() -> nn.Module:
        parts: list[nn.Module] = []
        for width in (10, 48, 48):
            parts += [nn.Linear(width, 48), nn.BatchNorm1d(48), nn.ReLU()]
        return nn.Sequential(*parts, nn.Linear(48, 5))

    return case(
        seed, model, data.rows, data.test, loss=nn.CrossEntropyLoss(), score=scores.top_class,
        optimizer=warmed(0.3, 60, 380), epochs=20, batch_size=64,
    )  # fmt: skip


def gradients_cut_in_most_steps(seed: int) -> Case:
    """Learn by momentum whose gradients are cut to a length of 0.5, most of them: steps of one size, which suit it."""
    data = rows.standardized_targets(rows.standardized(rows.friedman(seed, training=900)))

    def optimizer(parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        own = list(parameters)
        made = torch.optim.SGD(own, lr=0.03, momentum=0.9)
        made.register_step_pre_hook(lambda *_: (nn.utils.clip_grad_norm_(own, 0.5), None)[1])
        return made

    return case(
        seed, lambda: layers(10, 48, 48, 1), data.rows, data.test, loss=nn.MSELoss(), score=scores.r2,
        optimizer=optimizer, epochs=25,
    )  # fmt: skip


def shapes_of_waves_in_tiny_steps(seed: int) -> Case:
    """Tell the shapes of waves by convolutions along time, for long and at a rate of 0.0005."""
    data = rows.waves(seed, training=500)
    first, rest = ((x.transpose(1, 2).contiguous(), y) for x, y in (data.rows, data.test))

    def model() -> nn.Module:
        return nn.Sequential(
            nn.Conv1d(1, 16, 5, padding=2), nn.ReLU(), nn.MaxPool1d(2), nn.Conv1d(16, 24, 5, padding=2), nn.ReLU(),
            nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(24, 3),
        )  # fmt: skip

    return case(
        seed, model, first, rest, loss=nn.CrossEntropyLoss(), score=scores.top_class, optimizer=adam(5e-4), epochs=150
    )  # fmt: skip


def a_blend_between_its_bounds(seed: int) -> Case:
    """Learn what is held between two bounds, under noise as large, by small tanh layers and momentum."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1200, 9, generator=generator)
    y = (x[:, :3].sum(1, keepdim=True) / 2 + x[:, 3:4] * x[:, 4:5]).clamp(-1.5, 1.5)
    data = divided(x, y + 0.7 * torch.randn(1200, 1, generator=generator), 800)
    return case(
        seed, lambda: layers(9, 24, 1, activation=nn.Tanh), data.rows, data.test, loss=nn.SmoothL1Loss(),
        score=scores.r2, optimizer=sgd(0.02, momentum=0.9, weight_decay=1e-3), epochs=20,
    )  # fmt: skip


HEALTHY = (
    Healthy(build=moods_by_their_agreement),
    Healthy(build=points_in_no_order),
    Healthy(build=meanings_by_their_angle),
    Healthy(build=five_grades_between_bounds),
    Healthy(build=who_lives_longer),
    Healthy(build=claims_that_are_mostly_none),
    Healthy(build=a_load_by_log_cosh),
    Healthy(build=three_quantiles_in_order),
    Healthy(build=numbers_with_their_evidence),
    Healthy(build=returns_with_heavy_tails),
    Healthy(build=tags_that_follow_each_other, modality="sequence"),
    Healthy(build=likeness_of_digits, modality="image"),
    Healthy(build=what_a_teacher_thinks),
    Healthy(build=words_behind_masks, modality="sequence"),
    Healthy(build=digits_that_are_spoiled_first, modality="image"),
    Healthy(build=what_comes_next_with_shared_vectors, modality="sequence"),
    Healthy(build=weights_that_a_network_writes),
    Healthy(build=discs_in_noise, modality="image"),
    Healthy(build=messages_between_nodes),
    Healthy(build=an_amount_and_a_kind),
    Healthy(build=rare_complaints_in_filled_rows, modality="sequence"),
    Healthy(build=forty_rows_held_tight),
    Healthy(build=a_large_rate_after_a_warmup),
    Healthy(build=gradients_cut_in_most_steps),
    Healthy(build=shapes_of_waves_in_tiny_steps, modality="sequence"),
    Healthy(build=a_blend_between_its_bounds),
)
