"""How fast exact neighbors are found, and files of word vectors read, beside gensim.

    python benchmarks/vectors.py [--words 1000000] [--megabytes 2000] [--without-gensim]

Neighbors: the ten nearest of a million random words of width 100 and 300, without structure ("even") and in a
thousand clusters, which is harder to prove; one question at a time and a hundred together. gensim's `most_similar` asks
the same in the same process, afterwards, because its threads go on spinning. Files: word2vec's text and binary, written
first. Needs gensim in the same environment, about 6 GB of memory, and room for the text among temporary files.

Wall times need a quiet machine; CPU times (of all threads together) are told beside them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import fitwell as fw

QUESTIONS = 25
BATCH = 100


def timed(work: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return what the work gave, its wall seconds, and its CPU seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return result, time.perf_counter() - wall, time.process_time() - cpu


def rows_of(kind: str, words: int, width: int) -> np.ndarray:
    """Return random rows, even or in clusters."""
    generator = np.random.default_rng(0)
    rows = generator.standard_normal((words, width), dtype=np.float32)
    if kind == "clustered":
        rows *= 0.7
        rows += generator.standard_normal((1000, width), dtype=np.float32)[generator.integers(0, 1000, words)]
    return rows


def told(name: str, walls: list[float], cpus: list[float], each: int = 1) -> None:
    """Print the median and the least of some times, in milliseconds for each question."""
    wall, least, cpu = (1e3 * value / each for value in (statistics.median(walls), min(walls), statistics.median(cpus)))
    print(f"  {name:34} median {wall:9.2f} ms   least {least:9.2f} ms   CPU {cpu:9.2f} ms", flush=True)


def neighbors(kind: str, words: int, width: int, *, gensim: bool) -> None:
    """Time the neighbors of single words and of many together."""
    names = tuple(f"w{number}" for number in range(words))
    vectors = fw.vectors.Vectors(names, rows_of(kind, words, width))
    print(f"{words:,} words of width {width}, {kind}")
    _, wall, cpu = timed(lambda: vectors.neighbors("w0", 10))
    print(f"  first question, which prepares the search: {wall:.2f} s, CPU {cpu:.2f} s", flush=True)
    asked = [f"w{number}" for number in np.random.default_rng(1).integers(0, words, QUESTIONS)]
    ours = [timed(lambda word=word: vectors.neighbors(word, 10)) for word in asked]
    told("fitwell", [wall for _, wall, _ in ours], [cpu for *_, cpu in ours])
    batch = [timed(lambda: vectors.neighbors(asked * (BATCH // QUESTIONS), 10)) for _ in range(3)]
    told(f"fitwell, {BATCH} together, each", [wall for _, wall, _ in batch], [cpu for *_, cpu in batch], BATCH)
    if not gensim:
        return
    known = keyed(vectors)
    theirs = [timed(lambda word=word: known.most_similar(word, topn=10)) for word in asked]
    told("gensim", [wall for _, wall, _ in theirs], [cpu for *_, cpu in theirs])
    same = sum(
        [each.word for each in mine] == [name for name, _ in other]
        for (mine, *_), (other, *_) in zip(ours, theirs, strict=True)
    )
    print(f"  the same words in the same order for {same} of {QUESTIONS} questions", flush=True)


def keyed(vectors: fw.vectors.Vectors) -> Any:
    """Return the same vectors as gensim holds them."""
    from gensim.models import KeyedVectors

    theirs = KeyedVectors(vectors.width)
    theirs.add_vectors(list(vectors.words), np.array(vectors.matrix))
    theirs.fill_norms()
    return theirs


def files(megabytes: int, folder: Path, *, gensim: bool) -> None:
    """Time how files of both word2vec formats are read, and ours opened."""
    words = megabytes * 1_000_000 // 3_300  # bytes of a line of width 300
    vectors = fw.vectors.Vectors(tuple(f"word{number}" for number in range(words)), rows_of("even", words, 300))
    for name, format in (
        ("vectors.txt", "word2vec"),
        ("vectors.bin", "word2vec_binary"),
        ("vectors.safetensors", None),
    ):
        path = folder / name
        _, wall, _ = timed(lambda path=path, format=format: vectors.save(path, format=format))
        size = path.stat().st_size / 1e6
        print(f"{name}, {size:,.0f} MB, written at {size / wall:,.0f} MB/s", flush=True)
        for _ in range(3):
            read, wall, cpu = timed(lambda path=path: fw.vectors.load(path))
            print(f"  fitwell   {size / wall:9,.0f} MB/s   {size / cpu:9,.0f} MB for a CPU second", flush=True)
        assert read.matrix.tobytes() == vectors.matrix.tobytes()
        if gensim and format is not None:
            from gensim.models import KeyedVectors

            part = words // 10
            binary = format == "word2vec_binary"
            _, wall, cpu = timed(
                lambda path=path, part=part, binary=binary: KeyedVectors.load_word2vec_format(
                    path, binary=binary, limit=part
                )
            )
            rate, of_cpu = size / 10 / wall, size / 10 / cpu
            print(f"  gensim    {rate:9,.0f} MB/s   {of_cpu:9,.0f} MB for a CPU second, of a tenth", flush=True)
        path.unlink()


def main() -> None:
    """Print all figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--words", type=int, default=1_000_000)
    parser.add_argument("--megabytes", type=int, default=2000)
    parser.add_argument("--without-gensim", action="store_true")
    chosen = parser.parse_args()
    print(f"on {os.cpu_count()} cores")
    for width in (100, 300):
        for kind in ("even", "clustered"):
            neighbors(kind, chosen.words, width, gensim=not chosen.without_gensim)
    with tempfile.TemporaryDirectory() as name:
        files(chosen.megabytes, Path(name), gensim=not chosen.without_gensim)


if __name__ == "__main__":
    main()
