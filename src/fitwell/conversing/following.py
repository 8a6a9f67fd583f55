"""What a follow-up question means, by the turns before it: the words that it leaves out are added.

A question is elliptic if it begins as a continuation ("and", "what about"), refers to something by a pronoun ("how long
does it take?"), or has at most one word of content ("why?"). Then words of content and names of the last two turns are
put behind it, those of the last turn first: search counts them beside its own words, and a reader reads them. The lists
are English; in another language only short questions count as elliptic. A question that is merely short is first asked
as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple, Protocol

LOOKED_BACK = 2  # turns
MOST = 6  # words that are added
REFERRING = frozenset(
    [
        "it",
        "its",
        "itself",
        "they",
        "them",
        "their",
        "theirs",
        "themselves",
        "he",
        "him",
        "his",
        "himself",
        "she",
        "her",
        "hers",
        "herself",
        "this",
        "that",
        "these",
        "those",
    ]
)
OPENERS = ("and", "but", "or", "so", "also", "what about", "how about", "what if", "then")
FUNCTION = REFERRING | frozenset(
    [
        "a",
        "an",
        "the",
        "i",
        "me",
        "my",
        "mine",
        "we",
        "us",
        "our",
        "you",
        "your",
        "of",
        "to",
        "in",
        "on",
        "at",
        "by",
        "for",
        "from",
        "with",
        "about",
        "into",
        "over",
        "after",
        "before",
        "as",
        "than",
        "is",
        "are",
        "was",
        "were",
        "be",
        "been",
        "being",
        "am",
        "do",
        "does",
        "did",
        "doing",
        "have",
        "has",
        "had",
        "can",
        "could",
        "will",
        "would",
        "shall",
        "should",
        "may",
        "might",
        "must",
        "not",
        "no",
        "yes",
        "and",
        "or",
        "but",
        "if",
        "so",
        "then",
        "there",
        "here",
        "what",
        "which",
        "who",
        "whom",
        "whose",
        "when",
        "where",
        "why",
        "how",
        "also",
        "any",
        "some",
        "please",
        "tell",
        "more",
        "just",
        "much",
        "many",
        "very",
        "what's",
        "it's",
        "don't",
    ]
)
WORD = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")
NAME = re.compile(r"(?<![.!?]\s)(?<!^)\b[A-Z][\w’'-]+(?:\s+[A-Z][\w’'-]+)*")


class Before(Protocol):
    """A turn, as far as follow-ups go by it."""

    @property
    def understood(self) -> str:
        """The question as it was understood."""
        ...

    @property
    def answer(self) -> str:
        """What was said."""
        ...


class Understood(NamedTuple):
    """A question with what it leaves out."""

    text: str
    added: tuple[str, ...]  # words, empty where it stands for itself


def content_words(text: str) -> list[str]:
    """Return the words of a text that say what it is about, lowered, each once.

    >>> content_words("How long does it take to get a card?")
    ['long', 'take', 'get', 'card']
    """
    words = (match[0].lower() for match in WORD.finditer(text))
    return list(dict.fromkeys(word for word in words if word not in FUNCTION))


def is_elliptic(question: str) -> bool:
    """Tell whether a question leaves out what it is about.

    >>> is_elliptic("And in Europe?"), is_elliptic("How long does it take?"), is_elliptic("Where is my new card?")
    (True, True, False)
    """
    return goes_on(question) or len(content_words(question)) <= 1


def goes_on(question: str) -> bool:
    """Tell whether a question says that it leaves something out, rather than just being short.

    >>> goes_on("And in Europe?"), goes_on("Parcels?")
    (True, False)
    """
    lowered = " ".join(question.lower().split())
    words = {match[0] for match in WORD.finditer(lowered)}
    return any(re.match(rf"{opener}\b", lowered) for opener in OPENERS) or bool(words & REFERRING)


def understood(question: str, turns: Sequence[Before]) -> Understood:
    """Return a question with the words that it leaves out, of the last turns; a whole one as it is."""
    if not turns or not is_elliptic(question):
        return Understood(question, ())
    own = set(content_words(question))
    added: dict[str, None] = {}
    for turn in reversed(turns[-LOOKED_BACK:]):
        names = [match[0] for match in NAME.finditer(turn.answer)]
        for word in (*content_words(turn.understood), *names):
            if word.lower() not in own:
                added.setdefault(word)
    words = tuple(list(added)[:MOST])
    return Understood(" ".join([question, *words]), words)
