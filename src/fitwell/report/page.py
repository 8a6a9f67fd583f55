"""The contents of a run become a page: its sections are put together here, and `page.html` gives them their form."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from markupsafe import Markup

from fitwell import __version__
from fitwell.report.drawing import complete, page_svg
from fitwell.report.picture import Contents, PictureKind
from fitwell.report.pictures import DRAWN
from fitwell.report.sections import all_of, pictures
from fitwell.report.theme import DARK, FONT, LIGHT

PERCENT = re.compile(r"(?<=\d) %")


def page(contents: Contents) -> bytes:
    """Return a run's report as one page of HTML that needs nothing else.

    Names and cells from the data are escaped, and the page's policy forbids every script but its own and any network.
    """
    return rendered("page.html", **all_of(contents))


def rendered(template: str, **values: Any) -> bytes:
    """Return a page made by a template of this room, with our style and script and a policy that allows no others."""
    style, script = _style(), _asset("page.js")
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {_hash(script)}",
            f"style-src {_hash(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    text = _template(template).render(
        style=Markup(style),
        script=Markup(script),
        policy=policy,
        svg=page_svg,
        version=__version__,
        **values,
    )
    return (text.strip() + "\n").encode()


def picture_files(contents: Contents, *, kind: PictureKind) -> dict[str, bytes]:
    """Return every picture of the report as a file in light colors, by its name."""
    return {f"{each.name}.{kind}": DRAWN[f".{kind}"](complete(each)) for each in pictures(contents)}


@cache
def _template(name: str) -> Template:
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, finalize=_unbroken
    )
    return environment.from_string(_asset("parts.html") + _asset(name))


def _unbroken(value: Any) -> Any:
    """Return what is put into a page with its percentages unbroken at the end of a line."""
    return PERCENT.sub("\u00a0%", value) if type(value) is str else value


def _asset(name: str) -> str:
    return files("fitwell.report").joinpath(name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    """Return what a page's policy knows a script or a style by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


@cache
def _style() -> str:
    """Return the style of the page with the colors of both themes; a printed page is light."""
    light, dark = _variables(LIGHT), _variables(DARK)
    colors = (
        f":root{{{light};color-scheme:light;font-family:{FONT}}}\n"
        f"@media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark};color-scheme:dark}}}}\n"
        f"@media screen{{:root[data-theme=dark]{{{dark};color-scheme:dark}}}}\n"
    )
    return colors + _asset("page.css")


def _variables(colors: Mapping[str, str]) -> str:
    return ";".join(f"--{role}:{value}" for role, value in colors.items())
