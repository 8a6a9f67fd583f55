"""How fast vectors of parts of words and classifiers of texts are learned, and how good, beside fastText's C++.

    python benchmarks/beside_fasttext.py vectors CORPUS --fasttext PYTHON [--gensim PYTHON] [--lines N] [--epochs 2]
                                  [--rounds 3]
    python benchmarks/beside_fasttext.py classifier TABLE --text COLUMN --label COLUMN --fasttext PYTHON [--test TABLE]
                                  [--repeat 10] [--ngrams 1] [--rate 0.5] [--epochs 5] [--rounds 3]

PYTHON is the interpreter of an environment with fasttext-wheel or fasttext. Both take turns, on one thread.

`vectors`: CORPUS is a text file of one text a line, also compressed. Dimension 100, window 5, five drawn words,
subsample 1e-3, parts of 3 to 6 characters in two million buckets, rate 0.05. Speed is words of the corpus a second of
processor time in training alone: of fastText, the time of a training less that of one of 0 epochs; of Fitwell, the time
between the first and the last look. Rounds have seeds of their own; fastText knows none, and gives the same vectors
each time. With `--gensim`, the interpreter of an environment that has it, both are measured as `word2vec.py` does.

`classifier`: a table of texts and labels, a fifth of whose rows are held out unless `--test` names another; the others
are written `--repeat` times, in random order, in fastText's format. Dimension 100, softmax. Seconds of processor time
are of the whole job, from that file to the model in memory; accuracy is on the rows held out.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

PREFIX = "__label__"


def theirs(work: str, *arguments: str) -> None:
    """Do what the other process asked for, and print it as JSON; runs where fastText is."""
    import fasttext

    started = time.process_time()
    if work == "vectors":
        corpus, epochs, out = arguments
        same = {"model": "skipgram", "dim": 100, "ws": 5, "neg": 5, "t": 1e-3, "lr": 0.05, "thread": 1, "verbose": 0}
        model = fasttext.train_unsupervised(corpus, **same, epoch=int(epochs))
        seconds = time.process_time() - started
        with Path(out).open("w", encoding="utf-8") as file:
            file.write(f"{len(model.words)} 100\n")
            for word in model.words:
                file.write(" ".join([word, *map(str, model.get_word_vector(word).tolist())]) + "\n")
        print(json.dumps(seconds))
        return
    corpus, test, ngrams, rate, epochs = arguments
    model = fasttext.train_supervised(
        corpus, dim=100, wordNgrams=int(ngrams), lr=float(rate), epoch=int(epochs), thread=1, verbose=0
    )
    seconds = time.process_time() - started
    print(json.dumps([seconds, model.test(test)[1]]))


def asked_of_fasttext(python: str, *arguments: object) -> Any:
    """Return what this file prints when fastText's interpreter runs it."""
    command = [python, __file__, "--as-fasttext", *map(str, arguments)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def compare_vectors(asked: argparse.Namespace, folder: Path) -> None:
    """Print words a second of both, and their ratio; and how good the vectors are, where somebody can tell."""
    from fitwell import words
    from fitwell.words.texts import Piece, pieces_of
    from word2vec import asked_of_gensim

    texts = (text for piece in pieces_of(asked.corpus) if isinstance(piece, Piece) for text in piece.texts())
    corpus = folder / "corpus.txt"
    corpus.write_text("".join(f"{text}\n" for text in islice(texts, asked.lines)), encoding="utf-8")
    encoded = words.encode(corpus, threads=1)
    words.fasttext(["a b c"] * 9, epochs=1)
    own, other = folder / "own.vec", folder / "other.vec"
    setup = asked_of_fasttext(asked.fasttext, "vectors", corpus, 0, other)
    speeds: dict[str, list[float]] = {"fitwell": [], "fastText": []}
    for seed in range(1, asked.rounds + 1):
        marks = list[tuple[float, float]]()

        def look(look: words.Look, marks: list[tuple[float, float]] = marks) -> None:
            marks.append((look.epoch * len(encoded.ids), time.process_time()))

        words.fasttext(encoded, epochs=asked.epochs, seed=seed, progress=look).save(own, format="word2vec")
        speeds["fitwell"].append((marks[-1][0] - marks[0][0]) / (marks[-1][1] - marks[0][1]))
        seconds = asked_of_fasttext(asked.fasttext, "vectors", corpus, asked.epochs, other) - setup
        speeds["fastText"].append(asked.epochs * len(encoded.ids) / seconds)
        print("  ".join(f"{who} {each[-1]:12,.0f} words/s" for who, each in speeds.items()), flush=True)
        for who, out in (("fitwell", own), ("fastText", other)) if asked.gensim else ():
            figures = asked_of_gensim(asked.gensim, "quality", out)
            print(f"{who:<8} seed {seed}  " + "  ".join(f"{name} {value:.3f}" for name, value in figures.items()))
    ratio = statistics.median(speeds["fitwell"]) / statistics.median(speeds["fastText"])
    print(f"fitwell reads {ratio:.1f} times as many words a second")


def rows_of(path: Path, text: str, label: str) -> list[str]:
    """Return the rows of a table in fastText's format."""
    from fitwell.data.read import read_table

    frame = read_table(str(path)).frame
    return [f"{PREFIX}{name} {' '.join(told.split())}\n" for name, told in frame.select(label, text).iter_rows()]


def compare_classifiers(asked: argparse.Namespace, folder: Path) -> None:
    """Print seconds and accuracies of both, and the ratio of the seconds."""
    from fitwell import words

    generator = np.random.default_rng(0)
    rows = rows_of(asked.table, asked.text, asked.label)
    rows = [rows[number] for number in generator.permutation(len(rows)).tolist()]
    held_out = len(rows) // 5
    test = rows_of(asked.test, asked.text, asked.label) if asked.test else rows[:held_out]
    train = rows if asked.test else rows[held_out:]
    repeated = [train[number] for _ in range(asked.repeat) for number in generator.permutation(len(train)).tolist()]
    corpus, test_file = folder / "train.txt", folder / "test.txt"
    corpus.write_text("".join(repeated), encoding="utf-8")
    test_file.write_text("".join(test), encoding="utf-8")
    truth = [row.split()[0].removeprefix(PREFIX) for row in test]
    texts = [row.split(" ", 1)[1] for row in test]
    words.classifier(["a b", "c d"], ["x", "y"], ngrams=asked.ngrams).predict(["a"])
    seconds: dict[str, list[float]] = {"fitwell": [], "fastText": []}
    for seed in range(1, asked.rounds + 1):
        started = time.process_time()
        model = words.classifier(corpus, ngrams=asked.ngrams, rate=asked.rate, epochs=asked.epochs, seed=seed)
        seconds["fitwell"].append(time.process_time() - started)
        right = np.mean(np.array(model.predict(texts)) == np.array(truth))
        arguments = (corpus, test_file, asked.ngrams, asked.rate, asked.epochs)
        taken, accuracy = asked_of_fasttext(asked.fasttext, "classifier", *arguments)
        seconds["fastText"].append(taken)
        told = zip(seconds.items(), (right, accuracy), strict=True)
        print("  ".join(f"{who} {each[-1]:.2f} s, accuracy {share:.4f}" for (who, each), share in told), flush=True)
    ratio = statistics.median(seconds["fastText"]) / statistics.median(seconds["fitwell"])
    print(f"{len(repeated):,} texts, {len(set(truth))} labels: fastText takes {ratio:.1f} times as long")


def main() -> None:
    """Compare what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    works = parser.add_subparsers(required=True)
    vectors = works.add_parser("vectors")
    vectors.add_argument("corpus", type=Path)
    vectors.add_argument("--lines", type=int)
    vectors.add_argument("--gensim", help="Python with gensim")
    vectors.add_argument("--epochs", type=int, default=2, help="at least 2 of a short corpus, for two looks")
    vectors.set_defaults(compare=compare_vectors)
    classifier = works.add_parser("classifier")
    classifier.add_argument("table", type=Path)
    classifier.add_argument("--text", required=True)
    classifier.add_argument("--label", required=True)
    classifier.add_argument("--test", type=Path)
    classifier.add_argument("--repeat", type=int, default=10)
    classifier.add_argument("--ngrams", type=int, default=1)
    classifier.add_argument("--rate", type=float, default=0.5)
    classifier.add_argument("--epochs", type=int, default=5)
    classifier.set_defaults(compare=compare_classifiers)
    for each in (vectors, classifier):
        each.add_argument("--fasttext", required=True, help="Python with fastText")
        each.add_argument("--rounds", type=int, default=3)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        asked.compare(asked, Path(name))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--as-fasttext"]:
        theirs(*sys.argv[2:])
    else:
        main()
