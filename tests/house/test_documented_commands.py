"""Every command in the documentation exists, with every option that is written there."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import click
import pytest

from tests.conftest import ROOT

PAGES = sorted(path for path in (*(ROOT / "docs").rglob("*.md"), ROOT / "README.md") if "reference" not in path.parts)
#: The group of each package that is started with `python -m`.
GROUPS = dict.fromkeys(("streams", "models", "producers", "review", "cluster"), "cli")
GROUPS |= dict.fromkeys(("state", "optimizer"), "main")
_COMMAND = re.compile(r"(?:python -m (?P<package>\w+)|(?:^|[`/ ])tidecast)(?P<words>(?: [^ `|#>&…\n]+)*)", re.MULTILINE)
#: In messages the command stands in backquotes; its placeholders are fields.
_IN_MESSAGE = re.compile(r"`python -m (?P<package>\w+)(?P<words>(?: [^ `\n]+)*)`")


def commands_of(text: str) -> list[tuple[str, tuple[str, ...]]]:
    """The commands of a page within code: the package (tidecast for the short names) and the words behind it."""
    code = re.findall(r"^```sh\n(.*?)^```|(?<!`)`([^`\n]+)`(?!`)", text, re.MULTILINE | re.DOTALL)
    found = [match for block in code for match in _COMMAND.finditer("".join(block).replace("\\\n", " "))]
    return [(match["package"] or "tidecast", tuple(match["words"].split())) for match in found]


def missing(package: str, words: tuple[str, ...]) -> str | None:
    """What of a command does not exist; None if all of it does."""
    place, attribute = ("commands.tidecast", "cli") if package == "tidecast" else (f"{package}.__main__", GROUPS[package])
    command: click.Command = getattr(importlib.import_module(place), attribute)
    rest = list(words)
    context = click.Context(command)
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        name = rest.pop(0)
        inner = command.get_command(context, name)
        if inner is None:
            return f"{name} is no command of {command.name}"
        command, context = inner, click.Context(inner, parent=context)
    known = {option for parameter in command.get_params(context) for option in (*parameter.opts, *parameter.secondary_opts)}
    unknown = [word for word in rest if word.startswith("--") and word.partition("=")[0] not in known]
    return f"{command.name} has no {', '.join(unknown)}" if unknown else None


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_of_a_page_exist(page: Path) -> None:
    commands = [each for each in commands_of(page.read_text(encoding="utf-8")) if each[0] in {"tidecast", *GROUPS}]
    assert {(words, what) for package, words in commands if (what := missing(package, words)) is not None} == set()


def test_the_commands_in_messages_exist() -> None:
    """A message that says what to do is no help if there is no such command."""
    sources = [
        path for path in ROOT.glob("*/**/*.py") if path.relative_to(ROOT).parts[0] not in {"tests", ".venv", "benchmarks"}
    ]
    wrong = set()
    for path in sources:
        for match in _IN_MESSAGE.finditer(path.read_text(encoding="utf-8")):
            words = tuple(match["words"].split())
            if match["package"] in GROUPS and (what := missing(match["package"], words)) is not None:
                wrong.add((path.name, words, what))
    assert wrong == set()
    assert len(sources) > 100


def test_commands_are_found_and_missing_ones_too() -> None:
    page = "See `tidecast status`.\n\n```sh\npython -m review --state var   # or: tidecast report --state var\nls | wc\n```\n"
    (status, *block) = sorted(commands_of(page), key=lambda each: each[1])[::-1]
    assert status == ("tidecast", ("status",))
    assert sorted(block) == [("review", ("--state", "var")), ("tidecast", ("report", "--state", "var"))]
    assert missing("review", ("--state", "var")) == "cli has no --state"
    assert missing("streams", ("stop",)) == "stop is no command of cli"
    assert missing("state", ("explain", "AAPL", "--format", "json")) is None
