"""What is wrong with a training: symptoms are suspected from signals, and believed when an experiment shows them.

finding.py    what was found: a value, as `findings.json` keeps it
examining/    the examination of anybody's PyTorch training by experiment
"""
