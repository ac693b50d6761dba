"""The parts of a worker that both agents use."""

from __future__ import annotations

from dataclasses import dataclass

from settings import Settings
from streams.kafka.agents.forecast_writer import ForecastWriter
from streams.kafka.agents.ownership import Ownership
from streams.kafka.agents.rederivation import Rederivation
from streams.kafka.consuming.deliveries import Deliveries
from streams.kafka.sending.outbox import Outbox
from streams.kafka.tables.ticker_tables import TickerTables


@dataclass(frozen=True, slots=True)
class AgentParts:
    """See the classes of the parts."""

    settings: Settings
    tables: TickerTables
    outbox: Outbox
    forecasts: ForecastWriter
    ownership: Ownership
    deliveries: Deliveries
    rederivation: Rederivation
