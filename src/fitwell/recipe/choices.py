"""What a setting accepts: words as literals, which a test equates with the tables that implement them, and numbers."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

Auto = Literal["auto"]
TaskName = Literal["binary", "multiclass", "multilabel", "regression"]  # of tables
ReadingTask = Literal["answer"]  # of questions about texts
Goal = Literal["auto", "balanced", "imbalanced", "ranking", "targeting", "probability"]
KindName = Literal[
    "number", "category", "boolean", "date", "text", "image", "audio", "series", "identifier", "constant"
]
BrokenFiles = Literal["refuse", "skip"]
SplitName = Literal["random", "stratified", "grouped", "time", "given"]
NumberScaling = Literal["robust", "standard", "quantile", "none"]
TargetScaling = Literal["standard", "none"]
Streaming = Literal["auto", "always", "never"]
FamilyName = Literal["fully_connected"]
Precision = Literal["float32", "bfloat16"]
ImageFamily = Literal["random_patches", "convolutional", "pretrained"]
AudioFamily = Literal["random_kernels", "convolutional", "rnn", "lstm", "gru"]
SeriesFamily = Literal["random_kernels", "convolutional", "rnn", "lstm", "gru", "transformer"]
TextForm = Literal["terms", "words", "byte_pairs", "pieces"]
TextFamily = Literal["average", "convolutional", "rnn", "lstm", "gru", "transformer", "pretrained"]
PositionsName = Literal["rotary", "sinusoidal", "learned", "none"]
ActivationName = Literal[
    "relu", "leaky_relu", "prelu", "elu", "selu", "gelu", "silu", "mish", "softplus", "sigmoid", "tanh", "identity"
]
InitializationName = Literal[
    "glorot_uniform", "glorot_normal", "he_uniform", "he_normal", "orthogonal", "uniform", "unit_variance"
]
NormalizationName = Literal["none", "batch", "layer", "group", "rms"]
NumberEmbeddingName = Literal["none", "piecewise_linear", "periodic", "combined"]
LossName = Literal["cross_entropy", "focal", "squared_error", "absolute_error", "huber", "quantile"]
OptimizerName = Literal["sgd", "rmsprop", "adagrad", "adam", "adamw", "muon"]
ScheduleName = Literal[
    "constant", "step", "exponential", "cosine", "cyclical", "warm_restarts", "one_cycle", "log_cosine", "plateau"
]
ClassWeights = Literal["none", "balanced"]
ThresholdName = Literal["half", "f1", "youden", "cost", "precision", "recall"]
CalibrationName = Literal["none", "if_better", "temperature", "logistic", "isotonic"]

Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NonNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
Seed = Annotated[int, Field(ge=0, lt=2**31)]
Momentum = Annotated[float, Field(ge=0, lt=1)]
Names = Annotated[tuple[str, ...], BeforeValidator(lambda given: (given,) if isinstance(given, str) else given)]

RECIPE_VERSION: Literal[1] = 1
MOST_MEMBERS = 10_000
MemberCount = Annotated[int, Field(ge=1, le=MOST_MEMBERS)]

BYTES = 256  # parts of words that byte pairs begin with
RECURRENT = frozenset({"rnn", "lstm", "gru"})  # families that read a sequence step by step
