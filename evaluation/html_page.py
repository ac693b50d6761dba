"""The form of a report's page: text, tables and pictures in a single HTML file, without script and without network."""

from __future__ import annotations

import html
from collections.abc import Iterable, Sequence
from typing import Final

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


def document(title: str, parts: Sequence[str]) -> str:
    """The whole page of these parts, which are HTML."""
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">'
        f"<title>{html.escape(title)}</title><style>{_STYLE}</style></head><body><main>\n"
        + "\n".join(parts)
        + "\n</main></body></html>\n"
    )


def cards(items: Sequence[tuple[str, str]]) -> str:
    """Facts, (what, value) each, as a row of cards."""
    return (
        '<div class="cards">'
        + "".join(f"<div><b>{html.escape(v)}</b><span>{html.escape(k)}</span></div>" for k, v in items)
        + "</div>"
    )


def figure(title: str, caption: str, svg: str) -> str:
    """A picture with its title and caption."""
    labelled = svg.replace("<svg ", f'<svg role="img" aria-label="{html.escape(title)}" ', 1)
    return f"<figure><h3>{html.escape(title)}</h3><figcaption>{html.escape(caption)}</figcaption>{labelled}</figure>"


def table(head: Sequence[str], rows: Iterable[tuple[str, Sequence[str]]]) -> str:
    """A table; each row is its class and its cells, which are HTML."""
    top = "".join(f"<th>{html.escape(cell)}</th>" for cell in head)
    body = "".join(f'<tr class="{kind}">' + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>" for kind, cells in rows)
    return f'<div class="wide"><table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>'
