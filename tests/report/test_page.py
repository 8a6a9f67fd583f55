"""The page stands alone, escapes what the data holds, says in text what its pictures show, and stays small."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from itertools import pairwise
from typing import Any

import polars as pl
import pytest
import vl_convert

from fitwell.report.drawing import complete
from fitwell.report.notebook import compact
from fitwell.report.page import page, picture_files
from fitwell.report.picture import Contents
from fitwell.report.sections import pictures

TASKS = ["binary", "multiclass", "multilabel", "regression"]
MakeContents = Callable[[str], Contents]
VOID = {"meta", "link", "input", "br", "img", "path", "line", "rect"}


class Outline(HTMLParser):
    """What a page is made of: its elements in order, and whether they nest."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if tag in VOID:
            return
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "script":
            self.scripts.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module", params=TASKS)
def shown(request: pytest.FixtureRequest, make_contents: MakeContents) -> tuple[Contents, str, Outline]:
    contents = make_contents(request.param)
    text = page(contents).decode()
    return contents, text, Outline(text)


def test_elements_nest_and_ids_are_unique(shown: tuple[Contents, str, Outline]) -> None:
    _, _, outline = shown
    assert (outline.wrong, outline.open) == ([], [])
    ids = [each["id"] for _, each in outline.elements if "id" in each]
    assert len(ids) == len(set(ids))


def test_a_name_that_is_a_script_stays_text(shown: tuple[Contents, str, Outline]) -> None:
    _, text, outline = shown
    assert "<script>alert" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "a.b[0]" in text
    # The data of the slider, and the script of the page.
    assert len(outline.all("script")) == len(outline.scripts) == 2


def test_the_policy_of_the_page_allows_its_own_script_and_no_network(shown: tuple[Contents, str, Outline]) -> None:
    _, text, outline = shown
    (policy,) = [each["content"] for each in outline.all("meta") if each.get("http-equiv")]
    assert policy is not None
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"(?:src|href)=\"(?:https?:)?//", text)
    assert "style=" not in re.sub(r"<style>.*?</style>", "", text, flags=re.DOTALL)


def test_every_picture_is_an_image_with_a_title_and_a_sentence(shown: tuple[Contents, str, Outline]) -> None:
    contents, _, outline = shown
    drawn = outline.all("svg")
    assert [each["aria-labelledby"] for each in drawn] != []
    ids = {each.get("id") for _, each in outline.elements}
    for each in drawn:
        assert each["role"] == "img"
        assert {each["aria-labelledby"], each["aria-describedby"]} <= ids
    assert all(picture.says.endswith(".") and len(picture.says) > 12 for picture in pictures(contents))
    assert len(drawn) == len(pictures(contents))


def test_headings_descend_without_a_gap_and_tables_have_headers(shown: tuple[Contents, str, Outline]) -> None:
    _, _, outline = shown
    levels = [int(tag[1]) for tag, _ in outline.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    assert all(each.get("scope") in ("row", "col") for each in outline.all("th"))
    assert outline.all("html")[0]["lang"] == "en"
    assert {"header", "nav", "main", "footer"} <= {tag for tag, _ in outline.elements}


def test_a_page_is_far_below_three_megabytes(shown: tuple[Contents, str, Outline]) -> None:
    _, text, _ = shown
    assert len(text.encode()) < 1_000_000


def test_a_page_of_many_rows_stays_as_small(make_contents: MakeContents) -> None:
    contents = make_contents("binary")
    assert contents.predictions is not None
    many = pl.concat([contents.predictions] * 500)  # 200,000 rows
    noise = pl.Series(range(len(many))) * 1e-9
    column = f"probability_{contents.data['targets']['positive']}"
    spread = many.with_columns((pl.col(column) * 0.9 + noise).alias(column))
    assert len(page(replace(contents, predictions=spread))) < 600_000


@pytest.mark.parametrize("task", TASKS)
def test_vega_lite_compiles_every_picture_without_a_warning(task: str, make_contents: MakeContents, capfd: Any) -> None:
    for picture in pictures(make_contents(task)):
        assert vl_convert.vegalite_to_vega(complete(picture))["marks"], picture.name
    assert capfd.readouterr().err == ""


def test_names_of_pictures_are_names_of_files(make_contents: MakeContents) -> None:
    names = [picture.name for task in TASKS for picture in pictures(make_contents(task))]
    assert all(re.fullmatch(r"[a-z0-9]+(?:-[a-z0-9]+)*", name) for name in names)


def test_pictures_come_as_files_too(make_contents: MakeContents) -> None:
    contents = make_contents("regression")
    drawn = picture_files(contents, kind="svg")
    assert set(drawn) == {f"{picture.name}.svg" for picture in pictures(contents)}
    assert all(b'role="img"' in content for content in drawn.values())
    one = replace(contents, history=None, predictions=None, explanation={})
    assert picture_files(one, kind="png")["standing.png"][:4] == b"\x89PNG"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("lacking", ["predictions", "explanation", "history", "evaluation"])
def test_a_run_without_some_of_its_files_is_shown_all_the_same(
    task: str, lacking: str, make_contents: MakeContents, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fitwell.report.drawing.svg", lambda spec: '<svg width="1" height="1"></svg>')
    nothing: dict[str, Any] = {"predictions": None, "explanation": {}, "history": None, "evaluation": None}
    text = page(replace(make_contents(task), **{lacking: nothing[lacking]})).decode()
    outline = Outline(text)
    assert (outline.wrong, outline.open) == ([], [])
    if lacking == "evaluation":
        assert "has not been measured yet" in text


@pytest.mark.parametrize("task", TASKS)
def test_a_notebook_shows_the_verdict_without_any_script(task: str, make_contents: MakeContents) -> None:
    text = compact(make_contents(task))
    outline = Outline(text)
    assert (outline.wrong, outline.all("script")) == ([], [])
    assert "<script>alert" not in text
    assert all(str(each["src"]).startswith("data:image/svg+xml;base64,") and each["alt"] for each in outline.all("img"))
    assert "http" not in re.sub(r'src="[^"]*"', "", text)
