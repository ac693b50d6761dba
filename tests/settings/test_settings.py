"""Settings: where they come from, how wrong settings are reported, and what belongs to the forecasts' hash."""

from __future__ import annotations

import pytest

from errors import SettingsError
from settings import FORECAST, ModelName, Settings, load_settings


@pytest.fixture(autouse=True)
def _defaults(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    """No settings from outside."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)


def test_every_setting_has_a_default_and_a_reason():
    load_settings()
    assert [name for name, field in Settings.model_fields.items() if not field.description or field.is_required()] == []


def test_the_environment_and_a_file_are_read_and_the_environment_wins(monkeypatch, tmp_path):
    (tmp_path / ".env").write_text("HORIZON=5\nSEED=7\nSOMETHING_ELSE=1\n")
    monkeypatch.setenv("HORIZON", "10")
    assert (load_settings().horizon, load_settings().seed) == (10, 7)
    assert load_settings(horizon=3, seed=None).horizon == 3


def test_models_are_a_list_with_commas(monkeypatch):
    monkeypatch.setenv("MODELS", "har, XGBoost,")
    assert load_settings().models == (ModelName.HAR, ModelName.XGBOOST)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HORIZON", "0"),
        ("HORIZON", "a month"),
        ("WINDOW", "year"),
        ("MODELS", "prophet"),
        ("MODELS", ""),
        ("LOG_LEVEL", "LOUD"),
        ("KAFKA_BOOTSTRAP", ""),
        ("KAFKA_BOOTSTRAP", "broker"),
    ],
)
def test_a_wrong_setting_is_named(monkeypatch, name: str, value: str):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError, match=f"^{name}"):
        load_settings()


def test_several_brokers_are_a_list_with_commas():
    for brokers in ("127.0.0.1:9092", "[::1]:9092", "one:9092, two:9093,three:1"):
        assert load_settings(kafka_bootstrap=brokers).kafka_bootstrap == brokers


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("HORIZON", "0", "HORIZON: must be at least 1 (given: 0)"),
        ("HORIZON", "a month", "HORIZON: must be a whole number (given: a month)"),
        ("WINDOW", "year", "WINDOW: must be day, week or month (given: year)"),
        ("MODELS", "har,prophet", "MODELS: must be har, arima, xgboost or lstm (given: prophet)"),
        ("MODELS", ",", "MODELS: is empty; leave it out for the default (given: nothing)"),
        ("KAFKA_BOOTSTRAP", "broker", "KAFKA_BOOTSTRAP: must be host:port, or several with commas between (given: broker)"),
        ("KAFKA_BARS_RETENTION_DAYS", "0", "KAFKA_BARS_RETENTION_DAYS: must be above 0 days, or -1 for ever (given: 0)"),
        ("REPLICA_BARS", "perhaps", "REPLICA_BARS: must be true or false (given: perhaps)"),
        ("STATE_DIR", "", "STATE_DIR: is empty; name a folder, or leave it out for the default (given: nothing)"),
    ],
)
def test_a_wrong_setting_is_refused_once_and_in_plain_words(monkeypatch, name: str, value: str, message: str):
    monkeypatch.setenv(name, value)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert str(refused.value) == f"{message}. Change it in the option, in the environment or in .env"


def test_no_value_of_another_setting_is_shown(monkeypatch):
    """A message about settings that contradict each other had the password among the values."""
    monkeypatch.setenv("KAFKA_PASSWORD", "sesame")
    monkeypatch.setenv("API_TOKEN", "sesame")
    for wrong in ({"lookback": 300}, {"horizon": 0}, {"history_bars": 500}):
        with pytest.raises(SettingsError) as refused:
            load_settings(**wrong)
        assert "sesame" not in str(refused.value)


def test_a_file_of_settings_that_is_no_text_is_refused(tmp_path):
    (tmp_path / ".env").write_bytes(b"HORIZON=\xff\xfe\x00")
    with pytest.raises(SettingsError, match=r"^\.env: cannot be read .* make it a text file in UTF-8"):
        load_settings()


@pytest.mark.parametrize("change", [{"horizon": 5}, {"seed": 1}, {"window": "day"}, {"models": "har"}, {"lookback": 700}])
def test_what_changes_the_numbers_changes_the_hash(change):
    assert load_settings(**change).forecast_hash != load_settings().forecast_hash


def test_a_changed_copy_has_a_hash_of_its_own():
    settings = load_settings()
    before = settings.forecast_hash
    assert settings.model_copy(update={"horizon": 5}).forecast_hash == load_settings(horizon=5).forecast_hash != before


def test_what_does_not_change_the_numbers_leaves_the_hash():
    other = load_settings(jobs=7, state_dir="elsewhere", port=1, log_level="DEBUG", fresh_sessions=1)
    assert other.forecast_hash == load_settings().forecast_hash
    assert sum(field.json_schema_extra == FORECAST for field in Settings.model_fields.values()) >= 7
