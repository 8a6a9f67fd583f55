"""Pictures are drawn in a process of their own, which is started for the first and ends with this one.

vl-convert holds an engine for JavaScript, which ends the whole process where it runs out of memory
(https://github.com/vega/vl-convert/issues/210). A training, a notebook or a server must outlive that.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any, Literal

from fitwell.errors import SurroundingsError

CHILD = (sys.executable, "-P", str(Path(__file__).with_name("drawing_child.py")))
ENDING = 5.0  # seconds that a process has for ending when nobody asks any more


class DrawingProcess:
    """Draws one picture after another; a process that broke down is replaced by a new one."""

    def __init__(self, command: tuple[str, ...] = CHILD) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = Lock()

    def drawn(self, kind: Literal["svg", "png"], spec: dict[str, Any], *, sharpness: float = 1.0) -> bytes:
        """Return the picture as a file; `sharpness` is pixels of a PNG for each unit of the specification.

        Raises:
            SurroundingsError: the process broke down, and so did a new one. ValueError: the specification is none.
        """
        request = json.dumps({"kind": kind, "spec": spec, "sharpness": sharpness}).encode() + b"\n"
        with self._lock:
            for _ in range(2):
                answer = self._answer(request)
                if answer is None:
                    continue
                how, content = answer
                if how != b"drawn":
                    raise ValueError(content.decode())
                return content
        raise SurroundingsError(
            "pictures are drawn by a process of their own, but it broke down twice; is memory short?"
        )

    def _answer(self, request: bytes) -> tuple[bytes, bytes] | None:
        """Return how it went, and the drawing or what was said; None where the process broke down."""
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        answer = None
        try:
            with suppress(OSError):
                process.stdin.write(request)
                process.stdin.flush()
                how, _, size = process.stdout.readline().partition(b" ")
                content = process.stdout.read(int(size or 0))
                if size and len(content) == int(size):
                    answer = how, content
        finally:  # also where Ctrl-C interrupts: the next one who asks must not be given this answer
            if answer is None:
                self.close()
        return answer

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # Ctrl-C is meant for those who can do something about it
            )
        return self._process

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        with process, suppress(OSError):  # what was written and not read
            assert process.stdin is not None
            process.stdin.close()
            try:
                process.wait(ENDING)
            except subprocess.TimeoutExpired:
                process.kill()

    def forget(self) -> None:
        """Leave the process to the one that this was copied from."""
        self._process, self._lock = None, Lock()


THE_PROCESS = DrawingProcess()
atexit.register(THE_PROCESS.close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=THE_PROCESS.forget)
