"""`python -m optimizer backtest` as a user runs it, and the page that it writes."""

from __future__ import annotations

import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner

from backtest.backtest_command import backtest
from tests.backtest.samples import TICKERS, made_market_bars


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, Path]:
    """Bars and forecasts as files."""
    folder = tmp_path_factory.mktemp("files")
    bars = made_market_bars(330, (*TICKERS, "MKT"))
    frames = [
        pd.DataFrame(
            {"date": held.day.astype("datetime64[D]"), "ticker": ticker}
            | {name: getattr(held, name) for name in ("open", "high", "low", "close", "volume", "dividend")}
        )
        for ticker, held in bars.items()
    ]
    pd.concat(frames).to_parquet(folder / "bars.parquet")
    rng = np.random.default_rng(0)
    rows = [
        {
            "ticker": ticker, "as_of": held.day[held.day <= day][-1].astype("datetime64[D]").item(), "horizon": 21,
            "annual_return": float(rng.uniform(0, 0.2)), "annual_volatility": float(rng.uniform(0.15, 0.3)),
            "lower_80": -0.1, "upper_80": 0.1, "lower_95": -0.2, "upper_95": 0.2, "return_model": "har",
            "volatility_model": "har", "fallback": None,
        }
        for day in bars["AAA"].day[150:300:21]
        for ticker, held in bars.items()
        if (held.day <= day).any()
    ]  # fmt: skip
    frame = pd.DataFrame(rows)
    frame["fallback"] = frame["fallback"].astype("string")
    frame.to_parquet(folder / "forecasts.parquet")
    return folder / "bars.parquet", folder / "forecasts.parquet"


def run(*arguments: object):
    return CliRunner().invoke(backtest, [str(a) for a in arguments], catch_exceptions=False)


@pytest.fixture(scope="module")
def written(files, tmp_path_factory) -> tuple[Path, str]:
    out = tmp_path_factory.mktemp("out")
    done = run("--path", files[0], "--forecasts", files[1], "--benchmark", "mkt", "--jobs", 1, "--out", out)
    assert done.exit_code == 0, done.output
    return out, done.output


def test_results_are_daily_wealth_with_costs_and_weights_on_the_days_of_fills(written):
    table = pd.read_parquet(written[0] / "results.parquet")
    assert set(table.columns) == {
        "strategy", "trading_control", "universe", "date", "wealth", "turnover", "cost", "predicted_risk", "weights",
    }  # fmt: skip
    fills = table[table["turnover"].notna()]
    assert 0 < len(fills) < len(table) / 5
    one = fills[(fills["strategy"] == "equal_weight") & ~fills["trading_control"]]
    invested = [sum(weight for _, weight in weights) for weights in one["weights"]]
    # BBB has no bar on some days: what was meant for it then is cash.
    assert max(invested) == pytest.approx(1.0)
    assert min(invested) >= 0.7
    assert "MKT" not in dict(one["weights"].iloc[0])
    assert (table.groupby(["strategy", "trading_control", "universe"])["wealth"].first() == 1.0).all()


def test_figures_are_json_without_nan_and_say_what_is_not_proven(written):
    figures = json.loads((written[0] / "figures.json").read_text(), parse_constant=pytest.fail)
    assert set(figures["strategies"]) >= {"max_sharpe", "max_sharpe+control", "equal_weight", "benchmark"}
    verdicts = {each["verdict"] for each in figures["differences"]}
    assert verdicts <= {"no proven difference", "better", "worse"}
    for each in figures["differences"]:
        low, high = each["sharpe_interval"]
        assert (each["verdict"] == "no proven difference") == (low <= 0 <= high)
    assert figures["cost_per_unit_traded"] == 0.001
    assert figures["days_per_year"] == pytest.approx(260.9, abs=1.5)
    assert any("survived" in text for text in figures["assumptions"])


def test_the_page_opens_without_a_network_and_without_a_script(written):
    page = (written[0] / "backtest.html").read_text()
    assert "<script" not in page
    addresses = set(re.findall(r"(?:href|src|url)\s*[=(]\s*[\"']?([^\"')\s>]+)", page))
    assert all(address.startswith("#") for address in addresses), addresses
    assert not re.search(r"@import|<link|<iframe", page)
    assert "prefers-color-scheme: dark" in page
    assert 'name="viewport"' in page
    assert "no proven difference" in page or "Sharpe ratio better" in page or "Sharpe ratio worse" in page
    pictures = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    assert len(pictures) == 7
    for picture in pictures:
        ET.fromstring(picture)
        assert "var(--" in picture
        assert not re.search(r"#0[1-5]0", picture), "a placeholder colour was left"
    identifiers = re.findall(r'<(?:path|clipPath)[^>]* id="([^"]+)"', page)
    assert len(identifiers) == len(set(identifiers))


def test_the_same_run_writes_the_same_bytes(files, written, tmp_path):
    run("--path", files[0], "--forecasts", files[1], "--benchmark", "MKT", "--jobs", 1, "--out", tmp_path)
    for name in ("backtest.html", "figures.json", "results.parquet"):
        assert (tmp_path / name).read_bytes() == (written[0] / name).read_bytes(), name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "one of --path, --state and --sample"),
        (("--sample", "--path", "x.csv"), "one of --path, --state and --sample"),
        (("--path", "bars", "--strategies", "luck"), "there is no strategy 'luck'"),
        (("--path", "bars", "--benchmark", "NOPE"), "there is no bar of the benchmark NOPE"),
        (("--path", "bars", "--delay", "0"), "0 is not in the range"),
    ],
)
def test_what_cannot_be_run_is_said(files, tmp_path, arguments, message):
    given = [str(files[0]) if argument == "bars" else argument for argument in arguments]
    done = run(*given, "--out", tmp_path)
    assert done.exit_code == 2
    assert message in done.output


def test_random_universes_and_a_longer_delay(files, tmp_path):
    done = run(
        "--path", files[0], "--forecasts", files[1], "--universes", 3, "--size", 3, "--delay", 2, "--strategies",
        "min_variance,equal_weight", "--jobs", 1, "--out", tmp_path,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    figures = json.loads((tmp_path / "figures.json").read_text())
    assert figures["universes"] == 3
    assert figures["tickers_per_universe"] == [3, 3, 3]
    assert "one bar" not in "".join(figures["assumptions"])


def test_the_bars_of_a_state_are_used_with_their_forecasts_tickers(tmp_path):
    from backtest.inputs import state_bars
    from errors import SourceError
    from tests.made.market import made_bars, made_rows, write_state

    bars = made_bars(count=120)
    write_state(tmp_path / "state", bars, made_rows(bars).values())
    assert set(state_bars(tmp_path / "state", None)) == set(bars)
    some = state_bars(tmp_path / "state", ["AAA", "ZZZ"])
    assert list(some) == ["AAA"]
    np.testing.assert_allclose(some["AAA"].close, bars["AAA"].close)
    with pytest.raises(SourceError, match="holds no bars"):
        state_bars(tmp_path / "state", ["ZZZ"])
