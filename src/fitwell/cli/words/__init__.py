"""`fitwell words`: text becomes numbers; one file per command."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fitwell.cli.words.analogy import analogy
from fitwell.cli.words.classify import classify
from fitwell.cli.words.convert import convert
from fitwell.cli.words.encode import encode
from fitwell.cli.words.evaluate import evaluate
from fitwell.cli.words.label import label
from fitwell.cli.words.map import map
from fitwell.cli.words.neighbors import neighbors
from fitwell.cli.words.odd import odd
from fitwell.cli.words.senses import senses
from fitwell.cli.words.sentences import sentences
from fitwell.cli.words.similarity import similarity
from fitwell.cli.words.tfidf import tfidf
from fitwell.cli.words.train import train

COMMANDS: dict[str, Callable[..., Any]] = {
    "encode": encode,
    "tfidf": tfidf,
    "sentences": sentences,
    "train": train,
    "classify": classify,
    "label": label,
    "neighbors": neighbors,
    "analogy": analogy,
    "senses": senses,
    "similarity": similarity,
    "odd": odd,
    "map": map,
    "evaluate": evaluate,
    "convert": convert,
}
