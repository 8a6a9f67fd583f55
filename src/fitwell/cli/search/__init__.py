"""`fitwell search`: documents are found by their words and by what they mean; one file per command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fitwell.cli.search.add import add
from fitwell.cli.search.delete import delete
from fitwell.cli.search.evaluate import evaluate
from fitwell.cli.search.index import index
from fitwell.cli.search.learn import learn
from fitwell.cli.search.query import query

COMMANDS: dict[str, Callable[..., Any]] = {
    "index": index,
    "query": query,
    "evaluate": evaluate,
    "learn": learn,
    "add": add,
    "delete": delete,
}
