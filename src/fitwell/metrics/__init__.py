"""Figures from labels and scores, each with its uncertainty; knows nothing of networks."""

from fitwell.metrics.binary import binary as binary
from fitwell.metrics.confusion import confusion_matrix as confusion_matrix
from fitwell.metrics.costs import Costs as Costs
from fitwell.metrics.costs import Cut as Cut
from fitwell.metrics.figure import Figure as Figure
from fitwell.metrics.figure import Figures as Figures
from fitwell.metrics.multiclass import multiclass as multiclass
from fitwell.metrics.multilabel import multilabel as multilabel
from fitwell.metrics.paired import Comparison as Comparison
from fitwell.metrics.paired import paired as paired
from fitwell.metrics.primary import Primary as Primary
from fitwell.metrics.primary import choose_primary as choose_primary
from fitwell.metrics.regression import regression as regression
from fitwell.metrics.table import METRICS as METRICS
from fitwell.metrics.table import Metric as Metric
from fitwell.metrics.table import Task as Task
from fitwell.metrics.thresholds import Threshold as Threshold
from fitwell.metrics.thresholds import choose_threshold as choose_threshold
