"""On what the network trains, and how its steps are computed."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

from fitwell.devices import records_graphs
from fitwell.networks.build import build_network
from fitwell.plan.facts import Choice, Facts
from fitwell.recipe import RECURRENT, Recipe
from fitwell.training.costs import WORTH, has_compiler, seconds_saved, seconds_to_compile, steps_to_record
from fitwell.training.loop import batching
from fitwell.training.strides import steps_together

# Multiply-adds of a forward pass, about a tenth of a second for a step on one core. With less, threads wait for one
# another whenever another program takes a core: eight members of a medium network then trained ten times slower.
WORK_TO_SHARE = 2e9
SORTED_BATCHES = 32  # of 64 texts: the spread of lengths within a batch is then about a thirtieth of that of all
BUFFER_BYTES = 64 * 2**20  # of the shuffle buffer: about four of them are in memory while the next one is made


def _shuffle_buffer(recipe: Recipe, facts: Facts) -> Choice:
    layout = facts.layout
    orders = 8 * recipe.member_count if recipe.member_count > 1 else 0
    of_texts = sum(4 * math.prod(array.shape) for array in layout.arrays.values())
    row = 4 * (layout.numbers + layout.flags) + 8 * len(layout.cardinalities) + of_texts + 8 + orders
    return Choice(max(1, BUFFER_BYTES // row), f"{BUFFER_BYTES // 2**20} MB of encoded rows")


def _device(_recipe: Recipe, _facts: Facts) -> Choice:
    import torch

    if torch.cuda.is_available():
        return Choice("cuda", "a GPU is there")
    return Choice("cpu", "no GPU is there")


def _compile(recipe: Recipe, facts: Facts) -> Choice:
    training = recipe.training
    if training.execution != "auto":
        asked = "always" if training.execution == "compiled" else "never"
        return Choice(asked, f"training.execution is {training.execution}")
    if training.redraw_fraction or "training.redraw_fraction" in recipe.varied:
        return Choice("never", "weights are drawn anew outside of the step")
    if records_graphs(recipe.device):
        return _recorded(recipe, facts)
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


def _recorded(recipe: Recipe, facts: Facts) -> Choice:
    """Return whether a GPU records the steps as a graph, which is what compiling means there."""
    one_by_one = _of_one_member(recipe)
    if one_by_one is not None:
        return Choice("never", one_by_one)
    if recipe.data.streaming == "always":
        return Choice("never", "rows come from a disk, and a graph takes them from the memory of the GPU")
    steps = _expected_epochs(recipe) * batching(facts.training_rows, recipe.training)[1]
    cost = steps_to_record(together=steps_together(recipe.training.signals_every))
    pays = steps > WORTH * cost
    return Choice(
        "always" if pays else "never",
        f"recording steps as a graph takes as long as about {cost} of them, and {steps:,} are expected",
    )


def _execution(recipe: Recipe, _facts: Facts) -> Choice:
    if recipe.training.compile != "always":
        return uncompiled_execution(recipe)
    if records_graphs(recipe.device):
        together = steps_together(recipe.training.signals_every)
        return Choice("compiled", f"steps are replayed as a graph, {together} at a time")
    return Choice("compiled", "the step is compiled")


def _members_at_once(recipe: Recipe, _facts: Facts) -> Choice:
    return Choice(recipe.member_count, "all, unless that is measured to be more than fits the memory")


def _sorted_batches(_recipe: Recipe, facts: Facts) -> Choice:
    in_order = [array for array in facts.texts if len(array.shape) == 1 and not array.configuration]
    if not in_order:
        return Choice(1, "no texts are read word by word")
    return Choice(SORTED_BATCHES, "texts of a batch are then about equally long, and little is filled up")


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


def uncompiled_execution(recipe: Recipe) -> Choice:
    """Return how a step is computed without a compiler."""
    if recipe.member_count == 1:
        return Choice("eager", "one member: mapping it would cost more than twice as much")
    one_by_one = _of_one_member(recipe)
    if one_by_one is not None:
        return Choice("eager", one_by_one)
    kinds = {column.kind for column in recipe.data.columns.values()}
    if "text" in kinds and recipe.device == "cpu":
        return Choice("eager", "tables of vectors are as large as the memory is fast: mapping them gains nothing")
    if kinds & {"image", "audio", "series"} and recipe.device == "cpu":
        return Choice("eager", "convolutions of one member fill a core: mapping them gains nothing")
    return Choice("mapped", f"{recipe.member_count} members as one program")


def _of_one_member(recipe: Recipe) -> str | None:
    """Return why the network computes one member after another on any device; None where it need not."""
    kinds = {column.kind for column in recipe.data.columns.values()}
    network = recipe.network
    of_steps = {"series": network.series.family, "audio": network.audio.family, "text": network.text.family}
    if "image" in kinds and network.image.family == "pretrained":
        return "a pretrained encoder of one member fills a core: mapping it gains nothing"
    if "text" in kinds and recipe.data.text == "pieces":
        return "texts without padding are of all lengths, which cannot be mapped"
    if any(of_steps[kind] in RECURRENT for kind in kinds & of_steps.keys()):
        return "the kernels of recurrent networks run one member after another"
    return None


def _expected_epochs(recipe: Recipe) -> int:
    epochs, patience = recipe.training.epochs, recipe.training.early_stopping.patience
    assert epochs != "auto"
    return epochs // 2 if patience else epochs


OF_MACHINE: dict[str, Callable[[Recipe, Facts], Choice]] = {
    "data.shuffle_buffer": _shuffle_buffer,
    "device": _device,
}

OF_EXECUTION: dict[str, Callable[[Recipe, Facts], Choice]] = {
    "training.compile": _compile,
    "training.execution": _execution,
    "training.members_at_once": _members_at_once,
    "training.sorted_batches": _sorted_batches,
    "training.threads": _threads,
}
