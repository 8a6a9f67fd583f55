"""What a setting that was put right says about the training: the symptom it stands for, and how it does harm.

`CAUSES` has a line for every setting of the network and its training, and for those of the data that experiments vary.
A line is a function of the value that was and the value that helped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from fitwell.networks.activations import ACTIVATIONS
from fitwell.recipe import Recipe, setting

DEEP = 4  # hidden layers from which on bounded activations let little gradient through: 0.25 to the fourth is 0.004
# Between a third and three times, or a tenth and ten times, a rate is a matter of taste: many healthy networks gain.
TASTE = 10.0


@dataclass(frozen=True)
class Cause:
    """A symptom and its mechanism, in a sentence."""

    symptom: str
    mechanism: str


Told = Callable[[Any, Any], Cause]


def _always(cause: Cause) -> Told:
    return lambda old, new: cause


def _sized(larger: Cause, smaller: Cause) -> Told:
    """Tell by whether the value was larger or smaller than the one that helped; no limit is the largest."""

    def told(old: Any, new: Any) -> Cause:
        return larger if _size(old) > _size(new) else smaller

    return told


def _size(value: Any) -> float:
    if value is None or value == "full":
        return math.inf
    return float(value)


TOO_HIGH = Cause("learning_rate_too_high", "steps overshoot the minimum, so the loss jumps about or runs away")
TOO_LOW = Cause("learning_rate_too_low", "steps are so small that training ends long before the loss does")
SLOWED = Cause("learning_rate_too_low", "it makes the steps so small that training ends long before the loss does")
STOPPED = Cause("stopped_too_early", "training ends while the loss still falls")
TOO_LONG = Cause("overfitting", "training goes on after it has begun to learn single rows by heart")
HELD_BACK = Cause("underfitting", "it keeps the network from fitting even the training rows")
UNHELD = Cause("overfitting", "nothing keeps the network from learning single rows by heart")
COARSE = Cause("underfitting", "the first layer sees too little of what the columns say")
NARROW = Cause("underfitting", "the network is too small for what there is to learn")
TOO_LARGE = Cause("overfitting", "the network is large enough to learn single rows by heart")
START = Cause(
    "poor_initialization", "signals die or blow up on their way through the layers before anything is learned"
)
SCALES = Cause(
    "unscaled_inputs", "columns of different sizes make one rate too large for some weights, too small for others"
)
TARGETS = Cause("unscaled_targets", "targets far from unit spread make gradients, and so steps, of the wrong size")
OTHER_AIM = Cause("wrong_loss", "training makes something else small than what is measured")
CLASSES = Cause("class_imbalance", "the weights of the classes pull the answers away from how often the classes come")
JUMPS = Cause("unstable_loss", "steps follow the noise of single batches, so the loss jumps about")
RESTLESS = Cause("unstable_loss", "the rate never comes down, so that the last steps still jump about the minimum")
BATCH = Cause("batch_size", "batches of this size take too few steps, or too noisy ones, for the epochs there are")
NOISE = Cause("unstable_loss", "normalizing by so few numbers turns the outputs into noise")
FORGOTTEN = Cause("unstable_loss", "weights that were learned are drawn anew")
RULE = Cause("not_learning", "this rule of steps does not get anywhere in the epochs there are")
DEPTH = Cause("vanishing_gradients", "gradients shrink from layer to layer, so that the first layers hardly learn")


def _activation(old: Any, new: Any) -> Cause:
    if old == "identity":
        return Cause("missing_activation", "without a nonlinearity all layers together are one linear map")
    if ACTIVATIONS[old].saturates is not None:
        return Cause("saturated_units", f"{old} is flat for large inputs, where no gradient gets through")
    if old == "relu":
        return Cause("dead_units", "a unit that is negative for all rows has no gradient and never comes back")
    return Cause("vanishing_gradients", f"{old} lets less of the gradient through than what helped")


def _hidden(old: Any, new: Any) -> Cause:
    if len(old) >= DEEP and len(old) > len(new):
        return DEPTH
    return NARROW if _weights(old) < _weights(new) else TOO_LARGE


def _weights(hidden: Any) -> int:
    widths = [int(width) for width in hidden]
    return sum(first * second for first, second in pairwise(widths)) + sum(widths)


def _schedule(old: Any, new: Any) -> Cause:
    return RESTLESS if old == "constant" else SLOWED


def _epochs(old: Any, new: Any) -> Cause:
    return STOPPED if old < new else TOO_LONG


def _patience(old: Any, new: Any) -> Cause:
    return TOO_LONG if old == 0 else STOPPED  # 0 never stops


def _restored(old: Any, new: Any) -> Cause:
    return TOO_LONG if new else STOPPED


AIM, BY_CLASS, RICHNESS = _always(OTHER_AIM), _always(CLASSES), _always(COARSE)

CAUSES: dict[str, Told] = {
    "network.family": _always(NARROW),
    "network.hidden": _hidden,
    "network.activation": _activation,
    "network.leaky_slope": _always(DEPTH),
    "network.initialization": _always(START),
    "network.initialization_range": _always(START),
    "network.initialization_scale": _always(START),
    "network.normalization": _always(NOISE),
    "network.normalization_groups": _always(NOISE),
    "network.dropout": _sized(HELD_BACK, UNHELD),
    "network.residual": _always(DEPTH),
    "network.input_scale": RICHNESS,
    "network.input_factor": _always(SCALES),
    "network.input_shift": _always(SCALES),
    "network.number_embedding": RICHNESS,
    "network.number_embedding_width": RICHNESS,
    "network.number_embedding_bins": RICHNESS,
    "network.number_embedding_scale": _always(START),
    "network.category_embedding_width": RICHNESS,
    "network.image.family": _always(NARROW),
    "network.image.widths": _always(NARROW),
    "network.image.blocks": _always(NARROW),
    "network.audio.family": _always(NARROW),
    "network.audio.bands": RICHNESS,
    "network.audio.silence": RICHNESS,
    "network.audio.leveling": RICHNESS,
    "network.audio.widths": _always(NARROW),
    "network.audio.bidirectional": _always(NARROW),
    "network.whitened_directions": RICHNESS,
    "network.series.family": _always(NARROW),
    "network.series.widths": _always(NARROW),
    "network.series.bidirectional": _always(NARROW),
    "network.text.width": _always(NARROW),
    "network.text.widths": _always(NARROW),
    "network.text.bidirectional": _always(NARROW),
    "network.transformer.width": _always(NARROW),
    "network.transformer.layers": _always(NARROW),
    "network.transformer.heads": _always(NARROW),
    "network.transformer.feedforward": _always(NARROW),
    "network.transformer.positions": _always(NARROW),
    "network.transformer.dropout": _sized(HELD_BACK, UNHELD),
    "training.loss": AIM,
    "training.focal_gamma": AIM,
    "training.huber_delta": AIM,
    "training.quantile": AIM,
    "training.target_factor": _always(TARGETS),
    "training.target_shift": _always(TARGETS),
    "training.label_smoothing": AIM,
    "training.class_weights": BY_CLASS,
    "training.optimizer": _always(RULE),
    "training.learning_rate": _sized(TOO_HIGH, TOO_LOW),
    "training.momentum": _sized(JUMPS, SLOWED),
    "training.nesterov": _always(RULE),
    "training.beta1": _sized(JUMPS, SLOWED),
    "training.beta2": _sized(SLOWED, JUMPS),
    "training.rms_decay": _sized(SLOWED, JUMPS),
    "training.epsilon": _sized(SLOWED, JUMPS),
    "training.schedule": _schedule,
    "training.warmup_epochs": _sized(SLOWED, TOO_HIGH),
    "training.step_epochs": _sized(TOO_HIGH, SLOWED),
    "training.step_factor": _sized(TOO_HIGH, SLOWED),
    "training.decay_rate": _sized(SLOWED, TOO_HIGH),
    "training.minimum_factor": _sized(TOO_HIGH, SLOWED),
    "training.cycle_epochs": _always(SLOWED),
    "training.cycle_growth": _always(SLOWED),
    "training.cycles": _always(SLOWED),
    "training.plateau_patience": _sized(TOO_HIGH, SLOWED),
    "training.plateau_factor": _sized(TOO_HIGH, SLOWED),
    "training.epochs": _epochs,
    "training.maximum_steps": _always(STOPPED),
    "training.batch_size": _always(BATCH),
    "training.l1": _sized(HELD_BACK, UNHELD),
    "training.l2": _sized(HELD_BACK, UNHELD),
    "training.weight_decay": _sized(HELD_BACK, UNHELD),
    "training.max_norm": _sized(UNHELD, HELD_BACK),
    "training.input_noise": _sized(HELD_BACK, UNHELD),
    "training.word_dropout": _sized(HELD_BACK, UNHELD),
    "training.image_shift": _sized(HELD_BACK, UNHELD),
    "training.image_flip": _always(UNHELD),
    "training.image_crop": _sized(HELD_BACK, UNHELD),
    "training.image_rotation": _sized(HELD_BACK, UNHELD),
    "training.image_color": _sized(HELD_BACK, UNHELD),
    "training.image_erase": _sized(HELD_BACK, UNHELD),
    "training.image_mixup": _sized(HELD_BACK, UNHELD),
    "training.image_cutmix": _sized(HELD_BACK, UNHELD),
    "training.audio_time_mask": _sized(HELD_BACK, UNHELD),
    "training.audio_band_mask": _sized(HELD_BACK, UNHELD),
    "training.encoder_rate": _sized(TOO_HIGH, SLOWED),
    "training.encoder_layer_rate": _sized(TOO_HIGH, SLOWED),
    "training.encoder_unfreezing": _sized(SLOWED, TOO_HIGH),
    "training.redraw_fraction": _always(FORGOTTEN),
    "training.redraw_epochs": _always(FORGOTTEN),
    "training.clip_norm": _sized(JUMPS, SLOWED),
    "training.clip_value": _sized(JUMPS, SLOWED),
    "training.early_stopping.patience": _patience,
    "training.early_stopping.minimum_improvement": _always(STOPPED),
    "training.early_stopping.restore_best": _restored,
    "data.numbers": _always(SCALES),
    "data.missing_indicators": RICHNESS,
    "data.one_hot_limit": RICHNESS,
    "data.rare_count": RICHNESS,
    "data.target_scaling": _always(TARGETS),
}


# Settings that change what training makes small: networks that differ in them give other probabilities on purpose.
AIMS = frozenset(path for path, told in CAUSES.items() if told is AIM or told is BY_CLASS)


def cause_of(path: str, old: Recipe, new: Recipe) -> Cause:
    """Return what it says that a setting helped when it became what it is in the new recipe."""
    return CAUSES[path](setting(old, path), setting(new, path))


def is_taste(path: str, old: Recipe, new: Recipe) -> bool:
    """Tell whether a setting was close enough to what helped that healthy trainings differ in it as much."""
    before, after = setting(old, path), setting(new, path)
    if CAUSES[path] is RICHNESS:  # what columns are widened to improves many healthy networks
        return True
    if path == "network.hidden":
        return bool(before) and 1 / TASTE <= _weights(before) / max(1, _weights(after)) <= TASTE
    if path in ("training.learning_rate", "training.epochs", "training.batch_size") and "full" not in (before, after):
        return bool(1 / TASTE <= before / after <= TASTE)
    return False
