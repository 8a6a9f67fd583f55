"""ELMo as a user asks for it: a corpus and settings in, a model out, stopped and resumed at will."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from fitwell.errors import DataError, RequestError
from fitwell.words.bilm.characters import character_rows
from fitwell.words.bilm.learning import STEPS, ElmoSettings, learn, stream_of, targets_of, to_learn
from fitwell.words.bilm.model import Elmo, filled, together
from fitwell.words.bilm.network import LanguageModel, Sizes
from fitwell.words.bilm.pacing import within
from fitwell.words.driving import Progress, driven, unwatched
from fitwell.words.encoded import WHITE_SPACE_TOKENS, EncodedCorpus
from fitwell.words.texts import Corpus, Unit
from fitwell.words.tokens import Tokenization
from fitwell.words.word2vec_training import encoded_corpus, resumed

LONGEST_HELD_OUT = 1000  # words of a text that is held out; a longer one is cut
MOST_HELD_OUT = 50_000  # words, which tell a perplexity to some percent
FEWEST = 20  # words to learn from


@dataclass(frozen=True, kw_only=True, eq=False)
class Divided:
    """What is learned from, and what is held out, as numbers of words."""

    ids: NDArray[np.int32]
    ends: NDArray[np.int64]
    held_out: list[list[int]]


def elmo(
    corpus: Corpus | EncodedCorpus,
    *,
    dimension: int = 128,
    cells: int | None = None,
    epochs: int = 5,
    min_count: int = 2,
    max_size: int | None = 50_000,
    lanes: int = 32,
    rate: float = 0.002,
    dropout: float = 0.1,
    clip_norm: float = 1.0,
    held_out: float = 0.05,
    threads: int = 1,
    seed: int = 1,
    time_limit: float | None = None,
    tokenization: Tokenization = WHITE_SPACE_TOKENS,
    unit: Unit = "line",
    field: str | None = None,
    checkpoint: str | Path | None = None,
    progress: Progress = unwatched,
) -> Elmo:
    """Return a language model read in both directions, whose layers give words vectors in context.

    Words that come fewer than `min_count` times, or are not among the `max_size` most frequent, are not told apart as
    answers, but are read as any other, by their characters. A share of the texts is held out, and `made` has how well
    each direction tells their words, as perplexity, beside guessing by frequency alone. `cells` are as many as
    the dimension unless set. With `time_limit`, in seconds, the steps are as many as fit, and the learning rate ends
    with them. Everything else is as for `word2vec`.

    Raises:
        DataError: the corpus cannot be read or is too short, or the checkpoint cannot be read.
        RequestError: a setting is wrong, no word is frequent enough, or the checkpoint belongs to another training.
    """
    settings = ElmoSettings(
        dimension=dimension,
        cells=dimension if cells is None else cells,
        epochs=epochs,
        min_count=min_count,
        max_size=max_size,
        lanes=lanes,
        rate=rate,
        dropout=dropout,
        clip_norm=clip_norm,
        held_out=held_out,
        seed=seed,
    )
    ends = None if time_limit is None else time.monotonic() + time_limit
    if time_limit is not None and not time_limit > 0:
        raise RequestError(f"time_limit must be above 0 seconds, but is {time_limit}")
    encoded = encoded_corpus(corpus, tokenization=tokenization, unit=unit, field=field)
    vocabulary = encoded.vocabulary.pruned(min_count=min_count, max_size=max_size)
    divided = divide(encoded, share=held_out)
    stream = stream_of(divided.ids, divided.ends, known=len(vocabulary), lanes=lanes)
    sizes = Sizes(targets=len(vocabulary) + 2, width=dimension, cells=settings.cells)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        learned = to_learn(_drawn(sizes, seed), lanes=len(stream.words))
        asked = {"method": "elmo", **asdict(settings)}
        kept = resumed(checkpoint, asked, encoded, learned.state)
        most = learned.state.arrays["steps"]
        if time_limit is None or not most[0]:
            most[0] = epochs * stream.steps
        symbols = torch.from_numpy(character_rows(encoded.vocabulary.words))
        looks = learn(learned, symbols, stream, settings)
        if time_limit is not None and ends is not None:
            telling = sum(map(len, divided.held_out)) / (len(stream.words) * STEPS)
            looks = within(looks, learned.state, ends=ends, limit=time_limit, telling=telling)
        done = driven(looks, learned.state, checkpoint=kept, progress=progress)
        told = perplexities(learned.model, symbols, divided, known=len(vocabulary))
    finally:
        torch.set_num_threads(before)
    planned = float(learned.state.arrays["steps"][0]) / stream.steps
    made = {
        **asked,
        "epochs_planned": round(planned, 3),
        "epochs_done": round(done, 3),
        "tokens": len(encoded.ids),
        **told,
    }
    return Elmo(learned.model.requires_grad_(False).eval(), tuple(vocabulary.words), encoded.tokenization, made)


def divide(corpus: EncodedCorpus, *, share: float) -> Divided:
    """Return a corpus without its held-out texts: every 20th for a share of 0.05, or the end of one text that is alone.

    Raises:
        DataError: too little is left to learn from.
    """
    ids, ends = np.asarray(corpus.ids), corpus.ends
    if share == 0:
        divided = Divided(ids=ids, ends=ends, held_out=[])
    elif len(ends) * share < 1:
        cut = len(ids) - max(1, int(share * len(ids)))
        rest = np.append(ends[ends < cut], cut)
        divided = Divided(ids=ids[:cut], ends=rest, held_out=_cut([ids[cut:]]))
    else:
        every = round(1 / share)
        lengths = np.diff(ends, prepend=0)
        is_out = np.arange(len(ends)) % every == every - 1
        texts = np.split(ids, ends[:-1])
        divided = Divided(
            ids=ids[~np.repeat(is_out, lengths)],
            ends=np.cumsum(lengths[~is_out]),
            held_out=_cut([texts[place] for place in np.flatnonzero(is_out)]),
        )
    if len(divided.ids) < FEWEST:
        raise DataError(
            f"a language model is learned from {FEWEST} words or more, but the corpus has {len(divided.ids)} beside "
            "those that are held out; name a larger one"
        )
    return divided


def _cut(texts: Sequence[NDArray[np.int32]]) -> list[list[int]]:
    kept, count = list[list[int]](), 0
    for text in texts:
        for start in range(0, len(text), LONGEST_HELD_OUT):
            if count < MOST_HELD_OUT:
                kept.append(text[start : start + LONGEST_HELD_OUT].tolist())
                count += len(kept[-1])
    return kept


def perplexities(
    model: LanguageModel, symbols: torch.Tensor, divided: Divided, *, known: int
) -> dict[str, float | int]:
    """Return the perplexity of held-out texts, each read by itself, forward and backward, and by frequency alone.

    Told are a text's words and the mark behind its last one, or before its first. Frequencies are those of the texts
    that were learned from, one added to each.
    """
    rows = [[0, *(number + 1 for number in text), 0] for text in divided.held_out if text]
    if not rows:
        return {}
    forward, backward, by_frequency, words = 0.0, 0.0, 0.0, 0
    counts = np.bincount(
        targets_of(torch.from_numpy(divided.ids.astype(np.int64) + 1), known=known), minlength=known + 2
    )
    counts[0] = len(divided.ends)
    frequency = -torch.log(torch.from_numpy((counts + 1) / (counts + 1).sum()))
    with torch.inference_mode():
        for places in together([len(row) for row in rows]):
            some = [rows[place] for place in places]
            lengths, numbers = torch.tensor([len(row) for row in some]), filled(some)
            targets = targets_of(numbers, known=known)
            distinct, of_places = torch.unique(numbers, return_inverse=True)
            last = model.layers(model.spelled(symbols[distinct])[of_places], lengths)[-1]
            ahead, behind = last.chunk(2, 2)
            steps = torch.arange(numbers.shape[1] - 1)
            present = steps[None, :] < lengths[:, None] - 1
            forward += float(model.losses(ahead[:, :-1][present], targets[:, 1:][present]).sum())
            backward += float(model.losses(behind[:, 1:][present], targets[:, :-1][present]).sum())
            by_frequency += float(frequency[targets[:, 1:][present]].sum())
            words += int(present.sum())
    return {
        "held_out_words": words,
        "perplexity_forward": math.exp(forward / words),
        "perplexity_backward": math.exp(backward / words),
        "perplexity_by_frequency": math.exp(by_frequency / words),
    }


def _drawn(sizes: Sizes, seed: int) -> LanguageModel:
    """Return a model with first weights that depend on the seed alone."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return LanguageModel(sizes)
