"""An index on disk: generations of plain arrays, each written once and whole, of which readers map the newest.

The folder of an index holds a folder for each generation, named by its number: `index.json` says what it is and how it
was made, each array is a file of NumPy's format, mapped when it is first used. A generation appears by one rename and
is never changed, so that any number of processes may read while another adds documents; who has the old one open keeps
it. Two that change an index at once cannot both name the next generation: the second is refused, and nothing is lost.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fitwell.errors import DataError, RequestError, SurroundingsError, nearest
from fitwell.files import replace_atomically, writing

VERSION = 1
ABOUT = "index.json"
AGAIN = "make it again with: fitwell search index"
ATTEMPTS = 3  # to open a generation that another process replaces meanwhile

Array = NDArray[Any]

# What each array is: its type, and how many axes it has.
ARRAYS: dict[str, tuple[str, int]] = {
    "id_letters": ("|u1", 1),
    "id_ends": ("<i8", 1),
    "text_letters": ("|u1", 1),
    "text_ends": ("<i8", 1),
    "answer_letters": ("|u1", 1),  # of a FAQ
    "answer_ends": ("<i8", 1),
    "passage_documents": ("<i4", 1),
    "passage_starts": ("<i8", 1),
    "passage_ends": ("<i8", 1),
    "term_letters": ("|u1", 1),
    "term_ends": ("<i8", 1),
    "list_starts": ("<i8", 1),
    "list_passages": ("<i4", 1),
    "bm25_impacts": ("<f4", 1),
    "tfidf_impacts": ("<f4", 1),
    "tfidf_idf": ("<f8", 1),
    "word_letters": ("|u1", 1),
    "word_ends": ("<i8", 1),
    "word_vectors": ("<f4", 2),
    "word_weights": ("<f8", 1),
    "words_common": ("<f8", 1),
    "words_vectors": ("<f4", 2),
    "sentences_vectors": ("<f4", 2),
}
CODES: dict[str, tuple[str, int]] = {
    "packed": ("<u2", 3),
    "scales": ("<f4", 2),
    "tangents": ("<f4", 2),
    "norms": ("<f8", 1),
    "levels": ("<f8", 1),
    "bounds": ("<f8", 1),  # the longest code, and the widest angle
}
GRAPH: dict[str, tuple[str, int]] = {
    "content": ("|u1", 1),  # as the package usearch writes it
    "rows": ("<i4", 1),
    "beside": ("<i4", 1),
}
ARRAYS |= {f"{way}_{name}": kind for way in ("words", "sentences") for name, kind in CODES.items()}
ARRAYS |= {f"{way}_graph_{name}": kind for way in ("words", "sentences") for name, kind in GRAPH.items()}


@dataclass(frozen=True, eq=False)
class Generation:
    """The arrays of one state of an index, mapped when it is opened and checked when they are first asked for."""

    folder: Path
    about: Mapping[str, Any]  # what index.json says
    mapped: Mapping[str, Array] = field(repr=False)
    _checked: set[str] = field(default_factory=set, repr=False)

    def __contains__(self, name: object) -> bool:
        """Tell whether there is an array of that name."""
        return name in self.mapped

    def __getitem__(self, name: str) -> Array:
        """Return an array, after its bytes were seen to be those that were written.

        Raises:
            DataError: they are not.
        """
        if name not in self.mapped:
            raise DataError(f"the index is damaged: {self.folder / name}.npy is not there; {AGAIN}")
        array = self.mapped[name]
        if name not in self._checked:
            if checksum(array) != self.about["files"][name]["crc32"]:
                raise DataError(f"the index is damaged: {self.folder / name}.npy was changed; {AGAIN}")
            self._checked.add(name)
        return array

    @property
    def number(self) -> int:
        """How many states of the index there were until this one."""
        return int(self.folder.name)


def checksum(array: Array) -> int:
    """Return the CRC-32 of an array's bytes."""
    return zlib.crc32(array.reshape(-1).view(np.uint8).data) if array.size else 0


def newest(path: str | Path) -> Generation:
    """Return the newest generation of an index.

    Raises:
        DataError: there is no index, or it is damaged, or of a newer version.
    """
    folder = Path(path)
    for attempt in range(ATTEMPTS):
        number = max(_numbers(folder), default=None)
        if number is None:
            break
        try:
            return _opened(folder / str(number))
        except FileNotFoundError as error:
            if attempt == ATTEMPTS - 1:
                raise DataError(f"the index is damaged: {error.filename} is not there; {AGAIN}") from None
    if folder.is_dir():
        raise DataError(f"{folder} is no index: it has no generation in it; make one with: fitwell search index")
    beside = folder.parent
    siblings = [each.name for each in beside.iterdir() if each.is_dir()] if beside.is_dir() else []
    what = f"{folder} is a file, not the folder of an index" if folder.exists() else f"there is no index at {folder}"
    raise DataError(what + (nearest(folder.name, siblings) or "; make one with: fitwell search index"))


def require_free(path: str | Path) -> None:
    """Refuse the place of a new index that is taken.

    Raises:
        RequestError: something is there.
    """
    if Path(path).exists():
        raise RequestError(
            f"{path} exists; choose another place with -o, remove it, or change it with: fitwell search add"
        )


def write_index(path: str | Path, *, arrays: Mapping[str, Array], about: Mapping[str, Any]) -> Generation:
    """Write a new index whose folder appears at once, with its first generation.

    Raises:
        RequestError: something is there. SurroundingsError: the disk is full or the folder may not be written.
    """
    require_free(path)
    path = Path(path)
    with _temporary(path.parent, path.name) as temporary:
        _fill(temporary / "1", arrays, about)
        _renamed(temporary, path)
    return newest(path)


def write_next(before: Generation, *, arrays: Mapping[str, Array], about: Mapping[str, Any]) -> Generation:
    """Write the generation that follows another, and remove those before it; an array of the other is linked to.

    Raises:
        SurroundingsError: another process was first, or the disk is full; the index is as it was.
    """
    folder, number = before.folder.parent, before.number + 1
    with _temporary(folder, str(number)) as temporary:
        _fill(temporary / "next", arrays, about, before)
        _renamed(temporary / "next", folder / str(number))
    for old in _numbers(folder):
        if old < number:
            shutil.rmtree(folder / str(old), ignore_errors=True)  # elsewhere than on Linux, one that is open stays
    return newest(folder)


def _fill(
    folder: Path, arrays: Mapping[str, Array], about: Mapping[str, Any], before: Generation | None = None
) -> None:
    with _writing_worded(folder):
        folder.mkdir()
    files = {}
    for name, array in arrays.items():
        kind, axes = ARRAYS[name]
        assert array.ndim == axes, name
        path = folder / f"{name}.npy"
        with writing(path) as temporary:
            if not (before and _is_same(array, before.mapped.get(name)) and _linked(before, path.name, temporary)):
                with temporary.open("wb") as file:
                    np.save(file, np.ascontiguousarray(array, kind), allow_pickle=False)
        files[name] = {"crc32": checksum(np.ascontiguousarray(array, kind)), "shape": list(array.shape)}
    text = json.dumps({**about, "version": VERSION, "files": files}, indent=1, ensure_ascii=False, allow_nan=False)
    replace_atomically(folder / ABOUT, (text + "\n").encode())


def _is_same(array: Array, mapped: Array | None) -> bool:
    """Tell whether an array is the very one that is mapped, not a copy."""
    return mapped is not None and array.shape == mapped.shape and array.ctypes.data == mapped.ctypes.data


def _linked(before: Generation, name: str, place: Path) -> bool:
    try:
        os.link(before.folder / name, place)
    except OSError:
        return False
    return True


def _renamed(temporary: Path, target: Path) -> None:
    with _writing_worded(target):
        try:
            temporary.rename(target)
        except OSError:
            if not target.exists():
                raise
            raise SurroundingsError(
                f"another process changed {target.parent} meanwhile, so that nothing was written; do it again"
            ) from None


@contextmanager
def _temporary(folder: Path, name: str) -> Iterator[Path]:
    with _writing_worded(folder / name):
        temporary = Path(tempfile.mkdtemp(prefix=f".{name[:100]}.", dir=folder))
        temporary.chmod(0o755)
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _writing_worded(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise SurroundingsError(
            f"{path} cannot be written: {error.strerror or error}; check the folder, its rights and the disk"
        ) from None


def _opened(folder: Path) -> Generation:
    about = _about(folder / ABOUT)
    mapped = {}
    for name, written in about["files"].items():
        path = folder / f"{name}.npy"
        try:
            array = np.load(path, mmap_mode="r", allow_pickle=False)
            kind, _ = ARRAYS[name]
            if array.dtype != np.dtype(kind) or list(array.shape) != written["shape"] or np.isfortran(array):
                raise ValueError(f"it holds {array.dtype} of shape {array.shape}, not what was written")
        except FileNotFoundError:
            raise
        except PermissionError:
            raise SurroundingsError(f"{path} may not be read by this user; check its rights") from None
        except (OSError, ValueError, EOFError, KeyError, TypeError) as error:
            reason = (str(error).strip() or type(error).__name__).splitlines()[0][:100]
            raise DataError(f"the index is damaged: {path} cannot be used ({reason}); {AGAIN}") from None
        mapped[name] = np.asarray(array)
    return Generation(folder, about, mapped)


def _about(path: Path) -> Mapping[str, Any]:
    try:
        content = path.read_bytes()
    except PermissionError:
        raise SurroundingsError(f"{path} may not be read by this user; check its rights") from None
    try:
        about = json.loads(content)
        version, files = about["version"], about["files"]
        sound = isinstance(version, int) and isinstance(files, dict)
    except (ValueError, TypeError, KeyError, RecursionError):
        sound = False
    if not sound:
        raise DataError(f"the index is damaged: {path} is not what Fitwell writes; {AGAIN}")
    if version != VERSION:
        raise DataError(
            f"an index of version {VERSION} can be read, but {path.parent.parent} is of version {version}; "
            f"update Fitwell, or {AGAIN}"
        )
    return about  # type: ignore[no-any-return]


def _numbers(folder: Path) -> list[int]:
    if not folder.is_dir():
        return []
    with suppress(OSError):
        return [int(each.name) for each in folder.iterdir() if each.name.isascii() and each.name.isdigit()]
    raise SurroundingsError(f"{folder} may not be read by this user; check its rights")
