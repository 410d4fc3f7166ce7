"""Drawings of the quality page, as SVG that needs no script. Texts are escaped."""

import math
from collections.abc import Mapping

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

WIDTH, HEIGHT = 640, 160


def bars(values: Mapping[str, int], title: str) -> SafeString:
    """A bar for each label; every seventh label is written below its bar."""
    highest = max(values.values(), default=0) or 1
    step = WIDTH / max(len(values), 1)
    drawn = format_html_join(
        "",
        '<rect class="bar" x="{}" y="{}" width="{}" height="{}"><title>{}: {}</title></rect>',
        (
            (
                f"{at * step + 1:.1f}",
                f"{HEIGHT - 20 - value / highest * (HEIGHT - 40):.1f}",
                f"{max(step - 2, 1):.1f}",
                f"{value / highest * (HEIGHT - 40):.1f}",
                label,
                value,
            )
            for at, (label, value) in enumerate(values.items())
        ),
    )
    labels = format_html_join(
        "",
        '<text x="{}" y="{}">{}</text>',
        (
            (f"{at * step + 1:.1f}", HEIGHT - 4, label[5:])
            for at, label in enumerate(values)
            if at % 7 == 0
        ),
    )
    return format_html(
        '<svg class="chart" viewBox="0 0 {} {}" role="img" aria-label="{}"><title>{}</title>'
        '<text x="0" y="14">{}</text>{}{}</svg>',
        WIDTH,
        HEIGHT,
        title,
        title,
        highest if values else 0,
        drawn,
        labels,
    )


def graph(
    centre: int,
    near: Mapping[int, float],
    links: Mapping[tuple[int, int], float],
    names: Mapping[int, str],
    title: str,
) -> SafeString:
    """`centre` amid its nearest: the nearer, the shorter the line; `links` join neighbours."""
    size, middle = 480, 240
    highest = max(near.values(), default=1.0) or 1.0
    places = {centre: (float(middle), float(middle))}
    for at, (person, value) in enumerate(near.items()):
        angle = 2 * math.pi * at / len(near) - math.pi / 2
        distance = 80 + 120 * (1 - value / highest)
        places[person] = (
            middle + distance * math.cos(angle),
            middle + distance * math.sin(angle),
        )
    lines = [(centre, person, value) for person, value in near.items()]
    lines += [(a, b, value) for (a, b), value in links.items() if a in places and b in places]
    edges = format_html_join(
        "",
        '<line x1="{}" y1="{}" x2="{}" y2="{}"><title>{}, {}: {}</title></line>',
        (
            (
                *(f"{x:.1f}" for x in (*places[a], *places[b])),
                names.get(a, a),
                names.get(b, b),
                f"{value:.3f}",
            )
            for a, b, value in lines
        ),
    )
    nodes = format_html_join(
        "",
        '<g><circle class="{}" cx="{}" cy="{}" r="{}"/><text x="{}" y="{}">{}</text></g>',
        (
            (
                "centre" if person == centre else "node",
                f"{x:.1f}",
                f"{y:.1f}",
                9 if person == centre else 6,
                f"{x:.1f}",
                f"{y - 12:.1f}",
                names.get(person, person),
            )
            for person, (x, y) in places.items()
        ),
    )
    return format_html(
        '<svg class="graph" viewBox="0 0 {} {}" role="img" aria-label="{}">'
        "<title>{}</title>{}{}</svg>",
        size,
        size,
        title,
        title,
        edges,
        nodes,
    )
