"""A status as a screen for people: what is wrong first, then workers, partitions and the table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from monitoring.punctuality import sessions
from monitoring.status import OF_OTHERS, ReplicaLine, Status, WorkerLine


def status_screen(status: Status) -> RenderableType:
    """The screen; green and red only underline what the words say."""
    parts: list[RenderableType] = [_headline(status)]
    if status.workers:
        parts += [Text(), _workers(status)]
    if status.partitions:
        parts += [Text(), _partitions(status)]
    if status.replica is not None:
        parts += [Text(), _replica(status.replica)]
    parts += [Text(), *_table(status)]
    return Group(*parts)


def _headline(status: Status) -> RenderableType:
    at = f"{status.at:%Y-%m-%d %H:%M:%S} UTC"
    if not status.reasons:
        return Text.assemble(("all well", "bold green"), f"   {at}")
    count = len(status.reasons)
    title = Text.assemble((f"{count} things are wrong" if count > 1 else "1 thing is wrong", "bold red"), f"   {at}")
    # In columns of their own, so that a long sentence goes on below itself.
    reasons = Table.grid(padding=(0, 2))
    for reason in status.reasons:
        reasons.add_row("", Text(reason.code, style="red"), reason.text)
    return Group(title, reasons)


#: Columns whose cells may take a second line on a narrow screen.
_FOLDING: Final = {"host", "state"}
_SHOWN_FAILURES: Final = 5


def _grid(*columns: tuple[str, str]) -> Table:
    """Columns with their alignment."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title, justify in columns:
        table.add_column(title, justify="right" if justify == "r" else "left", no_wrap=title not in _FOLDING)
    return table


def _workers(status: Status) -> RenderableType:
    """The workers, in 80 columns. Host and version are above the table where all have the same."""
    hosts = sorted({worker.host if worker.figures is None else worker.figures.host for worker in status.workers} - {"?"})
    versions = sorted({worker.figures.version for worker in status.workers if worker.figures is not None})
    common = "".join(f", {name} {values[0]}" for name, values in (("version", versions), ("host", hosts)) if len(values) == 1)
    columns = [("worker", "l"), ("partitions", "l"), ("bars", "r"), ("rejected", "r"), ("trained", "r"), ("tables", "r")]
    if len(versions) > 1:
        columns.append(("version", "l"))
    if len(hosts) > 1:
        columns.append(("host", "l"))
    table = _grid(*columns, ("up", "l"), ("state", "l"))
    for worker in status.workers:
        table.add_row(*_worker(worker, shows_version=len(versions) > 1, shows_host=len(hosts) > 1))
    return Group(Text(f"{len(status.workers)} worker{'s' * (len(status.workers) != 1)}{common}"), table)


def _worker(worker: WorkerLine, *, shows_version: bool, shows_host: bool) -> list[str]:
    figures = worker.figures
    cells = [worker.name, ranges(worker.partitions) or "-"]
    if figures is None:
        cells += ["-"] * (4 + shows_version)
        cells += [worker.host] * shows_host
        return [*cells, "-", "silent" if worker.problem else "on another host"]
    cells += [
        f"{sum(figures.bars.values()):,}",
        f"{sum(figures.rejected.values()):,}",
        f"{figures.trainings.get('done', 0):,}",
        f"{sum(figures.table_bytes.values()) / 2**20:.1f} MB",
    ]
    cells += [figures.version] * shows_version + [figures.host] * shows_host
    # Its reasons stand above, with its name.
    works = all(reason.code in OF_OTHERS for reason in figures.reasons)
    return [*cells, duration(figures.uptime_seconds), "works" if works else "not ready"]


def _trainings(workers: Sequence[WorkerLine]) -> list[Text]:
    """Trainings that have not ended well, on all workers, and the last failures; nothing where there are none."""
    known = [worker.figures for worker in workers if worker.figures is not None]
    counts = (
        (sum(figures.trainings_running for figures in known), "queued or running"),
        (sum(figures.trainings.get("failed", 0) for figures in known), "failed"),
        (sum(figures.pool_deaths for figures in known), "lost with their process"),
    )
    parts = [f"{count:,} {what}" for count, what in counts if count]
    lines = [Text(f"trainings: {', '.join(parts)}")] if parts else []
    failing = sorted((ticker, why) for figures in known for ticker, why in figures.trainings_failing.items())
    lines += [Text(f"  failed: {ticker}: {why}") for ticker, why in failing[:_SHOWN_FAILURES]]
    if len(failing) > _SHOWN_FAILURES:
        lines.append(Text(f"  and {len(failing) - _SHOWN_FAILURES} more"))
    return lines


def ranges(numbers: Sequence[int]) -> str:
    """Rising numbers, neighbours as a range.

    >>> ranges([0, 1, 2, 5, 7, 8])
    '0-2,5,7-8'
    """
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][-1] + 1:
            parts[-1].append(number)
        else:
            parts.append([number])
    return ",".join(f"{part[0]}-{part[-1]}" if len(part) > 1 else str(part[0]) for part in parts)


def _partitions(status: Status) -> Table:
    table = _grid(("partition", "r"), ("owner", "l"), ("messages", "r"), ("waiting", "r"), ("oldest waits", "r"))
    for each in status.partitions:
        waiting = "-" if each.lag_seconds is None or not each.lag_messages else duration(each.lag_seconds)
        table.add_row(str(each.partition), each.owner or "nobody", f"{each.messages:,}", f"{each.lag_messages:,}", waiting)
    return table


def _replica(line: ReplicaLine) -> Text:
    figures = line.figures
    if figures is None:
        return Text("replica: silent")
    lag = sum(each.lag_messages for each in figures.partitions)
    waiting = max((each.lag_seconds for each in figures.partitions), default=0.0)
    behind = f"{lag:,} records wait, the oldest for {duration(waiting)}" if lag else "up to date"
    problems = ", ".join(reason.code for reason in figures.reasons) or "works"
    return Text(
        f"replica: {problems}, {behind}, {figures.rows:,} rows, version {figures.version}, "
        f"{sum(figures.table_bytes.values()) / 2**20:.1f} MB, up {duration(figures.uptime_seconds)}"
    )


def _table(status: Status) -> list[Text]:
    lines: list[Text] = []
    table = status.table
    if table is None:
        lines.append(Text(f"forecasts: {status.table_problem or 'no table in this folder'}"))
    else:
        newest = table.newest.isoformat() if table.newest else "none"
        lines.append(Text(f"forecasts: {table.rows} rows, newest bar {newest}"))
        for name, count in sorted(table.late_sessions.items()):
            lines.append(Text(f"  bars of {name}: {f'{sessions(count)} overdue' if count else 'on time'}"))
        for name, date in sorted(table.calendars_end.items()):
            lines.append(Text(f"  calendar {name} is known until {date}: upgrade the library exchange_calendars"))
        if table.fallbacks:
            parts = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in sorted(table.fallbacks.items()))
            lines.append(Text(f"  without a trained model: {parts}"))
        if table.stalest:
            lines.append(Text("  oldest bars: " + ", ".join(f"{ticker} {date}" for ticker, date in table.stalest)))
    lines += _trainings(status.workers)
    free = "unknown" if status.disk_free_bytes is None else f"{status.disk_free_bytes / 2**30:.1f} GB free"
    lines.append(Text(f"state folder: {status.state_dir}, {free}"))
    return lines


def duration(seconds: float) -> str:
    """Seconds for people.

    >>> [duration(s) for s in (0.4, 75, 7300, 200000)]
    ['0 s', '1 min 15 s', '2 h 1 min', '2 d 7 h']
    """
    whole = int(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 86400:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86400} d {whole % 86400 // 3600} h"
