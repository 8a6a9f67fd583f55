"""A run on disk: a folder of plain files, each written whole or not at all, and read with suspicion.

    recipe.yaml          what was asked, resolved: run again on the same data and machine it gives the same bits
    data.json            where the data was, its fingerprint, schema, how targets became numbers, how rows were split
    encoders.json        how cells become inputs
    model.safetensors    weights, members stacked
    decision.json        from outputs to decisions: threshold, calibration, intervals, and what they brought
    predictions.parquet  truth and predictions of the rows that were not trained on
    history.parquet      how training went
    events.jsonl         what happened, appended while it happens
    evaluation.json      figures with intervals, baselines
    findings.json        what was found wrong with the data or the training
    explanation.json     what the network goes by: importance and dependence of columns, rows worth a look
    report.html          all of this as a page
    tuning.json          of a search: what was tried, and what came of it
    trials.parquet       the trials of a search, one row each
    search/              their weights, while searching; gone when the search is over
    default/             the run of the recipe as it was before the search
    checksums.json       of the files that predictions, comparisons and resuming depend on
    checkpoint/          while training; gone when finished
    lock                 while a process trains it; gone afterwards

The folder appears by one rename, so a run either has its recipe and data or does not exist.

Each name is imported when it is first used: listing runs needs no network.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from fitwell.lazy import exports

if TYPE_CHECKING:
    from fitwell.run.checkpoint import read_checkpoint, remove_checkpoint, require_fitting, write_checkpoint
    from fitwell.run.disk import writing_worded
    from fitwell.run.folder import create_run, discard_unstarted, load_run, measured_run, next_run_path, open_run
    from fitwell.run.found import require_free, run_folder, run_folders
    from fitwell.run.lock import alone, is_training
    from fitwell.run.reading import (
        CHECKED_FILES,
        DIAGNOSIS,
        MEND,
        PREDICTIONS,
        RUN_VERSION,
        TUNING,
        read_events,
        read_json,
        require_unchanged,
    )
    from fitwell.run.summary import Summary, ending_of, summary_of
    from fitwell.run.value import Run, read_coding, require_apart
    from fitwell.run.writing import (
        append_event,
        json_bytes,
        parquet_bytes,
        write_decision,
        write_first_files,
        write_history,
        write_json,
        write_model,
        write_predictions,
        write_recipe,
        write_tuning,
        write_weights,
    )

__all__ = [
    "CHECKED_FILES",
    "DIAGNOSIS",
    "MEND",
    "PREDICTIONS",
    "RUN_VERSION",
    "TUNING",
    "Run",
    "Summary",
    "alone",
    "append_event",
    "create_run",
    "discard_unstarted",
    "ending_of",
    "is_training",
    "json_bytes",
    "load_run",
    "measured_run",
    "next_run_path",
    "open_run",
    "parquet_bytes",
    "read_checkpoint",
    "read_coding",
    "read_events",
    "read_json",
    "remove_checkpoint",
    "require_apart",
    "require_fitting",
    "require_free",
    "require_unchanged",
    "run_folder",
    "run_folders",
    "summary_of",
    "write_checkpoint",
    "write_decision",
    "write_first_files",
    "write_history",
    "write_json",
    "write_model",
    "write_predictions",
    "write_recipe",
    "write_tuning",
    "write_weights",
    "writing_worded",
]

# The module where a name lives.
_HOMES = {
    "CHECKED_FILES": "fitwell.run.reading",
    "DIAGNOSIS": "fitwell.run.reading",
    "MEND": "fitwell.run.reading",
    "PREDICTIONS": "fitwell.run.reading",
    "RUN_VERSION": "fitwell.run.reading",
    "TUNING": "fitwell.run.reading",
    "Run": "fitwell.run.value",
    "Summary": "fitwell.run.summary",
    "alone": "fitwell.run.lock",
    "append_event": "fitwell.run.writing",
    "create_run": "fitwell.run.folder",
    "discard_unstarted": "fitwell.run.folder",
    "ending_of": "fitwell.run.summary",
    "is_training": "fitwell.run.lock",
    "json_bytes": "fitwell.run.writing",
    "load_run": "fitwell.run.folder",
    "measured_run": "fitwell.run.folder",
    "next_run_path": "fitwell.run.folder",
    "open_run": "fitwell.run.folder",
    "parquet_bytes": "fitwell.run.writing",
    "read_checkpoint": "fitwell.run.checkpoint",
    "read_coding": "fitwell.run.value",
    "read_events": "fitwell.run.reading",
    "read_json": "fitwell.run.reading",
    "remove_checkpoint": "fitwell.run.checkpoint",
    "require_apart": "fitwell.run.value",
    "require_fitting": "fitwell.run.checkpoint",
    "require_free": "fitwell.run.found",
    "require_unchanged": "fitwell.run.reading",
    "run_folder": "fitwell.run.found",
    "run_folders": "fitwell.run.found",
    "summary_of": "fitwell.run.summary",
    "write_checkpoint": "fitwell.run.checkpoint",
    "write_decision": "fitwell.run.writing",
    "write_first_files": "fitwell.run.writing",
    "write_history": "fitwell.run.writing",
    "write_json": "fitwell.run.writing",
    "write_model": "fitwell.run.writing",
    "write_predictions": "fitwell.run.writing",
    "write_recipe": "fitwell.run.writing",
    "write_tuning": "fitwell.run.writing",
    "write_weights": "fitwell.run.writing",
    "writing_worded": "fitwell.run.disk",
}

if not TYPE_CHECKING:  # a type checker that saw it would take any misspelled name for an export
    __getattr__, __dir__ = exports(__name__, _HOMES, offered=__all__)
