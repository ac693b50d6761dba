"""The covariance of a caller's own prices, under the caller's own names."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from errors import RequestError
from optimizer import get_stock_data, ml_covariance, optimize_portfolio
from optimizer.session import Session
from tests.made.market import made_bars, made_rows, write_state

BARS = made_bars()
START, END = BARS["AAA"].first_date.isoformat(), BARS["AAA"].last_date.isoformat()
CHOSEN = ["AAA", "BBB", "CCC"]


@pytest.fixture
def session(settings, closing) -> Session:
    write_state(settings.state_dir, BARS, made_rows(BARS).values())
    return closing(Session.open(settings))


@pytest.fixture
def data(session: Session) -> pd.DataFrame:
    return get_stock_data(CHOSEN, START, END, session=session)


def test_it_is_the_covariance_of_portfolios(session: Session, data: pd.DataFrame) -> None:
    result = optimize_portfolio(START, END, 0.02, tickers=CHOSEN, session=session)
    covariance = ml_covariance(data, session=session)
    weights = pd.Series(result["weights"]).reindex(CHOSEN, fill_value=0.0)
    assert result["risk"] == pytest.approx(np.sqrt(weights @ covariance.loc[CHOSEN, CHOSEN] @ weights), rel=1e-9)
    used = [result["forecasts"][ticker]["expected_volatility"] for ticker in CHOSEN]
    np.testing.assert_allclose(np.sqrt(np.diag(covariance)), used, rtol=1e-9)


def test_names_stay_the_callers_and_what_has_no_estimate_is_nan(session: Session, data: pd.DataFrame) -> None:
    named = data.rename(columns={"AAA": "aaa"}).assign(empty=np.nan)
    covariance = ml_covariance(named, session=session)
    assert list(covariance.columns) == list(covariance.index) == ["aaa", "BBB", "CCC", "empty"]
    assert covariance["empty"].isna().all()
    kept = covariance.drop(index="empty", columns="empty")
    np.testing.assert_array_equal(kept, kept.T)
    assert np.linalg.eigvalsh(kept).min() > 0.0


def test_what_is_no_table_of_prices_is_refused(session: Session) -> None:
    with pytest.raises(RequestError):
        ml_covariance(pd.DataFrame({"AAA": [1.0, -1.0]}, index=pd.date_range("2020-01-01", periods=2)), session=session)
