"""The live losses beside the service: recorded while it runs, judged when horizons end, on its metrics page."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families

from errors import StateCorruptError
from monitoring.exposition import metrics_text, registry_of
from optimizer.session import Session
from optimizer.web import close_app, create_app
from records import Forecast, date_of
from review.live import LIVE_METRICS, LiveReview
from review.live_losses import live_losses
from review.record import RECORD, ForecastRecord
from settings import Settings
from tests.made.market import made_bars, row, write_state
from tests.waiting import until

BARS = made_bars(count=200)
DAYS = [date_of(int(day)) for day in BARS["AAA"].day]


def rows_at(index: int) -> list[Forecast]:
    made = [row(ticker, bars[: index + 1]) for ticker, bars in BARS.items()]
    return [msgspec.structs.replace(each, volatility_model="har") for each in made]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_state(tmp_path / "state", BARS, rows_at(199))
    return Settings(_env_file=None, state_dir=tmp_path / "state", price_provider="none", port=0, bars_due_hours=0)


def values(live: LiveReview) -> dict[tuple[str, ...], float]:
    text = metrics_text(registry_of(LIVE_METRICS, lambda: live.figures, process=False)).decode()
    return {(s.name, *s.labels.values()): s.value for f in text_string_to_metric_families(text) for s in f.samples}


def test_forecasts_are_judged_once_their_horizon_is_over(settings: Settings) -> None:
    table: list[list[Forecast]] = [[]]
    live = LiveReview(settings, lambda: table[0], losses=live_losses)
    live.look()
    assert not (settings.state_dir / RECORD).exists()  # nothing is served yet
    for index in range(60, 200, 7):
        table[0] = rows_at(index)
        live.look()
    found = values(live)
    assert found["tidecast_live_recorded_forecasts",] == 6 * 20
    assert found["tidecast_live_forecasts", "21"] == 6 * 17
    assert found["tidecast_live_horizons_ended", "21"] == 6
    assert found["tidecast_live_volatility_qlike", "served", "21"] == found["tidecast_live_volatility_qlike", "baseline", "21"]
    assert 0.0 < found["tidecast_live_interval_coverage_ratio", "21", "80"] <= 1.0
    assert found["tidecast_live_return_rmse", "served", "21"] > 0.0


def test_the_service_records_and_shows_them(settings: Settings) -> None:
    with ForecastRecord(settings.state_dir) as record:
        from review.served import served_forecast

        for index in (100, 121, 142, 163):
            kept = [served for each in rows_at(index) if (served := served_forecast(each)) is not None]
            record.add(kept, dt.datetime(2021, 1, 1, tzinfo=dt.UTC))
    with Session.open(settings) as session, LiveReview(settings, session.optimizer.rows.table, look_seconds=0.01) as live:
        app = create_app(settings, session=session, live=live)
        until(lambda: live.figures.losses)
        text = app.test_client().get("/metrics").get_data(as_text=True)
        close_app(app)
    assert live.figures.losses == live_losses(settings.state_dir, DAYS[0]).losses  # by a process of its own, the same numbers
    assert 'tidecast_live_forecasts{horizon="21"} 24.0' in text
    with ForecastRecord(settings.state_dir) as record:
        assert record.span() == (DAYS[100], DAYS[199])


def test_a_record_that_is_damaged_stops_nothing_and_is_counted(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    settings.state_dir.joinpath(RECORD).write_bytes(b"no database" * 500)
    with pytest.raises(StateCorruptError):
        LiveReview(settings, lambda: rows_at(100)).look()
    with LiveReview(settings, lambda: rows_at(100), look_seconds=0.01) as live:
        until(lambda: live.figures.failed > 1)
    assert "served rows not recorded" in caplog.text


def test_nothing_is_recorded_where_that_is_switched_off(settings: Settings) -> None:
    with LiveReview(settings.model_copy(update={"record_days": 0}), lambda: rows_at(100)):
        pass
    assert not (settings.state_dir / RECORD).exists()
