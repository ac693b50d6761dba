"""What every command line shares: errors as one line, progress.

Results go to stdout, and nothing else does; logs and progress go to stderr.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NoReturn, TextIO

import click

from errors import ForecastingError

if TYPE_CHECKING:
    from settings import Settings

#: A shell expects 128 + SIGINT of a process that Ctrl-C ended.
EXIT_INTERRUPTED: Final = 130
#: As click does if a write fails.
EXIT_BROKEN_PIPE: Final = 1
#: Between two plain progress lines, which go to log files.
SECONDS_BETWEEN_LINES: Final = 5.0

Advance = Callable[[int], None]


def load_settings(**overrides: Any) -> Settings:
    """`settings.load_settings`, loaded when it is called: commands import this function, so that `--help` needs no pydantic."""
    from settings import load_settings as load

    return load(**overrides)


def read_settings() -> Settings:
    """`settings.read_settings`, loaded when it is called."""
    from settings import read_settings as read

    return read()


class ReadyContext(click.Context):
    """Reads the settings and starts logging when the command's own function runs: `--help` ends before, and loads neither."""

    def invoke(self, callback: Any, /, *args: Any, **options: Any) -> Any:
        """Call the function of the command."""
        from commands.logs import configure_logging

        configure_logging(read_settings())  # the command itself has the options that override others
        return super().invoke(callback, *args, **options)


def _made_ready(command: click.Command) -> click.Command:
    """The command with a context that starts logging; of a group, its commands."""
    if isinstance(command, click.Group):
        for member in command.commands.values():
            _made_ready(member)
    else:
        command.context_class = ReadyContext
    return command


class LazyCommands(click.Group):
    """Commands that are imported when they are called: a process that runs for months carries its own command only."""

    def __init__(self, *args: Any, places: Mapping[str, str], **options: Any) -> None:
        """`places` maps names of commands to `module:attribute`."""
        super().__init__(*args, **options)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Their names, in order."""
        return [*self._places, *super().list_commands(ctx)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of a name; None if there is none."""
        place = self._places.get(cmd_name)
        if place is None:
            return super().get_command(ctx, cmd_name)
        module, _, attribute = place.partition(":")
        return _made_ready(getattr(importlib.import_module(module), attribute))


def run_cli(command: click.Command) -> NoReturn:
    """Run a command and end the process: 0, a ForecastingError's exit code with its message as one line, or 130 for Ctrl-C.

    If the reader of the output goes away (`| head`), the command ends without a message. Any other exception is a defect and
    keeps its traceback.
    """
    try:
        code = _made_ready(command).main(standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except ForecastingError as error:
        click.echo(f"error: {' '.join(str(error).split())}", err=True)
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        code = EXIT_INTERRUPTED
        # Where it came within code that Python compiles from a string, as for a dataclass, `python -m` would remember it, and
        # end with the signal instead. It forgets it with the next such code.
        eval("None")  # noqa: S307 - a constant
    except BrokenPipeError:
        # The interpreter flushes stdout once more at its end, which must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_BROKEN_PIPE
    # Nothing is left to clean up. An interrupt now ends the process at once, without a traceback from the interpreter's end.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code if isinstance(code, int) else 0)


@contextmanager
def progress(
    total: int | None, description: str, *, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Advance]:
    """A progress report on stderr with the time left; yields `advance(count)`.

    A bar on a terminal, else a plain line every few seconds. `total` is None if it is unknown: there is no estimate then.
    """
    stream = stream or sys.stderr
    if stream.isatty():
        with _bar(total, description, stream) as advance:
            yield advance
    else:
        lines = _PlainLines(total, description, stream, clock)
        yield lines.advance
        lines.finish()


@contextmanager
def _bar(total: int | None, description: str, stream: TextIO) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(file=stream)) as bar:
        task = bar.add_task(description, total=total)
        yield lambda count: bar.advance(task, count)


class _PlainLines:
    def __init__(self, total: int | None, description: str, stream: TextIO, clock: Callable[[], float]) -> None:
        self._total = total
        self._description = description
        self._stream = stream
        self._clock = clock
        self._started = self._written = clock()
        self._done = 0

    def advance(self, count: int) -> None:
        self._done += count
        now = self._clock()
        if now - self._written >= SECONDS_BETWEEN_LINES:
            self._written = now
            self._write(self._remaining(now - self._started))

    def finish(self) -> None:
        self._write(f"in {self._clock() - self._started:.1f} s")

    def _remaining(self, elapsed: float) -> str:
        if not self._total or not self._done:
            return f"after {elapsed:.0f} s"
        return f"about {_duration(elapsed * max(0, self._total - self._done) / self._done)} left"

    def _write(self, time_text: str) -> None:
        of_total = f"/{self._total:,} ({self._done / self._total:.0%})" if self._total else ""
        print(f"{self._description} {self._done:,}{of_total}, {time_text}", file=self._stream, flush=True)


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{rest} s"
