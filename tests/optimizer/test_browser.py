"""Both generations of the client as pages in a real browser, which keeps to CORS and reads streams by itself."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from marketdata.groups import group
from optimizer.request import NO_TICKERS
from tests.made.market import later, made_bars, made_rows, write_state
from tests.optimizer.browser import HOW_TO_GET_ONE, NAMES, Browser, PageServer
from tests.optimizer.serving import Service
from tests.tools import find_program

DOW = tuple(group("DOW").sectors)
BARS = made_bars(("BRK-B", *(ticker for ticker in DOW if ticker in ("AAPL", "MSFT", "JPM") or ticker in DOW[:15])))
PERIOD = {
    "start": BARS["AAPL"].first_date.isoformat(), "end": BARS["AAPL"].last_date.isoformat(),
    "short": later(BARS["AAPL"], -2).isoformat(), "late": later(BARS["AAPL"], 170).isoformat(),
}  # fmt: skip
OLDER = "group,rawLines,nothingChosen,outOfReach,tooLarge,noSuchPath"
NEWER = "streamBefore,streamAfter,again,streamedError,tooLargeStreamed,wrongStreamed,neverAsked"
TRUTH = "uncovered,tooOld,oneLine,perCent,threeDays,otherBackEnd,sevenTabs"

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> dict[str, Any]:
    """What the page finds from the client's own address, and from another address that nobody allowed."""
    program = find_program(*NAMES, required_by="REQUIRE_BROWSER", advice=HOW_TO_GET_ONE)
    folder: Path = tmp_path_factory.mktemp("browser")
    write_state(folder / "state", BARS, made_rows(BARS).values())
    with Service(folder / "state") as service, PageServer() as pages:
        hosts = {"127.0.0.1:5000": service.port, "localhost:5173": pages.port, "localhost:5174": pages.port}
        browser = Browser(program, folder, hosts)
        client = browser.report_of(pages, "http://localhost:5173/client.html", run=f"{OLDER},{NEWER},{TRUTH}", **PERIOD)
        stranger = browser.report_of(pages, "http://localhost:5174/client.html", run="strangerAsks;strangerListens", **PERIOD)
        return client | stranger


def result_is_shown(outcome: dict[str, Any], tickers: set[str]) -> bool:
    return (
        set(outcome["weights"]) <= tickers
        and not outcome["unpriced"]
        and outcome["sharpe"] == outcome["ratio"]
        and "NaN" not in outcome["year"]
    )


def test_the_older_page_shows_results_and_errors(report):
    assert result_is_shown(report["group"], set(DOW))
    assert result_is_shown(report["rawLines"], {"AAPL", "MSFT", "BRK-B"})
    assert report["nothingChosen"] == {"status": 400, "body": {"error": NO_TICKERS}}
    assert "feasible range" in report["outOfReach"]["body"]["error"]
    assert {name: report[name]["status"] for name in ("outOfReach", "tooLarge", "noSuchPath")} == {
        "outOfReach": 400,
        "tooLarge": 413,
        "noSuchPath": 404,
    }


def test_the_newer_page_shows_progress_and_the_result_whenever_it_listens(report):
    before = report["streamBefore"]
    assert before["answer"] == {
        "status": 200,
        "body": {"message": "Optimization started", "request_id": before["request_id"]},
    }
    percents = [event["progress"] for event in before["seen"]]
    assert percents[0] == 0
    assert percents == sorted(percents)
    assert result_is_shown(before["result"], {"AAPL", "MSFT", "BRK-B"})
    assert result_is_shown(report["streamAfter"]["result"], {"AAPL", "MSFT"})
    assert report["again"]["first"]["result"] == report["again"]["second"]["result"]


def test_the_newer_page_hears_of_errors_and_keeps_the_reason_of_a_refused_request(report):
    assert report["streamedError"]["answer"]["status"] == 200
    assert "feasible range" in report["streamedError"]["error"]
    for name, status, reason in (("tooLargeStreamed", 413, "the body is too large"), ("wrongStreamed", 400, "end_date")):
        assert report[name]["status"] == status
        assert report[name]["shown"] == report[name]["answered"]
        assert reason in report[name]["shown"]
    assert report["neverAsked"] == {"seen": ["Waiting for the request", "connection lost"], "error": "Failed to fetch"}


def test_what_an_investor_has_to_know_is_on_the_page(report):
    assert report["uncovered"]["status"] == report["tooOld"]["status"] == report["perCent"]["status"] == 400
    assert "of the 503 tickers can be used" in report["uncovered"]["body"]["error"]
    assert f"Choose an end date of {PERIOD['end']}" in report["tooOld"]["body"]["error"]
    assert set(report["oneLine"]["weights"]) <= {"AAPL", "MSFT", "JPM"}
    assert report["oneLine"]["coverage"] == {"requested": 3, "used": 3}
    assert re.search(r"100 % a year \(1\) .* % a year \(-?0\.\d+ to 0\.\d+\)", report["perCent"]["body"]["error"])
    last = report["threeDays"]["seen"][-1]["message"]
    assert last.startswith("2 of 2 tickers used, prices from ")
    assert "hold fewer than 63 days of prices" in last
    assert "0.18 % a year (0.0018) is below that of the minimum-variance portfolio" in last


def test_the_page_reads_why_another_tab_gets_nothing_and_a_seventh_tab_gets_its_answer(report):
    assert report["otherBackEnd"]["status"] == 404
    assert "the page's other tabs need their own back end" in report["otherBackEnd"]["body"]["error"]
    assert report["sevenTabs"] == {"status": 200}


def test_a_strange_page_gets_nothing(report):
    assert report["strangerAsks"] == {"thrown": "TypeError: Failed to fetch"}
    assert report["strangerListens"] == "refused"
