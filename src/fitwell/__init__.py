"""What `import fitwell as fw` offers; each name is imported when it is first used.

Importing Fitwell itself costs a few milliseconds; the room that needs PyTorch, Polars or Pydantic imports it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from fitwell.errors import DataError, FitwellError, RecipeError, RequestError, RunError, SurroundingsError

if TYPE_CHECKING:
    from fitwell import metrics, pretrained, search, vectors, words
    from fitwell.comparison import compare
    from fitwell.conversing import answer, chat
    from fitwell.curing import cure, diagnose
    from fitwell.doctor.examining import examine
    from fitwell.recipe import Recipe
    from fitwell.run import Run
    from fitwell.run import load_run as load
    from fitwell.tuning import tune
    from fitwell.watching import lightning_callback, transformers_callback, watch
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
    "answer",
    "chat",
    "compare",
    "cure",
    "diagnose",
    "examine",
    "lightning_callback",
    "load",
    "metrics",
    "pretrained",
    "search",
    "train",
    "transformers_callback",
    "tune",
    "vectors",
    "watch",
    "words",
]

# Where a name lives: its module, and its name there (None: the module itself).
_HOMES: dict[str, tuple[str, str | None]] = {
    "Recipe": ("fitwell.recipe", "Recipe"),
    "Run": ("fitwell.run", "Run"),
    "answer": ("fitwell.conversing", "answer"),
    "chat": ("fitwell.conversing", "chat"),
    "compare": ("fitwell.comparison", "compare"),
    "cure": ("fitwell.curing", "cure"),
    "diagnose": ("fitwell.curing", "diagnose"),
    "examine": ("fitwell.doctor.examining", "examine"),
    "lightning_callback": ("fitwell.watching", "lightning_callback"),
    "load": ("fitwell.run", "load_run"),
    "metrics": ("fitwell.metrics", None),
    "pretrained": ("fitwell.pretrained", None),
    "search": ("fitwell.search", None),
    "train": ("fitwell.workflow", "train"),
    "transformers_callback": ("fitwell.watching", "transformers_callback"),
    "tune": ("fitwell.tuning", "tune"),
    "vectors": ("fitwell.vectors", None),
    "watch": ("fitwell.watching", "watch"),
    "words": ("fitwell.words", None),
}

if not TYPE_CHECKING:  # a type checker that saw it would take any misspelled name for an export

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(f"module 'fitwell' has no attribute '{name}'; it offers {', '.join(__all__)}")
        home, inside = _HOMES[name]
        module = import_module(home)
        value = module if inside is None else getattr(module, inside)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    return list(__all__)
