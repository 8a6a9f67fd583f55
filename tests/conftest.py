"""What holds for every test: one thread each, and no test is left out without being named."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

# Tests run side by side; a thread pool in each would only make them wait for one another. Subprocesses inherit it.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("POLARS_MAX_THREADS", "1")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
BROWSER = (
    "the tests of test_browser.py were left out: they open pages in Chromium; get it with: apt-get install chromium"
)

_left_out: set[str] = set()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if CHROMIUM is None:
        without = [item for item in items if item.get_closest_marker("browser") is not None]
        config.hook.pytest_deselected(items=without)
        items[:] = [item for item in items if item not in without]


# A third of a small training goes into drawing its page. Where nobody looks at it, a blank takes the pictures' place.
LOOKING_AT_PAGES = ("report", "test_report.py", "test_documents.py", "test_fuzz.py")
BLANK = '<svg width="1" height="1"></svg>'


@pytest.fixture(autouse=True, scope="module")
def blank_pictures(request: pytest.FixtureRequest) -> Iterator[None]:
    parts = request.path.relative_to(Path(__file__).parent).parts
    if parts[0] in LOOKING_AT_PAGES:
        yield
        return
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("fitwell.report.drawing.svg", lambda spec: BLANK)
        yield


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser; tests that need it are marked so, and are left out where there is none."""
    assert CHROMIUM is not None
    return CHROMIUM


def pytest_deselected(items: Sequence[pytest.Item]) -> None:
    _left_out.update(item.nodeid for item in items)


def pytest_sessionfinish(session: pytest.Session) -> None:
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is not None:
        output["left_out"] = sorted(_left_out)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _left_out.update(getattr(node, "workeroutput", {}).get("left_out", []))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if 0 < len(_left_out) <= 20:  # more come from a selection by hand, which knows what it left out
        terminalreporter.section("left out")
        for name in sorted(_left_out):
            terminalreporter.write_line(name)
    if any("test_browser.py" in name for name in _left_out) and CHROMIUM is None:
        terminalreporter.write_line(BROWSER)
