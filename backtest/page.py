"""One page that shows a backtest: text, tables and pictures."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Final

from backtest import pictures
from backtest.figures import CRISES
from backtest.market import Market
from backtest.report import Report
from backtest.strategies import OURS, TITLES
from backtest.walk import BENCHMARK, Plan
from evaluation.html_page import cards, document, figure, table

#: Two lines in a picture of risk are enough: ours and the rival that predicts its own.
_RISK_SHOWN: Final = ("min_variance", "ledoit_wolf")
#: More lines than these hide each other in a picture of drawdowns.
_DRAWDOWN_SHOWN: Final = ("max_sharpe", "min_variance", "raw_mean_mpt", "equal_weight", BENCHMARK)


def page(market: Market, report: Report, plan: Plan, title: str) -> str:
    """The whole page."""
    outcome = report.outcome
    first, last = market.date(outcome.first), market.date(outcome.last)
    universes = len({run.universe for run in outcome.runs})
    plain = [name for name in (*plan.rules.strategies, BENCHMARK) if name in report.figures]
    runs = report.runs(*plain)
    shown = [name for name in _RISK_SHOWN if name in plain] or plain[:2]
    fallen = [name for name in _DRAWDOWN_SHOWN if name in plain] or plain[:4]
    turnover = {
        name: (report.mean(name, "turnover"), report.mean(f"{name}+control", "turnover"))
        for name in plain
        if f"{name}+control" in report.figures
    }
    weighted = report.runs(plain[0])[0]
    sizes = sorted({len(universe) for universe in plan.universes})
    size = f"{sizes[0]}" if len(sizes) == 1 else f"{sizes[0]} to {sizes[-1]}"
    parts = [
        f"<h1>{html.escape(title)}</h1>",
        f"<p>{_summary(report)}</p>",
        cards(
            [
                ("first trade", f"{first:%d %b %Y}"),
                ("last day", f"{last:%d %b %Y}"),
                ("universes of tickers", f"{universes} × {size}"),
                ("decisions", f"{outcome.decisions}"),
                ("cost of a unit traded", f"{1e4 * plan.costs.cost:g} bp"),
                ("cash earns", f"{plan.costs.risk_free_rate:.2%} a year"),
            ]
        ),
        "<h2>Pictures</h2>",
        _key(plain),
        '<div class="grid">',
        figure("Wealth", "After all costs; geometric mean over universes.", pictures.wealth_picture(market, runs)),
        figure(
            "Drawdown",
            "How far below its former high: " + ", ".join(pictures.SHORT[name] for name in fallen) + ".",
            pictures.drawdown_picture(market, report.runs(*fallen)),
        ),
        figure(
            "Risk, predicted and realised",
            f"{' and '.join(TITLES[name] for name in shown)}; first universe. Solid: realised over a quarter around the day.",
            pictures.risk_picture(market, report.runs(*shown)),
        ),
        figure(
            "Is predicted risk right?",
            "Each point is one period between trades. Above the line risk was larger than predicted.",
            pictures.calibration_picture(market, report.runs(*shown)),
        ),
        figure(
            "Trading",
            "Mean per rebalancing, without the first allocation; pale: with trading control.",
            pictures.turnover_picture(turnover),
        ),
        figure(
            f"Weights over time: {TITLES[weighted.strategy]}",
            "First universe, after each trade; the largest by name.",
            pictures.weights_picture(market, weighted),
        ),
        "</div>",
        "<h2>Figures</h2>",
        _figures_table(report, plain),
        "<h2>Differences, and whether they are proven</h2>",
        "<p>Intervals hold 95 % of the bootstrap's draws. Where one includes 0, the difference may be chance.</p>",
    ]
    rivals = [one for one in report.differences if not one.ours.endswith("+control")]
    if rivals:
        intervals = figure(
            "Sharpe ratio less the rival's", "A bar that crosses 0 proves nothing.", pictures.differences_picture(rivals)
        )
        parts += ['<div class="grid">', intervals, "</div>", "<p></p>"]
    parts += [
        _differences_table(report),
        "<h2>Risk by year</h2>",
        "<p>Bias: realised over predicted daily moves; above 1 the prediction was too low. QLIKE: 0 is perfect.</p>",
        _years_table(report, [name for name in plain if report.years[name]]),
        *_crises(report, plain),
        "<h2>Assumptions, and what was not known</h2>",
        "<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in report.assumptions) + "</ul>",
    ]
    return document(title, parts)


def _summary(report: Report) -> str:
    """What is proven, in a sentence or two."""
    rivals = [one for one in report.differences if not one.ours.endswith("+control")]
    proven = [one for one in rivals if one.verdict != "no proven difference"]
    texts = []
    if rivals and not proven:
        texts.append(
            "No difference of Sharpe ratios between our strategies and any rival is proven: every interval includes 0."
        )
    for one in proven:
        low, high = one.sharpe_interval
        texts.append(
            f"{TITLES[one.ours]}: Sharpe ratio {one.verdict} than that of “{TITLES[one.rival]}” by {abs(one.sharpe):.2f} "
            f"(interval {low:+.2f} to {high:+.2f})."
        )
    if proven:
        by_chance = max(1, round(0.05 * len(rivals)))
        texts.append(f"Of {len(rivals)} such intervals about {by_chance} would exclude 0 by chance alone.")
    calmer = [one for one in rivals if one.volatility_ratio_interval[1] < 1.0]
    if calmer:
        texts.append(f"Volatility is proven lower in {len(calmer)} of {len(rivals)} comparisons; the table below has them all.")
    return html.escape(" ".join(texts))


def _key(names: Iterable[str]) -> str:
    items = "".join(
        f'<li><i style="background:var(--s{list(TITLES).index(name) % 10})"></i>{html.escape(TITLES[name])}</li>'
        for name in names
    )
    return f'<ul class="key">{items}</ul>'


def _figures_table(report: Report, plain: Sequence[str]) -> str:
    head = (
        "means over universes", "return", "volatility", "Sharpe", "largest fall", "worst month", "turnover",
        "cost a year", "effective names", "largest weight", "risk bias",
    )  # fmt: skip
    rows = []
    for name in [run for each in plain for run in (each, f"{each}+control") if run in report.figures]:
        strategy = name.removesuffix("+control")
        deepest = min(report.figures[name], key=lambda each: each.drawdown.depth)
        worst = min(report.figures[name], key=lambda each: each.worst_month)
        m = {figure: report.mean(name, figure) for figure in ("annual_return", "volatility", "sharpe_ratio", "turnover",
             "cost_drag", "effective_holdings", "largest_weight", "bias")}  # fmt: skip
        title = "with trading control" if name != strategy else TITLES[strategy]
        kind = "control" if name != strategy else "ours" if strategy in OURS else ""
        bias = "–" if m["bias"] != m["bias"] else f"{m['bias']:.2f}"
        rows.append(
            (
                kind,
                (
                    title, f"{m['annual_return']:.1%}", f"{m['volatility']:.1%}", f"{m['sharpe_ratio']:.2f}",
                    f"{deepest.drawdown.depth:.1%} <small>{deepest.drawdown.high:%b %Y}–{deepest.drawdown.low:%b %Y}</small>",
                    f"{worst.worst_month:.1%} <small>{worst.worst_month_name}</small>", f"{m['turnover']:.0%}",
                    f"{m['cost_drag']:.2%}", f"{m['effective_holdings']:.1f}", f"{m['largest_weight']:.1%}", bias,
                ),
            )
        )  # fmt: skip
    return table(head, rows) + (
        "<p><small>The largest fall and the worst month are those of the worst universe. Turnover is bought and sold over "
        "wealth, mean per rebalancing.</small></p>"
    )


def _differences_table(report: Report) -> str:
    head = ("ours – the rival", "Sharpe", "interval", "return a year", "interval", "volatility ÷ rival's", "interval",
            "break-even cost", "Sharpe ratio")  # fmt: skip
    rows = []
    for one in report.differences:
        even = report.break_even[one.ours, one.rival]
        kind = {"better": "better", "worse": "worse"}.get(one.verdict, "")
        rows.append(
            (
                "",
                (
                    f"{_short(one.ours)} – {_short(one.rival)}", f"{one.sharpe:+.2f}", _span(one.sharpe_interval, "+.2f"),
                    f"{one.annual_return:+.1%}", _span(one.annual_return_interval, "+.1%"), f"{one.volatility_ratio:.3f}",
                    _span(one.volatility_ratio_interval, ".3f"),
                    "–" if even is None or even <= 0 else f"{1e4 * even:.0f} bp", f'<span class="{kind}">{one.verdict}</span>',
                ),
            )
        )  # fmt: skip
    return table(head, rows) + (
        "<p><small>Break-even cost: of a unit traded, at which ours would earn no more than the rival; – where ours trades no "
        "more, or earned less before costs.</small></p>"
    )


def _short(name: str) -> str:
    """The short name, as in the pictures: long names push the verdicts off the screen."""
    plain, _, control = name.partition("+")
    return html.escape(pictures.SHORT[plain]) + (" <small>controlled</small>" if control else "")


def _years_table(report: Report, names: Sequence[str]) -> str:
    years = sorted({year for name in names for year in report.years[name]})
    rows = []
    for name in names:
        cells = [TITLES[name]]
        for year in years:
            found = report.years[name].get(year)
            cells.append("–" if found is None else f"{found[0]:.2f} <small>{found[1]:.2f}</small>")
        rows.append(("ours" if name in OURS else "", cells))
    return table(["bias, QLIKE", *(str(year) for year in years)], rows)


def _crises(report: Report, names: Sequence[str]) -> list[str]:
    covered = [name for name, _, _ in CRISES if any(name in each.crises for n in names for each in report.figures[n])]
    if not covered:
        return ["<h2>Crises</h2>", "<p>The data cover none of the crises that are known here.</p>"]
    rows = []
    for name in names:
        found = report.figures[name]
        cells = [TITLES[name]]
        for crisis in covered:
            values = [each.crises[crisis] for each in found if crisis in each.crises]
            cells.append(f"{sum(values) / len(values):.1%}" if values else "–")
        rows.append(("ours" if name in OURS else "", cells))
    spans = "; ".join(f"{name}: {a:%d %b %Y} to {b:%d %b %Y}" for name, a, b in CRISES if name in covered)
    return ["<h2>Crises</h2>", table(["return over", *covered], rows), f"<p><small>{html.escape(spans)}</small></p>"]


def _span(interval: tuple[float, float], form: str) -> str:
    return f"{interval[0]:{form}} to {interval[1]:{form}}"
