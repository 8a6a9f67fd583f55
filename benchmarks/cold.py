"""Where the time of a small training goes: CPU seconds of `fitwell train` in a cold process, part by part.

    python benchmarks/cold.py [FILE --target NAME]

The default is `examples/german_credit.csv`. `import torch` alone is measured in a process of its own, in the same run.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLE = Path(__file__).parents[1] / "examples" / "german_credit.csv"

TRAIN = """
import sys, time
clock = time.process_time
marks = [("interpreter", clock())]
import torch; marks.append(("import torch", clock()))
import fitwell.workflow as workflow; marks.append(("import fitwell's rooms", clock()))
import sklearn.linear_model, sklearn.ensemble; marks.append(("import scikit-learn", clock()))
names = {"data": "read", "plan": "type, divide, encode, audit"}
looks = []
def listen(event):
    if event.kind in names: marks.append((names[event.kind], clock()))
    if event.kind == "look": looks.append(clock())
workflow.train(sys.argv[1], target=sys.argv[2], out=sys.argv[3], listener=listen)
marks.append(("baselines", looks[0])); marks.append((f"train, {len(looks) - 1} epochs", looks[-1]))
marks.append(("measure and write", clock()))
for (_, before), (name, after) in zip([("", 0.0), *marks], marks): print(f"{name:30} {after - before:6.2f}")
print(f"{'in all':30} {marks[-1][1]:6.2f}")
"""


def cpu_seconds(code: str, *arguments: str) -> float:
    """Run code in a fresh process and return its CPU seconds, children included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code, *arguments], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print the parts and the sum beyond `import torch`."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", nargs="?", default=str(EXAMPLE))
    parser.add_argument("--target", default="class")
    asked = parser.parse_args()
    torch_alone = cpu_seconds("import torch")
    with tempfile.TemporaryDirectory() as folder:
        whole = cpu_seconds(TRAIN, asked.file, asked.target, str(Path(folder) / "run"))
    print(
        f"CPU seconds: import torch alone {torch_alone:.2f}, everything {whole:.2f}, beyond {whole - torch_alone:.2f}"
    )


if __name__ == "__main__":
    main()
