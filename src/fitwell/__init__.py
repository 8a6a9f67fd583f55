"""What `import fitwell as fw` offers; each name is imported when it is first used.

Importing Fitwell itself costs a few milliseconds: PyTorch, Polars and Pydantic are imported by the room that needs them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fitwell.errors import DataError, FitwellError, RecipeError, RequestError, RunError, SurroundingsError

if TYPE_CHECKING:
    from fitwell import metrics
    from fitwell.recipe import Recipe
    from fitwell.run import Run, load
    from fitwell.workflow import train

__version__ = "0.1.0"

__all__ = [
    "DataError",
    "FitwellError",
    "Recipe",
    "RecipeError",
    "RequestError",
    "Run",
    "RunError",
    "SurroundingsError",
    "__version__",
    "load",
    "metrics",
    "train",
]

# Where a name lives; None: the name is a module of its own.
_HOMES: dict[str, str | None] = {
    "Recipe": "fitwell.recipe",
    "Run": "fitwell.run",
    "load": "fitwell.run",
    "metrics": None,
    "train": "fitwell.workflow",
}

if not TYPE_CHECKING:  # a type checker that saw it would take any misspelled name for an export

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'fitwell' has no attribute '{name}'; it offers {', '.join(__all__)}")
        home = _HOMES[name]
        value = import_module(f"fitwell.{name}") if home is None else getattr(import_module(home), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return list(__all__)
