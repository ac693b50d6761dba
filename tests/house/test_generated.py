"""The generated parts of the documentation are up to date, and the table of a row's fields is complete."""

from __future__ import annotations

import re

import pytest

from records import Forecast
from tests.conftest import ROOT
from tests.house.generated import PARTS, with_part


@pytest.mark.parametrize("name", PARTS)
def test_a_generated_part_is_up_to_date(name: str) -> None:
    place, make = PARTS[name]
    page = (ROOT / place).read_text(encoding="utf-8")
    assert page == with_part(page, name, make()), "make docs"


def test_every_field_of_a_row_is_explained() -> None:
    page = (ROOT / "docs/reference/rows.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| `([a-z0-9_]+)` \|", page.split("\n## ")[0], flags=re.MULTILINE)
    assert listed == list(Forecast.__struct_fields__)
