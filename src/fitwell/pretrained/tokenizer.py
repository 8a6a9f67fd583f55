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
    try:
        from tokenizers import Tokenizer
    except ImportError:
        raise SurroundingsError(
            "a pretrained encoder needs the package tokenizers to cut texts; install it with: "
            "pip install 'fitwell[pretrained]'"
        ) from None
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


def _of_words(folder: Path) -> str:
    """Return BERT's tokenizer for the vocabulary of a folder that has nothing newer (Wu et al. 2016, WordPiece)."""
    from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

    words = (folder / VOCABULARY).read_text(encoding="utf-8").splitlines()
    vocabulary = {word: number for number, word in enumerate(words)}
    settings = {}
    if (folder / ITS_SETTINGS).is_file():
        settings = json.loads((folder / ITS_SETTINGS).read_text(encoding="utf-8"))
    for mark in ("[UNK]", "[CLS]", "[SEP]"):
        if mark not in vocabulary:
            raise DataError(
                f"{folder / VOCABULARY} must have {mark}, but its {len(words)} lines do not; fetch it again"
            )
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=settings.get("do_lower_case", True) is True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.decoder = decoders.WordPiece()
    ends = [(mark, vocabulary[mark]) for mark in ("[CLS]", "[SEP]")]
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=ends
    )
    return str(tokenizer.to_str())
