"""What a chain answers: the definition, plain and slow."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from contract.chains import Step

SHARES = 10_000
"""Of a track: the time of a play is rounded to so many parts, so that draws by it are exact."""

Lists = Mapping[str, Mapping[str, Sequence[int]]]
"""By list name and key: the digits of a user or of a track, or "" for everyone."""


@dataclass(frozen=True)
class Music:
    """What a service knows of the tracks."""

    n_tracks: int
    lists: Lists
    artist_of: Sequence[int] = ()
    """A number for the artist of each track."""


class Session(NamedTuple):
    """A session that asks for its next track."""

    user: str
    plays: Sequence[tuple[int, float]]
    """Tracks with the share of each that was heard, in order; at least one."""
    excluded: Collection[int] = ()
    """Count as absent, unless that leaves nothing at all."""


class Choice(NamedTuple):
    """A track, and how it was found."""

    step: int
    """Which step answered, from 0."""
    track: int
    place: int | None
    """In its list, from 0; None where there is no order."""
    propensity: float
    """With what probability this step gives this track here."""


class _Candidates(NamedTuple):
    """Tracks of one list that a step may answer with, each as likely as the others."""

    weight: int
    free: Sequence[tuple[int | None, int]]
    """Places and tracks."""


def choose(
    steps: Sequence[Step], session: Session, music: Music, random: tuple[float, float]
) -> Choice:
    """The answer of a chain. `random`: two uniforms from [0, 1).

    The first draws among tracks; the second one of the plays, or a free track of the catalog where
    the first one drew one that is not free.
    """
    number, candidates = _answering(steps, session, music)
    total = sum(each.weight for each in candidates)
    drawn, at = int(random[1] * total), 0
    while drawn >= candidates[at].weight:
        drawn -= candidates[at].weight
        at += 1
    free = candidates[at].free
    place, track = free[int(random[0] * len(free))]
    if steps[number].source == "catalog":
        track = int(random[0] * music.n_tracks)
        tracks = [one for _, one in free]
        if track not in tracks:
            track = tracks[int(random[1] * len(tracks))]
    return Choice(number, track, place, _probability(candidates, total, track))


def probabilities(steps: Sequence[Step], session: Session, music: Music) -> dict[int, float]:
    """With what probability the chain answers with each track."""
    _, candidates = _answering(steps, session, music)
    total = sum(each.weight for each in candidates)
    tracks = dict.fromkeys(track for each in candidates for _, track in each.free)
    return {track: _probability(candidates, total, track) for track in tracks}


def _probability(candidates: Sequence[_Candidates], total: int, track: int) -> float:
    if len(candidates) == 1:
        return 1 / len(candidates[0].free)
    shares = 0.0
    for each in candidates:
        if any(track == one for _, one in each.free):
            shares += each.weight / len(each.free)
    return shares / total


def _answering(
    steps: Sequence[Step], session: Session, music: Music
) -> tuple[int, list[_Candidates]]:
    """The first step that has a track, and what it draws from."""
    for number, step in enumerate(steps):
        if step.applies(session.plays[-1][1]) and (found := _candidates(step, session, music)):
            return number, found
    raise ValueError("a chain ends with the catalog")


def _candidates(step: Step, session: Session, music: Music) -> list[_Candidates]:
    played = [track for track, _ in session.plays]
    seen = set(played) if step.pick in ("first", "next", "unseen") else set[int]()
    last = played[-1]
    if step.source == "catalog":
        # All were seen: any that is not excluded. All are excluded: something must be played.
        for taken in ({*seen, *session.excluded}, set(session.excluded), set[int]()):
            every = [(None, track) for track in range(music.n_tracks) if track not in taken]
            if every:
                return [_Candidates(1, every)]
        raise ValueError("the catalog has no tracks")
    weighted: Iterable[tuple[int, Sequence[int]]]
    if step.source == "artist":
        mine = music.artist_of[last]
        weighted = [(1, [t for t in range(music.n_tracks) if music.artist_of[t] == mine])]
    else:
        lists = music.lists.get(step.name, {})
        if step.key == "listened_track":
            weighted = [
                (math.floor(time * SHARES + 0.5), lists.get(str(track), ()))
                for track, time in session.plays[-step.plays :]
            ]
        else:
            owner = {"user": session.user, "last_track": str(last)}.get(step.key or "", "")
            weighted = [(1, lists.get(owner, ()))]
    found = []
    for weight, tracks in weighted:
        start = tracks.index(last) + 1 if step.pick == "next" and last in tracks else 0
        free: list[tuple[int | None, int]] = [
            (None if step.source == "artist" else place, track)
            for place, track in enumerate(tracks)
            if place >= start and track not in seen and track not in session.excluded
        ]
        if step.pick in ("first", "best", "next"):
            free = free[:1]
        if weight and free:
            found.append(_Candidates(weight, free))
    return found
