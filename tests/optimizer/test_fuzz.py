"""Anything at all, against the description that the application gives of itself."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import jsonschema_rs
import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from tests.made.market import TICKERS, made_bars
from tests.optimizer.clients import client_over

pytestmark = pytest.mark.slow
#: With rows as workers write them, one of them too young for a trained model.
BARS = made_bars(count=600, young={"FFF": 60})
REQUEST = {
    "start_date": BARS["AAA"].first_date.isoformat(), "end_date": BARS["AAA"].last_date.isoformat(), "risk_free_rate": 0.02,
    "tickers": list(TICKERS),
}  # fmt: skip
SHARED_FIXTURES = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=8,
)
DATES = st.one_of(
    st.dates().map(str), st.sampled_from([REQUEST["start_date"], REQUEST["end_date"], "2021-02-30", ""]), ANYTHING
)
RATES = st.one_of(
    st.floats(-2, 2), st.integers(-2, 2), st.sampled_from([0, 1, 0.1, 0.2, None, "0.1", 1e308, 10**400]), ANYTHING
)
LINES = st.one_of(st.sampled_from([*TICKERS, "aaa", "BRK.B", "005930.KS", "Symbol", "AAA,0.5", "\ufeffBBB", ""]), ANYTHING)
SECTORS = st.dictionaries(st.sampled_from(["Energy", "Health Care", "Nothing"]), RATES, max_size=2)
BODIES = st.fixed_dictionaries(
    {},
    optional={
        "start_date": DATES, "end_date": DATES, "risk_free_rate": RATES, "target_return": RATES, "risk_tolerance": RATES,
        "tickers": st.one_of(st.lists(LINES, max_size=8), ANYTHING), "ticker_group": st.one_of(st.none(), ANYTHING),
        "weight_cap": RATES, "sector_limits": SECTORS | ANYTHING, "turnover_cost": RATES,
        "current_weights": st.dictionaries(st.sampled_from(TICKERS), st.floats(0, 1)) | ANYTHING,
    },
)  # fmt: skip


@pytest.fixture(scope="module")
def client(tmp_path_factory) -> Iterator[FlaskClient]:
    with client_over(tmp_path_factory.mktemp("fuzz") / "state", BARS) as client:
        yield client


def strictly(text: str) -> Any:
    """As JSON.parse reads it: NaN and Infinity are no JSON."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} in {text[:200]}")

    return json.loads(text, parse_constant=refuse)


def checked(client: FlaskClient, answer: Any, method: str, path: str) -> Any:
    """The content of an answer that is as described."""
    content = strictly(answer.text)
    description = client.get("/api/openapi.json").json
    responses = description["paths"][path][method]["responses"]
    assert str(answer.status_code) in responses, f"{answer.status_code} is not described: {answer.text}"
    schema = responses[str(answer.status_code)]["content"]["application/json"]["schema"]
    jsonschema_rs.validator_for(schema | {"components": description["components"]}).validate(content)
    return content


@examples(max_examples=250, suppress_health_check=SHARED_FIXTURES)
@given(st.sampled_from([{}, REQUEST, REQUEST]), BODIES)
def test_no_body_brings_an_answer_that_is_not_described(client, base, changes):
    body = base | changes
    answer = client.post("/api/optimize-portfolio", data=json.dumps(body), content_type="application/json")
    content = checked(client, answer, "post", "/api/optimize-portfolio")
    if answer.status_code == 200:
        numbers = [content["return"], content["risk"], content["sharpe_ratio"], *content["prices"].values()]
        assert all(isinstance(n, float | int) and math.isfinite(n) for n in numbers)
        assert set(content["prices"]) == set(content["weights"])
        assert all(abs(basis["expected_return"]) < 1.0 for basis in content["forecasts"].values())
        assert sum(content["weights"].values()) == pytest.approx(1.0, abs=1e-9)
        assert content["sharpe_ratio"] == (content["return"] - body["risk_free_rate"]) / content["risk"]


@examples(max_examples=100, suppress_health_check=SHARED_FIXTURES)
@given(st.binary(max_size=200), st.sampled_from(["application/json", "text/plain", "", "application/json; charset=utf-16"]))
def test_no_bytes_bring_an_answer_that_is_not_described(client, body, kind):
    checked(client, client.post("/api/optimize-portfolio", data=body, content_type=kind), "post", "/api/optimize-portfolio")


@examples(max_examples=100, suppress_health_check=SHARED_FIXTURES)
@given(st.text(max_size=30))
def test_no_ticker_brings_an_answer_that_is_not_described(client, text):
    checked(client, client.get("/api/forecasts", query_string={"tickers": text}), "get", "/api/forecasts")
    if text and "/" not in text and text not in (".", ".."):
        checked(client, client.get(f"/api/forecasts/{quote(text)}"), "get", "/api/forecasts/{ticker}")


@pytest.fixture(scope="module")
def operations(client) -> dict[str, Any]:
    description = schemathesis.openapi.from_wsgi("/api/openapi.json", client.application)
    return {operation.ok().label: operation.ok() for operation in description.get_all_operations()}


@pytest.mark.parametrize(
    "label",
    ["POST /api/optimize-portfolio", "GET /api/forecasts", "GET /api/forecasts/{ticker}", "GET /healthz", "GET /readyz"],
)
@examples(max_examples=60, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_a_fuzzer_finds_no_answer_that_is_not_described(operations, label, data):
    case = data.draw(operations[label].as_strategy())
    checks = [status_code_conformance, content_type_conformance, response_schema_conformance]
    # Beside a socket, schemathesis asks for compressed answers and does not unpack them.
    answer = case.call_and_validate(headers={"Accept-Encoding": "identity"}, checks=checks)
    assert answer.status_code != 500
