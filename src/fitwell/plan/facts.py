"""What choices depend on, and what they are: a value with its reason."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fitwell.data.encode import ArrayBlock, FeatureLayout
from fitwell.recipe import Recipe, TaskName

NO_TEXTS, NO_IMAGES, NO_SERIES = "there are no texts", "there are no images", "there are no series"
NO_SOUNDS = "there are no sounds"


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What choices depend on."""

    task: TaskName
    training_rows: int
    outputs: int
    layout: FeatureLayout
    cores: int

    @property
    def texts(self) -> list[ArrayBlock]:
        """The columns of text."""
        return [array for array in self.layout.arrays.values() if array.kind == "text"]

    @property
    def has_pretrained_texts(self) -> bool:
        """Whether a pretrained encoder reads the texts."""
        return any(array.configuration for array in self.texts)

    @property
    def is_pretrained(self) -> bool:
        """Whether a pretrained encoder reads texts or pictures."""
        return any(array.configuration for array in self.layout.arrays.values())

    @property
    def encoder_width(self) -> int | None:
        """Numbers of a piece's vector in the narrowest of these encoders; None without one of BERT's kind."""
        stated = [json.loads(array.configuration) for array in self.texts if array.configuration]
        return min((each["width"] for each in stated if "width" in each), default=None)

    @property
    def has_terms(self) -> bool:
        """Whether all arrays are texts as weighted terms, which are soon learned by heart."""
        return (
            bool(self.texts)
            and all(len(array.shape) == 2 for array in self.layout.arrays.values() if array.kind == "text")
            and len(self.texts) == len(self.layout.arrays)
        )

    @property
    def images(self) -> list[ArrayBlock]:
        """The columns of images."""
        return [array for array in self.layout.arrays.values() if array.kind == "image"]

    @property
    def has_color(self) -> bool:
        """Whether there are pictures, all of them in color."""
        return bool(self.images) and all(array.shape[2] > 1 for array in self.images)

    @property
    def tells_pictures_apart(self) -> bool:
        """Whether classes follow from nothing but pictures."""
        only = len(self.images) == len(self.layout.arrays) and not self.layout.inputs
        return bool(self.images) and only and self.task != "regression"

    @property
    def sounds(self) -> list[ArrayBlock]:
        """The columns of sounds."""
        return [array for array in self.layout.arrays.values() if array.kind == "audio"]

    @property
    def series(self) -> list[ArrayBlock]:
        """The columns of series."""
        return [array for array in self.layout.arrays.values() if array.kind == "series"]


@dataclass(frozen=True)
class Choice:
    """A value and why it was chosen."""

    value: Any
    why: str


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A recipe without `auto`, and the reasons for what was chosen."""

    recipe: Recipe
    reasons: Mapping[str, str]


def is_linear_in_patches(recipe: Recipe, facts: Facts) -> bool:
    """Tell whether classes follow from nothing but a linear layer over the responses of random patches."""
    is_linear = recipe.network.image.family == "random_patches" and recipe.network.hidden == ()
    return is_linear and facts.tells_pictures_apart


def is_linear_in_kernels(recipe: Recipe, facts: Facts) -> bool:
    """Tell whether classes follow from nothing but a linear layer over the responses of random kernels."""
    network, arrays = recipe.network, facts.layout.arrays
    kernels = (facts.series if network.series.family == "random_kernels" else []) + (
        facts.sounds if network.audio.family == "random_kernels" else []
    )
    only = bool(kernels) and len(kernels) == len(arrays) and not facts.layout.inputs
    return only and network.hidden == () and facts.task != "regression"


def is_whitened(recipe: Recipe, facts: Facts) -> bool:
    """Tell whether that linear layer is over whitened directions of the responses."""
    return bool(recipe.network.whitened_directions) and is_linear_in_kernels(recipe, facts)


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
