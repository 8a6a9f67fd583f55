"""What is asked of CUDA, and in which order; there need not be a GPU, because another one listens in its place."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch

from fitwell.training.cuda_graphs import AHEAD, WARM_UPS, CudaGraphs

DEVICE = torch.device("cuda", 0)


class Listening:
    """Stands for `torch.cuda`, and writes down what is asked of it."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        self.streams = ["default"]
        self.fails = False

    def function(self) -> None:
        self.heard.append(f"steps on {self.streams[-1]}")
        if self.fails:
            raise RuntimeError("operation not permitted when stream is capturing")

    def Stream(self, device: torch.device) -> Any:
        return _Stream(self, "side")

    def current_stream(self, device: torch.device) -> Any:
        return _Stream(self, self.streams[-1])

    def graph_pool_handle(self) -> str:
        return "pool"

    def CUDAGraph(self) -> Any:
        return _Graph(self)

    def Event(self, *, blocking: bool) -> Any:
        return _Event(self)

    @contextmanager
    def device(self, device: torch.device) -> Iterator[None]:
        assert device == DEVICE
        yield

    @contextmanager
    def stream(self, stream: Any) -> Iterator[None]:
        self.streams.append(stream.name)
        try:
            yield
        finally:
            self.streams.pop()

    @contextmanager
    def graph(self, graph: Any, *, pool: str, stream: Any, capture_error_mode: str) -> Iterator[None]:
        self.heard.append(f"begin to record on {stream.name} in {pool}")
        self.streams.append(stream.name)
        yield
        self.streams.pop()  # where steps fail, torch does not come back to the stream before
        self.heard.append("end")


class _Stream:
    def __init__(self, cuda: Listening, name: str) -> None:
        self.cuda, self.name = cuda, name

    def wait_stream(self, other: Any) -> None:
        self.cuda.heard.append(f"{self.name} waits for {other.name}")


class _Graph:
    def __init__(self, cuda: Listening) -> None:
        self.cuda = cuda

    def replay(self) -> None:
        self.cuda.heard.append(f"replay on {self.cuda.streams[-1]}")


class _Event:
    def __init__(self, cuda: Listening) -> None:
        self.cuda = cuda

    def record(self, stream: Any) -> None:
        self.number = sum(heard.startswith("replay") for heard in self.cuda.heard)

    def synchronize(self) -> None:
        self.cuda.heard.append(f"wait for replay {self.number}")


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> Listening:
    listening = Listening()
    for name in ("Stream", "current_stream", "graph_pool_handle", "CUDAGraph", "Event", "device", "stream", "graph"):
        monkeypatch.setattr(f"torch.cuda.{name}", getattr(listening, name))
    return listening


def test_steps_warm_up_and_are_recorded_on_a_stream_of_their_own(cuda: Listening) -> None:
    CudaGraphs(DEVICE)(cuda.function)
    assert cuda.heard == [
        "side waits for default",
        *["steps on side"] * WARM_UPS,
        "begin to record on side in pool", "steps on side", "end",
        "default waits for side",
    ]  # fmt: skip
    assert cuda.streams == ["default"]


def test_replays_are_asked_for_a_little_ahead_whichever_graph_they_are_of(cuda: Listening) -> None:
    recorder = CudaGraphs(DEVICE)
    replays = [recorder(cuda.function), recorder(cuda.function)]
    cuda.heard.clear()
    for place in range(AHEAD + 2):
        replays[place % 2]()
    replay = "replay on default"
    assert cuda.heard == [*[replay] * AHEAD, "wait for replay 1", replay, "wait for replay 2", replay]


def test_where_steps_fail_what_follows_waits_for_them_on_the_stream_of_before(cuda: Listening) -> None:
    cuda.fails = True
    with pytest.raises(RuntimeError, match="not permitted when stream is capturing"):
        CudaGraphs(DEVICE)(cuda.function)
    assert cuda.heard[-1] == "default waits for side"
