"""Compiled loops work wherever Fitwell is installed, also where nothing may be written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numba
import pytest

from fitwell.compiled import compiled, inlined


def double(number: int) -> int:
    return 2 * number


def test_a_compiled_function_gives_what_python_gives() -> None:
    assert compiled(double)(21) == inlined(double)(21) == double(21)


def test_where_no_cache_may_be_written_every_process_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    plain = numba.njit

    def refusing(function: Any, **options: Any) -> Any:
        if options.pop("cache", False):
            raise RuntimeError("cannot cache function 'double': no locator available")
        return plain(function, **options)

    monkeypatch.setattr(numba, "njit", refusing)
    assert compiled(double)(21) == 42


LOOPS = """
from fitwell.compiled import compiled

@compiled
def total(numbers):
    total = 0
    for number in numbers:
        total += number
    return total
"""
CALL = """
import numpy as np
from loops import total
assert total(np.arange(4)) == 6
print(sum(total.stats.cache_misses.values()))
"""


def test_of_processes_that_want_the_same_code_one_compiles(tmp_path: Path) -> None:
    (tmp_path / "loops.py").write_text(LOOPS)
    command = [sys.executable, "-c", CALL]
    both = [subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE) for _ in range(2)]
    assert sorted(process.communicate()[0] for process in both) == [b"0\n", b"1\n"]


def test_other_failures_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_function: object, **_options: object) -> object:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(numba, "njit", failing)
    with pytest.raises(RuntimeError, match="out of luck"):
        compiled(double)


def test_importing_the_words_room_leaves_numba_alone(tmp_path: Path) -> None:
    code = "import sys, fitwell.words; assert 'numba' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0
