"""Pages of one file that load nothing from a network: one look, templates beside their code."""

from pathlib import Path
from typing import Any

import jinja2


def render_page(template: Path, **values: Any) -> str:
    """The page of a template; all that comes from values is escaped.

    The template may extend `base.html` of this folder: `title`, `width`, `style` and `content`.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader([template.parent, Path(__file__).parent]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template(template.name).render(values)
