"""A person in the terminal answers for the recommender."""

import click
import numpy as np

from sim.agents.base import Answer, Turn
from sim.world import World


class Console:
    """Shows what a listener played, by artist and title, and asks for the next track.

    A track is answered by its id; other text searches artists and titles.
    """

    name = "console"
    one_session_per_user = False

    def begin(self, world: World, slots: int) -> None:
        self._catalog = world.catalog
        click.echo(
            f"You are the recommender: {len(world.catalog):,} tracks. "
            f"Answer with a track id; other text searches artists and titles; Ctrl-C ends."
        )

    def recommend(self, turn: Turn) -> Answer:
        return Answer(np.array([self._ask(turn, i) for i in range(len(turn.slots))]))

    def end(self, turn: Turn) -> None:
        for i in range(len(turn.slots)):
            click.echo(self._played(turn, i))
            click.echo(f"User {turn.users[i]} left after {turn.steps[i]} tracks of yours.\n")

    def _played(self, turn: Turn, i: int) -> str:
        return f"User {turn.users[i]} played {turn.times[i]:.0%} of {self._label(turn.tracks[i])}"

    def _label(self, track: int) -> str:
        return f"{track}: {self._catalog.artist(track)} – {self._catalog.titles[track]}"

    def _ask(self, turn: Turn, i: int) -> int:
        click.echo(self._played(turn, i))
        while True:
            text = click.prompt("next track").strip()
            if not text:
                continue
            if text.isdecimal() and int(text) < len(self._catalog):
                return int(text)
            found = self._search(text.lower())
            click.echo("\n".join(map(self._label, found[:20])) or f"nothing matches {text!r}")
            if len(found) > 20:
                click.echo(f"... and {len(found) - 20} more: say more of it")

    def _search(self, text: str) -> list[int]:
        names = [artist.lower() for artist in self._catalog.artists]
        return [
            track
            for track, title in enumerate(self._catalog.titles)
            if text in title.lower() or text in names[self._catalog.artist_of[track]]
        ]
