"""Recipes in and out: YAML and plain values become a checked recipe, and a recipe becomes YAML with comments.

Whatever does not fit is refused in one sentence that names the setting, what came, and what it takes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from fitwell.errors import RecipeError, nearest
from fitwell.recipe.accepted import SEE_ALL, refusal, shown
from fitwell.recipe.choices import RECIPE_VERSION
from fitwell.recipe.recipe import Recipe, described

LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # a dozen times as fast, where PyYAML was built with it
DEEPEST = 100  # levels within each other; a recipe has four
CLASS_WEIGHTS = "training.class_weights"  # a mapping, whose entries have the names of classes


def parse(values: Mapping[str, Any], *, origin: str = "the recipe") -> Recipe:
    """Return the recipe that nested plain values describe.

    Raises:
        RecipeError: an unknown key (the nearest name is offered), a value of the wrong type, or a contradiction.
    """
    return _validated(_with_text_keys(values, origin=origin), origin=origin)


def _validated(values: Mapping[str, Any], *, origin: str) -> Recipe:
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise RecipeError(f"{_before(origin)}{refusal(error, Recipe, known=list(_known()))}") from None


@cache
def _known() -> dict[str, None]:
    """Return the names of all settings, in the order of the recipe."""
    return dict.fromkeys(name for name, _, _ in described())


def _before(origin: str) -> str:
    return f"{origin}: " if origin else ""


def from_yaml(text: str, *, origin: str = "the recipe") -> Recipe:
    """Return the recipe written in YAML; an empty text is the default recipe.

    Raises:
        RecipeError: the text is not YAML, not a mapping, or not a recipe.
    """
    try:
        node = _composed(text)
        values = _value(node)
        repeated = _repeated_key(node, set())
    except yaml.YAMLError as error:
        raise RecipeError(f"{origin} must be YAML, but is not: {_yaml_problem(error)}; correct it there") from None
    if repeated is not None:
        raise RecipeError(f'{origin} has "{repeated}" twice in one group; keep one')
    if values is None:
        values = {}
    if not isinstance(values, dict):
        raise RecipeError(f"{origin} must be a mapping of settings, but is {shown(values)}; try 'seed: 0'")
    version = values.get("version", RECIPE_VERSION)
    if isinstance(version, int) and version > RECIPE_VERSION:
        raise RecipeError(
            f"{origin} has format version {version}, but this Fitwell reads up to {RECIPE_VERSION}; upgrade fitwell"
        )
    return parse(values, origin=origin)


def _composed(text: str) -> yaml.Node | None:
    """Return a text's tree, in which no branch is deep: composing and all that follows call themselves."""
    depth = 0
    for event in yaml.parse(text, LOADER):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise yaml.YAMLError("it is nested too deeply")
    return yaml.compose(text, LOADER)


def _value(node: yaml.Node | None) -> Any:
    return None if node is None else yaml.SafeLoader("").construct_document(node)


def read(path: str | Path) -> Recipe:
    """Return the recipe in a YAML file.

    Raises:
        RecipeError: the file cannot be read or is not a recipe.
    """
    try:
        text = Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        beside = Path(path).parent
        siblings = [each.name for each in beside.iterdir()] if beside.is_dir() else []
        offered = nearest(Path(path).name, siblings) or "; `fitwell recipe` writes one"
        raise RecipeError(f"there is no recipe {path}{offered}") from None
    except UnicodeDecodeError as error:
        byte = error.object[error.start]
        raise RecipeError(
            f"the recipe {path} must be UTF-8 text, but byte {error.start + 1} is 0x{byte:02X}; save it as UTF-8"
        ) from None
    except OSError as error:
        raise RecipeError(f"the recipe {path} cannot be read: {error.strerror}; name a YAML file") from None
    return from_yaml(text, origin=f"the recipe {path}")


def to_yaml(recipe: Recipe, *, comments: Mapping[str, str] | None = None) -> str:
    """Return the recipe as YAML, each setting followed by its comment where there is one.

    Keys of `comments` are dotted paths. Column names may hold dots: their path is `data.columns.` and the whole name.

    >>> print(to_yaml(Recipe(), comments={"seed": "any number"}).splitlines()[4])
    seed: 0  # any number
    """
    values = recipe.model_dump(mode="json")
    columns = {
        name: column.model_dump(mode="json", exclude_defaults=True) for name, column in recipe.data.columns.items()
    }
    values["data"]["columns"] = columns
    values["tune"]["ranges"] = {
        path: tried.model_dump(mode="json", exclude_defaults=True) for path, tried in recipe.tune.ranges.items()
    }
    lines: list[str] = []
    _write_group(values, "", 0, comments or {}, lines)
    return "\n".join(lines) + "\n"


def changed(recipe: Recipe, changes: Mapping[str, Any], *, origin: str = "") -> Recipe:
    """Return the recipe with settings replaced, named by dotted paths.

    >>> changed(Recipe(), {"training.learning_rate": 0.01}).training.learning_rate
    0.01

    Raises:
        RecipeError: a path names no setting (the nearest is offered), or its value does not fit.
    """
    values = recipe.model_dump(mode="json")
    for path, value in changes.items():
        _assign(values, path, _with_text_keys(value, origin=origin), origin=origin)
    return _validated(values, origin=origin)


def assignments(texts: Sequence[str]) -> dict[str, Any]:
    """Return what `--set name=value` texts ask for; values are read as YAML.

    >>> assignments(["network.hidden=[64, 64]", "seed=3"])
    {'network.hidden': [64, 64], 'seed': 3}
    """
    asked: dict[str, Any] = {}
    for text in texts:
        path, equals, value = text.partition("=")
        if not equals:
            raise RecipeError(f'--set must be name=value, but is "{text}"; try --set training.learning_rate=0.01')
        try:
            asked[path.strip()] = _value(_composed(value))
        except yaml.YAMLError:
            raise RecipeError(
                f'--set {path.strip()}: the value must be YAML, but is "{value}"; try a number, a word or [64, 64]'
            ) from None
    return asked


def _assign(values: dict[str, Any], path: str, value: Any, *, origin: str) -> None:
    if path in _known():
        *groups, name = path.split(".")
        for group in groups:
            values = values[group]
        values[name] = value
        return
    column, _, name = path.removeprefix("data.columns.").rpartition(".")
    if path.startswith("data.columns.") and column:
        values["data"]["columns"].setdefault(column, {})[name] = value
        return
    if path.startswith("data.series."):
        values["data"]["series"][path.removeprefix("data.series.")] = value
        return
    if path.startswith(f"{CLASS_WEIGHTS}."):
        weights = values["training"]["class_weights"]
        weights = weights if isinstance(weights, dict) else {}
        values["training"]["class_weights"] = weights | {path.removeprefix(f"{CLASS_WEIGHTS}."): value}
        return
    raise RecipeError(
        f'{_before(origin)}no setting is called "{path}"{nearest(path, list(_known())) or _ending_alike(path)}'
    )


def _ending_alike(path: str) -> str:
    same = [name for name in _known() if name.rpartition(".")[2] == path.rpartition(".")[2]]
    return f'; did you mean "{same[0]}"?' if path and same else SEE_ALL


def _with_text_keys(values: Any, *, origin: str) -> Any:
    """Return nested values with whole numbers among the keys as text: classes are often called 0 and 1."""
    try:
        return _renamed(values, origin=origin)
    except RecursionError:
        raise RecipeError(f"{_before(origin)}values must not hold themselves, but one does; write it out") from None


def _renamed(values: Any, *, origin: str) -> Any:
    if isinstance(values, list | tuple):
        return [_renamed(value, origin=origin) for value in values]
    if not isinstance(values, Mapping):
        return values
    for key in values:
        if not isinstance(key, str | int) or isinstance(key, bool):
            raise RecipeError(
                f"{_before(origin)}names must be text, but one is {shown(key)} "
                "(YAML takes yes, no, on, off, null, dates and fractions for values); put it in quotes"
            )
    return {str(key): _renamed(value, origin=origin) for key, value in values.items()}


def _repeated_key(node: yaml.Node | None, seen: set[int]) -> str | None:
    """Return a key that a mapping in the YAML tree has twice; YAML itself would silently keep the last."""
    if not isinstance(node, yaml.CollectionNode) or id(node) in seen:
        return None
    seen.add(id(node))
    inner: list[yaml.Node] = list(node.value)
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        repeated = next((key for key in keys if keys.count(key) > 1), None)
        if repeated is not None:
            return str(repeated)
        inner = [value for _, value in node.value]
    return next(filter(None, (_repeated_key(each, seen) for each in inner)), None)


def _yaml_problem(error: yaml.YAMLError) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark is not None:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem or error.context}"
    return " ".join(str(error).split()).removesuffix('in "<unicode string>", position').strip()


def _write_group(
    values: Mapping[str, Any], prefix: str, depth: int, comments: Mapping[str, str], lines: list[str]
) -> None:
    for name, value in values.items():
        path = f"{prefix}{name}"
        indent = "  " * depth
        comment = _comment(comments[path]) if path in comments else ""
        key = _flow(str(name))
        if isinstance(value, dict) and value and path != CLASS_WEIGHTS and depth < 2:
            lines.append(f"{indent}{key}:{comment}")
            _write_group(value, f"{path}.", depth + 1, comments, lines)
        elif path == "members" and isinstance(value, list):
            lines.append(f"{indent}{key}:{comment}")
            lines.extend(f"{indent}  - {_flow(own)}" for own in value)
        else:
            lines.append(f"{indent}{key}: {_flow(value)}{comment}")


def _flow(value: Any) -> str:
    # Not numbers with a point: 0.0 and -0.0 are equal.
    return _plain(value) if value is None or isinstance(value, str | int) else _flowed(value)


@lru_cache(maxsize=4096, typed=True)
def _plain(value: str | int | None) -> str:
    return _flowed(value)


def _flowed(value: Any) -> str:
    text = _one_document(value, allow_unicode=True)
    if len(text.splitlines()) > 1:  # a name with a line end in it: written with escapes, on one line
        text = _one_document(value, allow_unicode=False, default_style='"')
    return text


def _one_document(value: Any, **style: Any) -> str:
    text: str = yaml.safe_dump(value, default_flow_style=True, width=10**9, sort_keys=False, **style)
    return text.removesuffix("\n").removesuffix("\n...").strip(" \n")  # a name may begin with other blanks


def _comment(text: str) -> str:
    return "  # " + "".join(each if each.isprintable() else " " for each in text)
