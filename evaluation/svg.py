"""Pictures as SVG that follow the page: their colours are the page's (`evaluation.html_page`), light or dark.

Drawn by matplotlib, which the project has already for its evaluation: its SVG needs no script and no network, weighs some
kilobytes where an interactive library brings megabytes, and is the same bytes for the same numbers.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Colours that stand for the page's own until the picture is written.
INK, MUTED, GRID, PAPER = "#010101", "#020202", "#030303", "#040404"
SERIES: Final = tuple(f"#0500{k:02x}" for k in range(10))
_VARIABLES: Final = {INK: "--ink", MUTED: "--muted", GRID: "--grid", PAPER: "--paper"} | {
    color: f"--s{k}" for k, color in enumerate(SERIES)
}
#: Inches: as wide as a phone is in the page's units, so that letters keep their size there.
SIZE: Final = (4.4, 2.9)


def picture(name: str, draw: Callable[[Axes], None], height: float = SIZE[1], *, dated: bool = False) -> str:
    """The SVG of what `draw` draws; `name` is different for each picture of a page, `height` in inches."""
    import matplotlib as mpl  # noqa: PLC0415 - a second of imports that only pictures need
    from matplotlib.backends.backend_svg import FigureCanvasSVG  # noqa: PLC0415
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter  # noqa: PLC0415
    from matplotlib.figure import Figure  # noqa: PLC0415

    style: Any = {
        "svg.fonttype": "none", "svg.hashsalt": name, "font.family": "sans-serif", "font.size": 9, "text.color": INK,
        "axes.edgecolor": GRID, "axes.labelcolor": MUTED, "xtick.color": GRID, "ytick.color": GRID,
        "xtick.labelcolor": MUTED, "ytick.labelcolor": MUTED, "axes.grid": True, "grid.color": GRID, "grid.linewidth": 0.6,
        "axes.spines.top": False, "axes.spines.right": False, "figure.constrained_layout.use": True, "axes.axisbelow": True,
    }  # fmt: skip
    with mpl.rc_context(style):
        figure: Figure = Figure(figsize=(SIZE[0], height), facecolor="none")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot(facecolor="none")
        draw(axes)
        if dated:
            locator = AutoDateLocator(minticks=3, maxticks=7)  # type: ignore[no-untyped-call]
            axes.xaxis.set_major_locator(locator)
            axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))  # type: ignore[no-untyped-call]
        written = io.StringIO()
        figure.savefig(written, format="svg", metadata={"Date": None, "Creator": None})
    svg = written.getvalue()
    svg = _without_idle_ids(svg[svg.index("<svg") :])
    for color, variable in _VARIABLES.items():
        svg = svg.replace(color, f"var({variable})")
    return svg


def _without_idle_ids(svg: str) -> str:
    """Only the ids that something refers to: `figure_1` or `axes_1` of every picture would be there twice in a page.

    The others are made with the picture's name (`svg.hashsalt`).
    """
    used = set(re.findall(r"#([\w.-]+)", svg))
    return re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", svg)
