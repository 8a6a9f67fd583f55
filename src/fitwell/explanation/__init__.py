"""What a network goes by: which columns matter, how predictions change along them, and which rows it gets wrong.

And what the predictions for single rows rest on.

Everything is measured on rows that were not trained on, by asking the trained network again with changed inputs, so it
holds for any network. The work is bounded, and what the bound left out is said.
"""

from fitwell.explanation.asking import Asked as Asked
from fitwell.explanation.asking import asked_of as asked_of
from fitwell.explanation.dependence import dependence as dependence
from fitwell.explanation.explained import explained as explained
from fitwell.explanation.importance import importance as importance
from fitwell.explanation.reach import reach_of as reach_of
from fitwell.explanation.rows import telling_rows as telling_rows
from fitwell.explanation.single import Explanations as Explanations
from fitwell.explanation.single import explanations as explanations
