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
"""

from fitwell.run.checkpoint import read_checkpoint as read_checkpoint
from fitwell.run.checkpoint import remove_checkpoint as remove_checkpoint
from fitwell.run.checkpoint import require_fitting as require_fitting
from fitwell.run.checkpoint import write_checkpoint as write_checkpoint
from fitwell.run.disk import writing_worded as writing_worded
from fitwell.run.folder import all_runs as all_runs
from fitwell.run.folder import create_run as create_run
from fitwell.run.folder import discard_unstarted as discard_unstarted
from fitwell.run.folder import load_run as load_run
from fitwell.run.folder import measured_run as measured_run
from fitwell.run.folder import next_run_path as next_run_path
from fitwell.run.folder import open_run as open_run
from fitwell.run.folder import require_free as require_free
from fitwell.run.lock import alone as alone
from fitwell.run.lock import is_training as is_training
from fitwell.run.reading import CHECKED_FILES as CHECKED_FILES
from fitwell.run.reading import DIAGNOSIS as DIAGNOSIS
from fitwell.run.reading import MEND as MEND
from fitwell.run.reading import PREDICTIONS as PREDICTIONS
from fitwell.run.reading import RUN_VERSION as RUN_VERSION
from fitwell.run.reading import TUNING as TUNING
from fitwell.run.reading import read_events as read_events
from fitwell.run.reading import read_json as read_json
from fitwell.run.reading import require_unchanged as require_unchanged
from fitwell.run.summary import Summary as Summary
from fitwell.run.summary import ending_of as ending_of
from fitwell.run.value import Run as Run
from fitwell.run.value import read_coding as read_coding
from fitwell.run.value import require_apart as require_apart
from fitwell.run.writing import append_event as append_event
from fitwell.run.writing import json_bytes as json_bytes
from fitwell.run.writing import parquet_bytes as parquet_bytes
from fitwell.run.writing import write_decision as write_decision
from fitwell.run.writing import write_first_files as write_first_files
from fitwell.run.writing import write_history as write_history
from fitwell.run.writing import write_json as write_json
from fitwell.run.writing import write_model as write_model
from fitwell.run.writing import write_predictions as write_predictions
from fitwell.run.writing import write_recipe as write_recipe
from fitwell.run.writing import write_tuning as write_tuning
from fitwell.run.writing import write_weights as write_weights
