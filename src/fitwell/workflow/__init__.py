"""The main job: data and a recipe become a run.

    read -> type -> divide -> encode -> plan -> look for trouble -> baselines -> train -> measure

`train` goes through it once. `resume` prepares the same rows again from the run's own recipe and goes on from its
checkpoint, to the same result. Whatever happens is told as events, which the run's `events.jsonl` keeps too.
"""

from fitwell.workflow.asking import asked_recipe as asked_recipe
from fitwell.workflow.beginning import Begun as Begun
from fitwell.workflow.beginning import begin as begin
from fitwell.workflow.beginning import begun_anew as begun_anew
from fitwell.workflow.beginning import first_files as first_files
from fitwell.workflow.beginning import opened as opened
from fitwell.workflow.carrying_out import TIMED_SHARE as TIMED_SHARE
from fitwell.workflow.commenting import commented_recipe as commented_recipe
from fitwell.workflow.concluding import Left as Left
from fitwell.workflow.concluding import conclude as conclude
from fitwell.workflow.running import recording as recording
from fitwell.workflow.running import stopping_well as stopping_well
from fitwell.workflow.training import go_on as go_on
from fitwell.workflow.training import resume as resume
from fitwell.workflow.training import train as train
