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
from typing import Any, Final, NoReturn, TextIO

import click

from commands.logs import configure_logging
from errors import ForecastingError
from settings import load_settings

#: What a shell expects of a process that Ctrl-C ended: 128 + SIGINT.
EXIT_INTERRUPTED: Final = 130
#: What click gives as well when a write fails in the midst of a command.
EXIT_BROKEN_PIPE: Final = 1
#: Plain progress lines go to log files: one every so many seconds tells enough.
SECONDS_BETWEEN_LINES: Final = 5.0

Advance = Callable[[int], None]


class LazyCommands(click.Group):
    """Commands that are imported when they are called: a process that runs for months carries only what its own one needs."""

    def __init__(self, *args: Any, places: Mapping[str, str], **options: Any) -> None:
        """`places` maps names of commands to `module:attribute`."""
        super().__init__(*args, **options)
        self._places = places

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        """Their names, in order."""
        return list(self._places)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of a name, None where there is none."""
        place = self._places.get(cmd_name)
        if place is None:
            return None
        module, _, attribute = place.partition(":")
        command: click.Command = getattr(importlib.import_module(module), attribute)
        return command


def run_cli(command: click.Command) -> NoReturn:
    """Run a command and end the process: 0, a ForecastingError's exit code with its message as one line, or 130 for Ctrl-C.

    A reader of our output that goes away (`| head`) ends the command without a word. Any other exception is a defect and
    keeps its traceback.
    """
    try:
        configure_logging(load_settings())
        code = command.main(standalone_mode=False)
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
    except BrokenPipeError:
        # The interpreter flushes stdout once more at its end: into nothing, or it would complain there.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = EXIT_BROKEN_PIPE
    # Nothing is left to clean up: an interrupt from here on ends the process at once, without a traceback from its last steps.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    sys.exit(code if isinstance(code, int) else 0)


@contextmanager
def progress(
    total: int | None, description: str, *, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic
) -> Iterator[Advance]:
    """A progress report on stderr with the time left; yields `advance(count)`.

    A bar on a terminal, else a plain line every few seconds. `total` None means that nobody knows: no estimate then.
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
    from rich.console import Console  # noqa: PLC0415 - only a terminal needs it
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn  # noqa: PLC0415

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
