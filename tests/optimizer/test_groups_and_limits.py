"""Ticker groups, sector limits, what is held now."""

from __future__ import annotations

import datetime as dt
import shutil

import numpy as np
import pytest

from errors import RequestError, SourceError
from marketdata import groups
from optimizer.request import parse_request
from records import is_ticker
from tests.made.market import made_bars, row

MEMBERS = ("AAPL", "MSFT", "XOM", "CVX", "JNJ", "BRK-B")
BARS = made_bars(MEMBERS)
ROWS = [row(t, b, 0.05 + 0.03 * i, 0.2) for i, (t, b) in enumerate(BARS.items())]


def test_a_group_stands_for_its_members_and_what_is_not_to_be_had_is_listed(optimizer_of, asked):
    optimizer = optimizer_of(BARS, ROWS, min_coverage=0.01)
    result = optimizer.optimize(asked(BARS, tickers=None, ticker_group="SP500"))
    assert set(result["weights"]) <= set(MEMBERS)
    assert len(result["unused"]) == len(groups.group("SP500").sectors) - len(MEMBERS)
    both = optimizer.optimize(asked(BARS, tickers=["JNJ"], ticker_group="SP500"))
    assert both["weights"] == result["weights"]


@pytest.mark.parametrize(("name", "count"), [("SP500", (495, 510)), ("DOW", (30, 30))])
def test_groups_have_a_date_and_members_with_sectors(name, count):
    chosen = groups.group(name)
    assert count[0] <= len(chosen.sectors) <= count[1]
    assert all(map(is_ticker, chosen.sectors))
    assert all(chosen.sectors.values())
    assert dt.date(2024, 1, 1) < chosen.as_of


def test_sector_limits_bind_and_unknown_sectors_are_named(optimizer_of, asked):
    optimizer = optimizer_of(BARS, ROWS)
    free = optimizer.optimize(asked(BARS))
    energy = free["weights"].get("XOM", 0) + free["weights"].get("CVX", 0)
    assert energy > 0.1
    limited = optimizer.optimize(asked(BARS, sector_limits={"Energy": 0.1}))
    assert limited["weights"].get("XOM", 0) + limited["weights"].get("CVX", 0) <= 0.1 + 1e-12
    with pytest.raises(RequestError, match=r"there is no sector 'Enrgy'; there are .*Energy"):
        optimizer.optimize(asked(BARS, sector_limits={"Enrgy": 0.1}))


def test_the_dearer_it_is_to_trade_the_closer_the_portfolio_stays_to_what_is_held(optimizer_of, asked):
    optimizer = optimizer_of(BARS, ROWS)
    held = {"AAPL": 0.5, "MSFT": 0.5}
    distance = []
    for cost in (0.0, 0.05, 0.9):
        weights = optimizer.optimize(asked(BARS, current_weights=held, turnover_cost=cost))["weights"]
        distance.append(sum(abs(weights.get(t, 0) - held.get(t, 0)) for t in MEMBERS))
    assert distance[0] > distance[1] > distance[2]
    assert distance[2] == pytest.approx(0, abs=1e-4)


def test_what_is_held_elsewhere_is_sold_and_what_trading_costs_has_its_own_key(optimizer_of, asked):
    optimizer = optimizer_of(BARS, ROWS)
    held = {"AAPL": 0.4, "brk.b": 0.3, "GONE": 0.25}
    result = optimizer.optimize(asked(BARS, current_weights=held, turnover_cost=0.01))
    weights = result["weights"]
    sold_and_bought = sum(abs(weights.get(t, 0.0) - {"AAPL": 0.4, "BRK-B": 0.3}.get(t, 0.0)) for t in MEMBERS)
    assert result["trading_cost"] == pytest.approx(0.01 * (sold_and_bought + 0.25), rel=1e-9)
    expected = sum(w * result["forecasts"][t]["expected_return"] for t, w in weights.items())
    assert result["return"] == pytest.approx(expected, rel=1e-9)
    assert result["sharpe_ratio"] == (result["return"] - 0.02) / result["risk"]
    assert any("sold at a cost: GONE" in warning for warning in result["warnings"])
    assert optimizer.optimize(asked(BARS))["trading_cost"] == 0.0


def test_what_is_held_elsewhere_is_said_to_be_sold_without_a_cost_too(optimizer_of, asked):
    optimizer = optimizer_of(BARS, ROWS)
    held = optimizer.optimize(asked(BARS, current_weights={"GONE": 1}))
    assert any("so sold: GONE" in warning for warning in held["warnings"])
    assert held["weights"] == optimizer.optimize(asked(BARS))["weights"]


def test_tickers_that_no_sector_limit_reaches_are_named(optimizer_of, asked):
    bars = BARS | made_bars(("NOBODY",))
    rows = [*ROWS, row("NOBODY", bars["NOBODY"], 0.1, 0.2)]
    result = optimizer_of(bars, rows).optimize(asked(bars, sector_limits={"Energy": 0.1}))
    assert "no sector is known of NOBODY: no sector limit applies there" in result["warnings"]
    assert optimizer_of(bars, rows).optimize(asked(bars))["warnings"] == []


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({"AAPL": 1, "MSFT": 0.9, "XOM": 0.5}, "they sum to 2.4"),
        ({"no such thing": 0.1}, "'no such thing' is not a ticker symbol"),
        ({"brk.b": 0.1, "BRK-B": 0.2}, "BRK-B is there twice"),
    ],
)
def test_what_cannot_be_held_is_refused(asked, held, message):
    with pytest.raises(RequestError, match=f"current_weights: .*{message}"):
        asked(BARS, current_weights=held)
    assert asked(BARS, current_weights={"AAPL": 0.3335, "MSFT": 0.6668}).current_weights["MSFT"] == 0.6668


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A copy of the lists of members, which the groups are read from."""
    for file in groups._FOLDER.glob("*.csv"):
        shutil.copy(file, tmp_path)
    monkeypatch.setattr(groups, "_FOLDER", tmp_path)
    return tmp_path


def test_a_list_of_members_replaces_the_old_one_only_if_it_can_be_this_groups(folder):
    lines = (folder / "dow.csv").read_text().splitlines()[2:]
    newer = folder / "newer.csv"
    newer.write_text(
        "\n".join(
            ["\ufeffSymbol,Security,GICS Sector", *(line.replace(",", ",x,") for line in lines[1:]), "BRK.B,x,Financials"]
        )
    )
    old, new = groups.refresh("DOW", str(newer), dt.date(2030, 1, 2))
    assert new.as_of == dt.date(2030, 1, 2)
    assert set(new.sectors) - set(old.sectors) == {"BRK-B"}
    assert len(groups.group("DOW").sectors) == 30
    newer.write_text("symbol,sector\nAAPL,x\n")
    with pytest.raises(SourceError, match="lacks 30 of the 30"):
        groups.refresh("DOW", str(newer), dt.date(2030, 1, 3))
    newer.write_text("a,b\n")
    with pytest.raises(SourceError, match="column symbol"):
        groups.refresh("DOW", str(newer), dt.date(2030, 1, 3))
    with pytest.raises(SourceError, match="cannot be read"):
        groups.refresh("DOW", str(folder / "none.csv"), dt.date(2030, 1, 3))
    with pytest.raises(RequestError, match="--source"):
        groups.refresh("DOW", None, dt.date(2030, 1, 3))
    assert groups.group("DOW").as_of == dt.date(2030, 1, 2)


def test_a_sector_with_a_comma_is_read_as_it_was_written(folder):
    text = (folder / "dow.csv").read_text().split("\n", 1)[1]
    (folder / "newer").write_text(text.replace("Energy", '"Oil, gas, ""and"" fuels"'))
    _, new = groups.refresh("DOW", str(folder / "newer"), dt.date(2030, 1, 2))
    assert new.sectors["CVX"] == 'Oil, gas, "and" fuels'
    assert groups.known_sectors()["CVX"] == 'Oil, gas, "and" fuels'


def test_a_list_that_another_process_replaces_is_seen_at_the_next_look(folder):
    before = groups.group("DOW")
    assert groups.group("DOW") is before
    newer = (folder / "dow.csv").read_text().replace(before.as_of.isoformat(), "2030-01-02").replace("CVX,", "XOM,")
    (folder / "other").write_text(newer)
    (folder / "other").replace(folder / "dow.csv")
    assert groups.group("DOW").as_of == dt.date(2030, 1, 2)
    assert "XOM" in groups.group("DOW").sectors
    assert "CVX" not in groups.group("DOW").sectors


def test_refreshed_sectors_count_for_a_request_that_was_answered_before(folder, optimizer_of, asked):
    optimizer = optimizer_of(BARS, ROWS)
    request = asked(BARS, sector_limits={"Energy": 0.1})
    before = optimizer.optimize(request)["weights"]
    for file in folder.glob("*.csv"):
        text = file.read_text()
        (folder / "other").write_text(text.replace("CVX,Energy", "CVX,Utilities").replace("XOM,Energy", "XOM,Utilities"))
        (folder / "other").replace(file)
    after = optimizer.optimize(request)["weights"]
    assert after == optimizer.optimize(asked(BARS))["weights"]
    assert after != before


def test_a_folder_that_cannot_be_written_is_an_error_of_ours(folder):
    (folder / "dow.new").mkdir()
    (folder / "newer").write_text((folder / "dow.csv").read_text().split("\n", 1)[1])
    with pytest.raises(SourceError, match="cannot be written"):
        groups.refresh("DOW", str(folder / "newer"), dt.date(2030, 1, 2))


@pytest.mark.parametrize(
    ("field", "value"),
    [("weight_cap", 0), ("weight_cap", 1.5), ("sector_limits", {"Energy": 2}), ("turnover_cost", -1), ("current_weights", [1])],
)
def test_limits_that_are_none_are_named(field, value):
    body = {"start_date": "2020-01-01", "end_date": "2021-01-01", "risk_free_rate": 0.02, "tickers": ["AAPL"]}
    with pytest.raises(RequestError, match=field):
        parse_request(body | {field: value})


def test_a_weight_cap_holds(optimizer_of, asked):
    weights = optimizer_of(BARS, ROWS).optimize(asked(BARS, weight_cap=0.35))["weights"]
    assert max(weights.values()) <= 0.35 + 1e-9
    assert np.isclose(sum(weights.values()), 1.0)
