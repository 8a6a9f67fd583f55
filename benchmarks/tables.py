"""Accuracy on thirteen tables, defaults only: Fitwell beside the networks and trees that people would use instead.

    python benchmarks/tables.py --data DIR [--sets adult_train,...] [--models fitwell,...] [--folds 0,1,2,3,4]

DIR has one folder per set with its CSV file (see SETS); five sets come with scikit-learn. Every model gets the raw
columns of the same five folds (seed 0, stratified for classes) and chooses everything else by its own defaults; no
setting depends on the set. Results are appended to a JSONL file, one line per set, model and fold, so that a run that
was stopped goes on where it was; `--report` prints the tables from that file.

Figures: ROC-AUC for two classes, accuracy for more, R² for numbers. Ranks are over the models that did every fold.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

FOLDS = 5


@dataclass(frozen=True)
class Set:
    """One table: where it is, what is predicted, what is left out for everybody."""

    target: str
    task: str  # binary, multiclass or regression
    drop: tuple[str, ...] = ()
    from_sklearn: str | None = None


SETS = {
    "adult_train": Set("income", "binary"),
    "telco_churn": Set("Churn", "binary", ("customerID",)),
    "german_credit": Set("class", "binary"),
    "titanic": Set("Survived", "binary", ("PassengerId", "Name", "Ticket", "Cabin")),
    "breast_cancer": Set("target", "binary", from_sklearn="load_breast_cancer"),
    "satimage": Set("Class", "multiclass"),
    "wine_quality": Set("quality", "multiclass"),
    "penguins": Set("species", "multiclass"),
    "digits": Set("target", "multiclass", from_sklearn="load_digits"),
    "wine": Set("target", "multiclass", from_sklearn="load_wine"),
    "california_housing": Set("median_house_value", "regression"),
    "bike_sharing_hour": Set("cnt", "regression", ("instant",)),
    "diabetes": Set("target", "regression", from_sklearn="load_diabetes"),
}


def table_of(name: str, folder: Path) -> pd.DataFrame:
    """Return the set's rows with the columns that everybody gets."""
    described = SETS[name]
    if described.from_sklearn:
        from sklearn import datasets

        frame = getattr(datasets, described.from_sklearn)(as_frame=True).frame
    else:
        frame = pd.read_csv(folder / name / f"{name}.csv", na_values=["?", " "])
    return frame.drop(columns=list(described.drop))


def folds_of(frame: pd.DataFrame, described: Set) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return five (training, test) pairs of row numbers."""
    from sklearn.model_selection import KFold, StratifiedKFold

    if described.task == "regression":
        return list(KFold(FOLDS, shuffle=True, random_state=0).split(frame))
    return list(StratifiedKFold(FOLDS, shuffle=True, random_state=0).split(frame, frame[described.target]))


Scores = np.ndarray  # probabilities (rows, classes), or values (rows,)
Model = Callable[[pd.DataFrame, pd.DataFrame, Set, int], Scores]  # training rows, test rows without target, set, seed


def fitwell(members: int) -> Model:
    """Return Fitwell's defaults with so many members."""

    def fit(training: pd.DataFrame, test: pd.DataFrame, described: Set, seed: int) -> Scores:
        import fitwell as fw

        with tempfile.TemporaryDirectory() as folder:
            run = fw.train(
                training,
                target=described.target,
                task=described.task,
                members=members,
                seed=seed,
                settings={"data.test_share": 0.0},
                out=Path(folder) / "run",
            )
            predicted = run.predict(test)
        if described.task == "regression":
            return predicted["prediction"].to_numpy()
        return predicted.select([f"probability_{label}" for label in classes_of(training, described)]).to_numpy()

    return fit


def sklearn_network(training: pd.DataFrame, test: pd.DataFrame, described: Set, seed: int) -> Scores:
    """Fit scikit-learn's MLP on scaled numbers and one-hot categories, its own defaults."""
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, target = training.drop(columns=described.target), training[described.target]
    columns = scaled_and_one_hot(features)
    if described.task == "regression":
        scaler = StandardScaler().fit(target.to_numpy()[:, None])
        model = make_pipeline(columns, MLPRegressor(random_state=seed))
        model.fit(features, scaler.transform(target.to_numpy()[:, None])[:, 0])
        return scaler.inverse_transform(model.predict(test)[:, None])[:, 0]
    model = make_pipeline(columns, MLPClassifier(random_state=seed)).fit(features, target)
    return model.predict_proba(test)


def scaled_and_one_hot(features: pd.DataFrame) -> object:
    """Return the usual preprocessing: medians for missing numbers, standard scaling, one-hot categories."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    numbers = features.select_dtypes("number").columns
    rest = features.columns.difference(numbers)
    return make_column_transformer(
        (make_pipeline(SimpleImputer(strategy="median"), StandardScaler()), numbers),
        (OneHotEncoder(handle_unknown="ignore", min_frequency=2), rest),
        sparse_threshold=0,
    )


def boosted_trees(training: pd.DataFrame, test: pd.DataFrame, described: Set, seed: int) -> Scores:
    """Fit scikit-learn's HistGradientBoosting with categories by type, its own defaults."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    features, target = training.drop(columns=described.target), training[described.target]
    features, test = as_categories(features, test)
    if described.task == "regression":
        model = HistGradientBoostingRegressor(categorical_features="from_dtype", random_state=seed)
        return model.fit(features, target).predict(test)
    model = HistGradientBoostingClassifier(categorical_features="from_dtype", random_state=seed)
    return model.fit(features, target).predict_proba(test)


def as_categories(training: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both parts with text as categories; at most 255 values, which is what the trees take."""
    training, test = training.copy(), test.copy()
    for name in training.columns.difference(training.select_dtypes("number").columns):
        known = training[name].value_counts().index[:254]
        training[name] = pd.Categorical(training[name], categories=known)
        test[name] = pd.Categorical(test[name], categories=known)
    return training, test


def real_mlp(training: pd.DataFrame, test: pd.DataFrame, described: Set, seed: int) -> Scores:
    """Fit pytabkit's RealMLP with its tuned defaults (RealMLP-TD), one network."""
    from pytabkit import RealMLP_TD_Classifier, RealMLP_TD_Regressor

    features, target = training.drop(columns=described.target), training[described.target]
    options = {"random_state": seed, "device": "cpu", "n_threads": 1, "verbosity": 0}
    features, test = with_means(*as_categories(features, test))
    if described.task == "regression":
        return RealMLP_TD_Regressor(**options).fit(features, target).predict(test)
    return RealMLP_TD_Classifier(**options).fit(features, target).predict_proba(test)


def with_means(training: pd.DataFrame, test: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return both parts with missing numbers filled by training means, which RealMLP leaves to its user."""
    numbers = training.select_dtypes("number").columns
    means = training[numbers].mean()
    return training.fillna(means), test.fillna(means)


MODELS: dict[str, Model] = {
    "fitwell": fitwell(1),
    "fitwell, 8 members": fitwell(8),
    "scikit-learn MLP": sklearn_network,
    "HistGradientBoosting": boosted_trees,
    "RealMLP-TD": real_mlp,
}


def classes_of(frame: pd.DataFrame, described: Set) -> list[object]:
    """Return the classes in the order of the columns of every model's probabilities."""
    return sorted(frame[described.target].unique())


def figure(scores: Scores, truth: pd.Series, classes: list[object], task: str) -> float:
    """Return the figure of one fold."""
    from sklearn.metrics import accuracy_score, r2_score, roc_auc_score

    if task == "regression":
        return float(r2_score(truth, scores))
    if task == "binary":
        return float(roc_auc_score(truth == classes[1], scores[:, 1]))
    return float(accuracy_score(truth, np.array(classes)[scores.argmax(1)]))


def run(sets: list[str], models: list[str], folds: list[int], folder: Path, results: Path) -> None:
    """Measure what is not in the results yet."""
    done = {(row["set"], row["model"], row["fold"]) for row in read(results)}
    for name in sets:
        described, frame = SETS[name], table_of(name, folder)
        for fold, (training, test) in enumerate(folds_of(frame, described)):
            for model in models:
                if fold not in folds or (name, model, fold) in done:
                    continue
                rows = frame.iloc[test]
                cpu = time.process_time()
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # of the peers; ours are errors in the tests
                    scores = MODELS[model](
                        frame.iloc[training].reset_index(drop=True),
                        rows.drop(columns=described.target).reset_index(drop=True),
                        described,
                        fold,
                    )
                value = figure(scores, rows[described.target], classes_of(frame, described), described.task)
                row = {"set": name, "model": model, "fold": fold, "value": value}
                row["cpu_seconds"] = round(time.process_time() - cpu, 2)
                with results.open("a") as file:
                    file.write(json.dumps(row) + "\n")
                print(f"{name:20} {model:22} fold {fold}  {value:.4f}  {row['cpu_seconds']:7.1f} s of CPU", flush=True)


def read(results: Path) -> list[dict[str, object]]:
    """Return the results so far."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results.is_file() else []


def report(results: Path) -> str:
    """Return the table of means and standard errors, the ranks, and the verdicts against each peer, as Markdown."""
    frame = pd.DataFrame(read(results))
    values = frame.pivot_table(index=["set", "fold"], columns="model", values="value")
    models = [model for model in MODELS if model in values.columns]
    lines = ["| set | figure | " + " | ".join(models) + " |", "|---|---|" + "---|" * len(models)]
    for name in [name for name in SETS if name in values.index]:
        what = {"binary": "ROC-AUC", "multiclass": "accuracy", "regression": "R²"}[SETS[name].task]
        cells = [cell(values.loc[name][model].dropna()) for model in models]
        lines.append(f"| {name} | {what} | " + " | ".join(cells) + " |")
    # Ranks compare models on the same folds: those that every model did.
    ranks = values[models].dropna().groupby("set").mean().rank(axis=1, ascending=False)
    lines.append("| **median rank** | | " + " | ".join(f"{ranks[model].median():g}" for model in models) + " |")
    lines.append("| mean rank | | " + " | ".join(f"{ranks[model].mean():.2f}" for model in models) + " |")
    cpu = frame.groupby("model")["cpu_seconds"].mean()
    lines.append("| CPU seconds a fold | | " + " | ".join(f"{cpu[model]:.1f}" for model in models) + " |")
    return "\n".join([*lines, "", *verdicts(values, models)])


def cell(of_folds: pd.Series) -> str:
    """Return the mean over folds and its standard error, and how many folds there were if not all."""
    if not len(of_folds):
        return "-"
    spread = f" ± {of_folds.std() / np.sqrt(len(of_folds)):.4f}" if len(of_folds) > 1 else ""
    note = "" if len(of_folds) == FOLDS else f" ({len(of_folds)} of {FOLDS} folds)"
    return f"{of_folds.mean():.4f}{spread}{note}"


def verdicts(values: pd.DataFrame, models: list[str]) -> list[str]:
    """Return, for each peer, on how many sets Fitwell is above, within, or below the noise of the paired folds."""
    lines = []
    for ours in [model for model in models if model.startswith("fitwell")]:
        for peer in [model for model in models if model != ours]:
            told: dict[str, list[str]] = {"above": [], "level": [], "below": []}
            for name in values.index.unique("set"):
                difference = (values.loc[name][ours] - values.loc[name][peer]).dropna().to_numpy()
                if len(difference) > 1:
                    told[verdict(difference)].append(name)
            counts = ", ".join(f"{which} {len(names)}" for which, names in told.items())
            lines.append(f"- {ours} against {peer}: {counts} {', '.join(told['below'])}".rstrip())
    return lines


def verdict(difference: np.ndarray) -> str:
    """Return whether paired differences over folds are above, level with, or below 0, at 95 %."""
    from scipy.stats import t

    # Training parts of folds overlap; Nadeau and Bengio (2003) widen the error for that.
    error = difference.std(ddof=1) * np.sqrt(1 / len(difference) + 1 / (FOLDS - 1))
    if abs(difference.mean()) <= t.ppf(0.975, len(difference) - 1) * error:
        return "level"
    return "above" if difference.mean() > 0 else "below"


def main() -> None:
    """Measure, then print the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--results", type=Path, default=Path("tables.jsonl"))
    parser.add_argument("--sets", default=",".join(SETS))
    parser.add_argument("--models", default=";".join(MODELS), help="separated by semicolons")
    parser.add_argument("--folds", default="0,1,2,3,4")
    parser.add_argument("--report", action="store_true", help="only print what was measured")
    asked = parser.parse_args()
    if not asked.report:
        folds = [int(fold) for fold in asked.folds.split(",")]
        run(asked.sets.split(","), asked.models.split(";"), folds, asked.data, asked.results)
    print(report(asked.results))


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy's and torch's threads are made
    sys.exit(main())
