"""The interface as OpenAPI 3.1, made from the schemas that requests and rows are checked with."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from optimizer.request import AllocationRequest
from records import Forecast

#: Of the interface: its first number changes when a client would have to.
_VERSION: Final = "1.0.0"
_NUMBER: Final = {"type": "number"}
_TEXT: Final = {"type": "string"}
_DATE_OR_NULL: Final = {"type": ["string", "null"], "format": "date"}
_ERROR: Final = {"type": "object", "required": ["error"], "properties": {"error": _TEXT}}
_BASIS: Final = {
    "type": "object",
    "required": [
        "expected_return",
        "expected_volatility",
        "as_of",
        "model",
        "volatility_model",
        "pooled_tickers",
        "fallback",
        "reason",
    ],
    "properties": {
        "expected_return": _NUMBER | {"description": "Of a year, arithmetic, as the portfolio uses it"},
        "expected_volatility": _NUMBER | {"description": "Of daily log returns, annual, as the portfolio uses it"},
        "forecast_return": _NUMBER | {"description": "The forecast before the market part"},
        "forecast_volatility": _NUMBER | {"description": "The forecast before it is blended with the long run"},
        "market_beta": _NUMBER | {"description": "Exposure to what the tickers have in common; 1 is typical"},
        "as_of": _TEXT | {"format": "date", "description": "The bar that it was made from"},
        "model": _TEXT,
        "volatility_model": _TEXT,
        "pooled_tickers": {"type": "integer", "description": "Over how many tickers the forecast was pooled"},
        "fallback": {"type": ["string", "null"], "description": "The estimate that stands in for a forecast, if one does"},
        "reason": {"type": ["string", "null"], "description": "Why it does, or why a forecast was limited"},
    },
}
_RESULT: Final = {
    "type": "object",
    "required": ["weights", "return", "risk", "sharpe_ratio", "prices", "forecasts", "estimates", "unused", "warnings"],
    "properties": {
        "weights": {
            "type": "object",
            "description": "Long only, above 1e-4, five decimals",
            "additionalProperties": {"type": "number", "exclusiveMinimum": 1e-4, "maximum": 1},
        },
        "return": _NUMBER,
        "risk": _NUMBER,
        "sharpe_ratio": _NUMBER,
        "trading_cost": _NUMBER | {"description": "Of getting here from the current weights; `return` is before it"},
        "trading_step": _NUMBER | {"description": "The part of the way gone from the current weights, 1 with a turnover_cost"},
        "shares": {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
        "cash": _NUMBER | {"description": "What the whole shares leave of the budget"},
        "prices": {"type": "object", "additionalProperties": {"type": "number", "exclusiveMinimum": 0}},
        "forecasts": {"type": "object", "additionalProperties": _BASIS},
        "estimates": {
            "type": "object",
            "required": ["forecast", "fallback"],
            "properties": {"forecast": {"type": "integer"}, "fallback": {"type": "integer"}},
        },
        "coverage": {
            "type": "object",
            "description": "Tickers requested, and those of them that were optimized over",
            "required": ["requested", "used"],
            "properties": {"requested": {"type": "integer"}, "used": {"type": "integer"}},
        },
        "risk_free_rate": _NUMBER,
        "prices_from": _TEXT | {"format": "date", "description": "First day of the prices behind the correlations"},
        "prices_as_of": _TEXT | {"format": "date", "description": "Last day of the prices"},
        "forecasts_from": _DATE_OR_NULL | {"description": "Of the oldest forecast in use"},
        "forecasts_as_of": _DATE_OR_NULL | {"description": "Of the newest forecast in use"},
        "unused": {"type": "object", "maxProperties": 500, "additionalProperties": _TEXT},
        "unused_count": {"type": "integer", "description": "All that could not be used; `unused` lists the first of them"},
        "warnings": {"type": "array", "items": _TEXT},
    },
}
_STARTED: Final = {
    "type": "object",
    "required": ["message", "request_id"],
    "properties": {"message": {"const": "Optimization started"}, "request_id": _TEXT},
}
_HEALTH: Final = {
    "type": "object",
    "required": ["status", "tickers", "newest_as_of", "age_sessions", "fresh_share"],
    "properties": {
        "status": {"enum": ["ready", "not ready"]},
        "tickers": {"type": "integer"},
        "newest_as_of": {"type": ["string", "null"]},
        "age_sessions": {"type": ["integer", "null"], "description": "Sessions of its exchange from that bar to today"},
        "fresh_share": _NUMBER,
        "unreadable": {"type": "integer"},
        "late_sessions": {
            "type": "object",
            "additionalProperties": {"type": "integer"},
            "description": "By calendar, sessions whose bars are overdue",
        },
        "reason": _TEXT,
    },
}


def description() -> dict[str, Any]:
    """The OpenAPI document."""
    (row,), components = msgspec.json.schema_components((Forecast,), ref_template="#/components/schemas/{name}")
    request = AllocationRequest.model_json_schema()
    request["properties"]["request_id"] = {
        "anyOf": [{"type": "string", "pattern": "^[A-Za-z0-9_.:~-]{0,128}$"}, {"type": "null"}],
        "description": "Answer at once, and give the result on the progress stream of this id",
    }
    schemas = components | {"Request": request, "Result": _RESULT, "Started": _STARTED, "Error": _ERROR, "Health": _HEALTH}
    rows = {
        "type": "object",
        "required": ["forecasts", "missing"],
        "properties": {
            "forecasts": {"type": "array", "items": row},
            "missing": {"type": "object", "additionalProperties": _TEXT},
        },
    }
    refused = {str(status): _answer(why, _ref("Error")) for status, why in _REFUSALS.items()}
    return {
        "openapi": "3.1.0",
        "info": {"title": "Portfolio optimizer", "version": _VERSION},
        "paths": {
            "/api/optimize-portfolio": {
                "post": {
                    "summary": "Weights from forecasts, or from past prices where there is none",
                    "requestBody": {"required": True, "content": {"application/json": {"schema": _ref("Request")}}},
                    "responses": {
                        "200": _answer("The result, or that it was started", {"anyOf": [_ref("Result"), _ref("Started")]}),
                        **refused,
                    },
                }
            },
            "/api/progress-stream/{request_id}": {
                "get": {
                    "summary": "Events progress, complete and error, as server-sent events",
                    "parameters": [_parameter("request_id", "path")],
                    "responses": {
                        "200": {"description": "The events", "content": {"text/event-stream": {"schema": _TEXT}}},
                        **{status: refused[status] for status in ("401", "404", "429")},
                    },
                }
            },
            "/api/forecasts": {
                "get": {
                    "summary": "Rows of the forecast table",
                    "parameters": [_parameter("tickers", "query") | {"description": "Comma-separated; all if left out"}],
                    "responses": {
                        "200": _answer("Rows", rows),
                        "304": {"description": "The whole table is unchanged since the ETag in If-None-Match"},
                        **{status: refused[status] for status in ("401", "503")},
                    },
                }
            },
            "/api/forecasts/{ticker}": {
                "get": {
                    "summary": "One row of the forecast table",
                    "parameters": [_parameter("ticker", "path"), _parameter("explain", "query")],
                    "responses": {"200": _answer("The row", row), **{s: refused[s] for s in ("401", "404", "503")}},
                }
            },
            "/healthz": {"get": {"summary": "Alive", "responses": {"200": _answer("Yes", {"type": "object"})}}},
            "/readyz": {
                "get": {
                    "summary": "Whether forecasts can be served",
                    "responses": {"200": _answer("Yes", _ref("Health")), "503": _answer("No, and why", _ref("Health"))},
                }
            },
        },
        "components": {
            "schemas": schemas,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "description": "Where the service has one set"}},
        },
        "security": [{}, {"token": []}],
    }


_REFUSALS: Final = {
    400: "What the caller can mend, said in `error`",
    401: "The token is missing or wrong",
    404: "There is none",
    409: "The request id belongs to another request",
    413: "The body is too large",
    415: "The body is not JSON",
    421: "The service does not answer under this host name",
    429: "Too much at once; ask again after Retry-After seconds",
    503: "Nothing can be served, and why",
}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _answer(text: str, schema: dict[str, Any]) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": schema}}}


def _parameter(name: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": _TEXT}
