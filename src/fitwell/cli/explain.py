"""`fitwell explain`: what a setting, a metric, a method or a symptom is, with formula, source and example."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from fitwell.topics import Topic


def explain(
    topic: Annotated[
        str | None, typer.Argument(help="A setting, metric, method or symptom; none lists them all.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Explain TOPIC: what it is, its formula, when to change it, its source, and an example that runs."""
    import json

    from fitwell.topics import find, names

    if as_json:
        asked = names() if topic is None else (topic,)
        typer.echo(json.dumps({"version": 1, "topics": [_plain(find(name)) for name in asked]}, indent=1))
        return
    from fitwell.cli.terminal import LastingConsole

    console = LastingConsole(highlight=False, soft_wrap=False)
    if topic is None:
        _list(console)
    else:
        _show(console, find(topic))


def _plain(topic: Topic) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(topic) | _setting_facts(topic)


def _list(console: Console) -> None:
    from itertools import groupby

    from rich.markup import escape

    from fitwell.topics import find, names

    for group, topics in groupby(map(find, names()), key=lambda topic: topic.group):
        console.print(f"\n[bold]{escape(group)}[/bold]")
        for topic in topics:
            line = f"  {escape(topic.name)}  [dim]{escape(topic.claim)}[/dim]"
            console.print(line, overflow="ellipsis", no_wrap=True)
    console.print("\nOne of them in full: fitwell explain NAME")


def _show(console: Console, topic: Topic) -> None:
    from rich.markdown import Markdown
    from rich.markup import escape
    from rich.padding import Padding
    from rich.text import Text

    console.print(f"[bold]{escape(topic.title)}[/bold]  [dim]{escape(topic.name)} ({topic.kind})[/dim]\n")
    console.print(Text(topic.claim))
    if topic.text:
        console.print()
        console.print(Markdown(topic.text))
    parts = {name.capitalize(): value for name, value in _setting_facts(topic).items()} | {
        "Formula": topic.formula,
        "Source": topic.source,
        "See also": ", ".join(topic.see_also) or None,
    }
    for label, text in parts.items():
        if text is not None:
            console.print(f"\n[bold]{label}[/bold]")
            console.print(Padding(Text(text), (0, 0, 0, 2), expand=False))
    console.print("\n[bold]Example[/bold]")
    for line in topic.example.rstrip().splitlines():  # as it is, to be copied
        console.print(Text(f"  {line}"), soft_wrap=True)


def _setting_facts(topic: Topic) -> dict[str, str]:
    """Return how a setting is set, its default and what it accepts, or nothing for other topics."""
    from fitwell.recipe import choices_of, described

    defaults = {path: default for path, _, default in described()}
    setting, _, word = topic.name.rpartition(".")
    if topic.name in defaults:
        default = defaults[topic.name]
        return {"default": "none" if default is None else str(default), "accepts": _accepts(topic.name)}
    if setting in defaults and word in choices_of(setting):
        return {"set": f"--set {setting}={word}"}
    return {}


def _accepts(setting: str) -> str:
    from fitwell.recipe import Recipe
    from fitwell.recipe.accepted import WORDED, accepted, place_of

    field = place_of(Recipe, setting.split(".")).field
    assert field is not None, setting
    return WORDED.get(setting) or accepted(field.annotation, *field.metadata)
