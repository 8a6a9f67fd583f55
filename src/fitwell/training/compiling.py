"""The process that compiles: requests from its standard input become libraries in a folder.

    python -m fitwell.training.compiling FOLDER < REQUESTS

It is started by `training/libraries.py`, whose words it takes for what they are: a pickle of its own user's process.
What goes wrong is said in one line, the last one, on standard error.
"""

from __future__ import annotations

import pickle
import shutil
import sys
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from torch import _inductor as inductor
from torch._inductor import config, cpp_builder
from torch.fx.experimental.proxy_tensor import make_fx

from fitwell.training.libraries import Request


def compile_into(request: Request, folder: Path) -> None:
    """Leave the request's step as a library in a folder that is made for it."""
    torch.set_num_threads(request.threads)
    config.compile_threads = 1  # else it starts processes that this one step has no use for
    config.aot_inductor.precompile_headers = False  # for one library it takes longer, and it needs another program
    example = tuple(torch.zeros_like(tensor, device="cpu") for tensor in request.example)
    graph = make_fx(request.step, decomposition_table={torch.ops.aten.addmm.default: _product_and_sum})(*example)
    for node in graph.graph.nodes:
        node.meta.pop("val", None)  # examples of tensors, each in a world of its own: the compiler makes its own
    folder.mkdir()
    with tempfile.TemporaryDirectory(dir=folder.parent) as room:
        made = Path(str(inductor.aot_compile(graph, example, options={"aot_inductor.output_path": room})))
        made.rename(folder / "step.so")
        calls = made.with_suffix(".json")  # how to call operations that have no way of their own in C
        if calls.exists():
            shutil.move(calls, folder / "step.json")


def _wrapping(options_of: Callable[..., Any], *, extra_flags: Sequence[str] = (), **asked: Any) -> Any:
    return options_of(extra_flags=[*extra_flags, "-fwrapv"], **asked)


def _product_and_sum(bias: Tensor, left: Tensor, right: Tensor, *, beta: float = 1, alpha: float = 1) -> Tensor:
    # Apart, because the sum then joins the activation's loop; together, the bias is written out row by row first.
    return beta * bias + alpha * (left @ right) if (alpha, beta) != (1, 1) else left @ right + bias


def main() -> None:
    """Compile what standard input asks for."""
    folder = Path(sys.argv[1])
    # Hashes wrap around, which C++ leaves undefined for signed numbers unless it is told: gcc concluded that a loop
    # over rows, of which a later one would overflow, has no end, and it wrote beyond its memory.
    cpp_builder.get_cpp_options = partial(_wrapping, cpp_builder.get_cpp_options)
    try:
        for name, request in pickle.load(sys.stdin.buffer).items():
            compile_into(pickle.loads(request), folder / name)
    except Exception as error:  # whatever a compiler, a full disk or a torch of another version may come up with
        reason = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        sys.exit(reason)


if __name__ == "__main__":
    main()
