"""What stands between a network's outputs and what is acted on: threshold, calibrated probabilities, intervals.

All of it is fitted on the validation rows, which the network was not trained on, is part of the model and saved with it
as `decision.json`. It works on the mean prediction of the members.

    predictions -> calibrated probabilities -> threshold -> answers        (classes)
    predictions -> prediction -/+ half width                               (numbers)
"""

from fitwell.decision.calibration import Calibration as Calibration
from fitwell.decision.conformal import Interval as Interval
from fitwell.decision.conformal import coverages as coverages
from fitwell.decision.deciding import decide as decide
from fitwell.decision.judged import Judged as Judged
from fitwell.decision.judged import judged as judged
from fitwell.decision.scored import Scored as Scored
from fitwell.decision.value import UNDECIDED as UNDECIDED
from fitwell.decision.value import Decision as Decision
from fitwell.decision.value import costs_of as costs_of
from fitwell.decision.value import decision_from_json as decision_from_json
