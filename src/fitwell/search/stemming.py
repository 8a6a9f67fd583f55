"""Words of one stem become one term, so that "flows" is found by "flowing".

English is Porter's second stemmer, with what its authors have mended since: Porter 2001, Snowball: a language for
stemming algorithms. A word loses its endings in
five steps, each only where enough of the word is left before them. Two regions measure that: R1 begins after the first
consonant that follows a vowel, R2 is the same within R1.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Literal

Stemmer = Literal["none", "english"]

AFTER_FIRST_SYLLABLE = re.compile(r"[aeiouy][^aeiouy]")
VOWEL = re.compile(r"[aeiouy]")
SHORT_SYLLABLE = re.compile(r"(?:past|^[aeiouy][^aeiouy]|[^aeiouy][aeiouy][^aeiouywxY])$")
DOUBLE = re.compile(r"(?<!^[aeo])(?:bb|dd|ff|gg|mm|nn|pp|rr|tt)$")  # but for add, egg, off
YING = re.compile(r"[^aeiouy][yY]")
LETTERS = re.compile(r"[a-z]+")
BEGINNINGS = (
    "gener",
    "commun",
    "arsen",
    "past",
    "univers",
    "later",
    "emerg",
    "organ",
    "inter",
)  # R1 begins after these, or they would fall together with others
COMMON = {"the", "of", "and", "to"}  # a seventh of an English newspaper, a tenth of its chats
COMMON_SHARE = 0.04

WHOLE = {
    "skis": "ski",
    "skies": "sky",
    "idly": "idl",
    "gently": "gentl",
    "ugly": "ugli",
    "early": "earli",
    "only": "onli",
    "singly": "singl",
} | {word: word for word in ("sky", "news", "howe", "atlas", "cosmos", "bias", "andes")}
LEFT_AFTER_PLURALS = {"inning", "outing", "canning", "herring", "earring", "evening", "proceed", "exceed", "succeed"}

# Endings in R1 and what takes their place, the longest that fits counts; a pattern says what must stand before it.
DERIVED: Mapping[str, str] = {
    "ational": "ate",
    "tional": "tion",
    "enci": "ence",
    "anci": "ance",
    "abli": "able",
    "entli": "ent",
    "izer": "ize",
    "ization": "ize",
    "ation": "ate",
    "ator": "ate",
    "alism": "al",
    "aliti": "al",
    "alli": "al",
    "fulness": "ful",
    "ousli": "ous",
    "ousness": "ous",
    "iveness": "ive",
    "iviti": "ive",
    "biliti": "ble",
    "bli": "ble",
    "ogi": "og",
    "ogist": "og",
    "fulli": "ful",
    "lessli": "less",
    "li": "",
}
FURTHER: Mapping[str, str] = {
    "ational": "ate",
    "tional": "tion",
    "alize": "al",
    "icate": "ic",
    "iciti": "ic",
    "ical": "ic",
    "ful": "",
    "ness": "",
    "ative": "",
}
LAST = {ending: "" for ending in ("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent")}
LAST |= {ending: "" for ending in ("ism", "ate", "iti", "ous", "ive", "ize", "ion")}
BEFORE = {"ogi": re.compile(r"l$"), "li": re.compile(r"[cdeghkmnrt]$"), "ion": re.compile(r"[st]$")}


def unstemmed(word: str) -> str:
    """Return the word."""
    return word


@cache
def english_stem(word: str) -> str:
    """Return the stem of an English word in lower case; what holds other characters than a to z stays.

    >>> [english_stem(word) for word in ("flows", "flowing", "relational", "y", "über")]
    ['flow', 'flow', 'relat', 'y', 'über']
    """
    if len(word) <= 2 or not LETTERS.fullmatch(word):
        return word
    if word in WHOLE:
        return WHOLE[word]
    word = re.sub(r"^y|(?<=[aeiouy])y", "Y", word)
    r1 = _region(word, 0)
    r1 = next((len(each) for each in BEGINNINGS if word.startswith(each)), r1)
    r2 = _region(word, r1)
    word = _without_plural(word)
    if word in LEFT_AFTER_PLURALS:
        return word
    word = _without_past(word, r1)
    word = re.sub(r"(?<=[^aeiouy])(?<!^.)[yY]$", "i", word)
    word = _replaced(word, DERIVED, r1)
    word = _replaced(word, {**FURTHER, "ative": "" if word[r2:].endswith("ative") else "ative"}, r1)
    word = _replaced(word, LAST, r2)
    return _without_last_letter(word, r1, r2).lower()


def stemmer_for(words: Sequence[str], often: Sequence[int]) -> Stemmer:
    """Return the stemmer for texts by how often they have each word: English if its commonest words are common.

    >>> stemmer_for(["the", "cat"], [2, 8]), stemmer_for(["die", "katze"], [2, 8])
    ('english', 'none')
    """
    common = sum(count for word, count in zip(words, often, strict=True) if word in COMMON)
    return "english" if common >= COMMON_SHARE * max(sum(often), 1) else "none"


STEMMERS: Mapping[str, Callable[[str], str]] = {"none": unstemmed, "english": english_stem}


def _region(word: str, start: int) -> int:
    found = AFTER_FIRST_SYLLABLE.search(word, start)
    return found.end() if found else len(word)


def _without_plural(word: str) -> str:
    if word.endswith("sses"):
        return word[:-2]
    if word.endswith(("ied", "ies")):
        return word[:-2] if len(word) > 4 else word[:-1]
    if word.endswith("s") and not word.endswith(("us", "ss")) and VOWEL.search(word[:-2]):
        return word[:-1]
    return word


def _without_past(word: str, r1: int) -> str:
    ending = _ending(word, ("eedly", "eed", "ingly", "edly", "ing", "ed"))
    stem = word[: len(word) - len(ending)]
    if ending in ("eed", "eedly"):
        return stem + "ee" if len(stem) >= r1 else word
    if not ending or not VOWEL.search(stem):
        return word
    if ending == "ing" and YING.fullmatch(stem):
        return stem[0] + "ie"
    if stem.endswith(("at", "bl", "iz")):
        return stem + "e"
    if DOUBLE.search(stem):
        return stem[:-1]
    return stem + "e" if len(stem) <= r1 and SHORT_SYLLABLE.search(stem) else stem


def _replaced(word: str, endings: Mapping[str, str], region: int) -> str:
    """Replace the longest ending that fits, if it lies in the region and what must stand before it does."""
    ending = _ending(word, endings)
    stem = word[: len(word) - len(ending)]
    allowed = ending and len(stem) >= region and (ending not in BEFORE or BEFORE[ending].search(stem))
    return stem + endings[ending] if allowed else word


def _ending(word: str, endings: Mapping[str, str] | tuple[str, ...]) -> str:
    return max((each for each in endings if word.endswith(each)), key=len, default="")


def _without_last_letter(word: str, r1: int, r2: int) -> str:
    stem = word[:-1]
    if word.endswith("e"):
        unneeded = len(stem) >= r2 or (len(stem) >= r1 and not SHORT_SYLLABLE.search(stem))
        return stem if unneeded else word
    return stem if word.endswith("ll") and len(stem) >= r2 else word
