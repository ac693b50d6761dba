"""Settings that cannot work together are refused by one table, with the value that would be right."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from errors import SettingsError
from models.candidates.learned import LearnedModel
from models.candidates.registry import MODELS
from models.market.model import SHIPPED, MarketModel, market_model
from models.selection.walkforward import plan_folds
from settings import ModelName, Settings, load_settings, read_settings
from settings.rules import OF_THE_MARKET_MODEL, RULES, SHIPPED_HORIZON, broken_rules, fewest_bars

BROKEN: list[tuple[dict[str, Any], str]] = [
    ({"models": "har,har"}, "MODELS names har twice"),
    ({"minimum_bars": 200}, "MINIMUM_BARS (200) must be at least 252"),
    ({"minimum_bars": 300, "models": "lstm"}, "MINIMUM_BARS (300) must be at least 504"),
    ({"horizon": 60}, "MINIMUM_BARS (504) must be at least 600"),
    ({"horizon": 252}, "MINIMUM_BARS (504) and LOOKBACK (756) must be at least 2520"),
    ({"lookback": 130, "minimum_bars": 130}, "MINIMUM_BARS (130) and LOOKBACK (130) must be at least 252"),
    ({"minimum_bars": 800}, "MINIMUM_BARS (800) must not exceed LOOKBACK (756)"),
    ({"lookback": 126}, "LOOKBACK (126) must be at least 252"),
    ({"lookback": 400}, "MINIMUM_BARS (504) must not exceed LOOKBACK (400)"),
    ({"history_bars": 900}, "HISTORY_BARS (900) must be at least 1008"),
    ({"horizon": 5, "models": "xgboost,lstm"}, "HORIZON is 5: add har"),
    ({"worker_heartbeat_seconds": 20}, "WORKER_HEARTBEAT_SECONDS (20) must be at most 2.66667"),
    ({"worker_session_seconds": 300, "worker_poll_seconds": 60}, "WORKER_POLL_SECONDS (60) must be at least"),
    ({"kafka_message_bytes": 65536, "publish_batch_bars": 1000}, "PUBLISH_BATCH_BARS (1000) must be at most 524"),
    ({"kafka_key_file": "key.pem"}, "KAFKA_KEY_FILE is set and KAFKA_CERTIFICATE_FILE is not"),
    ({"kafka_certificate_file": "me.pem"}, "KAFKA_CERTIFICATE_FILE is set and KAFKA_KEY_FILE is not"),
    ({"provider_timeout_seconds": 60}, "PROVIDER_TIMEOUT_SECONDS (60), of one attempt"),
    ({"fetch_rate_limit_seconds": 600}, "FETCH_RATE_LIMIT_SECONDS (600), the first wait"),
    ({"prediction_ttl_seconds": 60}, "PREDICTION_MEMORY_TTL_SECONDS (900) must not exceed PREDICTION_TTL_SECONDS (60)"),
    ({"min_price_days": 5000}, "MIN_PRICE_DAYS (5000) must be below HISTORY_BARS (1260)"),
]


@pytest.mark.parametrize(("change", "message"), BROKEN)
def test_settings_that_cannot_work_together_are_refused_when_they_are_loaded(change: dict[str, Any], message: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(**change)
    assert message in str(refused.value)
    assert refused.value.exit_code == 2


def test_every_rule_is_tried_above_and_the_defaults_break_none() -> None:
    assert list(broken_rules(Settings(_env_file=None))) == []
    tried = {rule for rule in RULES for change, _ in BROKEN if rule(_loosely(change)) is not None}
    assert tried == set(RULES)


def test_values_that_options_override_are_read_without_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """`models evaluate --horizon 21` with HORIZON=63 in the environment, and the making of a market model of that horizon."""
    monkeypatch.setenv("HORIZON", "63")
    assert read_settings().horizon == 63
    assert load_settings(horizon=21).horizon == 21
    assert market_model.__wrapped__().horizon == SHIPPED_HORIZON
    with pytest.raises(SettingsError, match="MINIMUM_BARS"):
        load_settings()


def test_all_broken_rules_are_reported_at_once() -> None:
    with pytest.raises(SettingsError, match=r"MODELS names har twice.*; HISTORY_BARS \(500\).*; MIN_PRICE_DAYS \(800\)"):
        load_settings(models="har,har", history_bars=500, min_price_days=800)


@given(horizon=st.integers(1, 252), models=st.lists(st.sampled_from(ModelName), min_size=1, unique=True))
def test_the_fewest_bars_can_be_validated_on(horizon: int, models: list[ModelName]) -> None:
    """As the walk-forward validation plans them, with enough bars before it for one model at least."""
    chosen = Settings(_env_file=None, horizon=horizon, models=tuple(models))
    folds = plan_folds(fewest_bars(chosen), horizon)
    assert folds[0].stop >= min(name.minimum_bars for name in models)


def test_the_market_models_candidates_and_its_horizon_are_those_of_the_rule() -> None:
    assert {name for name, model in MODELS.items() if issubclass(model, LearnedModel)} == OF_THE_MARKET_MODEL
    assert MarketModel.from_bytes(SHIPPED.read_bytes()).horizon == SHIPPED_HORIZON


def _loosely(change: dict[str, Any]) -> Settings:
    """The settings without the rules."""
    return Settings(_env_file=None, **change)
