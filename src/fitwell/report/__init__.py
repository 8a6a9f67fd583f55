"""What there is to show: the contents of a run's files become pictures. Knows nothing of runs, disks or training."""
