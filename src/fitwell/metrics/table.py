"""Every metric there is: for which tasks, which way is better, whether it reads probabilities, and what it means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Task = Literal["binary", "multiclass", "multilabel", "regression"]


@dataclass(frozen=True)
class Metric:
    """What one name in an evaluation stands for."""

    tasks: tuple[Task, ...]
    higher_is_better: bool
    needs_probabilities: bool  # left out for scores outside [0, 1]
    definition: str


B: tuple[Task, ...] = ("binary",)
C: tuple[Task, ...] = ("multiclass",)
L: tuple[Task, ...] = ("multilabel",)
R: tuple[Task, ...] = ("regression",)
MICRO = "the same over all classes at once: counts are added before dividing"
WEIGHTED = "the mean over classes, each weighted by the rows that have it"

METRICS: dict[str, Metric] = {
    "accuracy": Metric(B + C, True, False, "share of rows predicted right, (TP+TN)/(TP+TN+FP+FN)"),
    "subset_accuracy": Metric(L, True, False, "share of rows with every label right"),
    "hamming_loss": Metric(L, False, False, "share of single labels predicted wrong"),
    "balanced_accuracy": Metric(B + C, True, False, "mean recall over the classes that occur"),
    "precision": Metric(B + C + L, True, False, "TP/(TP+FP), the share of predicted positives that are; macro mean"),
    "precision_micro": Metric(C + L, True, False, f"precision, {MICRO}"),
    "precision_weighted": Metric(C + L, True, False, f"precision, {WEIGHTED}"),
    "recall": Metric(B + C + L, True, False, "TP/(TP+FN), the share of positives found (sensitivity); macro mean"),
    "recall_micro": Metric(C + L, True, False, f"recall, {MICRO}"),
    "recall_weighted": Metric(C + L, True, False, f"recall, {WEIGHTED}"),
    "f1": Metric(B + C + L, True, False, "2·TP/(2·TP+FP+FN), the harmonic mean of precision and recall; macro mean"),
    "f1_micro": Metric(C + L, True, False, f"F1, {MICRO}"),
    "f1_weighted": Metric(C + L, True, False, f"F1, {WEIGHTED}"),
    "specificity": Metric(B + C + L, True, False, "TN/(TN+FP), the share of negatives left alone; macro mean"),
    "specificity_micro": Metric(C + L, True, False, f"specificity, {MICRO}"),
    "specificity_weighted": Metric(C + L, True, False, f"specificity, {WEIGHTED}"),
    "mcc": Metric(B + C, True, False, "Matthews correlation of labels and predictions; 0 is chance, 1 is perfect"),
    "cost": Metric(B, False, False, "mean cost of a row, (c_fp·FP + c_fn·FN) / rows; where costs are given"),
    "cohen_kappa": Metric(B + C, True, False, "agreement beyond chance, (p_o - p_e)/(1 - p_e)"),
    "roc_auc": Metric(
        B + C + L, True, False, "chance that a positive outranks a negative, ties half; macro mean of one against rest"
    ),
    "roc_auc_weighted": Metric(C + L, True, False, f"ROC-AUC of one against the rest, {WEIGHTED}"),
    "pr_auc": Metric(B + L, True, False, "average precision: Σ (recall step)·precision down the ranking; macro mean"),
    "pr_auc_weighted": Metric(L, True, False, f"average precision, {WEIGHTED}"),
    "ks": Metric(B, True, False, "largest distance between the score distributions of the two classes"),
    "lift": Metric(B, True, False, "precision within the highest-scored tenth over the base rate; ties shared"),
    "lift_by_decile": Metric(
        B, True, False, "precision within each tenth of the ranking over the base rate, ten figures"
    ),
    "log_loss": Metric(
        B + C + L, False, True, "mean of -log(probability of what happened), in nats, clipped at 2.2e-16"
    ),
    "brier": Metric(
        B + C + L, False, True, "mean squared distance of probability and outcome (0 or 1), summed over several classes"
    ),
    "calibration_error": Metric(
        B + C, False, True, "mean distance of predicted and observed rate over 15 bins of equal mass; of the top class"
    ),
    "top_3_accuracy": Metric(C, True, False, "share of rows whose class is among the three most probable"),
    "r2": Metric(R, True, False, "1 - squared error / squared error of predicting the mean"),
    "rmse": Metric(R, False, False, "root of the mean squared error, in units of the target"),
    "mae": Metric(R, False, False, "mean absolute error, in units of the target"),
    "mape": Metric(R, False, False, "mean of |error / target|, where no target is 0"),
    "median_absolute_error": Metric(R, False, False, "the absolute error that half of the rows stay below"),
}
