"""`fitwell words`: text becomes numbers; one file per command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fitwell.cli.words.encode import encode

COMMANDS: dict[str, Callable[..., Any]] = {
    "encode": encode,
}
