"""`fitwell words tfidf`: a corpus becomes a sparse matrix of TF-IDF or BM25 weights."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, cast

import typer

from fitwell.cli.words.options import Corpus, Field, Threads, Unit


def tfidf(
    corpus: Corpus,
    output: Annotated[Path, typer.Option("--output", "-o", help="File to write: .npz, as SciPy reads it.")],
    unit: Unit = "line",
    field: Field = None,
    analyzer: Annotated[str, typer.Option(help="What is counted: word, char or char_wb.")] = "word",
    shortest: Annotated[int, typer.Option(help="Words or characters of the shortest run that is counted.")] = 1,
    longest: Annotated[int, typer.Option(help="Words or characters of the longest run that is counted.")] = 1,
    pattern: Annotated[str, typer.Option("--token-pattern", help="Regular expression of a word.")] = r"(?u)\b\w\w+\b",
    stop_words: Annotated[str | None, typer.Option(help="Words to leave out: english.")] = None,
    keep_case: Annotated[bool, typer.Option("--keep-case", help="Do not lower the text.")] = False,
    strip_accents: Annotated[str | None, typer.Option(help="Strip accents: ascii or unicode.")] = None,
    min_df: Annotated[str, typer.Option(help="Least texts a term is in; a share if it has a point.")] = "1",
    max_df: Annotated[str, typer.Option(help="Most texts a term is in; a share if it has a point.")] = "1.0",
    max_features: Annotated[int | None, typer.Option(help="Keep so many of the most frequent terms.")] = None,
    norm: Annotated[str, typer.Option(help="Length of a row is made 1 by: l2, l1 or none.")] = "l2",
    sublinear: Annotated[bool, typer.Option("--sublinear", help="Count 1 + ln(count) for a count.")] = False,
    bm25: Annotated[bool, typer.Option("--bm25", help="Weigh by BM25 instead.")] = False,
    threads: Threads = None,
) -> None:
    """Weigh the terms of each text in CORPUS: a sparse matrix, and beside it the terms as JSON."""
    import json

    import scipy.sparse as sp

    from fitwell import words
    from fitwell.errors import RequestError
    from fitwell.files import replace_atomically, writing

    if output.suffix != ".npz":
        raise RequestError(
            f'the matrix is written as .npz, but "{output.name}" ends otherwise; name it {output.stem}.npz'
        )
    if bm25 and (norm != "l2" or sublinear):
        raise RequestError(
            "BM25 damps counts and lengths itself, so --bm25 takes no --norm and no --sublinear; leave them out"
        )
    # What these words may be is checked, and refused in a sentence, where they are used.
    shared: dict[str, Any] = {
        "analyzer": analyzer,
        "ngram_range": (shortest, longest),
        "token_pattern": pattern,
        "stop_words": stop_words,
        "lowercase": not keep_case,
        "strip_accents": strip_accents,
        "min_df": _limit("min-df", min_df),
        "max_df": _limit("max-df", max_df),
        "max_features": max_features,
        "threads": threads,
    }
    vectorizer = (
        words.BM25Vectorizer(**shared)
        if bm25
        else words.TfidfVectorizer(**shared, norm=cast(Any, None if norm == "none" else norm), sublinear_tf=sublinear)
    )
    result = words.tfidf(corpus, vectorizer=vectorizer, unit=cast(Any, unit), field=field)
    with writing(output) as temporary:
        sp.save_npz(temporary, result.matrix)
    beside = output.with_suffix(".json")
    replace_atomically(beside, (json.dumps({"version": 1, "terms": result.terms}) + "\n").encode())
    texts, terms = result.matrix.shape
    typer.echo(f"{texts:,} texts, {terms:,} terms, {result.matrix.nnz:,} weights: {output}, {beside}", err=True)


def _limit(name: str, text: str) -> float:
    """Return a count, or a share where the number has a point."""
    from fitwell.errors import RequestError

    try:
        return float(text) if "." in text else int(text)
    except ValueError:
        raise RequestError(f"--{name} must be a count such as 2 or a share such as 0.5, but is {text}") from None
