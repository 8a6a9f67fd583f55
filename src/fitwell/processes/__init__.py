"""Several processes train one network: how they were started, and what they tell each other.

    environment -> Launch -> Processes

torchrun, Slurm, Ray and the like start the same program many times and say by the environment who is who. Each process
holds all of the state and takes its share of the rows of every batch; adding up the gradients is all that steps need to
tell each other, one call for the whole population. The first process is the one that decides, writes and speaks.

Importing this imports no torch: a process that trains alone pays for none of it.
"""

from fitwell.processes.launch import Launch as Launch
from fitwell.processes.launch import is_first as is_first
from fitwell.processes.launch import launched as launched
