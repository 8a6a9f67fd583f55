"""Settings by their dotted paths: read, and replaced."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, TypeGuard, TypeVar

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from fitwell.recipe.per_member import Own

Group = TypeVar("Group", bound=BaseModel)


def with_values(group: Group, values: Own) -> Group:
    """Return a group of settings with some replaced, by dotted name, by values that were checked before.

    >>> from fitwell.recipe import Recipe
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


def setting(group: BaseModel, path: str) -> Any:
    """Return one setting by its dotted path.

    >>> from fitwell.recipe import Recipe
    >>> setting(Recipe(), "training.early_stopping.minimum_improvement")
    0.0
    """
    value: Any = group
    for part in path.split("."):
        value = getattr(value, part)
    return value


def field_of(model: type[BaseModel], path: str) -> FieldInfo:
    """Return what is declared of a setting, by its dotted path in a model."""
    *groups, name = path.split(".")
    for group in groups:
        annotation = model.model_fields[group].annotation
        assert _is_group(annotation), path
        model = annotation
    return model.model_fields[name]


def fields_of(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo]]:
    """Yield every setting of a model with what is declared of it, by dotted path, in the order of the declarations."""
    for name, field in model.model_fields.items():
        if _is_group(field.annotation):
            yield from fields_of(field.annotation, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", field


@cache
def default_in(model: type[BaseModel], path: str) -> Any:
    """Return the default of a setting, by its dotted path in a model."""
    return field_of(model, path).get_default(call_default_factory=True)


def _is_group(annotation: object) -> TypeGuard[type[BaseModel]]:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)
