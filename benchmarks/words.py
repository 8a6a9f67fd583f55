"""How fast text becomes numbers: reading and encoding a corpus, and TF-IDF beside scikit-learn.

    python benchmarks/words.py CORPUS [--lines 5] [--rounds 3] [--gensim PYTHON]

CORPUS is a text file, also compressed; for TF-IDF every few lines of it make a document. The matrices are compared to
the bit before anything is timed. Each round runs everything once, one after the other; the fastest of the rounds count.
Seconds of one thread are of the processor, so that a busy machine disturbs them less; those of two are by the clock.
PYTHON is the interpreter of an environment with gensim, whose scan of a corpus counts its words, and no more, where
`encode` also numbers every one of them.
"""

from __future__ import annotations

import argparse
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from sklearn.feature_extraction.text import TfidfVectorizer as TheirVectorizer

from fitwell.words import TfidfVectorizer, Tokenization, encode
from fitwell.words.texts import Piece, pieces_of

Work = Callable[[], object]
Clock = Callable[[], float]

SCAN = """
import sys, time
from gensim.models import Word2Vec
model = Word2Vec()
started = time.process_time()
model.scan_vocab(corpus_file=sys.argv[1])
print(time.process_time() - started)
"""


def documents(path: Path, lines: int) -> list[str]:
    """Return the lines of a corpus, every few joined to one document."""
    texts = [text for piece in pieces_of(path) if isinstance(piece, Piece) for text in piece.texts()]
    return [" ".join(texts[start : start + lines]) for start in range(0, len(texts), lines)]


def fastest(work: dict[str, tuple[Work, Clock]], rounds: int) -> dict[str, float]:
    """Return the least seconds of each work."""
    seconds = dict.fromkeys(work, float("inf"))
    for _ in range(rounds):
        for name, (run, clock) in work.items():
            started = clock()
            run()
            seconds[name] = min(seconds[name], clock() - started)
    return seconds


def require_equal(texts: list[str]) -> None:
    """Stop unless both libraries give the same bits."""
    ours, theirs = TfidfVectorizer().fit_transform(texts), TheirVectorizer().fit_transform(texts)
    for name in ("indptr", "indices", "data"):
        assert np.array_equal(getattr(ours, name), getattr(theirs, name)), name


def scanned_by_gensim(python: str, corpus: Path) -> float:
    """Return the seconds of the processor that gensim's scan of a corpus takes."""
    command = [python, "-c", SCAN, str(corpus)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Print megabytes per second and ratios."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--lines", type=int, default=5, help="lines of a document")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gensim", help="Python with gensim")
    asked = parser.parse_args()
    texts = documents(asked.corpus, asked.lines)
    megabytes = sum(len(text.encode()) + 1 for text in texts) / 1e6
    require_equal(texts)
    plain = Tokenization(lowercase=True, pattern=r"\w+")
    cpu, clock = time.process_time, time.perf_counter
    seconds = fastest(
        {
            "encode, one thread": (lambda: encode(asked.corpus, threads=1), cpu),
            "encode, lowered words, one thread": (lambda: encode(asked.corpus, threads=1, tokenization=plain), cpu),
            "encode, two threads": (lambda: encode(asked.corpus, threads=2), clock),
            "TF-IDF, one thread": (lambda: TfidfVectorizer(threads=1).fit_transform(texts), cpu),
            "TF-IDF, scikit-learn, processor": (lambda: TheirVectorizer().fit_transform(texts), cpu),
            "TF-IDF, two threads": (lambda: TfidfVectorizer(threads=2).fit_transform(texts), clock),
            "TF-IDF, scikit-learn, clock": (lambda: TheirVectorizer().fit_transform(texts), clock),
        },
        asked.rounds,
    )
    print(f"{megabytes:.1f} MB, {len(texts):,} documents; the matrices are equal to the bit")
    for name, taken in seconds.items():
        print(f"{name:<36} {taken:7.2f} s {megabytes / taken:8.1f} MB/s")
    if asked.gensim:
        scan = min(scanned_by_gensim(asked.gensim, asked.corpus) for _ in range(asked.rounds))
        times = scan / seconds["encode, one thread"]
        print(f"gensim's scan: {scan:.2f} s, {times:.1f} times as long as encoding by one thread")
    one = seconds["TF-IDF, scikit-learn, processor"] / seconds["TF-IDF, one thread"]
    two = seconds["TF-IDF, scikit-learn, clock"] / seconds["TF-IDF, two threads"]
    print(f"scikit-learn takes {one:.1f} times as long as one thread, {two:.1f} times as long as two")


if __name__ == "__main__":
    main()
