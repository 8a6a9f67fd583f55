"""Batches of about equally long rows: every row once, nothing lost by cutting, and a member alone as among others."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import polars as pl
import torch
from hypothesis import given
from hypothesis import strategies as st

from fitwell.data.read import read_table
from fitwell.learning import Setup, set_up
from fitwell.preparation import divided, labelled_rows_of, prepare
from fitwell.recipe import Recipe, changed
from fitwell.training.lengths import Lengths
from fitwell.training.loop import Rows, Seeds

SEEDS = [Seeds(noise=1, order=2), Seeds(noise=3, order=4)]


def rows_of(lengths: list[int], *, window: int) -> Rows:
    """Return rows whose target is their number, and whose text is that number so many times."""
    longest = max(lengths)
    texts = [[row + 1] * length + [0] * (longest - length) for row, length in enumerate(lengths)]
    return Rows(
        features={"text": torch.tensor(texts), "number": torch.arange(len(lengths))[:, None]},
        targets=torch.arange(len(lengths)),
        weights=None,
        lengths=Lengths(steps={"text": np.array(lengths)}, window=window),
    )


@given(
    lengths=st.lists(st.integers(0, 9), min_size=2, max_size=60).filter(any),
    window=st.integers(1, 5),
    batch_rows=st.integers(1, 7),
)
def test_every_row_comes_once_whole_and_beside_rows_of_its_length(
    lengths: list[int], window: int, batch_rows: int
) -> None:
    rows = rows_of(lengths, window=window)
    if batch_rows >= len(rows):
        return
    batches = list(rows.batches(SEEDS, epoch=3, batch_rows=batch_rows))
    assert len(batches) == len(rows) // batch_rows
    for member in range(len(SEEDS)):
        seen = torch.cat([batch.targets[member] for batch in batches]).tolist()
        assert len(set(seen)) == len(seen)
        for batch in batches:
            texts, targets = batch.features["text"][member], batch.targets[member]
            assert (batch.features["number"][member, :, 0] == targets).all()
            assert (texts > 0).sum(1).tolist() == [lengths[row] for row in targets]
            assert bool(((texts == 0) | (texts == targets[:, None] + 1)).all())
    for batch in batches:
        asked = [lengths[row] for row in batch.targets.flatten().tolist()]
        assert batch.features["text"].shape[2] == max(1, *asked)
    for start in range(0, len(batches), window):  # the lengths of a window's batches do not overlap
        spans = sorted(
            (min(some), max(some))
            for some in ([lengths[row] for row in batch.targets[0]] for batch in batches[start : start + window])
        )
        if window > 1:
            assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_an_epoch_goes_on_where_it_was_left_and_a_member_sees_the_same_alone() -> None:
    rows = rows_of(np.random.default_rng(0).integers(0, 30, 100).tolist(), window=4)
    whole = [batch.targets for batch in rows.batches(SEEDS, epoch=1, batch_rows=8)]
    rest = [batch.targets for batch in rows.batches(SEEDS, epoch=1, batch_rows=8, start=5)]
    assert torch.equal(torch.stack(rest), torch.stack(whole[5:]))
    alone = [batch.targets for batch in rows.batches(SEEDS[1:], epoch=1, batch_rows=8)]
    assert torch.equal(torch.cat(alone), torch.stack(whole)[:, 1])
    other = [batch.targets for batch in rows.batches(SEEDS, epoch=2, batch_rows=8)]
    assert not torch.equal(torch.stack(other), torch.stack(whole))


def begun(**settings: object) -> Setup:
    random = np.random.default_rng(0)
    words = np.array(["good", "bad", "fine", "poor", "the", "a", "film", "plot", "and", "of"])
    texts = [" ".join(random.choice(words, random.integers(4, 20))) for _ in range(300)]
    frame = pl.DataFrame({"text": texts, "y": ["yes" if "good" in text.split() else "no" for text in texts]})
    asked = changed(Recipe(), {"device": "cpu", "target": ["y"], "data.columns": {"text": {"kind": "text"}}} | settings)
    labelled, recipe = labelled_rows_of(read_table(frame), asked, test=None)
    prepared = prepare(labelled, recipe, split=divided(labelled, recipe))
    return set_up(prepared, prepared.recipe)


def test_texts_read_word_by_word_are_sorted_and_weighted_terms_are_not() -> None:
    setup = begun(**{"network.text.family": "lstm", "data.text": "words"})
    assert isinstance(setup.training, Rows)
    assert setup.training.lengths is not None
    assert setup.training.lengths.window == setup.recipe.training.sorted_batches == 32
    (block,) = setup.training.features.values()
    (steps,) = setup.training.lengths.steps.values()
    assert steps.tolist() == [int(row.count_nonzero()) for row in block]
    terms = begun(**{"data.text": "terms"})
    assert isinstance(terms.training, Rows)
    assert terms.training.lengths is None
    assert terms.recipe.training.sorted_batches == 1
