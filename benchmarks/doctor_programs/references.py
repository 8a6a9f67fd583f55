"""What simple models make of a program's rows, to compare a network with: the best of a few of scikit-learn's."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler
from sklearn.svm import SVC, SVR
from torch import Tensor, nn

from doctor_programs import scores
from doctor_programs.program import Case

BALANCED = (scores.balanced_sign, scores.balanced_top_class)


@dataclass(frozen=True, kw_only=True)
class Reference:
    """Scores on the program's own test rows."""

    best: float
    constant: float


def reference(case: Case) -> Reference:
    """Return the best score of a few models, and that of a constant."""
    x, y = case.arguments["inputs"], case.arguments["targets"]
    held, truth = case.test
    if x is y:  # an autoencoder: as many components as its neck has units, which a plain linear code needs
        reduced = PCA(16).fit(x.numpy())
        again = torch.from_numpy(reduced.inverse_transform(reduced.transform(held.numpy()))).float()
        return Reference(best=case.score(again, truth), constant=0.0)
    features, others = table(x), table(held)
    y = y.flatten(1) if y.ndim > 2 else y  # labels for each point of a picture
    balanced = case.score in BALANCED
    if y.is_floating_point() and not set(y.unique().tolist()) <= {0.0, 1.0}:
        return regressions(case, features, others)
    labels = y.long() if y.ndim == 1 else y.argmax(1) if bool((y.sum(1) == 1).all()) and y.shape[1] > 1 else y
    columns = [labels] if labels.ndim == 1 else [labels[:, column].long() for column in range(labels.shape[1])]
    weight = "balanced" if balanced else None
    models = (
        LogisticRegression(max_iter=2000, class_weight=weight),
        SVC(class_weight=weight, C=3.0),
        ExtraTreesClassifier(200, class_weight=weight, random_state=0),
        make_pipeline(PolynomialFeatures(2), LogisticRegression(max_iter=500, C=0.1, class_weight=weight)),
    )
    found = []
    for model in models:
        if isinstance(model, type(models[3])) and features.shape[1] > 40:
            continue
        said = [clone(model).fit(features, column.numpy()).predict(others) for column in columns]
        found.append(case.score(outputs_like(y, labels, said), truth))
    most = [np.full(len(held), int(column.mode().values)) for column in columns]
    return Reference(best=max(found), constant=case.score(outputs_like(y, labels, most), truth))


def outputs_like(targets: Tensor, labels: Tensor, said: list[np.ndarray]) -> Tensor:
    """Return answers as a network with such targets gives them: -1 or 1 for each class or label."""
    if labels.ndim == 1:
        classes = targets.shape[1] if targets.ndim == 2 else int(labels.max()) + 1
        return 2.0 * nn.functional.one_hot(torch.from_numpy(said[0]).long(), classes).float() - 1
    return 2.0 * torch.from_numpy(np.stack(said, 1)).float() - 1


def regressions(case: Case, features: np.ndarray, others: np.ndarray) -> Reference:
    """Return the best score of a few regressions; of likelihoods of counts, their outputs are logarithms."""
    y, truth = case.arguments["targets"].reshape(len(features), -1), case.test[1]
    logarithms = isinstance(case.arguments["loss"], nn.PoissonNLLLoss)
    mean, spread = y.mean(0), y.std(0).clamp_min(1e-6)  # a point of a picture may be the same in all
    standard = ((y - mean) / spread).numpy()
    found = []
    for model in (
        make_pipeline(PolynomialFeatures(2), Ridge(1.0)),
        SVR(C=3.0),
        ExtraTreesRegressor(200, random_state=0),
    ):
        said = np.stack([clone(model).fit(features, column).predict(others) for column in standard.T], 1)
        outputs = torch.from_numpy(said).float() * spread + mean
        found.append(case.score(outputs.clamp_min(0.05).log() if logarithms else outputs, truth))
    constant = mean.expand(len(truth), -1)
    return Reference(best=max(found), constant=case.score(constant.log() if logarithms else constant, truth))


def table(inputs: Tensor) -> np.ndarray:
    """Return inputs as standardized rows of numbers; of word numbers, how often each word occurs."""
    if not inputs.is_floating_point():
        counts: np.ndarray = torch.stack([row.bincount(minlength=200) for row in inputs]).numpy().astype(float)
        return counts
    flat = inputs.flatten(1).numpy()
    standard: np.ndarray = StandardScaler().fit_transform(flat)
    return standard
