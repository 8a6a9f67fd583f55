"""The process that draws: specifications come in, a line of JSON each, and drawings go out, until nobody asks any more.

A script that needs nothing of Fitwell, so that it starts at once.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import vl_convert


def drawn(kind: str, spec: dict[str, Any], sharpness: float) -> bytes:
    """Return a picture as an SVG or PNG file."""
    if kind == "svg":
        return vl_convert.vegalite_to_svg(spec, allowed_base_urls=[]).encode()
    return vl_convert.vegalite_to_png(spec, scale=sharpness, allowed_base_urls=[])


def main() -> None:
    """Answer every line with one that says how it went and how many bytes follow, and these bytes."""
    told = sys.stdout.buffer
    for line in sys.stdin.buffer:
        try:
            how, content = "drawn", drawn(**json.loads(line))
        except ValueError as error:  # what vl-convert raises for a specification that it cannot draw
            how, content = "refused", str(error).encode()
        told.write(f"{how} {len(content)}\n".encode() + content)
        told.flush()


if __name__ == "__main__":
    main()
