"""`fitwell words evaluate`: how good vectors are, by people's judgments and by analogies."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from fitwell.cli.words.opening import File, Json, Limit

if TYPE_CHECKING:
    from fitwell.metrics import Figure
    from fitwell.vectors.evaluation import Result


def evaluate(
    file: File,
    similarity: Annotated[Path | None, typer.Option(help="File of pairs: two words and a score on each line.")] = None,
    analogies: Annotated[Path | None, typer.Option(help='File of questions: four words, under ": section".')] = None,
    method: Annotated[str, typer.Option(help="How analogies are solved: add or multiply.")] = "add",
    restrict: Annotated[int, typer.Option(help="Answers are among the first so many words; 0 takes all.")] = 300_000,
    unknown: Annotated[str, typer.Option(help="Questions with unknown words: skip, or wrong.")] = "skip",
    match_case: Annotated[bool, typer.Option("--match-case", help="Tell upper from lower case.")] = False,
    limit: Limit = None,
    as_json: Json = False,
) -> None:
    """Measure the vectors in FILE on pairs of words, on analogies, or on both; every figure has its 95 % interval."""
    import json

    from fitwell.cli.lines import aligned
    from fitwell.cli.words.opening import compiling_told, opened
    from fitwell.errors import RequestError
    from fitwell.vectors import evaluation

    if similarity is None and analogies is None:
        raise RequestError("there must be something to measure by; give --similarity PAIRS or --analogies QUESTIONS")
    pairs = [] if similarity is None else evaluation.read_pairs(similarity)
    questions = [] if analogies is None else evaluation.read_questions(analogies)
    settings: dict[str, Any] = {"unknown": unknown, "fold_case": not match_case}
    by_name: dict[str, Result] = {}
    with compiling_told():
        vectors = opened(file, limit)
        if similarity is not None:
            by_name["similarity"] = evaluation.on_similarity(vectors, pairs, **settings)
        if analogies is not None:
            by_name["analogies"] = evaluation.on_analogies(
                vectors, questions, method=cast(Any, method), restrict=restrict or None, **settings
            )
    if as_json:
        plain = {name: _plain(result) for name, result in by_name.items()}
        typer.echo(json.dumps({"version": 1, **plain}, ensure_ascii=False, indent=1))
    else:
        typer.echo(aligned(line for result in by_name.values() for line in _lines(result)))


def _plain(result: Result) -> dict[str, object]:
    sections = {name: figure.as_json() for name, figure in result.sections.items()}
    counts = {"counted": result.counted, "unknown": result.unknown}
    return {"metric": result.metric, "figure": result.figure.as_json(), **counts, "sections": sections}


def _lines(result: Result) -> list[tuple[str, ...]]:
    counts = f"{result.counted:,} counted, {result.unknown:,} with unknown words"
    sections = [(f"  {name}", *_cells(figure)) for name, figure in result.sections.items()]
    return [(result.metric, *_cells(result.figure), counts), *sections]


def _cells(figure: Figure) -> tuple[str, str]:
    from fitwell.cli.terminal import interval_text

    if figure.value is None:
        return ("-", figure.reason or "")
    return (f"{figure.value:.4f}", interval_text(figure.low, figure.high))
