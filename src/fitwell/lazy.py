"""Packages whose names are imported when they are first used, so that a name costs only what it needs itself."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any


def exports(
    package: str, homes: Mapping[str, str], *, offered: Sequence[str]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Return a package's `__getattr__` and `__dir__` (PEP 562).

    `homes` tells the module where a name lives, `module:name` where it has another name there; a module of the package
    is its own home. What was found once is kept in the package. `offered` is the package's `__all__`.

    >>> get, _ = exports("fitwell", {"load": "fitwell.run:load_run"}, offered=["load"])
    >>> get("lode")
    Traceback (most recent call last):
        ...
    AttributeError: module 'fitwell' has no attribute 'lode'; it offers load
    """

    def get(name: str) -> Any:
        if name not in homes:
            raise AttributeError(f"module '{package}' has no attribute '{name}'; it offers {', '.join(offered)}")
        home, _, inside = homes[name].partition(":")
        module = import_module(home)
        value = module if home == f"{package}.{name}" else getattr(module, inside or name)
        setattr(sys.modules[package], name, value)
        return value

    return get, lambda: list(offered)
