"""Why a setting's value is refused, in plain words."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from text import encodable

if TYPE_CHECKING:
    from pydantic import ValidationError

#: pydantic's kinds of errors; the words in braces are its own context.
_WORDS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "greater_than_equal": "must be at least {ge}",
        "greater_than": "must be above {gt}",
        "less_than_equal": "must be at most {le}",
        "less_than": "must be below {lt}",
        "int_parsing": "must be a whole number",
        "int_from_float": "must be a whole number",
        "float_parsing": "must be a number",
        "finite_number": "must be a finite number",
        "bool_parsing": "must be true or false",
        "enum": "must be {expected}",
        "string_too_short": "is empty; leave it out for the default",
        "too_short": "is empty; leave it out for the default",
    }
)
#: What a text must be like, by the setting.
_PATTERNS: Final[Mapping[str, str]] = MappingProxyType(
    {
        "KAFKA_BOOTSTRAP": "must be host:port, or several with commas between",
        "KAFKA_PREFIX": "must be at most 80 letters, digits and . _ -",
        "WORKER_ID": "must be 1 to 80 letters, digits and . _ -",
    }
)


def refusal_of(error: ValidationError) -> str:
    """Each wrong setting once, by its name in the environment, with what it must be and what was given."""
    said: dict[str, str] = {}
    for detail in error.errors():
        name = str(detail["loc"][0]).upper() if detail["loc"] else "settings"
        said.setdefault(name, f"{name}: {_words(name, detail)} (given: {_given(detail['input'])})")
    return "; ".join(said.values())


def _words(name: str, detail: Mapping[str, Any]) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind == "string_pattern_mismatch" and name in _PATTERNS:
        return _PATTERNS[name]
    if kind == "value_error":
        return str(context["error"])
    words = _WORDS.get(kind)
    return str(detail["msg"]) if words is None else words.format(**{key: _plain(value) for key, value in context.items()})


def _plain(value: Any) -> str:
    return value.replace("'", "") if isinstance(value, str) else f"{value:g}"


def _given(value: Any) -> str:
    text = ", ".join(value) if isinstance(value, tuple) else str(value)
    return encodable(text)[:60] or "nothing"
