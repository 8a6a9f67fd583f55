"""Specifications become drawings: for a page, whose theme they follow, and for files.

A page holds drawings, not specifications with a library to draw them: it needs no script to be seen, prints as it
looks, and its security policy can forbid all code but its own.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Any

from markupsafe import Markup

from fitwell.errors import SurroundingsError
from fitwell.report.picture import Picture
from fitwell.report.pictures import svg
from fitwell.report.theme import CONFIG, LIGHT

# Around a picture that stands alone: whoever shows it may have a wider font, and cuts off what lies outside.
ROOM = {"left": 32, "right": 20, "top": 12, "bottom": 12}

# Attributes that repeat on every mark what the page says once, or say to nobody: the drawing is one image there.
IDLE = re.compile(
    r' (?:role|aria-roledescription|aria-hidden|pointer-events|class|font-family|opacity)="(?:[^"]*)"'
    r'| stroke-miterlimit="10"| stroke-width="1"(?=[ />])'
)
KEPT_CLASS = re.compile(r' class="[^"]*\bchosen_marks\b[^"]*"')
UNPAINTED = re.compile(
    r'<path class="(?:fore|back)ground" aria-hidden="true" d="[^"]*"(?: pointer-events="none")?(?: display="none")?/>'
)
BACKGROUND = re.compile(r'<rect width="[^"]*" height="[^"]*" fill="' + LIGHT["paper"] + r'"/>')


def complete(picture: Picture) -> dict[str, Any]:
    """Return a picture's specification with the theme that all of a page share, and what it says."""
    config = {**CONFIG, "padding": ROOM}
    return {**picture.spec, "description": f"{picture.title}. {picture.says}", "config": config}


def page_svg(picture: Picture) -> Markup:
    """Return a picture as part of a page: in the colors of its theme, described by the caption beside it.

    vl-convert escapes what the data holds.
    """
    try:
        drawn = svg({**picture.spec, "config": CONFIG})
    except SurroundingsError as error:
        return Markup("<p>This picture could not be drawn: {}</p>").format(error)
    start = drawn.index(">") + 1
    size = re.search(r'width="([\d.]+)" height="([\d.]+)"', drawn[:start])
    assert size is not None
    width, height = size.groups()
    body = BACKGROUND.sub("", drawn[start:], count=1)
    body = KEPT_CLASS.sub(' data-moves=""', body)
    body = UNPAINTED.sub("", body)
    body = re.sub(r"<[^>]*>", lambda tag: _for_page(tag[0]), body)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img" aria-labelledby="{picture.name}-title" aria-describedby="{picture.name}-says">'
    )
    return Markup(head + body)


def _for_page(tag: str) -> str:
    """Return a tag without what a mark need not say, its colors by their roles; text between tags stays untouched."""
    lean = IDLE.sub(_unless_faint, tag)
    return _roles().sub(lambda found: f'="var(--{_role_of()[found[1]]})"', lean)


def _unless_faint(found: re.Match[str]) -> str:
    """Keep an opacity that shows."""
    text = found[0]
    return text if text.startswith(" opacity") and text != ' opacity="1"' else ""


@cache
def _role_of() -> dict[str, str]:
    return {color: role for role, color in LIGHT.items()}


@cache
def _roles() -> re.Pattern[str]:
    return re.compile('="(' + "|".join(LIGHT.values()) + ')"')
