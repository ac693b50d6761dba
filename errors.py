"""The tree of all errors that this project raises on purpose.

::

    ForecastingError
    ├── SettingsError              a setting is missing, has a wrong type, or is out of range
    ├── DataError                  data from outside cannot be used
    │   ├── SourceError            a whole file, provider's answer, or group of tickers
    │   │   └── SourceRequestError the options or tickers that name it cannot be
    │   ├── MessageError           one message on a topic
    │   └── SchemaError            a record with a schema version that this code does not know
    ├── StateError                 stored data cannot be used
    │   ├── StateMissingError      there is no state yet
    │   ├── StateLockedError       another process is writing it
    │   ├── StateCorruptError      it cannot be read
    │   ├── StateWriteError        the disk is full or read-only
    │   └── StateRebuiltError      it was rebuilt while this process used it
    ├── ModelError                 a model cannot be fitted or cannot forecast
    │   ├── TooFewBarsError        the history is shorter than the model needs
    │   ├── DegenerateSeriesError  the history does not vary enough to fit a model
    │   └── TrainingError          a training failed, ran out of time, or ended its process
    ├── ProviderError              market data cannot be fetched
    │   └── RateLimitError         the provider refuses more requests for now
    ├── ProcessLostError           a process that shared a command's work was killed
    ├── BrokerError                Kafka is away, refuses us, or refuses a message
    │   └── BrokerAwayError        no answer, or not yet: passes when Kafka is back
    └── OptimizationError          no portfolio
        ├── RequestError           the caller asked for something that cannot be (HTTP 400)
        ├── InfeasibleTargetError  the target lies outside the feasible range (HTTP 400)
        ├── InsufficientDataError  the data are too few, too old or not believable (HTTP 400)
        └── NoDataError            nothing can be served for these tickers (HTTP 503)

A message says what happened, for which ticker, and what to do. Commands print it as one line and exit with `exit_code`.
"""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Self


class ForecastingError(Exception):
    """The root: catch it to catch every error that is raised on purpose."""

    exit_code = 1


class SettingsError(ForecastingError):
    """A setting is missing, has a wrong type, or is out of range."""

    exit_code = 2


class DataError(ForecastingError):
    """Data from outside cannot be used."""


class SourceError(DataError):
    """A whole file, provider's answer, or group of tickers cannot be used."""


class SourceRequestError(SourceError):
    """The options or tickers that name a source cannot be: none of its data was looked at."""

    exit_code = 2


class MessageError(DataError):
    """A message on a topic cannot be decoded, or is in the wrong place."""


class SchemaError(DataError):
    """A record has a schema version that this code does not know: upgrade this process first."""


class StateError(ForecastingError):
    """Stored data cannot be used."""


class StateMissingError(StateError):
    """There is no state in this place yet."""


class StateLockedError(StateError):
    """Another process has this state open for writing."""


class StateCorruptError(StateError):
    """Stored data cannot be read."""


class StateWriteError(StateError):
    """The disk is full, read-only, or refuses the write for another reason."""

    @classmethod
    def at(cls, path: Path, error: OSError) -> Self:
        """The error of a file or folder that cannot be written, with the advice what to do."""
        return cls(f"{path}: cannot be written ({error.strerror}); {write_remedy(error)}")


def write_remedy(error: OSError, otherwise: str = "free some space or correct the permissions") -> str:
    """What to do where a file or folder cannot be written."""
    if error.errno in {errno.ENOTDIR, errno.EEXIST}:
        return "a file stands where a folder is needed: name another folder"
    if error.errno == errno.EISDIR:
        return "a folder stands where a file is needed: remove it, or name another file"
    return otherwise


class StateRebuiltError(StateError):
    """The state was rebuilt while this process used it: start the process again."""

    #: EX_TEMPFAIL: service managers take it as a reason to start the process again.
    exit_code = 75


class ModelError(ForecastingError):
    """A model cannot be fitted, or cannot make a forecast."""


class TooFewBarsError(ModelError):
    """The history is shorter than the model needs."""


class DegenerateSeriesError(ModelError):
    """The history does not vary enough to fit a model, for example with a constant price."""


class TrainingError(ModelError):
    """A training failed, ran out of time, or ended its process."""


class ProviderError(ForecastingError):
    """Market data cannot be fetched from a provider."""


class RateLimitError(ProviderError):
    """The provider refuses further requests from this address for now."""


class ProcessLostError(ForecastingError):
    """A process that shared a command's work ended before the work was done, or could not be started."""


class BrokerError(ForecastingError):
    """Kafka cannot be reached, refuses this client, or refuses a message."""


class BrokerAwayError(BrokerError):
    """Kafka does not answer or is still starting: this passes without a change of settings."""


class OptimizationError(ForecastingError):
    """No portfolio can be given."""


class RequestError(OptimizationError):
    """The request is wrong; the message says how to correct it."""

    exit_code = 2


class InfeasibleTargetError(OptimizationError):
    """The target return or risk is outside the feasible range of these assets; the message gives the range."""

    exit_code = 2


class InsufficientDataError(OptimizationError):
    """The data cover too little of the request, are too old or too few for it, or lead to numbers that nobody can believe."""


class NoDataError(OptimizationError):
    """There are no data for these tickers and dates."""
