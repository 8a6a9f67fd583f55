"""The commands under `fitwell search` do from the command line what Python offers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.search.conftest import DOCUMENTS

from fitwell import cli
from fitwell.search import open_index

INDEX = ["search", "index", "docs.jsonl", "--by", "bm25,tfidf", "--threads", "1", "-o"]


@pytest.fixture
def made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    lines = [json.dumps({"id": name, "text": text}) for name, text in DOCUMENTS.items()]
    Path("docs.jsonl").write_text("\n".join(lines))
    assert cli.run([*INDEX, "index"]) == 0
    return tmp_path / "index"


def test_index_says_what_it_made(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([*INDEX, "another"]) == 0
    said = capsys.readouterr().err
    assert "! 1 document has no text and cannot be found (nothing)" in said
    assert "6 added; another holds 6 documents, by fusion, bm25, tfidf" in said


def test_add_and_delete_change_it_and_say_so(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("more.csv").write_text("name,words\ncats,No more.\nnew,A cat.\n")
    assert cli.run(["search", "add", "index", "more.csv", "--id", "name", "--text", "words"]) == 0
    assert cli.run(["search", "delete", "index", "dogs", "ünï"]) == 0
    said = capsys.readouterr().err
    assert "1 added, 1 replaced; index holds 7 documents" in said
    assert "2 deleted; index holds 5 documents" in said
    assert [hit.id for hit in open_index(made).query("cat")] == ["new"]


def test_query_shows_ids_scores_and_excerpts(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["search", "query", "index", "the dog", "-k", "1", "--by", "bm25"]) == 0
    score = open_index(made).query("the dog", 1, by="bm25")[0].score
    assert capsys.readouterr().out == f"  1  dogs  {score:.4g}\n     {DOCUMENTS['dogs']}\n"


def test_query_gives_json(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["search", "query", "index", "wing", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["version"], told["by"], [hit["rank"] for hit in told["hits"]]) == (1, "fusion", [1, 2])
    for hit in told["hits"]:
        assert hit["text"] == DOCUMENTS[hit["id"]][hit["start"] : hit["end"]]


def test_a_query_that_finds_nothing_is_no_failure(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["search", "query", "index", "кошка"]) == 0
    assert 'nothing found: none of the query\'s "кошка"' in capsys.readouterr().err
    assert cli.run(["search", "query", "index", "кошка", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["hits"], told["why"][:20]) == ([], "none of the query's ")


def test_evaluate_prints_figures_and_differences(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("queries.csv").write_text("id,text\n1,cat\n2,wing\n")
    Path("judgements.tsv").write_text("query\tdocument\trelevance\n1\tcats\t1\n2\twings\t2\n2\tlost\t1\n")
    asked = ["search", "evaluate", "index", "queries.csv", "judgements.tsv", "--gains", "1=2,2=1"]
    assert cli.run(asked) == 0
    shown = capsys.readouterr().out
    for part in (
        "! judgement that names a document which is not",
        "2 queries",
        "fusion less bm25",
        "ndcg_at_10",
        "mrr",
    ):
        assert part in shown
    assert cli.run([*asked, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["queries"], list(told["rankings"]), list(told["differences"]["from"])) == (
        2,
        ["fusion", "bm25", "tfidf"],
        ["bm25", "tfidf"],
    )
    assert told["rankings"]["bm25"]["recall_at_10"]["value"] == 0.75


@pytest.mark.parametrize(
    ("words", "refusal"),
    [
        ("index docs.jsonl -o index", "index exists; choose another place with -o"),
        ("index nothing.jsonl -o new", "there is no file nothing.jsonl"),
        ("index docs.jsonl -o new --by bm25,semantic", 'but "semantic" is none'),
        ("index docs.jsonl -o new --vectors v.txt", 'serve the way "words" only'),
        ("query nowhere cat", "there is no index at nowhere"),
        ("query index cat --by words", 'ranks by fusion, bm25, tfidf, but "words" is none'),
        ("query index cat -k 0", "the count must be 1 or more"),
        ("delete index nobody", 'no document "nobody"'),
        ("evaluate index docs.jsonl docs.jsonl", "a judgement must be query, document and relevance"),
        ("evaluate index docs.jsonl docs.jsonl --gains x", "--gains must be a list"),
    ],
)
def test_what_cannot_be_done_is_refused_in_one_line(
    made: Path, words: str, refusal: str, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert cli.run(["search", *words.split()]) == 2
    said = capsys.readouterr().err
    assert refusal in said
    assert said.count("\n") == 1
    assert not (made.parent / "new").exists()
