"""A run as a value: what was asked, what came of it, and predictions for new rows."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import polars as pl
from safetensors import SafetensorError
from safetensors.torch import load

from fitwell import recipe as recipes
from fitwell.answering.answers import evaluated_file, found_in_file, prediction_frame
from fitwell.answering.asking import Answer, answered, named_texts
from fitwell.answering.reader import Reader, filled, judgment_from_json, making_from_json
from fitwell.answering.squad import read_squad
from fitwell.data.ahead import made_ahead
from fitwell.data.encode import encoders_from_json
from fitwell.data.folders import file_names
from fitwell.data.long import one_row_each
from fitwell.data.parquet import owned
from fitwell.data.read import read_batches
from fitwell.data.schema import Schema, schema_from_json
from fitwell.data.targets import target_cells
from fitwell.data.write import write_batches
from fitwell.decision import UNDECIDED, Decision, decision_from_json
from fitwell.doctor.finding import Finding, findings_from_json
from fitwell.errors import FitwellError, RecipeError, RequestError, RunError
from fitwell.evaluation import Evaluation, evaluate_predictions
from fitwell.explanation.single import OTHERS, Explanations, explanations
from fitwell.files import replace_atomically
from fitwell.metrics import Primary
from fitwell.plan import available_cores
from fitwell.prediction import Model, encoded, model_from_tensors, prediction_table, predictions_for
from fitwell.recipe import DataSettings
from fitwell.report.picture import Contents, PictureKind
from fitwell.run.contents import Made, contents_of, made_of
from fitwell.run.disk import writing_worded
from fitwell.run.reading import (
    CHECKED_FILES,
    DECISION,
    MEND,
    has_decision,
    read_events,
    read_history,
    read_json,
    read_predictions,
    require_unchanged,
)
from fitwell.run.summary import Summary, state_of, summary_of
from fitwell.sources import fingerprint_of_files
from fitwell.tasks.table import TASKS
from fitwell.tasks.task import TargetCoding, coding_from_json

Item = TypeVar("Item")
Result = TypeVar("Result")

EXPLAINED = 10  # rows, unless more are asked for
PREDICTED_AT_ONCE = 65536  # rows; bounds the memory of prediction
ARRAYS_PREDICTED_AT_ONCE = 4096  # where rows have images or series, which are some thousand numbers each


@dataclass(frozen=True)
class Run:
    """A training and what came of it."""

    path: Path

    @cached_property
    def recipe(self) -> recipes.Recipe:
        """What the run was asked to do, resolved."""
        try:
            return recipes.read(self.path / "recipe.yaml")
        except RecipeError as error:
            if "upgrade fitwell" in str(error):
                raise
            require_unchanged(self.path, ["recipe.yaml"])
            raise RunError(f"{error}; if a newer Fitwell wrote this run, upgrade fitwell, else {MEND}") from None

    @cached_property
    def data(self) -> dict[str, Any]:
        """Where the data was, its schema and split, and what was noticed about it."""
        return read_json(self.path, "data.json")

    @cached_property
    def evaluation(self) -> dict[str, Any]:
        """Figures with intervals and the baselines beside them."""
        return read_json(self.path, "evaluation.json")

    @cached_property
    def decision(self) -> dict[str, Any] | None:
        """From outputs to what is acted on, and what that brought; None for a run written before there was such."""
        return read_json(self.path, DECISION) if has_decision(self.path) else None

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """What was found wrong, the likeliest cause first."""
        content = read_json(self.path, "findings.json")
        try:
            return findings_from_json(content)
        except (KeyError, TypeError) as error:
            raise RunError(f"{self.path / 'findings.json'} is damaged ({error}); train again") from None

    @cached_property
    def history(self) -> pl.DataFrame:
        """One row per member and look, and per member and step whose signals were recorded."""
        return read_history(self.path)

    @cached_property
    def predictions(self) -> pl.DataFrame:
        """The rows that were not trained on: `row` (its number in the data, from 0), `part`, truth and predictions."""
        return read_predictions(self.path)

    @cached_property
    def events(self) -> list[dict[str, Any]]:
        """What happened, in order."""
        return list(read_events(self.path))

    @property
    def state(self) -> str:
        """`training` (a process is at it), `finished`, `interrupted` (usable, can be resumed) or `unfinished`."""
        return state_of(self.path)

    @property
    def summary(self) -> Summary:
        """What there is to say in a line, of a damaged run too."""
        return summary_of(self.path)

    def __repr__(self) -> str:
        """Say in a line what came of it, such as `<Run runs/churn: finished, Churn (binary), roc_auc 0.85 ...>`."""
        return f"<Run {self.summary}>"

    @cached_property
    def model(self) -> Model:
        """The trained model, checked against the run's checksums."""
        return _read_model(self)

    @property
    def answers_questions(self) -> bool:
        """Whether the run is a reader's, which finds answers in texts, and not a table's."""
        return self.recipe.task == "answer"

    @cached_property
    def reader(self) -> Reader:
        """The trained reader of a run that answers questions, checked against the run's checksums.

        Raises:
            RequestError: the run was trained on a table.
        """
        return _read_reader(self)

    def answer(self, question: str, context: str | None = None, *, alternatives: int = 0) -> Answer:
        """Return what the reader finds for a question: in the context, else among the texts that it was trained on.

        Raises:
            RequestError: the run was trained on a table; the question or the context is blank; or there is no context
            and the file of the training is gone.
        """
        reader = self.reader  # first: a run that reads no texts is refused as such
        documents = {"context": context} if context is not None else _texts_of(self)
        return answered(question, documents, reader, alternatives=alternatives)

    def predict(self, data: object) -> pl.DataFrame:
        """Return predictions for the rows of a file, frame or mapping, in their order.

        Columns: `prediction`; `probability_<class>` for classes; `prediction_low` and `prediction_high` for numbers;
        `disagreement` where there are several members. For a folder of pictures, `image` comes first: their names; for
        a long table there is a row for each series, and its id comes first.

        Raises:
            DataError: a column is missing, or a cell cannot be read as its column's kind.
        """
        return pl.concat(list(self.predict_batches(data)))

    def predict_file(self, data: object, path: str | Path) -> int:
        """Write the predictions for a file's rows, in bounded memory, and return how many there were.

        Raises:
            RequestError: the predictions would overwrite the data. DataError: as `predict`.
        """
        require_apart(data, path)
        return write_batches(self.predict_batches(data), path)

    def evaluate(self, data: object) -> Evaluation:
        """Return figures with intervals on labelled rows; only predictions and targets are held in memory.

        Where the rows are those of the training, a note says so, because figures of rows that were trained on flatter.
        """
        if self.answers_questions:
            return evaluated_file(self.reader, data)
        schema = _read_schema(self)
        weight = [] if schema.weight is None else [schema.weight]
        kept = {column.name for column in (*schema.targets, *weight)}
        frames, predictions = [], []
        for number, frame in enumerate(batches_of(data, self.recipe.data, rows=PREDICTED_AT_ONCE)):
            features = encoded(self.model, frame, first_row=number * PREDICTED_AT_ONCE)
            predictions.append(predictions_for(self.model, features).mean)
            target_cells(frame, schema, first_row=number * PREDICTED_AT_ONCE)  # refuses what is missing, by all names
            frames.append(owned(frame.select(name for name in frame.columns if name in kept)))
        measured = evaluate_predictions(self.model, pl.concat(frames), schema, np.concatenate(predictions))
        return _as_this_run(self, measured, data)

    def explain(
        self, data: object, *, rows: int = EXPLAINED, about: str | None = None, against: object = None
    ) -> Explanations:
        """Return what the predictions for the first `rows` rows of a file, frame or mapping rest on.

        They are compared with 64 rows of `against`: without it of the data that the run was trained on where that is
        still there, else of `data` itself. `about` names a class, or one of several targets, to explain instead of each
        row's own answer.

        Raises:
            DataError: a column is missing, or a cell cannot be read. RequestError: no such class; or no rows.
        """
        if rows < 1:
            raise RequestError(f"at least 1 row can be explained, but rows is {rows}")
        model, trained_on = self.model, self.data["path"]
        if against is None:
            against = trained_on if trained_on is not None and Path(trained_on).exists() else data
        frame = next(iter(batches_of(data, self.recipe.data, rows=rows, columns=model.columns)))
        others = _sample(against, model, seed=self.recipe.seed)
        return explanations(model, frame, others, about=about, seed=self.recipe.seed)

    def report(self, path: str | Path) -> Path:
        """Write the report, one page that needs no network, and return where it is.

        Raises:
            RunError: a file of the run is damaged. SurroundingsError: the page cannot be written.
        """
        from fitwell.report.page import page  # here: drawing is needed by few

        replace_atomically(path, self._made(page))
        return Path(path)

    def pictures(self, folder: str | Path, *, kind: PictureKind = "png") -> list[Path]:
        """Write the pictures of the report into a folder, as PNG or SVG files, and return where they are."""
        from fitwell.report.page import picture_files

        files = self._made(partial(picture_files, kind=kind))
        with writing_worded(Path(folder)):
            Path(folder).mkdir(parents=True, exist_ok=True)
            for name, content in files.items():
                replace_atomically(Path(folder) / name, content)
        return [Path(folder) / name for name in files]

    def _repr_html_(self) -> str:
        """Show the run in a notebook."""
        from fitwell.report.notebook import compact

        return self._made(compact)

    def _made(self, make: Callable[[Contents], Made]) -> Made:
        contents = contents_of(self.path, state=self.state, recipe=self.recipe, data=self.data)
        return made_of(contents, make)

    def predict_batches(self, data: object) -> Iterator[pl.DataFrame]:
        """Yield the predictions of `predict` batch by batch, in bounded memory.

        While one batch is read, the cores are busy with those before it.
        """
        if self.answers_questions:
            yield prediction_frame(found_in_file(self.reader, data))
            return
        model = self.model
        assert model.recipe.training.threads != "auto"
        workers = max(1, available_cores() // model.recipe.training.threads)

        at_once = ARRAYS_PREDICTED_AT_ONCE if model.encoders.arrays else PREDICTED_AT_ONCE
        folder = Path(data) if isinstance(data, str | Path) and Path(data).is_dir() else None

        def predicted(batch: tuple[int, pl.DataFrame]) -> pl.DataFrame:
            number, frame = batch
            table = prediction_table(model, encoded(model, frame, first_row=number * at_once))
            if model.recipe.data.series_id is not None:
                return pl.DataFrame([frame[model.recipe.data.series_id], *table])
            names = None if folder is None else file_names(folder, frame, first_row=number * at_once)
            return table if names is None else pl.DataFrame([names, *table])

        batches = enumerate(batches_of(data, model.recipe.data, rows=at_once, columns=model.columns))
        yield from _in_order(predicted, made_ahead(batches), workers=workers)


def _as_this_run(run: Run, measured: Evaluation, data: object) -> Evaluation:
    """Return an evaluation with the reason for its figure that the run was given, and a note where it flatters."""
    if (run.path / "evaluation.json").is_file():
        told = run.evaluation["primary"]
        primary = Primary(metric=told["metric"], why=str(told.get("why")))
        measured = replace(measured, primary=primary) if primary.metric == measured.primary.metric else measured
    if not isinstance(data, str | Path) or not Path(data).is_file():
        return measured
    if fingerprint_of_files([Path(data)]) != run.data["fingerprint"]:
        return measured
    note = (
        f"the run was trained on {run.data['split']['train']:,} of these rows, which flatters the figures; those of "
        f"unseen rows are in {run.path / 'evaluation.json'}"
    )
    return replace(measured, notes=(*measured.notes, note))


def batches_of(
    data: object, settings: DataSettings, *, rows: int, columns: tuple[str, ...] | None = None
) -> Iterator[pl.DataFrame]:
    """Yield rows of a file, frame or mapping as they are predicted; of a long table, its series.

    The rows of a series may lie anywhere in its table, which is therefore read whole.
    """
    if settings.series_id is None:
        yield from read_batches(data, rows=rows, columns=columns)
        return
    series = one_row_each(pl.concat(list(read_batches(data, rows=rows, columns=columns))), settings)
    yield from series.iter_slices(rows)


def _sample(data: object, model: Model, *, seed: int) -> pl.DataFrame:
    """Return some rows from all over a file, in bounded memory: every row draws a number, and the least are kept."""
    generator = np.random.default_rng(seed)
    kept: list[pl.DataFrame] = []
    drawn = np.empty(0)
    for frame in batches_of(data, model.recipe.data, rows=PREDICTED_AT_ONCE, columns=model.columns):
        drawn = np.concatenate([drawn, generator.random(len(frame))])
        least = np.sort(np.argsort(drawn, kind="stable")[:OTHERS])
        kept, drawn = [owned(pl.concat([*kept, frame])[least])], drawn[least]
    return kept[0]


def require_apart(data: object, path: str | Path) -> None:
    """Refuse to write over the file, or a file of the folder, that is read.

    Raises:
        RequestError: the output is the data.
    """
    if not isinstance(data, str | Path) or not Path(path).exists():
        return
    source, output = Path(data).resolve(), Path(path).resolve()
    if source == output or (source.is_dir() and source in output.parents and output.is_file()):
        raise RequestError(f"--output {path} is the data itself, which would be lost; name another file")


def _read_reader(run: Run) -> Reader:
    if not run.answers_questions:
        raise RequestError(
            f"a run that answers questions was trained with --task answer, but {run.path} predicts "
            f"{', '.join(run.recipe.target)} ({run.recipe.task}); name another run"
        )
    require_unchanged(run.path, [*CHECKED_FILES, DECISION])
    try:
        making = making_from_json(read_json(run.path, "encoders.json")["reader"])
        tensors = load((run.path / "model.safetensors").read_bytes())
        return filled(making, tensors, judgment_from_json(read_json(run.path, DECISION)))
    except FitwellError:
        raise
    except (SafetensorError, AssertionError, AttributeError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise RunError(f"{run.path} is damaged ({error}); {MEND}") from None


def _texts_of(run: Run) -> dict[str, str]:
    """Return the texts of a reader's training, by the titles of their articles and numbers within them."""
    path = run.data["path"]
    if path is None or not Path(path).exists():
        raise RequestError(
            f"the texts that {run.path} was trained on are not at {path or 'any file'}; give one with --context"
        )
    return named_texts(read_squad(path))


def _read_model(run: Run) -> Model:
    if run.answers_questions:
        raise RequestError(
            f"{run.path} answers questions, which this is not for; ask it with: fitwell answer {run.path} QUESTION"
        )
    require_unchanged(run.path, CHECKED_FILES)
    try:
        coding = read_coding(run)
        return model_from_tensors(
            load((run.path / "model.safetensors").read_bytes()),
            recipe=run.recipe,
            encoders=encoders_from_json(read_json(run.path, "encoders.json")),
            coding=coding,
            decision=_read_decision(run, coding),
        )
    except FitwellError:
        raise
    except (SafetensorError, AssertionError, AttributeError, KeyError, ValueError, TypeError, RuntimeError) as error:
        raise RunError(f"{run.path} is damaged ({error}), or of another version of Fitwell; {MEND}") from None


def read_coding(run: Run) -> TargetCoding:
    """Return how the run's targets became numbers.

    Raises:
        RunError: it is damaged.
    """
    try:
        return coding_from_json(run.data["targets"])
    except (AttributeError, KeyError, ValueError, TypeError) as error:
        raise RunError(f"{run.path / 'data.json'} is damaged (its targets: {error}); {MEND}") from None


def _read_decision(run: Run, coding: TargetCoding) -> Decision:
    if not has_decision(run.path):
        return UNDECIDED
    require_unchanged(run.path, [DECISION])
    task = TASKS[run.recipe.task]  # type: ignore[index]
    return decision_from_json(read_json(run.path, DECISION), columns=task.outputs(coding))


def _read_schema(run: Run) -> Schema:
    try:
        return schema_from_json(run.data["schema"])
    except (AttributeError, KeyError, ValueError, TypeError) as error:
        raise RunError(f"{run.path / 'data.json'} is damaged (its schema: {error}); {MEND}") from None


def _in_order(make: Callable[[Item], Result], items: Iterable[Item], *, workers: int) -> Iterator[Result]:
    """Yield what is made of each item, in the order of the items, several of them being made at a time."""
    with ThreadPoolExecutor(max_workers=workers) as pool:
        coming = deque[Future[Result]]()
        for item in items:
            coming.append(pool.submit(make, item))
            if len(coming) > workers:
                yield coming.popleft().result()
        while coming:
            yield coming.popleft().result()
