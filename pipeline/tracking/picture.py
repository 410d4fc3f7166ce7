"""The difference that a night decided by, drawn."""

from html import escape
from typing import Any

_WIDTH, _HEIGHT, _EDGE = 480, 130, 40


def of_decision(decision: dict[str, Any]) -> str | None:
    """SVG of the interval of new - old beside zero; None where there is no interval."""
    primary = decision["primary"]
    if not primary or primary["low"] is None or primary["high"] is None:
        return None
    low, mid, high = (float(primary[name]) for name in ("low", "difference", "high"))
    start, end = min(low, 0.0), max(high, 0.0)
    span = (end - start) or 1.0

    def x(value: float) -> float:
        return round(_EDGE + (value - start) / span * (_WIDTH - 2 * _EDGE), 1)

    colour = "#2a7" if low > 0 else "#c33" if high < 0 else "#666"
    title = f"{primary['name']}: {_number(primary['old'])} -> {_number(primary['new'])}"
    said = f"difference {mid:+.4f} ({low:+.4f} to {high:+.4f})"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        'font-family="sans-serif" font-size="14">'
        '<rect width="100%" height="100%" fill="white"/>'
        f'<text x="{_EDGE}" y="25">{escape(title)}</text>'
        f'<text x="{_EDGE}" y="45">{escape(said)}</text>'
        f'<line x1="{x(0)}" x2="{x(0)}" y1="60" y2="105" stroke="#999" stroke-dasharray="3"/>'
        f'<text x="{x(0)}" y="120" text-anchor="middle" fill="#666">0</text>'
        f'<line x1="{x(low)}" x2="{x(high)}" y1="80" y2="80" stroke="{colour}" stroke-width="4"/>'
        f'<circle cx="{x(mid)}" cy="80" r="6" fill="{colour}"/></svg>'
    )


def _number(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.4f}"
