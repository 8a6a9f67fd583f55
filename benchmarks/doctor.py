"""How well is a training's illness found, named and cured? `fw.examine` and its rivals on programs with known faults.

    python benchmarks/doctor.py [--part held-out] [--only NAME...] [--seeds 2] [--jobs 2] [--json doctor.jsonl]
    python benchmarks/doctor.py --verify [--part all] [--only NAME...] [--seeds 3]
    python benchmarks/doctor.py --report --json doctor.jsonl

The programs are in `doctor_programs`: faulty ones, a repaired twin of each, and healthy ones. `--verify` trains them
and shows whether each fault costs what a fault must cost, and whether twins and healthy programs are near what
simple models of scikit-learn make of the same rows. The judge asks every tool about every program, with seeds that no
threshold was set with, and appends each answer to a file as soon as it has it: a run that was stopped goes on where it
was. The rules of rivals are in `doctor_programs/rivals.py`; torchmortem is asked where it is installed.

- flagged: a confirmed critical finding; a critical finding of torchmortem; any rule of the others that fires.
- named first, among three: the tool's first, one of its first three names is one of what is wrong (or of other names
  that are as fair), of all faulty programs.
- cured: the skill that the confirmed changes reached, on held-out rows, is at least 90 % of the twin's, by the same
  measure; of the faulty programs that a change of the training can cure.

Intervals are Wilson's, over programs and seeds. Time is CPU time, of the examination against one training.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch's threads are made

import argparse
import json
import multiprocessing
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from statistics import mean, median
from typing import Any, get_args

import torch

from doctor_programs import PROGRAMS
from doctor_programs.program import Case, Part, Program
from doctor_programs.references import Reference, reference
from doctor_programs.rivals import MEANINGS, available
from doctor_programs.training import begun, outputs_of, trained
from fitwell.metrics.intervals import wilson

FIRST_SEED = 1000  # thresholds were set with others
SHORTFALL = 0.1  # of the way from a constant to the twin that a fault must cost
PARTS: tuple[Part, ...] = get_args(Part)
NEAR = 0.15  # of that way that a twin may stay behind the reference: it is a network, and no more than trained well

Answer = dict[str, Any]


@cache
def score_of(program: Program, seed: int) -> tuple[float, float]:
    """Return a program's score on rows that it has not seen, and the CPU seconds of its training."""
    case = program.make(seed)
    started = time.process_time()
    model, optimizer = begun(case)
    for _ in trained(case, model, optimizer):
        pass
    seconds = time.process_time() - started
    return case.score(outputs_of(model, case.test[0]), case.test[1]), seconds


@cache
def reference_of(program: Program, seed: int) -> Reference:
    """Return what simple models make of a program's rows."""
    return reference(program.make(seed))


def verify(programs: Sequence[Program], seeds: Sequence[int]) -> int:
    """Print what each program reaches, and return how many are not what they must be."""
    print("| program | score, each seed | twin's mean | reference | constant | verdict |\n|---|---|---|---|---|---|")
    known = {each.name: each for each in PROGRAMS}
    wrong, times = 0, []
    for program in programs:
        of = known[program.twin] if program.twin else program
        scores, twins = ([score_of(each, seed)[0] for seed in seeds] for each in (program, of))
        times.append(mean(score_of(program, seed)[1] for seed in seeds))
        best = mean(reference_of(of, seed).best for seed in seeds[:2])
        constant = mean(reference_of(of, seed).constant for seed in seeds[:2])
        found = verdict(program, mean(scores), mean(twins), best, constant)
        wrong += found.startswith("!")
        told = " ".join(f"{score:.3f}" for score in scores)
        print(f"| {program.name} | {told} | {mean(twins):.3f} | {best:.3f} | {constant:.3f} | {found} |", flush=True)
    print(f"\n{wrong} of {len(programs)} are not what they must be")
    print(f"a training takes {median(times):.2f} s of CPU, at most {max(times):.2f}")
    return wrong


def verdict(program: Program, score: float, twin: float, best: float, constant: float) -> str:
    """Return in words whether a program is what it must be; an exclamation mark when not."""
    scale = max(twin - constant, 1e-9)
    if program.kind == "faulty":
        short = (twin - score) / scale
        if short >= SHORTFALL:
            return f"short by {short:.0%}"
        return (
            f"wrong by construction, short by {short:.0%}"
            if program.by_construction
            else f"! short by {short:.0%} only"
        )
    behind = (best - score) / max(best - constant, 1e-9)
    return f"! behind by {behind:.0%}" if behind > NEAR else "as good" if behind <= 0 else f"behind by {behind:.0%}"


def examined(case: Case) -> Answer:
    """Return what `fw.examine` says."""
    import fitwell as fw

    exam = fw.examine(**case.arguments)
    confirmed = [each for each in exam.findings if each.status == "confirmed" and each.severity == "critical"]
    reached = [each.evidence["skill_with_changes"] for each in confirmed if "skill_with_changes" in each.evidence]
    return {
        "flagged": not exam.healthy,
        "said": [each.symptom for each in confirmed],
        "skill": exam.skill,
        "allowed": exam.allowed,
        "cured": max(reached, default=None),
        "trainings": exam.trainings,
        "also": [f"{each.symptom}: {each.status} {each.severity}" for each in exam.findings if each not in confirmed],
    }


def asked(ask: Callable[[Case], tuple[str, ...]]) -> Callable[[Case], Answer]:
    """Return the function that says in our way what a rival says."""

    def answer(case: Case) -> Answer:
        said = ask(case)
        return {"flagged": bool(said), "said": list(said), "meant": [list(MEANINGS[each]) for each in said]}

    return answer


def tools() -> dict[str, Callable[[Case], Answer]]:
    """Return all that is judged, by name."""
    return {"fitwell": examined, **{name: asked(ask) for name, ask in available().items()}}


def judged(task: tuple[str, int, str]) -> Answer:
    """Return one tool's answer about one program and seed, with its CPU seconds and those of one plain training."""
    name, seed, tool = task
    torch.set_num_threads(1)
    program = next(each for each in PROGRAMS if each.name == name)
    row: Answer = {"program": name, "kind": program.kind, "part": program.part, "seed": seed, "tool": tool}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of broken trainings
        _, row["training_seconds"] = score_of(program, seed)
        started = time.process_time()
        try:
            row |= tools()[tool](program.make(seed))
        except Exception as error:  # a tool that fails has said nothing; what failed is kept
            row |= {"flagged": False, "said": [], "error": "".join(traceback.format_exception_only(error)).strip()}
            row["where"] = traceback.format_exc().splitlines()[-4:]
        row["seconds"] = time.process_time() - started
    return row


def judge(programs: Sequence[Program], *, names: Iterable[str], seeds: int, jobs: int, results: Path) -> None:
    """Append what is not among the results yet."""
    done = {(row["program"], row["seed"], row["tool"]) for row in read(results)}
    tasks = [
        (program.name, FIRST_SEED + seed, name) for seed in range(seeds) for program in programs for name in names
    ]  # fmt: skip
    left = [task for task in tasks if task not in done]
    # Processes are spawned and short-lived, so that no tool finds what another has left behind.
    with multiprocessing.get_context("spawn").Pool(jobs, maxtasksperchild=40) as pool, results.open("a") as file:
        for row in pool.imap_unordered(judged, left):
            file.write(json.dumps(row) + "\n")
            file.flush()
            said = ", ".join(row["said"][:3]) or row.get("error", "nothing")
            print(f"{row['tool']:20} {row['kind']:9} {row['program'][:60]:60} {said}", flush=True)


def read(results: Path) -> list[Answer]:
    """Return the results so far."""
    return [json.loads(line) for line in results.read_text().splitlines()] if results.is_file() else []


def share(hits: Sequence[bool]) -> str:
    """Return a share in percent with Wilson's interval."""
    if not hits:
        return "-"
    low, high = wilson(mean(hits), size=len(hits), confidence=0.95)
    return f"{mean(hits):.0%} ({low:.0%} to {high:.0%}; {sum(hits)} of {len(hits)})"


def named(row: Answer, within: int) -> bool:
    """Tell whether one of a tool's first names is one of what is wrong."""
    program = next(each for each in PROGRAMS if each.name == row["program"])
    meant = row.get("meant", [[each] for each in row["said"]])
    return any({*each} & {*program.causes, *program.accepted} for each in meant[:within])


def cures(rows: Sequence[Answer]) -> list[bool]:
    """Return, for each faulty program that a change of the training can cure, whether it was."""
    known = {each.name: each for each in PROGRAMS}
    skills = {(row["program"], row["seed"]): row.get("skill") for row in rows}
    found = []
    for row in rows:
        program = known[row["program"]]
        twin = skills.get((program.twin, row["seed"])) if program.twin else None
        if program.kind == "faulty" and not program.in_the_data and twin is not None:
            found.append(row.get("cured") is not None and row["cured"] >= 0.9 * twin)
    return found


def report(rows: Sequence[Answer], parts: Sequence[str]) -> str:
    """Return the tables, as Markdown."""
    lines = []
    for part in parts:
        chosen = [row for row in rows if part in ("all", row["part"])]
        names = list(dict.fromkeys(row["tool"] for row in chosen))
        columns = [column([row for row in chosen if row["tool"] == name]) for name in names]
        lines += [f"\n{part}:\n", f"| | {' | '.join(names)} |", "|---|" + "---|" * len(names)]
        for what in columns[0] if columns else ():
            lines.append(f"| {what} | {' | '.join(each[what] for each in columns)} |")
        lines += ["", "| says | of faulty | of repaired and healthy |", "|---|---|---|", *sayings(chosen)]
    return "\n".join(lines)


def sayings(rows: Sequence[Answer]) -> list[str]:
    """Return, for each thing that a tool says, of which share of faulty and of other programs it says it."""
    lines = []
    for tool, said in sorted({(row["tool"], said) for row in rows for said in row["said"]}):
        says = [(said in row["said"], row["kind"] == "faulty") for row in rows if row["tool"] == tool]
        shares = [[hit for hit, ill in says if ill == faulty] for faulty in (True, False)]
        cells = [f"{mean(hits):.0%}" if hits else "-" for hits in shares]
        lines.append(f"| {tool}: {said} | {' | '.join(cells)} |")
    return lines


def column(rows: Sequence[Answer]) -> dict[str, str]:
    """Return a tool's figures, by what they say."""
    faulty, repaired, healthy = (
        [row for row in rows if row["kind"] == kind] for kind in ("faulty", "repaired", "healthy")
    )  # fmt: skip
    return {
        "faulty flagged": flagged(faulty),
        "repaired flagged": flagged(repaired),
        "healthy flagged": flagged(healthy),
        "repaired and healthy flagged": flagged([*repaired, *healthy]),
        "true cause first": share([named(row, 1) for row in faulty]),
        "true cause among three": share([named(row, 3) for row in faulty]),
        "cured to within 10 % of the twin": share(cures(rows)),
        "times one training: a healthy one": cost([*repaired, *healthy]),
        "times one training: a faulty one": cost(faulty),
        "failed": str(sum("error" in row for row in rows)),
    }


def flagged(rows: Sequence[Answer]) -> str:
    """Return which share of programs a tool raised an alarm about."""
    return share([row["flagged"] for row in rows])


def cost(rows: Sequence[Answer]) -> str:
    """Return the median, and in parentheses the 90th percentile, of a tool's CPU time as multiples of one training."""
    times = sorted(row["seconds"] / max(row["training_seconds"], 1e-3) for row in rows)
    return f"{median(times):.1f} ({times[int(0.9 * len(times))]:.1f})" if times else "-"


def main() -> int:
    """Verify, judge or report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=[*(part.replace(" ", "-") for part in PARTS), "all"], default="all")
    parser.add_argument(
        "--only", nargs="+", default=[], metavar="NAME", help="programs whose names contain one of these"
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--tools", nargs="+", choices=list(tools()), default=list(tools()))
    parser.add_argument("--json", type=Path, default=Path("doctor.jsonl"), help="where answers are kept, one a line")
    parser.add_argument("--verify", action="store_true", help="train the programs and say whether they are sound")
    parser.add_argument("--report", action="store_true", help="only print what was measured")
    asked_for = parser.parse_args()
    part = asked_for.part.replace("-", " ")
    chosen = [each for each in PROGRAMS if part in ("all", each.part)]
    if asked_for.only:
        chosen = [each for each in chosen if any(name in each.name for name in asked_for.only)]
    torch.set_num_threads(1)
    if asked_for.verify:
        return min(1, verify(chosen, range(FIRST_SEED, FIRST_SEED + asked_for.seeds)))
    if not asked_for.report:
        judge(chosen, names=asked_for.tools, seeds=asked_for.seeds, jobs=asked_for.jobs, results=asked_for.json)
    names = {each.name for each in chosen}
    rows = [row for row in read(asked_for.json) if row["program"] in names]
    print(report(rows, [*PARTS, "all"] if part == "all" else [part]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
