"""What a training tells while it runs: frozen values, worded for people, with the figures beside for programs.

Kinds, in the order they come: `data`, `note` (each warning), `split`, `plan`, `processes` (where there are several),
`baseline`, `look` (after each epoch), `stopped` (a member), `interrupted`, `measured`, `ensemble` (of several members),
`fold`, `decision`, `report`, `finished`. A search has besides: `tuning` (a part of it begins), `tried` (a setting),
`search` (how far it is), `rung` (trials were compared), `mattered`, `compared`. An examination has besides:
`diagnosing`, `experiment` (how far some are), `screened`, `tried`, `causes`, `diagnosed`, and a cure `curing`, `cured`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Event:
    """One thing that happened."""

    kind: str
    text: str
    values: Mapping[str, Any] = field(default_factory=dict)


Listener = Callable[[Event], None]


def unheard(_event: Event) -> None:
    """Listen to nothing."""
