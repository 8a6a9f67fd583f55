"""Both themes can be read by everybody: contrast as WCAG 2.2 asks, and no two roles in one color."""

from __future__ import annotations

import pytest

from fitwell.report.theme import DARK, LIGHT, RAMP, SERIES

THEMES = {"light": LIGHT, "dark": DARK}
TEXT = ("ink", "soft", "quiet", "main", "second", "third", "fourth", "fifth", "sixth", "good", "bad", "wary")


def linear(share: float) -> float:
    return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4


def luminance(color: str) -> float:
    red, green, blue = (linear(int(color[place : place + 2], 16) / 255) for place in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("paper", ["paper", "panel"])
@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("role", TEXT)
def test_text_stands_out_from_the_paper(theme: str, role: str, paper: str) -> None:
    assert contrast(THEMES[theme][role], THEMES[theme][paper]) >= 4.5


@pytest.mark.parametrize("theme", THEMES)
def test_lines_stand_out_from_the_paper(theme: str) -> None:
    assert contrast(THEMES[theme]["line"], THEMES[theme]["paper"]) >= 3


@pytest.mark.parametrize("theme", THEMES)
def test_numbers_on_a_shade_can_be_read(theme: str) -> None:
    # The four lighter shades carry ink, the three darker ones paper, as in the confusion matrix.
    colors = THEMES[theme]
    assert all(contrast(colors["ink"], colors[role]) >= 4.5 for role in RAMP[:4])
    assert all(contrast(colors["paper"], colors[role]) >= 4.5 for role in RAMP[4:])


@pytest.mark.parametrize("theme", THEMES)
def test_shades_go_one_way(theme: str) -> None:
    steps = [luminance(THEMES[theme][role]) for role in RAMP]
    assert steps == sorted(steps, reverse=theme == "light")


def test_both_themes_have_the_same_roles_and_no_color_serves_two() -> None:
    # Drawings are made in the light colors, and each color is replaced by the name of its role.
    assert set(LIGHT) == set(DARK)
    assert len(set(LIGHT.values())) == len(LIGHT)


@pytest.mark.parametrize("theme", THEMES)
def test_neighboring_series_differ_for_people_who_do_not_tell_red_from_green(theme: str) -> None:
    """As a deuteranope sees them (Machado et al. 2009, full severity), the first three lines stay apart."""
    seen = [deuteranope(THEMES[theme][role]) for role in SERIES[:3]]
    for place, one in enumerate(seen):
        for other in seen[place + 1 :]:
            assert sum(abs(a - b) for a, b in zip(one, other, strict=True)) > 0.15


def deuteranope(color: str) -> tuple[float, ...]:
    red, green, blue = (linear(int(color[place : place + 2], 16) / 255) for place in (1, 3, 5))
    matrix = ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881))
    return tuple(sum(weight * part for weight, part in zip(row, (red, green, blue), strict=True)) for row in matrix)
