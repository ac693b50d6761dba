"""The generated parts of the documentation: `make docs` (`python -m tests.house.generated`) writes them, a test compares.

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`; the words around it are written by hand.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import msgspec
from prometheus_client.metrics import MetricWrapperBase
from pydantic.fields import FieldInfo

from commands.tidecast import ENTRIES, cli
from monitoring.exposition import PREFIX, Specification
from monitoring.replica import REPLICA_METRICS
from monitoring.worker_metrics import WORKER_METRICS
from optimizer.web.metrics import Metrics
from optimizer.web.openapi import description
from optimizer.web.readiness import SERVICE_METRICS
from producers.job_metrics import JOB_METRICS
from records import forecast_columns, forecast_meanings
from records.schemas import SCHEMAS
from review.live import LIVE_METRICS
from settings import FORECAST, GROUPS, Settings
from tests.conftest import ROOT
from tests.house.imports import GROUND, KAFKA_ROOMS, MAY_IMPORT

#: Defaults that depend on the machine.
_OF_THE_MACHINE = {"jobs": "usable cores", "worker_id": "host name"}
#: Known to nearly every package: arrows to them would hide the others.
_LEFT_OUT = GROUND | {"commands", "benchmarks"}


def settings_tables() -> str:
    """Every setting, by the sections of its group."""
    source = "".join(map(inspect.getsource, GROUPS))
    lines: list[str] = []
    for part in re.split(r"^    # -- ", source, flags=re.MULTILINE)[1:]:
        names = [name for name in re.findall(r"^    ([a-z_]+): ", part, flags=re.MULTILINE) if name in Settings.model_fields]
        lines += [f"## {part.split(' -', 1)[0].strip()}", "", "| setting | default | meaning |", "|---|---|---|"]
        lines += [_setting(name, Settings.model_fields[name]) for name in names]
        lines.append("")
    return "\n".join(lines)


def _setting(name: str, field: FieldInfo) -> str:
    mark = " †" if field.json_schema_extra == FORECAST else ""
    return f"| `{name.upper()}`{mark} | {_default(name, field)} | {field.description} |"


def _default(name: str, field: FieldInfo) -> str:
    if name in _OF_THE_MACHINE:
        return _OF_THE_MACHINE[name]
    value = field.get_default(call_default_factory=True)
    if value is None or value == "":
        return ""
    if isinstance(value, tuple):
        return f"`{','.join(str(_plain(part)) for part in value)}`"
    return f"`{_plain(value)}`"


def _plain(value: Any) -> Any:
    return value.value if isinstance(value, Enum) else f"{value:g}" if isinstance(value, float) else value


def commands_pages() -> str:
    """The help text of every command."""
    lines: list[str] = []
    top = click.Context(cli, info_name="tidecast", terminal_width=110)
    for section, entries in ENTRIES.items():
        lines += [f"## {section}", ""]
        for entry in entries:
            command = cli.get_command(top, entry.name)
            assert command is not None
            context = click.Context(command, parent=top, info_name=entry.name, terminal_width=110)
            lines += [f"### tidecast {entry.name}", "", f"`{_long_form(entry.place, entry.name)}`", "", "```text"]
            lines += [command.get_help(context).rstrip(), "```", ""]
    return "\n".join(lines)


def _long_form(place: str, name: str) -> str:
    package = {"backtest": "optimizer", "evaluation": "models"}.get(
        place.split(".", maxsplit=1)[0], place.split(".", maxsplit=1)[0]
    )
    return f"python -m {package}" if package == name else f"python -m {package} {name}"


def http_table() -> str:
    """The paths of the HTTP service."""
    lines = ["| method | path | what |", "|---|---|---|"]
    for path, operations in description()["paths"].items():
        lines += [f"| {method.upper()} | `{path}` | {operation['summary']} |" for method, operation in operations.items()]
    return "\n".join(lines)


def row_table() -> str:
    """The fields of a row of the forecast table, as `records.Forecast` declares them."""
    columns = forecast_columns()
    lines = ["| field | meaning |", "|---|---|"]
    lines += [f"| `{name}`{' ‡' if name in columns else ''} | {text} |" for name, text in forecast_meanings().items()]
    return "\n".join(lines)


def schema_text(name: str) -> str:
    """A JSON Schema as it stands in docs/schemas."""
    return msgspec.json.format(msgspec.json.encode(SCHEMAS[name]())).decode() + "\n"


def picture() -> str:
    """Which package knows which, from the table that the test of imports holds."""
    shown = [name for name in MAY_IMPORT if name not in _LEFT_OUT]
    lines = ["```mermaid", "flowchart TD"]
    for name in shown:
        lines += [f"    {name} --> {known}" for known in shown if known in MAY_IMPORT[name]]
    lines.append("    subgraph rooms [streams/kafka]")
    lines += [f"        {later} --> {former}" for former, later in pairwise(KAFKA_ROOMS)]
    return "\n".join([*lines, "    end", "```"])


def metrics_tables() -> str:
    """Every metric, by the process that has it."""
    lines: list[str] = []
    for title, rows in (
        ("Workers", _specified(WORKER_METRICS)),
        ("HTTP service", [*_specified(SERVICE_METRICS), *_counted(), *_specified(LIVE_METRICS)]),
        ("Replicas", _specified(REPLICA_METRICS)),
        ("Publishing jobs", _specified(JOB_METRICS)),
    ):
        lines += [f"## {title}", "", "| metric | labels | what |", "|---|---|---|"]
        lines += [f"| `{PREFIX}{name}` | {', '.join(labels)} | {text} |" for name, labels, text in rows]
        lines.append("")
    return "\n".join(lines)


def _specified(specifications: Iterable[Specification[Any]]) -> list[tuple[str, tuple[str, ...], str]]:
    return [(each.name, each.labels, each.help_text) for each in specifications]


def _counted() -> list[tuple[str, tuple[str, ...], str]]:
    """The metrics that the service counts itself; a histogram's have `_bucket`, `_count` and `_sum` behind the name."""
    counted = [each for each in vars(Metrics()).values() if isinstance(each, MetricWrapperBase)]
    return [
        (
            family.name.removeprefix(PREFIX) + ("_total" if family.type == "counter" else ""),
            labels_of(each),
            family.documentation,
        )
        for each in counted
        for family in each.describe()
    ]


def labels_of(metric: MetricWrapperBase) -> tuple[str, ...]:
    """The names of a metric's labels."""
    return tuple(metric._labelnames)


PARTS: Mapping[str, tuple[str, Callable[[], str]]] = {
    "settings": ("docs/reference/settings.md", settings_tables),
    "commands": ("docs/reference/commands.md", commands_pages),
    "http": ("docs/reference/http.md", http_table),
    "row": ("docs/reference/rows.md", row_table),
    "metrics": ("docs/reference/metrics.md", metrics_tables),
    "picture": ("docs/architecture.md", picture),
}


def with_part(page: str, name: str, content: str) -> str:
    """The page with this part replaced."""
    begin, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
    before, _, rest = page.partition(begin)
    _, found, after = rest.partition(end)
    assert found, f"no part {name}"
    return f"{before}{begin}\n{content.strip()}\n\n{end}{after}"


def main() -> None:
    """Write every part, and the JSON Schemas."""
    for name in SCHEMAS:
        (ROOT / "docs" / "schemas" / f"{name}.schema.json").write_text(schema_text(name), encoding="utf-8")
    for name, (place, make) in PARTS.items():
        path = Path(ROOT / place)
        path.write_text(with_part(path.read_text(encoding="utf-8"), name, make()), encoding="utf-8")


if __name__ == "__main__":
    main()
