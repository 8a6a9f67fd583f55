"""Every `auto` of a recipe becomes a value, with the reason in words.

Each choice is a function and a line in a table, made in the order of the table, so that a later choice sees the earlier
ones. A setting that the user made is never touched. The values come from the sets of `benchmarks/tables.py`; papers are
named where a choice follows one.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from fitwell.data.columns.audio import HIGHEST_RATE, LONGEST
from fitwell.data.columns.category import ONE_HOT_LIMIT, RARE_COUNT
from fitwell.data.columns.cells import MARKERS, WORDS, Column
from fitwell.data.columns.image import LARGEST
from fitwell.data.encode import ArrayBlock, FeatureLayout
from fitwell.data.schema import Schema
from fitwell.metrics import Primary
from fitwell.networks.activations import ACTIVATIONS
from fitwell.networks.build import build_network
from fitwell.networks.static_vectors import width_of
from fitwell.recipe import APPLIES, NEUTRAL, RECURRENT, Goal, Recipe, TaskName, changed, setting, without_effect
from fitwell.tasks.table import TASKS
from fitwell.training.costs import WORTH, has_bfloat16_tiles, has_compiler, seconds_saved, seconds_to_compile
from fitwell.training.loop import batching
from fitwell.training.optimizers import OPTIMIZERS


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
    def is_pretrained(self) -> bool:
        """Whether a pretrained encoder reads the texts."""
        return any(array.configuration for array in self.texts)

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


# In training rows; where choices change on the tables of benchmarks/tables.py.
FEW_ROWS = 2_000
WIDE_FROM = 8_000
MANY_ROWS = 16_000
# Multiply-adds of a forward pass, about a tenth of a second for a step on one core. With less, threads wait for one
# another whenever another program takes a core: eight members of a medium network then trained ten times slower.
WORK_TO_SHARE = 2e9

TEXT_LENGTH, VOCABULARY_SIZE = 256, 20_000
BUFFER_BYTES = 64 * 2**20  # of the shuffle buffer: about four of them are in memory while the next one is made
IMAGE_WIDTH, IMAGE_STAGES = 32, 3  # channels of the first stage, each of the others having twice as many
SERIES_WIDTHS, RECURRENT_UNITS = [32, 64, 128], 64
AUDIO_WIDTHS, FEW_BANDS, MANY_BANDS, WIDE_BAND = [32, 64, 128], 40, 64, 12_000  # the last in samples per second
ARRAY_STEPS, FEWEST_EPOCHS, MOST_EPOCHS = 1_500, 20, 200  # of networks that read arrays
COLOR_STEPS = 3_000  # of networks that read pictures in color, which change from epoch to epoch
SOUND_STEPS = 600  # of networks that hear sounds, which are learned in fewer
TEXT_WIDTH, TEXT_FILTERS = 64, [64, 64, 64]
TEXT_RATE, TERMS_RATE = 6, 3
TERMS_DECAY, TERMS_EPOCHS, TERMS_STEPS = 0.6, 6, 600
EPOCHS_PER_DOUBLING = 2  # of the classes: the more there are, the further outputs have to go from zero
PLACES_RATE = 3  # chosen on spoken digits and 2,500 pictures of CIFAR-10
ENCODER_RATE, ENCODER_LAYER_RATE, ENCODER_DECAY, ENCODER_BATCH = 0.15, 0.9, 0.01, 32
ENCODER_STEPS, ENCODER_SIGHTS, FEWEST_ENCODER_EPOCHS, MOST_ENCODER_EPOCHS = 300, 800, 3, 20
TRANSFORMER_WIDTH = 64
OF_TRANSFORMERS = "a transformer has its own settings, network.transformer"
NO_TEXTS, NO_IMAGES, NO_SERIES = "there are no texts", "there are no images", "there are no series"
CROP, ROTATION, COLOR, ERASE = 0.3, 10.0, 0.3, 0.2  # chosen on 300 photographs of flowers
NO_SOUNDS = "there are no sounds"

# The word that leaves a setting open, where it is not `auto`: an automatic learning rate is found by a range test.
OPEN = {"training.learning_rate": "usual"}


def available_cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def resolve_data(recipe: Recipe, schema: Schema, primary: Primary) -> Plan:
    """Return the recipe with every `auto` that concerns the data replaced, and the reasons.

    Columns get the kind that was inferred, so that the recipe reads the same cells in the same way again; the usual
    markers of missing cells and the writing of numbers and dates follow from the kind and the cells.
    """
    asked = {name: column.model_dump(exclude_defaults=True) for name, column in recipe.data.columns.items()}
    dropped = {column.name for column in schema.left_out} & set(recipe.data.drop)
    known = [column for column in (*schema.features, *schema.targets, *schema.left_out) if column.name not in dropped]
    columns = {column.name: _as_read(column) | asked.get(column.name, {}) for column in known}
    reasons = {
        f"data.columns.{column.name}": column.why
        for column in (*schema.features, *schema.targets, *schema.left_out)
        if column.name in columns
    }
    values: dict[str, Any] = {"data.columns": columns | {name: asked[name] for name in asked if name not in columns}}
    if recipe.goal == "auto":
        values["goal"] = GOAL_OF.get(primary.metric, "balanced")
        reasons["goal"] = primary.why
    for path, choose in DATA_CHOICES.items():
        if setting(recipe, path) == "auto":
            choice = choose(recipe)
            values[path] = choice.value
            reasons[path] = choice.why
    return Plan(recipe=changed(recipe, values), reasons=reasons)


def always(value: Any, why: str) -> Callable[[Recipe], Choice]:
    """Return what chooses the same value whatever the recipe."""
    return lambda _recipe: Choice(value, why)


def _text(recipe: Recipe) -> Choice:
    family = recipe.network.text.family
    if recipe.data.text_encoder is not None:
        return Choice("pieces", "what the encoder in data.text_encoder reads")
    if family != "auto":
        return Choice("words", f"what network.text.family {family} reads")
    if recipe.network.text.vectors is not None:
        return Choice("words", "network.text.vectors are of words")
    return Choice("terms", "weighted words and pairs are learned fast, and hard to beat from scratch")


def _vocabulary_size(recipe: Recipe) -> Choice:
    if recipe.data.text_encoder is not None:
        return Choice(NEUTRAL["data.vocabulary_size"], "has no effect with pieces, which are the encoder's own")
    return Choice(VOCABULARY_SIZE, "rarer ones occur too seldom to be learned")


def _as_read(column: Column) -> dict[str, Any]:
    """Return the settings that read the column again: its kind, and its markers where one is not a usual one."""
    usual = MARKERS | WORDS
    if column.kind not in ("number", "date") or {marker.strip().lower() for marker in column.missing} <= usual:
        return {"kind": column.kind}
    return {"kind": column.kind, "missing": [*column.missing, *sorted(usual - set(column.missing))]}


def resolve(recipe: Recipe, facts: Facts) -> Plan:
    """Return the recipe with every `auto` about the network and its training replaced, and the reasons.

    Raises:
        RecipeError: a setting that was made contradicts what the data asks for.
    """
    reasons = {}
    for path, choose in CHOICES.items():
        if setting(recipe, path) == OPEN.get(path, "auto"):
            if without_effect(recipe, path):
                choice = Choice(NEUTRAL[path], f"has no effect with {setting(recipe, APPLIES[path][0])}")
            else:
                choice = choose(recipe, facts)
            recipe = changed(recipe, {path: choice.value})
            reasons[path] = choice.why
    return Plan(recipe=recipe, reasons=reasons)


def _shuffle_buffer(recipe: Recipe, facts: Facts) -> Choice:
    layout = facts.layout
    orders = 8 * recipe.member_count if recipe.member_count > 1 else 0
    row = 4 * (layout.numbers + layout.flags) + 8 * len(layout.cardinalities) + 8 + orders
    return Choice(max(1, BUFFER_BYTES // row), f"{BUFFER_BYTES // 2**20} MB of encoded rows")


def _device(_recipe: Recipe, _facts: Facts) -> Choice:
    import torch

    if torch.cuda.is_available():
        return Choice("cuda", "a GPU is there")
    return Choice("cpu", "no GPU is there")


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


def _dropout(_recipe: Recipe, facts: Facts) -> Choice:
    if facts.is_pretrained:
        return Choice(0.1, "what encoders are pretrained with")
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
    if facts.is_pretrained:
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
    if facts.is_pretrained:
        return Choice([], "the encoder brings layers of its own")
    if family == "transformer":
        return Choice([], OF_TRANSFORMERS)
    if family == "convolutional":
        return Choice(TEXT_FILTERS, "as many filters over two, three and four words each")
    return Choice([RECURRENT_UNITS], f"one layer of {RECURRENT_UNITS} units")


def _word_dropout(_recipe: Recipe, facts: Facts) -> Choice:
    if not facts.texts:
        return Choice(0.0, NO_TEXTS)
    return Choice(0.5, "a text should be told by more than one of its words")


def _image_widths(_recipe: Recipe, facts: Facts) -> Choice:
    if not facts.images:
        return Choice([], NO_IMAGES)
    side = max(max(array.shape[:2]) for array in facts.images)
    stages = max(1, min(IMAGE_STAGES, round(math.log2(side)) - 1))
    return Choice([IMAGE_WIDTH * 2**stage for stage in range(stages)], f"{stages} stages for sides of up to {side}")


def _series_family(_recipe: Recipe, facts: Facts) -> Choice:
    if not facts.series:
        return Choice("convolutional", NO_SERIES)
    return Choice("convolutional", "shapes that occur anywhere in a series are learned fastest")


def _series_widths(recipe: Recipe, facts: Facts) -> Choice:
    family = recipe.network.series.family
    if not facts.series:
        return Choice([], NO_SERIES)
    if family == "transformer":
        return Choice([], OF_TRANSFORMERS)
    if family != "convolutional":
        return Choice([RECURRENT_UNITS], f"one layer of {RECURRENT_UNITS} units")
    return Choice(SERIES_WIDTHS, f"{len(SERIES_WIDTHS)} stages, each of half as many steps as the one before")


def _audio_family(_recipe: Recipe, facts: Facts) -> Choice:
    if not facts.sounds:
        return Choice("convolutional", NO_SOUNDS)
    return Choice("convolutional", "what a sound is shows in small patches of its spectrum over time")


def _audio_bands(_recipe: Recipe, facts: Facts) -> Choice:
    if not facts.sounds:
        return Choice(FEW_BANDS, NO_SOUNDS)
    rate = max(array.rate for array in facts.sounds)
    return Choice(MANY_BANDS if rate > WIDE_BAND else FEW_BANDS, f"usual for {rate:,} samples per second")


def _audio_widths(recipe: Recipe, facts: Facts) -> Choice:
    if not facts.sounds:
        return Choice([], NO_SOUNDS)
    if recipe.network.audio.family != "convolutional":
        return Choice([RECURRENT_UNITS], f"one layer of {RECURRENT_UNITS} units")
    return Choice(AUDIO_WIDTHS, f"{len(AUDIO_WIDTHS)} stages, each of half as many moments and bands as the one before")


def _audio_mask(_recipe: Recipe, facts: Facts) -> Choice:
    if not facts.sounds:
        return Choice(0.0, NO_SOUNDS)
    return Choice(0.2, "a sound should be told by more than one of its parts (SpecAugment, Park et al. 2019)")


def _image_shift(_recipe: Recipe, facts: Facts) -> Choice:
    if not facts.images:
        return Choice(0.0, NO_IMAGES)
    return Choice(0.1, "what a picture shows does not depend on where it lies")


def _image_flip(_recipe: Recipe, facts: Facts) -> Choice:
    if not facts.images:
        return Choice(False, NO_IMAGES)
    if not facts.has_color:
        return Choice(False, "grey pictures may be signs, which mean something else when they are mirrored")
    return Choice(True, "most things in color are the same when they are mirrored")


def _in_color(share: float, why: str) -> Callable[[Recipe, Facts], Choice]:
    """Return what chooses how far pictures in color are changed; grey ones may be signs, of which each part counts."""

    def choose(_recipe: Recipe, facts: Facts) -> Choice:
        if not facts.images:
            return Choice(0.0, NO_IMAGES)
        if not facts.has_color:
            return Choice(0.0, "grey pictures may be signs, which are meant to be read as they are")
        return Choice(share, why)

    return choose


def _image_mix(_recipe: Recipe, facts: Facts) -> Choice:
    if not facts.images:
        return Choice(0.0, NO_IMAGES)
    return Choice(0.0, "the other changes of pictures keep as much from being learned by heart")


def _image_precision(recipe: Recipe, facts: Facts) -> Choice:
    if not facts.images and not facts.sounds:
        return Choice("float32", "there are no images or sounds")
    if recipe.training.execution == "mapped":
        return Choice("float32", "convolutions in less cannot be mapped over members")
    if recipe.device == "cpu" and has_bfloat16_tiles():
        return Choice("bfloat16", "this CPU multiplies tiles of them (AMX): about twice as fast")
    where = (
        "this CPU has no units for less" if recipe.device == "cpu" else f"less has not been measured on {recipe.device}"
    )
    return Choice("float32", where)


def _input_scale(_recipe: Recipe, facts: Facts) -> Choice:
    if not facts.layout.inputs:
        return Choice(False, "there are no columns that share a layer")
    return Choice(True, "a soft choice of inputs, as RealMLP (Holzmüller et al. 2024)")


def _loss(_recipe: Recipe, facts: Facts) -> Choice:
    loss = TASKS[facts.task].losses[0]
    what = "makes the outputs mean values" if facts.task == "regression" else "makes the outputs honest probabilities"
    return Choice(loss, f"{loss} {what}")


def _label_smoothing(_recipe: Recipe, _facts: Facts) -> Choice:
    return Choice(0.0, "smoothed labels would blur the probabilities")


def _optimizer(_recipe: Recipe, _facts: Facts) -> Choice:
    return Choice("adamw", "robust to the scale of gradients, with decay that does not depend on it")


def _beta2(_recipe: Recipe, _facts: Facts) -> Choice:
    return Choice(0.999, "the usual memory; 0.95 brought nothing on the benchmark tables")


def _learning_rate(recipe: Recipe, facts: Facts) -> Choice:
    usual = OPTIMIZERS[recipe.training.optimizer].usual_rate
    batch = recipe.training.batch_size
    rows = facts.training_rows if batch == "full" else min(int(batch), facts.training_rows)
    why = f"usual for {recipe.training.optimizer}, scaled by the root of the batch size / 256"
    if facts.texts and not facts.is_pretrained:
        times = TERMS_RATE if facts.has_terms else TEXT_RATE
        usual, why = times * usual, f"{why}, times {times}: the vector of a word is moved only where it occurs"
    elif not facts.texts and (facts.has_color or (facts.sounds and recipe.network.audio.family == "convolutional")):
        usual, why = PLACES_RATE * usual, f"{why}, times {PLACES_RATE} for what is much changed in training"
    if facts.task == "regression":
        usual, why = 2 * usual, f"{why}, doubled for regression"
    return Choice(float(f"{usual * min(1.0, math.sqrt(rows / 256)):.3g}"), why)


def _encoder_rate(_recipe: Recipe, _facts: Facts) -> Choice:
    return Choice(ENCODER_RATE, "pretrained weights need small steps, the layers after them larger ones")


def _encoder_layer_rate(_recipe: Recipe, _facts: Facts) -> Choice:
    return Choice(ENCODER_LAYER_RATE, "first layers know words, whatever the task (Howard and Ruder 2018)")


def _encoder_precision(recipe: Recipe, _facts: Facts) -> Choice:
    if recipe.device == "cpu" and has_bfloat16_tiles():
        return Choice("bfloat16", "this CPU multiplies tiles of them (AMX): about twice as fast")
    where = (
        "this CPU has no units for less" if recipe.device == "cpu" else f"less has not been measured on {recipe.device}"
    )
    return Choice("float32", where)


def _weight_decay(recipe: Recipe, facts: Facts) -> Choice:
    if facts.is_pretrained and recipe.training.optimizer == "adamw":
        return Choice(ENCODER_DECAY, "usual for pretrained encoders, whose weights should stay near their start")
    if facts.has_terms and not facts.layout.inputs and recipe.training.optimizer == "adamw":
        return Choice(TERMS_DECAY, "terms fade between the texts that have them, so that rare ones count less")
    return Choice(OPTIMIZERS[recipe.training.optimizer].usual_decay, f"usual for {recipe.training.optimizer}")


def _schedule(recipe: Recipe, facts: Facts) -> Choice:
    if facts.layout.arrays:
        return Choice("one_cycle", "one long cycle: arrays are not soon learned by heart")
    cycles = f"{recipe.training.cycles} annealed cycles, each twice as long"
    return Choice("log_cosine", f"{cycles}: short ones suit data that is soon learned by heart")


def _batch_size(_recipe: Recipe, facts: Facts) -> Choice:
    if facts.is_pretrained and facts.training_rows >= ENCODER_BATCH:
        return Choice(ENCODER_BATCH, "usual for pretrained encoders")
    if facts.layout.arrays:
        size = min(64, max(16, 2 ** round(math.log2(facts.training_rows / 32))))
        return Choice(size, f"a power of two near 1/32 of {facts.training_rows:,} training rows, from 16 to 64")
    size = min(256, max(32, 2 ** round(math.log2(facts.training_rows / 16))))
    return Choice(size, f"a power of two near a sixteenth of {facts.training_rows:,} training rows, from 32 to 256")


def _epochs(recipe: Recipe, facts: Facts) -> Choice:
    if facts.layout.arrays:
        steps = batching(facts.training_rows, recipe.training)[1]
        if facts.is_pretrained and recipe.network.text.tuned:
            classes = facts.outputs if facts.task == "multiclass" else 2 if facts.task == "binary" else 1
            sights = -(-ENCODER_SIGHTS * classes // facts.training_rows)
            epochs = min(MOST_ENCODER_EPOCHS, max(FEWEST_ENCODER_EPOCHS, -(-ENCODER_STEPS // steps), sights))
            why = f"what is pretrained is soon tuned: {ENCODER_STEPS} steps, and {ENCODER_SIGHTS} texts of each class"
            return Choice(epochs, f"{why}, but {FEWEST_ENCODER_EPOCHS} to {MOST_ENCODER_EPOCHS}")
        if facts.has_terms:
            doublings = math.log2(max(2, facts.outputs) / 2)
            fewest, about = TERMS_EPOCHS + round(EPOCHS_PER_DOUBLING * doublings), TERMS_STEPS
            why = f"at least {TERMS_EPOCHS}, more for more than two classes, and about {about:,} steps"
        else:
            fewest = FEWEST_EPOCHS
            about = COLOR_STEPS if facts.has_color else ARRAY_STEPS
            about = SOUND_STEPS if len(facts.sounds) == len(facts.layout.arrays) else about
            why = f"at least {fewest}, and about {about:,} steps where there are few rows"
        return Choice(min(MOST_EPOCHS, max(fewest, -(-about // steps))), why)
    if facts.task != "regression" and facts.training_rows >= MANY_ROWS:
        return Choice(32, f"{facts.training_rows:,} training rows are seen often enough")
    cycles = recipe.training.cycles
    if recipe.training.schedule != "log_cosine" or cycles == 1:
        return Choice(64, "enough for most tables, and early stopping ends what takes fewer")
    first = 64 / (2**cycles - 1)
    return Choice(64, f"{cycles} cycles of {first:.0f} to {first * 2 ** (cycles - 1):.0f} epochs")


def _patience(recipe: Recipe, _facts: Facts) -> Choice:
    epochs = recipe.training.epochs
    assert epochs != "auto"
    what = "the end of a cycle of the schedule" if recipe.training.schedule == "log_cosine" else "a late improvement"
    return Choice(max(5, round(0.4 * epochs)), f"long enough to wait for {what}")


def _compile(recipe: Recipe, facts: Facts) -> Choice:
    training = recipe.training
    if training.execution != "auto":
        asked = "always" if training.execution == "compiled" else "never"
        return Choice(asked, f"training.execution is {training.execution}")
    if training.redraw_fraction or "training.redraw_fraction" in recipe.varied:
        return Choice("never", "weights are drawn anew outside of the step")
    if facts.layout.arrays:
        return Choice("never", "most of its work is done by routines that need no compiler")
    if recipe.device != "cpu":
        return Choice("never", f"what it gains on {recipe.device} has not been measured")
    if not has_compiler():
        return Choice("never", "no C++ compiler is there")
    assert recipe.network.hidden != "auto"
    rows, steps = batching(facts.training_rows, training)
    gained = seconds_saved(
        steps=_expected_epochs(recipe) * steps,
        members=recipe.member_count,
        rows=rows,
        units=sum(recipe.network.hidden),
    )
    layers = len(recipe.network.hidden) * training.accumulation  # each part of a batch has code of its own
    cost = seconds_to_compile(layers=layers, observed=training.signals_every > 0)
    pays = gained > WORTH * cost
    what = "would save" if not pays else "saves"
    return Choice("always" if pays else "never", f"it {what} about {gained:.0f} s and takes {cost:.0f} s beforehand")


def _expected_epochs(recipe: Recipe) -> int:
    epochs, patience = recipe.training.epochs, recipe.training.early_stopping.patience
    assert epochs != "auto"
    return epochs // 2 if patience else epochs


def _execution(recipe: Recipe, _facts: Facts) -> Choice:
    if recipe.training.compile == "always":
        return Choice("compiled", "the step is compiled")
    return uncompiled_execution(recipe)


def uncompiled_execution(recipe: Recipe) -> Choice:
    """Return how a step is computed without a compiler."""
    if recipe.member_count == 1:
        return Choice("eager", "one member: mapping it would cost more than twice as much")
    kinds = {column.kind for column in recipe.data.columns.values()}
    network = recipe.network
    of_steps = {"series": network.series.family, "audio": network.audio.family, "text": network.text.family}
    if "text" in kinds and recipe.data.text == "pieces":
        return Choice("eager", "texts without padding are of all lengths, which cannot be mapped")
    if any(of_steps[kind] in RECURRENT for kind in kinds & of_steps.keys()):
        return Choice("eager", "the kernels of recurrent networks run one member after another")
    if "text" in kinds and recipe.device == "cpu":
        return Choice("eager", "tables of vectors are as large as the memory is fast: mapping them gains nothing")
    if kinds & {"image", "audio", "series"} and recipe.device == "cpu":
        return Choice("eager", "convolutions of one member fill a core: mapping them gains nothing")
    return Choice("mapped", f"{recipe.member_count} members as one program")


def _members_at_once(recipe: Recipe, _facts: Facts) -> Choice:
    return Choice(recipe.member_count, "all, unless that is measured to be more than fits the memory")


def _threads(recipe: Recipe, facts: Facts) -> Choice:
    widths = (facts.layout.flags + 4 * facts.layout.numbers, *recipe.network.hidden)
    batch = recipe.training.batch_size
    rows = facts.training_rows if batch == "full" else min(int(batch), facts.training_rows)
    of_row: float = sum(before * after for before, after in pairwise(widths))
    if facts.layout.arrays:
        of_row += build_network(recipe, facts.layout, facts.outputs, sample=None, seed=0).multiplications
    work = recipe.member_count * rows * of_row
    if work < WORK_TO_SHARE:
        return Choice(1, "a step is too small to share: threads would wait for one another")
    return Choice(facts.cores, f"a step is large enough to share among {facts.cores} cores")


def _threshold(recipe: Recipe, _facts: Facts) -> Choice:
    if recipe.decision.false_positive_cost is not None:
        return Choice("cost", "costs of wrong answers are given")
    if recipe.goal == "imbalanced":
        return Choice("f1", "at one half few of the rare positives would be found")
    return Choice("half", "the likelier class is the answer that is right most often")


def _calibration(_recipe: Recipe, _facts: Facts) -> Choice:
    return Choice("if_better", "the validation rows show whether it helps")


GOAL_OF: dict[str, Goal] = {"pr_auc": "imbalanced", "mcc": "imbalanced", "roc_auc": "ranking"}

DATA_CHOICES: dict[str, Callable[[Recipe], Choice]] = {
    "data.streaming": always("never", "the rows are in memory"),  # where they are not, that was decided before
    "data.numbers": always("robust", "centered and scaled by quantiles, so that outliers neither dominate nor vanish"),
    "data.one_hot_limit": always(ONE_HOT_LIMIT, "small categories need no table of vectors"),
    "data.rare_count": always(RARE_COUNT, "a value seen that seldom teaches nothing of its own"),
    "data.series_spacing": always(0.0, "no rows are steps of a series"),  # where they are, that was decided before
    "data.text": _text,
    "data.text_length": always(TEXT_LENGTH, "longer texts are rare, and say by then what they are about"),
    "data.vocabulary_size": _vocabulary_size,
    "data.image_size": always(LARGEST, "what a CPU learns from within minutes"),
    "data.audio_rate": always(HIGHEST_RATE, "what people say lies below half of it"),
    "data.audio_seconds": always(LONGEST, "longer ones are rare, and have begun to repeat themselves by then"),
    "data.target_scaling": always("standard", "losses and rates suit targets of unit spread"),
}

CHOICES: dict[str, Callable[[Recipe, Facts], Choice]] = {
    "data.shuffle_buffer": _shuffle_buffer,
    "device": _device,
    "network.family": _family,
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
    "network.series.family": _series_family,
    "network.transformer.width": _transformer_width,
    "network.text.width": _text_width,
    "network.text.widths": _text_widths,
    "network.image.widths": _image_widths,
    "network.audio.family": _audio_family,
    "network.audio.bands": _audio_bands,
    "network.audio.widths": _audio_widths,
    "network.series.widths": _series_widths,
    "training.loss": _loss,
    "training.label_smoothing": _label_smoothing,
    "training.optimizer": _optimizer,
    "training.beta2": _beta2,
    "training.weight_decay": _weight_decay,
    "training.schedule": _schedule,
    "training.word_dropout": _word_dropout,
    "training.encoder_rate": _encoder_rate,
    "training.encoder_layer_rate": _encoder_layer_rate,
    "training.encoder_precision": _encoder_precision,
    "training.image_shift": _image_shift,
    "training.image_flip": _image_flip,
    "training.image_crop": _in_color(CROP, "a thing is the same from nearer by"),
    "training.image_rotation": _in_color(ROTATION, "things stand upright in photographs, more or less"),
    "training.image_color": _in_color(COLOR, "a thing is the same in another light"),
    "training.image_erase": _in_color(ERASE, "a thing should be told by more than one of its parts"),
    "training.image_mixup": _image_mix,
    "training.image_cutmix": _image_mix,
    "training.image_precision": _image_precision,
    "training.audio_time_mask": _audio_mask,
    "training.audio_band_mask": _audio_mask,
    "training.batch_size": _batch_size,
    "training.learning_rate": _learning_rate,
    "training.epochs": _epochs,
    "training.early_stopping.patience": _patience,
    "training.compile": _compile,
    "training.execution": _execution,
    "training.members_at_once": _members_at_once,
    "training.threads": _threads,
    "decision.threshold": _threshold,
    "decision.calibration": _calibration,
}
