"""Runs `botify-offline` in a place of its own."""

from collections.abc import Callable
from pathlib import Path

from click.testing import CliRunner

from offline.cli import main


def offline_in(place: Path) -> Callable[..., str]:
    """Takes words in which @ stands for the place, and gives what was said."""

    def run(*words: str, fails: bool = False) -> str:
        arguments = [word.replace("@", f"{place}/") for word in words]
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == (2 if fails else 0), done.output
        return done.output

    return run
