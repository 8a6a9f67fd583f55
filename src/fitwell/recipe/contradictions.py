"""Settings that cannot both hold, each pair with the sentence that says so."""

from __future__ import annotations

from collections.abc import Iterator

from fitwell.errors import nearest
from fitwell.recipe.applying import APPLIES, NEUTRAL, NOT_TUNED, picture_changes_in, without_effect
from fitwell.recipe.choices import BYTES, RECURRENT
from fitwell.recipe.paths import default_in, fields_of, setting, with_values
from fitwell.recipe.settings import Asked, Range

MUON = (
    "training.optimizer is muon, which orthogonalizes matrices that start at random, but {} brings trained ones; try "
    "adamw"
)


def contradictions(recipe: Asked) -> Iterator[str]:
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


def _contradictions_of_rows(recipe: Asked) -> Iterator[str]:
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


def _contradictions_of_streaming(recipe: Asked) -> Iterator[str]:
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


def _contradictions_of_columns(recipe: Asked) -> Iterator[str]:
    for role in ("weight", "group", "time"):
        if getattr(recipe.data, role) in recipe.target:
            yield f'data.{role} is "{getattr(recipe.data, role)}", which is the target; name another column'
    for name in recipe.target:
        if name in recipe.data.drop:
            yield f'data.drop names the target "{name}"; a target cannot be dropped'
        if recipe.target.count(name) > 1:
            yield f'the target "{name}" is named {recipe.target.count(name)} times; name it once'


def _contradictions_of_long_tables(recipe: Asked) -> Iterator[str]:
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


def _contradictions_of_training(recipe: Asked) -> Iterator[str]:
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


def _contradictions_of_arrays(recipe: Asked) -> Iterator[str]:
    training = recipe.training
    text = recipe.network.text
    if text.tuned is False and text.vectors is None and recipe.data.text_encoder is None:
        yield (
            "network.text.tuned is false, but neither network.text.vectors nor data.text_encoder is given, which would "
            "be kept; name a file or a folder"
        )
    size = recipe.data.vocabulary_size
    if recipe.data.text == "byte_pairs" and size != "auto" and size <= BYTES:
        yield (
            f"data.vocabulary_size is {size}, but data.text byte_pairs begins with {BYTES} bytes and joins some of "
            "them; try 8000"
        )
    yield from _contradictions_of_encoders(recipe)
    yield from _contradictions_of_picture_encoders(recipe)
    yield from _contradictions_of_transformers(recipe)
    for kind in ("series", "audio", "text"):
        family = getattr(recipe.network, kind).family
        if family not in RECURRENT or (training.execution in ("auto", "eager") and training.compile != "always"):
            continue
        yield (
            f"network.{kind}.family is {family}, whose kernels run one member after another and are compiled already; "
            "let training.execution and training.compile be auto"
        )


def _contradictions_of_encoders(recipe: Asked) -> Iterator[str]:
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
        yield MUON.format("data.text_encoder")


def _contradictions_of_picture_encoders(recipe: Asked) -> Iterator[str]:
    data, training, family = recipe.data, recipe.training, recipe.network.image.family
    if data.image_encoder is None:
        if family == "pretrained":
            yield "network.image.family is pretrained, which needs an encoder; name its folder in data.image_encoder"
        return
    if family not in ("auto", "pretrained"):
        yield (
            f"data.image_encoder reads the pictures, but network.image.family is {family}, which would read them "
            "instead; leave one of them out"
        )
    if recipe.network.image.tuned is False and (changes := picture_changes_in(recipe)):
        yield (
            f"{changes[0]} changes pictures each time that they are read, but network.image.tuned is false, with which "
            "each is read once; leave one of them out"
        )
    if training.execution not in ("auto", "eager") or training.compile == "always":
        yield (
            "data.image_encoder is too large to gain by being mapped or compiled; let training.execution and "
            "training.compile be auto"
        )
    if training.optimizer == "muon":
        yield MUON.format("data.image_encoder")


def _contradictions_of_transformers(recipe: Asked) -> Iterator[str]:
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


def _contradictions_of_batches(rows: int, parts: int, recipe: Asked) -> Iterator[str]:
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


def _contradictions_of_decision(recipe: Asked) -> Iterator[str]:
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


def _contradictions_of_ranges(recipe: Asked) -> Iterator[str]:
    if not recipe.tune.ranges:
        return  # a recipe is checked often, and going through all settings takes its time
    known = [path for path, _ in fields_of(type(recipe))]
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


def _settings_without_effect(recipe: Asked) -> Iterator[str]:
    for path, (other, values) in APPLIES.items():
        value = setting(recipe, path)
        if value not in (default_in(type(recipe), path), NEUTRAL.get(path)) and without_effect(recipe, path):
            yield (
                f"{path} is {value}, but it has no effect while {other} is {setting(recipe, other)} "
                f"(only with {', '.join(sorted(values))}); leave it out or change {other}"
            )
