"""The page in a real browser: silent, asking nobody for anything, following slider, theme and keyboard."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from fitwell import metrics
from fitwell.metrics.confusion import BINARY
from fitwell.report.page import page as page_of
from fitwell.report.picture import Contents
from fitwell.report.theme import DARK, LIGHT

pytestmark = pytest.mark.browser

MakeContents = Callable[[str], Contents]
TASKS = ["binary", "multiclass", "multilabel", "regression"]
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]


@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def files(make_contents: MakeContents, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    for task in TASKS:
        (folder / f"{task}.html").write_bytes(page_of(make_contents(task)))
    return {task: folder / f"{task}.html" for task in TASKS}


@pytest.fixture
def opened(browser: Browser, files: dict[str, Path]) -> Iterator[Callable[..., Page]]:
    """Open the page of a task; when the test is over, nothing was asked from a network or said in the console."""
    asked: list[str] = []
    said: list[str] = []
    tabs: list[Page] = []

    def open_page(task: str, *, width: int = 1200, dark: bool = False, scripts: bool = True) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme="dark" if dark else "light",
            java_script_enabled=scripts,
        )
        tab = context.new_page()
        tab.on("request", lambda request: asked.append(request.url))
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.on("dialog", lambda dialog: said.append(dialog.message))
        tab.goto(files[task].as_uri())
        tabs.append(tab)
        return tab

    yield open_page
    for tab in tabs:
        tab.context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert said == []


@pytest.mark.parametrize("task", TASKS)
def test_a_page_is_silent_and_asks_for_nothing(task: str, opened: Callable[..., Page]) -> None:
    tab = opened(task)
    assert tab.locator("svg").count() >= 5
    # A script in a name would have changed the title, opened a dialog or spoken in the console.
    assert tab.locator("script").count() == 2


@pytest.mark.parametrize("task", TASKS)
def test_nothing_scrolls_sideways_on_a_phone(task: str, opened: Callable[..., Page]) -> None:
    tab = opened(task, width=360)
    assert tab.evaluate("document.documentElement.scrollWidth") == 360
    sizes = tab.evaluate("[...document.querySelectorAll('svg')].map(each => each.getBoundingClientRect().right)")
    assert max(sizes) <= 360


def shown_figures(tab: Page) -> dict[str, str]:
    cells = tab.locator("[data-figure]")
    return {str(cell.get_attribute("data-figure")): cell.inner_text() for cell in cells.all()}


def rounded(value: float) -> str:
    """Three decimals, halves away from zero, a true minus sign."""
    text = str(Decimal(value).quantize(Decimal("0.001"), ROUND_HALF_UP))
    return "0.000" if float(text) == 0 else text.replace("-", "−")


def test_the_slider_moves_every_figure_to_what_the_metrics_are_at_that_threshold(
    opened: Callable[..., Page], make_contents: MakeContents
) -> None:
    tab, contents = opened("binary"), make_contents("binary")
    assert contents.predictions is not None
    positive = contents.data["targets"]["positive"]
    scores = contents.predictions[f"probability_{positive}"].to_numpy()
    labels = contents.predictions["truth"].to_numpy()
    (stops,) = json.loads(tab.locator("#thresholds").inner_text())
    last = len(stops["thresholds"]) - 1
    for stop in (0, last // 3, stops["chosen"], last):
        tab.locator("input[type=range]").fill(str(stop))
        threshold = stops["thresholds"][stop]
        figures = metrics.binary(labels, scores, positive=positive, threshold=threshold)
        shown = shown_figures(tab)
        for name in BINARY:
            value = getattr(figures, name).value
            assert shown[name] == ("–" if value is None else rounded(value)), (
                name,
                threshold,
            )
        found = int(((scores >= threshold) & (labels == positive)).sum())
        assert tab.locator("[data-cell='3']").inner_text() == str(found)
        alarms = int(((scores >= threshold) & (labels != positive)).sum())
        missed = int((labels == positive).sum()) - found
        assert float(shown["cost"]) == pytest.approx((alarms + 5 * missed) / len(labels), abs=5.1e-4)
        assert float(tab.locator("output").inner_text()) == pytest.approx(threshold, rel=0.01)


def test_the_marks_on_the_curves_move_along(opened: Callable[..., Page]) -> None:
    tab = opened("binary")
    tab.locator("input[type=range]").fill("0")  # everything is predicted positive
    width, height = 290, 290
    places = {"roc": f"translate({width},0)", "gains": f"translate({width},0)"}
    for name, place in places.items():
        assert tab.locator(f"#{name} [data-moves] > *").get_attribute("transform") == place
    tab.locator("input[type=range]").press("End")  # nothing is: precision is undefined
    assert tab.locator("#roc [data-moves] > *").get_attribute("transform") == f"translate(0,{height})"
    assert tab.locator("#precision-recall [data-moves] > *").get_attribute("visibility") == "hidden"


def test_without_scripts_the_page_shows_the_chosen_threshold(opened: Callable[..., Page]) -> None:
    with_scripts, without = opened("binary"), opened("binary", scripts=False)
    assert shown_figures(without) == shown_figures(with_scripts)
    assert without.locator("input[type=range]").is_disabled()
    assert not without.locator("#theme").is_visible()
    place = "#roc [data-moves] > *"

    def where(tab: Page) -> tuple[float, ...]:
        moved = str(tab.locator(place).get_attribute("transform"))
        return tuple(float(part) for part in moved.removeprefix("translate(").removesuffix(")").split(","))

    assert where(without) == pytest.approx(where(with_scripts), abs=0.01)


def test_everything_can_be_done_with_the_keyboard(opened: Callable[..., Page]) -> None:
    tab = opened("binary")
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.textContent") == "Skip to the verdict"
    outlines = tab.evaluate("getComputedStyle(document.activeElement).outlineWidth")
    assert outlines == "3px"
    slider = tab.locator("input[type=range]")
    slider.focus()
    before = slider.input_value()
    tab.keyboard.press("ArrowRight")
    assert int(slider.input_value()) == int(before) + 1
    assert "threshold" in str(slider.get_attribute("aria-valuetext"))
    tab.locator("button.back").focus()
    tab.keyboard.press("Enter")
    assert slider.input_value() == before
    tab.locator("summary", has_text="The recipe").focus()
    tab.keyboard.press("Enter")
    assert tab.locator("pre", has_text="target: [y]").is_visible()


def rgb(color: str) -> str:
    return f"rgb({', '.join(str(int(color[place : place + 2], 16)) for place in (1, 3, 5))})"


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_is_as_dark_as_the_screen_and_the_button_turns_it(dark: bool, opened: Callable[..., Page]) -> None:
    tab = opened("regression", dark=dark)
    paper = "getComputedStyle(document.body).backgroundColor"
    label = "getComputedStyle(document.querySelector('svg text')).fill"
    own, other = (DARK, LIGHT) if dark else (LIGHT, DARK)
    assert (tab.evaluate(paper), tab.evaluate(label)) == (rgb(own["paper"]), rgb(own["soft"]))
    assert tab.locator("#theme").get_attribute("aria-pressed") == str(dark).lower()
    tab.locator("#theme").press("Enter")
    assert (tab.evaluate(paper), tab.evaluate(label)) == (rgb(other["paper"]), rgb(other["soft"]))
    tab.emulate_media(media="print")
    assert tab.evaluate(paper) == rgb(LIGHT["paper"])
