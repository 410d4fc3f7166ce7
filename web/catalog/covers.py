"""Drawn covers, for items without a picture: an SVG made of the item's id and name alone."""

import hashlib

from django.utils.html import escape

_COVER = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 300" role="img">
<title>{name}</title>
<rect width="200" height="300" fill="hsl({hue} 45% 32%)"/>
{shapes}
<text x="100" y="270" fill="#fff" font-family="sans-serif" font-size="44" font-weight="700"
 text-anchor="middle">{initials}</text>
</svg>
"""


def initials(name: str) -> str:
    """The first letters of up to three words that begin with a letter or a digit."""
    words = [word for word in name.replace("(", " ").split() if word[0].isalnum()]
    return "".join(word[0] for word in words[:3]).upper() or "?"


def cover(item_id: int, name: str) -> str:
    """The cover as SVG, 200 × 300."""
    seed = hashlib.blake2b(f"{item_id}:{name}".encode(), digest_size=16).digest()
    hue = seed[0] * 360 // 256
    shapes = []
    for at in range(4):
        x, y, size, turn = seed[1 + at * 3], seed[2 + at * 3], seed[3 + at * 3], seed[at]
        colour = f"hsl({(hue + 25 + turn // 6) % 360} 60% {45 + 8 * at}%)"
        if turn % 2:
            shape = f'<circle cx="{x * 200 // 255}" cy="{y * 220 // 255}" r="{20 + size // 5}"'
        else:
            shape = (
                f'<rect x="{x * 160 // 255}" y="{y * 190 // 255}" width="{30 + size // 3}" '
                f'height="{30 + size // 4}" transform="rotate({turn % 60} 100 110)"'
            )
        shapes.append(f'{shape} fill="{colour}" fill-opacity="0.55"/>')
    return _COVER.format(
        name=escape(name), hue=hue, shapes="\n".join(shapes), initials=escape(initials(name))
    )
