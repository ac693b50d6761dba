"""docs/forms.md is what the recogniser's tables and examples say, and every example is read."""

from __future__ import annotations

import pytest

from producers.forms.examples import EXAMPLES
from producers.forms.vocabulary import WORDS, field_of
from producers.forms_page import forms_page, read_example
from tests.conftest import ROOT


def test_the_page_is_current():
    assert (ROOT / "docs" / "forms.md").read_text(encoding="utf-8") == forms_page(), "python -m producers forms > docs/forms.md"


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.title)
def test_an_example_is_read_whole(example):
    batches, source = read_example(example)
    assert sum(len(batch.date) for batch in batches) >= 2
    assert len(source.findings.forms) == 1
    assert all(one.reason.startswith("rows of totals above the bars") for one in source.findings.passed_over)


@pytest.mark.parametrize("ours", [name for name in WORDS if name != "time"])
def test_a_word_means_one_column(ours):
    others = {word for name, words in WORDS.items() if name not in (ours, "time") for word in words}
    assert set(WORDS[ours]).isdisjoint(others)
    assert {field_of(word) for word in WORDS[ours]} == {ours}
