"""The examination of anybody's training: suspected from signals, told apart by trainings with something changed.

subject.py       what is examined: network, data, loss, optimizer; checked at the door
losses.py        which loss it is
tracing.py       what the network computes, seen from its calls
scoring.py       what it is to do, and how well it does
deviance.py      how well it does by its loss alone
meaning.py       what a loss of its own is asked about outputs
reading.py       how outputs are read under the loss, as one value
anatomy.py       all of that about one subject
judge.py         whether what is read of outputs judges them, or the loss alone
construction.py  what is wrong whatever the data
rows.py          what is wrong with the rows
changes.py       what may be changed: the table
rewiring.py      a network with changes made
loop.py          one training
signals.py       what a training shows while it runs
measuring.py     arms measured on the same rows, and compared
baseline.py      the linear model beside them
screening.py     is it sick at all?
suspicion.py     what the signals suspect
eliminating.py   which few changes matter
explaining.py    findings from what was seen
clock.py         how long it may take
exam.py          the verdict as a value
examination.py   all of it, in order
program.py       a training written in a file
"""

from fitwell.doctor.examining.exam import Exam as Exam
from fitwell.doctor.examining.examination import examine as examine
from fitwell.doctor.examining.program import program_arguments as program_arguments

__all__ = ["Exam", "examine", "program_arguments"]
