"""Questions with their answers become a run: read, divided, cut into windows, trained on, judged, measured.

    read -> divide -> plan -> cut -> train -> judge -> measure

The loop is that of every network (`training/loop.py`), a window being a row of it; so checkpoints, resuming, time
limits and Ctrl-C are what they are elsewhere. `workflow.train` comes here where the task is answer.
"""

from fitwell.questions.beginning import Begun as Begun
from fitwell.questions.beginning import begin as begin
from fitwell.questions.beginning import begun_anew as begun_anew
from fitwell.questions.beginning import first_files as first_files
from fitwell.questions.beginning import plan_event as plan_event
from fitwell.questions.training import carry_out as carry_out
