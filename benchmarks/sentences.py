"""How fast sentences are encoded, beside sentence-transformers on the same model.

    python benchmarks/sentences.py ENCODER --data DIR [--texts 3000] [--repeats 3] [--exact]

Sentences of `banking77`, `movie_sentence_polarity` and `ag_news_test` in DIR, each set alone and all together, short
and long ones mixed, are encoded by Fitwell and by sentence-transformers, in turns in one process, on one thread, by
Fitwell in float32 as sentence-transformers does and in bfloat16 (not with --exact: without units for it, a CPU is
slow at that); figures are texts a CPU second, the quickest of the repeats, and the lowest cosine of a text's two
vectors. `floor` is what the matrix products of all
pieces would allow at the speed of one such product alone, measured in the same turns.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

SETS = {"banking77": ("train.csv", "text"), "movie_sentence_polarity": (None, "text"), "ag_news_test": (None, None)}


def texts_of(folder: Path, name: str, count: int) -> list[str]:
    """Return the first texts of a set, title and description together where there are both."""
    import polars as pl

    file = SETS[name][0] or f"{name}.csv"
    table = pl.read_csv(folder / name / file, infer_schema=False).head(count)
    columns = [column for column in table.columns if column in ("text", "sentence", "title", "description")]
    return [" ".join(cell or "" for cell in row) for row in table.select(columns).rows()]


def least(work: Sequence[Callable[[], Any]], repeats: int) -> list[float]:
    """Return the least CPU seconds of each piece of work, done in turns."""
    seconds = [float("inf")] * len(work)
    for _ in range(repeats):
        for place, each in enumerate(work):
            started = time.process_time()
            each()
            seconds[place] = min(seconds[place], time.process_time() - started)
    return seconds


def encoding(encoder: Path, data: Path, *, count: int, repeats: int, halving: bool) -> None:
    """Print a line for each set of sentences."""
    import numpy as np
    import torch
    from sentence_transformers import SentenceTransformer

    from fitwell.pretrained import open_encoder
    from fitwell.pretrained.tokenizer import cut

    theirs = SentenceTransformer(str(encoder), device="cpu")
    exact, halved = open_encoder(encoder), open_encoder(encoder, precision="bfloat16")
    width, inner = exact.configuration.width, exact.configuration.inner
    rows, weights = torch.randn(1024, width), torch.randn(inner, width)
    print("| sentences | texts | floor | sentence-transformers | Fitwell (ratio, lowest cosine) | in bfloat16 |")
    print("|---|---|---|---|---|---|")
    sets = {name: texts_of(data, name, count) for name in SETS}
    sets["all three together"] = [text for texts in zip(*sets.values(), strict=True) for text in texts]
    for name, texts in sets.items():
        work: list[Callable[[], Any]] = [
            partial(theirs.encode, texts, show_progress_bar=False),
            partial(exact.encode, texts),
            *([partial(halved.encode, texts)] if halving else []),
        ]
        expected, *found = (np.asarray(each()) for each in work)
        *seconds, product = least([*work, partial(torch.nn.functional.linear, rows, weights)], repeats)
        pieces = sum(map(len, cut(exact.tokenizer, texts, longest=exact.configuration.longest).numbers))
        floor = pieces * exact.network.multiplications * product / (1024 * width * inner)
        told = [
            f"{len(texts) / each:.0f} ({seconds[0] / each:.2f}, {(vectors * expected).sum(1).min():.6f})"
            for each, vectors in zip(seconds[1:], found, strict=True)
        ]
        cells = [name, f"{len(texts):,}", *(f"{len(texts) / each:.0f}" for each in (floor, seconds[0])), *told]
        print(f"| {' | '.join(cells)} |", flush=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("encoder", type=Path, help="folder of the model")
    parser.add_argument("--data", type=Path, required=True, help="folder of the sets")
    parser.add_argument("--texts", type=int, default=3000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--exact", action="store_true", help="leave bfloat16 out")
    asked = parser.parse_args()
    import torch

    torch.set_num_threads(1)
    encoding(asked.encoder, asked.data, count=asked.texts, repeats=asked.repeats, halving=not asked.exact)


if __name__ == "__main__":
    main()
