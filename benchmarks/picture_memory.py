"""How much memory a training on many small pictures takes: the peak of `fitwell train`, beside what the pictures hold.

    python benchmarks/picture_memory.py [--pictures 100000] [--side 32] [--steps 100] [--folder DIR]

Pictures in color, of two classes, are written as PNG files into a temporary folder (or DIR, where they are left), and
trained on by the command, report included, in a process of its own whose largest resident size is told.
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


def write(folder: Path, pictures: int, side: int) -> None:
    """Write stripes, one way or the other, each in two colors of its own."""
    from PIL import Image

    random = np.random.default_rng(0)
    stripes = np.arange(side) // 4 % 2
    for number in range(pictures):
        place = folder / ("across" if number % 2 else "upright") / f"{number // 1000:03}"
        place.mkdir(parents=True, exist_ok=True)
        colors = random.integers(0, 256, (2, 3), dtype=np.uint8)
        picture = np.broadcast_to(colors[stripes][:, None], (side, side, 3))
        shown = picture if number % 2 else picture.swapaxes(0, 1)
        Image.fromarray(np.ascontiguousarray(shown)).save(place / f"{number:06}.png", compress_level=1)


def main() -> None:
    """Print what the pictures hold, and the peak of the command that learns from them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--folder", type=Path, help="where the pictures are, or are written and left")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = asked.folder or Path(temporary) / "pictures"
        if not folder.exists():
            write(folder, asked.pictures, asked.side)
        command = [sys.executable, "-m", "fitwell", "train", str(folder), "--out", str(Path(temporary) / "run")]
        started = time.perf_counter()
        subprocess.run([*command, "--set", f"training.maximum_steps={asked.steps}", "--quiet"], check=True)
        seconds = time.perf_counter() - started
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    held = asked.pictures * asked.side**2 * 3 / 2**20
    print(f"{asked.pictures:,} pictures hold {held:.0f} MB; peak {usage.ru_maxrss / 2**10:.0f} MB, {seconds:.0f} s "
          f"({usage.ru_utime + usage.ru_stime:.0f} s of CPU)")  # fmt: skip


if __name__ == "__main__":
    main()
