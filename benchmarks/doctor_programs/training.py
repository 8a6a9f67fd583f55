"""The loop that a program's author would have written, and what observers see of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from doctor_programs.program import Case


@dataclass(frozen=True, kw_only=True)
class Stepped:
    """What one step left behind; the gradients are still there."""

    model: nn.Module
    epoch: int
    step: int  # of the epoch
    loss: float
    last: bool  # of its epoch


def begun(case: Case) -> tuple[nn.Module, torch.optim.Optimizer]:
    """Return the model with its first weights, and its optimizer."""
    arguments = case.arguments
    torch.manual_seed(arguments["seed"])
    made: nn.Module = arguments["model"] if isinstance(arguments["model"], nn.Module) else arguments["model"]()
    return made, arguments["optimizer"](made.parameters())


def trained(
    case: Case,
    model: nn.Module,
    optimizer: torch.optim.Optimizer,
    *,
    observe: Callable[[Tensor, Tensor], None] | None = None,
) -> Iterator[Stepped]:
    """Train the model in place, yielding after each step; `observe` gets the inputs and targets of a step before it."""
    arguments = case.arguments
    inputs, targets, loss_of = arguments["inputs"], arguments["targets"], arguments["loss"]
    generator = torch.Generator().manual_seed(arguments["seed"])
    for epoch in range(arguments["epochs"]):
        count = len(inputs)
        order = torch.randperm(count, generator=generator) if arguments["shuffle"] else torch.arange(count)
        batches = torch.split(order, arguments["batch_size"])
        for step, batch in enumerate(batches):
            model.train()  # each time: the caller may have evaluated since the last step
            if observe is not None:
                observe(inputs[batch], targets[batch])
            loss = loss_of(model(inputs[batch]), targets[batch])
            optimizer.zero_grad(set_to_none=True)
            loss.backward()
            optimizer.step()
            yield Stepped(model=model, epoch=epoch, step=step, loss=loss.item(), last=step == len(batches) - 1)


@torch.no_grad()
def outputs_of(model: nn.Module, inputs: Tensor) -> Tensor:
    """Return what the model makes of the inputs, as it predicts."""
    model.eval()
    outputs: Tensor = model(inputs)
    return outputs
