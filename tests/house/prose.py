"""Plain words: the rules that a program can check, over pages, docstrings, comments and messages. `make check` runs this.

The reader may have learnt English at school and has ten minutes. `docs/contributing.md` has all rules, in words.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parents[2]
#: A sentence of more words is two thoughts.
LONGEST_SENTENCE: Final = 30
#: Pattern → what to write. Upper and lower case count the same.
BANNED: Final = {
    r"\bno number\b": "NaN",
    r"\b(is|are|was|were|be|been) told\b": "reported, logged or stated",
    r"\btold (as|by|in|with)\b": "reported or logged",
    r"\bone needs\b|\bone's own\b|\bof one's\b": "you, or the noun",
    r"\banother one\b|\b(this|that|such a) one(?=[.,;:)]|$| (is|was|has|comes|does)\b)": "the noun",
    r"\bthose that are none\b|\bthat are none\b": "invalid, not a …",
    r"\bhas no say\b|\bhave any say\b": "does not count",
    r"\bas it should be\b": "correct",
    r"\bwhoever\b|\bwhatever may\b": "anyone, any",
    r"\bthe very same\b": "the same",
    r"\bof its own\b.*\bof its own\b": "its",
    r"\bbeforehand\b|\bhereby\b|\bthereof\b|\bhenceforth\b": "a plain word",
    r"\bin vain\b": "without result",
    r"\bones\b": "the noun",
    r"\b(an?|any|every|no|other|newer|older|last|first|same|single|new|good|bad|wanted|earlier|later|next) one\b(?! of\b|-)": (
        "the noun"
    ),
    r"\bthe one (that|which|in|with)\b": "the noun",
    r"\bthose (that|who|which)\b": "the noun",
    r"\bhas none\b": "the noun, or 'without'",
    r"\bdealt (with|anew)\b": "processed, assigned",
    r"\bgave no number\b": "is NaN",
    r"\bwho asks?\b": "the caller, the client",
    r"\ball the same\b": "nevertheless",
    r"\bbut for\b": "except",
    r"\b(is|are) said\b": "reported",
    r"\bshall\b": "must, will",
}


@dataclass(frozen=True)
class Finding:
    """A place and what is wrong there."""

    place: str
    line: int
    text: str

    def __str__(self) -> str:
        return f"{self.place}:{self.line}: {self.text}"


def page_texts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each paragraph, list item and table cell of a page; code and generated parts are left out."""
    page = re.sub(r"<!-- generated.*?<!-- end -->", _blank, path.read_text(encoding="utf-8"), flags=re.DOTALL)
    page = re.sub(r"^ *```.*?^ *```", _blank, page, flags=re.DOTALL | re.MULTILINE)
    start, paragraph = 1, ""
    for number, line in enumerate([*page.splitlines(), ""], 1):
        is_cell = line.startswith("|")
        if not line.strip() or is_cell or re.match(r" *([-*#]|\d+\.) ", line):
            if paragraph:
                yield start, paragraph
            start, paragraph = number, ""
        if is_cell:
            yield from ((number, cell.strip()) for cell in line.strip("|").split("|"))
        elif line.strip():
            paragraph = f"{paragraph} {line.strip()}".strip()
            start = start if paragraph != line.strip() else number


def _blank(match: re.Match[str]) -> str:
    return "\n" * match[0].count("\n")


def code_texts(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each paragraph of a docstring, and of each comment, of a module."""
    source = path.read_text(encoding="utf-8")
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            text = ast.get_docstring(node)
            if text:
                line = node.body[0].lineno
                yield from ((line, " ".join(part.split())) for part in re.split(r"\n\s*\n|::\n", text))
    comment, start, last = "", 0, -2
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT and not re.match(r"# ?(noqa|type:|fmt:|--|ruff)", token.string):
            text = token.string.lstrip("#: ")
            if token.start[0] == last + 1:
                comment += " " + text
            else:
                if comment:
                    yield start, comment
                comment, start = text, token.start[0]
            last = token.start[0]
    if comment:
        yield start, comment


def messages(path: Path) -> Iterator[tuple[int, str]]:
    """Line and text of each message of a module: strings of several words that are no docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements | parts:
            text = node.value
        else:
            continue
        if len(text.split()) > 3:
            yield node.lineno, text


def judge(text: str) -> Iterator[str]:
    """What is wrong with a text."""
    if ">>> " in text or "├──" in text:
        return
    plain = _without_code(text)
    for sentence in re.split(r"(?<=[.!?:;])\s+", plain):
        words = len(re.findall(r"[\w'’%-]+", sentence))
        if words > LONGEST_SENTENCE:
            yield f"{words} words in a sentence, at most {LONGEST_SENTENCE}: {sentence[:60]}…"
    yield from judge_words(text)


def judge_words(text: str) -> Iterator[str]:
    """The banned phrases of a text."""
    plain = _without_code(text)
    for pattern, better in BANNED.items():
        found = re.search(pattern, plain, re.IGNORECASE)
        if found:
            yield f"{found[0]!r}: write {better}"


def _without_code(text: str) -> str:
    plain = re.sub(r"`[^`]*`", "x", text)
    return re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", plain)


def findings() -> Iterator[Finding]:
    """All findings in pages, packages and tests; of tests not in strings, which are data."""
    for path in sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]):
        place = str(path.relative_to(ROOT))
        yield from (Finding(place, line, text) for line, part in page_texts(path) for text in judge(part))
    for path in sorted([*ROOT.glob("*.py"), *ROOT.glob("*/**/*.py")]):
        place = path.relative_to(ROOT)
        if place.parts[0].startswith("."):
            continue
        yield from (Finding(str(place), line, text) for line, part in code_texts(path) for text in judge(part))
        if place.parts[0] == "tests":
            continue
        yield from (Finding(str(place), line, text) for line, part in messages(path) for text in judge_words(part))


def main() -> None:
    """Print the findings; 1 if there are any."""
    found = list(findings())
    for finding in found:
        print(finding)
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
