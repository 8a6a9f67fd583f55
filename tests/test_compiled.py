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


def test_other_failures_are_not_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_function: object, **_options: object) -> object:
        raise RuntimeError("out of luck")

    monkeypatch.setattr(numba, "njit", failing)
    with pytest.raises(RuntimeError, match="out of luck"):
        compiled(double)


def test_importing_the_words_room_leaves_numba_alone(tmp_path: Path) -> None:
    code = "import sys, fitwell.words; assert 'numba' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], cwd=tmp_path).returncode == 0
