"""Every error that this project raises on purpose, in one tree.

::

    ForecastingError
    ├── SettingsError              a setting is missing, of a wrong type, or out of its range
    ├── DataError                  what came from outside cannot be used
    │   ├── SourceError            a file, a provider's answer or a group of tickers as a whole
    │   ├── MessageError           one message on a topic
    │   └── SchemaError            a record of a schema version that this code does not know
    ├── StateError                 what is kept on disk
    │   ├── StateMissingError      nothing is there yet
    │   ├── StateLockedError       another process writes there
    │   ├── StateCorruptError      it cannot be read back
    │   ├── StateWriteError        the disk is full or read-only
    │   └── StateRebuiltError      it was begun anew while this process used it
    ├── ModelError                 a model could not be fitted or asked
    │   ├── TooFewBarsError        the history is shorter than the model needs
    │   ├── DegenerateSeriesError  the history does not vary enough to fit anything
    │   └── TrainingError          a training job failed, ran out of time, or killed its process
    ├── ProviderError              market data could not be fetched
    │   └── RateLimitError         the provider refuses more requests for now
    ├── BrokerError                Kafka is away, refuses us, or refuses a message
    │   └── BrokerAwayError        no answer, or not yet: passes when Kafka is back
    └── OptimizationError          no portfolio
        ├── RequestError           the caller asked for something that cannot be (HTTP 400)
        ├── InfeasibleTargetError  the target lies outside the feasible range (HTTP 400)
        ├── InsufficientDataError  the data are too few, too old or not believable (HTTP 400)
        └── NoDataError            nothing can be served for these tickers (HTTP 503)

A message says what happened, for which ticker, and what to do about it. Command lines print it as one line and exit with
`exit_code`; nothing else is caught on the way.
"""

from __future__ import annotations

from pathlib import Path
from typing import Self


class ForecastingError(Exception):
    """The root. Catch this to catch everything that is raised on purpose."""

    exit_code = 1


class SettingsError(ForecastingError):
    """A setting is missing, of a wrong type, or out of its range."""

    exit_code = 2


class DataError(ForecastingError):
    """What came from outside cannot be used."""


class SourceError(DataError):
    """A file, a provider's answer or a group of tickers cannot be used as a whole."""


class MessageError(DataError):
    """One message on a topic cannot be decoded or does not belong where it is."""


class SchemaError(DataError):
    """A record carries a schema version that this code does not know: upgrade this process first."""


class StateError(ForecastingError):
    """What is kept on disk cannot be used."""


class StateMissingError(StateError):
    """There is no state at this place yet."""


class StateLockedError(StateError):
    """Another process has this state open for writing."""


class StateCorruptError(StateError):
    """What is on disk cannot be read back."""


class StateWriteError(StateError):
    """The disk is full, read-only, or refuses the write for another reason."""

    @classmethod
    def at(cls, path: Path, error: OSError) -> Self:
        """The error of a file or folder that cannot be written, with the advice what to do."""
        return cls(f"{path}: cannot be written ({error.strerror}); free some space or correct the permissions")


class StateRebuiltError(StateError):
    """What is kept was begun anew while this process used it: start the process again."""

    #: EX_TEMPFAIL: service managers take it for what should simply be started again.
    exit_code = 75


class ModelError(ForecastingError):
    """A model could not be fitted, or could not be asked for a forecast."""


class TooFewBarsError(ModelError):
    """The history is shorter than the model needs."""


class DegenerateSeriesError(ModelError):
    """The history does not vary enough to fit anything to it (a constant price, say)."""


class TrainingError(ModelError):
    """A training job failed, ran out of time, or killed the process that it ran in."""


class ProviderError(ForecastingError):
    """Market data could not be fetched from a provider."""


class RateLimitError(ProviderError):
    """The provider refuses more requests from this address for now."""


class BrokerError(ForecastingError):
    """Kafka cannot be reached, refuses this client, or refuses a message."""


class BrokerAwayError(BrokerError):
    """Kafka does not answer, or is still starting: this passes without a change of settings."""


class OptimizationError(ForecastingError):
    """No portfolio can be given."""


class RequestError(OptimizationError):
    """The caller asked for something that cannot be; the message says how to mend it."""

    exit_code = 2


class InfeasibleTargetError(OptimizationError):
    """The target return or risk lies outside what these assets allow; the message gives the feasible range."""

    exit_code = 2


class InsufficientDataError(OptimizationError):
    """The data cover too little of the request, are too old or too few for it, or lead to numbers that nobody can believe."""


class NoDataError(OptimizationError):
    """Nothing can be served for these tickers and dates."""
