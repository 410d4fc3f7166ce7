"""A person in the terminal is the recommender."""

import unicodedata
from functools import cached_property

import click
import numpy as np

from sim.agent import Answer, Turn
from sim.world import Catalog, World

_SHOWN = 20
_HELP = """\
  12           plays track 12
  some words   shows the tracks with all of them in artist and title
  ?            shows this again
  quit         ends, as do Ctrl-D and Ctrl-C"""
# Letters that Unicode does not decompose into a plain letter and an accent.
_PLAIN = str.maketrans({"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe"})


class Quit(click.Abort):
    """The person quits; the sessions in flight are not finished.

    A caller that needs the finished ones catches it; uncaught, it ends a command
    as Ctrl-C does.
    """


class Console:
    """Shows what a listener played, by artist and title, and asks for the next track.

    The person sees what a recommender would know: neither the listener's taste
    nor the budget. Raises Quit when the person asks for it or the input ends.
    """

    name = "console"
    sources: tuple[str, ...] = ("console",)

    def __init__(self) -> None:
        self._welcomed = False

    def begin(self, world: World, slots: int) -> None:
        self._heard = np.zeros(slots)
        if self._welcomed:  # sessions are new, the person is not
            return
        self._welcomed = True
        self._catalog = world.catalog
        self._search = Search(world.catalog)
        click.echo(f"You are the recommender: {len(world.catalog):,} tracks.\n{_HELP}\n")

    def recommend(self, turn: Turn) -> Answer:
        return Answer(np.array([self._next(turn, i) for i in range(len(turn.slots))]))

    def end(self, turn: Turn) -> None:
        for i in range(len(turn.slots)):
            self._show(turn, i)
            click.echo(f"User {turn.users[i]} left.\n")

    def _show(self, turn: Turn, i: int) -> None:
        """Print what session i played last, and the total of the answers so far."""
        slot, steps, time = turn.slots[i], turn.steps[i], turn.times[i]
        text = f"User {turn.users[i]} played {time:.0%} of {self._label(int(turn.tracks[i]))}"
        if not steps:
            self._heard[slot] = 0.0
            click.echo(text)
            return
        self._heard[slot] += time
        tracks = "1 track" if steps == 1 else f"{steps} tracks"
        click.echo(f"{text} ({tracks} of yours so far, {self._heard[slot]:.2f} heard)")

    def _label(self, track: int) -> str:
        return f"{track}: {self._catalog.artist(track)} – {self._catalog.titles[track]}"

    def _next(self, turn: Turn, i: int) -> int:
        """The track that the person chooses for session i."""
        self._show(turn, i)
        while True:
            text = _ask()
            if text in ("?", "help"):
                click.echo(_HELP)
                continue
            number = int(text) if text.isdecimal() and len(text) < 20 else None
            if number is not None and number < len(self._catalog):
                return number
            found = self._search.find(text)
            if number is not None:
                click.echo(f"{text} is no track: tracks are 0 to {len(self._catalog) - 1}")
            elif not found:
                click.echo(f"no artist or title has {text!r}")
            for track in found[:_SHOWN]:
                click.echo(self._label(track))
            if len(found) > _SHOWN:
                click.echo(f"... and {len(found) - _SHOWN:,} more")


def _ask() -> str:
    try:
        text: str = click.prompt("next track").strip()
    except click.Abort:
        click.echo()  # the cursor is still behind the prompt
        raise Quit from None
    if text == "quit":
        raise Quit
    return text


class Search:
    """Finds tracks of a catalog by words of artist and title, whatever their case and accents."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    @cached_property
    def _texts(self) -> list[str]:
        """Artist and title of each track, a line break before each of the two."""
        artists = [_fold(artist) for artist in self._catalog.artists]
        return [
            f"\n{artists[artist]}\n{_fold(title)}"
            for artist, title in zip(
                self._catalog.artist_of.tolist(), self._catalog.titles, strict=True
            )
        ]

    def find(self, text: str) -> list[int]:
        """Tracks in which every word of the text occurs, in artist or title.

        Those whose artist or title starts with the text come first; both groups by id.
        """
        text, texts = _fold(text), self._texts
        found = list(range(len(texts))) if text else []
        for word in text.split():
            found = [track for track in found if word in texts[track]]
        return sorted(found, key=lambda track: f"\n{text}" not in texts[track])


def _fold(text: str) -> str:
    """The text in lower case, without accents, its words separated by one space."""
    letters = unicodedata.normalize("NFKD", text.casefold()).translate(_PLAIN)
    return " ".join("".join(c for c in letters if not unicodedata.combining(c)).split())
