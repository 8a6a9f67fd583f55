"""What there is to say about a training, in plain sentences: about the data, the plan, and how it went."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import polars as pl

from fitwell.data.columns.audio import AudioEncoder
from fitwell.data.columns.text import BytePairsEncoder, PiecesEncoder, SpelledEncoder, TermsEncoder, WordsEncoder
from fitwell.data.encode import Encoders
from fitwell.data.parquet import ParquetTable
from fitwell.data.read import Table
from fitwell.data.schema import Schema
from fitwell.decision import Calibration, Interval, Judged
from fitwell.doctor.finding import Finding, in_words
from fitwell.evaluation import Evaluation
from fitwell.events import Event
from fitwell.learning import Setup
from fitwell.metrics import METRICS, Figure, Threshold
from fitwell.preparation import Prepared
from fitwell.recipe import Recipe
from fitwell.recipe.accepted import shown
from fitwell.training.strides import steps_together

JOINED = {"better": "better than", "worse": "worse than", "not distinguishable": "not distinguishable from"}
SHOWN_AT_THRESHOLD = {"f1": ("f1", "precision", "recall"), "youden": ("recall", "specificity"), "half": ("accuracy",)}
ORDERED = 0.05  # of the variance between pieces: batches then differ from one another more than chance makes them
TOLD = 3  # findings at the end of a training; the report has them all
NAMED = 6  # columns of one sort that are told of one by one; the recipe tells of all

IN_VOCABULARIES = {TermsEncoder: "terms", WordsEncoder: "words", BytePairsEncoder: "parts of words"}


def streaming_event(table: ParquetTable) -> Event:
    """Return that a table is not read into memory, and why."""
    count, rows = len(table.stretches), table.rows
    pieces = "one piece" if count == 1 else f"{count:,} pieces"
    text = f"{table.source} streams from disk: {rows:,} rows, read in {pieces} ({table.why})"
    return Event("streaming", text, {"rows": rows, "pieces": count, "bytes": table.bytes, "why": table.why})


def data_events(table: Table | ParquetTable, prepared: Prepared) -> Iterator[Event]:
    """Yield what there is to say before training, in plain sentences."""
    labelled, split, rows = prepared.labelled, prepared.split, prepared.rows
    total = sum(rows.values())
    schema = labelled.schema
    target = ", ".join(labelled.coding.names)
    task: str = labelled.task.name
    if labelled.coding.positive is not None:
        task += f', positive is "{labelled.coding.positive}"'
    yield Event(
        "data",
        f"{table.source}: {total:,} rows, predicting {target} ({task})",
        {"source": table.source, "rows": total, "targets": target, "task": task},
    )
    if "header" in table.detected:
        yield Event("note", f"of the header {table.detected['header']}")
    yield from _column_events(schema)
    if labelled.without_target:
        yield Event("note", f"{labelled.without_target:,} rows without a target are left out")
    if labelled.broken:
        skipped, others = len(labelled.broken), "" if len(labelled.broken) == 1 else ", for instance"
        yield Event("note", f"{skipped:,} rows are skipped, whose file cannot be read{others}: {labelled.broken[0]}")
    yield from _array_events(prepared.encoders)
    yield Event(
        "split",
        f"{rows['train']:,} rows to train on, {rows['validation']:,} to decide when to stop, "
        f"{rows['test']:,} to measure ({split.why})",
    )
    if prepared.streamed is not None:
        typed, sample = prepared.streamed.typed_rows, len(split.train)
        yield Event(
            "streaming",
            f"columns are typed by {typed:,} rows; simple models and the audit see {sample:,} of the training rows",
            {"typed_rows": typed, "sample_rows": sample},
        )
        if prepared.streamed.ordered > ORDERED:
            yield Event(
                "note",
                f"the rows lie in an order that tells {100 * prepared.streamed.ordered:.0f} % of the target's "
                "variance, and only neighbors within data.shuffle_buffer are mixed: write them in random order, "
                "or raise it",
                {"ordered": prepared.streamed.ordered},
            )


def _column_events(schema: Schema) -> Iterator[Event]:
    kinds = Counter(column.kind for column in schema.features)
    yield Event("columns", "features: " + ", ".join(f"{count} {kind}" for kind, count in kinds.items()))
    unused = schema.left_out
    yield from _first_few("columns", (f'left out "{column.name}": {column.why}' for column in unused), len(unused))
    marked = [column for column in (*schema.features, *schema.targets) if column.missing]
    sentences = (
        f'"{column.name}": {column.missing_count:,} cells are missing, with '
        f"{_quoted(column.missing[:5])} read as missing"
        for column in marked
    )
    yield from _first_few("columns", sentences, len(marked))


def finding_event(finding: Finding) -> Event:
    """Return what was found, how sure that is, and the first thing to try."""
    remedies = "".join(f"; {remedy.change['text']}" for remedy in finding.remedies[:1])
    sure = "" if finding.status == "confirmed" else "suspected "
    title = f"{sure}{in_words(finding.symptom)}"
    values = {"symptom": finding.symptom, "status": finding.status}
    return Event(finding.severity, f"{title}: {finding.explanation}{remedies}", values)


def findings_events(findings: Sequence[Finding]) -> Iterator[Event]:
    """Yield the gravest findings about a training, each with the first thing to try, and how many more there are.

    What only informs is left to the report.
    """
    grave = [finding for finding in findings if finding.severity != "info"]
    yield from map(finding_event, grave[:TOLD])
    more = len(findings) - len(grave[:TOLD])
    if more:
        yield Event("info", f"{more} more {'finding is' if more == 1 else 'findings are'} in the report")


def _array_events(encoders: Encoders) -> Iterator[Event]:
    """Yield what texts and sounds become, and how many are cut."""
    for encoder in encoders.arrays.values():
        if isinstance(encoder, AudioEncoder):
            yield _sound_event(encoder)
        if isinstance(encoder, PiecesEncoder | SpelledEncoder):
            yield _pieces_event(encoder)
        if not isinstance(encoder, TermsEncoder | WordsEncoder | BytePairsEncoder):
            continue
        what = IN_VOCABULARIES[type(encoder)]
        name, entries, length = encoder.column.name, len(encoder.vocabulary), encoder.length
        cut = f"; {encoder.cut:,} training texts have more" if encoder.cut else ""
        yield Event(
            "columns",
            f'"{name}": {entries:,} different {what}, of which each text keeps up to {length}{cut}',
            {"column": name, "vocabulary": entries, "length": length, "cut": encoder.cut},
        )


def _sound_event(encoder: AudioEncoder) -> Event:
    seconds, cut = encoder.samples / encoder.rate, f"; {encoder.cut:,} training sounds have more" if encoder.cut else ""
    return Event(
        "columns",
        f'"{encoder.column.name}": {encoder.rate:,} samples a second, of which each sound keeps up to {seconds:.3g} '
        f"seconds{cut}",
        {"column": encoder.column.name, "rate": encoder.rate, "samples": encoder.samples, "cut": encoder.cut},
    )


def _pieces_event(encoder: PiecesEncoder | SpelledEncoder) -> Event:
    name = encoder.column.name
    length, what = (encoder.length, "pieces") if isinstance(encoder, PiecesEncoder) else (encoder.words, "words")
    cut = f"; {encoder.cut:,} training texts have more and are cut" if encoder.cut else ""
    return Event(
        "columns",
        f'"{name}": read by the encoder in {encoder.folder}, of each text up to {length} {what}{cut}',
        {"column": name, "encoder": encoder.folder, "length": length, "cut": encoder.cut},
    )


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f'"{word}"' for word in words)


def _first_few(kind: str, sentences: Iterable[str], count: int) -> Iterator[Event]:
    for sentence in islice(sentences, NAMED):
        yield Event(kind, sentence)
    if count > NAMED:
        yield Event(kind, f"and {count - NAMED} more columns like these (fitwell recipe names them all)")


def plan_event(setup: Setup) -> Event:
    """Return what is about to be trained."""
    network, training = setup.recipe.network, setup.recipe.training
    widths = " - ".join(map(str, network.hidden)) if network.hidden else "no hidden layers"
    members = "" if setup.recipe.member_count == 1 else f"{setup.recipe.member_count} members of "
    slowest, fastest = min(setup.rates), max(setup.rates)
    rates = f"{slowest:g}" if slowest == fastest else f"{slowest:g} to {fastest:g}"
    differing = ", ".join(sorted(setup.recipe.varied))
    weights = setup.state.population.weights.shape[1]
    together = steps_together(training.signals_every)
    replayed = "" if setup.program.replays is None else f"; steps are replayed as a graph, {together} at a time"
    return Event(
        "plan",
        f"network: {members}{widths}, {network.activation}, {weights:,} weights; "
        f"{training.optimizer} at {rates}, {training.schedule}, up to {training.epochs} epochs"
        f"{f'; members differ in {differing}' if differing else ''}{replayed}",
        {"weights": weights},
    )


def member_events(recipe: Recipe, history: pl.DataFrame, *, metric: str) -> Iterator[Event]:
    """Yield how members that differ did on the validation rows when their loss was lowest, the best member first.

    `metric` is the name of the history's figure.
    """
    if not any(recipe.differences):
        return
    more = METRICS[metric].higher_is_better
    looks = history.filter((pl.col("split") == "validation") & pl.col("loss").is_finite())
    best = looks.sort("loss", maintain_order=True).unique("member", keep="first")
    ranked = best.sort(pl.col("figure").fill_nan(None), descending=more, nulls_last=True, maintain_order=True)
    for row in ranked.head(NAMED).iter_rows(named=True):
        own = recipe.differences[row["member"]]
        settings = ", ".join(f"{path} {shown(value)}" for path, value in own.items()) or "nothing of its own"
        yield Event(
            "member",
            f"member {row['member']} ({settings}): {metric} {row['figure']:.4f} on the validation rows in epoch "
            f"{row['epoch']:g}, its best",
            {name: row[name] for name in ("member", "figure", "epoch")},
        )
    if len(ranked) > NAMED:
        yield Event("member", f"and {len(ranked) - NAMED} more members (history.parquet has them all)")


def mixing_events(tensors: Mapping[str, Any], encoders: Encoders) -> Iterator[Event]:
    """Yield how a network has learned to mix the layers of the encoders that read its texts; members' means.

    `tensors` are the weights of a model, members stacked, by their names.
    """
    for block, encoder in encoders.arrays.items():
        mixing = tensors.get(f"arrays.{block}.mixed.shares")
        if mixing is None:
            continue
        first = "characters" if isinstance(encoder, SpelledEncoder) else "single pieces"
        shares = mixing.softmax(1).mean(0).tolist()
        scale = float(tensors[f"arrays.{block}.mixed.scale"].mean())
        told = ", ".join(f"{share:.2f}" for share in shares)
        yield Event(
            "mixing",
            f'"{encoder.column.name}": the layers of the encoder, {first} first, are mixed {told}, and scaled by '
            f"{scale:.2f}",
            {"column": encoder.column.name, "shares": shares, "scale": scale},
        )


def measured_events(evaluation: Evaluation, report: Mapping[str, Any]) -> Iterator[Event]:
    """Yield how good the network is, by which figure, beside which simple models, and how it varied over folds."""
    metric, figure = evaluation.primary.metric, evaluation.primary_figure
    yield Event(
        "measured",
        f"{metric} {figure} on {evaluation.rows:,} {evaluation.split} rows",
        {"metric": metric, "rows": evaluation.rows, "split": evaluation.split, **_bounds(figure)},
    )
    yield Event("primary", f"  why {evaluation.primary.why}", {"metric": metric})
    for name, beside in evaluation.baselines.items():
        other, difference = beside.figures[metric], beside.comparison.difference
        joined = JOINED[beside.comparison.verdict]
        text = f"  {joined} {name}, {other}"
        if difference.value is None:
            joined, text = "not comparable with", f"  cannot be compared with {name}: {difference.reason}"
        yield Event("verdict", text, {"baseline": name, "verdict": joined, **_bounds(other)})
    if "ensemble" in report:
        yield _ensemble_event(report["ensemble"])
    if "folds" in report:
        over = report["folds"]["metrics"][metric]
        count, mean, spread = report["folds"]["count"], over["mean"], over["spread"]
        told = "no value" if mean is None else f"{mean:.4g} on average"
        told += "" if spread is None else f", with a spread of {spread:.2g}"
        yield Event("folds", f"  over {count} folds {told}", {"count": count, "mean": mean, "spread": spread})


def _ensemble_event(told: Mapping[str, Any]) -> Event:
    gain = told["gain"]
    compared = "" if told["compared"] == told["members"] else f" of the first {told['compared']}"
    between = "" if gain["low"] is None else f" ({gain['low']:.2g} to {gain['high']:.2g})"
    text = (
        f"  {told['members']} members together reach {told['together']:.4g}, {JOINED[told['verdict']]} what one"
        f"{compared} does on average: a gain of {gain['value']:.2g}{between}"
    )
    return Event("ensemble", text, {"members": told["members"], "average": told["average"], "gain": dict(gain)})


def decision_events(judged: Judged, evaluation: Evaluation) -> Iterator[Event]:
    """Yield what stands between outputs and answers, why, and what it brought."""
    decision = judged.decision
    if decision.threshold is not None:
        yield _threshold_event(decision.threshold, judged, evaluation)
    if decision.calibration is not None:
        yield _calibration_event(decision.calibration, judged)
    if decision.interval is not None:
        yield _interval_event(decision.interval, judged, evaluation)


def _threshold_event(threshold: Threshold, judged: Judged, evaluation: Evaluation) -> Event:
    told = SHOWN_AT_THRESHOLD.get(threshold.rule, ("precision", "recall"))
    figures = ", ".join(f"{name} {evaluation.figures[name]}" for name in told)
    text = f'  "{evaluation.positive}" from probability {threshold.value:.4g} up ({threshold.why}): {figures}'
    if threshold.rule in ("precision", "recall"):  # what must hold, held there
        text += f"; on the rows that chose it {threshold.rule} {judged.chosen[threshold.rule]}"
    values = {"part": "threshold", "value": threshold.value, "rule": threshold.rule}
    return Event("decision", text, values) if threshold.met else Event("note", text.strip(), values)


def _calibration_event(calibration: Calibration, judged: Judged) -> Event:
    values = {"part": "calibration", "method": calibration.method}
    if calibration.method == "none":
        return Event("decision", f"  probabilities are the network's own ({calibration.why})", values)
    how = "" if calibration.method == "isotonic" else f", T = {calibration.temperature:.3g}"
    text = (
        f"  probabilities are calibrated ({calibration.method}{how}): "
        f"log loss {judged.before['log_loss']} becomes {judged.after['log_loss']} on the {judged.split} rows"
    )
    return Event("decision", text, values)


def _interval_event(interval: Interval, judged: Judged, evaluation: Evaluation) -> Event:
    if not interval.half_widths:
        return Event("note", f"no prediction intervals: {interval.why}", {"part": "interval"})
    halves = [f"± {half:.4g}" for half in interval.half_widths]
    covered = [str(figure) for figure in judged.covered]
    if names := list(evaluation.figures.parts):
        halves, covered = (
            [f"{each} ({name})" for name, each in zip(names, part, strict=True)] for part in (halves, covered)
        )
    text = (
        f"  {100 * interval.coverage:.4g} % of values should lie within {', '.join(halves)} of the prediction; "
        f"of the {judged.split} rows {', '.join(covered)} do"
    )
    return Event("decision", text, {"part": "interval", "half_widths": list(interval.half_widths)})


def _bounds(figure: Figure | tuple[Figure, ...]) -> dict[str, float | None]:
    assert isinstance(figure, Figure)  # a metric that decides is a single figure
    return {"value": figure.value, "low": figure.low, "high": figure.high}
