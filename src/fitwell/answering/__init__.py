"""Questions are answered with a stretch of a text: read, trained, measured, found among documents, asked in turns.

Each name is imported when it is first used, because reading needs more than naming it does.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from fitwell.answering.asking import Answer, Place
    from fitwell.answering.squad import Squad, read_squad

__all__ = ["Answer", "Place", "Squad", "read_squad"]

_HOMES = {
    "Answer": "fitwell.answering.asking",
    "Place": "fitwell.answering.asking",
    "Squad": "fitwell.answering.squad",
    "read_squad": "fitwell.answering.squad",
}

if not TYPE_CHECKING:  # a type checker that saw it would take any misspelled name for an export

    def __getattr__(name: str) -> Any:
        if name not in _HOMES:
            raise AttributeError(
                f"module 'fitwell.answering' has no attribute '{name}'; it offers {', '.join(__all__)}"
            )
        return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
