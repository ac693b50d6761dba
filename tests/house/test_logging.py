"""Every log call has the form that machines read, and its keys are those of `docs/logging.md`."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import pytest

from commands.logs import COMMON_KEYS, TRACEBACK_KEY, Template, template_of
from tests.conftest import ROOT
from tests.house.imports import MAY_IMPORT

LEVELS = {"debug", "info", "warning", "error", "critical", "exception", "log"}
#: A call that hands on a caller's template.
HANDED_ON = {"state/notices.py"}


def _calls() -> Iterator[tuple[str, ast.Call]]:
    """Place and call of each `logger.warning(…)` and `notices.warn(subject, …)` of the project."""
    for path in sorted(ROOT.glob("*/**/*.py")):
        place = path.relative_to(ROOT)
        if place.parts[0] not in MAY_IMPORT or str(place) in HANDED_ON:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                owner = ast.unparse(node.func.value).lower()
                if (owner.endswith("logger") and node.func.attr in LEVELS) or (
                    owner.endswith("notices") and node.func.attr == "warn"
                ):
                    yield f"{place}:{node.lineno}", node


CALLS = dict(_calls())


def _template(call: ast.Call) -> tuple[str, int]:
    """The template and the number of its arguments; -1 where a starred one hides it."""
    assert isinstance(call.func, ast.Attribute)
    arguments = call.args[1:] if call.func.attr in {"warn", "log"} else call.args
    template = arguments[0]
    assert isinstance(template, ast.Constant), "the template must be a constant: values go into fields"
    starred = any(isinstance(argument, ast.Starred) for argument in arguments)
    return str(template.value), -1 if starred else len(arguments) - 1


def _parts(call: ast.Call) -> Template:
    text, _ = _template(call)
    parts = template_of(text)
    assert parts is not None, f"{text!r} is not `event key=%s key=%d`: see docs/logging.md"
    return parts


@pytest.mark.parametrize("place", CALLS)
def test_a_call_has_an_event_and_fields(place: str) -> None:
    parts = _parts(CALLS[place])
    keys = [key for key, _ in parts.fields]
    assert len(set(keys)) == len(keys)
    assert not set(keys) & {*COMMON_KEYS, TRACEBACK_KEY, "left_out"}
    count = _template(CALLS[place])[1]
    assert count in {-1, parts.slots}
    if CALLS[place].func.attr == "exception":  # type: ignore[attr-defined]
        assert "reason" not in keys, "the traceback says why"


def test_the_page_lists_every_key_and_no_other() -> None:
    page = (ROOT / "docs/logging.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z0-9_]+)` \|", page, re.MULTILINE)
    used = {key for call in CALLS.values() for key, _ in _parts(call).fields}
    assert set(listed) == used | {*COMMON_KEYS, TRACEBACK_KEY, "like", "left_out"}
    assert len(set(listed)) == len(listed)
