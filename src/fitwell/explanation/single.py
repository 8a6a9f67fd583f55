"""Why the network says what it says about single rows, as a value that is printed, kept as JSON and drawn."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from fitwell.data.columns.cells import present_text
from fitwell.data.encode import ArrayBlock, FeatureLayout
from fitwell.data.wide import gathered
from fitwell.errors import RequestError, nearest
from fitwell.explanation.asking import Blocks, cost_of, entries_of
from fitwell.explanation.attribution import (
    PITCHES,
    Ask,
    Deletion,
    Part,
    Shares,
    bands_of,
    deletion,
    orders_for,
    regions_of,
    regions_of_bands,
    shapley,
)
from fitwell.explanation.rows import cell_text
from fitwell.explanation.within_texts import PRESENT, cut_text
from fitwell.networks.audio import ConvolutionalAudio, RecurrentAudio, mel_edges
from fitwell.networks.random_kernels_audio import RandomKernelsAudio
from fitwell.prediction import Model, encoded, predictions_for, table_of

OTHERS = 64  # rows that a row is compared with
COMPARED = 16  # of them, when what was named is deleted


@dataclass(frozen=True, kw_only=True)
class Share:
    """How far one column moved the prediction away from the average, with the 95 % interval of sampling."""

    column: str
    cell: str
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Regions:
    """What each region of a picture, a sound or a series brought to the prediction."""

    column: str
    kind: str  # "image", "audio" or "series"
    array: np.ndarray  # as the network takes it; of a sound what it hears, as a picture (bands, moments, 1)
    values: np.ndarray  # (regions down, regions across) of a picture or a sound, (regions,) of a series
    half_widths: np.ndarray  # of their 95 % intervals


@dataclass(frozen=True, kw_only=True)
class Word:
    """What a word of a text brought to the prediction, or a few neighboring ones of a long text."""

    start: int  # its first letter's place in the text, from 0
    stop: int  # the place behind its last
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Words:
    """What the words of a text brought to the prediction: together what it gets more than a text without any."""

    column: str
    text: str
    words: tuple[Word, ...]  # in their order in the text

    def told(self, word: Word) -> str:
        """Return a word as it is written."""
        return self.text[word.start : word.stop]


@dataclass(frozen=True, kw_only=True, eq=False)
class Explained:
    """One row: what is predicted, and what that rests on."""

    row: int  # from 0
    prediction: str  # as `predict` says it
    value: float  # what is explained: the probability of the answer, or the number
    average: float  # the same for the rows it is compared with
    shares: tuple[Share, ...]  # the largest first; they add up to value - average
    regions: tuple[Regions, ...]
    texts: tuple[Words, ...]


@dataclass(frozen=True, kw_only=True, eq=False)
class Explanations:
    """What the predictions for some rows rest on, and how well that stood the test."""

    about: str  # what `value` is, such as "probability of Yes"
    others: int  # rows that these are compared with
    rows: tuple[Explained, ...]
    deleted: Deletion | None  # mean over the rows; None where nothing can be deleted

    def as_json(self) -> dict[str, Any]:
        """Return plain values; arrays of pictures and series are left out."""
        return {
            "version": 1,
            "about": self.about,
            "others": self.others,
            "rows": [_row_json(row) for row in self.rows],
            "deleted": None if self.deleted is None else {"named": self.deleted.named, "random": self.deleted.random},
        }


def explanations(
    model: Model, frame: pl.DataFrame, others: pl.DataFrame, *, about: str | None, seed: int
) -> Explanations:
    """Return what the predictions for the rows of a frame rest on, compared with other rows.

    `about` names the class, or one of several targets, whose prediction is explained; without it, each row's own
    answer, or the first target.

    Raises:
        DataError: a column is missing, or a cell cannot be read. RequestError: there is no such class or target.
    """
    features = encoded(model, frame)
    blocks, compared = _arrays(features), _arrays(encoded(model, others))
    predictions = predictions_for(model, features)
    table = table_of(predictions, model.task, model.coding, model.decision)
    places, what = _places(model, predictions.mean, table, about)
    answers = table.select(pl.col("^prediction.*$").exclude("^prediction.*_(low|high)$")).rows()
    is_long = model.recipe.data.series_id is not None  # then each series has its row already
    cells = (frame if is_long else gathered(frame, model.recipe.data.series)).rows(named=True)
    found = [
        _explained(
            _Question(
                model=model,
                row={name: block[number : number + 1] for name, block in blocks.items()},
                others=compared,
                place=place,
                rows=len(frame),
                seed=seed,
            ),
            number=number,
            answer=joined(answers[number]),
            cells=cells[number],
        )
        for number, place in enumerate(places)
    ]
    tests = [test for _, tests in found for test in tests]
    return Explanations(
        about=what,
        others=len(others),
        rows=tuple(explained for explained, _ in found),
        deleted=_mean(tests) if tests else None,
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Question:
    """One row whose prediction is explained."""

    model: Model
    row: Blocks
    others: Blocks
    place: int  # of the output
    rows: int  # that are explained, among which the work is shared
    seed: int
    whole: Callable[[Blocks], Blocks] = lambda asked: asked  # what the network takes, from what is put together

    def ask(self, asked: Blocks) -> np.ndarray:
        tensors = {name: torch.from_numpy(block) for name, block in self.whole(asked).items()}
        return np.asarray(predictions_for(self.model, tensors).mean[:, self.place])

    def ask_left(self, block: str, asked: Sequence[str]) -> np.ndarray:
        """Return the predictions for the row with each of these in the place of its own text."""
        encoded_texts = self.model.encoders.arrays[block].encode(pl.Series(asked, dtype=pl.String))
        rows = {name: np.repeat(own, len(asked), axis=0) for name, own in self.row.items() if name != block}
        return self.ask(rows | {block: encoded_texts})

    def shares(
        self, parts: Sequence[Part], others: Blocks, *, row: Blocks | None = None, ask: Ask | None = None
    ) -> tuple[Shares, Deletion | None]:
        """Return how far each part moved the prediction, and how that stood the test where there are several.

        The parts are those of the encoded row; or of what else `row` holds, of which `ask` gives the prediction.
        """
        ask, row = ask or self.ask, row or self.row
        orders = orders_for(len(parts), cost=cost_of(self.model), rows=self.rows)
        shares = shapley(ask, row, others, parts, orders=orders, seed=self.seed)
        if len(parts) == 1:
            return shares, None
        sign = 1.0 if shares.values.sum() >= 0 else -1.0  # what is deleted is what made it differ
        fewer = {name: block[:COMPARED] for name, block in others.items()}
        test = deletion(lambda asked: sign * ask(asked), row, fewer, parts, sign * shares.values, seed=self.seed)
        return shares, test


def _explained(
    question: _Question, *, number: int, answer: str, cells: Mapping[str, object]
) -> tuple[Explained, list[Deletion]]:
    """Return what the prediction for a row rests on, and the tests of that."""
    layout = question.model.encoders.layout
    columns = _columns(layout)
    shares, test = question.shares(list(columns.values()), question.others)
    tests, regions, texts = [test], list[Regions](), list[Words]()
    for block, array in layout.arrays.items():
        if array.kind == "text":
            words, test = _of_text(question, block, cells.get(array.column))
            texts.append(words)
        elif (inside := _inside(question, block, array)) is not None:
            found, test = _of_regions(inside, block, array)
            regions.append(found)
        else:
            continue
        tests.append(test)
    names = list(columns)
    told = Explained(
        row=number,
        prediction=answer,
        value=float(question.ask(question.row)[0]),
        average=shares.average,
        shares=tuple(
            Share(
                column=names[part],
                cell=_shown(cells.get(names[part])),
                value=float(shares.values[part]),
                low=float(shares.values[part] - shares.half_widths[part]),
                high=float(shares.values[part] + shares.half_widths[part]),
            )
            for part in np.argsort(-np.abs(shares.values), kind="stable").tolist()
        ),
        regions=tuple(regions),
        texts=tuple(words for words in texts if words.words),
    )
    return told, [each for each in tests if each is not None]


@dataclass(frozen=True, kw_only=True, eq=False)
class _Inside:
    """How the regions of one array of a row are asked about."""

    question: _Question
    without: np.ndarray  # (1, ...): the array that has none of them
    regions: Sequence[Part]
    sides: tuple[int, ...]  # how many regions there are along each side of the picture
    picture: np.ndarray


def _inside(question: _Question, block: str, array: ArrayBlock) -> _Inside | None:
    """Return how the regions of an array are asked about, None where it has none: a silent sound."""
    own, others = question.row[block], question.others[block]
    if array.kind != "audio":
        regions, sides = regions_of(block, array.shape, is_image=array.kind == "image")
        mean = others.mean(axis=0, keepdims=True).astype(others.dtype)
        return _Inside(question=question, without=mean, regions=regions, sides=sides, picture=own[0])
    if not own.any():
        return None
    bands = bands_of(own[0], mel_edges(PITCHES, rate=array.rate), rate=array.rate)[None]

    def whole(asked: Blocks) -> Blocks:
        return {**asked, block: asked[block].sum(axis=1).round().astype(np.int16)[..., None]}

    regions, sides = regions_of_bands(block, int(np.flatnonzero(own[0, :, 0])[-1]) + 1, PITCHES)
    return _Inside(
        question=replace(question, row={**question.row, block: bands}, whole=whole),
        without=np.zeros_like(bands),
        regions=regions,
        sides=sides,
        picture=_heard(question.model.networks[0].get_submodule(f"arrays.{block}"), own),
    )


def _heard(reader: nn.Module, wave: np.ndarray) -> np.ndarray:
    """Return what a network hears of one sound as a grey picture: low bands below, from left to right in time."""
    assert isinstance(reader, ConvolutionalAudio | RandomKernelsAudio | RecurrentAudio)
    bands, present = reader.listening(torch.from_numpy(wave), None)
    shown = bands[present > 0].numpy().T[::-1]
    low, high = float(shown.min()), float(shown.max())
    return np.ascontiguousarray((255 * (shown - low) / ((high - low) or 1.0)).astype(np.uint8)[..., None])


def _of_regions(inside: _Inside, block: str, array: ArrayBlock) -> tuple[Regions, Deletion | None]:
    """Return what each region of a picture, a sound or a series brought, in place of that of one without any."""
    shares, test = inside.question.shares(inside.regions, {**inside.question.row, block: inside.without})
    regions = Regions(
        column=array.column,
        kind=array.kind,
        array=inside.picture,
        values=shares.values.reshape(inside.sides),
        half_widths=shares.half_widths.reshape(inside.sides),
    )
    return regions, test


def _of_text(question: _Question, block: str, cell: object) -> tuple[Words, Deletion | None]:
    """Return what each word of a text brought; none where the text is missing or has no words."""
    column = question.model.encoders.arrays[block].column
    text = present_text(pl.Series([cell]), column)[0] or ""
    cut = cut_text(text)
    if not cut.spans:
        return Words(column=column.name, text=text, words=()), None
    shares, test = question.shares(
        cut.parts,
        cut.blocks(present=False),
        row=cut.blocks(present=True),
        ask=lambda asked: question.ask_left(block, cut.left(asked[PRESENT])),
    )
    words = tuple(
        Word(start=start, stop=stop, value=value, low=value - half, high=value + half)
        for (start, stop), value, half in zip(
            cut.spans, shares.values.tolist(), shares.half_widths.tolist(), strict=True
        )
    )
    return Words(column=column.name, text=text, words=words), test


def _columns(layout: FeatureLayout) -> dict[str, Part]:
    """Return where the entries of each column are; within a block they stand side by side."""
    columns: dict[str, Part] = {
        column: {block: (slice(int(places[0]), int(places[-1]) + 1),) for block, places in entries.items()}
        for column, entries in entries_of(layout.names).items()
    }
    return columns | {array.column: {block: ()} for block, array in layout.arrays.items()}


def _shown(cell: object) -> str:
    return f"{len(cell)} steps" if isinstance(cell, list) else cell_text(cell)


def _places(model: Model, mean: np.ndarray, table: pl.DataFrame, about: str | None) -> tuple[list[int], str]:
    """Return which output is explained for each row, and what it is in words."""
    coding, form = model.coding, model.task.form
    if form == "values" or model.task.name == "multilabel":
        place = 0 if about is None else _named(about, coding.names, what="target")
        what = coding.names[place] if form == "values" else f"probability of {coding.names[place]}"
        return [place] * len(mean), what
    classes = [str(label) for label in coding.classes[0]]
    if about is not None:
        place = _named(about, classes, what="class")
        return [place] * len(mean), f"probability of {classes[place]}"
    answers = table["prediction"].cast(pl.String).to_list()
    return [classes.index(answer) for answer in answers], "probability of the answer"


def _named(about: str, names: Sequence[str], *, what: str) -> int:
    if about not in names:
        raise RequestError(f'there is no {what} "{about}"{nearest(about, names) or "; there are " + ", ".join(names)}')
    return list(names).index(about)


def joined(answers: Sequence[object]) -> str:
    """Return a row's answers as text."""
    return ", ".join(f"{answer:.4g}" if isinstance(answer, float) else str(answer) for answer in answers)


def _mean(tests: Sequence[Deletion]) -> Deletion:
    return Deletion(
        named=float(np.mean([test.named for test in tests])), random=float(np.mean([test.random for test in tests]))
    )


def _arrays(tensors: Mapping[str, Tensor]) -> dict[str, np.ndarray]:
    return {name: tensor.numpy() for name, tensor in tensors.items()}


def _row_json(row: Explained) -> dict[str, Any]:
    return {
        "row": row.row,
        "prediction": row.prediction,
        "value": row.value,
        "average": row.average,
        "columns": [
            {"column": share.column, "cell": share.cell, "value": share.value, "low": share.low, "high": share.high}
            for share in row.shares
        ],
        "regions": {regions.column: regions.values.tolist() for regions in row.regions},
        "texts": {words.column: _words_json(words) for words in row.texts},
    }


def _words_json(words: Words) -> dict[str, Any]:
    return {"text": words.text, "words": [{"word": words.told(word), **asdict(word)} for word in words.words]}
