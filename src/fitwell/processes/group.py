"""The processes that train one network together, as one of them sees them.

Whatever is asked of one is asked of all, in the same order; who is slower is waited for. A process that dies closes its
connections, which the others notice at once; one that hangs is noticed after `PATIENCE`.

Each process may wish to leave (Ctrl-C, the time limit). A wish travels with the next sum of gradients, so that all see
it after the same step, and leaving together costs no message of its own.
"""

from __future__ import annotations

import re
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from itertools import count
from types import FrameType

import torch
from torch import Tensor
from torch import distributed as dist
from torch.distributed.distributed_c10d import PrefixStore, Store
from torch.distributed.rendezvous import rendezvous

from fitwell.errors import FitwellError, LostProcess, SurroundingsError, ToldElsewhere
from fitwell.interrupts import Interruption
from fitwell.processes.launch import ALONE, START, Launch, launched

PATIENCE = timedelta(minutes=30)  # the others wait while the first reads, measures and draws
MEETING = timedelta(minutes=5)  # how long the first to come waits for the last
BACKENDS = "cpu:gloo,cuda:nccl"

HEARD_EVERY = 10  # sums, on a GPU: reading a wish there waits for all that was asked of it

COURTESY = 1.0  # seconds for which the others let the first speak, which knows most; it may be the one that was lost

_meetings = count()  # of this process, one after another


@dataclass(frozen=True)
class Wishes:
    """Why a process wants to leave training."""

    interrupted: bool = False
    late: bool = False


@dataclass(kw_only=True)
class Processes:
    """The processes of one training; what changes is what they wish."""

    launch: Launch
    store: Store | None = None  # None where somebody else brought the processes together
    wishes: Wishes = Wishes()  # own, not told yet
    agreed: Wishes = Wishes()  # of any process, at the last sum
    sums: int = 0

    @property
    def first(self) -> bool:
        """Tell whether this is the process that decides, writes and speaks."""
        return self.launch.rank == 0

    def share(self, rows: int, *, of: int | None = None) -> slice:
        """Return which rows of a batch, or of any others, are this process's, or those of another rank.

        >>> [Processes(launch=Launch(rank=rank, world_size=3)).share(10) for rank in range(3)]
        [slice(0, 3, None), slice(3, 6, None), slice(6, 10, None)]
        """
        rank, size = self.launch.rank if of is None else of, self.launch.world_size
        return slice(rows * rank // size, rows * (rank + 1) // size)

    def summed(self, *tensors: Tensor) -> list[Tensor]:
        """Return the sums over all processes of tensors of one dtype, by one call, and learn of their wishes."""
        like = tensors[0]
        told = like.new_tensor([self.wishes.interrupted, self.wishes.late])
        joined = torch.cat([*(tensor.reshape(-1) for tensor in tensors), told])
        add_up(joined)
        sizes = [tensor.numel() for tensor in tensors]
        *parts, wishes = torch.split(joined, [*sizes, len(told)])
        self.sums += 1
        if like.device.type == "cpu" or self.sums % HEARD_EVERY == 0:
            interrupted, late = (wishes > 0).tolist()
            self.agreed = Wishes(interrupted=interrupted, late=late)
        return [part.view(tensor.shape) for part, tensor in zip(parts, tensors, strict=True)]

    def agree(self, wishes: Wishes) -> Wishes:
        """Return what any process wished at the last sum; this one's wishes are told with the next."""
        self.wishes = wishes
        return self.agreed

    def forget(self) -> None:
        """Wish nothing any more, as all others do at the same time."""
        self.wishes = self.agreed = Wishes()

    def gathered(self, own: Tensor, *, rows: int) -> Tensor:
        """Return the (members, rows, ...) of all processes, from every process's share of the rows."""
        whole = own.new_zeros(own.shape[0], rows, *own.shape[2:])
        whole[:, self.share(rows)] = own
        add_up(whole)  # one entry of each sum is not 0, so it is exact
        return whole

    def each(self, own: Tensor) -> Tensor:
        """Return every process's tensor of the same shape, stacked by rank."""
        stacked = own.new_zeros(self.launch.world_size, *own.shape)
        stacked[self.launch.rank] = own
        add_up(stacked)
        return stacked

    def from_first(self, content: bytes = b"") -> bytes:
        """Return what the first process says; what the others say is not heard."""
        size = torch.tensor([len(content)])
        with _worded():
            dist.broadcast(size, src=0)
            told = torch.zeros(int(size), dtype=torch.uint8)
            if self.first:
                told = torch.frombuffer(bytearray(content or b"\0"), dtype=torch.uint8)[: len(content)]
            dist.broadcast(told, src=0)
        return told.numpy().tobytes()

    def numbers_from_first(self, numbers: Sequence[float]) -> tuple[float, ...]:
        """Return the first process's numbers: other processors may round their own otherwise."""
        told = torch.tensor(numbers, dtype=torch.float64)
        with _worded():
            dist.broadcast(told, src=0)
        return tuple(told.tolist())

    def may_speak(self) -> bool:
        """Tell whether this is the first process that wants to say why the training ends."""
        if self.store is None:
            return True
        try:
            # By hand first: torch prints a page where whoever kept the store is gone.
            socket.create_connection(self.launch.meeting, timeout=COURTESY).close()
            return bool(self.store.add("told", 1) == 1)
        except (OSError, RuntimeError):
            return True


def add_up(tensor: Tensor) -> None:
    """Replace a contiguous tensor by its sum over all processes, the same bits in each.

    Raises:
        LostProcess: a process is gone.
    """
    with _worded():
        dist.all_reduce(tensor)


@contextmanager
def joined(environment: Mapping[str, str]) -> Iterator[Processes | None]:
    """Meet the other processes of this training, None where it trains alone; what ends it is said by one of them.

    Raises:
        SurroundingsError: the others do not come. ToldElsewhere: another process has said why this one ends.
    """
    if dist.is_available() and dist.is_initialized():  # by whoever started the processes
        size = dist.get_world_size()
        met = None if size == 1 else Processes(launch=Launch(rank=dist.get_rank(), world_size=size))
        with _one_speaks(met):
            yield met
        return
    launch = launched(environment)
    if launch is None:
        yield None
        return
    met, failed = _met(launch), True
    try:
        with _one_speaks(met), _leaving_together(met):
            yield met
            failed = False
    finally:
        with suppress(RuntimeError):
            dist.destroy_process_group()
        if failed and met.first:
            time.sleep(2 * COURTESY)  # the others ask the store who has spoken, and it may live in this process


def _met(launch: Launch) -> Processes:
    try:
        store, _, _ = next(rendezvous("env://", timeout=MEETING))
        store = PrefixStore(f"fitwell-{next(_meetings)}", store)
        backends = BACKENDS if torch.cuda.is_available() else "gloo"
        if torch.cuda.is_available():
            torch.cuda.set_device(launch.local_rank % torch.cuda.device_count())
        dist.init_process_group(backends, store=store, rank=launch.rank, world_size=launch.world_size, timeout=PATIENCE)
    except (RuntimeError, ValueError) as error:
        raise SurroundingsError(
            f"process {launch.rank + 1} of {launch.world_size} must meet the others, but does not "
            f"({_reason(error)}); {START}, {ALONE}"
        ) from None
    return Processes(launch=launch, store=store)


@contextmanager
def _one_speaks(processes: Processes | None) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if processes is not None:
            processes.may_speak()
        raise
    except FitwellError as error:
        if processes is not None and not processes.first and isinstance(error, LostProcess):
            time.sleep(COURTESY)
        if processes is None or processes.may_speak():
            raise
        raise ToldElsewhere(f"{error}; another process of this training has said why it ends") from None


@contextmanager
def _leaving_together(processes: Processes) -> Iterator[None]:
    """Take a request to end, as a scheduler or torchrun sends it, for a Ctrl-C: the first process has work to save."""
    if not processes.first or threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, _frame: FrameType | None) -> None:
        interruption = signal.getsignal(signal.SIGINT)
        if isinstance(interruption, Interruption):
            interruption.asked = True
        else:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    before = signal.signal(signal.SIGTERM, ask)
    try:
        yield
    finally:
        if signal.getsignal(signal.SIGTERM) is ask:
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _worded() -> Iterator[None]:
    try:
        yield
    except RuntimeError as error:
        if threading.current_thread() is threading.main_thread():
            # torchrun ends the others when one is lost; what there is to say is said first.
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise LostProcess(
            "the processes that train together must all stay, but one of them was lost "
            f"({_reason(error)}); look at what it said, and at the memory"
        ) from None


def _reason(error: Exception) -> str:
    """Return the first sentence of what torch says, without the place in its sources that may stand before it.

    >>> _reason(RuntimeError("[/a/pair.cc:537] Read error [127.0.0.1]:9116: Connection reset by peer. This is typi..."))
    'Read error [127.0.0.1]:9116: Connection reset by peer'
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = re.sub(r"^\[[^\]]*\]\s*", "", lines[0]).split(". ")[0] if lines else ""
    return said.rstrip(".") or type(error).__name__
