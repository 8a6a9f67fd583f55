"""What no change of the training can put right: it is wrong with the rows themselves."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor
from torch.nn import functional

from fitwell.doctor.examining.anatomy import Anatomy
from fitwell.doctor.examining.baseline import MOST_FEATURES, NEIGHBORS, VALUES, features_of, nearest, ridge
from fitwell.doctor.examining.losses import REFUSED, gradient_of
from fitwell.doctor.examining.measuring import Bench
from fitwell.doctor.examining.reading import is_guided
from fitwell.doctor.examining.scoring import Task, judged, labels_of, skill, standard_ranks
from fitwell.doctor.examining.subject import Subject, new_module, row_keys
from fitwell.doctor.examining.thresholds import FEW_VALUES, OFFSET_SPREADS, SPREAD_FACTOR
from fitwell.doctor.finding import Finding, remedy

ASKED = 128  # rows with missing targets, and as many without
SHIFTS = 5  # labels are tried against the rows up to so many places away
LEAKED_ROWS = 0.05  # of held-out rows that were trained on: more than chance repeats in most tables
NEAR = 0.2  # of the distance of the tenth nearest row
FEWEST_DIMENSIONS = 6  # from here hardly any row has a neighbor so near by chance
MOST_ASKED, MOST_KNOWN = 1000, 10_000  # rows
ROUNDED = 3e-6  # how far a logarithm in float32 is from that of a whole number
FEWEST_COUNTS = 3  # that differ: two numbers may be marks
LARGEST_COUNT = 1e4  # beyond, the logarithms of whole numbers lie too close together
# Correlation of a feature with the target from which it is a copy. Classes leave a gap between their copies that no
# threshold on an honest feature has; among numbers an honest feature may be as good as linear.
COPIES = {"classes": 0.99, "labels": 1.0, "numbers": 0.9999}
THE_SAME = 1 - 1e-6  # but for rounding in float32, whatever else tells as much
# From here it may be one: it leaves a twentieth of the variance at most.
NEAR_COPIES = {"classes": 0.97, "labels": 1.0, "numbers": 0.975}
NEAR_MARK = 0.9  # of a mark of two values, where there are two classes: one in twenty is another than the answer
# Where a number of rows goes from one class to the next, it makes no longer a step than most of its own.
WITHOUT_A_GAP = 3.0
FEWEST_OF_A_FILE = 100  # rows: among fewer, a measurement that divides two classes may leave no gap either
DISTINCT = 1e-3  # of a standardized feature's length that others leave of it at least, however they are added up
FEWEST_IN_A_SUM = 4  # features that vary, so that two may be left out
ONE_AFTER_ANOTHER = 0.5  # mean correlation of neighboring features
NOT_IN_A_SUM = 1e-3  # of the target's spread: what a feature adds to it at the least
TOLD_BY_OTHERS = 0.2  # skill of the features that are not in the sum
LEAKED_SKILL = 0.1  # what other features explain of a copy's original, and not of what the copy leaves


def counted(subject: Subject) -> tuple[Finding, ...]:
    """Return what counting the rows shows, before anything else is understood."""
    targets = None if _knows_missing(subject) else _non_finite(subject.targets, "targets")
    found = [_non_finite(subject.inputs, "inputs"), targets, _constant(subject) if is_guided(subject) else None]
    return tuple(each for each in found if each is not None)


def _knows_missing(subject: Subject) -> bool:
    """Tell whether the loss leaves out targets that are no numbers, as where not all are known of every row."""
    if not subject.targets.is_floating_point() or not bool(subject.targets.isnan().any()):
        return False
    lacking = subject.targets.isnan().reshape(subject.rows, -1).any(1)
    rows = torch.cat([lacking.nonzero().flatten()[:ASKED], (~lacking).nonzero().flatten()[:ASKED]])
    try:
        with torch.no_grad():
            output = new_module(subject, subject.seed).eval()(subject.inputs[rows])
        value = float(subject.loss(output, subject.targets[rows]).mean())
    except REFUSED:
        return False
    return math.isfinite(value) and gradient_of(subject.loss, output, subject.targets[rows]) is not None


def _non_finite(values: Tensor, name: str) -> Finding | None:
    if not values.is_floating_point():
        return None
    bad = ~values.isfinite().reshape(len(values), -1).all(1)
    if not bool(bad.any()):
        return None
    count = int(bad.sum())
    never = int((~values.isfinite()).all(0).sum()) if values.ndim > 1 else 0
    logarithms = bool(_mended_logarithms(values).isfinite().all())
    whole = f"; {never} of their features are so in every row, as what is divided by a spread of 0" if never else ""
    return Finding(
        symptom="non_finite_values",
        status="confirmed",
        severity="critical",
        where=name,
        since="data",
        evidence={"rows": count, "first": int(bad.nonzero()[0, 0]), **({"features": never} if never else {})},
        explanation=f"{count} of {len(values)} rows have {name} that are infinite or no number{whole}"
        f"{', as logarithms of counts that are 0' if logarithms else ''}: one such row "
        "makes the loss no number, and after its step every weight",
        remedies=(
            remedy(
                "take the logarithm of 1 + the count"
                if logarithms
                else "leave out features that are no number in any row, and divide by a spread that is never 0"
                if never
                else f"fill or drop the rows whose {name} are not finite"
            ),
        ),
    )


def _constant(subject: Subject) -> Finding | None:
    targets = subject.targets[: subject.training_rows]
    if not bool((targets == targets[0]).all()):
        return None
    return Finding(
        symptom="one_class",
        status="confirmed",
        severity="critical",
        where="targets",
        since="data",
        evidence={"rows": len(targets), "value": str(targets[0].flatten()[:3].tolist())},
        explanation=f"all {len(targets)} training rows have the same target: there is nothing to learn",
        remedies=(remedy("bring rows with other targets, and look at how the targets were made"),),
    )


def counts_whose_logarithm_is_taken(subject: Subject) -> Subject | None:
    """Return the subject with log(1 + count) for every log(count) where some counts are 0; None where it is not that.

    Features that hold no logarithm of nothing stay as they are.
    """
    if _constant(subject):
        return None  # that is what is wrong
    mended = [_mended_logarithms(each) for each in (subject.inputs, subject.targets)]
    if not all(bool(each.isfinite().all()) for each in mended if each.is_floating_point()):
        return None
    inputs, targets = mended
    return replace(subject, inputs=inputs, targets=targets)


def _mended_logarithms(values: Tensor) -> Tensor:
    """Return values (rows, ...) with log(1 + x) for log(x) in features where that is of counts, and of nothing once."""
    if not values.is_floating_point():
        return values
    flat = values.flatten(1) if values.ndim > 1 else values[:, None]
    finite, nothing = flat.isfinite(), flat == -math.inf
    counts = torch.where(finite, flat, 0.0).exp()
    whole = ((flat - counts.round().log()).abs() < ROUNDED) & (counts < LARGEST_COUNT)
    several = torch.tensor(
        [len(column[here].unique()) >= FEWEST_COUNTS for column, here in zip(flat.T, finite.T, strict=True)]
    )
    logarithms = (whole | nothing).all(0) & nothing.any(0) & several
    return torch.where(logarithms, functional.softplus(flat), flat).reshape(values.shape)


def finite_rows(subject: Subject) -> Subject | None:
    """Return the subject without rows that are no numbers; None where too little would be left to learn from."""
    finite = torch.ones(subject.rows, dtype=torch.bool)
    for values in (subject.inputs, subject.targets):
        if values.is_floating_point():
            finite &= values.isfinite().reshape(subject.rows, -1).all(1)
    own = int(finite[subject.training_rows :].sum())
    left = replace(subject, inputs=subject.inputs[finite], targets=subject.targets[finite], own_validation=own)
    lost_validation = subject.own_validation > 0 and own == 0
    return None if lost_validation or 2 * left.training_rows < subject.training_rows or _constant(left) else left


def filled_rows(subject: Subject) -> Subject | None:
    """Return the subject with inputs that are no numbers put in the middle of their feature; None where none is left.

    A feature that is no number in any row, as one that was divided by its spread of 0, says nothing: it becomes 0.
    """
    x, finite = subject.inputs, subject.inputs.isfinite()
    if bool(finite.all()) or not bool(finite.any()) or not bool(subject.targets.isfinite().all()) or _constant(subject):
        return None  # it is not the inputs alone
    known = torch.where(finite, x, torch.zeros_like(x))
    training = slice(subject.training_rows)
    middle = known[training].sum(0) / finite[training].sum(0).clamp(min=1)
    return replace(subject, inputs=torch.where(finite, x, middle))


def other_scale(subject: Subject) -> Finding | None:
    """Return that the author's validation rows are on another scale than the training rows in most of their features.

    Rows of one kind differ by a small part of their spread; what is not brought to one scale differs by several.
    """
    x = subject.inputs
    if not subject.own_validation or not subject.is_numeric or min(subject.own_validation, subject.training_rows) < 2:
        return None
    training, held_out = (
        each.float().reshape(len(each), -1) for each in (x[: subject.training_rows], x[subject.training_rows :])
    )
    spread, other = training.std(0), held_out.std(0)
    varied = spread > 0
    if not bool(varied.any()):
        return None
    apart = (held_out.mean(0) - training.mean(0)).abs() / spread > OFFSET_SPREADS
    stretched = (other > SPREAD_FACTOR * spread) | (spread > SPREAD_FACTOR * other)
    share = float((apart | stretched)[varied].float().mean())
    if share <= 0.5:
        return None
    return Finding(
        symptom="unscaled_inputs",
        status="confirmed",
        severity="critical",
        where="validation",
        since="data",
        evidence={"features": share},
        explanation=f"the validation rows are on another scale than the training rows: {100 * share:.0f} % of the "
        f"features are more than {OFFSET_SPREADS:g} spreads apart on average, or vary {SPREAD_FACTOR:g} times as much "
        "or as little, so that what was learned means nothing there",
        remedies=(remedy("prepare validation rows, and all that come later, by the training rows' mean and spread"),),
    )


def shared_rows(subject: Subject) -> Finding | None:
    """Return that the author's validation rows are among the training rows, where that is no chance."""
    if not subject.own_validation:
        return None
    keys = row_keys(subject.inputs)
    training, held_out = keys[: subject.training_rows], keys[subject.training_rows :]
    known = set(training)
    shared = sum(key in known for key in held_out) / len(held_out)
    repeated = 1 - len(known) / len(training)
    # Rows of few different values repeat by themselves; measurements do not.
    chance = 2 * repeated if _few_values(subject.inputs) else 0.0
    what = "are training rows too"
    if shared < chance + LEAKED_ROWS:
        shared, what = _nearly_shared(subject), "are training rows too, but for a little noise"
    if shared < chance + LEAKED_ROWS:
        return None
    return Finding(
        symptom="split_leakage",
        status="confirmed",
        severity="critical",
        where="validation",
        since="data",
        evidence={"shared": shared, "repeated": repeated},
        explanation=f"{100 * shared:.0f} % of the validation rows {what}: what is measured there is "
        "memory, and says nothing about new rows",
        remedies=(remedy("divide the rows before anything else, with equal rows on one side"),),
    )


def _nearly_shared(subject: Subject) -> float:
    """Return the share of validation rows with a training row far nearer than others are.

    Of rows that are spread over d dimensions, 10 · 0.2^d have one within a fifth of the distance of the tenth nearest.
    """
    features = features_of(subject.inputs)
    varied = features.std(0) > 0
    known, asked = features[: subject.training_rows, varied], features[subject.training_rows :, varied]
    if known.shape[1] < FEWEST_DIMENSIONS or len(known) < 10 * NEIGHBORS or _few_values(subject.inputs):
        return 0.0
    spread = known.std(0)
    near = torch.cdist(asked[:MOST_ASKED] / spread, known[:MOST_KNOWN] / spread).topk(NEIGHBORS, largest=False)[0]
    return float((near[:, 0] < NEAR * near[:, -1]).double().mean())


def _few_values(inputs: Tensor) -> bool:
    """Tell whether most features take but few different values."""
    flat = inputs.reshape(len(inputs), -1)[:2000, :200]
    counts = [len(torch.unique(column)) for column in flat.T]
    return sum(count <= FEW_VALUES for count in counts) > len(counts) / 2


def copied_target(subject: Subject, anatomy: Anatomy) -> Finding | None:
    """Return that one of several features is the target, or nearly, where the others together tell clearly less.

    An honest feature may be nearly as good. But a copy also knows what the others tell of the target: they explain
    something without it, and nothing of what it leaves, which causes of their own would. Of measurements only the
    nearest are suspected, of marks those that are the answer but for a few rows. In a series, one step may be all that
    tells.
    """
    features = features_of(subject.inputs)
    task = anatomy.task
    truth = labels_of(task, subject.known).double() if task.kind == "classes" else subject.known.double()
    if truth.numel() != len(truth) or features.shape[1] < 3 or subject.inputs.ndim > 3 or len(features) < 20:
        return None
    y = truth.reshape(-1)
    if not bool(y.isfinite().all()):
        return None
    straight, bent = _correlation(features, y), _correlation(standard_ranks(features), standard_ranks(y[:, None])[:, 0])
    place = int(torch.maximum(straight, bent).argmax())
    strength = float(torch.maximum(straight, bent)[place])
    is_mark = task.kind == "classes" and task.classes == 2 and len(features[:, place].unique()) == 2  # type: ignore[no-untyped-call]
    if strength < (NEAR_MARK if is_mark else NEAR_COPIES[task.kind]):
        if task.kind == "classes":
            return _grown_with_the_file(features, y, subject.known, task)
        return _made_of_several(features, y, subject.known, task) if subject.inputs.ndim == 2 else None
    exact = float(straight[place]) >= COPIES[task.kind]
    rest = torch.cat([features[:, :place], features[:, place + 1 :]], 1)
    others = _linear_skill(rest, subject.known, task)
    itself = exact and float(straight[place]) >= THE_SAME
    alone = exact and subject.inputs.ndim == 2
    if not itself and (others > 0.95 or not (alone or _screens_off(features[:, place], rest, y, others))):
        return None
    made = f"is the target itself, or made of it (correlation {strength:.5f})"
    return _leaked(place, made=made, evidence={"correlation": strength, "skill_without": others})


def _made_of_several(features: Tensor, y: Tensor, targets: Tensor, task: Task) -> Finding | None:
    """Return that numbers are exactly a weighted sum of a few features, which leaves nothing for the others to tell.

    Where these tell much of the target by themselves, it was not made of causes, but counted together, as a price of
    what it is without tax and the tax. Features that are sums of one another, as the steps of a wave, tell nothing
    about which of them it was made of.
    """
    varied = features.std(0) > 0
    if int(varied.sum()) < FEWEST_IN_A_SUM:
        return None
    x, left = features[:, varied].double(), y.double() - y.double().mean()
    x = (x - x.mean(0)) / x.std(0)
    if task.kind != "numbers" or len(x) < max(FEWEST_OF_A_FILE, 5 * x.shape[1]):
        return None
    if float(torch.linalg.svdvals(x)[-1]) < DISTINCT * math.sqrt(len(x)):
        return None
    if float((x[:, 1:] * x[:, :-1]).mean(0).mean()) > ONE_AFTER_ANOTHER:
        return None  # steps of a series, of which sums are asked for as well
    weights = torch.linalg.lstsq(x, left[:, None]).solution[:, 0]
    if float((left - x @ weights).square().sum()) > (1 - THE_SAME) * float(left.square().sum()):
        return None
    parts = varied.nonzero().flatten()[weights.abs() > NOT_IN_A_SUM * left.std()].tolist()
    if not 2 <= len(parts) <= x.shape[1] // 2:
        return None
    rest = torch.ones(features.shape[1], dtype=torch.bool)
    rest[parts] = False
    others = _linear_skill(features[:, rest], targets, task)
    if others < TOLD_BY_OTHERS:
        return None
    made = "add up to the target, each with a weight of its own, and nothing is left over"
    return _leaked(*parts, made=made, evidence={"skill_without": others})


def _leaked(*places: int, made: str, evidence: Mapping[str, float]) -> Finding:
    several = len(places) > 1
    named = f"{'features' if several else 'feature'} {' and '.join(map(str, places))}"
    return Finding(
        symptom="target_leakage",
        status="confirmed",
        severity="critical",
        where=named,
        since="data",
        evidence=evidence,
        explanation=f"{named} {made}; without {'them' if several else 'it'} a linear model reaches a skill of "
        f"{evidence['skill_without']:.2f}. What will be predicted is not known beforehand",
        remedies=(remedy(f"leave {named} out"),),
    )


def _grown_with_the_file(features: Tensor, y: Tensor, targets: Tensor, task: Task) -> Finding | None:
    """Return that a feature numbers the rows of a file that was sorted by class.

    Such a number goes from one class to the next without a gap, each class only once, and within a class tells nothing
    of the other features. An honest feature that divides classes as sharply tells as much, or leaves a gap.
    """
    if len(features) < FEWEST_OF_A_FILE:
        return None
    for place, column in enumerate(features.T):
        values, order = column.sort()
        sorted_y, steps = y[order], values.diff()
        borders = sorted_y.diff() != 0
        runs, classes = int(borders.sum()), len(torch.unique(y))
        if runs != classes - 1 or len(torch.unique(column)) < len(column) / 2:
            continue
        if float(steps[borders].max()) > WITHOUT_A_GAP * float(steps.quantile(0.9)):
            continue
        rest = torch.cat([features[:, :place], features[:, place + 1 :]], 1)
        others = _linear_skill(rest, targets, task)
        if others > 0.95 or _tells_of_others(column, rest, y):
            continue
        made = "numbers the rows of a file sorted by class: it goes through each class once, without a gap between"
        return _leaked(place, made=made, evidence={"skill_without": others})
    return None


def _tells_of_others(column: Tensor, rest: Tensor, y: Tensor) -> bool:
    """Tell whether within classes the other features explain anything of a column."""
    left = standard_ranks(column[:, None])[:, 0]
    for each in torch.unique(y):
        rows = y == each
        left[rows] -= left[rows].mean()
    task = Task(kind="numbers", coding="values", classes=1, why="")
    return _linear_skill(rest, left[:, None].float(), task) > LEAKED_SKILL


def _correlation(features: Tensor, y: Tensor) -> Tensor:
    x, y = features - features.mean(0), y - y.mean()
    likeness: Tensor = (x.T @ y).abs() / (x.norm(dim=0) * y.norm()).clamp(min=1e-12)
    return likeness


def _screens_off(copy: Tensor, rest: Tensor, y: Tensor, others: float) -> bool:
    """Tell whether other features (rows, features) explain something of y (rows,), but nothing beside the copy."""
    if others < LEAKED_SKILL:
        return False
    rank = standard_ranks(copy[:, None])
    left = y - nearest(rank, y[:, None], rank)[:, 0]  # however the copy was bent
    task = Task(kind="numbers", coding="values", classes=1, why="")
    return _linear_skill(rest, left[:, None].float(), task) < LEAKED_SKILL


def _linear_skill(features: Tensor, targets: Tensor, task: Task) -> float:
    """Return the skill of a linear model on every fourth row, having learned from the others."""
    held_out = torch.arange(len(features)) % 4 == 3
    return _skill_between(features[~held_out], targets[~held_out], features[held_out], targets[held_out], task)


def _skill_between(x: Tensor, y: Tensor, asked: Tensor, truth: Tensor, task: Task) -> float:
    if task.kind == "classes":
        labels = labels_of(task, y)
        marks = functional.one_hot(labels.reshape(len(labels)), task.classes).double()
        best = functional.one_hot(ridge(x, marks, asked).argmax(1), task.classes).float()
        if task.classes == 2:
            best = best[:, 1:]
        return skill(judged(task, VALUES, best * 2 - 1 if task.coding == "-1/1" else best, truth).contributions)
    predicted = ridge(x, y.reshape(len(y), -1).double(), asked).float()
    return skill(judged(task, VALUES, predicted.reshape(truth.shape), truth).contributions)


def neighbor_features(features: Tensor) -> Tensor:
    """Return standardized features (rows, features) with their products, so that a linear model bends a little."""
    x = (features - features.mean(0)) / features.std(0).nan_to_num(1).clamp(min=1e-12)
    few = x[:, :20]
    rows, columns = torch.triu_indices(few.shape[1], few.shape[1])
    return torch.cat([x, few[:, rows] * few[:, columns]], 1)


def without_signal(bench: Bench, allowed: float) -> tuple[Finding, ...]:
    """Return what explains that nothing predicts the targets: labels beside their rows, or labels without a cause."""
    subject, task = bench.subject, bench.anatomy.task
    features = features_of(subject.inputs)
    single = subject.known[0].numel() == 1 or (task.kind == "classes" and subject.known.ndim <= 2)
    single = single and bool(subject.known.isfinite().all())
    if features.shape[1] <= MOST_FEATURES and single and subject.training_rows >= 40:
        features = neighbor_features(features[: subject.training_rows])
        targets = subject.known[: subject.training_rows]
        here = _linear_skill(features, targets, task)
        shifted = {
            shift: _linear_skill(features, targets.roll(shift, 0), task)
            for shift in range(-SHIFTS, SHIFTS + 1)
            if shift != 0
        }
        shift = max(shifted, key=lambda each: shifted[each])
        if shifted[shift] > max(0.15, here + 0.15):
            return (_misaligned(shift, here, shifted[shift]),)
    return (_noise(allowed, subject.rows), _shuffled(allowed))


def _misaligned(shift: int, here: float, there: float) -> Finding:
    return Finding(
        symptom="misaligned_labels",
        status="confirmed",
        severity="critical",
        where="targets",
        since="data",
        evidence={"shift": shift, "skill": here, "skill_shifted": there},
        explanation=f"the targets stand {abs(shift)} row{'s' if abs(shift) > 1 else ''} beside their inputs: moved by "
        f"{shift} they are predicted with a skill of {there:.2f}, as they stand with {here:.2f}",
        remedies=(remedy(f"move the targets by {shift} row{'s' if abs(shift) > 1 else ''} against the inputs"),),
    )


def _shuffled(allowed: float) -> Finding:
    return Finding(
        symptom="misaligned_labels",
        status="suspected",
        severity="critical",
        where="targets",
        since="data",
        evidence={"allowed": allowed},
        explanation="targets that were sorted, joined or shuffled apart from their inputs look like this",
        remedies=(remedy("check a few rows by hand: does the target belong to the inputs?"),),
    )


def _noise(allowed: float, rows: int) -> Finding:
    return Finding(
        symptom="label_noise",
        status="confirmed",
        severity="critical",
        where="targets",
        since="data",
        evidence={"allowed": allowed, "rows": rows},
        explanation="nothing that was tried predicts the targets of held-out rows better than a constant does: to all "
        "that was tried, they carry no signal",
        remedies=(
            remedy("check how inputs and targets were brought together, and whether the inputs can tell at all"),
        ),
    )
