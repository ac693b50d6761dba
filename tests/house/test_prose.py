"""The check of plain words: what it finds, and that pages and packages pass it."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.house.prose import code_texts, findings, judge, messages, page_texts


@pytest.mark.parametrize(
    "text",
    [
        "What is no number stays None.",
        "Suspect bars are told in the log.",
        "A replaced producer gives up what another one has sent.",
        "the reasons are what one needs then",
        "word " * 31 + ".",
        "It keeps those that are newer.",
        "An older file replaces the newer one.",
    ],
)
def test_hard_words_and_long_sentences_are_found(text: str) -> None:
    assert list(judge(text))


@pytest.mark.parametrize(
    "text",
    [
        "NaN and infinities are returned unchanged.",
        "`is told` stays code.",
        "One of two leaves.",
        "A one-layer net.",
        "One process at a time.",
    ],
)
def test_plain_words_pass(text: str) -> None:
    assert not list(judge(text))


def test_pages_docstrings_and_comments_are_read_and_code_is_not(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n\nA line\nand its rest.\n\n```sh\nis told\n```\n| cell | two |\n- an item\n")
    assert [text for _, text in page_texts(page)] == ["# Title", "A line and its rest.", "cell", "two", "- an item"]
    module = tmp_path / "module.py"
    module.write_text('"""Does it.\n\nAnd more."""\n# A comment\n# in two lines.\nx = "is told"  # noqa: E501\n')
    assert [text for _, text in code_texts(module)] == ["Does it.", "And more.", "A comment in two lines."]
    module.write_text('"""A docstring of five words."""\nx = f"{1} and a message of {2}", "a plain one in quotes", "short"\n')
    assert [text for _, text in messages(module)] == ["x and a message of x", "a plain one in quotes"]


def test_pages_and_packages_stay_plain() -> None:
    assert not [str(finding) for finding in findings()]
