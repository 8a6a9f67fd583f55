"""Every task there is."""

from __future__ import annotations

from fitwell.recipe import TaskName
from fitwell.tasks.binary import BINARY
from fitwell.tasks.multiclass import MULTICLASS
from fitwell.tasks.multilabel import MULTILABEL
from fitwell.tasks.regression import REGRESSION
from fitwell.tasks.task import Task

TASKS: dict[TaskName, Task] = {
    "binary": BINARY,
    "multiclass": MULTICLASS,
    "multilabel": MULTILABEL,
    "regression": REGRESSION,
}
