"""Where tensors are computed: a device that was asked for is tried before anything is built on it."""

from __future__ import annotations

from fitwell.errors import SurroundingsError


def require_device(device: str) -> None:
    """Refuse a device on which nothing can be computed.

    Raises:
        SurroundingsError: torch cannot compute there.
    """
    import torch

    try:
        torch.empty(0, device=device)
    except (AssertionError, RuntimeError) as error:  # the first where this build of torch knows no such device
        reason = str(error).splitlines()[0]
        raise SurroundingsError(
            f'device is "{device}", but torch cannot compute there ({reason}); try device auto or cpu'
        ) from None


def records_graphs(device: str) -> bool:
    """Tell whether steps on a device, or on the one that `auto` takes, can be recorded as graphs: on CUDA's alone."""
    import torch

    return torch.cuda.is_available() if device == "auto" else device.startswith("cuda")
