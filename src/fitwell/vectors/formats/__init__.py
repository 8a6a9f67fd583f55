"""Files of word vectors: each format is a reader, a writer, and one line in the table."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from fitwell.errors import DataError, RequestError, SurroundingsError
from fitwell.files import writing
from fitwell.sources import existing_path
from fitwell.vectors.contents import Contents
from fitwell.vectors.formats.detect import Format, Seen, look
from fitwell.vectors.formats.fasttext import read_fasttext, write_fasttext
from fitwell.vectors.formats.safetensors import read_safetensors, write_safetensors
from fitwell.vectors.formats.text import read_text, write_glove, write_word2vec
from fitwell.vectors.formats.word2vec_binary import read_word2vec_binary, write_word2vec_binary

WRITERS: dict[Format, Callable[[Contents, Path], None]] = {
    "safetensors": write_safetensors,
    "word2vec": write_word2vec,
    "word2vec_binary": write_word2vec_binary,
    "glove": write_glove,
    "fasttext": write_fasttext,
}
SUFFIXES: dict[str, Format] = {".safetensors": "safetensors", ".vec": "word2vec", ".txt": "word2vec"}


def read(path: str | Path, *, limit: int | None = None) -> Contents:
    """Read a file of word vectors, the first `limit` words of it; what format it has is seen from its content.

    Raises:
        DataError: there is no such file; its content is damaged, or no format that is known.
        RequestError: `limit` is below 1.
        SurroundingsError: the file cannot be opened.
    """
    path = Path(path)
    if limit is not None and limit < 1:
        raise RequestError(f"limit must be 1 or more, but is {limit}; leave it out to read all words")
    existing_path(path)
    try:
        contents = _reader(look(path))(path, limit=limit)
    except OSError as error:
        raise SurroundingsError(f"{path} cannot be read: {error.strerror}; is the name right?") from None
    if not contents.words:
        raise DataError(f"{path}: there are no words in it")
    return contents


def write(contents: Contents, path: str | Path, *, format: str | None = None) -> None:
    """Write a file of word vectors, whole or not at all; without a format the name's ending decides.

    Raises:
        RequestError: the format is unknown, or cannot hold these words.
        SurroundingsError: the disk is full or the folder may not be written; nothing is left behind.
    """
    path = Path(path)
    writer = WRITERS[chosen_format(path, format)]
    with writing(path) as temporary:
        writer(contents, temporary)


def _reader(seen: Seen) -> Callable[..., Contents]:
    readers: dict[Format, Callable[..., Contents]] = {
        "safetensors": read_safetensors,
        "word2vec": partial(read_text, header=seen.header),
        "word2vec_binary": partial(read_word2vec_binary, header=seen.header),
        "glove": partial(read_text, header=None),
        "fasttext": read_fasttext,
    }
    return readers[seen.format]


def chosen_format(path: Path, format: str | None) -> Format:
    """Return the format that is asked for, or that a name's ending says.

    Raises:
        RequestError: it is unknown, or the ending says none.
    """
    for known in WRITERS:
        if known == format:
            return known
    if format is not None:
        raise RequestError(f'a format must be one of {", ".join(WRITERS)}, but is "{format}"')
    if path.suffix not in SUFFIXES:
        raise RequestError(
            f"{path.name} could be in several formats: say which by format= (--format), one of {', '.join(WRITERS)}; "
            f"names that end in {', '.join(SUFFIXES)} need none"
        )
    return SUFFIXES[path.suffix]
