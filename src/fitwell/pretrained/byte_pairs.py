"""Byte pairs: the parts of words that texts call for. Frequent words are one part, rare ones several, none is unknown.

A text is bytes at first, a blank before each word among them. Pairs of neighboring parts that occur in one word are
joined, the most frequent first, until there are as many parts as wanted (Sennrich et al. 2016; from bytes on, Radford
et al. 2019). A word is cut by joining in the same order, so the list of joined pairs is all that has to be kept.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from fitwell.pretrained.tokenizer import require_tokenizers

if TYPE_CHECKING:
    from tokenizers import Tokenizer

FEWEST_TIMES = 2  # that two parts must meet to be joined
NEEDED_BY = "data.text byte_pairs"


def byte_pairs_for(texts: Sequence[str], *, size: int) -> tuple[str, ...]:
    """Return the pairs that are joined for these texts, in order, each with a blank between its parts.

    With the bytes they make at most `size` parts. Bytes are written as letters, a blank as \u0120.

    >>> byte_pairs_for(["low lower lowest"], size=259)
    ('l o', '\u0120 lo', '\u0120lo w')

    Raises:
        SurroundingsError: the package tokenizers is not installed.
    """
    require_tokenizers(NEEDED_BY)
    from tokenizers.pre_tokenizers import ByteLevel
    from tokenizers.trainers import BpeTrainer

    tokenizer = _cutter((), ())
    trainer = BpeTrainer(
        vocab_size=size,
        min_frequency=FEWEST_TIMES,
        initial_alphabet=ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return tuple(" ".join(pair) for pair in json.loads(tokenizer.to_str())["model"]["merges"])


@lru_cache(maxsize=8)
def parts_of(pairs: tuple[str, ...]) -> tuple[str, ...]:
    """Return the parts that there are when these pairs are joined: the bytes, then what they are joined to.

    >>> len(parts_of(("l o", "lo w"))), parts_of(("l o", "lo w"))[-2:]
    (258, ('lo', 'low'))

    Raises:
        SurroundingsError: the package tokenizers is not installed.
    """
    require_tokenizers(NEEDED_BY)
    from tokenizers.pre_tokenizers import ByteLevel

    joined = (pair.replace(" ", "") for pair in pairs)
    return tuple(dict.fromkeys([*sorted(ByteLevel.alphabet()), *joined]))  # two pairs may be joined to one part


@lru_cache(maxsize=8)
def byte_pair_tokenizer(pairs: tuple[str, ...]) -> Tokenizer:
    """Return what cuts texts, in lower case, into the numbers of their parts.

    Raises:
        SurroundingsError: the package tokenizers is not installed.
    """
    return _cutter(parts_of(pairs), pairs)


def _cutter(parts: Sequence[str], pairs: Sequence[str]) -> Tokenizer:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

    merges = [(left, right) for left, _, right in (pair.partition(" ") for pair in pairs)]
    tokenizer = Tokenizer(models.BPE(vocab={part: place for place, part in enumerate(parts)}, merges=merges))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    return tokenizer
