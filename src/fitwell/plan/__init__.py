"""Every `auto` of a recipe becomes a value, with the reason in words.

Each choice is a function and a line in a table. A setting that the user made is never touched. The values come from the
sets of `benchmarks/tables.py`; papers are named where a choice follows one.
"""

from fitwell.plan.data import DATA_CHOICES as DATA_CHOICES
from fitwell.plan.execution import uncompiled_execution as uncompiled_execution
from fitwell.plan.facts import Choice as Choice
from fitwell.plan.facts import Facts as Facts
from fitwell.plan.facts import Plan as Plan
from fitwell.plan.facts import available_cores as available_cores
from fitwell.plan.resolving import CHOICES as CHOICES
from fitwell.plan.resolving import OPEN as OPEN
from fitwell.plan.resolving import resolve as resolve
from fitwell.plan.resolving import resolve_data as resolve_data
from fitwell.plan.resolving import resolve_texts as resolve_texts
