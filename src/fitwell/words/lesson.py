"""What a training of Word2Vec reads, and how it is divided: into epochs, blocks, stretches of threads, and pieces."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from fitwell.words.encoded import EncodedCorpus
from fitwell.words.huffman import Ways
from fitwell.words.parts import Parts
from fitwell.words.word2vec_settings import LAST_RATE, Word2VecSettings

NODES = 8  # of a tree that are met at a time, as many as the kernels have room for


@dataclass(frozen=True, kw_only=True, eq=False)
class Lesson:
    """What is read, and how."""

    corpus: EncodedCorpus
    blocks: npt.NDArray[np.int64]  # the first text of each block of an epoch, and the number of texts
    keep: npt.NDArray[np.uint32]  # of each word how often it is not skipped, of 2^32 times
    draws: npt.NDArray[np.int32]  # a stream of drawn words
    ways: Ways | None  # to words in a tree, instead of drawn words
    parts: Parts | None  # the rows of each word
    settings: Word2VecSettings

    @property
    def drawn(self) -> int:
        """How many words or nodes tell a word beside the first."""
        return self.settings.negative if self.ways is None else NODES - 1

    @property
    def total(self) -> int:
        """How many tokens are read in all epochs."""
        return self.settings.epochs * len(self.corpus.ids)

    @property
    def blocks_of_epoch(self) -> int:
        """How many blocks an epoch has."""
        return len(self.blocks) - 1

    @property
    def all_blocks(self) -> int:
        """How many blocks there are in all epochs."""
        return self.settings.epochs * self.blocks_of_epoch

    def tokens_before(self, block: int) -> int:
        """Return how many tokens come before a block, counted through all epochs."""
        epoch, block = divmod(block, self.blocks_of_epoch)
        return epoch * len(self.corpus.ids) + self.first_token(int(self.blocks[block]))

    def texts(self, block: int, until: int) -> tuple[int, int]:
        """Return the first text of a block, and the one before which the last of some blocks of its epoch ends."""
        first = block % self.blocks_of_epoch
        return int(self.blocks[first]), int(self.blocks[first + until - block])

    def first_token(self, text: int) -> int:
        """Return where in the corpus a text begins."""
        return int(self.corpus.ends[text - 1]) if text else 0

    def tokens(self, first: int, last: int) -> int:
        """Return how many tokens the texts from one to before another have."""
        return self.first_token(last) - self.first_token(first)

    def rate(self, before: int) -> float:
        """Return the learning rate where so many tokens were read."""
        return self.settings.rate - (self.settings.rate - LAST_RATE) * before / self.total


def divided(lesson: Lesson, stretches: list[tuple[int, int]], threads: int) -> list[tuple[int, int]]:
    """Return as many stretches of texts as there are threads, or fewer if these run out, the longest in two halves."""
    while len(stretches) < threads:
        longest = max(stretches, key=lambda texts: lesson.tokens(*texts))
        middle = text_after(lesson, *longest, lesson.tokens(*longest) // 2)
        if middle == longest[1]:
            break
        place = stretches.index(longest)
        stretches = [*stretches[:place], (longest[0], middle), (middle, longest[1]), *stretches[place + 1 :]]
    return stretches


def text_after(lesson: Lesson, first: int, last: int, tokens: int) -> int:
    """Return before which text of a stretch a piece ends that has at most so many tokens, but one text at least."""
    wanted = lesson.first_token(first) + tokens
    return min(last, max(first + 1, int(np.searchsorted(lesson.corpus.ends, wanted, side="right"))))
