"""What is wrong with a training: symptoms are suspected from signals, and believed when an experiment shows them.

finding.py      what was found: a value, as `findings.json` keeps it
observation.py  one training as its signals tell it: what passive checks read
history.py      a run's history becomes observations
checks/         what signals make us suspect, one function and one table line for each
thresholds.py   where suspicion begins, each with its source or derivation
examining/      the examination of anybody's PyTorch training by experiment
"""
