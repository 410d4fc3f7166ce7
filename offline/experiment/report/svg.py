"""Inline SVG with colours from the page's style sheet."""

import html
import io
import re

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.text import Text

# Placeholders in matplotlib; the page's style sheet sets each colour, light or dark.
INK, MUTED, RULE = "#00000a", "#00000b", "#00000c"
SERIES = tuple(f"#0000{number:02x}" for number in range(0x10, 0x16))
VARIABLES = {INK: "--ink", MUTED: "--muted", RULE: "--rule"} | {
    colour: f"--series-{number}" for number, colour in enumerate(SERIES)
}
WIDE, NARROW = 10.2, 4.9
"""Widths in inches (72 CSS pixels each) for a desk and a phone: type has one size on both."""


def canvas(width: float, height: float, rows: int = 1) -> tuple[Figure, list[Axes]]:
    """A figure with this number of axes, one below the other."""
    figure = Figure(figsize=(width, height), layout="constrained")
    found = [figure.add_subplot(rows, 1, row + 1) for row in range(rows)]
    for axes in found:
        for side in ("top", "left", "right"):
            axes.spines[side].set_visible(False)
        axes.spines["bottom"].set_color(MUTED)
        axes.tick_params(colors=MUTED, labelsize=12, length=0, which="both", pad=6)
        axes.xaxis.label.set(color=MUTED, fontsize=12)
        axes.set_axisbelow(True)
    return figure, found


def as_svg(figure: Figure, description: str) -> str:
    """The figure as an `<svg>` element for an HTML page; the same figure gives the same text.

    `description` gives its content, with numbers, to screen readers.
    """
    for text in figure.findobj(Text):
        text.set_parse_math(False)  # a name with dollars is a name
    file = io.StringIO()
    salt = f"{description} {figure.get_figwidth()}"
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": salt}):
        # `savefig` would lay out and draw everything twice: first for nothing, then on the page.
        for patch in (figure.patch, *(axes.patch for axes in figure.axes)):
            patch.set(facecolor="none", edgecolor="none")
        FigureCanvasSVG(figure).print_svg(file, metadata={"Date": None})  # type: ignore[no-untyped-call]
    svg = file.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<(metadata|style)\b.*?</\1>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'<g id="[^"]*"', "<g", svg)
    # In an HTML page the namespaces go without saying, and the type is the page's own.
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg)
    svg = re.sub(r"font-family: [^;\"]*; ", "", svg)
    for colour, variable in VARIABLES.items():
        svg = svg.replace(colour, f"var({variable})")
    told = html.escape(description)
    return re.sub(
        r'<svg width="[^"]*" height="[^"]*"', lambda _: f'<svg role="img" aria-label="{told}"', svg
    )
