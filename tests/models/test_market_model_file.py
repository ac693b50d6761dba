"""A file in MARKET_MODEL that is none: refused before any work, where it had failed each ticker's training one by one."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from errors import SettingsError
from models.market.model import KIND, SHIPPED, VERSION, MarketModel, market_model, require_market_model
from models.packing import pack
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


DAMAGE: dict[str, Callable[[MarketModel], bytes]] = {
    "cut": lambda model: model.to_bytes()[:-999],
    "fewer slopes": lambda model: dataclasses.replace(model, slopes=model.slopes[:9]).to_bytes(),
    "NaN": lambda model: dataclasses.replace(model, slopes=np.nan * model.slopes).to_bytes(),
    "a tree of an input that is not there": lambda model: dataclasses.replace(
        model, trees=dataclasses.replace(model.trees, feature=model.trees.feature + 40)
    ).to_bytes(),
    "a net without its head": lambda model: dataclasses.replace(
        model, net=dataclasses.replace(model.net, head_weight=model.net.head_weight[:, :3])
    ).to_bytes(),
    "newer": lambda model: pack(KIND, VERSION + 1, model),
    "another horizon": lambda model: dataclasses.replace(model, horizon=10).to_bytes(),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_model_that_no_training_can_use_is_refused_by_name(
    damage: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(DAMAGE[damage](MarketModel.from_bytes(SHIPPED.read_bytes())))
    monkeypatch.setenv("MARKET_MODEL", str(path))
    with pytest.raises(SettingsError, match=r"MARKET_MODEL: .*model\.bin"):
        require_market_model(load_settings())


def test_another_horizon_is_no_matter_to_candidates_that_need_no_market_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model.bin"
    path.write_bytes(SHIPPED.read_bytes())
    monkeypatch.setenv("MARKET_MODEL", str(path))
    require_market_model(load_settings(horizon=42, models=["har", "arima"]))
    with pytest.raises(SettingsError, match="leave lstm out of MODELS"):
        require_market_model(load_settings(horizon=42, models=["har", "lstm"]))
