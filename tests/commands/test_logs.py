"""Log lines: what a call's template becomes as logfmt and as JSON, and how repeated lines are limited."""

from __future__ import annotations

import json
import logging
import re
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from commands.log_limits import RepeatLimit
from commands.logs import JsonFormatter, LogfmtFormatter, template_of
from tests.conftest import ROOT

PAIR = re.compile(r'([a-z][a-z0-9_]*)=("(?:[^"\\]|\\.)*"|[^\s"]+)(?: |$)')


def record(template: str, *arguments: object, level: int = logging.WARNING, name: str = "x") -> logging.LogRecord:
    return logging.LogRecord(name, level, "", 0, template, arguments, None)


def logfmt(line: str) -> dict[str, str]:
    """The pairs of a line, read as any logfmt reader would."""
    assert "".join(match[0] for match in PAIR.finditer(line)) == line, "pairs and nothing else"
    return {key: json.loads(text) if text.startswith('"') else text for key, text in PAIR.findall(line)}


def read(template: str, *arguments: object) -> tuple[dict[str, str], dict[str, object]]:
    line = record(template, *arguments)
    return logfmt(LogfmtFormatter().format(line)), json.loads(JsonFormatter().format(line))


def test_the_event_and_the_fields_are_those_of_the_template() -> None:
    text, values = read("bar refused ticker=%s bars=%d share=%.2f since=%s topic=bars reason=%s", "A", 3, 0.5, None, "a=b, c")
    del text["time"], values["time"]
    assert text == {
        "level": "WARNING", "logger": "x", "event": "bar refused",
        "ticker": "A", "bars": "3", "share": "0.50", "since": "None", "topic": "bars", "reason": "a=b, c",
    }  # fmt: skip
    assert values == {**text, "bars": 3, "share": 0.5, "since": None}


@given(st.text(), st.text())
def test_any_value_is_read_back(ticker: str, reason: str) -> None:
    text, values = read("fallback ticker=%s reason=%s", ticker, reason)
    assert (text["ticker"], text["reason"]) == (values["ticker"], values["reason"]) == (ticker, reason)


def test_a_lone_surrogate_is_written_as_an_escape() -> None:
    text, values = read("request path=%s", "/\udcff")
    assert text["path"] == values["path"] == "/\\udcff"


@pytest.mark.parametrize(
    ("template", "arguments"),
    [
        ("a plain sentence", ()),
        ("%s of %d", ("3", 4)),
        ("x=1 then text", ()),
        ("ticker %(t)s", ({"t": "A"},)),
        ("a=%s, b", ("x y",)),
    ],
)
def test_a_librarys_message_is_an_event_as_a_whole(template: str, arguments: tuple[object, ...]) -> None:
    text, values = read(template, *arguments)
    assert text["event"] == values["event"] == record(template, *arguments).getMessage()
    assert set(text) == {"time", "level", "logger", "event"}


def test_a_wrong_number_of_arguments_is_no_field() -> None:
    parts = template_of("a b=%s c=%d")
    assert parts is not None
    assert (parts.event, parts.slots) == ("a", 2)
    with pytest.raises(TypeError):
        JsonFormatter().format(record("a b=%s c=%d", "only one"))


def test_a_traceback_follows_the_line_and_is_a_value_in_json() -> None:
    line = record("training failed ticker=%s", "A")
    try:
        {}["x"]
    except KeyError:
        line.exc_info = sys.exc_info()
    first, *rest = LogfmtFormatter().format(line).splitlines()
    assert logfmt(first)["ticker"] == "A"
    assert rest[0].startswith("Traceback")
    assert json.loads(JsonFormatter().format(line))["traceback"].endswith("KeyError: 'x'")


def test_repeated_warnings_become_the_first_ones_and_a_summary() -> None:
    now = 0.0
    limit = RepeatLimit(20, clock=lambda: now)
    template = "suspect bar kept ticker=%s"
    assert sum(limit.filter(record(template, ticker)) for ticker in range(33_158)) == 20
    assert limit.filter(record("another event ticker=%s", "A")), "each kind has its own count"
    assert all(limit.filter(record(template, "A", level=logging.INFO)) for _ in range(100)), "scores are all written"
    now = 61.0
    later = record(template, "Z")
    assert limit.filter(later)
    assert logfmt(LogfmtFormatter().format(later))["left_out"] == "33138"
    assert not limit.filter(record(template, "Z"))
    (summary,) = limit.pending()
    read_back = logfmt(LogfmtFormatter().format(summary))
    assert (read_back["like"], read_back["left_out"]) == ("suspect bar kept", "1")
    assert not list(limit.pending()), "counted once"


def test_after_a_quiet_time_repeated_lines_are_news_again() -> None:
    now = 0.0
    limit = RepeatLimit(2, clock=lambda: now)
    assert [limit.filter(record("away")) for _ in range(3)] == [True, True, False]
    now = 700.0
    assert [limit.filter(record("away")) for _ in range(3)] == [True, True, False]


def test_a_chatty_library_writes_three_warnings_and_nothing_below() -> None:
    limit = RepeatLimit(20, clock=lambda: 0.0)
    assert [limit.filter(record("broker away", name="aiokafka.conn")) for _ in range(5)] == [True] * 3 + [False] * 2
    assert not limit.filter(record("hello", name="faust.app", level=logging.INFO))
    assert all(limit.filter(record("rejected", name="streams.kafka.bars")) for _ in range(5))


def test_no_limit_writes_every_line() -> None:
    limit = RepeatLimit(0)
    assert all(limit.filter(record("away")) for _ in range(100))


def test_the_settings_choose_format_and_limit_and_the_end_has_the_count() -> None:
    script = (
        "import logging\nfrom commands.logs import configure_logging\nfrom settings import load_settings\n"
        "configure_logging(load_settings(log_format='json', log_repeats=2))\n"
        "for number in range(5): logging.getLogger('x').warning('suspect bar kept number=%d', number)"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [line.get("number") for line in lines] == [0, 1, None]
    assert (lines[-1]["like"], lines[-1]["left_out"]) == ("suspect bar kept", 3)
