"""How a recommender that walks lists chooses: a chain of steps, the first with a track answers.

This is what next.lua does in the service, compiled loops in the simulator, and the target policies
of an off-policy estimate in arrays.
"""

from collections.abc import Collection, Sequence
from typing import Literal, NamedTuple

Pick = Literal["first", "best", "unseen", "any"]
"""The first that the session has not played, or the first; uniform over those that it has not
played, or over all."""


class Step(NamedTuple):
    """A place to look for the next track."""

    pick: Pick
    tracks: Sequence[int] | None = None
    """A list, best first; None stands for the whole catalog, and is the last step."""


class Choice(NamedTuple):
    """A track, and how it was found."""

    step: int
    """Which step answered, from 0."""
    track: int
    place: int | None
    """In the list, from 0; None for the catalog."""
    drawn_from: int
    """How many tracks it was drawn from: its propensity is 1 / drawn_from."""


def choose(
    steps: Sequence[Step],
    played: Sequence[int],
    random: tuple[float, float],
    n_tracks: int,
    excluded: Collection[int] = (),
) -> Choice:
    """The answer of a chain whose last step is the catalog.

    `played` are the tracks of the session; `random` two uniforms in [0, 1). Of these the first
    draws; the second is used where the first draws a track of the catalog that is not free.
    Excluded tracks count as absent, unless that leaves nothing at all.
    """
    for number, step in enumerate(steps):
        if step.tracks is None:
            track, count = _from_catalog(step.pick, set(played), random, n_tracks, set(excluded))
            return Choice(number, track, None, count)
        taken = {*excluded, *(played if step.pick in ("first", "unseen") else ())}
        free = [(place, track) for place, track in enumerate(step.tracks) if track not in taken]
        if free:
            count = 1 if step.pick in ("first", "best") else len(free)
            place, track = free[int(random[0] * count)]
            return Choice(number, track, place, count)
    raise ValueError("the last step of a chain is the catalog")


def _from_catalog(
    pick: Pick, played: set[int], random: tuple[float, float], n_tracks: int, excluded: set[int]
) -> tuple[int, int]:
    # All was played: any track that is not excluded. All is excluded: something must be played.
    for taken in (excluded | played if pick == "unseen" else excluded, excluded, set[int]()):
        free = [track for track in range(n_tracks) if track not in taken]
        if free:
            drawn = int(random[0] * n_tracks)
            return (drawn if drawn not in taken else free[int(random[1] * len(free))]), len(free)
    raise ValueError("the catalog has no tracks")
