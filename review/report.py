"""A report on live forecasts as data: losses of each source and horizon, a verdict, what the reader must know. Pure."""

from __future__ import annotations

import dataclasses
import datetime as dt
from dataclasses import dataclass
from typing import Any, Final

from records import date_of
from review.drift_evidence import DriftEvidence
from review.losses import LEAST_BLOCKS, Losses, by_horizon, by_model, by_month, by_ticker, losses_of
from review.outcomes import Judged, Unjudged

#: Forecasts of a ticker below which its own losses are noise.
LEAST_FORECASTS: Final = 3
_WORST: Final = 15
RECORDED: Final = "recorded"
REPLAYED: Final = "replayed"


@dataclass(frozen=True, slots=True, eq=False)
class Section:
    """All forecasts of one source (`RECORDED` or `REPLAYED`) and horizon, and their losses: all, by model, month and ticker.

    `worst` are the tickers whose QLIKE is the largest beside the baseline's, of those with enough forecasts.
    """

    source: str
    horizon: int
    judged: Judged
    losses: Losses
    models: dict[str, Losses]
    months: dict[str, Losses]
    worst: list[tuple[str, Losses]]

    @property
    def verdict(self) -> str:
        """Whether the forecasts are still good, in some sentences."""
        return verdict(self.losses)


@dataclass(frozen=True, slots=True, eq=False)
class Report:
    """`sections` are empty while no horizon has ended. `recorded` is the span of the record, None of an empty one."""

    at: dt.datetime
    sections: list[Section]
    open: dict[str, Unjudged]
    recorded: tuple[dt.date, dt.date] | None
    drift: DriftEvidence
    notes: list[str]


def sections_of(source: str, judged: Judged) -> list[Section]:
    """A section for each horizon, the longest history first."""
    found = []
    for horizon, part in by_horizon(judged).items():
        tickers = [(name, losses_of(own)) for name, own in by_ticker(part).items() if len(own) >= LEAST_FORECASTS]
        tickers.sort(key=lambda each: (each[1].qlike_baseline - each[1].qlike, -each[1].qlike))
        found.append(
            Section(
                source,
                horizon,
                part,
                losses_of(part),
                {name: losses_of(own) for name, own in by_model(part).items()},
                {name: losses_of(own) for name, own in by_month(part).items()},
                tickers[:_WORST],
            )
        )
    return found


def verdict(losses: Losses) -> str:
    """What these losses prove, and what they do not."""
    gain = losses.qlike_gain
    ratio = losses.qlike / losses.qlike_baseline - 1.0 if losses.qlike_baseline > 0.0 else 0.0
    so_far = f"QLIKE of the volatility is {abs(ratio):.1%} {'below' if ratio <= 0 else 'above'} the baseline's"
    if gain.interval is None:
        return f"Too early to judge: {gain.blocks} of at least {LEAST_BLOCKS} horizons have ended. So far {so_far}."
    low, high = gain.interval
    if low > 0.0:
        first = f"Better than the baseline, proven: {so_far}."
    elif high < 0.0:
        first = f"Worse than the baseline, proven: {so_far}."
    else:
        first = f"No difference from the baseline is proven: {so_far}, and the interval of the difference includes 0."
    return f"{first} {_calibration(losses)}"


def _calibration(losses: Losses) -> str:
    texts = []
    for level, cover in ((0.80, losses.cover_80), (0.95, losses.cover_95)):
        low, high = cover.interval or (0.0, 1.0)
        judgement = "too narrow" if high < level else "too wide" if low > level else "right within chance"
        texts.append(f"the {level:.0%} interval held {cover.mean:.0%} of the returns ({judgement})")
    return f"Of the intervals, {' and '.join(texts)}."


def as_json(report: Report) -> dict[str, Any]:
    """The report as JSON: annual decimals, dates as ISO texts, null for what does not exist."""
    return {
        "at": report.at.isoformat(),
        "recorded": None if report.recorded is None else [date.isoformat() for date in report.recorded],
        "sections": [
            {
                "source": section.source,
                "horizon": section.horizon,
                "first_as_of": date_of(int(section.judged.day.min())).isoformat(),
                "last_as_of": date_of(int(section.judged.day.max())).isoformat(),
                "verdict": section.verdict,
                "losses": dataclasses.asdict(section.losses),
                "models": {name: dataclasses.asdict(losses) for name, losses in section.models.items()},
                "months": {name: dataclasses.asdict(losses) for name, losses in section.months.items()},
                "worst": {name: dataclasses.asdict(losses) for name, losses in section.worst},
            }
            for section in report.sections
        ],
        "not_judged": {name: dataclasses.asdict(counts) for name, counts in report.open.items()},
        "drift": dataclasses.asdict(report.drift) | {"most": [each._asdict() for each in report.drift.most]},
        "notes": report.notes,
    }


def report_lines(report: Report) -> list[str]:
    """What the command prints."""
    lines: list[str] = []
    for section in report.sections:
        losses = section.losses
        first, last = (date_of(int(day)) for day in (section.judged.day.min(), section.judged.day.max()))
        lines += [
            f"{section.source}, horizon {section.horizon}: {losses.forecasts} forecasts of {first} to {last}",
            f"  {section.verdict}",
            f"  {'':20}{'served':>10}{'baseline':>10}",
            f"  {'QLIKE':20}{losses.qlike:>10.4f}{losses.qlike_baseline:>10.4f}",
            f"  {'RMSE of volatility':20}{losses.volatility_rmse:>10.4f}{losses.volatility_rmse_baseline:>10.4f}",
            f"  {'RMSE of return':20}{losses.return_rmse:>10.4f}{_number(losses.return_rmse_mean, '>10.4f')}  (own mean)",
            f"  {'R2 of return':20}{_number(losses.return_r2, '>+10.4f')}{'':>10}  (against the own mean)",
            "",
        ]
    if not report.sections:
        lines += ["no recorded forecast's horizon has ended yet", ""]
    return [*lines, *report.notes]


def _number(value: float | None, form: str) -> str:
    return f"{'-':>10}" if value is None else f"{value:{form}}"
