"""A file in MARKET_MODEL that is none: refused before any work, where it had failed each ticker's training one by one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from errors import SettingsError
from models.market.model import market_model, require_market_model
from settings import load_settings


@pytest.fixture(autouse=True)
def _read_again() -> Iterator[None]:
    market_model.cache_clear()
    yield
    market_model.cache_clear()


@pytest.mark.parametrize("content", [None, b"date,close\n2024-01-02,1\n", b""])
def test_a_file_that_is_no_market_model(content: bytes | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "model.bin"
    if content is not None:
        path.write_bytes(content)
    monkeypatch.setenv("MARKET_MODEL", str(path))
    with pytest.raises(SettingsError, match=r"MARKET_MODEL: .*model\.bin (cannot be read|is no market model) .*make it with"):
        require_market_model(load_settings())
