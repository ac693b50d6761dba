"""Every setting, its default and the reason for it.

The name in the environment is the field's name in capitals (`STATE_DIR`, `HORIZON`, …). A field marked FORECAST changes the
numbers. These fields, and no others, enter `forecast_hash`, which every forecast row and every stored model carries.
"""

from settings.candidates import ModelName
from settings.choices import (
    FORECAST,
    CalendarPeriod,
    DoubtfulSeries,
    KafkaCompression,
    KafkaSaslMechanism,
    KafkaSecurity,
    LogFormat,
    LogLevel,
    PriceProvider,
    SuspectBars,
)
from settings.loading import GROUPS, Settings, load_settings, read_settings

__all__ = [
    "FORECAST",
    "GROUPS",
    "CalendarPeriod",
    "DoubtfulSeries",
    "KafkaCompression",
    "KafkaSaslMechanism",
    "KafkaSecurity",
    "LogFormat",
    "LogLevel",
    "ModelName",
    "PriceProvider",
    "Settings",
    "SuspectBars",
    "load_settings",
    "read_settings",
]
