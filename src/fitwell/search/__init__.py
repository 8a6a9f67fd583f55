"""Documents are found by their words and by what they mean: indexed, asked, and measured by judgements.

Each name is imported when it is first used, because making an index needs more than asking it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fitwell.lazy import exports

if TYPE_CHECKING:
    from fitwell.search.building import EXACT_UNTIL
    from fitwell.search.contents import Hit
    from fitwell.search.documents import Document, read_documents
    from fitwell.search.evaluating import Evaluation, evaluate
    from fitwell.search.excerpts import excerpt
    from fitwell.search.indexing import Changed, add, delete, index
    from fitwell.search.judging import Judgement, gains_of, read_judgements
    from fitwell.search.teaching import Taught, learn
    from fitwell.search.value import Index, open_index

__all__ = [
    "EXACT_UNTIL",
    "Changed",
    "Document",
    "Evaluation",
    "Hit",
    "Index",
    "Judgement",
    "Taught",
    "add",
    "delete",
    "evaluate",
    "excerpt",
    "gains_of",
    "index",
    "learn",
    "open_index",
    "read_documents",
    "read_judgements",
]

# The module where a name lives.
_HOMES = {
    "EXACT_UNTIL": "fitwell.search.building",
    "Changed": "fitwell.search.indexing",
    "Document": "fitwell.search.documents",
    "Evaluation": "fitwell.search.evaluating",
    "Hit": "fitwell.search.contents",
    "Index": "fitwell.search.value",
    "Judgement": "fitwell.search.judging",
    "Taught": "fitwell.search.teaching",
    "add": "fitwell.search.indexing",
    "delete": "fitwell.search.indexing",
    "evaluate": "fitwell.search.evaluating",
    "excerpt": "fitwell.search.excerpts",
    "gains_of": "fitwell.search.judging",
    "index": "fitwell.search.indexing",
    "learn": "fitwell.search.teaching",
    "open_index": "fitwell.search.value",
    "read_documents": "fitwell.search.documents",
    "read_judgements": "fitwell.search.judging",
}

if not TYPE_CHECKING:  # a type checker that saw it would take any misspelled name for an export
    __getattr__, __dir__ = exports(__name__, _HOMES, offered=__all__)
