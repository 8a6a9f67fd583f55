"""Texts become the numbers of an encoder's own pieces, by the tokenizer that lies in its folder.

The package `tokenizers` reads `tokenizer.json` of any family; it is imported when a text is there, not before.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from fitwell.errors import DataError, SurroundingsError
from fitwell.pretrained.configuration import AGAIN

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKENIZER, VOCABULARY, ITS_SETTINGS = "tokenizer.json", "vocab.txt", "tokenizer_config.json"
FILLER, UNKNOWN, FIRST, LAST, MASK = MARKS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")  # BERT's
CHUNK = 1024  # texts at a time: what the tokenizer returns about a text takes a hundred times its size
CHARACTERS = 1000  # looked at for each piece that is kept, of which few have more than ten: some texts are whole books


def tokenizer_text(folder: Path) -> str:
    """Return the tokenizer of a model's folder as the content of a `tokenizer.json`.

    Raises:
        DataError: there is none, or it is damaged. SurroundingsError: the package tokenizers is not installed.
    """
    try:
        if (folder / TOKENIZER).is_file():
            text = (folder / TOKENIZER).read_text(encoding="utf-8")
        elif (folder / VOCABULARY).is_file():
            text = _of_words(folder)
        else:
            raise DataError(
                f"{folder} must have {TOKENIZER} or BERT's {VOCABULARY}, but has neither; save its tokenizer there "
                "with AutoTokenizer.save_pretrained"
            )
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"the tokenizer in {folder} cannot be read ({error}); {AGAIN}") from None
    opened(text, source=str(folder))
    return text


@lru_cache(maxsize=8)
def opened(text: str, *, source: str) -> Tokenizer:
    """Return the tokenizer that a `tokenizer.json` describes, which neither cuts nor fills up.

    Raises:
        DataError: it is damaged. SurroundingsError: the package tokenizers is not installed.
    """
    require_tokenizers()
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_str(text)
    except Exception as error:  # the package raises bare exceptions
        raise DataError(
            f"the tokenizer of {source} must be one that the package tokenizers reads, but is damaged ({error}); "
            f"{AGAIN}"
        ) from None
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


@dataclass(frozen=True)
class Cut:
    """Texts as the numbers of their pieces."""

    numbers: list[list[int]]  # of each text, marks at its ends included
    shortened: int  # so many of the texts had more pieces


def cut(tokenizer: Tokenizer, texts: Sequence[str], *, longest: int) -> Cut:
    """Return the pieces of each text; of longer texts the first ones and the last mark, `longest` in all."""
    last = tokenizer.encode("").ids[-1:] if tokenizer.num_special_tokens_to_add(is_pair=False) else []
    numbers, shortened = [], 0
    for start in range(0, len(texts), CHUNK):
        some = [text[: CHARACTERS * longest] for text in texts[start : start + CHUNK]]
        for encoding in tokenizer.encode_batch_fast(some):
            found = encoding.ids
            if len(found) > longest:
                found, shortened = found[: longest - len(last)] + last, shortened + 1
            numbers.append(found)
    return Cut(numbers, shortened)


@dataclass(frozen=True)
class CutWords:
    """A text as the numbers of its pieces, and the words that these are parts of."""

    numbers: list[int]
    words: list[str]  # as the text has them
    owners: list[int]  # the word of each piece, -1 for a mark


def cut_words(tokenizer: Tokenizer, text: str, *, longest: int) -> CutWords:
    """Return the pieces of a text and its words, as the tokenizer tells words apart: mostly without punctuation.

    Of a longer text it is the first pieces and the last mark, `longest` in all; a word that is cut off there is left
    out with what follows.
    """
    encoding = tokenizer.encode(text[: CHARACTERS * longest])
    pieces = list(zip(encoding.ids, encoding.word_ids, encoding.offsets, strict=True))
    if len(pieces) > longest:
        last = pieces[-1:] if pieces[-1][1] is None else []
        end = longest - len(last)
        while end and pieces[end][1] is not None and pieces[end][1] == pieces[end - 1][1]:
            end -= 1
        pieces = pieces[:end] + last
    spans: dict[int, tuple[int, int]] = {}
    for _, word, (start, stop) in pieces:
        if word is not None:
            first, furthest = spans.get(word, (start, stop))
            spans[word] = min(first, start), max(furthest, stop)
    places = {word: place for place, word in enumerate(spans)}
    return CutWords(
        numbers=[number for number, _, _ in pieces],
        words=[text[slice(*span)].strip() for span in spans.values()],
        owners=[-1 if word is None else places[word] for _, word, _ in pieces],
    )


def _of_words(folder: Path) -> str:
    """Return BERT's tokenizer for the vocabulary of a folder that has nothing newer.

    Raises:
        SurroundingsError: the package tokenizers is not installed.
    """
    require_tokenizers()
    words = (folder / VOCABULARY).read_text(encoding="utf-8").splitlines()
    vocabulary = {word: number for number, word in enumerate(words)}
    settings = {}
    if (folder / ITS_SETTINGS).is_file():
        settings = json.loads((folder / ITS_SETTINGS).read_text(encoding="utf-8"))
    for mark in (UNKNOWN, FIRST, LAST):
        if mark not in vocabulary:
            raise DataError(
                f"{folder / VOCABULARY} must have {mark}, but its {len(words)} lines do not; fetch it again"
            )
    tokenizer = word_pieces(vocabulary, lowercase=settings.get("do_lower_case", True) is True)
    return str(tokenizer.to_str())


def word_pieces(vocabulary: dict[str, int] | None, *, lowercase: bool) -> Tokenizer:
    """Return BERT's tokenizer for a vocabulary (Wu et al. 2016, WordPiece); without one it is to be trained."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    tokenizer = Tokenizer(models.WordPiece(vocabulary or {}, unk_token=UNKNOWN))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lowercase)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    if vocabulary is not None:
        marks = [mark for mark in MARKS if mark in vocabulary]
        tokenizer.add_special_tokens([AddedToken(mark, special=True, normalized=False) for mark in marks])
        tokenizer.post_processor = processors.TemplateProcessing(
            single=f"{FIRST} $A {LAST}",
            pair=f"{FIRST} $A {LAST} $B:1 {LAST}:1",
            special_tokens=[(mark, vocabulary[mark]) for mark in (FIRST, LAST)],
        )
    return tokenizer


def require_tokenizers(needed_by: str = "a pretrained encoder") -> None:
    """Refuse to go on without the package.

    Raises:
        SurroundingsError: the package tokenizers is not installed.
    """
    try:
        import tokenizers  # noqa: F401
    except ImportError:
        raise SurroundingsError(
            f"{needed_by} needs the package tokenizers to cut texts; install it with: pip install 'fitwell[pretrained]'"
        ) from None
