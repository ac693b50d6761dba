"""The generated parts of the documentation are up to date."""

from __future__ import annotations

import pytest

from tests.conftest import ROOT
from tests.house.generated import PARTS, with_part


@pytest.mark.parametrize("name", PARTS)
def test_a_generated_part_is_up_to_date(name: str) -> None:
    place, make = PARTS[name]
    page = (ROOT / place).read_text(encoding="utf-8")
    assert page == with_part(page, name, make()), "make docs"
