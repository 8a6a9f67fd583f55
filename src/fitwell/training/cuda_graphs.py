"""What a GPU does in a function is recorded once, and replayed as one graph: no operation is asked for one by one.

What is recorded are kernels and the addresses that they read and write. So whatever changes between two replays lies in
tensors that stay where they are, nothing may wait for the GPU or copy from the memory of the CPU, and what the function
allocates lies in a pool of memory that the graphs of one recorder share: they leave nothing there for one another.

Source: https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import torch

# Replays that are asked for before the first of them is over: enough for the GPU to have work at all times, and few
# enough that a time limit or Ctrl-C is not behind a long queue.
AHEAD = 2
WARM_UPS = 3  # before a recording: libraries choose their kernels, load them and allocate their own memory


class CudaGraphs:
    """Records functions on one GPU."""

    def __init__(self, device: torch.device) -> None:
        """Start with nothing recorded."""
        self._device = device
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()
        self._ends: deque[torch.cuda.Event] = deque()  # of replays that may not be over

    def __call__(self, function: Callable[[], None]) -> Callable[[], None]:
        """Return what does again what the function does; to find that out, it is called.

        Raises:
            RuntimeError: it does something that cannot be recorded, or the memory does not suffice.
        """
        graph = torch.cuda.CUDAGraph()
        outside = torch.cuda.current_stream(self._device)
        # All on one stream: backward kernels run on the stream of the forward ones, and the libraries' own memory is
        # kept by stream, so that it lies outside of the pool.
        self._stream.wait_stream(outside)
        try:
            with torch.cuda.device(self._device), torch.cuda.stream(self._stream):
                for _ in range(WARM_UPS):
                    function()
                # Other threads may use the GPU meanwhile, if only to free memory.
                with torch.cuda.graph(graph, pool=self._pool, stream=self._stream, capture_error_mode="thread_local"):
                    function()
        finally:
            outside.wait_stream(self._stream)

        def replay() -> None:
            if len(self._ends) == AHEAD:
                self._ends.popleft().synchronize()
            graph.replay()
            end = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
            end.record(torch.cuda.current_stream(self._device))
            self._ends.append(end)

        return replay
