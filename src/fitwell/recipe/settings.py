"""The groups of settings: every setting has its one home, its one default and its one sentence here.

`auto` means that Fitwell chooses from the data and says why.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from fitwell.recipe.choices import (
    MOST_MEMBERS,
    RECIPE_VERSION,
    ActivationName,
    AudioFamily,
    Auto,
    BrokenFiles,
    CalibrationName,
    ClassWeights,
    Count,
    FamilyName,
    Finite,
    Goal,
    ImageFamily,
    InitializationName,
    KindName,
    LossName,
    MemberCount,
    Momentum,
    Names,
    NonNegative,
    NormalizationName,
    NumberEmbeddingName,
    NumberScaling,
    OptimizerName,
    PositionsName,
    Positive,
    Precision,
    ReadingTask,
    ScheduleName,
    Seed,
    SeriesFamily,
    Share,
    SplitName,
    Streaming,
    TargetScaling,
    TaskName,
    TextFamily,
    TextForm,
    ThresholdName,
)
from fitwell.recipe.per_member import Own


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
        "auto", description="What a text becomes: weighted terms, its words or parts of them, or an encoder's pieces."
    )
    text_encoder: str | None = Field(
        None, description="Folder of a pretrained encoder, of Hugging Face's libraries or ELMo, that reads the texts."
    )
    letter_runs: bool = Field(
        True, description="Terms include runs of three to five letters of words, by which rare words are told."
    )
    text_length: Count | Auto = Field("auto", description="The most terms, words or pieces that are kept of a text.")
    vocabulary_size: Annotated[int, Field(ge=1, le=2**24 - 1)] | Auto = Field(
        "auto", description="The most different terms, words or parts of words of a text column that are told apart."
    )
    image_size: Count | Auto = Field("auto", description="The longest side of a picture; larger ones are scaled down.")
    image_encoder: str | None = Field(
        None, description="Folder of a pretrained network, of Hugging Face's libraries, that reads the pictures."
    )
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

    family: ImageFamily | Auto = Field("auto", description="The kind of network that reads images.")
    widths: tuple[Count, ...] | Auto = Field(
        "auto", description="Channels of the stages of the image network; each stage after the first halves the sides."
    )
    blocks: Count = Field(1, description="Residual blocks of each stage of the image network.")
    tuned: bool | Auto = Field("auto", description="Training moves a pretrained network's weights; false keeps them.")


class AudioNetwork(Settings):
    """How sounds are heard, before they join the other columns."""

    family: AudioFamily | Auto = Field("auto", description="The kind of network that hears sounds.")
    bands: Annotated[int, Field(ge=2, le=512)] | Auto = Field(
        "auto", description="Bands of pitch that a sound's spectrum is summed up in, evenly spaced on the mel scale."
    )
    silence: NonNegative = Field(
        25.0,
        description="A sound begins and ends where it is at most so many decibels quieter than its loudest; 0: as is.",
    )
    leveling: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5, description="So much of each band's mean over a sound is taken out of it, beside the mean of all bands."
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
    tuned: bool | Auto = Field(
        "auto", description="Training moves what was pretrained: the vectors of words, or the encoder; false keeps it."
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
    whitened_directions: Annotated[int, Field(ge=0)] | Auto = Field(
        "auto", description="Directions in which what random kernels tell is whitened; 0 leaves it as it is."
    )
    transformer: TransformerNetwork = Field(
        default_factory=TransformerNetwork, description="Transformers, where they read series or texts."
    )


class EarlyStopping(Settings):
    """When a member stops before the last epoch, and which of its weights are kept."""

    patience: Annotated[int, Field(ge=0)] | Auto = Field(
        "auto", description="Stop after so many epochs without improvement of the validation loss; 0 never stops early."
    )
    minimum_improvement: NonNegative = Field(0.0, description="A smaller fall of the validation loss does not count.")
    restore_best: bool | Auto = Field(
        "auto", description="Keep the weights of the lowest validation loss; otherwise those of the last epoch."
    )


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
    sorted_batches: Count | Auto = Field(
        "auto", description="Texts of so many batches are sorted by length before they are put into batches; 1: not."
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


class AnswerSettings(Settings):
    """How questions are answered from texts, where the task is answer."""

    window: Annotated[int, Field(ge=64)] = Field(
        384, description="Pieces that are read at once, a question and a stretch of its text; less where fewer fit."
    )
    overlap: Annotated[int, Field(ge=0)] = Field(
        128, description="Pieces of the text that two neighboring stretches share."
    )
    longest: Count = Field(30, description="The most pieces of an answer.")
    negatives: Annotated[float, Field(ge=0, le=1)] = Field(
        0.2, description="Where all questions have answers, this share of them is asked of a wrong text too."
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


class Asked(Settings):
    """What a run is asked to do; a `Recipe` is one whose settings agree."""

    version: Literal[1] = Field(RECIPE_VERSION, description="Version of this format.")
    task: TaskName | ReadingTask | Auto = Field(
        "auto", description="What is predicted: a class, several labels, a number, or an answer in a text."
    )
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
    answers: AnswerSettings = Field(default_factory=AnswerSettings, description="How questions are answered.")
    tune: TuneSettings = Field(default_factory=TuneSettings, description="The search for better settings.")

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
