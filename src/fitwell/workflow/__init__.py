"""The main job: data and a recipe become a run.

    read -> type -> divide -> encode -> plan -> look for trouble -> baselines -> train -> measure

`train` goes through it once. `resume` prepares the same rows again from the run's own recipe and goes on from its
checkpoint, to the same result. Whatever happens is told as events, which the run's `events.jsonl` keeps too.

Each name is imported when it is first used: what was asked can be refused before PyTorch is imported.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fitwell.lazy import exports

if TYPE_CHECKING:
    from fitwell.workflow.asking import asked_recipe
    from fitwell.workflow.beginning import Begun, begin, begun_anew, first_files, opened
    from fitwell.workflow.carrying_out import TIMED_SHARE
    from fitwell.workflow.commenting import commented_recipe
    from fitwell.workflow.concluding import Left, conclude
    from fitwell.workflow.running import recording, stopping_well
    from fitwell.workflow.training import go_on, resume, train

__all__ = [
    "TIMED_SHARE",
    "Begun",
    "Left",
    "asked_recipe",
    "begin",
    "begun_anew",
    "commented_recipe",
    "conclude",
    "first_files",
    "go_on",
    "opened",
    "recording",
    "resume",
    "stopping_well",
    "train",
]

# The module where a name lives.
_HOMES = {
    "TIMED_SHARE": "fitwell.workflow.carrying_out",
    "Begun": "fitwell.workflow.beginning",
    "Left": "fitwell.workflow.concluding",
    "asked_recipe": "fitwell.workflow.asking",
    "begin": "fitwell.workflow.beginning",
    "begun_anew": "fitwell.workflow.beginning",
    "commented_recipe": "fitwell.workflow.commenting",
    "conclude": "fitwell.workflow.concluding",
    "first_files": "fitwell.workflow.beginning",
    "go_on": "fitwell.workflow.training",
    "opened": "fitwell.workflow.beginning",
    "recording": "fitwell.workflow.running",
    "resume": "fitwell.workflow.training",
    "stopping_well": "fitwell.workflow.running",
    "train": "fitwell.workflow.training",
}

if not TYPE_CHECKING:  # a type checker that saw it would take any misspelled name for an export
    __getattr__, __dir__ = exports(__name__, _HOMES, offered=__all__)
