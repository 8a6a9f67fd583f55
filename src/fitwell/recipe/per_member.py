"""Which settings a member of a population may have of its own.

They are numbers that a step computes with, that say where a member starts, or that the loop goes by. Whatever decides
what is computed (widths, batches, the optimizer) is the same for all members of one population, because they train as
one program. A recipe gives members settings of their own as a list with an entry for each:

    members:
      - {}                                  # as the rest of the recipe says
      - {training.learning_rate: 0.01}
      - {training.learning_rate: 0.01, training.l2: 0.001}
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import BaseModel, TypeAdapter, ValidationError

from fitwell.errors import nearest
from fitwell.recipe.accepted import accepted, place_of, shown

Own = Mapping[str, Any]  # a member's own settings, by dotted name

# By what a member's value is carried: `start` (its first weights are made with it), `network` (a buffer of its
# network), `step` (an input of the step), `loop` (the loop reads it).
Carrier = Literal["start", "network", "step", "loop"]

PER_MEMBER: dict[str, Carrier] = {
    "seeds.weights": "start",
    "seeds.order": "loop",
    "seeds.noise": "loop",
    "network.initialization_scale": "start",
    "network.initialization_range": "start",
    "network.number_embedding_scale": "start",
    "network.dropout": "network",
    "network.input_factor": "network",
    "network.input_shift": "network",
    "training.input_noise": "network",
    "training.focal_gamma": "step",
    "training.huber_delta": "step",
    "training.quantile": "step",
    "training.target_factor": "step",  # and its inverse in the network
    "training.target_shift": "step",
    "training.label_smoothing": "step",
    "training.class_weights": "step",
    "training.learning_rate": "loop",
    "training.momentum": "step",
    "training.beta1": "step",
    "training.beta2": "step",
    "training.rms_decay": "step",
    "training.epsilon": "step",
    "training.schedule": "loop",
    "training.warmup_epochs": "loop",
    "training.step_epochs": "loop",
    "training.step_factor": "loop",
    "training.decay_rate": "loop",
    "training.minimum_factor": "loop",
    "training.cycle_epochs": "loop",
    "training.cycle_growth": "loop",
    "training.cycles": "loop",
    "training.plateau_patience": "loop",
    "training.plateau_factor": "loop",
    "training.l1": "step",
    "training.l2": "step",
    "training.weight_decay": "step",
    "training.max_norm": "step",
    "training.redraw_fraction": "step",
    "training.clip_norm": "step",
    "training.clip_value": "step",
    "training.early_stopping.patience": "loop",
    "training.early_stopping.minimum_improvement": "loop",
}
OPEN = ("auto", "usual")  # words that leave a setting to Fitwell, which decides it for all members alike


def checked(members: Sequence[Mapping[str, Any]], model: type[BaseModel]) -> tuple[dict[str, Any], ...]:
    """Return the members' own settings with their values as the model has them.

    Raises:
        ValueError: a name is no setting, a setting is the same for all members, or a value does not fit.
    """
    return tuple(
        {path: _checked(path, value, place, model) for path, value in own.items()}
        for place, own in enumerate(members, 1)
    )


def _checked(path: str, value: Any, place: int, model: type[BaseModel]) -> Any:
    if path not in PER_MEMBER:
        found = place_of(model, path.split("."))
        if isinstance(value, Mapping) and any(name.startswith(f"{path}.") for name in PER_MEMBER):
            raise ValueError(
                f"members, entry {place}: settings have dotted names there, but {path} is a group; write "
                f"{path}.{next(iter(value), '...')} and its value"
            )
        if found.path == path and found.field is not None:
            raise ValueError(
                f"members, entry {place}: {path} is the same for all members, because it decides what is computed; "
                "set it for all, or train another run (`fitwell explain members` lists what may differ)"
            )
        close = nearest(path, PER_MEMBER) or "; `fitwell explain members` lists what may differ"
        raise ValueError(f'members, entry {place}: no setting of a member is called "{path}"{close}')
    field = place_of(model, path.split(".")).field
    assert field is not None, path
    try:
        found_value = _adapter(path, model).validate_python(value)
    except ValidationError:
        told = accepted(field.annotation, *field.metadata)
        raise ValueError(f"members, entry {place}: {path} must be {told}, but is {shown(value)}") from None
    if found_value in OPEN:
        raise ValueError(
            f"members, entry {place}: {path} must be a value, but is {shown(value)}; leave it out, and the member has "
            "what is decided for all"
        )
    return found_value


@cache
def _adapter(path: str, model: type[BaseModel]) -> TypeAdapter[Any]:
    field = place_of(model, path.split(".")).field
    assert field is not None, path
    annotation: Any = field.annotation
    return TypeAdapter(Annotated[annotation, *field.metadata] if field.metadata else annotation)
