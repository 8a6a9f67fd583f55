"""The command line: one file per command, a thin layer over what Python offers.

Exit codes: 0 done; 2 the request, the data or the surroundings are wrong (one worded message, no traceback); 1 a defect
of ours; 130 interrupted. Heavy packages load inside the commands that need them, so that help answers at once.
"""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import typer

from fitwell.cli.answer import answer
from fitwell.cli.chat import chat
from fitwell.cli.compare import compare
from fitwell.cli.cure import cure
from fitwell.cli.diagnose import diagnose
from fitwell.cli.evaluate import evaluate
from fitwell.cli.examine import examine
from fitwell.cli.explain import explain
from fitwell.cli.explain_prediction import explain_prediction
from fitwell.cli.lines import one_line
from fitwell.cli.metrics import metrics
from fitwell.cli.predict import predict
from fitwell.cli.recipe import recipe
from fitwell.cli.report import report
from fitwell.cli.resume import resume
from fitwell.cli.runs import runs
from fitwell.cli.search import COMMANDS as SEARCH
from fitwell.cli.train import train
from fitwell.cli.tune import tune
from fitwell.cli.unread import unread
from fitwell.cli.words import COMMANDS as WORDS
from fitwell.errors import FitwellError, RequestError, ToldElsewhere, is_out_of_memory
from fitwell.processes import is_first

COMMANDS: dict[str, Callable[..., Any]] = {
    "train": train,
    "tune": tune,
    "resume": resume,
    "recipe": recipe,
    "predict": predict,
    "explain-prediction": explain_prediction,
    "answer": answer,
    "chat": chat,
    "evaluate": evaluate,
    "metrics": metrics,
    "diagnose": diagnose,
    "cure": cure,
    "report": report,
    "compare": compare,
    "runs": runs,
    "examine": examine,
    "explain": explain,
}
GROUPS: dict[str, tuple[str, dict[str, Callable[..., Any]]]] = {
    "words": ("Text becomes numbers and vectors.", WORDS),
    "search": ("Documents are found by their words and by what they mean.", SEARCH),
}
MEMORY = "the memory does not suffice; try fewer rows, smaller network.hidden, a smaller training.batch_size or members"

app = typer.Typer(
    name="fitwell",
    help="Train neural networks on your data, measured with honest uncertainty.",
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _helped(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


for _name, _command in COMMANDS.items():
    app.command(_name)(_command)
for _name, (_help, _commands) in GROUPS.items():
    _group = typer.Typer(help=_help)
    for _inner, _command in _commands.items():
        _group.command(_inner)(_command)
    _group.callback(invoke_without_command=True)(_helped)
    app.add_typer(_group, name=_name)


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context, version: bool = typer.Option(False, "--version", help="Print the version and exit.")
) -> None:
    if version:
        from fitwell import __version__

        typer.echo(f"fitwell {__version__}")
        raise typer.Exit
    _helped(context)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # whatever the locale: reasons and formulas are not ASCII
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    code = run(arguments if arguments is not None else sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the work is done: a late Ctrl-C must not cut into the shutdown
    sys.exit(code)


@cache
def _program(*, is_listed: bool) -> Any:
    """Return the commands; where they are only listed, without their parameters, which take longest to read."""
    return typer.main.get_command(_listing() if is_listed else app)


def _listing() -> typer.Typer:
    listing = typer.Typer(name="fitwell", help=app.info.help, add_completion=False, pretty_exceptions_enable=False)
    for name, command in COMMANDS.items():
        listing.command(name, help=command.__doc__)(_nothing)
    for name, (about, _) in GROUPS.items():
        listing.add_typer(typer.Typer(help=about), name=name)
    listing.callback(invoke_without_command=True)(_top)
    return listing


def _nothing() -> None:
    """Stand for a command that is listed."""


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; every refusal is one line on standard error."""
    try:
        # Not by calling the app, which takes a pipe that closed for a failure.
        program = _program(is_listed=arguments in ([], ["--help"]))
        with _without_leaving(), program.make_context("fitwell", list(arguments)) as context:
            result = program.invoke(context)
        sys.stdout.flush()
    except typer.Exit as done:  # after help, or the version
        return done.exit_code
    except ToldElsewhere:
        return 2
    except RequestError as error:
        return _asked_wrong(str(error))
    except FitwellError as error:
        return _refused(str(error), 2)
    except typer.TyperException as error:  # an unknown option, a missing argument
        return _asked_wrong(_usage(error.format_message(), arguments))
    except (KeyboardInterrupt, typer.Abort):
        return _refused("interrupted", 130)
    except BrokenPipeError:
        unread()
        return 0
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        return _refused(MEMORY, 2)
    return result if isinstance(result, int) else 0


@contextmanager
def _without_leaving() -> Iterator[None]:
    """Say that nobody reads the help any more as Python says it; rich leaves with code 1 then."""
    try:
        yield
    except SystemExit as leaving:
        if isinstance(leaving.__context__, BrokenPipeError):
            raise leaving.__context__ from None
        raise


def _asked_wrong(message: str) -> int:
    # Several processes are asked alike; the first of them says what is wrong.
    return _refused(message, 2) if is_first(os.environ) else 2


def _refused(message: str, code: int) -> int:
    typer.echo(f"fitwell: {one_line(message)}", err=True)
    return code


def _usage(message: str, arguments: list[str]) -> str:
    command = next((each for each in arguments if each in COMMANDS), "")
    if arguments and arguments[0] in GROUPS:
        inner = next((each for each in arguments[1:] if each in GROUPS[arguments[0]][1]), "")
        command = f"{arguments[0]} {inner}".rstrip()
    text = message.rstrip(".").replace(". Did you mean", "; did you mean")
    see = " See" if text.endswith("?") else "; see"
    return f"{text[:1].lower()}{text[1:]}{see}: fitwell {command + ' ' if command else ''}--help"
