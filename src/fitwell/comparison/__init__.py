"""Runs beside each other: on rows that none of them was trained on, is one better than another, and what differs?"""

from fitwell.comparison.contenders import CONFIDENCE as CONFIDENCE
from fitwell.comparison.contenders import Contender as Contender
from fitwell.comparison.contenders import Effort as Effort
from fitwell.comparison.contenders import RunComparison as RunComparison
from fitwell.comparison.contenders import compare as compare
from fitwell.comparison.contenders import differences as differences
