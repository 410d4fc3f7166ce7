"""Chains of steps as target policies: what a recommender of a service's config would choose."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from contract.chain_choice import SHARES, Lists
from contract.chains import Step
from offline.errors import InputError
from offline.off_policy.decisions import Bools, Decisions, Floats, Ints


class Music(NamedTuple):
    """What the target knows of the tracks."""

    lists: Lists
    """By name and key: the digits of a user or of a track, or "" for everyone."""
    artist_of: Sequence[int] | None = None
    """A number for the artist of each track of the catalog; None where the catalog is not
    known: then a chain has no answer from there on."""


class _Candidates(NamedTuple):
    """Tracks that are equally likely: all of a set but some."""

    share: int
    """How likely they are together, against the other candidates of the same decision."""
    base: int
    """Number of the set; -1 for one track alone."""
    track: int
    """That track; else -1."""
    size: int
    """Number of the candidates."""
    removed: Collection[int] = ()
    """The tracks of the set that are not among them."""


@dataclass
class _Bases:
    """The sets of tracks that are drawn from."""

    tracks: list[Collection[int]] = field(default_factory=lambda: [()])
    """The first is the catalog, whose tracks are not listed."""
    numbers: dict[tuple[str, str], int] = field(default_factory=dict)

    def number(self, name: str, key: str, tracks: Collection[int]) -> int:
        """The number of the set that the list of that name and key makes."""
        found = self.numbers.get((name, key))
        if found is None:
            found = self.numbers[name, key] = len(self.tracks)
            self.tracks.append(frozenset(tracks))
        return found


_CATALOG = 0
_NO_TRACKS: frozenset[int] = frozenset()


class ChainTarget:
    """The recommender that walks these steps, next to the n decisions of a log.

    The probabilities are exact: those that `contract.chain_choice` defines, given what the session
    has played and what it was offered.
    """

    def __init__(
        self,
        name: str,
        steps: Sequence[Step],
        music: Music,
        log: Decisions,
        exclude: Iterable[int] = (),
    ) -> None:
        """Raises InputError where no user of the log has a list, or artists are needed and not
        known."""
        if music.artist_of is None and any(step.source == "artist" for step in steps):
            raise InputError(f"{name}: it reads artists: name the catalog with --catalog")
        if music.artist_of is not None and log.logged[-1] >= len(music.artist_of):
            raise InputError(
                f"{name}: the log recommends track {log.logged[-1]}, but the catalog has tracks 0 "
                f"to {len(music.artist_of) - 1}: name the log's catalog with --catalog"
            )
        self.name = name
        self._steps, self._music, self._excluded = steps, music, frozenset(exclude)
        self._bases = _Bases()
        self._artists: dict[int, list[int]] = {}
        for track, artist in enumerate(music.artist_of or ()):
            self._artists.setdefault(artist, []).append(track)
        n = len(log.users)
        self.answers: Bools = np.zeros(n, np.bool_)
        self.chances: Floats = np.zeros(n)
        found: list[tuple[int, float, int, int, int]] = []
        removed: list[tuple[int, int]] = []
        recommended = log.recommendations.tolist()
        for i, candidates in enumerate(self._walk(log)):
            if not candidates:
                continue
            self.answers[i] = True
            total = sum(each.share for each in candidates)
            self.chances[i] = self._chance(candidates, total, recommended[i])
            for each in candidates:
                removed += [(len(found), track) for track in each.removed]
                found.append((i, each.share / total, each.base, each.track, each.size))
        self._store(log, found, removed)
        self.notes = self._notes(log)

    def mean_of(self, values: Floats) -> Floats:
        """As in Target."""
        of_sets = _sums(self._base_rows, values[self._base_codes], len(self._bases.tracks))
        if self._music.artist_of is not None:
            others = len(self._music.artist_of) - (len(values) - 1)
            of_sets[_CATALOG] = values[:-1].sum() + others * values[-1]
        sums: Floats = np.where(
            self._is_single, values[self._codes], of_sets[self._candidate_bases]
        )
        sums -= _sums(self._removed_rows, values[self._removed_codes], len(sums))
        return _sums(self._rows, self._weights * sums / self._counts, self._n)

    def _store(
        self,
        log: Decisions,
        found: list[tuple[int, float, int, int, int]],
        removed: list[tuple[int, int]],
    ) -> None:
        """The candidates as arrays."""
        self._n = len(log.users)
        columns = [np.asarray(column) for column in zip(*found, strict=True)] or [np.empty(0)] * 5
        self._rows: Ints = columns[0].astype(np.int64)
        self._weights: Floats = columns[1].astype(np.float64)
        bases: Ints = columns[2].astype(np.int64)
        self._is_single: Bools = bases < 0
        self._candidate_bases: Ints = np.maximum(bases, 0)
        self._codes: Ints = log.codes(columns[3].astype(np.int64))
        self._counts: Ints = columns[4].astype(np.int64)
        gone = np.asarray(removed, np.int64).reshape(-1, 2)
        self._removed_rows, self._removed_codes = gone[:, 0], log.codes(gone[:, 1])
        sizes = [len(tracks) for tracks in self._bases.tracks]
        self._base_rows = np.repeat(np.arange(len(sizes)), sizes)
        members = np.fromiter((t for tracks in self._bases.tracks for t in tracks), np.int64)
        self._base_codes = log.codes(members)

    def _chance(self, candidates: Sequence[_Candidates], total: int, track: int) -> float:
        if len(candidates) == 1:
            return 1 / candidates[0].size if self._has(candidates[0], track) else 0.0
        shares = sum(each.share / each.size for each in candidates if self._has(each, track))
        return shares / total

    def _has(self, candidates: _Candidates, track: int) -> bool:
        if candidates.base < 0:
            return candidates.track == track
        if candidates.base == _CATALOG:
            known = 0 <= track < len(self._music.artist_of or ())
        else:
            known = track in self._bases.tracks[candidates.base]
        return known and track not in candidates.removed

    def _walk(self, log: Decisions) -> Iterator[list[_Candidates]]:
        """What is drawn from at each decision; nothing where the target has no track."""
        session = -1
        plays: list[tuple[int, float]] = []
        seen: set[int] = set()
        columns = log.sessions, log.users, log.tracks, log.times, log.recommendations
        rows = zip(*(column.tolist() for column in columns), strict=True)
        for number, user, track, time, offered in rows:
            if number != session:
                session, plays, seen = number, [], set()
            plays.append((track, time))
            seen.add(track)
            yield self._first_with_tracks(log.user_ids[user], plays, seen)
            if offered >= 0:  # seen from now on, also where the listener played another
                seen.add(offered)

    def _first_with_tracks(
        self, user: str, plays: Sequence[tuple[int, float]], seen: set[int]
    ) -> list[_Candidates]:
        for step in self._steps:
            if step.applies(plays[-1][1]) and (found := self._of_step(step, user, plays, seen)):
                return found
        return []

    def _of_step(
        self, step: Step, user: str, plays: Sequence[tuple[int, float]], seen: set[int]
    ) -> list[_Candidates]:
        last = plays[-1][0]
        if step.source == "catalog":
            return self._from_catalog(seen if step.pick == "unseen" else _NO_TRACKS)
        if step.source == "artist":
            assert self._music.artist_of is not None
            artist = self._music.artist_of[last] if last < len(self._music.artist_of) else -1
            weighted: list[tuple[int, str, Sequence[int]]]
            weighted = [(1, str(artist), self._artists.get(artist, []))]
        else:
            lists = self._music.lists.get(step.name, {})
            keys = [(1, {"user": user, "last_track": str(last)}.get(step.key or "", ""))]
            if step.key == "listened_track":
                keys = [
                    (math.floor(time * SHARES + 0.5), str(track))
                    for track, time in plays[-step.plays :]
                ]
            weighted = [(share, key, lists.get(key, ())) for share, key in keys]
        found = (
            self._from_list(step, share, key, tracks, last, seen)
            for share, key, tracks in weighted
            if share
        )
        return [each for each in found if each is not None]

    def _from_list(
        self,
        step: Step,
        share: int,
        key: str,
        tracks: Sequence[int],
        last: int,
        seen: set[int],
    ) -> _Candidates | None:
        taken: Collection[int] = seen if step.pick in ("first", "next", "unseen") else _NO_TRACKS
        excluded = self._excluded
        if step.pick in ("first", "best", "next"):
            start = tracks.index(last) + 1 if step.pick == "next" and last in tracks else 0
            for track in tracks[start:]:
                if track not in taken and track not in excluded:
                    return _Candidates(share, -1, track, 1)
            return None
        base = self._bases.number(step.name, key, tracks)
        removed = [t for t in {*taken, *excluded} if t in self._bases.tracks[base]]
        count = len(tracks) - len(removed)
        return _Candidates(share, base, -1, count, removed) if count else None

    def _from_catalog(self, seen: Collection[int]) -> list[_Candidates]:
        if self._music.artist_of is None:
            return []
        n_tracks = len(self._music.artist_of)
        for taken in ({*seen, *self._excluded}, self._excluded, _NO_TRACKS):
            removed = [track for track in taken if 0 <= track < n_tracks]
            if len(removed) < n_tracks:
                return [_Candidates(1, _CATALOG, -1, n_tracks - len(removed), removed)]
        return []

    def _notes(self, log: Decisions) -> list[str]:
        notes = []
        for name in dict.fromkeys(step.name for step in self._steps if step.key == "user"):
            lists = self._music.lists.get(name, {})
            unknown = sum(user not in lists for user in log.user_ids)
            strangers = len(lists) - (len(log.user_ids) - unknown)
            if unknown:
                notes.append(f"{unknown:,} users of the log have no list")
            if strangers:
                notes.append(f"{strangers:,} users with a list are not in the log")
        if silent := int((log.usable & ~self.answers).sum()):
            notes.append(f"{silent:,} decisions are left out: the target has no track for them")
        return notes


def _sums(rows: Ints, values: Floats, n: int) -> Floats:
    """The sum of the values of each row, shape (n,)."""
    return np.bincount(rows, values, n).astype(np.float64)


def list_target(name: str, lists: Mapping[str, Sequence[int]], log: Decisions) -> ChainTarget:
    """Each user's list, best first: the first track not seen (played or offered) yet.

    `lists` by user id in digits. Raises InputError where no user of the log has one.
    """
    if not any(user in lists for user in log.user_ids):
        raise InputError(f"{name}: no user of the log has a list in it")
    step = Step("list", "first", "lists", "user")
    return ChainTarget(name, [step], Music({"lists": lists}), log)


def popular_target(name: str, top_tracks: Sequence[int], log: Decisions) -> ChainTarget:
    """TOP_POP: uniform over the most popular tracks, played or not."""
    step = Step("list", "any", "top_tracks", "everyone")
    return ChainTarget(name, [step], Music({"top_tracks": {"": top_tracks}}), log)
