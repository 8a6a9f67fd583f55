"""What `fitwell explain` says: topics written as Markdown, read into frozen values when they are first needed.

A file is a group of topics: one `# Title`, then one section per topic in this fixed layout, where everything but the
heading, the claim and the example may be left out:

    ## training.huber_delta: Huber's turning point

    A claim: one short paragraph that says what is the case.

    More paragraphs or lists: when to change it, usual values, what to beware of.

    Formula: d²/2 where |d| ≤ δ
        else δ (|d| − δ/2)

    Source: Huber 1964, Robust estimation of a location parameter

    See also: training.loss.huber, mae

    ```bash
    fitwell train examples/penguins.csv --target bill_length_mm --set training.loss=huber
    ```

Formula, source and see-also are paragraphs that begin with their word. An example is a session of Python (`pycon`, with
its output) or commands of a shell (`bash`); a test runs every one. Topics of settings are called by their dotted path,
words that a setting accepts by that path and the word, metrics, commands, methods and symptoms by their name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

from fitwell.errors import RequestError, nearest

Kind = Literal["command", "setting", "choice", "metric", "method", "symptom"]
Language = Literal["pycon", "bash"]

# The files, in the order in which they are listed, and what their topics are.
GROUPS: dict[str, Kind] = {
    "commands": "command",
    "settings": "setting",
    "data_settings": "setting",
    "network_settings": "setting",
    "training_settings": "setting",
    "decision_settings": "setting",
    "answer_settings": "setting",
    "tune_settings": "setting",
    "tasks": "choice",
    "columns": "choice",
    "splits": "choice",
    "encodings": "choice",
    "activations": "choice",
    "initializations": "choice",
    "normalizations": "choice",
    "losses": "choice",
    "optimizers": "choice",
    "schedules": "choice",
    "thresholds": "choice",
    "calibrations": "choice",
    "other_choices": "choice",
    "metrics": "metric",
    "methods": "method",
    "words": "method",
    "vectors": "method",
    "search": "method",
    "answering": "method",
    "symptoms": "symptom",
}


@dataclass(frozen=True, kw_only=True)
class Topic:
    """One thing that Fitwell can explain."""

    name: str
    title: str
    kind: Kind
    group: str  # the title of its file
    claim: str  # one paragraph
    text: str  # further paragraphs, empty if there are none
    formula: str | None
    source: str | None
    see_also: tuple[str, ...]
    example: str
    language: Language  # of the example


def names() -> tuple[str, ...]:
    """Return the name of every topic, in the order of the files.

    >>> "training.learning_rate" in names()
    True
    """
    return tuple(_topics())


def _widest(found: Sequence[Topic]) -> list[str]:
    if any(topic.kind != "setting" for topic in found):
        return [topic.name for topic in found]
    depth = min((topic.name.count(".") for topic in found), default=0)
    return [topic.name for topic in found if topic.name.count(".") == depth]


def find(name: str) -> Topic:
    """Return the topic of this name; its last words or its title will do where they name one topic only.

    Of several settings whose last word it is, the one in the widest group is meant.

    >>> find("dropout").name
    'network.dropout'
    >>> find("ROC-AUC").name
    'roc_auc'

    Raises:
        RequestError: no topic is called so, and the nearest is offered; or several are, and all are named.
    """
    topics = _topics()
    asked = _folded(name)
    found = [topic for topic in topics if _folded(topic) == asked]
    found = found or _widest([topic for name, topic in topics.items() if name.endswith(f".{asked}")])
    found = found or [topic.name for topic in topics.values() if _folded(topic.title) == asked]
    if len(found) > 1:
        raise RequestError(f'"{name}" may be {", ".join(found)}; ask for one of them')
    if not found:
        known = [*topics, *(topic.rpartition(".")[2] for topic in topics)]
        raise RequestError(f'no topic is called "{name}"{nearest(asked, known) or "; fitwell explain lists them all"}')
    return topics[found[0]]


@cache
def _topics() -> dict[str, Topic]:
    topics: dict[str, Topic] = {}
    for group, kind in GROUPS.items():
        text = (files("fitwell.topics") / f"{group}.md").read_text(encoding="utf-8")
        for topic in parse(text, kind=kind, origin=f"{group}.md"):
            if topic.name in topics:
                raise RequestError(f'topics must differ, but "{topic.name}" is written twice, again in {group}.md')
            topics[topic.name] = topic
    return topics


def parse(text: str, *, kind: Kind, origin: str) -> Iterator[Topic]:
    """Yield the topics of one file in the layout that this module's docstring shows.

    Raises:
        RequestError: a part is missing, misplaced or unknown; the message names the file and the topic.
    """
    head, *sections = re.split(r"^## ", text, flags=re.MULTILINE)
    if not re.fullmatch(r"# [^\n]+\n+", head):
        raise RequestError(
            f'{origin} must begin with one line "# Title" and then topics, but begins with "{head[:60]}"'
        )
    for section in sections:
        yield _parsed(section, kind=kind, group=head[2:].strip(), origin=origin)


def _parsed(section: str, *, kind: Kind, group: str, origin: str) -> Topic:
    heading, _, rest = section.partition("\n")
    name, colon, title = heading.partition(": ")
    place = f"{origin}, topic {name}"
    if not colon or not re.fullmatch(r"[a-z0-9_.-]+", name):
        raise RequestError(f'{origin}: a topic must begin with "## name: Title", but this one with "## {heading}"')
    fenced = re.fullmatch(r"(.*?)^```(pycon|bash)\n(.*?)^```\n*", rest, flags=re.MULTILINE | re.DOTALL)
    if fenced is None:
        raise RequestError(
            f"{place} must end with one example in a fence of pycon or bash; add it, or move it to the end"
        )
    prose, language, example = fenced.groups()
    paragraphs = [paragraph.strip("\n") for paragraph in re.split(r"\n\s*\n", prose) if paragraph.strip()]
    marked = {label: _marked(paragraphs, label, place) for label in ("Formula", "Source", "See also")}
    plain = [paragraph for paragraph in paragraphs if not _label(paragraph)]
    if not plain or paragraphs[0] != plain[0]:
        raise RequestError(f"{place} must say its claim first, but begins with something else")
    return Topic(
        name=name,
        title=title.strip(),
        kind=kind,
        group=group,
        claim=_joined(plain[0]),
        text="\n\n".join(plain[1:]),
        formula=marked["Formula"],
        source=_joined(marked["Source"]) if marked["Source"] else None,
        see_also=tuple(
            part.strip() for part in (marked["See also"] or "").replace("\n", " ").split(",") if part.strip()
        ),
        example=example,
        language="pycon" if language == "pycon" else "bash",
    )


def _label(paragraph: str) -> str | None:
    found = re.match(r"(Formula|Source|See also): ", paragraph)
    return found[1] if found else None


def _marked(paragraphs: list[str], label: str, place: str) -> str | None:
    found = [paragraph for paragraph in paragraphs if _label(paragraph) == label]
    if len(found) > 1:
        raise RequestError(f'{place} has {len(found)} paragraphs "{label}:", but may have one; join them')
    if not found:
        return None
    lines = found[0].removeprefix(f"{label}: ").splitlines()
    return "\n".join(line.strip() for line in lines)


def _joined(paragraph: str) -> str:
    return " ".join(paragraph.split())


def _folded(name: str) -> str:
    return re.sub(r"[\s\-]+", "_", name.strip().lower())
