"""A watch changes nothing, measures what a slow loop measures, and suspects what was planted."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

import fitwell as fw
from fitwell.errors import RequestError
from fitwell.watching import Watch
from fitwell.watching.listening import measured
from fitwell.watching.sampling import DENSE

ROWS, WIDTH = 512, 8
Optimizer = Callable[..., torch.optim.Optimizer]


def rows() -> tuple[Tensor, Tensor]:
    inputs = torch.randn(ROWS, WIDTH, generator=torch.Generator().manual_seed(0))
    return inputs, (inputs[:, 0] + inputs[:, 1] * inputs[:, 2] > 0).long()


def network(activation: type[nn.Module] = nn.ReLU, *, depth: int = 2, seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    hidden = [part for _ in range(depth - 1) for part in (nn.Linear(32, 32), activation())]
    return nn.Sequential(nn.Linear(WIDTH, 32), activation(), *hidden, nn.Linear(32, 2))


def trained(
    model: nn.Module,
    *,
    rate: float = 0.003,
    steps: int = 200,
    optimizer: Optimizer = torch.optim.Adam,
    scale: float = 1,
) -> Watch:
    inputs, classes = rows()
    own = optimizer(model.parameters(), lr=rate)
    order = np.random.default_rng(0)
    with fw.watch(model, own) as watch:
        for step in range(steps):
            batch = torch.from_numpy(order.integers(0, 384, 32))
            loss = functional.cross_entropy(model(inputs[batch] * scale), classes[batch])
            own.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            own.step()
            watch.record(loss=loss)
            if step % 20 == 19:
                with torch.no_grad():
                    held = functional.cross_entropy(model(inputs[384:] * scale), classes[384:])
                watch.record(loss=held, split="validation")
    return watch


def suspected(watch: Watch) -> list[str]:
    return [finding.symptom for finding in watch.findings]


def test_a_sound_training_is_met_with_silence() -> None:
    assert suspected(trained(network())) == []
    assert suspected(trained(network(nn.Tanh), rate=0.01, steps=400)) == []


def small_sigmoids() -> nn.Module:
    model = network(nn.Sigmoid, depth=12)
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.uniform_(layer.weight, -0.05, 0.05)
    return model


def dead() -> nn.Module:
    model = network()
    with torch.no_grad():
        model[2].bias.fill_(-50)  # type: ignore[operator]
    return model


def wide_tanh() -> nn.Module:
    model = network(nn.Tanh, depth=4)
    for layer in model:
        if isinstance(layer, nn.Linear):
            nn.init.normal_(layer.weight, std=20.0)
    return model


def test_sick_trainings_are_suspected_of_what_ails_them() -> None:
    assert suspected(trained(network(), rate=1e-8))[0] == "learning_rate_too_low"
    assert suspected(trained(network(), rate=1e30, optimizer=torch.optim.SGD))[0] == "non_finite_values"
    assert suspected(trained(network(), rate=10.0))[0] == "learning_rate_too_high"
    assert suspected(trained(small_sigmoids(), rate=0.001))[0] == "vanishing_gradients"
    assert "dead_units" in suspected(trained(dead()))
    assert "saturated_units" in suspected(trained(wide_tanh(), rate=1e-4))
    assert suspected(trained(network(), scale=5000.0, rate=0.01))[0] == "unscaled_inputs"


def test_a_watched_training_takes_the_same_steps_to_the_bit() -> None:
    def weights(watched: bool) -> list[Tensor]:
        model = nn.Sequential(network(), nn.Dropout(0.2))
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.01)
        torch.manual_seed(1)
        watch = fw.watch(model, optimizer)
        if watched:
            watch.__enter__()
        for _ in range(30):
            optimizer.zero_grad()
            functional.cross_entropy(model(rows()[0]), rows()[1]).backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        watch.__exit__(None, None, None)
        return [*model.parameters(), torch.rand(3)]

    assert all(torch.equal(one, other) for one, other in zip(weights(True), weights(False), strict=True))


def test_no_hook_is_left_behind_not_even_after_an_error() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with pytest.raises(ZeroDivisionError), fw.watch(model, optimizer):
        model[0].register_parameter(1 // 0, None)  # type: ignore[arg-type]
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert not optimizer._optimizer_step_pre_hooks
    assert not optimizer._optimizer_step_post_hooks


def test_gradients_weights_and_updates_are_what_a_loop_in_float64_finds() -> None:
    model = network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    before = copy.deepcopy(model).double()
    loss = functional.cross_entropy(before(rows()[0].double()), rows()[1])
    loss.backward()  # type: ignore[no-untyped-call]
    with fw.watch(model, optimizer) as watch:
        functional.cross_entropy(model(rows()[0]), rows()[1]).backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        watch.record(loss=0.5)
    (seen,) = watch.history.filter(split="batch").to_dicts()
    layer = before[2]
    assert isinstance(layer, nn.Linear)
    assert layer.weight.grad is not None
    assert layer.bias.grad is not None
    gradient = torch.cat([layer.weight.grad.flatten(), layer.bias.grad]).norm().item()
    size = torch.cat([layer.weight.flatten(), layer.bias]).norm().item()
    # Single precision keeps seven digits, and norms add up 1,056 squares.
    assert seen["gradient_norm.2"] == pytest.approx(gradient, rel=1e-4)
    assert seen["weight_norm.2"] == pytest.approx(size, rel=1e-4)
    assert seen["update_ratio.2"] == pytest.approx(0.5 * gradient / size, rel=1e-2)  # beside the larger of two sizes
    hidden = torch.relu(layer(torch.relu(before[0](rows()[0].double()))))[:256].detach()
    assert seen["activation_mean.2"] == pytest.approx(hidden.mean().item(), rel=1e-4)
    assert seen["activation_spread.2"] == pytest.approx(hidden.std(correction=0).item(), rel=1e-4)
    assert seen["zeros.2"] == pytest.approx((hidden == 0).double().mean().item())
    assert seen["dead.2"] == pytest.approx((hidden == 0).all(0).double().mean().item())


def test_a_channel_of_images_is_dead_when_it_is_zero_at_every_place() -> None:
    images = torch.ones(2, 4, 3, 3)
    images[:, 1] = 0
    images[0, 2] = 0
    mean, _, zeros, dead = measured(images, units_first=True).tolist()
    assert (mean, zeros, dead) == (0.625, 0.375, 0.25)


def test_large_tensors_are_measured_by_some_of_their_rows() -> None:
    torch.manual_seed(0)
    model = nn.Linear(1024, 1024)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with fw.watch(model, optimizer) as watch:
        model(torch.randn(16, 1024)).square().mean().backward()
        assert model.weight.grad is not None
        gradient = model.weight.grad.norm().item()
        optimizer.step()
    (seen,) = watch.history.filter(split="batch").to_dicts()
    # 32 rows of 1,024 tell the norm of all but for their differences, some percent; findings begin at factors of ten.
    assert seen["gradient_norm.Linear"] == pytest.approx(gradient, rel=0.1)


class Reader(nn.Module):
    """Words, recurrence, attention and a convolution, some of it called as plain functions."""

    def __init__(self) -> None:
        super().__init__()
        self.words = nn.Embedding(50, 16, sparse=False)
        self.recurrent = nn.LSTM(16, 16, batch_first=True)
        self.attention = nn.MultiheadAttention(16, 2, batch_first=True)
        self.convolution = nn.Conv1d(16, 8, 3, padding=1)
        self.norm = nn.BatchNorm1d(8)
        self.head = nn.Linear(8, 2)

    def forward(self, words: Tensor) -> Tensor:
        hidden, _ = self.recurrent(self.words(words))
        hidden, _ = self.attention(hidden, hidden, hidden)
        hidden = functional.relu(self.norm(self.convolution(hidden.transpose(1, 2))))
        answer: Tensor = self.head(hidden.mean(-1))
        return answer


def test_words_recurrence_attention_and_convolutions_are_watched() -> None:
    torch.manual_seed(0)
    model = Reader()
    words = torch.randint(0, 50, (64, 12))
    classes = (words[:, 0] > 25).long()
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    with fw.watch(model, optimizer) as watch:
        for _ in range(60):
            loss = functional.cross_entropy(model(words), classes)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            watch.record(loss=loss)
    kinds = {layer.name: layer.kind for layer in watch.layers}
    assert list(kinds) == ["words", "recurrent", "attention", "convolution", "head", "attention.out_proj"]
    assert [name for name, kind in kinds.items() if kind == "output"] == ["head"]
    seen = watch.history.filter(split="batch")
    for name in ("words", "recurrent", "attention", "convolution", "head"):
        assert (seen[f"gradient_norm.{name}"] > 0).all()
    assert seen["activation_spread.recurrent"].is_finite().all()
    assert suspected(watch) == []


def test_weights_that_the_optimizer_does_not_have_are_named_and_those_frozen_on_purpose_are_not() -> None:
    model = network()
    head = model[4]
    assert isinstance(head, nn.Linear)
    with fw.watch(model, torch.optim.Adam(head.parameters(), lr=0.01)) as watch:
        pass
    (finding,) = watch.findings
    assert (finding.symptom, finding.evidence["layers"]) == ("frozen_parameters", "0, 2")
    model[0].requires_grad_(False)
    model[2].requires_grad_(False)
    watch = trained(model, rate=0.01)
    assert "frozen_parameters" not in suspected(watch)
    assert "vanishing_gradients" not in suspected(watch)


def test_a_table_of_vectors_with_sparse_gradients_is_watched() -> None:
    model = nn.Sequential(nn.EmbeddingBag(100, 8, sparse=True), nn.Linear(8, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    with fw.watch(model, optimizer) as watch:
        model(torch.randint(0, 100, (4, 5))).square().mean().backward()
        optimizer.step()
    assert watch.history["gradient_norm.0"][0] > 0


def test_the_first_steps_are_all_measured_and_then_fewer_and_fewer() -> None:
    steps = trained(network(), steps=300).history.filter(split="batch")["step"].to_list()
    assert steps[:DENSE] == list(range(DENSE))
    assert len(steps) < 60


def test_looks_follow_validation_losses_or_else_stretches_of_steps() -> None:
    watch = trained(network(), steps=100)
    assert watch.observation.looks.moments.tolist() == [20, 40, 60, 80, 100]
    model = network()
    with fw.watch(model, torch.optim.SGD(model.parameters(), lr=0.1)) as alone:
        for step in range(40):
            alone.record(loss=float(step))
            alone._step += 1
    assert np.nanmean(alone.observation.looks.training) == pytest.approx(19.5)


def test_a_loss_must_be_one_number_of_a_known_split() -> None:
    model = network()
    watch = fw.watch(model, torch.optim.SGD(model.parameters(), lr=0.1))
    with pytest.raises(RequestError, match=r"must be one number, but a tensor \(3,\) came; take its mean"):
        watch.record(loss=torch.zeros(3))
    with pytest.raises(RequestError, match=r'"train" or "validation", but "test" came'):
        watch.record(loss=1.0, split="test")  # type: ignore[arg-type]


def test_what_is_no_model_or_no_optimizer_is_refused() -> None:
    with pytest.raises(RequestError, match="model must be a torch Module, but is of type function"):
        fw.watch(network, torch.optim.SGD(network().parameters(), lr=0.1))  # type: ignore[arg-type]
    with pytest.raises(RequestError, match="optimizer must be a torch Optimizer, but is of type float"):
        fw.watch(network(), 0.1)  # type: ignore[arg-type]


def test_a_model_without_weights_is_refused() -> None:
    model = nn.ReLU()
    with pytest.raises(RequestError, match="must have weights that learn, but ReLU has none"):
        fw.watch(model, torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.1))


def test_a_watch_that_heard_nothing_has_no_findings_and_a_page(tmp_path: Path) -> None:
    model = network()
    watch = fw.watch(model, torch.optim.SGD(model.parameters(), lr=0.1))
    assert watch.findings == ()
    assert "Nothing suspicious was seen" in watch.report(tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_page_shows_findings_and_layers_and_needs_no_network(tmp_path: Path) -> None:
    path = trained(small_sigmoids(), rate=0.001).report(tmp_path / "page.html")
    page = path.read_text(encoding="utf-8")
    for part in ("Vanishing gradients", "suspected", "Gradient norm", "Activation spread", "Try: Use relu or silu"):
        assert part in page
    assert set(re.findall(r"https?://[^\s\"<)]+", page)) <= {"http://www.w3.org/2000/svg"}
    assert path.stat().st_size < 1_000_000
