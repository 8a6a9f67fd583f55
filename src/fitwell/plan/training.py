"""How the network learns: loss, optimizer, rates, batches and how long."""

from __future__ import annotations

import math
from collections.abc import Callable

from fitwell.plan.facts import Choice, Facts, is_linear_in_kernels, is_linear_in_patches, is_whitened
from fitwell.recipe import Recipe
from fitwell.tasks.table import TASKS
from fitwell.training.costs import has_bfloat16_units
from fitwell.training.loop import batching
from fitwell.training.optimizers import OPTIMIZERS

FEW_ROWS = 1_000  # training rows, of whose validation rows some hundred tell little
MANY_ROWS = 16_000  # training rows, from which choices change on the tables of benchmarks/tables.py
ARRAY_STEPS, FEWEST_EPOCHS, MOST_EPOCHS = 1_500, 20, 200  # of networks that read arrays
COLOR_STEPS = 3_000  # of networks that read pictures in color, which change from epoch to epoch
LINEAR_STEPS, LINEAR_BATCH = 1_200, 64  # of a linear layer over what is read beforehand
PATCHES_DECAYED = 250.0  # chosen on 300 photographs of flowers and on 300 to 2,000 pictures of CIFAR-10
SOUND_STEPS = 600  # of networks that hear sounds, which are learned in fewer
TEXT_RATE, TERMS_RATE = 6, 3
TERMS_DECAY, TERMS_EPOCHS, TERMS_STEPS = 0.6, 6, 600
EPOCHS_PER_DOUBLING = 2  # of the classes: the more there are, the further outputs have to go from zero
PLACES_RATE = 3  # chosen on spoken digits and 2,500 pictures of CIFAR-10
ENCODER_RATE, ENCODER_LAYER_RATE, ENCODER_DECAY, ENCODER_BATCH = 0.15, 0.9, 0.01, 32
ENCODER_WIDTH = 384  # narrower ones learn faster
ENCODER_STEPS, ENCODER_SIGHTS, FEWEST_ENCODER_EPOCHS, MOST_ENCODER_EPOCHS = 300, 800, 3, 20


def _loss(_recipe: Recipe, facts: Facts) -> Choice:
    loss = TASKS[facts.task].losses[0]
    what = "makes the outputs mean values" if facts.task == "regression" else "makes the outputs honest probabilities"
    return Choice(loss, f"{loss} {what}")


def _label_smoothing(_recipe: Recipe, _facts: Facts) -> Choice:
    return Choice(0.0, "smoothed labels would blur the probabilities")


def _optimizer(recipe: Recipe, facts: Facts) -> Choice:
    if is_linear_in_patches(recipe, facts):
        return Choice("sgd", "one valley, with decay as its slope; adam's steps of one size would learn noise first")
    if is_whitened(recipe, facts):
        return Choice("sgd", "its first step over whitened directions is a ridge; adam's would learn noise first")
    return Choice("adamw", "robust to the scale of gradients, with decay that does not depend on it")


def _beta2(_recipe: Recipe, _facts: Facts) -> Choice:
    return Choice(0.999, "the usual memory; 0.95 brought nothing on the benchmark tables")


def _weight_decay(recipe: Recipe, facts: Facts) -> Choice:
    if facts.is_pretrained and recipe.training.optimizer == "adamw":
        return Choice(ENCODER_DECAY, "usual for pretrained encoders, whose weights should stay near their start")
    if facts.has_terms and not facts.layout.inputs and recipe.training.optimizer == "adamw":
        return Choice(TERMS_DECAY, "terms fade between the texts that have them, so that rare ones count less")
    if is_linear_in_patches(recipe, facts) and recipe.training.optimizer == "sgd":
        decay = float(f"{PATCHES_DECAYED / facts.training_rows:.2g}")
        why = f"{PATCHES_DECAYED:g} / {facts.training_rows:,} training rows: of many ways to tell few pictures apart"
        return Choice(decay, f"{why}, small ones are best")
    return Choice(OPTIMIZERS[recipe.training.optimizer].usual_decay, f"usual for {recipe.training.optimizer}")


def _schedule(recipe: Recipe, facts: Facts) -> Choice:
    if facts.layout.arrays:
        return Choice("one_cycle", "one long cycle: arrays are not soon learned by heart")
    cycles = f"{recipe.training.cycles} annealed cycles, each twice as long"
    return Choice("log_cosine", f"{cycles}: short ones suit data that is soon learned by heart")


def _encoder_rate(_recipe: Recipe, facts: Facts) -> Choice:
    width = facts.encoder_width or ENCODER_WIDTH
    if width >= ENCODER_WIDTH:
        return Choice(ENCODER_RATE, "pretrained weights need small steps, the layers after them larger ones")
    rate = min(1.0, ENCODER_RATE * (ENCODER_WIDTH / width) ** 2)
    return Choice(float(f"{rate:.2g}"), f"an encoder of only {width} numbers knows less, and has to move further")


def _encoder_layer_rate(_recipe: Recipe, _facts: Facts) -> Choice:
    return Choice(ENCODER_LAYER_RATE, "first layers know words, whatever the task (Howard and Ruder 2018)")


def _encoder_precision(recipe: Recipe, _facts: Facts) -> Choice:
    if recipe.device == "cpu" and has_bfloat16_units():
        return Choice("bfloat16", "this CPU has units for them (AMX or AVX512_BF16): about twice as fast")
    where = (
        "this CPU has no units for less" if recipe.device == "cpu" else f"less has not been measured on {recipe.device}"
    )
    return Choice("float32", where)


def _image_precision(recipe: Recipe, facts: Facts) -> Choice:
    if not facts.images and not facts.sounds:
        return Choice("float32", "there are no images or sounds")
    if recipe.training.execution == "mapped":
        return Choice("float32", "convolutions in less cannot be mapped over members")
    if recipe.device == "cpu" and has_bfloat16_units():
        return Choice("bfloat16", "this CPU has units for them (AMX or AVX512_BF16): about twice as fast")
    where = (
        "this CPU has no units for less" if recipe.device == "cpu" else f"less has not been measured on {recipe.device}"
    )
    return Choice("float32", where)


def _batch_size(recipe: Recipe, facts: Facts) -> Choice:
    if facts.is_pretrained and facts.training_rows >= ENCODER_BATCH:
        return Choice(ENCODER_BATCH, "usual for pretrained encoders")
    if is_linear_in_patches(recipe, facts) or is_whitened(recipe, facts):
        return Choice(LINEAR_BATCH, "all is read beforehand, so rows cost little, and more of them wander less")
    if facts.layout.arrays:
        size = min(64, max(16, 2 ** round(math.log2(facts.training_rows / 32))))
        return Choice(size, f"a power of two near 1/32 of {facts.training_rows:,} training rows, from 16 to 64")
    size = min(256, max(32, 2 ** round(math.log2(facts.training_rows / 16))))
    return Choice(size, f"a power of two near a sixteenth of {facts.training_rows:,} training rows, from 32 to 256")


def _learning_rate(recipe: Recipe, facts: Facts) -> Choice:
    usual = OPTIMIZERS[recipe.training.optimizer].usual_rate
    batch = recipe.training.batch_size
    rows = facts.training_rows if batch == "full" else min(int(batch), facts.training_rows)
    why = f"usual for {recipe.training.optimizer}, scaled by the root of the batch size / 256"
    if facts.texts and not facts.has_pretrained_texts:
        times = TERMS_RATE if facts.has_terms else TEXT_RATE
        usual, why = times * usual, f"{why}, times {times}: the vector of a word is moved only where it occurs"
    elif not facts.texts and (
        (facts.has_color and recipe.network.image.family == "convolutional")
        or (facts.sounds and recipe.network.audio.family == "convolutional")
    ):
        usual, why = PLACES_RATE * usual, f"{why}, times {PLACES_RATE} for what is much changed in training"
    if facts.task == "regression":
        usual, why = 2 * usual, f"{why}, doubled for regression"
    return Choice(float(f"{usual * min(1.0, math.sqrt(rows / 256)):.3g}"), why)


def _epochs(recipe: Recipe, facts: Facts) -> Choice:
    if facts.layout.arrays:
        steps = batching(facts.training_rows, recipe.training)[1]
        if _is_encoder_tuned(recipe, facts):
            classes = facts.outputs if facts.task == "multiclass" else 2 if facts.task == "binary" else 1
            sights = -(-ENCODER_SIGHTS * classes // facts.training_rows)
            epochs = min(MOST_ENCODER_EPOCHS, max(FEWEST_ENCODER_EPOCHS, -(-ENCODER_STEPS // steps), sights))
            why = f"what is pretrained is soon tuned: {ENCODER_STEPS} steps, and {ENCODER_SIGHTS} rows of each class"
            return Choice(epochs, f"{why}, but {FEWEST_ENCODER_EPOCHS} to {MOST_ENCODER_EPOCHS}")
        if facts.has_terms:
            doublings = math.log2(max(2, facts.outputs) / 2)
            fewest, about = TERMS_EPOCHS + round(EPOCHS_PER_DOUBLING * doublings), TERMS_STEPS
            why = f"at least {TERMS_EPOCHS}, more for more than two classes, and about {about:,} steps"
        else:
            fewest = FEWEST_EPOCHS
            about = COLOR_STEPS if facts.has_color and not facts.is_pretrained else ARRAY_STEPS
            about = SOUND_STEPS if len(facts.sounds) == len(facts.layout.arrays) else about
            about = LINEAR_STEPS if is_linear_in_patches(recipe, facts) or is_whitened(recipe, facts) else about
            why = f"at least {fewest}, and about {about:,} steps where there are few rows"
        return Choice(min(MOST_EPOCHS, max(fewest, -(-about // steps))), why)
    if facts.task != "regression" and facts.training_rows >= MANY_ROWS:
        return Choice(32, f"{facts.training_rows:,} training rows are seen often enough")
    cycles = recipe.training.cycles
    if recipe.training.schedule != "log_cosine" or cycles == 1:
        return Choice(64, "enough for most tables, and early stopping ends what takes fewer")
    first = 64 / (2**cycles - 1)
    return Choice(64, f"{cycles} cycles of {first:.0f} to {first * 2 ** (cycles - 1):.0f} epochs")


def _is_encoder_tuned(recipe: Recipe, facts: Facts) -> bool:
    if not facts.is_pretrained:
        return False
    return bool(recipe.network.text.tuned if facts.has_pretrained_texts else recipe.network.image.tuned)


def _restore_best(recipe: Recipe, facts: Facts) -> Choice:
    if is_linear_in_patches(recipe, facts):
        return Choice(False, "training ends in the one valley there is; few rows would take a moment before by luck")
    if is_linear_in_kernels(recipe, facts) and facts.training_rows < FEW_ROWS:
        return Choice(False, "nobody learns filters by heart, and few rows would take a moment before the end by luck")
    return Choice(True, "what is learned by heart after the best epoch is undone")


def _patience(recipe: Recipe, _facts: Facts) -> Choice:
    if not recipe.training.early_stopping.restore_best:
        return Choice(0, "the last weights are kept, which are those of the whole schedule")
    epochs = recipe.training.epochs
    assert epochs != "auto"
    what = "the end of a cycle of the schedule" if recipe.training.schedule == "log_cosine" else "a late improvement"
    return Choice(max(5, round(0.4 * epochs)), f"long enough to wait for {what}")


OF_TRAINING: dict[str, Callable[[Recipe, Facts], Choice]] = {
    "training.loss": _loss,
    "training.label_smoothing": _label_smoothing,
    "training.optimizer": _optimizer,
    "training.beta2": _beta2,
    "training.weight_decay": _weight_decay,
    "training.schedule": _schedule,
    "training.encoder_rate": _encoder_rate,
    "training.encoder_layer_rate": _encoder_layer_rate,
    "training.encoder_precision": _encoder_precision,
    "training.image_precision": _image_precision,
    "training.batch_size": _batch_size,
    "training.learning_rate": _learning_rate,
    "training.epochs": _epochs,
    "training.early_stopping.restore_best": _restore_best,
    "training.early_stopping.patience": _patience,
}
