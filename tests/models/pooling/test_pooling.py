"""Pooling of rows: what it must give, from whatever rows, in whatever order; evidence; the terms it rests on."""

from __future__ import annotations

import datetime as dt
import math
import random

import msgspec
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.contract import Window, horizon_variances
from models.pooling.cross_section import pooled_variances
from models.pooling.pool import POOLED, pool, pool_members
from models.pooling.terms import QUARTERS, TERM_NAMES, USUAL_SLOPES, current_terms, training_panel, variance_terms
from models.results import TrainingJob
from models.selection.evidence import BAR, pooled, return_evidence, significance, variance_evidence, weight
from models.selection.walkforward import Realised, WalkForward
from models.serving import make_forecast
from models.training import train_ticker
from records import CandidateScore, Drift, Evidence, Forecast, LossMonitor, decode_forecast, encode_forecast
from tests.models.windows import simulated_columns, simulated_window, window_of_columns

HORIZON = 21
TICKERS = 8


def row_of(window: Window) -> Forecast:
    job = TrainingJob(
        window=window, digest=b"", horizon=HORIZON, seed=0, models=("har",), minimum_bars=504, settings_hash="hash"
    )
    return make_forecast(window, train_ticker(job), horizon=HORIZON, settings_hash="hash", minimum_bars=504)


def untrained(window: Window) -> Forecast:
    return make_forecast(window, None, horizon=HORIZON, settings_hash="hash", minimum_bars=504)


@pytest.fixture(scope="module")
def rows() -> list[Forecast]:
    return [row_of(simulated_window(756, seed=k, ticker=f"T{k}", level=0.008 + 0.002 * k)) for k in range(TICKERS)]


def numbers(row: Forecast) -> list[float]:
    names = ("annual_return", "annual_volatility", "lower_80", "upper_80", "lower_95", "upper_95")
    return [float(getattr(row, name)) for name in names]


class TestPool:
    def test_every_row_stays_in_its_place_with_sane_numbers(self, rows: list[Forecast]) -> None:
        result = pool(rows)
        assert [row.ticker for row in result] == [row.ticker for row in rows]
        for before, after in zip(rows, result, strict=True):
            assert after.pooled_tickers == TICKERS
            assert np.isfinite(numbers(after)).all()
            assert after.lower_95 < after.lower_80 < after.upper_80 < after.upper_95  # type: ignore[operator]
            ratio = float(after.annual_volatility or 0) / float(before.annual_volatility or 1)
            assert 0.4 < ratio < 2.5
            assert decode_forecast(encode_forecast(after)) == after

    def test_order_of_rows_changes_no_bit(self, rows: list[Forecast]) -> None:
        expected = {row.ticker: encode_forecast(row) for row in pool(rows)}
        shuffled = rows.copy()
        random.Random(1).shuffle(shuffled)
        assert {row.ticker: encode_forecast(row) for row in pool(shuffled)} == expected

    def test_pooling_what_is_pooled_changes_nothing(self, rows: list[Forecast]) -> None:
        once = pool(rows)
        assert pool(once) == once

    def test_a_lone_ticker_keeps_all_but_its_volatility(self, rows: list[Forecast]) -> None:
        """The usual slopes at its own level take part in the variance; nothing else has others' numbers to lean on."""
        lone = [pool([row])[0] for row in rows]
        assert any(after.annual_volatility != before.annual_volatility for after, before in zip(lone, rows, strict=True))
        unchanged = ("return_model", "volatility_model", "return_weight", "volatility_weight", "pooled_tickers", "fallback")
        for after, before in zip(lone, rows, strict=True):
            assert after.annual_return == pytest.approx(before.annual_return)
            assert all(getattr(after, name) == getattr(before, name) for name in unchanged)
            assert 0.5 < float(after.annual_volatility or 0) / float(before.annual_volatility or 1) < 2.0
            assert pool([after]) == [after]
        assert pool([]) == []

    def test_returns_are_drawn_to_their_mean_but_not_into_one(self, rows: list[Forecast]) -> None:
        own = np.array([252 * row.pool.mean_return for row in rows if row.pool is not None])
        served = np.array([row.annual_return for row in pool(rows)], dtype=np.float64)
        assert np.ptp(served) < 0.5 * np.ptp(own)
        assert served.mean() == pytest.approx(own.mean(), abs=0.2 * np.ptp(own))
        assert len(set(served.tolist())) == TICKERS

    def test_rows_that_do_not_belong_are_pooled_among_themselves(self, rows: list[Forecast]) -> None:
        unknown = untrained(simulated_window(10, ticker="NEW", warm=0))
        assert unknown.annual_return is None
        stale = msgspec.structs.replace(rows[0], ticker="STALE", as_of=rows[0].as_of - dt.timedelta(days=8))
        other_settings = msgspec.structs.replace(rows[0], ticker="OTHER", settings_hash="different")
        extra = [unknown, stale, other_settings]
        result = pool([*rows, *extra])
        assert result[TICKERS:] == [unknown, *pool([stale]), *pool([other_settings])]
        assert result[:TICKERS] == pool(rows)

    @pytest.mark.parametrize("bars", [25, 70, 300])
    def test_a_young_ticker_is_told_what_it_lacks(self, rows: list[Forecast], bars: int) -> None:
        """With the bars of a trained ticker's last weeks alone, it is served nearly what that ticker is, and moves no other."""
        older = dict(zip((row.ticker for row in rows), pool(rows), strict=True))["T3"]
        others = [row for row in rows if row.ticker != "T3"]
        columns = simulated_columns(1016, seed=3, level=0.008 + 0.002 * 3)
        alone = untrained(window_of_columns("T3", *(column[-bars:] for column in columns)))
        *same, young = pool([*others, alone])
        assert same == pool(others)
        assert (young.fallback, young.return_model, young.volatility_model) == (POOLED,) * 3
        assert young.pooled_tickers == TICKERS - 1
        center = np.mean([row.annual_return for row in same if row.annual_return is not None])
        assert abs(young.annual_return - center) < 0.1  # type: ignore[operator]
        assert abs(math.log(young.annual_volatility / older.annual_volatility)) < 0.3  # type: ignore[operator]
        assert young.lower_95 < young.lower_80 < young.upper_80 < young.upper_95  # type: ignore[operator]
        assert decode_forecast(encode_forecast(young)) == young

    def test_two_young_tickers_are_not_served_one_constant(self, rows: list[Forecast]) -> None:
        young = [untrained(simulated_window(200, seed=50 + k, ticker=f"Y{k}", warm=0)) for k in range(2)]
        first, second = pool([*rows, *young])[TICKERS:]
        assert first.annual_return != second.annual_return
        assert first.annual_volatility != second.annual_volatility

    def test_young_tickers_alone_are_left_as_they_are(self) -> None:
        young = [untrained(simulated_window(200, seed=k, ticker=f"Y{k}", warm=0)) for k in range(3)]
        assert pool(young) == young

    def test_a_halted_ticker_takes_no_part(self, rows: list[Forecast]) -> None:
        columns = list(simulated_columns(300, seed=5))
        for column in columns[1:5]:
            column[-30:] = columns[4][-31]
        halted = untrained(window_of_columns("HALT", *columns))
        assert halted.annual_volatility is not None
        assert pool([*rows, halted])[TICKERS] == halted

    def test_a_displaced_candidate_has_no_weight_in_its_row(self, rows: list[Forecast]) -> None:
        """Evidence of all tickers gives a candidate weight; where drift has displaced it, the baseline serves."""
        strong = Evidence(square=1.0, product=0.6, error=0.05)
        candidates = (CandidateScore(model="arima", variance_evidence=strong),)
        leaning = [
            msgspec.structs.replace(
                row,
                candidates=candidates,
                opinions=(*row.opinions, msgspec.structs.replace(row.opinions[0], model="arima", daily_variance=9e-4)),
            )
            for row in rows
        ]
        # As many tickers as are evidence.
        many = [msgspec.structs.replace(row, ticker=f"{row.ticker}_{copy}") for copy in range(4) for row in leaning]
        alarm = LossMonitor(bars=50, excess=1.0, detectors=(9.0,), alarm=rows[0].as_of)
        drift = Drift(as_of=rows[0].as_of, digest=b"", returns=None, variance=alarm)
        displaced, *others = pool([msgspec.structs.replace(many[0], drift=drift), *many[1:]])
        assert {(row.volatility_model, round(row.volatility_weight, 12)) for row in others} == {("arima", 0.6)}
        assert (displaced.volatility_model, displaced.volatility_weight) == ("har", 0.0)
        plain = pool([msgspec.structs.replace(row, opinions=row.opinions[:1], candidates=()) for row in many])
        assert displaced.annual_volatility == plain[0].annual_volatility

    def test_an_absurd_ticker_does_not_move_the_others_far(self, rows: list[Forecast]) -> None:
        columns = list(simulated_columns(1016, seed=99, level=0.12))
        odd = row_of(window_of_columns("ODD", *columns).last(756))
        assert odd.pool is not None
        usual = {row.ticker: row for row in pool(rows)}
        for row in pool([*rows, odd]):
            assert np.isfinite(numbers(row)).all()
            assert abs(row.annual_return or 0.0) < 1.0
            if row.ticker != "ODD":
                ratio = float(row.annual_volatility or 0) / float(usual[row.ticker].annual_volatility or 1)
                assert 0.6 < ratio < 1.7

    def test_rows_suffice_no_later_bar_enters(self) -> None:
        """The whole way: later bars, however altered, leave the pooled rows of an earlier date the same to the byte."""
        expected = []
        for factor in (1.0, 3.0):
            rows = []
            for k in range(4):
                columns = list(simulated_columns(1100, seed=k))
                for column in columns[1:]:
                    column[1016:] *= factor
                rows.append(row_of(window_of_columns(f"T{k}", *columns).until(1016).last(756)))
            expected.append([encode_forecast(row) for row in pool(rows)])
        assert expected[0] == expected[1]

    def test_the_usual_slopes_tell_tickers_apart(self, rows: list[Forecast]) -> None:
        """Tickers that differ in one term alone: half of its slope at least, all of it with many tickers."""
        rng = np.random.default_rng(0)
        name = "log_range_variance_63"
        weeks = np.arange(40, dtype="<i4")
        panel = np.column_stack([-9.0 + 0.3 * rng.standard_normal(40), np.zeros((40, len(TERM_NAMES)))]).astype("<f4").tobytes()
        for count in (TICKERS, 20 * TICKERS):
            made = []
            for k in range(count):
                row = rows[k % TICKERS]
                now = np.zeros(len(TERM_NAMES), dtype="<f4")
                now[TERM_NAMES.index(name)] = 0.2 * (k % TICKERS)
                assert row.pool is not None
                statistics = msgspec.structs.replace(row.pool, weeks=weeks.tobytes(), panel=panel, terms=now.tobytes())
                own = msgspec.structs.replace(rows[0].opinions[0], daily_variance=math.exp(-9.0))
                made.append(msgspec.structs.replace(row, ticker=f"T{k:03d}", pool=statistics, opinions=(own,)))
            step = np.diff(np.log(pooled_variances(pool_members(made)).served))[: TICKERS - 1] / 0.2
            least = 0.4 if count == TICKERS else 0.85
            assert (step > least * USUAL_SLOPES[name] - 1e-6).all()
            assert (step < USUAL_SLOPES[name] + 1e-6).all()


def walk(shift: np.ndarray, base: float = 0.0) -> WalkForward:
    return WalkForward(base + shift, 1e-4 * np.exp(shift))


class TestEvidence:
    truth_shift = st.integers(0, 2**32 - 1)

    @settings(max_examples=50)
    @given(truth_shift)
    def test_a_useless_candidate_rarely_gets_weight(self, seed: int) -> None:
        rng = np.random.default_rng(seed)
        cleared = 0
        for _ in range(20):
            y, f = rng.normal(0, 0.05, 36), rng.normal(0, 0.02, 36)
            truth = Realised(np.arange(36), y, np.full(36, 1e-4), np.zeros(36))
            cleared += (
                weight(
                    return_evidence(WalkForward(f, np.full(36, 1e-4)), WalkForward(np.zeros(36), np.full(36, 1e-4)), truth, 21)
                )
                > 0
            )
        assert cleared <= 6

    def test_a_right_candidate_gets_nearly_all(self, rng: np.random.Generator) -> None:
        signal = rng.normal(0, 0.5, 36)
        truth = Realised(np.arange(36), signal, 1e-4 * np.exp(signal), np.zeros(36))
        base = walk(np.zeros(36))
        assert weight(return_evidence(walk(signal), base, truth, 21)) == pytest.approx(1.0)
        assert weight(variance_evidence(walk(signal), base, truth)) == pytest.approx(1.0)
        half = weight(return_evidence(walk(2 * signal), base, truth, 21))
        assert half == pytest.approx(0.5)

    def test_a_wrong_candidate_gets_none(self, rng: np.random.Generator) -> None:
        signal = rng.normal(0, 0.5, 36)
        truth = Realised(np.arange(36), signal, 1e-4 * np.exp(signal), np.zeros(36))
        assert weight(return_evidence(walk(-signal), walk(np.zeros(36)), truth, 21)) == 0.0

    def test_same_forecast_is_no_evidence(self) -> None:
        same = walk(np.zeros(36))
        truth = Realised(np.arange(36), np.ones(36), np.full(36, 2e-4), np.zeros(36))
        assert weight(return_evidence(same, same, truth, 21)) == 0.0

    def test_many_tickers_of_one_market_are_not_many_markets(self) -> None:
        one = Evidence(square=1.0, product=0.5, error=0.3)
        assert significance(pooled([one] * 100)) == pytest.approx(significance(one))
        assert significance(one) < BAR
        assert weight(pooled([one] * 100)) == 0.0

    @pytest.mark.parametrize("others", [1, 2, 20])
    def test_no_single_ticker_gives_a_candidate_weight(self, others: int) -> None:
        nothing = Evidence(square=1.0, product=0.0, error=0.2)
        loud = Evidence(square=50.0, product=40.0, error=1.0)
        assert weight(loud) > 0.5
        assert weight(pooled([nothing] * others + [loud])) == 0.0
        assert weight(pooled([loud, loud] + [nothing] * min(others, 2))) > 0.0


class TestTerms:
    def test_last_row_is_the_current_terms(self) -> None:
        window = simulated_window(756, seed=2)
        whole = variance_terms(window, HORIZON)
        for stop in (300, 756):
            np.testing.assert_array_equal(current_terms(window.until(stop), HORIZON), whole[stop - 1])

    @pytest.mark.parametrize("bar", [400, 500])
    def test_season_is_seen_where_it_will_be_again(self, bar: int) -> None:
        """One volume spike: the season's term is up for as long as the horizon ahead holds the spike's anniversaries."""
        columns = list(simulated_columns(1016, seed=3))
        columns[5] = np.full(1016, 1e6) * np.exp(0.1 * np.random.default_rng(0).standard_normal(1016))
        usual = variance_terms(window_of_columns("SIM", *columns).last(756), HORIZON)[:, TERM_NAMES.index("season_volume")]
        columns[5][260 + bar] *= 20.0
        spiked = variance_terms(window_of_columns("SIM", *columns).last(756), HORIZON)[:, TERM_NAMES.index("season_volume")]
        raised = set(np.flatnonzero(spiked > usual + 0.5).tolist())
        expected = {bar + k - ahead for k in QUARTERS for ahead in range(1, HORIZON + 1) if bar + k - ahead < 756}
        assert raised == expected

    def test_panel_rows_are_labelled_within_the_window(self) -> None:
        window = simulated_window(756, seed=4)
        panel = training_panel(window, HORIZON)
        target = horizon_variances(window.log_return, HORIZON)
        week = (window.day + 3) // 7
        for number, values in zip(panel.weeks, panel.values, strict=True):
            last = np.flatnonzero(week == number)[-1]
            assert last + HORIZON < 756
            assert values[0] == pytest.approx(math.log(target[last]), rel=1e-5)
        assert len(panel.weeks) > 30

    def test_weeks_are_the_same_for_tickers_with_other_holidays(self) -> None:
        columns = simulated_columns(1016, seed=4)
        kept = np.ones(1016, dtype=bool)
        kept[300::50] = False
        first = training_panel(window_of_columns("A", *columns).last(756), HORIZON)
        second = training_panel(window_of_columns("B", *(c[kept] for c in columns)).last(756), HORIZON)
        assert len(np.intersect1d(first.weeks, second.weeks)) >= len(second.weeks) - 3
