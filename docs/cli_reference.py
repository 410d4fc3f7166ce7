"""A hook of mkdocs: writes the options of every command into reference/cli.md.

A line `<!-- program: MODULE:COMMAND as NAME -->` becomes a section for the click command and one
for each of its subcommands.
"""

import html
import importlib
import inspect
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

_LINE = re.compile(r"^<!-- program: (\S+):(\S+) as (.+) -->$", re.MULTILINE)
_ROOT = Path(__file__).resolve().parent.parent


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Replace the lines that name a program; called by mkdocs for each page."""
    return _LINE.sub(lambda line: "\n".join(_program(*line.groups())), markdown)


def _program(module: str, name: str, called: str) -> Iterator[str]:
    if str(_ROOT) not in sys.path:
        sys.path.insert(0, str(_ROOT))
    command: click.Command = getattr(importlib.import_module(module), name)
    yield from _section(command, click.Context(command, info_name=called), 2)


def _section(command: click.Command, context: click.Context, level: int) -> Iterator[str]:
    yield f"{'#' * level} {context.command_path}\n"
    yield _paragraphs(command.help or "")
    yield f"\n    {' '.join([context.command_path, *command.collect_usage_pieces(context)])}\n"
    records = [p.get_help_record(context) for p in command.get_params(context)]
    rows = [record for record in records if record and record[1] and record[0] != "--help"]
    if rows:
        yield "| option | |\n|---|---|"
        yield from (f"| `{_spaced(option)}` | {_plain(text)} |" for option, text in rows)
    yield ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            if found := command.get_command(context, name):
                sub = click.Context(found, parent=context, info_name=name)
                yield from _section(found, sub, level + 1)


def _paragraphs(text: str) -> str:
    """Click's help as Markdown: what follows `\\b` keeps its lines."""
    found = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        if paragraph.startswith("\b"):
            lines = paragraph.removeprefix("\b").strip("\n").splitlines()
            found.append("\n".join(f"    {line}" for line in lines))
        else:
            found.append(_plain(" ".join(paragraph.split())))
    return "\n\n".join(found)


def _plain(text: str) -> str:
    """Help as Markdown reads it: names of options are code, what would be markup is text."""
    parts = re.split(r"(`[^`]+`|(?<![\w-])--[a-z][\w-]*)", text)
    return "".join(_code(p) if i % 2 else _escaped(p) for i, p in enumerate(parts))


def _code(part: str) -> str:
    return f"`{part.strip('`')}`"


def _escaped(part: str) -> str:
    return re.sub(r"([*_|])", r"\\\1", html.escape(part, quote=False))


def _spaced(option: str) -> str:
    """Choices with room for a line to break."""
    return option.replace("|", " | ")
