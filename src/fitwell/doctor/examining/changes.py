"""What the examiner changes about a training, one thing at a time or several at once.

An arm is a training with some changes made. Each change is a line in a table: what it is for, when it can be made, how
it is said. What a change does is in `rewiring.py` for the network and in `loop.py` for the training.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from torch import nn

from fitwell.doctor.examining.anatomy import Anatomy
from fitwell.doctor.examining.subject import Subject, steps_of
from fitwell.doctor.examining.thresholds import ENOUGH_STEPS, MUCH_DECAY, RARE_CLASS, STALE
from fitwell.doctor.examining.tracing import DISTRIBUTIONS, SQUASHING

# Not in the bundle of healthy defaults, but beside it.
REGULARIZED = "regularized"
EXCHANGED = "exchanged"
WIDER = "wider"
STAND_IN = "stand_in"
NAMED = "named"
Applies = Callable[[Subject, Anatomy], bool]


@dataclass(frozen=True, kw_only=True)
class Change:
    """One change: the symptom that it cures, and whether its lack is a fault or only untuned."""

    symptom: str
    text: str
    applies: Applies
    fault: bool = True
    setting: str | None = None  # of a recipe, where one does it


@dataclass(frozen=True, kw_only=True)
class Arm:
    """A training with changes made."""

    changes: frozenset[str] = field(default_factory=frozenset)
    adam_rate: float = 1e-3  # when "adam" is among them
    factor: float = 1.0  # of the examined optimizer's rates, when "rate" is
    longer: float = 1.0  # how many times the examined epochs, when "longer" is

    @property
    def is_another_network(self) -> bool:
        """Whether a network of our own stands in the place of the examined one."""
        return bool(self.changes & {STAND_IN, NAMED})

    def without(self, *names: str) -> Arm:
        """Return the arm with changes taken back."""
        return self.of(self.changes - set(names))

    def plus(self, *names: str) -> Arm:
        """Return the arm with more changes."""
        return self.of(self.changes | set(names))

    def of(self, names: frozenset[str] | set[str]) -> Arm:
        """Return the arm with these changes instead of its own, at the same rates."""
        return Arm(changes=frozenset(names), adam_rate=self.adam_rate, factor=self.factor, longer=self.longer)


def _always(subject: Subject, anatomy: Anatomy) -> bool:
    return True


def _numeric_inputs(subject: Subject, anatomy: Anatomy) -> bool:
    return subject.is_numeric and not anatomy.reading.endless


def _numbers_or_codes(subject: Subject, anatomy: Anatomy) -> bool:
    taken = subject.is_numeric or (subject.inputs.ndim == 2 and bool((subject.inputs >= 0).all()))
    return taken and not anatomy.reading.endless


def _numbers(subject: Subject, anatomy: Anatomy) -> bool:
    if anatomy.task.kind != "numbers" or anatomy.reading.deviance is not None:
        return False
    # Likelihoods of rates and shares are defined for those alone.
    if not anatomy.comparable:
        return False
    free = anatomy.loss.expects in ("values", "anything") or _other_loss(subject, anatomy)
    return free and subject.known.is_floating_point()


def _bent_output(subject: Subject, anatomy: Anatomy) -> bool:
    return anatomy.trace.last is not None


def _other_loss(subject: Subject, anatomy: Anatomy) -> bool:
    proper = {
        "classes": ("cross-entropy", "negative log-likelihood", "binary cross-entropy"),
        "labels": ("binary cross-entropy", "binary cross-entropy with logits"),
        "numbers": ("squared error", "absolute error", "Huber"),
    }
    names = (*proper[anatomy.task.kind], "binary cross-entropy with logits")
    mismatch = anatomy.mismatch is not None
    flawed = mismatch or anatomy.loss.negated or anatomy.broadcasts or anatomy.misled
    fitting = anatomy.task.kind != "numbers" or anatomy.comparable
    return anatomy.reading.deviance is None and fitting and (flawed or anatomy.loss.name not in names)


def _squashed(subject: Subject, anatomy: Anatomy) -> bool:
    return any(call.name in SQUASHING | DISTRIBUTIONS for call in anatomy.trace.hidden_activations)


def _unbent(subject: Subject, anatomy: Anatomy) -> bool:
    return bool(anatomy.trace.unbent)


def _frozen(subject: Subject, anatomy: Anatomy) -> bool:
    return bool(anatomy.frozen or anatomy.unowned or anatomy.unregistered)


def _severed(subject: Subject, anatomy: Anatomy) -> bool:
    return anatomy.severed


def _in_order(subject: Subject, anatomy: Anatomy) -> bool:
    return not subject.shuffle


def _odd_batches(subject: Subject, anatomy: Anatomy) -> bool:
    return subject.batch_size < 8 or subject.batch_size > max(64, subject.training_rows // 8)


def _short(subject: Subject, anatomy: Anatomy) -> bool:
    return steps_of(subject.training_rows, subject.batch_size, subject.epochs) < 10 * ENOUGH_STEPS


def _regularized(subject: Subject, anatomy: Anatomy) -> bool:
    return anatomy.drawing or anatomy.dropout >= 0.3 or anatomy.weight_decay >= MUCH_DECAY


def _plain_recurrent(subject: Subject, anatomy: Anatomy) -> bool:
    return anatomy.plain_recurrent


def _of_two(subject: Subject, anatomy: Anatomy) -> bool:
    two = anatomy.width == 1 and anatomy.task.kind == "classes" and anatomy.task.coding in ("0/1", "-1/1")
    return two and anatomy.loss.expects == "anything"


def _stale(subject: Subject, anatomy: Anatomy) -> bool:
    return anatomy.stale > STALE


def _skewed(subject: Subject, anatomy: Anatomy) -> bool:
    return bool(subject.skewed.any())


def _numbered(subject: Subject, anatomy: Anatomy) -> bool:
    return bool(subject.numbered.any())


def _mixed(subject: Subject, anatomy: Anatomy) -> bool:
    return anatomy.mixed


def _over_another_axis(subject: Subject, anatomy: Anatomy) -> bool:
    return bool(anatomy.trace.over_rows or anatomy.trace.of_one)


def _recurrent(subject: Subject, anatomy: Anatomy) -> bool:
    return any(call.kind == "recurrent" for call in anatomy.trace.calls)


def _filled_behind(subject: Subject, anatomy: Anatomy) -> bool:
    return _recurrent(subject, anatomy) and bool(subject.filled.any())


def _classes(subject: Subject, anatomy: Anatomy) -> bool:
    return anatomy.task.kind != "numbers" and max(anatomy.imbalance, anatomy.pull or 1.0) >= RARE_CLASS


# In the order in which they are taken back where nothing is suspected: the most general first.
CHANGES: dict[str, Change] = {
    "best_epoch": Change(
        symptom="overfitting",
        text="keep the weights of the best epoch on held-out rows (early stopping)",
        applies=_always,
        setting="training.early_stopping.patience",
    ),
    "clip": Change(
        symptom="exploding_gradients",
        text="clip the gradient's norm to 1",
        applies=_recurrent,
        setting="training.clip_norm",
    ),
    "lighter": Change(
        symptom="underfitting",
        text="take out what holds it back: dropout, weight decay, and what it draws in training alone",
        applies=_regularized,
        setting="network.dropout",
    ),
    "gated": Change(
        symptom="vanishing_gradients",
        text="put a gated recurrent layer (GRU) in the place of the plain one",
        applies=_plain_recurrent,
    ),
    "fronted": Change(
        symptom="vanishing_gradients",
        text="put what fills rows up in front of them, so that the last step that is read is one of their own",
        applies=_filled_behind,
    ),
    "batch": Change(
        symptom="batch_size", text="take batches of 32 rows", applies=_odd_batches, setting="training.batch_size"
    ),
    "longer": Change(
        symptom="stopped_too_early", text="train longer", applies=_short, fault=False, setting="training.epochs"
    ),
    "activations": Change(
        symptom="saturated_units",
        text="put ReLU in the place of the hidden activations",
        applies=_squashed,
        setting="network.activation",
    ),
    "initialization": Change(
        symptom="poor_initialization",
        text="draw first weights that keep the spread of what passes through each layer, and set biases to 0",
        applies=_always,
        setting="network.initialization",
    ),
    "adam": Change(
        symptom="learning_rate_too_low",
        text="take Adam",
        applies=_always,
        fault=False,
        setting="training.optimizer",
    ),
    "rate": Change(
        symptom="learning_rate_too_low",
        text="take another learning rate",
        applies=_always,
        fault=False,
        setting="training.learning_rate",
    ),
    "weights": Change(
        symptom="class_imbalance",
        text="weight the classes by the inverse of their frequency",
        applies=_classes,
        setting="training.class_weights",
    ),
    "targets": Change(
        symptom="unscaled_targets",
        text="standardize the targets, and scale predictions back",
        applies=_numbers,
        setting="training.target_factor",
    ),
    "inputs": Change(
        symptom="unscaled_inputs",
        text="standardize the inputs, each feature by its mean and spread over the training rows",
        applies=_numeric_inputs,
        setting="data.numbers.scaling",
    ),
    "ranks": Change(
        symptom="unscaled_inputs",
        text="bring features whose spread a few rows make to their ranks, as a normal distribution has them",
        applies=_skewed,
        setting="data.numbers.scaling",
    ),
    "bent": Change(
        symptom="missing_activation",
        text="put a ReLU between linear layers that follow one another",
        applies=_unbent,
        setting="network.activation",
    ),
    "loss": Change(symptom="wrong_loss", text="take the loss that the task asks for", applies=_other_loss),
    "output": Change(
        symptom="wrong_output_activation",
        text="leave the activation at the output out",
        applies=_bent_output,
    ),
    "shuffle": Change(
        symptom="unshuffled_data", text="shuffle the rows before every epoch", applies=_in_order, setting=None
    ),
    "thaw": Change(
        symptom="frozen_parameters",
        text="train all parameters: layers in nn.ModuleList, weights in nn.Parameter, requires_grad on, and all of "
        "them handed to the optimizer",
        applies=_frozen,
    ),
    "statistics": Change(
        symptom="frozen_parameters",
        text="let running means and spreads of normalization layers follow the batches (momentum 0.1)",
        applies=_stale,
    ),
    "rows_first": Change(
        symptom="not_learning",
        text="tell recurrent and attention layers that rows come first (batch_first=True)",
        applies=_mixed,
    ),
    "axis": Change(
        symptom="not_learning",
        text="let shares within the network run over the parts of a row (dim=1), not over a batch or one number",
        applies=_over_another_axis,
    ),
    "gradient": Change(
        symptom="frozen_parameters",
        text="let the gradient through: no detach, no_grad or rounding between parameters and output",
        applies=_severed,
    ),
}
BESIDE: dict[str, Change] = {
    REGULARIZED: Change(
        symptom="overfitting", text="add dropout 0.3 and weight decay", applies=_always, setting="network.dropout"
    ),
    EXCHANGED: Change(
        symptom="wrong_loss", text="let the two marks of the targets change places in the loss", applies=_of_two
    ),
    WIDER: Change(symptom="underfitting", text="make hidden layers four times as wide", applies=_always, fault=False),
    NAMED: Change(
        symptom="underfitting",
        text="give each value of whole numbers, which may be names, an input of its own (one-hot)",
        applies=_numbered,
    ),
    STAND_IN: Change(
        symptom="underfitting",
        text="take a network of two hidden layers of 128 ReLU units on the flattened inputs or the mean of words",
        applies=_numbers_or_codes,
        fault=False,
    ),
}


def bundle(subject: Subject, anatomy: Anatomy) -> frozenset[str]:
    """Return the healthy defaults that can be set on this subject."""
    left = {"rate", "weights"}
    return frozenset(name for name, each in CHANGES.items() if name not in left and each.applies(subject, anatomy))


def parameters_of(module: nn.Module) -> list[nn.Parameter]:
    """Return the parameters that may be trained, frozen ones included, in the module's order."""
    return [each for each in module.parameters() if each.is_floating_point()]
