"""A bar for work of several steps."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tqdm import tqdm

from offline.engine.progress import Report


@contextmanager
def step_bars() -> Iterator[Any]:
    """A bar for the step that runs, on a terminal."""
    bar: Any = tqdm(
        total=1.0,
        disable=None,
        file=sys.stderr,
        leave=False,
        bar_format="{desc} {percentage:3.0f} %|{bar}| {elapsed}",
    )

    def stage(name: str) -> Report:
        bar.reset()
        bar.set_description_str(name)

        def report(share: float) -> None:
            bar.n = share
            bar.refresh()

        return report

    try:
        yield stage
    finally:
        bar.close()
