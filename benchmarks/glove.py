"""How fast GloVe counts and learns, in pairs a second of processor time on one thread.

    python benchmarks/glove.py CORPUS [--lines N] [--dimension 100] [--window 10] [--memory-mb 1000] [--rounds 3]

CORPUS is a text file of one text a line, also compressed. A pair is two words in one direction, as the reference
program in C counts them, for which 0.48 million a second and core were measured on such a machine (double precision,
dimension 100). A training of a few texts has compiled everything before.
"""

from __future__ import annotations

import argparse
import statistics
import time
from itertools import islice
from pathlib import Path

from fitwell import words
from fitwell.words.cooccurrence import count_pairs
from fitwell.words.texts import Piece, pieces_of

REFERENCE = 0.48e6  # pairs a second


def main() -> None:
    """Print pairs a second of counting and of learning."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--lines", type=int)
    parser.add_argument("--dimension", type=int, default=100)
    parser.add_argument("--window", type=int, default=10)
    parser.add_argument("--memory-mb", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    texts = (text for piece in pieces_of(asked.corpus) if isinstance(piece, Piece) for text in piece.texts())
    corpus = words.encode(islice(texts, asked.lines), threads=1)
    words.glove(["a b c"] * 9, dimension=asked.dimension, epochs=1)
    started = time.process_time()
    known = len(corpus.vocabulary.pruned(min_count=5))
    pairs = count_pairs(corpus, words=known, window=asked.window, memory_mb=asked.memory_mb)
    seconds = time.process_time() - started
    print(f"{len(corpus.ids):,} tokens, {known:,} words: {len(pairs.records):,} pairs counted in {seconds:.1f} s")
    speeds = []
    for seed in range(1, asked.rounds + 1):
        marks = list[float]()

        def look(_look: words.Look, marks: list[float] = marks) -> None:
            marks.append(time.process_time())

        words.glove(
            corpus,
            dimension=asked.dimension,
            window=asked.window,
            memory_mb=asked.memory_mb,
            epochs=2,
            seed=seed,
            progress=look,
        )
        blocks = [pairs.block(number % pairs.blocks) for number in range(1, len(marks))]
        learned = sum(len(block) + int((block["row"] != block["column"]).sum()) for block in blocks)
        speeds.append(learned / (marks[-1] - marks[0]))
        print(f"seed {seed}  {speeds[-1]:12,.0f} pairs/s", flush=True)
    print(f"{statistics.median(speeds) / REFERENCE:.1f} times the reference's {REFERENCE:,.0f}")


if __name__ == "__main__":
    main()
