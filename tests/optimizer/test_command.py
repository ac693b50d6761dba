"""`python -m optimizer` as a user runs it."""

from __future__ import annotations

import json
import re
import socket
import subprocess
import sys

import pytest

from tests.conftest import ROOT
from tests.made.market import fallback_row, made_bars, made_rows, write_state
from tests.waiting import PATIENCE_SECONDS


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "optimizer", *arguments],
        cwd=ROOT,
        text=True,
        capture_output=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


@pytest.fixture
def state(settings) -> str:
    bars = made_bars(young={"FFF": 40})
    write_state(settings.state_dir, bars, (made_rows(bars) | {"FFF": fallback_row("FFF", bars["FFF"])}).values())
    return str(settings.state_dir)


def test_without_tickers_all_of_the_table_are_considered_and_the_table_tells_what_weights_rest_on(state):
    done = run("allocate", "--state", state)
    assert done.returncode == 0, done.stderr
    assert "weights sum to 1.00000" in done.stdout
    assert "5 tickers by a forecast, 1 by an estimate that stands in" in done.stdout
    assert "har / arima" in done.stdout
    assert "FFF" in done.stderr


def test_json_is_the_result_of_the_http_interface(state):
    done = run("allocate", "--state", state, "--tickers", "aaa,BBB", "--risk-tolerance", "0.5", "--format", "json")
    result = json.loads(done.stdout)
    assert {"weights", "return", "risk", "sharpe_ratio", "prices", "forecasts", "warnings"} <= set(result)
    assert set(result["weights"]) <= {"AAA", "BBB"}


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--target-return", "5"], 2, "feasible range"),
        (["--tickers", "A B"], 2, "Either ticker_group or tickers must be provided."),
        (["--tickers", "ZZZ"], 1, "Could not fetch any valid data"),
    ],
)
def test_what_cannot_be_ends_with_one_line_and_a_code(state, arguments, code, text, monkeypatch):
    monkeypatch.setenv("PRICE_PROVIDER", "none")
    done = run("allocate", "--state", state, *arguments)
    assert done.returncode == code
    assert text in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr


def test_without_a_state_the_message_says_how_to_make_one(tmp_path):
    done = run("allocate", "--state", str(tmp_path / "none"))
    assert done.returncode == 1
    assert "python -m streams run" in done.stderr


def test_the_optimizer_loads_no_training_library():
    code = (
        "import sys, optimizer.web.server, optimizer.web.app, optimizer.session, optimizer.portfolio;"
        "print([m for m in ('torch', 'xgboost', 'statsmodels', 'numba', 'streams', 'faust', 'pandas', 'cvxpy', 'yfinance')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, text=True, capture_output=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_port_that_is_taken_ends_with_what_to_do(state):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = run("serve", "--state", state, "--port", str(taken.getsockname()[1]))
    assert done.returncode == 2
    assert "choose another --port" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_group_that_is_none_or_has_no_list_is_refused():
    assert "Unknown ticker group: FTSE" in run("refresh-group", "FTSE").stderr
    assert "--source" in run("refresh-group", "DOW").stderr


def test_a_budget_prints_whole_shares_and_what_is_left(state):
    done = run("allocate", "--state", state, "--tickers", "AAA,BBB,CCC", "--budget", "10000")
    assert done.returncode == 0, done.stderr
    assert re.search(r"^ticker .*price +shares ", done.stdout, flags=re.MULTILINE)
    left = re.search(r"^\d+ shares, (\d+\.\d\d) of the budget is left as cash$", done.stdout, flags=re.MULTILINE)
    assert left
    assert float(left[1]) < 10000
    assert "budget" in run("allocate", "--state", state, "--budget", "0").stderr
