"""The commands under `fitwell words` do from the command line what Python offers."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path

import pytest
import scipy.sparse as sp
from sklearn.feature_extraction.text import TfidfVectorizer as SklearnVectorizer

from fitwell import cli
from fitwell.words import (
    BM25Vectorizer,
    Look,
    Tokenization,
    classifier,
    fasttext,
    glove,
    load,
    load_classifier,
    open_corpus,
    word2vec,
)

LINES = "He saw New York.\nNew York is big.\n\nShe saw him.\n" * 5


@pytest.fixture
def corpus(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.chdir(tmp_path)
    Path("corpus.txt").write_text(LINES)
    return "corpus.txt"


def test_encode_writes_the_numbers_of_a_corpus(corpus: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["words", "encode", corpus, "--lowercase", "--token-pattern", r"\w+", "-o", "numbers"]) == 0
    assert "55 tokens of 8 words in 20 texts: numbers" in capsys.readouterr().err
    texts = list(open_corpus("numbers").texts())
    assert texts[:3] == [["he", "saw", "new", "york"], ["new", "york", "is", "big"], []]


def test_encode_joins_phrases(corpus: str) -> None:
    options = ["--phrases", "1", "--phrase-measure", "npmi", "--phrase-threshold", "0.9", "--token-pattern", r"\w+"]
    assert cli.run(["words", "encode", corpus, *options, "-o", "numbers"]) == 0
    assert next(iter(open_corpus("numbers").texts())) == ["He", "saw", "New_York"]


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        (["--unit", "page"], 'unit must be "line" or "file", but is "page"'),
        (["--normalization", "x"], "normalization must be one of"),
        (["--phrases", "1", "--phrase-measure", "x"], "one of count, pmi, npmi"),
        (["--threads", "0"], "threads must be at least 1"),
    ],
)
def test_a_wrong_option_of_encode_is_refused(
    corpus: str, capsys: pytest.CaptureFixture[str], options: list[str], refusal: str
) -> None:
    assert cli.run(["words", "encode", corpus, "-o", "numbers", *options]) == 2
    assert refusal in capsys.readouterr().err
    assert not Path("numbers").exists()


def test_a_forgotten_option_is_refused_with_the_way_to_the_help(
    corpus: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["words", "encode", corpus]) == 2
    assert "see: fitwell words encode --help" in capsys.readouterr().err


def test_tfidf_writes_a_matrix_and_its_terms(corpus: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["words", "tfidf", corpus, "-o", "weights.npz"]) == 0
    assert "20 texts, 8 terms, 55 weights: weights.npz, weights.json" in capsys.readouterr().err
    expected = SklearnVectorizer()
    matrix = expected.fit_transform(LINES.splitlines())
    assert (sp.load_npz("weights.npz") != matrix).nnz == 0
    assert json.loads(Path("weights.json").read_text()) == {
        "version": 1,
        "terms": list(expected.get_feature_names_out()),
    }


def test_every_option_of_tfidf_is_passed_on(corpus: str) -> None:
    options = (
        "--analyzer word --shortest 1 --longest 2 --token-pattern [A-Za-z]+ --stop-words english --keep-case "
        "--strip-accents ascii --min-df 0.1 --max-df 12 --max-features 4 --norm none --sublinear --threads 1"
    )
    assert cli.run(["words", "tfidf", corpus, "-o", "weights.npz", *options.split()]) == 0
    expected = SklearnVectorizer(
        ngram_range=(1, 2),
        token_pattern="[A-Za-z]+",
        stop_words="english",
        lowercase=False,
        strip_accents="ascii",
        min_df=0.1,
        max_df=12,
        max_features=4,
        norm=None,
        sublinear_tf=True,
    ).fit_transform(LINES.splitlines())
    assert (sp.load_npz("weights.npz") != expected).nnz == 0


def test_tfidf_weighs_by_bm25(corpus: str) -> None:
    assert cli.run(["words", "tfidf", corpus, "-o", "weights.npz", "--bm25"]) == 0
    assert (sp.load_npz("weights.npz") != BM25Vectorizer().fit_transform(LINES.splitlines())).nnz == 0


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        (["-o", "weights.csv"], 'the matrix is written as .npz, but "weights.csv" ends otherwise; name it weights.npz'),
        (["-o", "w.npz", "--min-df", "few"], "--min-df must be a count such as 2 or a share such as 0.5, but is few"),
        (["-o", "w.npz", "--bm25", "--norm", "l1"], "--bm25 takes no --norm and no --sublinear"),
        (["-o", "w.npz", "--stop-words", "german"], 'stop_words must be "english"'),
        (["-o", "w.npz", "--unit", "page"], "unit must be"),
    ],
)
def test_a_wrong_option_of_tfidf_is_refused(
    corpus: str, capsys: pytest.CaptureFixture[str], options: list[str], refusal: str
) -> None:
    assert cli.run(["words", "tfidf", corpus, *options]) == 2
    assert refusal in capsys.readouterr().err
    assert not list(Path().glob("*.npz"))


def test_train_writes_vectors_and_tells_how_it_goes(corpus: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["words", "train", corpus, "-o", "v.txt", "--dimension", "8", "--epochs", "2"]) == 0
    told = capsys.readouterr().err
    assert re.search(r"epoch 2\.00/2  loss \d\.\d{4}  rate 0\.0001", told)  # however small
    assert " words/s  0:00 left" in told
    assert "9 words, 8 numbers each, after 2 epochs: v.txt" in told
    assert load("v.txt").matrix == pytest.approx(word2vec(corpus, dimension=8, epochs=2).matrix, abs=1e-6)


def test_every_option_of_train_is_passed_on(
    corpus: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    # Vector instructions would be compiled anew for this number of drawn words.
    monkeypatch.setattr("fitwell.words.word_vectors.vector_widths", lambda _width, _drawn: ())
    options = (
        "--method cbow --dimension 8 --window 2 --negative 3 --epochs 2 --min-count 6 --max-size 3 --subsample 0.1 "
        "--rate 0.1 --threads 1 --seed 4 --unit file --token-pattern \\w+ --lowercase --normalization NFC --quiet "
        "--format word2vec_binary --checkpoint c"
    )
    assert cli.run(["words", "train", corpus, "-o", "v.bin", *options.split()]) == 0
    assert "epoch" not in capsys.readouterr().err.replace("epochs: v.bin", "")
    expected = word2vec(
        corpus,
        architecture="cbow",
        dimension=8,
        window=2,
        negative=3,
        epochs=2,
        min_count=6,
        max_size=3,
        subsample=0.1,
        rate=0.1,
        seed=4,
        unit="file",
        tokenization=Tokenization(pattern=r"\w+", lowercase=True, normalization="NFC"),
    )
    assert load("v.bin").words == expected.words
    assert load("v.bin").matrix.tobytes() == expected.matrix.tobytes()


def test_train_learns_from_parts_of_words(corpus: str) -> None:
    options = "--method fasttext_cbow --dimension 8 --shortest 2 --longest 3 --buckets 50 --loss hierarchical_softmax"
    assert cli.run(["words", "train", corpus, "-o", "v.bin", *options.split(), "--format", "fasttext"]) == 0
    expected = fasttext(
        corpus,
        architecture="cbow",
        dimension=8,
        shortest=2,
        longest=3,
        buckets=50,
        loss="hierarchical_softmax",
    )
    assert load("v.bin").matrix.tobytes() == expected.matrix.tobytes()
    assert cli.run(["words", "neighbors", "v.bin", "Yorkish", "--count", "1"]) == 0


def test_train_goes_on_with_new_text(corpus: str) -> None:
    options = ["--dimension", "8", "--min-count", "1"]
    assert cli.run(["words", "train", corpus, "-o", "v.txt", "--keep", "kept", *options]) == 0
    Path("new.txt").write_text("He saw Boston.\n")
    assert cli.run(["words", "train", "new.txt", "-o", "v.txt", "--start", "kept", *options]) == 0
    assert {"New", "Boston."} <= set(load("v.txt").words)


def test_train_learns_from_counts(corpus: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = "--method glove --dimension 20 --window 3 --x-max 10 --memory-mb 5 --epochs 4 --rate 0.1 --seed 2"
    assert cli.run(["words", "train", corpus, "-o", "v.safetensors", *options.split()]) == 0
    assert " pairs/s  0:00 left" in capsys.readouterr().err
    expected = glove(corpus, dimension=20, window=3, x_max=10, epochs=4, rate=0.1, seed=2)
    assert load("v.safetensors").matrix.tobytes() == expected.matrix.tobytes()


def test_an_interrupted_training_is_kept_and_exits_with_130(
    corpus: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fitwell.words.word_vectors.BLOCK_TOKENS", 10)

    def interrupted(_look: Look) -> str:
        os.kill(os.getpid(), signal.SIGINT)
        return "interrupted"

    monkeypatch.setattr("fitwell.cli.words.showing_looks.look_text", interrupted)
    assert cli.run(["words", "train", corpus, "-o", "v.txt", "--dimension", "8"]) == 130
    assert "9 words, 8 numbers each, after 0." in capsys.readouterr().err
    assert load("v.txt").width == 8


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        (["-o", "v.bin"], "could be in several formats"),
        (["-o", "no/v.txt"], "no/v.txt cannot be written: there is no folder no; make it first"),
        (
            ["-o", "v.txt", "--method", "lsa"],
            "must be one of skipgram, cbow, fasttext, fasttext_cbow, glove, elmo, bert, but",
        ),
        (["-o", "v.txt", "--longest", "4"], "--longest is for the methods fasttext, fasttext_cbow, and does nothing"),
        (["-o", "v.txt", "--x-max", "4"], "--x-max is for the methods glove, and does nothing for skipgram; leave it"),
        (["-o", "v.txt", "--method", "glove", "--negative", "4"], "and does nothing for glove; leave it out"),
        (["-o", "v.txt", "--loss", "x"], "loss must be one of negative_sampling, hierarchical_softmax, but is"),
    ],
)
def test_a_wrong_option_of_train_is_refused(
    corpus: str, capsys: pytest.CaptureFixture[str], options: list[str], refusal: str
) -> None:
    assert cli.run(["words", "train", corpus, *options]) == 2
    assert refusal in capsys.readouterr().err
    assert not list(Path().glob("v*"))


LABELLED = "label,text\nsport,a goal\nmoney,the bank\nsport,the match\nmoney,a loan\n"


def test_classify_and_label_work_on_tables(corpus: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("data.csv").write_text(LABELLED)
    columns = ["--text", "text", "--label", "label"]
    options = "--dimension 8 --epochs 50 --rate 0.5 --ngrams 2 --shortest 2 --longest 3 --buckets 99 --seed 3"
    assert cli.run(["words", "classify", "data.csv", "-o", "m.bin", *columns, *options.split()]) == 0
    told = capsys.readouterr().err
    assert re.search(r"epoch 50\.00/50  loss 0\.\d{4}  rate 0\.0000", told)
    assert "2 labels, 7 words, after 50 epochs: m.bin" in told
    expected = classifier(
        ["a goal", "the bank", "the match", "a loan"],
        ["sport", "money", "sport", "money"],
        dimension=8,
        epochs=50,
        rate=0.5,
        ngrams=2,
        shortest=2,
        longest=3,
        buckets=99,
        seed=3,
    )
    assert load_classifier("m.bin").model.inputs.tobytes() == expected.model.inputs.tobytes()
    assert cli.run(["words", "label", "m.bin", "data.csv", *columns]) == 0
    shown = capsys.readouterr()
    assert [line.split(",")[0] for line in shown.out.splitlines()] == ["prediction", "sport", "money", "sport", "money"]
    assert "accuracy 1.0000 [0.5101, 1.0000], 4 of 4" in shown.err
    assert cli.run(["words", "label", "m.bin", "data.csv", "--text", "text", "-o", "p.csv"]) == 0
    assert Path("p.csv").read_text() == shown.out


def test_classify_and_label_work_on_lines(corpus: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("lines.txt").write_text("__label__x one thing\n__label__y other thing\n" * 20)
    options = "--loss one_vs_all --negative 2 --min-count 2 --dimension 8 --threads 1 --checkpoint c --quiet"
    assert cli.run(["words", "classify", "lines.txt", "-o", "m.bin", *options.split()]) == 0
    assert "epoch " not in capsys.readouterr().err
    Path("test.txt").write_text("__label__x one\nother\n__label__x other __label__z\n__label__z\n")
    assert cli.run(["words", "label", "m.bin", "test.txt"]) == 0
    shown = capsys.readouterr()
    assert [line[0] for line in shown.out.splitlines()[1:4]] == ["x", "y", "y"]
    assert "accuracy 0.5000 [0.0945, 0.9055], 1 of 2" in shown.err  # of four texts, two have a label that is known


@pytest.mark.parametrize(
    ("options", "refusal"),
    [
        (["--label", "label"], 'the labels are in column "label", but where are the texts? name their column by'),
        (["--text", "txt", "--label", "label"], 'data.csv has no column "txt"; did you mean "text"?'),
        (["--text", "text"], "there must be two labels or more, but there are 0"),
        (["--text", "text", "--label", "label", "--loss", "x"], "loss must be one of softmax"),
    ],
)
def test_a_wrong_option_of_classify_is_refused(
    corpus: str, capsys: pytest.CaptureFixture[str], options: list[str], refusal: str
) -> None:
    Path("data.csv").write_text(LABELLED)
    assert cli.run(["words", "classify", "data.csv", "-o", "m.bin", *options]) == 2
    assert refusal in capsys.readouterr().err
    assert not Path("m.bin").exists()


def test_a_missing_cell_is_refused_with_its_row(corpus: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("data.csv").write_text("label,text\na,one\n,two\n")
    assert cli.run(["words", "classify", "data.csv", "-o", "m.bin", "--text", "text", "--label", "label"]) == 2
    assert 'column "label" has none in row 2' in capsys.readouterr().err
