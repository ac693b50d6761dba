"""The options that name market data."""

from __future__ import annotations

from marketdata.groups import GROUPS
from producers.options import GROUP_NAMES


def test_every_group_can_be_chosen() -> None:
    assert set(GROUP_NAMES) == set(GROUPS)
