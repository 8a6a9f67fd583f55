"""Better settings are searched for, and have to prove themselves on rows that the search never saw."""

from fitwell.tuning.tuned import Tuned as Tuned
from fitwell.tuning.tuning import resume as resume
from fitwell.tuning.tuning import tune as tune
