"""Where a setting means something: which others leave it nothing to decide, and which ones a search cannot vary."""

from __future__ import annotations

from fitwell.recipe.choices import RECURRENT
from fitwell.recipe.paths import setting
from fitwell.recipe.settings import Asked

PIECES = frozenset({"pieces"})
OWN_VOCABULARY = frozenset({"terms", "words", "byte_pairs"})

# Changes of pictures in training, by the ends of their settings; whether they are mirrored is told in any case.
PICTURE_CHANGES = ("shift", "crop", "rotation", "color", "erase", "mixup", "cutmix")
SEEN_ANEW = frozenset({"convolutional", "pretrained"})  # families that may see pictures in every step
SOUND_CHANGES = ("time_mask", "band_mask")
HEARD_ANEW = RECURRENT | {"convolutional"}  # families that hear sounds in every step

# A setting of the left column means something only where the setting named beside it has one of these values.
APPLIES: dict[str, tuple[str, frozenset[str]]] = {
    "data.shuffle_buffer": ("data.streaming", frozenset({"always"})),
    "training.nesterov": ("training.optimizer", frozenset({"sgd"})),
    "training.momentum": ("training.optimizer", frozenset({"sgd", "muon"})),
    "training.beta1": ("training.optimizer", frozenset({"adam", "adamw", "muon"})),
    "training.beta2": ("training.optimizer", frozenset({"adam", "adamw", "muon"})),
    "training.rms_decay": ("training.optimizer", frozenset({"rmsprop"})),
    "training.step_epochs": ("training.schedule", frozenset({"step"})),
    "training.step_factor": ("training.schedule", frozenset({"step"})),
    "training.decay_rate": ("training.schedule", frozenset({"exponential"})),
    "training.minimum_factor": ("training.schedule", frozenset({"cosine", "cyclical", "warm_restarts", "one_cycle"})),
    "training.cycle_epochs": ("training.schedule", frozenset({"cyclical", "warm_restarts"})),
    "training.cycle_growth": ("training.schedule", frozenset({"warm_restarts"})),
    "training.cycles": ("training.schedule", frozenset({"log_cosine"})),
    "training.plateau_patience": ("training.schedule", frozenset({"plateau"})),
    "training.plateau_factor": ("training.schedule", frozenset({"plateau"})),
    "training.focal_gamma": ("training.loss", frozenset({"focal"})),
    "training.huber_delta": ("training.loss", frozenset({"huber"})),
    "training.quantile": ("training.loss", frozenset({"quantile"})),
    "training.label_smoothing": ("training.loss", frozenset({"cross_entropy"})),
    "training.target_factor": ("task", frozenset({"regression"})),
    "training.target_shift": ("task", frozenset({"regression"})),
    "training.members_at_once": ("training.execution", frozenset({"mapped"})),
    "training.sorted_batches": ("training.execution", frozenset({"eager", "mapped"})),
    "decision.threshold": ("task", frozenset({"binary"})),
    "decision.at_least": ("decision.threshold", frozenset({"precision", "recall"})),
    "decision.false_positive_cost": ("task", frozenset({"binary"})),
    "decision.false_negative_cost": ("task", frozenset({"binary"})),
    "decision.calibration": ("task", frozenset({"binary", "multiclass", "multilabel"})),
    "answers.window": ("task", frozenset({"answer"})),
    "answers.overlap": ("task", frozenset({"answer"})),
    "answers.longest": ("task", frozenset({"answer"})),
    "answers.negatives": ("task", frozenset({"answer"})),
    "decision.coverage": ("task", frozenset({"regression"})),
    "network.text.family": ("data.text", frozenset({"words", "byte_pairs", "pieces"})),
    "data.text_encoder": ("data.text", PIECES),
    "data.vocabulary_size": ("data.text", OWN_VOCABULARY),
    "training.word_dropout": ("data.text", OWN_VOCABULARY),
    "training.encoder_rate": ("data.text", PIECES),
    "training.encoder_layer_rate": ("data.text", PIECES),
    "training.encoder_unfreezing": ("data.text", PIECES),
    "training.encoder_precision": ("data.text", PIECES),
    **{f"training.image_{name}": ("network.image.family", SEEN_ANEW) for name in PICTURE_CHANGES},
    **{f"training.audio_{name}": ("network.audio.family", HEARD_ANEW) for name in SOUND_CHANGES},
    "network.image.tuned": ("network.image.family", frozenset({"pretrained"})),
    "network.text.vectors": ("data.text", frozenset({"words"})),
    "network.text.bidirectional": ("network.text.family", RECURRENT),
    "network.audio.bidirectional": ("network.audio.family", RECURRENT),
    "network.series.bidirectional": ("network.series.family", RECURRENT),
    "network.leaky_slope": ("network.activation", frozenset({"leaky_relu", "prelu"})),
    "network.initialization_range": ("network.initialization", frozenset({"uniform"})),
    "network.normalization_groups": ("network.normalization", frozenset({"group"})),
    "network.number_embedding_width": (
        "network.number_embedding",
        frozenset({"piecewise_linear", "periodic", "combined"}),
    ),
    "network.number_embedding_bins": ("network.number_embedding", frozenset({"piecewise_linear", "combined"})),
    "network.number_embedding_scale": ("network.number_embedding", frozenset({"periodic", "combined"})),
}


# What means something where an encoder of pictures is named, too, whatever becomes of texts.
ALSO_OF_PICTURES = frozenset(f"training.encoder_{name}" for name in ("rate", "layer_rate", "unfreezing"))


# What a setting that is chosen from the data becomes where it has no effect.
NEUTRAL: dict[str, float | str] = {
    "data.shuffle_buffer": 1,
    "decision.threshold": "half",
    "decision.calibration": "none",
    "training.beta2": 0.0,
    "training.members_at_once": 1,
    "training.sorted_batches": 1,
    "training.label_smoothing": 0.0,
    "network.number_embedding_width": 2,
    "network.text.family": "average",
    "network.image.tuned": True,
    "data.vocabulary_size": 1,
    "training.word_dropout": 0.0,
    **{f"training.image_{name}": 0.0 for name in PICTURE_CHANGES},
    **{f"training.audio_{name}": 0.0 for name in SOUND_CHANGES},
    "training.encoder_rate": 1.0,
    "training.encoder_layer_rate": 1.0,
    "training.encoder_precision": "float32",
}


def picture_changes_in(recipe: Asked) -> list[str]:
    """Return the settings by which pictures are asked to be changed in training, the mirror last.

    >>> from fitwell.recipe import Recipe, TrainingSettings
    >>> picture_changes_in(Recipe(training=TrainingSettings(image_flip=True, image_crop=0.1, image_erase=0.0)))
    ['training.image_crop', 'training.image_flip']
    """
    paths = [f"training.image_{name}" for name in (*PICTURE_CHANGES, "flip")]
    return [path for path in paths if setting(recipe, path) not in ("auto", 0)]


def without_effect(recipe: Asked, path: str) -> bool:
    """Tell whether other settings leave this one nothing to decide.

    >>> from fitwell.recipe import Recipe, TrainingSettings
    >>> without_effect(Recipe(training=TrainingSettings(optimizer="sgd")), "training.beta2")
    True
    """
    if path not in APPLIES or (path in ALSO_OF_PICTURES and recipe.data.image_encoder is not None):
        return False
    other, values = APPLIES[path]
    chosen = setting(recipe, other)
    return chosen != "auto" and chosen not in values


# What a search cannot vary, and why. Its trials are compared by the validation loss after the same epochs.
_MEASURE = "it changes what the validation loss means, by which trials are compared"
_COURSE = "trials are compared at the same points of one course of training"
_MACHINE = "it changes how steps are computed, not what comes of them"
NOT_TUNED: dict[str, str] = {
    "training.loss": _MEASURE,
    "training.focal_gamma": _MEASURE,
    "training.huber_delta": _MEASURE,
    "training.quantile": _MEASURE,
    "training.label_smoothing": _MEASURE,
    "training.class_weights": _MEASURE,
    "training.target_factor": _MEASURE,
    "training.target_shift": _MEASURE,
    "training.schedule": _COURSE,
    "training.cycles": _COURSE,
    "training.cycle_epochs": _COURSE,
    "training.cycle_growth": _COURSE,
    "training.epochs": _COURSE,
    "training.maximum_steps": _COURSE,
    "training.early_stopping.patience": _COURSE,
    "training.early_stopping.minimum_improvement": _COURSE,
    "training.early_stopping.restore_best": _COURSE,
    "training.compile": _MACHINE,
    "training.execution": _MACHINE,
    "training.threads": _MACHINE,
    "training.signals_every": _MACHINE,
    "training.checkpoint_seconds": _MACHINE,
}
