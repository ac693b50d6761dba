"""One page that shows whether forecasts are still good: what was forecast and what came."""

from __future__ import annotations

import html
from collections.abc import Iterable
from typing import Final

from evaluation.html_page import cards, document, figure, table
from models.selection.drift import ALARM
from records import date_of
from review import pictures
from review.drift_evidence import DriftEvidence
from review.losses import Estimate, Losses
from review.report import LEAST_FORECASTS, RECORDED, Report, Section

_SOURCES: Final = {
    RECORDED: "Recorded: what was served",
    "replayed": "Replayed: what this version would have served",
}


def page(report: Report, title: str) -> str:
    """The whole page."""
    parts = [f"<h1>{html.escape(title)}</h1>"]
    if report.sections:
        first = report.sections[0]
        parts.append(f"<p><b>{html.escape(f'{first.source.capitalize()}. {first.verdict}')}</b></p>")
    else:
        parts.append("<p><b>No recorded forecast's horizon has ended yet: there is nothing to judge.</b></p>")
    parts.append(cards(_facts(report)))
    for section in report.sections:
        parts += _section(section)
    parts += [
        "<h2>Drift</h2>",
        f"<p>{html.escape(_drift_sentence(report.drift))}</p>",
        *([_drift_table(report.drift)] if report.drift.most else []),
        "<h2>What this covers, and what it does not</h2>",
        "<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in report.notes) + "</ul>",
    ]
    return document(title, parts)


def _facts(report: Report) -> list[tuple[str, str]]:
    recorded = report.recorded
    facts = [
        ("made on", f"{report.at:%d %b %Y}"),
        ("recorded since", "–" if recorded is None else f"{recorded[0]:%d %b %Y}"),
        ("recorded up to", "–" if recorded is None else f"{recorded[1]:%d %b %Y}"),
    ]
    for section in report.sections:
        facts.append((f"forecasts judged, {section.source}", f"{section.losses.forecasts:,}"))
        facts.append((f"horizons ended, {section.source}", f"{section.losses.qlike_gain.blocks}"))
    still_open = sum(counts.open for counts in report.open.values())
    return [*facts, ("horizons not over yet", f"{still_open:,}")]


def _section(section: Section) -> list[str]:
    judged = section.judged
    name = f"{section.source} {section.horizon}"
    first, last = (date_of(int(day)) for day in (judged.day.min(), judged.day.max()))
    tickers = len({each.ticker for each in judged.forecasts})
    return [
        f"<h2>{html.escape(_SOURCES[section.source])}; horizon of {section.horizon} bars</h2>",
        f"<p>{html.escape(section.verdict)}</p>",
        _muted(
            f"{section.losses.forecasts:,} forecasts of {tickers:,} tickers, made from {first:%d %b %Y} to {last:%d %b %Y}, "
            "whose horizon has ended."
        ),
        '<div class="grid">',
        figure("Intervals, by month", "Dashed: the share that belongs inside.", pictures.coverage_picture(judged, name)),
        figure(
            "Probability of what came",
            "Even where forecasts are calibrated; a hump in the middle: too wide, high ends: too narrow.",
            pictures.transform_picture(judged, name),
        ),
        figure(
            "Volatility, forecast and realised",
            "By decile of the forecast: the root mean square, and the bar that holds 8 in 10. On the line it was right.",
            pictures.volatility_picture(judged, name),
        ),
        figure("Loss of the volatility, by month", "Blue: served; grey: the baseline.", pictures.qlike_picture(judged, name)),
        figure(
            "What was gained on the baseline",
            "Rises while the served forecasts lose less; flat where the baseline serves.",
            pictures.gain_picture(judged, name),
        ),
        figure("Return, expected and realised", "By decile of what was expected.", pictures.returns_picture(judged, name)),
        "</div>",
        "<h3>Losses</h3>",
        _losses_table(section.losses),
        "<h3>By model</h3>",
        _group_table("volatility comes from", section.models.items()),
        "<h3>By month</h3>",
        _group_table("forecast in", section.months.items()),
        "<h3>Worst tickers</h3>",
        _muted(f"The most lost on the baseline; then the largest QLIKE. Of tickers with at least {LEAST_FORECASTS} forecasts."),
        _group_table("ticker", section.worst) if section.worst else _muted("None has so many yet."),
    ]


def _losses_table(losses: Losses) -> str:
    blocks = losses.qlike_gain.blocks
    rows = [
        ("QLIKE of the variance", f"{losses.qlike:.4f}", f"{losses.qlike_baseline:.4f}", _gain(losses.qlike_gain)),
        (
            "RMSE of the annual volatility",
            f"{losses.volatility_rmse:.2%}",
            f"{losses.volatility_rmse_baseline:.2%}",
            "",
        ),
        (
            "RMSE of the return over the horizon",
            f"{losses.return_rmse:.2%}",
            "–" if losses.return_rmse_mean is None else f"{losses.return_rmse_mean:.2%} <small>own mean</small>",
            "",
        ),
        ("R² of the return against the own mean", _signed(losses.return_r2), "0", ""),
        ("R² of the return against zero", _signed(losses.return_r2_zero), "0", ""),
        ("inside the 80 % interval", _share(losses.cover_80), "80 %", ""),
        ("inside the 95 % interval", _share(losses.cover_95), "95 %", ""),
    ]
    return table(["", "served", "baseline", "gain on the baseline, 95 % interval"], [("", row) for row in rows]) + (
        "<p><small>The baseline of the variance is the served forecast without the weight of any candidate. Intervals come "
        f"from {blocks} blocks of dates, each a horizon long: neighbouring dates share bars.</small></p>"
    )


def _group_table(title: str, groups: Iterable[tuple[str, Losses]]) -> str:
    head = (
        title, "forecasts", "QLIKE", "baseline", "gain", "RMSE of volatility", "RMSE of return", "R² of return", "inside 80 %",
        "inside 95 %",
    )  # fmt: skip
    rows = []
    for name, losses in groups:
        gain = losses.qlike_gain.mean
        kind = "better" if gain > 0 else "worse" if gain < 0 else ""
        rows.append(
            (
                "",
                (
                    html.escape(name), f"{losses.forecasts:,}", f"{losses.qlike:.4f}", f"{losses.qlike_baseline:.4f}",
                    f'<span class="{kind}">{gain:+.4f}</span>', f"{losses.volatility_rmse:.2%}", f"{losses.return_rmse:.2%}",
                    _signed(losses.return_r2), f"{losses.cover_80.mean:.0%}", f"{losses.cover_95.mean:.0%}",
                ),
            )
        )  # fmt: skip
    return table(head, rows)


def _muted(text: str) -> str:
    return f"<p class='muted'>{html.escape(text)}</p>"


def _gain(estimate: Estimate) -> str:
    if estimate.interval is None:
        return f"{estimate.mean:+.4f} <small>too few horizons for an interval</small>"
    low, high = estimate.interval
    kind = "better" if low > 0 else "worse" if high < 0 else ""
    return f'<span class="{kind}">{estimate.mean:+.4f}</span> <small>{low:+.4f} to {high:+.4f}</small>'


def _share(estimate: Estimate) -> str:
    if estimate.interval is None:
        return f"{estimate.mean:.1%}"
    low, high = estimate.interval
    return f"{estimate.mean:.1%} <small>{max(0.0, low):.1%} to {min(1.0, high):.1%}</small>"


def _signed(value: float | None) -> str:
    return "–" if value is None else f"{value:+.3f}"


def _drift_sentence(drift: DriftEvidence) -> str:
    if not drift.watched:
        return f"No candidate has weight in any of {drift.trained:,} trained rows: the baseline serves, and nothing is watched."
    text = f"Of {drift.trained:,} trained rows {drift.watched:,} forecasts lean on a candidate and are watched bar by bar; "
    text += f"{drift.alarms:,} of them are displaced by an alarm."
    if drift.mean_excess is not None:
        way = "more" if drift.mean_excess > 0 else "less"
        text += f" On average they lost {abs(drift.mean_excess):.4f} a day {way} than the baseline (QLIKE of the day's range)."
    return text


def _drift_table(drift: DriftEvidence) -> str:
    rows = [
        (
            "",
            (
                html.escape(each.ticker), each.quantity, f"{each.evidence:,.1f}", f"{each.evidence / ALARM:.1%}",
                f"{each.mean_excess:+.4f}", f"{each.bars}", each.alarm or "–",
            ),
        )
        for each in drift.most
    ]  # fmt: skip
    return table(("ticker", "forecast of", "evidence", "of an alarm's", "mean excess loss", "bars", "alarm"), rows)
