"""What a run is asked to do: one frozen, validated value.

Every setting has its one home, its one default and its one sentence here. `auto` means that Fitwell chooses from the
data and says why; a resolved recipe has no `auto` left, and run again on the same data and machine it gives the same
bits. The choices are literals; a test equates them with the tables that implement them.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal, Self, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from fitwell.errors import nearest
from fitwell.recipe.accepted import words
from fitwell.recipe.per_member import Own, checked

Auto = Literal["auto"]
TaskName = Literal["binary", "multiclass", "multilabel", "regression"]
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
AudioFamily = Literal["convolutional", "rnn", "lstm", "gru"]
SeriesFamily = Literal["convolutional", "rnn", "lstm", "gru", "transformer"]
TextForm = Literal["terms", "words", "pieces"]
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


class Settings(BaseModel):
    """A frozen group of settings that refuses what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=False, allow_inf_nan=False)


class ColumnSettings(Settings):
    """How one column is read."""

    kind: KindName | Auto = Field("auto", description="What the column holds; auto infers it from the cells.")
    missing: tuple[str, ...] | Auto = Field(
        "auto", description="Cells that mean 'missing' besides empty ones; auto recognizes the usual markers."
    )
    decimal: Literal[".", ",", "auto"] = Field("auto", description="The decimal mark of a number column.")
    date_format: str = Field("auto", description="How dates are written, in strftime's letters; auto tries the usual.")


class DataSettings(Settings):
    """Which rows and columns are learned from, and how cells become numbers."""

    columns: dict[str, ColumnSettings] = Field(
        default_factory=dict, description="How single columns are read, by name; columns not named are inferred."
    )
    drop: Names = Field((), description="Columns left out.")
    weight: str | None = Field(None, description="Column of row weights, at least 0; not a feature.")
    group: str | None = Field(None, description="Column whose equal values stay on one side of the split.")
    time: str | None = Field(None, description="Column that orders the rows; the latest become the test rows.")
    test: str | None = Field(None, description="File of test rows, used only to measure.")
    split: SplitName | Auto = Field("auto", description="How rows are divided into training, validation and test.")
    validation_share: Share = Field(0.15, description="Share of the rows that decides when to stop.")
    test_share: Share = Field(0.15, description="Share of the rows used only to measure.")
    folds: Annotated[int, Field(ge=0)] = Field(0, description="Cross-validate with so many folds; 0 does not.")
    streaming: Streaming = Field(
        "auto", description="Read the rows from disk anew in each epoch; auto does where memory would not hold them."
    )
    shuffle_buffer: Count | Auto = Field(
        "auto", description="Rows that are put in random order together where the table streams."
    )
    numbers: NumberScaling | Auto = Field("auto", description="How number columns are scaled.")
    missing_indicators: bool = Field(True, description="Add a 0/1 feature for each number or date with missing cells.")
    one_hot_limit: Annotated[int, Field(ge=0)] | Auto = Field(
        "auto", description="Categories with at most so many values become 0/1 features, larger ones embeddings."
    )
    rare_count: Count | Auto = Field(
        "auto", description="Category values seen in fewer training rows are treated as one 'rare' value."
    )
    target_scaling: TargetScaling | Auto = Field("auto", description="How regression targets are scaled for training.")
    series: dict[str, Names] = Field(
        default_factory=dict,
        description="Columns that are the steps of a series: t of t0, t1, ...; several such are its channels.",
    )
    series_id: str | None = Field(
        None, description="Column of a long table whose equal values are one series, each row being a step."
    )
    series_time: str | None = Field(None, description="Column that orders the steps of a long table's series.")
    series_spacing: NonNegative | Auto = Field(
        "auto", description="Time between the steps of a long table, so that gaps show; 0: steps as they come."
    )
    text: TextForm | Auto = Field(
        "auto", description="What a text becomes: its terms with their weights, its words, or an encoder's pieces."
    )
    text_encoder: str | None = Field(
        None, description="Folder of a pretrained encoder, as Hugging Face's libraries save it, that reads the texts."
    )
    letter_runs: bool = Field(
        True, description="Terms include runs of three to five letters of words, by which rare words are told."
    )
    text_length: Count | Auto = Field("auto", description="The most terms, words or pieces that are kept of a text.")
    vocabulary_size: Annotated[int, Field(ge=1, le=2**24 - 1)] | Auto = Field(
        "auto", description="The most different terms or words of a text column that are told apart."
    )
    image_size: Count | Auto = Field("auto", description="The longest side of a picture; larger ones are scaled down.")
    broken_images: BrokenFiles = Field(
        "refuse", description="What to do with rows whose picture cannot be read: refuse the data, or skip them."
    )
    audio_rate: Annotated[int, Field(ge=1_000, le=192_000)] | Auto = Field(
        "auto", description="The most samples per second of a sound; those with more are brought down to so many."
    )
    audio_seconds: Positive | Auto = Field("auto", description="So many seconds are kept of a sound, at most.")
    broken_sounds: BrokenFiles = Field(
        "refuse", description="What to do with rows whose sound cannot be read: refuse the data, or skip them."
    )


class ImageNetwork(Settings):
    """How images are read, before they join the other columns."""

    widths: tuple[Count, ...] | Auto = Field(
        "auto", description="Channels of the stages of the image network; each stage after the first halves the sides."
    )
    blocks: Count = Field(1, description="Residual blocks of each stage of the image network.")


class AudioNetwork(Settings):
    """How sounds are heard, before they join the other columns."""

    family: AudioFamily | Auto = Field("auto", description="The kind of network that hears sounds.")
    bands: Annotated[int, Field(ge=2, le=512)] | Auto = Field(
        "auto", description="Bands of pitch that a sound's spectrum is summed up in, evenly spaced on the mel scale."
    )
    widths: tuple[Count, ...] | Auto = Field(
        "auto", description="Channels of its convolutional stages, or units of its recurrent layers, first to last."
    )
    bidirectional: bool = Field(False, description="Recurrent layers hear sounds backwards too.")


class SeriesNetwork(Settings):
    """How series are read, before they join the other columns."""

    family: SeriesFamily | Auto = Field("auto", description="The kind of network that reads series.")
    widths: tuple[Count, ...] | Auto = Field(
        "auto", description="Channels of its convolutional layers, or units of its recurrent ones, first to last."
    )
    bidirectional: bool = Field(False, description="Recurrent layers read series backwards too.")


class TextNetwork(Settings):
    """How text is read, before it joins the other columns."""

    family: TextFamily | Auto = Field("auto", description="The kind of network that reads the words of a text.")
    width: Count | Auto = Field("auto", description="Numbers in the learned vector of each word or term.")
    widths: tuple[Count, ...] | Auto = Field(
        "auto", description="Filters of each width of its convolution, or units of its recurrent layers, first to last."
    )
    bidirectional: bool = Field(False, description="Recurrent layers read texts backwards too.")
    vectors: str | None = Field(None, description="File of word vectors that the words of texts begin with.")
    tuned: bool = Field(
        True, description="Training moves what was pretrained: the vectors of words, or the encoder; false keeps it."
    )


class TransformerNetwork(Settings):
    """How transformers are built that read series or texts."""

    width: Count | Auto = Field("auto", description="Numbers that a transformer has for each step or word.")
    layers: Count = Field(2, description="Layers of a transformer.")
    heads: Count = Field(4, description="Heads of its attention, among which its width is divided.")
    feedforward: Count = Field(4, description="Within a layer, each step is widened to so many times the width.")
    positions: PositionsName = Field("rotary", description="How a transformer knows where a step or word stands.")
    dropout: Share = Field(0.1, description="Share of what its layers add that is set to zero in each training step.")


class NetworkSettings(Settings):
    """The network that is built."""

    family: FamilyName | Auto = Field("auto", description="The kind of network.")
    hidden: tuple[Count, ...] | Auto = Field("auto", description="Widths of the hidden layers, first to last.")
    activation: ActivationName | Auto = Field("auto", description="The nonlinearity after each hidden layer.")
    leaky_slope: NonNegative = Field(0.01, description="Slope α of leaky_relu (and prelu's start) below zero.")
    initialization: InitializationName | Auto = Field(
        "auto", description="How weights start; auto follows from the activation."
    )
    initialization_range: Positive = Field(0.05, description="Bound r of the uniform initialization on [-r, r].")
    initialization_scale: Positive = Field(1.0, description="Hidden weights start so many times as large.")
    normalization: NormalizationName | Auto = Field(
        "auto", description="Normalization between a layer and its activation."
    )
    normalization_groups: Count = Field(8, description="Number of groups of group normalization.")
    dropout: Share | Auto = Field("auto", description="Share of hidden units set to zero in each training step.")
    residual: bool | Auto = Field("auto", description="Add each hidden layer's input to its output where widths agree.")
    input_scale: bool | Auto = Field("auto", description="Learn a factor for each input of the first layer.")
    input_factor: Positive | Annotated[tuple[Positive, ...], Field(min_length=1)] = Field(
        1.0, description="Scaled numbers are multiplied by this first: one factor, or one for each number column."
    )
    input_shift: Finite | Annotated[tuple[Finite, ...], Field(min_length=1)] = Field(
        0.0, description="Added to the numbers after that: one for all, or one for each number column."
    )
    number_embedding: NumberEmbeddingName | Auto = Field(
        "auto", description="How each number is widened before the first layer."
    )
    number_embedding_width: Annotated[int, Field(ge=2)] | Auto = Field(
        "auto", description="Width of each embedded number; the number itself is one of the entries."
    )
    number_embedding_bins: Count = Field(32, description="Largest number of bins of the piecewise-linear embedding.")
    number_embedding_scale: Positive = Field(
        0.1, description="Standard deviation of the periodic frequencies at start."
    )
    category_embedding_width: Count | Auto = Field("auto", description="Width of each embedded category.")
    text: TextNetwork = Field(default_factory=TextNetwork, description="How text is read.")
    image: ImageNetwork = Field(default_factory=ImageNetwork, description="How images are read.")
    audio: AudioNetwork = Field(default_factory=AudioNetwork, description="How sounds are heard.")
    series: SeriesNetwork = Field(default_factory=SeriesNetwork, description="How series are read.")
    transformer: TransformerNetwork = Field(
        default_factory=TransformerNetwork, description="Transformers, where they read series or texts."
    )


class EarlyStopping(Settings):
    """When a member stops before the last epoch; its best weights are restored in any case."""

    patience: Annotated[int, Field(ge=0)] | Auto = Field(
        "auto", description="Stop after so many epochs without improvement of the validation loss; 0 never stops early."
    )
    minimum_improvement: NonNegative = Field(0.0, description="A smaller fall of the validation loss does not count.")


class TrainingSettings(Settings):
    """How the network learns."""

    loss: LossName | Auto = Field("auto", description="What training makes small.")
    focal_gamma: NonNegative = Field(2.0, description="Focusing exponent γ of the focal loss.")
    huber_delta: Positive = Field(1.0, description="Where the Huber loss turns from square to linear, in scaled units.")
    quantile: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.5, description="The quantile that the quantile loss estimates."
    )
    target_factor: Positive | Annotated[tuple[Positive, ...], Field(min_length=1)] = Field(
        1.0, description="The loss sees scaled targets multiplied by this: one factor, or one for each target."
    )
    target_shift: Finite | Annotated[tuple[Finite, ...], Field(min_length=1)] = Field(
        0.0, description="Added to the targets that the loss sees: one for all, or one for each target."
    )
    label_smoothing: Share | Auto = Field("auto", description="Share of each label spread evenly over the classes.")
    class_weights: ClassWeights | dict[str, NonNegative] = Field(
        "none", description="Weights of the classes in the loss: none, balanced, or one by one."
    )
    optimizer: OptimizerName | Auto = Field("auto", description="The rule that turns gradients into steps.")
    learning_rate: Positive | Literal["auto", "usual"] = Field(
        "usual", description="Step size η: a number, usual (what suits the optimizer), or auto (found by a range test)."
    )
    momentum: Momentum = Field(0.9, description="Momentum of sgd and muon.")
    nesterov: bool = Field(False, description="Look ahead along the momentum (sgd).")
    beta1: Momentum = Field(0.9, description="Decay of adam's running mean of gradients.")
    beta2: Momentum | Auto = Field("auto", description="Decay of adam's running mean of squared gradients.")
    rms_decay: Momentum = Field(0.99, description="Decay of rmsprop's running mean of squared gradients.")
    epsilon: Positive = Field(1e-8, description="Added to denominators of the adaptive optimizers.")
    schedule: ScheduleName | Auto = Field("auto", description="How the learning rate changes over the epochs.")
    warmup_epochs: NonNegative = Field(0.0, description="The rate rises linearly from near zero over so many epochs.")
    step_epochs: Positive = Field(10.0, description="The step schedule multiplies the rate every so many epochs.")
    step_factor: Annotated[float, Field(gt=0, le=1)] = Field(0.5, description="Factor of the step schedule.")
    decay_rate: NonNegative = Field(0.05, description="λ of the exponential schedule η0·e^(−λt), t in epochs.")
    minimum_factor: Annotated[float, Field(ge=0, le=1)] = Field(
        0.0, description="Lowest rate of cosine, cyclical and restart schedules, as a share of the learning rate."
    )
    cycle_epochs: Positive = Field(10.0, description="Length of one cycle of the cyclical and warm-restart schedules.")
    cycle_growth: Annotated[float, Field(ge=1)] = Field(1.0, description="Each warm restart's cycle is so much longer.")
    cycles: Count = Field(4, description="Number of cycles of the log_cosine schedule, each twice as long as the last.")
    plateau_patience: Annotated[int, Field(ge=0)] = Field(
        5, description="Epochs without improvement before the plateau schedule lowers the rate."
    )
    plateau_factor: Annotated[float, Field(gt=0, lt=1)] = Field(0.5, description="Factor of the plateau schedule.")
    epochs: Count | Auto = Field("auto", description="Passes over the training rows, at most.")
    maximum_steps: Count | None = Field(
        None, description="Stop after so many steps whatever the epochs; none: no limit."
    )
    batch_size: Count | Literal["auto", "full"] = Field(
        "auto", description="Rows per step; full makes it gradient descent on all rows."
    )
    accumulation: Count = Field(
        1, description="Parts of a batch whose gradients are computed one after another and added: less memory."
    )
    l1: NonNegative = Field(0.0, description="λ of the L1 penalty λ Σ |w| on weights.")
    l2: NonNegative = Field(0.0, description="λ of the L2 penalty λ Σ w² on weights.")
    weight_decay: NonNegative | Auto = Field(
        "auto", description="Decoupled decay: weights shrink by η times this a step."
    )
    max_norm: Positive | None = Field(None, description="Longest allowed weight vector into a unit; none: no limit.")
    word_dropout: Share | Auto = Field(
        "auto", description="Share of the words or terms of each text that is left out in each training step."
    )
    input_noise: NonNegative = Field(0.0, description="Standard deviation of noise added to scaled inputs in training.")
    image_shift: Annotated[float, Field(ge=0, le=0.5)] | Auto = Field(
        "auto", description="In training, pictures are moved by up to this share of their sides."
    )
    image_flip: bool | Auto = Field("auto", description="In training, half of the pictures are mirrored.")
    image_crop: Share | Auto = Field(
        "auto",
        description="In training, the sides of pictures are cropped by up to this share, and the rest fills them.",
    )
    image_rotation: Annotated[float, Field(ge=0, le=180)] | Auto = Field(
        "auto", description="In training, pictures are turned by up to so many degrees."
    )
    image_color: Annotated[float, Field(ge=0, le=1)] | Auto = Field(
        "auto", description="In training, light, contrast and saturation of pictures change by up to this share."
    )
    image_erase: Share | Auto = Field(
        "auto", description="In training, a rectangle of up to this share of each picture is erased."
    )
    image_mixup: NonNegative | Auto = Field(
        "auto",
        description="In training, two pictures and their answers are blended, by shares from Beta(α, α); 0: never.",
    )
    image_cutmix: NonNegative | Auto = Field(
        "auto",
        description="In training, a rectangle of a picture is another's, its area's share from Beta(α, α); 0: never.",
    )
    image_precision: Precision | Auto = Field(
        "auto",
        description="Numbers in which convolutions over images and sounds compute in training; weights stay float32.",
    )
    audio_time_mask: Share | Auto = Field(
        "auto", description="In training, two stretches of each sound, of up to this share of it, are masked."
    )
    audio_band_mask: Share | Auto = Field(
        "auto", description="In training, two ranges of each sound's bands, of up to this share of them, are masked."
    )
    encoder_rate: Positive | Auto = Field(
        "auto", description="A pretrained encoder's last layer learns at so many times the learning rate."
    )
    encoder_layer_rate: Annotated[float, Field(gt=0, le=1)] | Auto = Field(
        "auto", description="Each of its layers learns at so many times the rate of the layer that follows it."
    )
    encoder_unfreezing: Annotated[int, Field(ge=0)] = Field(
        0, description="Its layers begin to learn one by one, the last first, so many epochs apart; 0: all at once."
    )
    encoder_precision: Precision | Auto = Field(
        "auto", description="Numbers in which it computes in training; weights stay float32."
    )
    redraw_fraction: Share = Field(
        0.0, description="Share of the weights drawn anew from the initialization in each step."
    )
    redraw_epochs: NonNegative = Field(1.0, description="Weights are redrawn during the first so many epochs.")
    clip_norm: Positive | None = Field(None, description="Scale gradients down to at most this norm; none: no limit.")
    clip_value: Positive | None = Field(None, description="Cut gradient entries to at most this size; none: no limit.")
    early_stopping: EarlyStopping = Field(default_factory=EarlyStopping, description="When to stop early.")
    compile: Literal["auto", "always", "never"] = Field(
        "auto", description="Compile the training step to machine code first; auto weighs the cost against the gain."
    )
    execution: Literal["auto", "eager", "mapped", "compiled"] = Field(
        "auto", description="Plain back-propagation, members mapped as one program, or a step compiled beforehand."
    )
    members_at_once: Count | Auto = Field(
        "auto", description="Members of a mapped step computed together; auto measures how many fit the memory."
    )
    threads: Annotated[int, Field(ge=1, le=1024)] | Auto = Field(
        "auto", description="CPU threads of one training step."
    )
    signals_every: Annotated[int, Field(ge=0)] = Field(
        10, description="Record signals per layer every so many steps; 0: never."
    )
    checkpoint_seconds: NonNegative = Field(10.0, description="Least time between two checkpoints; 0 writes none.")


class DecisionSettings(Settings):
    """What stands between the network's outputs and what is acted on; fitted on the validation rows."""

    threshold: Annotated[float, Field(ge=0, le=1)] | ThresholdName | Auto = Field(
        "auto", description="From which probability on a binary answer is positive: a rule, or a number."
    )
    at_least: Annotated[float, Field(gt=0, le=1)] | None = Field(
        None, description="The precision or recall that the threshold must reach, with the rule of that name."
    )
    false_positive_cost: Positive | None = Field(
        None, description="What a false alarm costs, in any unit; with the other cost it decides the figure to look at."
    )
    false_negative_cost: Positive | None = Field(None, description="What a missed positive costs, in the same unit.")
    calibration: CalibrationName | Auto = Field("auto", description="How probabilities are made honest.")
    coverage: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.9, description="Share of rows whose true value the prediction intervals of a regression should hold."
    )


class SeedSettings(Settings):
    """Whether members share their randomness: a number is the seed of all, none gives each its own from `seed`."""

    weights: Seed | None = Field(None, description="Seed of the first weights; none: each member its own.")
    order: Seed | None = Field(None, description="Seed of the order of the rows; none: each member its own.")
    noise: Seed | None = Field(None, description="Seed of dropout and input noise; none: each member its own.")


class Range(Settings):
    """The values of one setting that a search tries: numbers from low to high, or words and lists one by one."""

    low: float | None = Field(None, description="The lowest number.")
    high: float | None = Field(None, description="The highest number.")
    scale: Literal["linear", "log"] = Field("linear", description="Spread evenly, or evenly by ratio.")
    among: tuple[bool | int | float | str | tuple[int, ...], ...] = Field((), description="Values tried one by one.")


class TuneSettings(Settings):
    """What a search for better settings tries."""

    trials: Annotated[int, Field(ge=2, le=10_000)] = Field(
        24, description="So many settings are tried; the first are those of the recipe itself."
    )
    ranges: dict[str, Range] = Field(
        default_factory=dict, description="What is tried, by the name of the setting; none: the usual for this data."
    )


class Recipe(Settings):
    """What a run is asked to do."""

    version: Literal[1] = Field(RECIPE_VERSION, description="Version of this format.")
    task: TaskName | Auto = Field("auto", description="What is predicted: a class, several labels, or a number.")
    target: Names = Field((), description="The column or columns to predict.")
    goal: Goal = Field("auto", description="What the predictions are for; decides the primary figure.")
    seed: Seed = Field(0, description="Seed of everything random.")
    members: MemberCount | Annotated[tuple[dict[str, Any], ...], Field(min_length=1, max_length=MOST_MEMBERS)] = Field(
        1, description="Networks trained at once, which predict with their mean: how many, or what each has of its own."
    )
    device: str = Field("auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="Where to train: auto, cpu or cuda.")
    seeds: SeedSettings = Field(default_factory=SeedSettings, description="Where members' randomness comes from.")
    data: DataSettings = Field(default_factory=DataSettings, description="Rows and columns.")
    network: NetworkSettings = Field(default_factory=NetworkSettings, description="The network.")
    training: TrainingSettings = Field(default_factory=TrainingSettings, description="How it learns.")
    decision: DecisionSettings = Field(default_factory=DecisionSettings, description="From outputs to decisions.")
    tune: TuneSettings = Field(default_factory=TuneSettings, description="The search for better settings.")

    @field_validator("members")
    @classmethod
    def _members_fit(cls, members: int | tuple[dict[str, Any], ...]) -> int | tuple[dict[str, Any], ...]:
        return members if isinstance(members, int) else checked(members, cls)

    @model_validator(mode="after")
    def _settings_agree(self) -> Self:
        for problem in contradictions(self):
            raise ValueError(problem)
        return self

    @property
    def member_count(self) -> int:
        """How many networks are trained."""
        return self.members if isinstance(self.members, int) else len(self.members)

    @property
    def varied(self) -> frozenset[str]:
        """The settings that some member has of its own."""
        return frozenset(path for own in self.differences for path in own)

    @property
    def differences(self) -> tuple[Own, ...]:
        """What each member has of its own, by dotted name; empty where all have the same settings."""
        return () if isinstance(self.members, int) else self.members


RECURRENT = frozenset({"rnn", "lstm", "gru"})
PIECES = frozenset({"pieces"})

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
    "decision.threshold": ("task", frozenset({"binary"})),
    "decision.at_least": ("decision.threshold", frozenset({"precision", "recall"})),
    "decision.false_positive_cost": ("task", frozenset({"binary"})),
    "decision.false_negative_cost": ("task", frozenset({"binary"})),
    "decision.calibration": ("task", frozenset({"binary", "multiclass", "multilabel"})),
    "decision.coverage": ("task", frozenset({"regression"})),
    "network.text.family": ("data.text", frozenset({"words", "pieces"})),
    "data.text_encoder": ("data.text", PIECES),
    "data.vocabulary_size": ("data.text", frozenset({"terms", "words"})),
    "training.word_dropout": ("data.text", frozenset({"terms", "words"})),
    "training.encoder_rate": ("data.text", PIECES),
    "training.encoder_layer_rate": ("data.text", PIECES),
    "training.encoder_unfreezing": ("data.text", PIECES),
    "training.encoder_precision": ("data.text", PIECES),
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
    "training.compile": _MACHINE,
    "training.execution": _MACHINE,
    "training.threads": _MACHINE,
    "training.signals_every": _MACHINE,
    "training.checkpoint_seconds": _MACHINE,
}


# What a setting that is chosen from the data becomes where it has no effect.
NEUTRAL: dict[str, float | str] = {
    "data.shuffle_buffer": 1,
    "decision.threshold": "half",
    "decision.calibration": "none",
    "training.beta2": 0.0,
    "training.members_at_once": 1,
    "training.label_smoothing": 0.0,
    "network.number_embedding_width": 2,
    "network.text.family": "average",
    "data.vocabulary_size": 1,
    "training.word_dropout": 0.0,
    "training.encoder_rate": 1.0,
    "training.encoder_layer_rate": 1.0,
    "training.encoder_precision": "float32",
}


def without_effect(recipe: Recipe, path: str) -> bool:
    """Tell whether other settings leave this one nothing to decide.

    >>> without_effect(Recipe(training=TrainingSettings(optimizer="sgd")), "training.beta2")
    True
    """
    if path not in APPLIES:
        return False
    other, values = APPLIES[path]
    chosen = setting(recipe, other)
    return chosen != "auto" and chosen not in values


def contradictions(recipe: Recipe) -> Iterator[str]:
    """Yield a sentence for every pair of settings that cannot both hold."""
    yield from _contradictions_of_rows(recipe)
    yield from _contradictions_of_streaming(recipe)
    yield from _contradictions_of_columns(recipe)
    yield from _contradictions_of_long_tables(recipe)
    yield from _contradictions_of_training(recipe)
    yield from _contradictions_of_decision(recipe)
    yield from _contradictions_of_ranges(recipe)
    yield from _settings_without_effect(recipe)
    for place, own in enumerate(recipe.differences, 1):
        if own:
            for problem in contradictions(
                with_values(recipe, {"members": 1, "training.execution": "auto"} | dict(own))
            ):
                yield f"members, entry {place}: {problem}"


Group = TypeVar("Group", bound=Settings)


def with_values(group: Group, values: Own) -> Group:
    """Return a group of settings with some replaced, by dotted name, by values that were checked before.

    >>> with_values(Recipe(), {"training.learning_rate": 0.1, "seed": 3}).training.learning_rate
    0.1
    """
    of_groups: dict[str, dict[str, Any]] = {}
    update: dict[str, Any] = {}
    for path, value in values.items():
        name, dot, rest = path.partition(".")
        if dot:
            of_groups.setdefault(name, {})[rest] = value
        else:
            update[name] = value
    inner = {name: with_values(getattr(group, name), of_group) for name, of_group in of_groups.items()}
    return group.model_copy(update=update | inner)


def own_recipe(recipe: Recipe, member: int) -> Recipe:
    """Return the recipe of one member: its own settings in the place of everybody's.

    >>> recipe = Recipe(members=({}, {"training.l2": 0.5}))
    >>> own_recipe(recipe, 0).training.l2, own_recipe(recipe, 1).training.l2
    (0.0, 0.5)
    """
    own = recipe.differences[member] if recipe.differences else {}
    return with_values(recipe, {"members": 1} | dict(own))


def _contradictions_of_rows(recipe: Recipe) -> Iterator[str]:
    data = recipe.data
    if data.validation_share == 0:
        yield "data.validation_share is 0, but validation rows decide which weights are kept; try 0.15"
    if data.validation_share + data.test_share >= 0.9:
        yield (
            f"data.validation_share {data.validation_share:g} and data.test_share {data.test_share:g} leave less than "
            "a tenth of the rows to train on; lower one of them"
        )
    for method, needed in (("grouped", "group"), ("time", "time"), ("given", "test")):
        if data.split == method and getattr(data, needed) is None:
            yield f"data.split is {method}, which needs data.{needed}; set it, or let data.split be auto"
    for role in ("group", "time"):
        if data.split in ("random", "stratified") and getattr(data, role) is not None:
            yield f"data.split is {data.split}, which takes no notice of data.{role}; let data.split be auto"
    if data.group is not None and data.time is not None:
        yield "data.group and data.time each decide the split, and both are set; keep one"
    if data.folds == 1:
        yield "data.folds is 1, but cross-validation needs at least 2 folds (0: none)"
    if data.folds and data.test is not None:
        yield f"data.folds {data.folds} divides the rows itself, but data.test names a test file; keep one"


def _contradictions_of_streaming(recipe: Recipe) -> Iterator[str]:
    data = recipe.data
    if data.streaming != "always":
        return
    way_out = "leave it out, or read the table into memory (data.streaming: never)"
    if data.split in ("stratified", "time"):
        yield (
            f"data.split is {data.split}, but where a table streams a row's part is known without seeing the others; "
            "let data.split be auto, or read the table into memory (data.streaming: never)"
        )
    if data.time is not None:
        yield f'data.time is "{data.time}", but rows that stream are not in the order of time; {way_out}'
    if data.folds:
        yield f"data.folds is {data.folds}, but a table that streams is not divided in folds; {way_out}"
    if recipe.training.batch_size == "full":
        yield f"training.batch_size is full, but a table that streams is not held in memory; {way_out}"


def _contradictions_of_columns(recipe: Recipe) -> Iterator[str]:
    for role in ("weight", "group", "time"):
        if getattr(recipe.data, role) in recipe.target:
            yield f'data.{role} is "{getattr(recipe.data, role)}", which is the target; name another column'
    for name in recipe.target:
        if name in recipe.data.drop:
            yield f'data.drop names the target "{name}"; a target cannot be dropped'
        if recipe.target.count(name) > 1:
            yield f'the target "{name}" is named {recipe.target.count(name)} times; name it once'


def _contradictions_of_long_tables(recipe: Recipe) -> Iterator[str]:
    data = recipe.data
    if data.series_id is None:
        for role in ("time", "spacing"):
            value = getattr(data, f"series_{role}")
            if value not in (None, "auto", 0):
                yield f"data.series_{role} is {value}, but without data.series_id no rows are steps of series; set it"
        return
    if data.series_id == data.series_time:
        yield f'data.series_id and data.series_time are both "{data.series_id}"; name two columns'
    if data.series_spacing not in ("auto", 0) and data.series_time is None:
        yield f"data.series_spacing is {data.series_spacing}, but without data.series_time there are no times; set it"
    for name in (data.series_id, data.series_time):
        if name in recipe.target:
            yield f'the target "{name}" tells rows of a long table apart; name another one'
    if data.streaming == "always":
        yield (
            f'data.series_id is "{data.series_id}", but rows that stream are not put together; read the table into '
            "memory (data.streaming: never)"
        )


def _contradictions_of_training(recipe: Recipe) -> Iterator[str]:
    training = recipe.training
    if training.nesterov and training.momentum == 0:
        yield "training.nesterov looks ahead along the momentum, but training.momentum is 0"
    if training.optimizer == "adam" and training.weight_decay not in ("auto", 0):
        yield (
            f"training.weight_decay is {training.weight_decay}, but adam has no decoupled decay; "
            "choose the optimizer adamw, or training.l2"
        )
    if isinstance(training.batch_size, int):
        yield from _contradictions_of_batches(training.batch_size, training.accumulation, recipe)
    if training.execution in ("eager", "mapped") and training.compile == "always":
        yield f"training.compile is always, but training.execution is {training.execution}; leave one of them auto"
    if training.execution == "compiled" and training.compile == "never":
        yield "training.execution is compiled, but training.compile is never; leave one of them auto"
    if training.image_precision == "bfloat16" and training.execution == "mapped":
        yield (
            "training.image_precision is bfloat16, in which convolutions cannot be mapped over members, but "
            "training.execution is mapped; leave one of them auto"
        )
    if training.redraw_fraction and (training.execution == "compiled" or training.compile == "always"):
        yield "training.redraw_fraction draws weights anew outside of a compiled step; let training.compile be never"
    yield from _contradictions_of_arrays(recipe)


def _contradictions_of_arrays(recipe: Recipe) -> Iterator[str]:
    training = recipe.training
    if not recipe.network.text.tuned and recipe.network.text.vectors is None and recipe.data.text_encoder is None:
        yield (
            "network.text.tuned is false, but neither network.text.vectors nor data.text_encoder is given, which would "
            "be kept; name a file or a folder"
        )
    yield from _contradictions_of_encoders(recipe)
    yield from _contradictions_of_transformers(recipe)
    for kind in ("series", "audio", "text"):
        family = getattr(recipe.network, kind).family
        if family not in RECURRENT or (training.execution in ("auto", "eager") and training.compile != "always"):
            continue
        yield (
            f"network.{kind}.family is {family}, whose kernels run one member after another and are compiled already; "
            "let training.execution and training.compile be auto"
        )


def _contradictions_of_encoders(recipe: Recipe) -> Iterator[str]:
    data, training, family = recipe.data, recipe.training, recipe.network.text.family
    if data.text_encoder is None:
        if family == "pretrained" or data.text == "pieces":
            path = "network.text.family is pretrained" if family == "pretrained" else "data.text is pieces"
            yield f"{path}, which needs an encoder; name its folder in data.text_encoder"
        return
    if family not in ("auto", "pretrained"):
        yield (
            f"data.text_encoder reads the texts, but network.text.family is {family}, which would read them instead; "
            "leave one of them out"
        )
    if recipe.network.text.vectors is not None:
        yield "data.text_encoder and network.text.vectors each say what reads the texts, and both are set; keep one"
    if training.execution not in ("auto", "eager") or training.compile == "always":
        yield (
            "data.text_encoder takes texts of all lengths without padding, which can be neither mapped nor compiled; "
            "let training.execution and training.compile be auto"
        )
    if training.optimizer == "muon":
        yield (
            "training.optimizer is muon, which orthogonalizes matrices that start at random, but data.text_encoder "
            "brings trained ones; try adamw"
        )


def _contradictions_of_transformers(recipe: Recipe) -> Iterator[str]:
    own = recipe.network.transformer
    if own.width == "auto":
        return
    if own.width % own.heads:
        yield (
            f"network.transformer.heads is {own.heads}, but must divide network.transformer.width, which is "
            f"{own.width}; try {own.heads * max(1, round(own.width / own.heads))}"
        )
    elif own.positions == "rotary" and own.width // own.heads % 2:
        yield (
            "network.transformer.positions is rotary, which turns pairs of numbers, but each of "
            f"{own.heads} heads has {own.width // own.heads} of network.transformer.width {own.width}; try "
            f"{own.width + own.heads}"
        )
    elif own.positions == "sinusoidal" and own.width % 2:
        yield (
            "network.transformer.positions is sinusoidal, a sine and a cosine of each wave, but "
            f"network.transformer.width is {own.width}; try {own.width + own.heads}"
        )


def _contradictions_of_batches(rows: int, parts: int, recipe: Recipe) -> Iterator[str]:
    normalized = recipe.network.normalization == "batch"
    if normalized and rows == 1:
        yield "network.normalization is batch, which needs more than the 1 row of training.batch_size; try layer"
    elif rows < parts:
        yield f"training.accumulation divides a batch into {parts} parts, but training.batch_size is {rows}; lower it"
    elif normalized and rows < 2 * parts:
        yield (
            f"network.normalization is batch, which needs more than 1 row, but training.accumulation {parts} leaves no "
            f"more in some of the parts of training.batch_size {rows}; try layer"
        )


def _contradictions_of_decision(recipe: Recipe) -> Iterator[str]:
    decision = recipe.decision
    costs = {name: getattr(decision, name) for name in ("false_positive_cost", "false_negative_cost")}
    given = [name for name, cost in costs.items() if cost is not None]
    if len(given) == 1:
        (missing,) = costs.keys() - given
        yield f"decision.{given[0]} is {costs[given[0]]:g}, but decision.{missing} is not set; set both"
    if decision.threshold == "cost" and not given:
        yield (
            "decision.threshold is cost, which needs decision.false_positive_cost and decision.false_negative_cost; "
            "set both"
        )
    if decision.threshold in ("precision", "recall") and decision.at_least is None:
        yield f"decision.threshold is {decision.threshold}, which needs decision.at_least; set it, such as 0.9"
    if decision.calibration == "isotonic" and recipe.task not in ("auto", "binary"):
        yield (
            f"decision.calibration is isotonic, which follows one probability, but task is {recipe.task}; "
            "try logistic or temperature"
        )


def _contradictions_of_ranges(recipe: Recipe) -> Iterator[str]:
    if not recipe.tune.ranges:
        return  # a recipe is checked often, and going through all settings takes its time
    known = [path for path, _, _ in described()]
    for path, tried in recipe.tune.ranges.items():
        for problem in _senseless(tried):
            yield f"tune.ranges.{path} {problem}"
        if path not in known:
            yield f'tune.ranges names "{path}", but no setting is called so{nearest(path, known)}'
        elif path in NOT_TUNED or not path.startswith(("network.", "training.")):
            why = NOT_TUNED.get(path, "it decides what is learned from or asked for, not how well it is learned")
            yield f"tune.ranges names {path}, which cannot be searched: {why}; leave it out"


def _senseless(tried: Range) -> Iterator[str]:
    ends, told = [end for end in (tried.low, tried.high) if end is not None], _range_text(tried) or "nothing"
    if tried.among and (ends or tried.scale == "log"):
        yield f"must have low and high, or a list in among, but has both ({told}); leave one out"
    if tried.among and len(set(tried.among)) < max(2, len(tried.among)):
        yield f"must list at least two values in among, each once, but lists {list(tried.among)}"
    if not tried.among and len(ends) < 2:
        yield f"must have low and high, or a list in among, but has {told}"
    if len(ends) == 2 and not ends[0] < ends[1]:
        yield f"must have a low below its high, but has {told}"
    if tried.scale == "log" and ends and min(ends) <= 0:
        yield f"must have numbers above 0 for the scale log, but has {told}; try scale linear"


def _range_text(tried: Range) -> str:
    return ", ".join(f"{name} {value}" for name, value in tried.model_dump(exclude_defaults=True).items())


def _settings_without_effect(recipe: Recipe) -> Iterator[str]:
    for path, (other, values) in APPLIES.items():
        value = setting(recipe, path)
        if without_effect(recipe, path) and value not in (default_of(path), NEUTRAL.get(path)):
            yield (
                f"{path} is {value}, but it has no effect while {other} is {setting(recipe, other)} "
                f"(only with {', '.join(sorted(values))}); leave it out or change {other}"
            )


def setting(recipe: Recipe, path: str) -> Any:
    """Return one setting by its dotted path.

    >>> setting(Recipe(), "training.early_stopping.minimum_improvement")
    0.0
    """
    value: Any = recipe
    for part in path.split("."):
        value = getattr(value, part)
    return value


@cache
def default_of(path: str) -> Any:
    """Return the default of one setting by its dotted path.

    >>> default_of("network.leaky_slope")
    0.01
    """
    *groups, name = path.split(".")
    model: type[BaseModel] = Recipe
    for group in groups:
        model = _group_model(model, group)
    return model.model_fields[name].get_default(call_default_factory=True)


def described() -> Iterator[tuple[str, str, Any]]:
    """Yield every setting as (dotted path, its sentence, its default), in the order of the recipe.

    >>> next(described())
    ('version', 'Version of this format.', 1)
    """
    yield from _described(Recipe, "")


def choices_of(path: str) -> tuple[str, ...]:
    """Return the words a setting accepts, empty for settings that take numbers or names only.

    >>> choices_of("data.target_scaling")
    ('standard', 'none', 'auto')
    """
    *groups, name = path.split(".")
    model: type[BaseModel] = Recipe
    for group in groups:
        model = _group_model(model, group)
    return tuple(words(model.model_fields[name].annotation))


def _group_model(model: type[BaseModel], group: str) -> type[BaseModel]:
    annotation = model.model_fields[group].annotation
    assert isinstance(annotation, type), group
    assert issubclass(annotation, BaseModel), group
    return annotation


def _described(model: type[BaseModel], prefix: str) -> Iterator[tuple[str, str, Any]]:
    for name, field in model.model_fields.items():
        annotation = field.annotation
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield from _described(annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field.description or "", field.get_default(call_default_factory=True)
