"""The contents of a run become a page: its sections are put together here, and `page.html` gives them their form."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from fitwell import __version__
from fitwell.report.drawing import complete, page_svg
from fitwell.report.picture import Contents, PictureKind
from fitwell.report.pictures import DRAWN
from fitwell.report.sections import all_of, pictures
from fitwell.report.theme import DARK, FONT, LIGHT


def page(contents: Contents) -> bytes:
    """Return a run's report as one page of HTML that needs nothing else.

    Names and cells from the data are escaped, and the page's policy forbids every script but its own and any network.
    """
    style, script = page_style(), page_asset("page.js")
    text = (
        environment()
        .from_string(page_asset("page.html"))
        .render(
            style=Markup(style),
            script=Markup(script),
            policy=policy_of(style=style, script=script),
            svg=page_svg,
            version=__version__,
            **all_of(contents),
        )
    )
    return (text.strip() + "\n").encode()


def picture_files(contents: Contents, *, kind: PictureKind) -> dict[str, bytes]:
    """Return every picture of the report as a file in light colors, by its name."""
    return {f"{each.name}.{kind}": DRAWN[f".{kind}"](complete(each)) for each in pictures(contents)}


def policy_of(*, style: str, script: str = "") -> str:
    """Return the policy that forbids a page every script and style but these, and any network."""
    return "; ".join(
        [
            "default-src 'none'",
            "script-src " + (_hash(script) if script else "'none'"),
            f"style-src {_hash(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )


@cache
def environment() -> Environment:
    """Return how templates become pages: everything from the data is escaped."""
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)


def page_asset(name: str) -> str:
    """Return a template, a style or a script of ours."""
    return files("fitwell.report").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return what a page's policy knows a script or a style by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def page_style() -> str:
    """Return the style of the page with the colors of both themes; a printed page is light."""
    light, dark = _variables(LIGHT), _variables(DARK)
    colors = (
        f":root{{{light};color-scheme:light;font-family:{FONT}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark};color-scheme:dark}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{{dark};color-scheme:dark}}}}\n"
    )
    return colors + page_asset("page.css")


def _variables(colors: Mapping[str, str]) -> str:
    return ";".join(f"--{role}:{value}" for role, value in colors.items())
