"""What draws may break down; who asks for a picture does not."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fitwell.errors import SurroundingsError
from fitwell.report import pictures
from fitwell.report.drawing import page_svg
from fitwell.report.drawing_process import CHILD, DrawingProcess
from fitwell.report.picture import Picture

POINT: dict[str, Any] = {"data": {"values": [{"x": 1}]}, "mark": "point", "encoding": {"x": {"field": "x"}}}


@pytest.fixture
def process() -> Iterator[DrawingProcess]:
    process = DrawingProcess()
    yield process
    process.close()


def broken(after: int) -> tuple[str, ...]:
    """A command that draws so many times and then breaks down as an engine for JavaScript does."""
    code = f"""
import os, sys
for number, line in enumerate(sys.stdin.buffer):
    if number == {after}:
        os.abort()
    sys.stdout.buffer.write(b"drawn 3\\nabc")
    sys.stdout.buffer.flush()
"""
    return (sys.executable, "-c", code)


def test_one_process_draws_many_pictures(process: DrawingProcess) -> None:
    drawn = [process.drawn("svg", {**POINT, "title": title}) for title in ("one", "größer")]
    assert ["größer" in picture.decode() for picture in drawn] == [False, True]
    assert process.drawn("png", POINT)[:4] == b"\x89PNG"


def test_a_specification_that_is_none_is_refused_and_the_next_one_drawn(process: DrawingProcess) -> None:
    with pytest.raises(ValueError, match="Vega-Lite"):
        process.drawn("svg", {"mark": {"type": 7}})
    assert process.drawn("svg", POINT).startswith(b"<svg")


def test_a_process_that_broke_down_is_replaced() -> None:
    process = DrawingProcess(broken(after=1))
    assert [process.drawn("svg", POINT) for _ in range(3)] == [b"abc"] * 3
    process.close()


def test_whoever_asks_after_an_interruption_gets_the_own_answer(process: DrawingProcess) -> None:
    process.drawn("svg", POINT)
    running = process._running()
    assert running.stdout is not None
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(process, "_running", lambda: Interrupted(running))
        with pytest.raises(KeyboardInterrupt):
            process.drawn("svg", {**POINT, "title": "never seen"})
    assert b"never seen" not in process.drawn("svg", POINT)


class Interrupted:
    """A process at whose answers Ctrl-C is pressed, when they are there already."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.stdin, self.stdout = process.stdin, self

    def readline(self) -> bytes:
        raise KeyboardInterrupt


def test_one_that_breaks_down_at_once_is_given_up() -> None:
    with pytest.raises(SurroundingsError, match="broke down twice"):
        DrawingProcess(broken(after=0)).drawn("svg", POINT)


def test_a_page_is_written_without_what_cannot_be_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pictures, "THE_PROCESS", DrawingProcess(broken(after=0)))
    drawn = page_svg(Picture(name="one", title="One", says="Something.", reading="It shows.", spec=POINT))
    assert drawn.startswith("<p>This picture could not be drawn: ")


COPIED = """
import os
from fitwell.report.drawing_process import THE_PROCESS
spec = {"data": {"values": [{"x": 1}]}, "mark": "point", "encoding": {"x": {"field": "x"}}}
drawn = THE_PROCESS.drawn("svg", spec)
if os.fork() == 0:
    assert THE_PROCESS.drawn("svg", spec) == drawn
    THE_PROCESS.close()
    os._exit(0)
_, status = os.wait()
assert status == 0 and THE_PROCESS.drawn("svg", spec) == drawn
"""


def test_a_copy_of_a_process_draws_by_itself() -> None:
    assert subprocess.run([sys.executable, "-W", "error", "-c", COPIED], timeout=120).returncode == 0


def test_what_draws_needs_nothing_of_fitwell() -> None:
    assert "fitwell" not in Path(CHILD[-1]).read_text(encoding="utf-8")
