"""One page that shows a backtest: text, tables and pictures in a single HTML file, without script and without network."""

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

#: Two lines in a picture of risk are enough: ours and the rival that predicts its own.
_RISK_SHOWN: Final = ("min_variance", "ledoit_wolf")
#: More lines than these hide each other in a picture of drawdowns.
_DRAWDOWN_SHOWN: Final = ("max_sharpe", "min_variance", "raw_mean_mpt", "equal_weight", BENCHMARK)

_STYLE: Final = """
:root { --paper:#fcfcfb; --card:#fff; --ink:#1b1c1e; --muted:#5d6167; --grid:#dfe1e4; --good:#0a7a4b; --bad:#b3261e;
  --s0:#c2410c; --s1:#1d4ed8; --s2:#7c3aed; --s3:#a16207; --s4:#db2777; --s5:#15803d; --s6:#0891b2; --s7:#6b7280; --s8:#78350f;
  --s9:#111827; }
@media (prefers-color-scheme: dark) { :root { --paper:#121315; --card:#1a1c1f; --ink:#ececed; --muted:#a3a8af; --grid:#34373c;
  --good:#4ade80; --bad:#f87171; --s0:#fb923c; --s1:#60a5fa; --s2:#a78bfa; --s3:#fde047; --s4:#f472b6; --s5:#4ade80;
  --s6:#22d3ee; --s7:#9ca3af; --s8:#d6a777; --s9:#f3f4f6; } }
* { box-sizing: border-box; }
body { margin:0; background:var(--paper); color:var(--ink); font:16px/1.5 system-ui, sans-serif; }
main { max-width:1180px; margin:0 auto; padding:20px 16px 60px; }
h1 { font-size:1.55rem; line-height:1.25; margin:.2em 0 .3em; overflow-wrap:anywhere; }
h2 { font-size:1.15rem; margin:2em 0 .5em; }
p, li { max-width:46em; } .muted, figcaption, small { color:var(--muted); } figcaption { font-size:.9rem; margin:.2em 0 .4em; }
.grid { display:grid; gap:16px; grid-template-columns:repeat(auto-fit, minmax(min(100%, 430px), 1fr)); }
figure { margin:0; background:var(--card); border:1px solid var(--grid); border-radius:8px; padding:12px; min-width:0; }
.grid > figure:only-child { max-width:640px; }
figure h3 { margin:0; font-size:1rem; } svg { width:100%; height:auto; display:block; }
.key { display:flex; flex-wrap:wrap; gap:4px 16px; font-size:.88rem; margin:.6em 0 1em; padding:0; list-style:none; }
.key i { display:inline-block; width:14px; height:4px; border-radius:2px; margin-right:6px; vertical-align:middle; }
.wide { overflow-x:auto; border:1px solid var(--grid); border-radius:8px; background:var(--card); }
table { border-collapse:collapse; width:100%; font-size:.88rem; font-variant-numeric:tabular-nums; }
th, td { padding:6px 8px; text-align:right; white-space:nowrap; border-top:1px solid var(--grid); }
thead th { border-top:0; color:var(--muted); font-weight:600; vertical-align:bottom; white-space:normal; }
th:first-child, td:first-child { text-align:left; position:sticky; left:0; background:var(--card); }
@media (max-width:600px) { th:first-child, td:first-child { white-space:normal; min-width:9em; } td, th { padding:6px 8px; } }
tr.control td { border-top:0; padding-top:0; color:var(--muted); } tr.control td:first-child { padding-left:20px; }
tr.ours td:first-child { font-weight:650; } .better { color:var(--good); } .worse { color:var(--bad); }
.cards { display:grid; gap:12px; grid-template-columns:repeat(auto-fit, minmax(140px, 1fr)); margin:1em 0; }
.cards div { background:var(--card); border:1px solid var(--grid); border-radius:8px; padding:10px 12px; }
.cards b { display:block; font-size:1.25rem; font-variant-numeric:tabular-nums; }
.cards span { font-size:.85rem; color:var(--muted); }
"""


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
        _cards(
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
        _figure("Wealth", "After all costs; geometric mean over universes.", pictures.wealth_picture(market, runs)),
        _figure(
            "Drawdown",
            "How far below its former high: " + ", ".join(pictures.SHORT[name] for name in fallen) + ".",
            pictures.drawdown_picture(market, report.runs(*fallen)),
        ),
        _figure(
            "Risk, predicted and realised",
            f"{' and '.join(TITLES[name] for name in shown)}; first universe. Solid: realised over a quarter around the day.",
            pictures.risk_picture(market, report.runs(*shown)),
        ),
        _figure(
            "Is predicted risk right?",
            "Each point is one period between trades. Above the line risk was larger than predicted.",
            pictures.calibration_picture(market, report.runs(*shown)),
        ),
        _figure(
            "Trading",
            "Mean per rebalancing, without the first allocation; pale: with trading control.",
            pictures.turnover_picture(turnover),
        ),
        _figure(
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
        figure = _figure(
            "Sharpe ratio less the rival's", "A bar that crosses 0 proves nothing.", pictures.differences_picture(rivals)
        )
        parts += ['<div class="grid">', figure, "</div>", "<p></p>"]
    parts += [
        _differences_table(report),
        "<h2>Risk by year</h2>",
        "<p>Bias: realised daily moves over predicted ones; above 1 the prediction was too low. QLIKE: 0 is perfect.</p>",
        _years_table(report, [name for name in plain if report.years[name]]),
        *_crises(report, plain),
        "<h2>Assumptions, and what was not known</h2>",
        "<ul>" + "".join(f"<li>{html.escape(text)}</li>" for text in report.assumptions) + "</ul>",
    ]
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body><main>\n"
        + "\n".join(parts)
        + "\n</main></body></html>\n"
    )


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
    calmer = [one for one in rivals if one.volatility_ratio_interval[1] < 1.0]
    if calmer:
        texts.append(f"Volatility is proven lower in {len(calmer)} of {len(rivals)} comparisons; the table below has them all.")
    return html.escape(" ".join(texts))


def _cards(items: Sequence[tuple[str, str]]) -> str:
    return (
        '<div class="cards">'
        + "".join(f"<div><b>{html.escape(v)}</b><span>{html.escape(k)}</span></div>" for k, v in items)
        + "</div>"
    )


def _key(names: Iterable[str]) -> str:
    items = "".join(
        f'<li><i style="background:var(--s{list(TITLES).index(name) % 10})"></i>{html.escape(TITLES[name])}</li>'
        for name in names
    )
    return f'<ul class="key">{items}</ul>'


def _figure(title: str, caption: str, svg: str) -> str:
    labelled = svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(title)}" ', 1)
    return f"<figure><h3>{html.escape(title)}</h3><figcaption>{html.escape(caption)}</figcaption>{labelled}</figure>"


def _table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join(f'<tr class="{kind}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>" for kind, cells in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'


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
                    f"{m['cost_drag']:.2%}", f"{m['effective_holdings']:.1f}", f"{m['largest_weight']:.0%}", bias,
                ),
            )
        )  # fmt: skip
    return _table(head, rows) + (
        "<p><small>The largest fall and the worst month are those of the worst universe. Turnover is bought and sold over "
        "wealth, mean per rebalancing.</small></p>"
    )


def _differences_table(report: Report) -> str:
    head = ("ours less the rival", "Sharpe", "interval", "return a year", "interval", "volatility ÷ rival's", "interval",
            "break-even cost", "Sharpe ratio")  # fmt: skip
    rows = []
    for one in report.differences:
        even = report.break_even[one.ours, one.rival]
        kind = {"better": "better", "worse": "worse"}.get(one.verdict, "")
        rows.append(
            (
                "",
                (
                    f"{_title(one.ours)} less {_title(one.rival)}", f"{one.sharpe:+.2f}", _span(one.sharpe_interval, "+.2f"),
                    f"{one.annual_return:+.1%}", _span(one.annual_return_interval, "+.1%"), f"{one.volatility_ratio:.3f}",
                    _span(one.volatility_ratio_interval, ".3f"),
                    "–" if even is None or even <= 0 else f"{1e4 * even:.0f} bp", f'<span class="{kind}">{one.verdict}</span>',
                ),
            )
        )  # fmt: skip
    return _table(head, rows) + (
        "<p><small>Break-even cost: of a unit traded, at which ours would earn no more than the rival; – where ours trades no "
        "more, or earned less before costs.</small></p>"
    )


def _years_table(report: Report, names: Sequence[str]) -> str:
    years = sorted({year for name in names for year in report.years[name]})
    rows = []
    for name in names:
        cells = [TITLES[name]]
        for year in years:
            found = report.years[name].get(year)
            cells.append("–" if found is None else f"{found[0]:.2f} <small>{found[1]:.2f}</small>")
        rows.append(("ours" if name in OURS else "", cells))
    return _table(["bias, QLIKE", *(str(year) for year in years)], rows)


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
    return ["<h2>Crises</h2>", _table(["return over", *covered], rows), f"<p><small>{html.escape(spans)}</small></p>"]


def _title(name: str) -> str:
    strategy = name.removesuffix("+control")
    return TITLES[strategy] + (" <small>with trading control</small>" if name != strategy else "")


def _span(interval: tuple[float, float], form: str) -> str:
    return f"{interval[0]:{form}} to {interval[1]:{form}}"
