"""A status as a screen for people: what is wrong first, then workers, partitions and the table."""

from __future__ import annotations

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from monitoring.status import ReplicaLine, Status, WorkerLine


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


def _headline(status: Status) -> Text:
    at = f"{status.at:%Y-%m-%d %H:%M:%S} UTC"
    if not status.reasons:
        return Text.assemble(("all well", "bold green"), f"   {at}")
    lines = Text.assemble(
        (f"{len(status.reasons)} things are wrong" if len(status.reasons) > 1 else "wrong", "bold red"), f"   {at}"
    )
    for reason in status.reasons:
        lines.append_text(Text.assemble("\n  ", (f"{reason.code:<22}", "red"), reason.text))
    return lines


def _grid(*columns: tuple[str, str]) -> Table:
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for title, justify in columns:
        table.add_column(title, justify="right" if justify == "r" else "left", no_wrap=True)
    return table


def _workers(status: Status) -> Table:
    table = _grid(
        ("worker", "l"), ("version", "l"), ("host", "l"), ("partitions", "l"), ("bars", "r"), ("rejected", "r"),
        ("trained", "r"), ("running", "r"), ("failed", "r"), ("deaths", "r"), ("tables", "r"), ("up", "r"), ("", "l"),
    )  # fmt: skip
    for worker in status.workers:
        table.add_row(*_worker(worker))
    return table


def _worker(worker: WorkerLine) -> tuple[str, ...]:
    partitions = ",".join(map(str, worker.partitions)) or "-"
    figures = worker.figures
    if figures is None:
        where = "silent" if worker.problem else "page not readable from this host"
        return (worker.name, "-", worker.host, partitions, *("-",) * 8, where)
    return (
        worker.name,
        figures.version,
        figures.host,
        partitions,
        f"{sum(figures.bars.values()):,}",
        f"{sum(figures.rejected.values()):,}",
        f"{figures.trainings.get('done', 0):,}",
        f"{figures.trainings_running}",
        f"{figures.trainings.get('failed', 0)}",
        f"{figures.pool_deaths}",
        f"{sum(figures.table_bytes.values()) / 2**20:.1f} MB",
        duration(figures.uptime_seconds),
        ", ".join(reason.code for reason in figures.reasons) or "works",
    )


def _partitions(status: Status) -> Table:
    table = _grid(("partition", "r"), ("owner", "l"), ("messages", "r"), ("lag", "r"), ("waiting for", "r"))
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
    behind = f"{lag:,} records behind for {duration(waiting)}" if lag else "up to date"
    problems = ", ".join(reason.code for reason in figures.reasons) or "works"
    left_out = f", {figures.left_out:,} records left out" if figures.left_out else ""
    return Text(
        f"replica: {problems}, {behind}, {figures.rows:,} rows{left_out}, version {figures.version}, "
        f"{figures.table_bytes / 2**20:.1f} MB, up {duration(figures.uptime_seconds)}"
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
            lines.append(Text(f"  {name}: {f'{count} sessions overdue' if count else 'on time'}"))
        if table.fallbacks:
            parts = ", ".join(f"{name} {count}" for name, count in sorted(table.fallbacks.items()))
            lines.append(Text(f"  without a trained model: {parts}"))
        if table.stalest:
            lines.append(Text("  stalest: " + ", ".join(f"{ticker} {date}" for ticker, date in table.stalest)))
    failing = {
        ticker: why for worker in status.workers if worker.figures for ticker, why in worker.figures.trainings_failing.items()
    }
    lines += [Text(f"  training failed: {ticker}: {why}") for ticker, why in sorted(failing.items())[:5]]
    if len(failing) > 5:
        lines.append(Text(f"  and {len(failing) - 5} more"))
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
