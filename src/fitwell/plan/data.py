"""How cells are read, and what they become."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fitwell.data.columns.audio import HIGHEST_RATE, LONGEST
from fitwell.data.columns.category import ONE_HOT_LIMIT, RARE_COUNT
from fitwell.data.columns.image import LARGEST
from fitwell.plan.facts import Choice
from fitwell.pretrained.backbones.folder import open_picture_model
from fitwell.recipe import NEUTRAL, Recipe

TEXT_LENGTH, VOCABULARY_SIZE = 256, 20_000  # terms or words
BYTE_PAIRS = 8_000  # parts of words, bytes among them
MEASURED = (3_800, 8_500)  # training rows of the sets of texts in benchmarks/RESULTS.md


# A choice about the data knows the recipe, and how many training rows there are, if that is known yet.
ChooseData = Callable[[Recipe, int | None], Choice]


def always(value: Any, why: str) -> ChooseData:
    """Return what chooses the same value whatever the recipe."""
    return lambda _recipe, _rows: Choice(value, why)


def _text(recipe: Recipe, rows: int | None) -> Choice:
    family = recipe.network.text.family
    if recipe.data.text_encoder is not None:
        return Choice("pieces", "what the encoder in data.text_encoder reads")
    if family != "auto":
        return Choice("words", f"what network.text.family {family} reads")
    if recipe.network.text.vectors is not None:
        return Choice("words", "network.text.vectors are of words")
    return Choice("terms", f"without an encoder in data.text_encoder, {_why_terms(rows)}")


def _why_terms(rows: int | None) -> str:
    fewest, most = MEASURED
    found = f"terms were ahead of vectors learned from scratch on all sets measured, of {fewest:,} to {most:,} texts"
    if rows is None or fewest <= rows <= most:
        return found if rows is None else f"{found} ({rows:,} here)"
    if rows < fewest:
        return f"{found}, and from {rows:,} vectors would be learned worse still"
    return f"{found}; {rows:,} are more, so that data.text words is worth a try"


def _vocabulary_size(recipe: Recipe, _rows: int | None) -> Choice:
    if recipe.data.text_encoder is not None:
        return Choice(NEUTRAL["data.vocabulary_size"], "has no effect with pieces, which are the encoder's own")
    if recipe.data.text == "byte_pairs":
        return Choice(BYTE_PAIRS, "rarer words are made of parts of others")
    return Choice(VOCABULARY_SIZE, "rarer ones occur too seldom to be learned")


def _image_size(recipe: Recipe, _rows: int | None) -> Choice:
    if recipe.data.image_encoder is not None:
        side = open_picture_model(recipe.data.image_encoder).side
        return Choice(side, "that of the pictures that the network in data.image_encoder was trained on")
    return Choice(LARGEST, "what a CPU learns from within minutes")


DATA_CHOICES: dict[str, ChooseData] = {
    "data.streaming": always("never", "the rows are in memory"),  # where they are not, that was decided before
    "data.numbers": always("robust", "centered and scaled by quantiles, so that outliers neither dominate nor vanish"),
    "data.one_hot_limit": always(ONE_HOT_LIMIT, "small categories need no table of vectors"),
    "data.rare_count": always(RARE_COUNT, "a value seen that seldom teaches nothing of its own"),
    "data.series_spacing": always(0.0, "no rows are steps of a series"),  # where they are, that was decided before
    "data.text": _text,
    "data.text_length": always(TEXT_LENGTH, "longer texts are rare, and say by then what they are about"),
    "data.vocabulary_size": _vocabulary_size,
    "data.image_size": _image_size,
    "data.audio_rate": always(HIGHEST_RATE, "what people say lies below half of it"),
    "data.audio_seconds": always(LONGEST, "longer ones are rare, and have begun to repeat themselves by then"),
    "data.target_scaling": always("standard", "losses and rates suit targets of unit spread"),
}
