"""Questions are answered with a stretch of a text: read, trained, measured, found among documents, asked in turns.

Each name is imported when it is first used, because reading needs more than naming it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fitwell.lazy import exports

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
    __getattr__, __dir__ = exports(__name__, _HOMES, offered=__all__)
