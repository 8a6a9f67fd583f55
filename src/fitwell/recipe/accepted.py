"""What a type of setting accepts, in words: the one source of what a refusal says must hold.

A setting's annotation (`int` of at least 1, one of these words, a list of them) is the only place where its values are
defined; the sentences are made from it, so they cannot disagree with what is checked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo

from fitwell.errors import nearest

NAMES = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    str: "text",
    NoneType: "null (none)",
}
WORDED = {
    "device": "auto, cpu, cuda or cuda:1 (or another number)",  # what a pattern checks
    "members": "a list with a mapping for each member, or a whole number of at least 1 and at most 10,000",
}
SEE_ALL = "; `fitwell explain` lists them all"
BOUNDS = {"gt": "above", "ge": "of at least", "lt": "below", "le": "at most"}


def accepted(annotation: Any, *constraints: Any) -> str:
    """Return what an annotated type accepts.

    >>> accepted(Annotated[int, FieldInfo(ge=1)] | Literal["auto", "full"])
    'a whole number of at least 1, or auto or full'
    >>> accepted(tuple[float, ...])
    'a list, each a number'
    """
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return accepted(parts[0], *constraints, *parts[1:])
    if origin is Literal:
        return ("one of " if len(parts) > 2 else "") + _listed(parts)
    if origin is tuple:
        return f"a list, each {accepted(parts[0])}"
    if origin is dict:
        return f"a mapping, each value {accepted(parts[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        some = list(annotation.model_fields)[:3]
        return f"a group of settings ({', '.join(some)}, ...)"
    if parts:
        plain = [part for part in parts if get_origin(part) is not Literal]
        branches = [accepted(part, *(() if part is NoneType else constraints)) for part in plain]
        told = list(words(annotation))
        return ", or ".join(branches + ([accepted(Literal[*told])] if told else []))
    return NAMES[annotation] + _bounded(constraints)


def words(annotation: Any) -> Iterator[str]:
    """Yield the words that an annotated type accepts.

    >>> list(words(int | Literal["auto", "full"]))
    ['auto', 'full']
    """
    for part in get_args(annotation):
        if isinstance(part, str):
            yield part
        else:
            yield from words(part)


def takes_whole_numbers(annotation: Any) -> bool:
    """Tell whether the numbers that an annotated type accepts are whole ones.

    >>> takes_whole_numbers(Annotated[int, FieldInfo(ge=1)] | Literal["auto"]), takes_whole_numbers(float | None)
    (True, False)
    """
    parts = get_args(annotation)
    plain = [get_args(part)[0] if get_origin(part) is Annotated else part for part in parts or (annotation,)]
    return int in plain


@dataclass(frozen=True)
class Place:
    """Where in a recipe a value stands."""

    path: str  # dotted name of the innermost setting or group on the way
    field: FieldInfo | None  # its definition; None for the whole recipe
    owner: type[BaseModel]  # the innermost group on the way


def place_of(model: type[BaseModel], location: Sequence[int | str]) -> Place:
    """Follow a location as far as it names settings; its tail may name an entry, or the branch of a union."""
    path: list[str] = []
    field, owner = None, model
    parts = iter(map(str, location))
    for part in parts:
        if part not in owner.model_fields:
            break
        path.append(part)
        field = owner.model_fields[part]
        group = _group_of(field.annotation)
        if group is None:
            break
        if get_origin(field.annotation) is dict:
            path.extend(islice(parts, 1))  # a column's name
        owner = group
    return Place(".".join(path), field, owner)


def refusal(error: ValidationError, model: type[BaseModel], *, known: Sequence[str]) -> str:
    """Return what one wrong value must be and what it is, or which unknown name was probably meant.

    `known` are the dotted names of all settings of the model. Of several errors one is told, unknown names first.
    """
    found = max(error.errors(), key=lambda each: (each["type"] == "extra_forbidden", each["type"] == "value_error"))
    location = found["loc"]
    if found["type"] == "value_error":
        return found["msg"].removeprefix("Value error, ")
    if found["type"] == "extra_forbidden":
        *groups, name = map(str, location)
        prefix = "".join(f"{group}." for group in groups)
        close = nearest(name, place_of(model, groups).owner.model_fields).replace('mean "', f'mean "{prefix}')
        return f'no setting is called "{prefix}{name}"{close or nearest(prefix + name, known) or SEE_ALL}'
    place = place_of(model, location)
    assert place.field is not None, location
    annotation = place.field.annotation
    told = WORDED.get(place.path) or accepted(annotation, *place.field.metadata)
    index = next((part for part in location if isinstance(part, int)), None)
    close = nearest(found["input"], words(annotation)) if isinstance(found["input"], str) else ""
    which = "is" if index is None else f"entry {index + 1} is"
    return f"{place.path} must be {told}, but {which} {shown(found['input'])}{close}"


def shown(value: Any) -> str:
    """Return a value as a message quotes it and a recipe writes it, cut where it is long.

    >>> shown("x"), shown([1, None]), shown((64,))
    ('"x"', '[1, None]', '[64]')
    """
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "true", False: "false"}[value]
    text = f'"{value}"' if isinstance(value, str) else str(list(value) if isinstance(value, tuple) else value)
    return text if len(text) <= 60 else text[:57] + "..."


def _group_of(annotation: Any) -> type[BaseModel] | None:
    kind = get_args(annotation)[1] if get_origin(annotation) is dict else annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def _listed(choices: tuple[Any, ...]) -> str:
    *most, last = map(str, choices)
    return f"{', '.join(most)} or {last}" if most else last


def _bounded(constraints: tuple[Any, ...]) -> str:
    limits = [
        f"{word} {getattr(rule, name):,}"
        for constraint in constraints
        for rule in (constraint.metadata if isinstance(constraint, FieldInfo) else (constraint,))
        for name, word in BOUNDS.items()
        if hasattr(rule, name)
    ]
    return " " + " and ".join(limits) if limits else ""
