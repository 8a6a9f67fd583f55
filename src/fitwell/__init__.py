"""What `import fitwell as fw` offers; each name is imported when it is first used.

Importing Fitwell itself costs a few milliseconds; the room that needs PyTorch, Polars or Pydantic imports it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fitwell.errors import DataError, FitwellError, RecipeError, RequestError, RunError, SurroundingsError
from fitwell.lazy import exports

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

# The module where a name lives, and its name there if it is another.
_HOMES = {
    "Recipe": "fitwell.recipe",
    "Run": "fitwell.run",
    "answer": "fitwell.conversing",
    "chat": "fitwell.conversing",
    "compare": "fitwell.comparison",
    "cure": "fitwell.curing",
    "diagnose": "fitwell.curing",
    "examine": "fitwell.doctor.examining",
    "lightning_callback": "fitwell.watching",
    "load": "fitwell.run:load_run",
    "metrics": "fitwell.metrics",
    "pretrained": "fitwell.pretrained",
    "search": "fitwell.search",
    "train": "fitwell.workflow",
    "transformers_callback": "fitwell.watching",
    "tune": "fitwell.tuning",
    "vectors": "fitwell.vectors",
    "watch": "fitwell.watching",
    "words": "fitwell.words",
}

if not TYPE_CHECKING:  # a type checker that saw it would take any misspelled name for an export
    __getattr__, __dir__ = exports(__name__, _HOMES, offered=__all__)
