"""Log lines that machines read: logfmt, or JSON where LOG_FORMAT=json, on stderr.

A call's template is its schema. `logger.warning("bar refused ticker=%s date=%s reason=%s", …)` has the event `bar refused` and
three fields, so the call stays plain `logging`, and each handler decides how to write it:

    time=2026-01-05T09:30:00+0000 level=WARNING logger=producers.publish event="bar refused" ticker=AAPL date=… reason="…"

Values with blanks, quotes or `=` are quoted as JSON strings are. Templates of libraries that do not have this form become the
event as a whole. `docs/logging.md` lists every key; `tests/house/test_logging.py` holds the calls to it.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Iterator
from functools import lru_cache
from typing import Final, NamedTuple, TextIO

import msgspec

from commands.log_limits import RepeatLimit
from settings import LogFormat, Settings
from text import encodable

#: Keys that every line has, and the key of a line with an exception.
COMMON_KEYS: Final = ("time", "level", "logger", "event")
TRACEBACK_KEY: Final = "traceback"

_SLOT: Final = r"%[-+ #0]*\d*(?:\.\d+)?[sdrfgex]"
_FIELD: Final = rf" ([a-z][a-z0-9_]*)=({_SLOT}|[^\s%=\"]+)"
_TEMPLATE: Final = re.compile(rf"([^%=]+?)((?:{_FIELD})*)")
_NEEDS_QUOTES: Final = re.compile(r'[\s"=\\]|[^ -~]|^$')

Value = str | int | float | None


class Template(NamedTuple):
    """An event and its fields: pairs of a key and a format such as `%s` or `%.3f`, or a value that is always the same."""

    event: str
    fields: tuple[tuple[str, str], ...]

    @property
    def slots(self) -> int:
        """The number of arguments that it takes."""
        return sum(slot.startswith("%") for _, slot in self.fields)


class Field(NamedTuple):
    """One value of a record: `value` for JSON, and `text` as its format writes it."""

    key: str
    value: Value
    text: str


@lru_cache(maxsize=1024)
def template_of(text: str) -> Template | None:
    """The template's parts; None if it is not `event key=%s key=%d …`."""
    match = _TEMPLATE.fullmatch(text)
    return None if match is None else Template(match[1], tuple(re.findall(_FIELD, match[2])))


def fields_of(record: logging.LogRecord) -> list[Field]:
    """The event and the fields of a record, in the template's order."""
    template = template_of(record.msg) if isinstance(record.msg, str) else None
    arguments = record.args if isinstance(record.args, tuple) else ()
    if template is None or template.slots != len(arguments):
        message = record.getMessage()
        return [Field("event", encodable(message), message)]
    values = iter(arguments)
    fields = [Field("event", template.event, template.event)]
    fields += [
        _filled(key, slot, next(values)) if slot.startswith("%") else Field(key, slot, slot) for key, slot in template.fields
    ]
    left_out = getattr(record, "left_out", 0)
    return [*fields, Field("left_out", left_out, str(left_out))] if left_out else fields


def _filled(key: str, slot: str, argument: object) -> Field:
    text = slot % (argument,)
    if slot[-1] in "dfge":
        return Field(key, int(text) if slot[-1] == "d" else float(text), text)
    return Field(key, argument if argument is None or isinstance(argument, bool | int | float) else encodable(text), text)


class LogfmtFormatter(logging.Formatter):
    """`key=value` pairs on one line; a traceback follows on lines of its own, for people."""

    def __init__(self) -> None:
        super().__init__(datefmt="%Y-%m-%dT%H:%M:%S%z")

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the base class's name
        """The line without its traceback."""
        return " ".join(f"{key}={_quoted(text)}" for key, text in self._pairs(record))

    def usesTime(self) -> bool:  # noqa: N802 - the base class's name
        """Each line has its time."""
        return True

    @staticmethod
    def _pairs(record: logging.LogRecord) -> Iterator[tuple[str, str]]:
        yield from zip(COMMON_KEYS, (record.asctime, record.levelname, record.name), strict=False)
        yield from ((field.key, field.text) for field in fields_of(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line, with the traceback as a value. NaN and infinities are null."""

    def __init__(self) -> None:
        super().__init__(datefmt="%Y-%m-%dT%H:%M:%S%z")

    def format(self, record: logging.LogRecord) -> str:
        """The record as an object."""
        line: dict[str, Value] = dict(
            zip(COMMON_KEYS, (self.formatTime(record, self.datefmt), record.levelname, record.name), strict=False)
        )
        line |= {field.key: field.value for field in fields_of(record)}
        if record.exc_info:
            line[TRACEBACK_KEY] = self.formatException(record.exc_info)
        return msgspec.json.encode(line).decode()


def _quoted(text: str) -> str:
    return msgspec.json.encode(encodable(text)).decode() if _NEEDS_QUOTES.search(text) else text


def configure_logging(settings: Settings) -> None:
    """Log to stderr from `log_level` up, in `log_format`; an existing handler stays the only handler."""
    root = logging.getLogger()
    root.setLevel(settings.log_level)
    is_debugging = settings.log_level == logging.getLevelName(logging.DEBUG)
    if not root.handlers:
        limit = RepeatLimit(0 if is_debugging else settings.log_repeats)
        handler = StderrHandler(limit)
        handler.setFormatter(JsonFormatter() if settings.log_format is LogFormat.JSON else LogfmtFormatter())
        root.addHandler(handler)
    # kafka-python logs each attempt to connect, and raises an error at their end, which is logged in one line.
    logging.getLogger("kafka").setLevel(logging.NOTSET if is_debugging else logging.CRITICAL)


class StderrHandler(logging.StreamHandler[TextIO]):
    """Writes to the current stderr, which a progress bar replaces by one that keeps its bar and the lines apart.

    At its end it writes how many repeated lines were left out since the last written lines.
    """

    def __init__(self, limit: RepeatLimit) -> None:
        super().__init__(sys.stderr)
        self._limit = limit
        self.addFilter(limit)

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record."""
        self.stream = sys.stderr
        super().emit(record)

    def close(self) -> None:
        """Write the counts, and close."""
        for record in self._limit.pending():
            self.emit(record)
        super().close()
