"""The command-line options that name market data, the same for every command that reads it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from commands.paths import NamedPath
from producers.source_name import SOURCES, SourceName
from text import comma_list

if TYPE_CHECKING:
    from producers.forms.declared import Declared
    from producers.sources import Source
    from settings import Settings

F = TypeVar("F", bound=Callable[..., Any])

#: For commands that read files alone; they receive it as `declared`, a Declared.
read_as_option = click.option(
    "--read-as",
    "declared",
    multiple=True,
    metavar="KEY=VALUE",
    callback=lambda _context, _option, texts: _declared(texts),
    help="What a file itself does not say, as decimal=comma, dates=day.month.year, prices=raw, ticker=NAME, close=NAME.",
)
#: Those of `marketdata.groups`, which loads NumPy; tests/producers/test_options.py compares the two.
GROUP_NAMES = ("SP500", "DOW")
_OPTIONS = (
    click.option(
        "--source",
        type=click.Choice(list(SOURCES)),
        default=SourceName.SAMPLE.value,
        show_default=True,
        help="; ".join(f"{name}: {name.meaning}" for name in SourceName) + ".",
    ),
    click.option("--path", type=NamedPath(), help="File or folder of bars; docs/forms.md has the forms."),
    read_as_option,
    click.option("--tickers", callback=lambda _context, _option, text: split_tickers(text), help="A,B: only these; else all."),
    click.option(
        "--group", "group_name", type=click.Choice(GROUP_NAMES), help="The tickers of a group, in place of --tickers."
    ),
    click.option("--start", callback=lambda _context, _option, text: _date(text), metavar="YYYY-MM-DD", help="First day."),
    click.option("--end", callback=lambda _context, _option, text: _date(text), metavar="YYYY-MM-DD", help="Last day."),
)


@dataclass(frozen=True, slots=True)
class WantedBars:
    """The bars that the options name. `tickers` None means all; `start` and `end` are both included."""

    source: SourceName
    path: Path | None
    declared: Declared
    tickers: list[str] | None
    start: dt.date | None
    end: dt.date | None

    def read(self, settings: Settings, *, now: dt.datetime, starts: Mapping[str, dt.date] | None = None) -> Source:
        """The bars from their source; `starts` and errors as in `producers.sources.read_source`."""
        from producers.sources import read_source  # noqa: PLC0415 - `--help` waits for no NumPy

        return read_source(
            self.source,
            path=self.path,
            declared=self.declared,
            tickers=self.tickers,
            start=self.start,
            end=self.end,
            today=now.date(),
            starts=starts,
            suspect_bars=settings.suspect_bars,
            settings=settings,
            now=now,
        )

    def arguments(self) -> list[str]:
        """The same options for another process."""
        named: dict[str, object] = {"source": self.source, "path": self.path, "start": self.start, "end": self.end}
        if self.tickers is not None:
            named["tickers"] = ",".join(self.tickers)
        given = [part for name, value in named.items() if value is not None for part in (f"--{name}", str(value))]
        return [*given, *(part for text in self.declared.given for part in ("--read-as", text))]


def source_options(command: F) -> F:
    """Add the options; the command receives them as `wanted`, a WantedBars."""

    @wraps(command)
    def with_wanted(
        *,
        source: str,
        path: Path | None,
        declared: Declared,
        tickers: list[str] | None,
        group_name: str | None,
        start: dt.date | None,
        end: dt.date | None,
        **others: Any,
    ) -> Any:
        if tickers is not None and group_name is not None:
            raise click.UsageError("--tickers and --group exclude each other")
        chosen = tickers if group_name is None else _members(group_name)
        return command(wanted=WantedBars(SOURCES[source], path, declared, chosen, start, end), **others)

    decorated: Callable[..., Any] = with_wanted
    for option in reversed(_OPTIONS):
        decorated = option(decorated)
    return cast("F", decorated)


def split_tickers(text: str | None) -> list[str] | None:
    """`A,B` as a list; None stays None."""
    return None if text is None else comma_list(text)


def _declared(texts: tuple[str, ...]) -> Declared:
    from producers.forms.declared import Declared  # noqa: PLC0415 - as below

    return Declared.of(texts)


def _members(group_name: str) -> list[str]:
    from marketdata.groups import group  # noqa: PLC0415 - `--help` waits for no NumPy

    return list(group(group_name).sectors)


def _date(text: str | None) -> dt.date | None:
    if text is None:
        return None
    from records import parse_date  # noqa: PLC0415 - as above

    try:
        return parse_date(text)
    except ValueError:
        raise click.BadParameter(f"{text!r} is not a date; write it as 2024-01-31") from None
