"""A suspicion becomes a finding, or is refuted, by training again with one thing changed; and what helped is applied.

The trainings that are compared are counterfactual: the run's own recipe on the run's own rows, in the same order and
with the same seeds, but for a change. `diagnosing.py` goes through it once, readable from top to bottom:

    screen -> eliminate -> confirm -> ask the data -> write what was found

Faults mask each other, so single changes are not tried first. The screen compares the recipe with a bundle of all that
Fitwell would have chosen itself; only where the bundle gains is it taken apart, down to the few changes that matter.
"""

from fitwell.curing.applying import Cured as Cured
from fitwell.curing.applying import cure as cure
from fitwell.curing.diagnosing import diagnose as diagnose
from fitwell.curing.record import Diagnosis as Diagnosis
