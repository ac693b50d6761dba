"""The evaluation: its origins, what it must count, and its pictures."""

from __future__ import annotations

import dataclasses
import itertools
import math
import struct
from pathlib import Path

import msgspec
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.dates import common_dates, origin_dates
from evaluation.origins import TickerResult, origin_rows
from evaluation.panel import ALONE, ARGMIN, SERVED, WITHOUT, Panel, build_panel
from evaluation.plots import probability_transform, write_plots
from evaluation.report import COLUMNS, report_lines, write_forecasts
from evaluation.scores import (
    interval_scores,
    repeated_forecasts,
    return_scores,
    untrained_score,
    volatility_scores,
    weight_score,
)
from evaluation.small_tables import table_scores
from models.selection.metrics import qlike
from tests.evaluation.samples import HORIZON, TICKERS, evaluated, histories
from tests.models.windows import simulated_columns, window_of_columns


@pytest.fixture(scope="module")
def results() -> list[TickerResult]:
    return evaluated(histories(), 4)


@pytest.fixture(scope="module")
def panel(results: list[TickerResult]) -> Panel:
    return build_panel(results)


class TestOrigins:
    @given(bars=st.integers(2, 3000), horizon=st.integers(1, 63), count=st.integers(1, 40))
    def test_a_horizon_apart_back_from_the_last_that_can_be_checked(self, bars: int, horizon: int, count: int) -> None:
        day = np.arange(100, 100 + bars, dtype=np.int32)
        rows = origin_rows(day, origin_dates([day], horizon, count), horizon)
        assert len(rows) <= count
        assert all(b - a == horizon for a, b in itertools.pairwise(rows))
        assert all(0 < row < bars - horizon for row in rows)
        if bars > horizon + 1:
            assert rows[-1] == bars - 1 - horizon

    def test_all_tickers_have_their_origins_on_the_same_dates(self) -> None:
        """A service pools the rows of one date, whatever bars one ticker lacks."""
        day = np.arange(400, dtype=np.int32)
        lacking = np.delete(day, [50, 395])
        dates = origin_dates([day, day, lacking], 21, 100)
        assert dates[-1] == 399 - 21
        assert origin_rows(day, dates, 21) == dates[dates > 0].tolist()
        assert lacking[origin_rows(lacking, dates, 21)].tolist() == [date for date in dates.tolist() if 0 < date <= 377]

    def test_without_a_bar_on_a_date_there_is_no_origin(self) -> None:
        day = np.arange(100, dtype=np.int32)
        assert origin_rows(np.delete(day, 40), np.array([40, 61], np.int32), 21) == [60]

    def test_a_date_is_common_that_half_of_the_listed_tickers_share(self) -> None:
        """A share of five days a week beside a coin of seven has its own dates; before its listing the coin's count."""
        coin = np.arange(100, dtype=np.int32)
        share = coin[(coin >= 50) & (coin % 7 < 5)]
        assert common_dates([coin, share]).tolist() == coin.tolist()
        both = common_dates([coin, share, share]).tolist()
        assert both == [day for day in coin.tolist() if day < share[0] or day % 7 < 5 or day > share[-1]]
        assert common_dates([coin[:0]]).tolist() == []


class TestScores:
    def test_what_came_about_is_what_followed(self, panel: Panel) -> None:
        for window in histories():
            for row, realised in zip(panel.rows, panel.realised_return, strict=True):
                if row.ticker == window.ticker:
                    at = [d.toordinal() for d in (window.part(i, i + 1).as_of for i in range(900, 1100))].index(
                        row.as_of.toordinal()
                    ) + 900
                    assert realised == pytest.approx(window.close[at + HORIZON] / window.close[at] - 1)

    def test_benchmarks_score_as_defined(self, panel: Panel) -> None:
        scores = {score.name: score for score in return_scores(panel)}
        assert scores["zero"].r2_zero == 0.0
        assert scores["own_mean"].r2_own == 0.0
        assert scores["cross_section_mean"].r2_cross_section == 0.0
        assert scores[SERVED].t_served == 0.0
        y = panel.realised_return
        assert scores["own_mean"].r2_zero == pytest.approx(1 - np.sum((y - panel.own_mean) ** 2) / np.sum(y**2))

    def test_every_forecaster_of_variance_is_scored(self, panel: Panel) -> None:
        scores = {score.name: score for score in volatility_scores(panel)}
        own = {SERVED, "served_alone", WITHOUT, ARGMIN}
        assert set(scores) == own | {"har", "har_pooled", "har_mixed", "std_252", "ewma_0.97"}
        assert all(score.forecasts == 4 * TICKERS for score in scores.values())
        assert scores["served_alone"].qlike == pytest.approx(scores["har"].qlike)

    def test_weight_is_worth_what_it_takes_off_the_loss(self, panel: Panel) -> None:
        """Without a candidate there is no weight; a served variance that halves the loss has a ratio of a half."""
        score = weight_score(panel)
        assert score is not None
        assert (score.ratio, score.t) == (1.0, 0.0)
        served, realised = panel.variances[SERVED].copy(), panel.realised_variance
        panel.variances[SERVED] = realised.copy()
        perfect = weight_score(panel)
        panel.variances[SERVED] = served
        assert perfect is not None
        assert perfect.ratio == pytest.approx(0.0, abs=1e-12)
        assert perfect.t < 0.0

    def test_random_tables_are_the_same_each_time(self) -> None:
        results = evaluated(histories()[:3], 3)
        scores = table_scores(results)
        assert [score.tickers for score in scores] == [1, 2]
        assert scores == table_scores(results)
        assert all(score.ratio == score.worst == 1.0 for score in scores), "log-HAR alone has no weight to judge"

    def test_a_perfect_forecast_scores_perfectly(self, panel: Panel) -> None:
        panel.variances["oracle"] = panel.realised_variance.copy()
        score = next(score for score in volatility_scores(panel) if score.name == "oracle")
        del panel.variances["oracle"]
        assert score.qlike == pytest.approx(0.0, abs=1e-12)
        assert score.slope == pytest.approx(1.0)

    def test_coverage_counts_what_lies_inside(self, panel: Panel) -> None:
        inside = [(r.lower_80 or 0) <= y <= (r.upper_80 or 0) for r, y in zip(panel.rows, panel.realised_return, strict=True)]
        scores = interval_scores(panel)
        assert scores[0].coverage_80 == pytest.approx(np.mean(inside))
        assert sum(score.forecasts for score in scores[1:]) == scores[0].forecasts

    def test_untrained_rows_are_scored_before_and_after_pooling(self, results: list[TickerResult]) -> None:
        """One ticker with too few bars: its own past's volatility beside what the others tell it."""
        columns = simulated_columns(1100, seed=0, level=0.008)
        young = window_of_columns("T0", *(column[-400:] for column in columns))
        panel = build_panel([*evaluated([young], 4), *results[1:]])
        score = untrained_score(panel)
        assert score is not None
        own = [row.ticker == "T0" for row in panel.rows]
        assert score.forecasts == sum(own) == 4
        assert score.qlike_pooled == pytest.approx(qlike(panel.variances[SERVED][own], panel.realised_variance[own]))
        assert score.qlike_alone == pytest.approx(qlike(panel.variances[ALONE][own], panel.realised_variance[own]))
        assert score.qlike_pooled != score.qlike_alone
        assert any(line.startswith("without a trained model") for line in report_lines(panel, results))

    def test_all_trained_leaves_nothing_untrained(self, panel: Panel) -> None:
        assert untrained_score(panel) is None

    def test_forecasts_that_equal_another_tickers_are_counted(self, panel: Panel) -> None:
        assert repeated_forecasts(panel) == 0
        first, second, *rest = panel.rows
        assert first.as_of == second.as_of
        copy = msgspec.structs.replace(second, annual_return=first.annual_return)
        assert repeated_forecasts(dataclasses.replace(panel, rows=[first, copy, *rest])) == 2

    def test_tables_and_file(self, panel: Panel, results: list[TickerResult], tmp_path: Path) -> None:
        lines = "\n".join(report_lines(panel, results))
        for word in ("> served", "cross_section_mean", "har_mixed", "QLIKE by year", "cover 80", "CPU per ticker"):
            assert word in lines
        write_forecasts(panel.rows, tmp_path / "new" / "forecasts.parquet")
        table = pd.read_parquet(tmp_path / "new" / "forecasts.parquet")
        assert tuple(table.columns) == COLUMNS
        assert len(table) == len(panel.rows)
        assert table["annual_volatility"].between(0.02, 2.0).all()


class TestPlots:
    @pytest.mark.slow
    def test_three_pictures_of_some_size(self, panel: Panel, tmp_path: Path) -> None:
        paths = write_plots(panel, tmp_path / "new")
        assert [path.name for path in paths] == ["calibration.png", "qlike.png", "selection.png"]
        for path in paths:
            assert path.read_bytes()[:8] == b"\x89PNG\r\n\x1a\n"
            width, height = struct.unpack(">II", path.read_bytes()[16:24])
            assert width > 1200
            assert height > 500

    def test_the_probability_transform_is_that_of_the_served_forecast(self, panel: Panel) -> None:
        transform = probability_transform(panel)
        assert len(transform) == len(panel.rows)
        for value, row, realised in zip(transform, panel.rows, panel.realised_return, strict=True):
            assert 0.0 < value < 1.0
            center = math.log1p((row.annual_return or 0) * HORIZON / 252)
            median = math.expm1(center - 0.5 * (row.annual_volatility or 0) ** 2 * HORIZON / 252)
            assert (value > 0.5) == (realised > median)
