"""What Fitwell says when it cannot do what was asked.

Every refusal names what must hold, what came instead, and what to try. The tree is small because callers only need to
tell three things apart: the request is wrong, the data is wrong, or the surroundings (disk, rights, memory) are. All of
them end the command line with exit code 2; anything else that escapes is a defect of ours and ends it with 1.
"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class FitwellError(Exception):
    """The request cannot be carried out; the message says what must hold, what came, and what to try."""


class RequestError(FitwellError):
    """What was asked for contradicts itself or names something that does not exist."""


class RecipeError(RequestError):
    """A recipe has an unknown key, a value of the wrong type, or settings that contradict one another."""


class DataError(FitwellError):
    """The data cannot be read, or cannot be learned from as it stands."""


class RunError(FitwellError):
    """A run on disk is missing, damaged, unfinished, or of a newer format."""


class SurroundingsError(FitwellError):
    """The disk, its rights, or an absent package stands in the way."""


class OutOfTime(FitwellError):
    """The time that was set, or whoever waited, ended what was being done before it was complete."""


class LostProcess(SurroundingsError):
    """One of several processes that train together is gone, so that the others cannot go on."""


class ToldElsewhere(FitwellError):
    """The process ends because of what another process of the same training has said, and says nothing itself."""


def is_out_of_memory(error: BaseException) -> bool:
    """Tell whether an error says that memory did not suffice, of a processor or of a GPU.

    >>> is_out_of_memory(MemoryError()), is_out_of_memory(RuntimeError("no kernel for it"))
    (True, False)
    """
    # torch reports what the processor's memory lacks as a bare RuntimeError.
    return isinstance(error, MemoryError) or "allocate memory" in str(error) or "OutOfMemory" in type(error).__name__


def nearest(name: str, known: Iterable[str]) -> str:
    """Offer the closest known name as the end of a sentence, or nothing when none is close.

    >>> nearest("Chrun", ["Churn", "tenure"])
    '; did you mean "Churn"?'
    >>> nearest("zzz", ["Churn"])
    ''
    """
    known = list(known)
    lowered = {candidate.lower(): candidate for candidate in known}
    close = get_close_matches(name, known, n=1) or get_close_matches(name.lower(), lowered, n=1)
    return f'; did you mean "{lowered.get(close[0], close[0])}"?' if close else ""
