"""`python -m review`: the report on live forecasts."""

from __future__ import annotations

from commands.console import run_cli
from review.report_command import report

if __name__ == "__main__":
    run_cli(report)
