"""The command line: one file per command, a thin layer over what Python offers.

Exit codes: 0 done; 2 the request, the data or the surroundings are wrong (one worded message, no traceback); 1 a defect
of ours; 130 interrupted. Heavy packages load inside the commands that need them, so that help answers at once.
"""

from __future__ import annotations

import sys

import typer

from fitwell.cli.evaluate import evaluate
from fitwell.cli.explain import explain
from fitwell.cli.metrics import metrics
from fitwell.cli.predict import predict
from fitwell.cli.recipe import recipe
from fitwell.cli.resume import resume
from fitwell.cli.runs import runs
from fitwell.cli.train import train
from fitwell.errors import FitwellError

COMMANDS = {
    "train": train,
    "resume": resume,
    "recipe": recipe,
    "predict": predict,
    "evaluate": evaluate,
    "metrics": metrics,
    "runs": runs,
    "explain": explain,
}

app = typer.Typer(
    name="fitwell",
    help="Train neural networks on your data, measured with honest uncertainty.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context, version: bool = typer.Option(False, "--version", help="Print the version and exit.")
) -> None:
    if version:
        from fitwell import __version__

        typer.echo(f"fitwell {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with its code."""
    sys.exit(run(arguments if arguments is not None else sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; every refusal is one message on standard error."""
    try:
        result = app(arguments, standalone_mode=False)
    except FitwellError as error:
        return _refused(str(error), 2)
    except typer.TyperException as error:  # an unknown option, a missing argument
        return _refused(error.format_message(), 2)
    except (KeyboardInterrupt, typer.Abort):
        return _refused("interrupted", 130)
    except MemoryError:
        return _refused("the memory does not suffice; try fewer rows, a smaller batch_size or fewer members", 2)
    except BrokenPipeError:
        return 0  # the reader of a pipe has seen enough
    return result if isinstance(result, int) else 0


def _refused(message: str, code: int) -> int:
    typer.echo(f"fitwell: {message}", err=True)
    return code
