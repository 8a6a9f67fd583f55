"""What the documents say holds: their commands run, their links lead somewhere, their lists are complete."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tomllib
from dataclasses import dataclass
from pathlib import Path

import pytest

from fitwell.cli import COMMANDS, GROUPS
from fitwell.cli import run as fitwell

PROJECT = Path(__file__).parents[1]
DOCUMENTS = [
    "README.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "benchmarks/README.md",
    "examples/README.md",
    "docs/design.md",
]
FRAGMENTS = sorted((PROJECT / "changes").iterdir())


@dataclass(frozen=True)
class Block:
    """One fenced block of a document, and the reason why it is not run, if there is one."""

    language: str
    text: str
    not_run: str | None


def text_of(name: str) -> str:
    return (PROJECT / name).read_text(encoding="utf-8")


def blocks_of(document: str) -> list[Block]:
    pattern = r"^(?:<!-- not run: ([^>]+) -->\n)?```(\w+)\n(.*?)^```$"
    found = re.finditer(pattern, document, flags=re.MULTILINE | re.DOTALL)
    return [Block(language=each[2], text=each[3], not_run=each[1]) for each in found]


def run(block: Block, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run a block as a reader would, but for `fitwell`, which needs no new process for each command."""
    monkeypatch.chdir(folder)
    if block.language == "python":
        exec(compile(block.text, "a block of Python", "exec"), {"__name__": "__main__"})
        return
    for line in block.text.splitlines():
        program, *arguments = shlex.split(line)
        if program == "fitwell":
            code = fitwell(arguments)
        else:
            code = subprocess.run(["bash", "-euo", "pipefail", "-c", line]).returncode
        assert code == 0, line


def test_every_command_and_example_of_the_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blocks run one after another in one folder, as a reader would type them."""
    shutil.copytree(PROJECT / "examples", tmp_path / "examples")
    ran = [block for block in blocks_of(text_of("README.md")) if block.not_run is None and block.language != "text"]
    assert {block.language for block in ran} == {"bash", "python"}
    for block in ran:
        run(block, tmp_path, monkeypatch)


@pytest.mark.parametrize(
    "text", ["false\n", "true | false | true\n", "fitwell report runs/nowhere\n", "printf more > nowhere/file\n"]
)
def test_a_failing_command_is_noticed(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left_out, failing = blocks_of(f"<!-- not run: it installs -->\n```bash\nfalse\n```\n\n```bash\n{text}true\n```\n")
    assert (left_out.not_run, failing.not_run) == ("it installs", None)
    with pytest.raises(AssertionError, match=re.escape(text.strip())):
        run(failing, tmp_path, monkeypatch)


def test_the_readme_shows_every_command() -> None:
    readme = text_of("README.md")
    inner = [f"{group} {name}" for group, (_, commands) in GROUPS.items() for name in commands]
    assert [name for name in [*COMMANDS, *inner] if f"fitwell {name}" not in readme] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_within_the_project_lead_somewhere(name: str) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text_of(name))
    folder = (PROJECT / name).parent
    assert [target for target in targets if not (folder / target).exists()] == []


def test_every_example_file_is_credited_with_its_licence() -> None:
    credits = text_of("examples/README.md")
    rows = {row.split("`")[1]: row for row in credits.splitlines() if row.startswith("| `")}
    files = {path.name for path in (PROJECT / "examples").iterdir() if path.name != "README.md"}
    assert set(rows) == files
    assert [name for name, row in rows.items() if not re.search(r"Apache-2\.0|CC BY 4\.0|CC0 1\.0", row)] == []


def test_the_targets_that_contributing_names_exist() -> None:
    named = set(re.findall(r"^make ([a-z-]+)", text_of("CONTRIBUTING.md"), flags=re.MULTILINE))
    made = set(re.findall(r"^([a-z-]+):.*##", text_of("Makefile"), flags=re.MULTILINE))
    assert named <= made
    assert {"demo", "test"} <= named


def test_continuous_integration_runs_what_a_contributor_types() -> None:
    script = PROJECT / ".ci" / "run"
    text = re.sub(r"^if ! command -v chromium.*?^fi\n", "", script.read_text(encoding="utf-8"), flags=re.M | re.S)
    commands = [line for line in text.splitlines() if not line.startswith("#")]
    assert commands == ["set -euo pipefail", 'cd "$(dirname "$0")/.."', "make test"]
    assert os.access(script, os.X_OK)


@pytest.mark.parametrize("fragment", FRAGMENTS, ids=lambda fragment: fragment.name)
def test_a_news_fragment_is_a_sentence_or_two_for_users(fragment: Path) -> None:
    assert re.fullmatch(r"[a-z0-9-]+\.(added|changed|fixed)\.md", fragment.name)
    text = fragment.read_text(encoding="utf-8")
    assert re.fullmatch(r"[A-Z`].*\.\n", text, flags=re.DOTALL), "it begins like a sentence and ends with a full stop"
    assert len(text) <= 400, "more belongs into the documentation"


def test_every_dependency_is_pinned() -> None:
    project = tomllib.loads(text_of("pyproject.toml"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    needed = {re.split(r"[<>=!~ \[]", each)[0].lower() for each in wanted}
    pinned = {line.split("==")[0].lower() for line in text_of("constraints.txt").splitlines() if "==" in line}
    assert sorted(needed - pinned) == []


def test_every_benchmark_is_listed() -> None:
    files = {path.name for path in (PROJECT / "benchmarks").glob("*.py")}
    assert set(re.findall(r"^\| `(\w+\.py)`", text_of("benchmarks/README.md"), flags=re.MULTILINE)) == files
