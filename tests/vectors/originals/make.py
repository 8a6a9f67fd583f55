"""Make the small files in this folder with the tools they come from, and write down what the tools say of them.

    python make.py FOLDER          needs gensim and fasttext-wheel
    python make.py --read FOLDER   loads files that Fitwell wrote with the tools, and writes down what these find

The files differ a little from one machine to another; what the tools say is written beside them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import fasttext
import gensim

TEXTS = [
    "the king and the queen rule the naïve land",
    "a man and a woman walk to the café in the straße",
    "the king is a man and the queen is a woman",
    "日本 is a land and the king of 日本 is a man",
    "the woman and the man see the queen walk",
] * 20
UNSEEN = ["kingdom", "naïveté", "日本語", "womanly", "x"]
PAIRS = [
    ("king", "queen", 9.0),
    ("man", "woman", 8.0),
    ("king", "land", 3.0),
    ("Café", "straße", 6.0),
    ("walk", "the", 1.0),
    ("a", "the", 5.0),
    ("absent", "king", 2.0),
]
LABELS = ["rule", "walk", "rule", "land", "walk"]  # of the texts, in turn
TO_TELL = [
    "the king and the queen rule the naïve land",
    "a man walks",
    "",
    "日本語 の 女王 unseen\u00a0words __label__rule",
    "queen queen __label__other\tking",
]
QUESTIONS = [
    ("royal", "man king woman queen"),
    ("royal", "king man queen woman"),
    ("royal", "Man King Woman Queen"),
    ("other", "the king a land"),
    ("other", "is and a absent"),
    ("other", "the the the the"),
]


def make(folder: Path) -> None:
    """Write every file and `said.json`."""
    said = {"gensim": from_gensim(folder), "fasttext": from_fasttext(folder), "classifier": classifier(folder)}
    said["predictions"] = {loss: predictions(folder, loss) for loss in ("softmax", "hs", "ns", "ova")}
    text = json.dumps({"versions": {"gensim": gensim.__version__}, **said}, indent=1, ensure_ascii=False)
    (folder / "said.json").write_text(text + "\n", encoding="utf-8")


def from_gensim(folder: Path) -> dict[str, Any]:
    """Train with gensim; save in each of its formats; ask for neighbors, analogies and figures."""
    sentences = [text.split() for text in TEXTS]
    model = gensim.models.Word2Vec(sentences, vector_size=5, min_count=1, workers=1, seed=3, epochs=30)
    vectors = model.wv
    vectors.save_word2vec_format(folder / "gensim.txt")
    vectors.save_word2vec_format(folder / "gensim.bin", binary=True)
    vectors.save(str(folder / "gensim.kv"))
    pairs, questions = folder / "pairs.tsv", folder / "questions.txt"
    pairs.write_text("".join(f"{one}\t{other}\t{score}\n" for one, other, score in PAIRS), encoding="utf-8")
    sections = dict.fromkeys(section for section, _ in QUESTIONS)
    lines = [line for name in sections for line in (f": {name}", *(four for part, four in QUESTIONS if part == name))]
    questions.write_text("\n".join(lines) + "\n", encoding="utf-8")
    _, spearman, share_unknown = vectors.evaluate_word_pairs(pairs)
    accuracy, details = vectors.evaluate_word_analogies(questions)
    return {
        "words": vectors.index_to_key,
        "values": [[float(value) for value in row] for row in vectors.vectors],
        "neighbors_of_king": vectors.most_similar("king", topn=5),
        "queen_by_addition": vectors.most_similar(positive=["king", "woman"], negative=["man"], topn=5),
        "odd_one_out": vectors.doesnt_match(["king", "queen", "man", "the"]),
        "similarity": float(vectors.similarity("king", "queen")),
        "spearman": float(spearman[0]),
        "percent_unknown": float(share_unknown),
        "accuracy": float(accuracy),
        "right": {part["section"]: len(part["correct"]) for part in details},
        "wrong": {part["section"]: len(part["incorrect"]) for part in details},
    }


def from_fasttext(folder: Path) -> dict[str, Any]:
    """Train with fastText on parts of words; ask for the vectors of seen and unseen words."""
    corpus = folder / "corpus.txt"
    corpus.write_text("\n".join(TEXTS) + "\n", encoding="utf-8")
    model = fasttext.train_unsupervised(
        str(corpus), model="skipgram", dim=4, minCount=1, minn=2, maxn=4, bucket=40, epoch=5, thread=1, verbose=0
    )
    corpus.unlink()
    model.save_model(str(folder / "fasttext.bin"))
    words = model.get_words()
    with (folder / "fasttext.vec").open("w", encoding="utf-8") as file:  # as fastText's own program writes it
        file.write(f"{len(words)} {model.get_dimension()}\n")
        for word in words:
            file.write(word + " " + " ".join(f"{value:.5g}" for value in model.get_word_vector(word)) + " \n")
    return {
        "words": words,
        "values": [[float(value) for value in model.get_word_vector(word)] for word in words],
        "unseen": {word: [float(value) for value in model.get_word_vector(word)] for word in UNSEEN},
        "parts_of_naïve": model.get_subwords("naïve")[0],
    }


def classifier(folder: Path) -> dict[str, Any]:
    """Train a classifier with fastText."""
    corpus = folder / "labelled.txt"
    lines = [f"__label__{'royal' if 'queen' in text else 'plain'} {text}" for text in TEXTS]
    corpus.write_text("\n".join(lines) + "\n", encoding="utf-8")
    model = fasttext.train_supervised(
        str(corpus), dim=4, minn=2, maxn=3, bucket=30, wordNgrams=2, loss="hs", thread=1, verbose=0
    )
    corpus.unlink()
    model.save_model(str(folder / "classifier.bin"))
    words = model.get_words()
    return {
        "labels": model.get_labels(),
        "words": words,
        "values": [[float(value) for value in model.get_word_vector(word)] for word in words],
    }


def predictions(folder: Path, loss: str) -> dict[str, dict[str, float]]:
    """Train a classifier of three labels by a loss; ask for the probability of each."""
    corpus = folder / "labelled.txt"
    lines = [f"__label__{label} {text}" for text, label in zip(TEXTS, LABELS * 20, strict=True)]
    corpus.write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = {"dim": 4, "lr": 0.5, "epoch": 10, "minn": 2, "maxn": 3, "bucket": 200, "wordNgrams": 3}
    model = fasttext.train_supervised(str(corpus), loss=loss, thread=1, verbose=0, **settings)
    corpus.unlink()
    model.save_model(str(folder / f"labels_{loss}.bin"))
    return {text: told(model, text) for text in TO_TELL}


def told(model: Any, text: str) -> dict[str, float]:
    """Return the probability of each label, as fastText says it."""
    return {label: float(value) for label, value in zip(*model.predict(text, k=-1), strict=True)}


def read(folder: Path) -> None:
    """Load what Fitwell wrote, and write down the values that the tools find in it."""
    from gensim.models import KeyedVectors

    found = dict[str, Any]()
    for name, settings in {
        "word2vec.txt": {},
        "word2vec.bin": {"binary": True},
        "glove.txt": {"no_header": True},
    }.items():
        vectors = KeyedVectors.load_word2vec_format(folder / name, **settings)
        found[name] = {word: [float(value) for value in vectors[word]] for word in vectors.index_to_key}
    model = fasttext.load_model(str(folder / "fasttext.bin"))
    found["fasttext.bin"] = {
        word: [float(value) for value in model.get_word_vector(word)] for word in [*model.get_words(), *UNSEEN]
    }
    found["classifiers"] = {
        path.name: {text: told(fasttext.load_model(str(path)), text) for text in TO_TELL}
        for path in folder.glob("labels_*.bin")
    }
    (folder / "read.json").write_text(json.dumps(found), encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1] == "--read":
        read(Path(sys.argv[2]))
    else:
        make(Path(sys.argv[1]))
