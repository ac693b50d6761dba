"""The fields of a portfolio request, their limits, and the sentences that refuse wrong values."""

from __future__ import annotations

import datetime as dt
import math
from typing import Annotated, Any, Final

import numpy as np
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from errors import RequestError
from optimizer.allocation import Goal
from records import canonical_ticker, is_ticker, parse_date

#: What users of the client know; they are part of the contract.
NO_TICKERS: Final = "Either ticker_group or tickers must be provided."
NO_DATA: Final = "Could not fetch any valid data for the given tickers and date range."

#: No rate, return or volatility of a year is beyond 1,000 %: such a value is a per cent figure where a decimal belongs.
_LARGEST_RATE: Final = 10.0
#: More money than any fund has.
_LARGEST_BUDGET: Final = 1e13
#: Lines of a ticker file, holdings, and sectors (there are eleven): far more than any real request has.
_MOST_LINES: Final = 10_000
_MOST_HOLDINGS: Final = 2_000
_MOST_SECTORS: Final = 50
#: Of a caller's own words so much is repeated, and so many problems are named.
_SHOWN: Final = 60
_MOST_PROBLEMS: Final = 5
#: Weights that sum to more than 1 by less than this were rounded.
_ROUNDING: Final = 0.005


def _number(value: Any) -> Any:
    # Python callers have NumPy's numbers, whose integers and single floats are no subclasses of Python's.
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise ValueError("a number is needed, as a decimal (0.02 is 2 %)")  # noqa: TRY004 - pydantic collects ValueErrors
    # Python's JSON reader takes NaN and Infinity, and integers of any length.
    if not -_LARGEST_RATE <= value <= _LARGEST_RATE:
        raise ValueError(f"must lie within ±{_LARGEST_RATE:.0%} a year (±{_LARGEST_RATE:g} as a decimal; 0.02 is 2 %)")
    return float(value)


def _target(value: Any) -> Any:
    """An empty field arrives as null, and 0 counts as not set."""
    return None if value is None else _number(value) or None


def _risk(value: Any) -> Any:
    tolerance = _target(value)
    if tolerance is not None and tolerance < 0:
        raise ValueError("a volatility cannot be negative")
    return tolerance


def as_date(value: Any) -> dt.date:
    """A date from YYYY-MM-DD, a date or a datetime. Raises ValueError."""
    if isinstance(value, dt.datetime):  # a pandas Timestamp is one
        return value.date()
    if isinstance(value, dt.date):
        return value
    try:
        return parse_date(value)
    except (TypeError, ValueError):
        raise ValueError("a date is needed as YYYY-MM-DD") from None


def _fraction(value: Any) -> Any:
    number = _number(value)
    if not 0.0 < number <= 1.0:
        raise ValueError("must be above 0 and at most 1")
    return number


def _weight(value: Any) -> Any:
    number = _number(value)
    if not 0.0 <= number <= 1.0:
        raise ValueError("must be between 0 and 1")
    return number


def _money(value: Any) -> Any:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | np.integer | np.floating):
        raise ValueError("an amount of money is needed")  # noqa: TRY004 - pydantic collects ValueErrors
    # The comparison comes first: an integer of JSON may have any length.
    if not 0 < value <= _LARGEST_BUDGET:
        raise ValueError(f"must be above 0 and at most {_LARGEST_BUDGET:g}")
    return float(value)


def _at_most(count: int) -> BeforeValidator:
    """Refuses more entries than any real request has, before looking at one of them."""

    def check(value: Any) -> Any:
        if isinstance(value, dict | list) and len(value) > count:
            raise ValueError(f"{len(value):,} entries are too many: at most {count:,} are taken")
        return value

    return BeforeValidator(check)


def _holdings(weights: dict[str, float]) -> dict[str, float]:
    held: dict[str, float] = {}
    for name, weight in weights.items():
        ticker = canonical_ticker(name)
        if not is_ticker(ticker):
            raise ValueError(f"{name[:40]!r} is not a ticker symbol")
        if ticker in held:
            raise ValueError(f"{ticker} is there twice")
        held[ticker] = weight
    if sum(held.values()) > 1.0 + _ROUNDING:
        raise ValueError(f"they sum to {sum(held.values()):g}: weights are parts of 1, what is missing to 1 is cash")
    return held


Rate = Annotated[float, BeforeValidator(_number)]
Target = Annotated[float | None, BeforeValidator(_target)]
Risk = Annotated[float | None, BeforeValidator(_risk)]
Date = Annotated[dt.date, BeforeValidator(as_date)]
Fraction = Annotated[float, BeforeValidator(_fraction)]
Weight = Annotated[float, BeforeValidator(_weight)]
Budget = Annotated[float | None, BeforeValidator(_money)]
Holdings = Annotated[dict[str, Weight], AfterValidator(_holdings), _at_most(_MOST_HOLDINGS)]
SectorLimits = Annotated[dict[str, Weight], _at_most(_MOST_SECTORS)]
Views = Annotated[dict[str, Rate], _at_most(_MOST_HOLDINGS)]
Lines = Annotated[list[Any], _at_most(_MOST_LINES)]


class AllocationRequest(BaseModel):
    """A portfolio request; annual decimals. Unknown keys are ignored, as clients of several generations call."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    start_date: Date = Field(description="First day of the prices that are looked at, YYYY-MM-DD")
    end_date: Date = Field(description="Last such day, and that of the forecasts; none from after it is used")
    risk_free_rate: Rate = Field(description="Annual, as a decimal: 0.02 is 2 %")
    ticker_group: str | None = Field(None, max_length=_SHOWN, description="SP500 or DOW; wins over `tickers`")
    tickers: Lines | None = Field(None, description="Raw lines of a ticker file: symbols, headers, further columns")
    target_return: Target = Field(None, description="Least risk for this return; wins over `risk_tolerance`; 0 is not set")
    risk_tolerance: Risk = Field(None, description="Greatest return at this volatility; 0 is not set")
    weight_cap: Fraction | None = Field(None, description="Largest weight of one ticker; the service's setting by default")
    sector_limits: SectorLimits = Field({}, description="Largest share by sector; tickers of unknown sector are free")
    current_weights: Holdings = Field({}, description="What is held now, by ticker; what is missing to 1 is cash")
    turnover_cost: Weight | None = Field(
        None,
        description="Cost of each unit of weight bought or sold, goals are met after it; without it half of the way is gone",
    )
    budget: Budget = Field(None, description="Money to invest, in the currency of the prices: adds whole shares to the result")
    expected_returns: Views = Field({}, description="Annual returns by ticker that replace the forecasts")

    @model_validator(mode="after")
    def _check_dates(self) -> AllocationRequest:
        if self.start_date >= self.end_date:
            raise ValueError(f"start_date {self.start_date} must be before end_date {self.end_date}")
        return self

    @property
    def goal(self) -> Goal:
        """The goal of the optimization."""
        return Goal(self.risk_free_rate, self.target_return, self.risk_tolerance)


def parse_request(body: Any) -> AllocationRequest:
    """The request in a decoded JSON body. Raises RequestError naming each field that is wrong and what it needs."""
    if not isinstance(body, dict):
        raise RequestError(f"the body must be a JSON object, not {_json_type(body)}")
    if not body.get("ticker_group") and body.get("tickers") in (None, [], ""):
        raise RequestError(NO_TICKERS)
    try:
        return AllocationRequest.model_validate(body)
    except ValidationError as error:
        problems = error.errors(include_url=False)
        more = [f"and {len(problems) - _MOST_PROBLEMS} more"] if len(problems) > _MOST_PROBLEMS else []
        raise RequestError("; ".join([*map(_sentence, problems[:_MOST_PROBLEMS]), *more])) from None


def _sentence(problem: Any) -> str:
    field = ".".join(str(part)[:_SHOWN] for part in problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "missing":
        return f"{field} is missing"
    if problem["type"] == "list_type":
        message = "a list of ticker symbols is needed"
    if not field:
        return str(message)
    return f"{field}: {message}, not {_shown(problem['input'])}"


def _shown(value: Any) -> str:
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN or infinity"
    if isinstance(value, dict | list):
        return _json_type(value)
    return "null" if value is None else repr(value[:_SHOWN] if isinstance(value, str) else value)[:_SHOWN]


def _json_type(value: Any) -> str:
    return {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}.get(
        type(value), "a number"
    )
