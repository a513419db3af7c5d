"""What all charts share: colours, plain axes, and a chart as PNG and as SVG for the page."""

import io
import re

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from spider2d.reports.document import Picture

METHOD_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a6d3b", "#7f7f7f")
"""Okabe and Ito's colours, which colour-blind readers can tell apart, in another order and two greys more."""
INK, GRID = "#1b1f24", "#8a929c"
literal_text = matplotlib.rc_context({"text.parse_math": False})
"""For the functions that draw: the names of runs and cases are no formulas, whatever dollars are in them."""
_SVG_SETTINGS = {"svg.fonttype": "none", "svg.hashsalt": "spider2d"}
_FONT_LIST = re.compile(r"'DejaVu Sans'(?:, [^;\"]*)?sans-serif(?:, [^;\"]*)?")


def method_colour(index: int) -> str:
    """Return the colour of the method at a position; after eight methods they repeat."""
    return METHOD_COLOURS[index % len(METHOD_COLOURS)]


def new_figure(width_inch: float, height_inch: float) -> Figure:
    """Return an empty figure with a transparent ground."""
    figure = Figure(figsize=(width_inch, height_inch), layout="constrained", facecolor="none")
    figure.get_layout_engine().set(wspace=0.05)
    return figure


def plain(axes: Axes, title: str = "", x: str = "", y: str = "") -> None:
    """Give axes the plain look: ink, light grid, no frame at the top and right."""
    axes.set_title(title, fontsize=10.5, color=INK, loc="left", fontweight="bold")
    axes.set_xlabel(x, fontsize=9.5, color=INK)
    axes.set_ylabel(y, fontsize=9.5, color=INK)
    axes.set_facecolor("none")
    axes.tick_params(colors=INK, labelsize=9)
    axes.grid(color=GRID, alpha=0.25, linewidth=0.6)
    axes.set_axisbelow(True)
    for side, spine in axes.spines.items():
        spine.set_visible(side in ("left", "bottom"))
        spine.set_color(GRID)


def finish(figure: Figure, name: str, caption: str) -> Picture:
    """Return the figure as a picture: PNG on white, SVG in the colours of the page around it."""
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=150, facecolor="white", metadata={"Software": None})
    svg = io.StringIO()
    with matplotlib.rc_context(_SVG_SETTINGS):
        figure.savefig(svg, format="svg", facecolor="none", metadata={"Date": None})
    return Picture(name, png.getvalue(), caption, _for_page(svg.getvalue()))


def _for_page(svg: str) -> str:
    """Cut the XML head off, take the page's text colour and font, and let the width follow the page."""
    text = svg[svg.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(
        r'(<svg[^>]*?) width="([\d.]+)pt" height="[\d.]+pt"', r'\1 style="max-width:\2pt"', text, count=1
    )
    return _FONT_LIST.sub("sans-serif", text.replace(INK, "currentColor"))
