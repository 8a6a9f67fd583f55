"""The network: its layers, their widths and how they start."""

from __future__ import annotations

import math
from collections.abc import Callable

from fitwell.networks.activations import ACTIVATIONS
from fitwell.networks.static_vectors import width_of
from fitwell.plan.facts import (
    NO_IMAGES,
    NO_SERIES,
    NO_SOUNDS,
    NO_TEXTS,
    Choice,
    Facts,
    is_linear_in_kernels,
    is_linear_in_patches,
)
from fitwell.recipe import SOUND_CHANGES, Recipe, picture_changes_in

# In training rows; where choices change on the tables of benchmarks/tables.py.
FEW_ROWS = 2_000
WIDE_FROM = 8_000
IMAGE_WIDTH, IMAGE_STAGES = 32, 3  # channels of the first stage, each of the others having twice as many
FEW_PICTURES, FEW_IN_COLOR = 1_000, 3_000  # the latter where there is nothing else, as measured on CIFAR-10
SERIES_WIDTHS, RECURRENT_UNITS, FEW_SERIES = [32, 64, 128], 64, 1_000
AUDIO_WIDTHS, FEW_BANDS, MANY_BANDS, WIDE_BAND = [32, 64, 128], 40, 64, 12_000  # the last in samples per second
FEW_SOUNDS = 1_000
WHITENED_BELOW = 1_000  # training rows; measured on 30 to 800
TEXT_WIDTH, TEXT_FILTERS = 64, [64, 64, 64]
TRANSFORMER_WIDTH = 64
KEPT_BELOW = 1_000  # training rows, with fewer of which an encoder is kept as it is
OF_TRANSFORMERS = "a transformer has its own settings, network.transformer"


def _family(_recipe: Recipe, _facts: Facts) -> Choice:
    return Choice("fully_connected", "columns of a table have no order or neighborhood to exploit")


def _hidden(_recipe: Recipe, facts: Facts) -> Choice:
    if not facts.layout.inputs:
        return Choice([], "the network of the only column does what hidden layers would")
    width = 128 if facts.training_rows < WIDE_FROM else 256
    return Choice([width] * 3, f"three layers of {width} for {facts.training_rows:,} training rows")


def _activation(_recipe: Recipe, facts: Facts) -> Choice:
    if facts.has_terms and not facts.layout.inputs:
        return Choice(
            "identity", "sums of weighted terms are told apart by planes; bends would learn rare ones by heart"
        )
    if facts.layout.arrays:
        return Choice("relu", "the cheapest over the many places of an array, and kept alive by batch normalization")
    return Choice("silu", "smooth, does not die, and costs a fraction of mish or selu")


def _initialization(recipe: Recipe, _facts: Facts) -> Choice:
    activation = ACTIVATIONS[recipe.network.activation]
    return Choice(activation.initialization, f"{recipe.network.activation} {activation.why}")


def _normalization(_recipe: Recipe, _facts: Facts) -> Choice:
    return Choice("none", "few layers on scaled inputs need none")


def _dropout(recipe: Recipe, facts: Facts) -> Choice:
    if facts.is_pretrained:
        return Choice(0.1, "what encoders are pretrained with")
    if is_linear_in_patches(recipe, facts):
        return Choice(0.0, "the decay of its weights holds a linear network back")
    if facts.texts and not facts.layout.inputs:
        return Choice(0.5, "the words of the training texts are soon learned by heart")
    if facts.training_rows < FEW_ROWS:
        return Choice(0.3, f"{facts.training_rows:,} training rows are soon learned by heart")
    return Choice(0.1, f"{facts.training_rows:,} training rows need little")


def _residual(recipe: Recipe, _facts: Facts) -> Choice:
    deep = len(recipe.network.hidden) > 4
    return Choice(
        deep, f"{len(recipe.network.hidden)} hidden layers {'need' if deep else 'pass gradients without'} shortcuts"
    )


def _input_scale(_recipe: Recipe, facts: Facts) -> Choice:
    if not facts.layout.inputs:
        return Choice(False, "there are no columns that share a layer")
    return Choice(True, "a soft choice of inputs, as RealMLP (Holzmüller et al. 2024)")


def _number_embedding(_recipe: Recipe, facts: Facts) -> Choice:
    if facts.layout.numbers == 0:
        return Choice("none", "there are no numbers")
    if facts.training_rows < FEW_ROWS:
        return Choice("periodic", "lets the first layer draw curves of each number")
    return Choice("combined", "lets the first layer draw curves and steps of each number")


def _number_embedding_width(_recipe: Recipe, _facts: Facts) -> Choice:
    return Choice(4, "three learned entries beside the number itself, as RealMLP (Holzmüller et al. 2024)")


def _category_embedding_width(_recipe: Recipe, _facts: Facts) -> Choice:
    return Choice(8, "as RealMLP (Holzmüller et al. 2024)")


def _text_family(recipe: Recipe, _facts: Facts) -> Choice:
    if recipe.data.text == "pieces":
        return Choice("pretrained", "what reads pieces")
    return Choice("convolutional", "a few neighboring words say most, wherever they stand")


def _text_tuned(_recipe: Recipe, facts: Facts) -> Choice:
    if not facts.has_pretrained_texts:
        return Choice(True, "words learn their vectors" if facts.texts else NO_TEXTS)
    return _encoder_tuned(facts)


def _image_tuned(recipe: Recipe, facts: Facts) -> Choice:
    if asked := picture_changes_in(recipe):
        return Choice(True, f"{asked[0]} changes pictures each time that they are read")
    return _encoder_tuned(facts)


def _encoder_tuned(facts: Facts) -> Choice:
    if facts.training_rows < KEPT_BELOW:
        return Choice(False, f"{facts.training_rows:,} training rows would change an encoder for the worse")
    return Choice(True, f"{facts.training_rows:,} training rows are enough for an encoder to learn along")


def _series_family(recipe: Recipe, facts: Facts) -> Choice:
    if not facts.series:
        return Choice("convolutional", NO_SERIES)
    if recipe.network.series.widths not in ("auto", ()):
        return Choice("convolutional", "what network.series.widths are of")
    if facts.training_rows < FEW_SERIES:
        return Choice("random_kernels", f"{facts.training_rows:,} series are too few to learn filters from")
    return Choice("convolutional", "shapes that occur anywhere in a series are learned fastest")


def _transformer_width(recipe: Recipe, facts: Facts) -> Choice:
    heads = recipe.network.transformer.heads
    width = 2 * heads * max(1, round(TRANSFORMER_WIDTH / (2 * heads)))
    families = {recipe.network.series.family if facts.series else "", recipe.network.text.family if facts.texts else ""}
    if "transformer" not in families:
        return Choice(width, "there is no transformer")
    return Choice(width, f"narrow, as few rows need, and an even number for each of {heads} heads")


def _text_width(recipe: Recipe, facts: Facts) -> Choice:
    if not facts.texts:
        return Choice(TEXT_WIDTH, NO_TEXTS)
    if facts.has_pretrained_texts:
        return Choice(TEXT_WIDTH, "the encoder brings vectors of its own")
    if recipe.network.text.vectors is not None:
        return Choice(width_of(recipe.network.text.vectors), "that of the vectors in network.text.vectors")
    if recipe.network.text.family == "transformer":
        return Choice(recipe.network.transformer.width, "that of the transformer that reads them")
    return Choice(TEXT_WIDTH, "as wide as a hidden layer for few rows")


def _text_widths(recipe: Recipe, facts: Facts) -> Choice:
    family = recipe.network.text.family
    if not facts.texts or recipe.data.text == "terms" or family == "average":
        return Choice([], NO_TEXTS if not facts.texts else "sums and means have no layers")
    if facts.has_pretrained_texts:
        return Choice([], "the encoder brings layers of its own")
    if family == "transformer":
        return Choice([], OF_TRANSFORMERS)
    if family == "convolutional":
        return Choice(TEXT_FILTERS, "as many filters over two, three and four words each")
    return Choice([RECURRENT_UNITS], f"one layer of {RECURRENT_UNITS} units")


def _image_family(recipe: Recipe, facts: Facts) -> Choice:
    if not facts.images:
        return Choice("convolutional", NO_IMAGES)
    if recipe.data.image_encoder is not None:
        return Choice("pretrained", "what the network in data.image_encoder is")
    if recipe.network.image.widths not in ("auto", ()):
        return Choice("convolutional", "what network.image.widths are of")
    asked = [path for path in picture_changes_in(recipe) if path != "training.image_flip"]
    if asked:
        return Choice("convolutional", f"{asked[0]} changes pictures each time that they are read")
    if facts.training_rows < (FEW_IN_COLOR if facts.has_color and facts.tells_pictures_apart else FEW_PICTURES):
        return Choice("random_patches", f"{facts.training_rows:,} pictures are too few to learn filters from")
    return Choice("convolutional", "shapes that occur anywhere in a picture are learned fastest")


def _image_widths(recipe: Recipe, facts: Facts) -> Choice:
    if not facts.images:
        return Choice([], NO_IMAGES)
    if recipe.network.image.family == "random_patches":
        return Choice([], "random patches have no layers")
    if recipe.network.image.family == "pretrained":
        return Choice([], "the encoder brings layers of its own")
    side = max(max(array.shape[:2]) for array in facts.images)
    stages = max(1, min(IMAGE_STAGES, round(math.log2(side)) - 1))
    return Choice([IMAGE_WIDTH * 2**stage for stage in range(stages)], f"{stages} stages for sides of up to {side}")


def _audio_family(recipe: Recipe, facts: Facts) -> Choice:
    if not facts.sounds:
        return Choice("convolutional", NO_SOUNDS)
    if recipe.network.audio.widths not in ("auto", ()):
        return Choice("convolutional", "what network.audio.widths are of")
    asked = [name for name in SOUND_CHANGES if getattr(recipe.training, f"audio_{name}") not in ("auto", 0)]
    if asked:
        return Choice("convolutional", f"training.audio_{asked[0]} changes sounds each time that they are heard")
    if facts.training_rows < FEW_SOUNDS:
        return Choice("random_kernels", f"{facts.training_rows:,} sounds are too few to learn filters from")
    return Choice("convolutional", "what a sound is shows in small patches of its spectrum over time")


def _audio_bands(_recipe: Recipe, facts: Facts) -> Choice:
    if not facts.sounds:
        return Choice(FEW_BANDS, NO_SOUNDS)
    rate = max(array.rate for array in facts.sounds)
    return Choice(MANY_BANDS if rate > WIDE_BAND else FEW_BANDS, f"usual for {rate:,} samples per second")


def _audio_widths(recipe: Recipe, facts: Facts) -> Choice:
    if not facts.sounds:
        return Choice([], NO_SOUNDS)
    if recipe.network.audio.family == "random_kernels":
        return Choice([], "random kernels have no layers")
    if recipe.network.audio.family != "convolutional":
        return Choice([RECURRENT_UNITS], f"one layer of {RECURRENT_UNITS} units")
    return Choice(AUDIO_WIDTHS, f"{len(AUDIO_WIDTHS)} stages, each of half as many moments and bands as the one before")


def _series_widths(recipe: Recipe, facts: Facts) -> Choice:
    family = recipe.network.series.family
    if not facts.series:
        return Choice([], NO_SERIES)
    if family == "transformer":
        return Choice([], OF_TRANSFORMERS)
    if family == "random_kernels":
        return Choice([], "random kernels have no layers")
    if family != "convolutional":
        return Choice([RECURRENT_UNITS], f"one layer of {RECURRENT_UNITS} units")
    return Choice(SERIES_WIDTHS, f"{len(SERIES_WIDTHS)} stages, each of half as many steps as the one before")


def _whitened_directions(recipe: Recipe, facts: Facts) -> Choice:
    if not is_linear_in_kernels(recipe, facts):
        return Choice(0, "it helps a linear layer over nothing but random kernels to tell classes apart")
    if recipe.training.optimizer not in ("auto", "sgd"):
        return Choice(0, f"steps of {recipe.training.optimizer} would make as much of noise as of what is told by it")
    if facts.training_rows >= WHITENED_BELOW:
        return Choice(0, f"it has not been measured on {facts.training_rows:,} training rows")
    count = max(1, facts.training_rows - 1)
    return Choice(count, f"{facts.training_rows:,} training rows differ along so many, and all of them count alike")


OF_NETWORK: dict[str, Callable[[Recipe, Facts], Choice]] = {
    "network.family": _family,
    "network.image.family": _image_family,
    "network.image.tuned": _image_tuned,
    "network.hidden": _hidden,
    "network.activation": _activation,
    "network.initialization": _initialization,
    "network.normalization": _normalization,
    "network.dropout": _dropout,
    "network.residual": _residual,
    "network.input_scale": _input_scale,
    "network.number_embedding": _number_embedding,
    "network.number_embedding_width": _number_embedding_width,
    "network.category_embedding_width": _category_embedding_width,
    "network.text.family": _text_family,
    "network.text.tuned": _text_tuned,
    "network.series.family": _series_family,
    "network.transformer.width": _transformer_width,
    "network.text.width": _text_width,
    "network.text.widths": _text_widths,
    "network.image.widths": _image_widths,
    "network.audio.family": _audio_family,
    "network.audio.bands": _audio_bands,
    "network.audio.widths": _audio_widths,
    "network.series.widths": _series_widths,
    "network.whitened_directions": _whitened_directions,
}
