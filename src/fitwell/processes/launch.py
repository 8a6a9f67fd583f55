"""How the processes of one training were started, as the environment says it in the words of torchrun."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from fitwell.errors import SurroundingsError

START = "start them with: torchrun --nproc-per-node 2 -m fitwell train ..."
ALONE = "or take WORLD_SIZE out of the environment to train in one process"


@dataclass(frozen=True, kw_only=True)
class Launch:
    """Which of how many processes this one is."""

    rank: int  # from 0; the first process decides, writes and speaks
    world_size: int  # of all machines
    local_rank: int = 0  # among those on this machine
    local_world_size: int = 1
    meeting: tuple[str, int] = ("localhost", 0)  # the address and the port where the processes find each other


def launched(environment: Mapping[str, str]) -> Launch | None:
    """Return how this process was started together with others, None where it trains alone.

    >>> launched({}), launched({"WORLD_SIZE": "1", "RANK": "0"})
    (None, None)
    >>> told = {"WORLD_SIZE": "2", "RANK": "1", "MASTER_ADDR": "localhost", "MASTER_PORT": "29500"}
    >>> launched(told | {"LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"})
    Launch(rank=1, world_size=2, local_rank=1, local_world_size=2, meeting=('localhost', 29500))

    Raises:
        SurroundingsError: the environment speaks of several processes, but not of how they find each other.
    """
    world_size = _number(environment, "WORLD_SIZE", 1, least=1)
    if world_size == 1:
        return None
    for name in ("RANK", "MASTER_ADDR", "MASTER_PORT"):
        if not environment.get(name):
            raise SurroundingsError(
                f"WORLD_SIZE is {world_size}, so that {world_size} processes should train together, but {name} is not "
                f"set; {START}, {ALONE}"
            )
    rank = _number(environment, "RANK", 0, least=0, below=world_size)
    port = _number(environment, "MASTER_PORT", 0, least=0, below=2**16)
    return Launch(
        rank=rank,
        world_size=world_size,
        local_rank=_number(environment, "LOCAL_RANK", 0, least=0),
        local_world_size=_number(environment, "LOCAL_WORLD_SIZE", 1, least=1),
        meeting=(environment["MASTER_ADDR"], port),
    )


def is_first(environment: Mapping[str, str]) -> bool:
    """Tell whether this process is the one of its training that speaks; who trains alone is.

    >>> is_first({}), is_first({"WORLD_SIZE": "2", "RANK": "1"})
    (True, False)
    """
    return environment.get("WORLD_SIZE", "1") == "1" or environment.get("RANK", "0") == "0"


def _number(environment: Mapping[str, str], name: str, usual: int, *, least: int, below: int | None = None) -> int:
    text = environment.get(name) or str(usual)
    number = int(text) if text.isdecimal() else None
    if number is None or number < least or (below is not None and number >= below):
        must = f"at least {least}" if below is None else f"from {least} to {below - 1}"
        raise SurroundingsError(f'{name} must be a whole number {must}, but is "{text}"; {START}, {ALONE}')
    return number
