"""How much memory a training on a large file of texts takes: the peak of `fitwell train`, beside what the file holds.

    python benchmarks/text_memory.py DIR [--megabytes 2000] [--format parquet] [--steps 100] [--set NAME=VALUE ...]

DIR has `ag_news_test`. Its news are cut in half, and halves of two news of one class joined, with a word of any class
between them, until there are so many megabytes of text; the file is written into a temporary folder, and trained on by
the command, report included, in a process of its own whose largest resident size is told.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl

TARGET, ROWS = "class", 100_000  # of a frame, and of a row group


def news(folder: Path) -> tuple[list[pl.DataFrame], pl.Series]:
    """Return the first and the second half of each text by classes, and all words."""
    table = pl.read_csv(folder / "ag_news_test" / "ag_news_test.csv", infer_schema=False)
    words = pl.col("title").add(" ").add(pl.col("description")).str.split(" ")
    middle = words.list.len() // 2
    head, tail = words.list.head(middle).list.join(" "), words.list.slice(middle).list.join(" ")
    halves = table.select(TARGET, head=head, tail=tail)
    return halves.partition_by(TARGET, maintain_order=True), table.select(words.explode()).to_series()


def frame_of(random: np.random.Generator, parts: list[pl.DataFrame], words: pl.Series, rows: int) -> pl.DataFrame:
    """Return so many new texts, each with a class."""
    frames = []
    for part in parts:
        first, second = random.integers(0, len(part), (2, rows // len(parts)))
        between = words.gather(random.integers(0, len(words), len(first)))
        text = pl.select(pl.concat_str(part["head"].gather(first), between, part["tail"].gather(second), separator=" "))
        frames.append(pl.DataFrame({"text": text.to_series(), TARGET: part[TARGET].gather(first)}))
    whole = pl.concat(frames)
    return whole[random.permutation(len(whole))]


def write(file: Path, folder: Path, megabytes: float) -> tuple[int, float]:
    """Write a table of texts, and return how many rows it has and how many megabytes of text."""
    random, (parts, words) = np.random.default_rng(0), news(folder)
    frames, size, rows = [], 0, 0
    with file.open("wb") as written:
        while size < megabytes * 1e6:
            frame = frame_of(random, parts, words, ROWS)
            size, rows = size + int(frame["text"].str.len_bytes().sum()), rows + len(frame)
            if file.suffix == ".csv":
                frame.write_csv(written, include_header=rows == len(frame))
            else:
                frames.append(frame)
        if frames:
            pl.concat(frames).write_parquet(written, row_group_size=ROWS)
    return rows, size / 1e6


def main() -> None:
    """Print what the file holds, and the peak of the command that learns from it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument("--megabytes", type=float, default=2000)
    parser.add_argument("--format", choices=["parquet", "csv"], default="parquet")
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE", dest="settings", help="settings to try")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        file = Path(temporary) / f"texts.{asked.format}"
        rows, megabytes = write(file, asked.data, asked.megabytes)
        settings = [f"training.maximum_steps={asked.steps}", *asked.settings]
        command = [sys.executable, "-m", "fitwell", "train", str(file), "--target", TARGET, "--quiet"]
        command += ["--out", str(Path(temporary) / "run"), *(f"--set={setting}" for setting in settings)]
        started = time.perf_counter()
        subprocess.run(command, check=True)
        seconds = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    print(f"{rows:,} texts hold {megabytes:.0f} MB; peak {usage.ru_maxrss / 2**10:.0f} MB, {seconds:.0f} s "
          f"({usage.ru_utime + usage.ru_stime:.0f} s of CPU)")  # fmt: skip


if __name__ == "__main__":
    main()
