"""How fast word vectors are learned, and how good they are, beside gensim.

    python benchmarks/word2vec.py CORPUS --gensim PYTHON [--method skipgram] [--dimension 100] [--lines N] [--epochs 3]
                                  [--seeds 3]
    python benchmarks/word2vec.py CORPUS --threads 2 [--method skipgram] [--dimension 100] [--lines N] [--epochs 3]
                                  [--seeds 3]

CORPUS is a text file of one sentence a line, also compressed; `--lines` takes its first lines only. PYTHON is the
interpreter of an environment with gensim, which also measures the vectors of both: WordSim-353, SimLex-999 (Spearman's
correlation) and Google's analogies (share answered right), all of which come with gensim. Window 5, five drawn words,
subsample 1e-3, one thread. Seeds take turns, so that both meet the same disturbances; speed is words of
the corpus a second of processor time, training alone, after a short training has compiled and loaded everything.

With `--threads`, Fitwell is compared with itself on one thread instead, in turns, by the clock, and so are as many
trainings side by side that share nothing, which is the most that the machine can do. The fastest of all turns count;
what the processor spent in a second by the clock tells whether there were as many cores to be had.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

RATES = {"skipgram": 0.025, "cbow": 0.05}


def quality(path: Path) -> dict[str, float]:
    """Return how good vectors in a file are; runs where gensim is."""
    from gensim.models import KeyedVectors
    from gensim.test.utils import datapath

    vectors = KeyedVectors.load_word2vec_format(str(path))
    analogies, _ = vectors.evaluate_word_analogies(datapath("questions-words.txt"), restrict_vocab=20_000)
    return {
        "WordSim-353": float(vectors.evaluate_word_pairs(datapath("wordsim353.tsv"))[1][0]),
        "SimLex-999": float(vectors.evaluate_word_pairs(datapath("simlex999.txt"))[1][0]),
        "analogies": float(analogies),
    }


def with_gensim(corpus: Path, method: str, dimension: int, epochs: int, seed: int, out: Path) -> float:
    """Train with gensim, write the vectors, and return words a second of processor time; runs where gensim is."""
    from gensim.models import Word2Vec

    model = Word2Vec(
        vector_size=dimension,
        sg=int(method == "skipgram"),
        sample=1e-3,
        alpha=RATES[method],
        workers=1,
        seed=seed,
        epochs=epochs,
    )
    model.build_vocab(corpus_file=str(corpus))
    started = time.process_time()
    words = model.corpus_total_words
    model.train(corpus_file=str(corpus), total_words=words, total_examples=model.corpus_count, epochs=epochs)
    seconds = time.process_time() - started
    model.wv.save_word2vec_format(str(out))
    return epochs * words / seconds


def with_fitwell(corpus: Path, method: str, dimension: int, epochs: int, seed: int, out: Path) -> float:
    """Do the same with Fitwell."""
    from fitwell import words

    encoded = words.encode(corpus, threads=1)
    started = time.process_time()
    vectors = words.word2vec(
        encoded,
        architecture=method,  # type: ignore[arg-type]
        dimension=dimension,
        epochs=epochs,
        seed=seed,
        rate=RATES[method],
    )
    seconds = time.process_time() - started
    vectors.save(out, format="word2vec")
    return epochs * len(encoded.ids) / seconds


def compare_threads(corpus: Path, method: str, dimension: int, epochs: int, seeds: int, threads: int) -> None:
    """Print how many times as fast several threads are as one, and as many trainings that share nothing."""
    from fitwell import words

    encoded = words.encode(corpus)

    def train(seed: int, count: int) -> None:
        words.word2vec(encoded, architecture=method, dimension=dimension, epochs=epochs, seed=seed, threads=count)  # type: ignore[arg-type]

    def apart(seed: int) -> None:
        with ThreadPoolExecutor(threads) as pool:
            list(pool.map(train, range(seed, seed + threads), [1] * threads))

    ways: dict[str, tuple[Callable[[int], None], int]] = {  # and how many trainings it is
        "one thread": (lambda seed: train(seed, 1), 1),
        f"{threads} threads": (lambda seed: train(seed, threads), 1),
        f"{threads} trainings apart": (apart, threads),
    }
    best = dict.fromkeys(ways, float("inf"))
    for seed in range(1, seeds + 1):
        for name, (way, trainings) in ways.items():
            started, spent = time.perf_counter(), time.process_time()
            way(seed)
            seconds = time.perf_counter() - started
            cores = (time.process_time() - spent) / seconds
            best[name] = min(best[name], seconds / trainings)
            print(f"seed {seed}  {name:<19} {seconds / trainings:6.2f} s a training, on {cores:.2f} cores", flush=True)
    words_read = epochs * len(encoded.ids)
    for name, seconds in best.items():
        print(f"{name:<19} {words_read / seconds:12,.0f} words/s, {best['one thread'] / seconds:.2f} times one thread")


def lines_of(source: Path, count: int | None, out: Path) -> Path:
    """Write the lines of a corpus, as they are, for both to read."""
    from fitwell.words.texts import Piece, pieces_of

    texts = (text for piece in pieces_of(source) if isinstance(piece, Piece) for text in piece.texts())
    with out.open("w", encoding="utf-8") as file:
        for number, text in enumerate(texts):
            if number == count:
                break
            file.write(text + "\n")
    return out


def asked_of_gensim(python: str, *arguments: object) -> Any:
    """Return what this file prints as JSON when gensim's interpreter runs it."""
    command = [python, __file__, "--as-gensim", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Print speed and quality of both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    peer = parser.add_mutually_exclusive_group(required=True)
    peer.add_argument("--gensim", help="Python with gensim")
    peer.add_argument("--threads", type=int)
    parser.add_argument("--method", choices=RATES, default="skipgram")
    parser.add_argument("--dimension", type=int, default=100)
    parser.add_argument("--lines", type=int)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--seeds", type=int, default=3)
    asked = parser.parse_args()
    speeds: dict[str, list[float]] = {"fitwell": [], "gensim": []}
    with tempfile.TemporaryDirectory() as name:
        corpus, out = lines_of(asked.corpus, asked.lines, Path(name) / "corpus"), Path(name) / "vectors"
        with_fitwell(lines_of(corpus, 200, Path(name) / "short"), asked.method, asked.dimension, 1, 1, out)
        if asked.threads:
            compare_threads(corpus, asked.method, asked.dimension, asked.epochs, asked.seeds, asked.threads)
            return
        for seed in range(1, asked.seeds + 1):
            speed = with_fitwell(corpus, asked.method, asked.dimension, asked.epochs, seed, out)
            report("fitwell", seed, speed, asked_of_gensim(asked.gensim, "quality", out))
            speeds["fitwell"].append(speed)
            settings = (asked.method, asked.dimension, asked.epochs, seed)
            speed = asked_of_gensim(asked.gensim, "train", corpus, *settings, out)
            report("gensim", seed, speed, asked_of_gensim(asked.gensim, "quality", out))
            speeds["gensim"].append(speed)
    ratio = statistics.median(speeds["fitwell"]) / statistics.median(speeds["gensim"])
    print(f"fitwell reads {ratio:.1f} times as many words a second")


def report(who: str, seed: int, speed: float, figures: dict[str, float]) -> None:
    """Print a line."""
    told = "  ".join(f"{name} {value:.3f}" for name, value in figures.items())
    print(f"{who:<8} seed {seed}  {speed:12,.0f} words/s  {told}", flush=True)


def as_gensim(work: str, *arguments: str) -> None:
    """Do what the other process asked for."""
    if work == "quality":
        print(json.dumps(quality(Path(arguments[0]))))
    else:
        corpus, method, dimension, epochs, seed, out = arguments
        print(json.dumps(with_gensim(Path(corpus), method, int(dimension), int(epochs), int(seed), Path(out))))


if __name__ == "__main__":
    import sys

    if sys.argv[1:2] == ["--as-gensim"]:
        as_gensim(*sys.argv[2:])
    else:
        main()
