"""How rows are changed anew in every epoch, so that they are not learned by heart."""

from __future__ import annotations

from collections.abc import Callable

from fitwell.plan.facts import NO_IMAGES, NO_SOUNDS, NO_TEXTS, Choice, Facts
from fitwell.recipe import Recipe

CROP, ROTATION, COLOR, ERASE = 0.3, 10.0, 0.3, 0.2  # chosen on 300 photographs of flowers


def _word_dropout(_recipe: Recipe, facts: Facts) -> Choice:
    if not facts.texts:
        return Choice(0.0, NO_TEXTS)
    return Choice(0.5, "a text should be told by more than one of its words")


def _image_shift(recipe: Recipe, facts: Facts) -> Choice:
    if why := _as_they_are(recipe, facts):
        return Choice(0.0, why)
    return Choice(0.1, "what a picture shows does not depend on where it lies")


def _image_flip(recipe: Recipe, facts: Facts) -> Choice:
    if why := _as_they_are(recipe, facts):
        return Choice(False, why)
    if not facts.has_color:
        return Choice(False, "grey pictures may be signs, which mean something else when they are mirrored")
    return Choice(True, "most things in color are the same when they are mirrored")


def _in_color(share: float, why: str) -> Callable[[Recipe, Facts], Choice]:
    """Return what chooses how far pictures in color are changed; grey ones may be signs, of which each part counts."""

    def choose(recipe: Recipe, facts: Facts) -> Choice:
        if as_they_are := _as_they_are(recipe, facts):
            return Choice(0.0, as_they_are)
        if not facts.has_color:
            return Choice(0.0, "grey pictures may be signs, which are meant to be read as they are")
        return Choice(share, why)

    return choose


def _image_mixing(recipe: Recipe, facts: Facts) -> Choice:
    return Choice(
        0.0, _as_they_are(recipe, facts) or "what it adds to the other changes of pictures has not been measured"
    )


def _as_they_are(recipe: Recipe, facts: Facts) -> str | None:
    """Return why pictures are not changed unless that is asked for; None where they are."""
    if not facts.images:
        return NO_IMAGES
    if recipe.network.image.family != "pretrained":
        return None
    if not recipe.network.image.tuned:
        return "a pretrained network that is kept reads each picture once"
    return "what it brings to a pretrained network has not been measured"


def _audio_mask(_recipe: Recipe, facts: Facts) -> Choice:
    if not facts.sounds:
        return Choice(0.0, NO_SOUNDS)
    return Choice(0.2, "a sound should be told by more than one of its parts (SpecAugment, Park et al. 2019)")


OF_AUGMENTATION: dict[str, Callable[[Recipe, Facts], Choice]] = {
    "training.word_dropout": _word_dropout,
    "training.image_shift": _image_shift,
    "training.image_flip": _image_flip,
    "training.image_crop": _in_color(CROP, "a thing is the same from nearer by"),
    "training.image_rotation": _in_color(ROTATION, "things stand upright in photographs, more or less"),
    "training.image_color": _in_color(COLOR, "a thing is the same in another light"),
    "training.image_erase": _in_color(ERASE, "a thing should be told by more than one of its parts"),
    "training.image_mixup": _image_mixing,
    "training.image_cutmix": _image_mixing,
    "training.audio_time_mask": _audio_mask,
    "training.audio_band_mask": _audio_mask,
}
