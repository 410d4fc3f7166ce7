"""Data for the service's benchmarks: made from a seed once, and kept."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
import orjson

from sim.worldgen.names import artist_names, track_titles

LIST, NEIGHBOURS, TOP = 50, 100, 100


class Data(NamedTuple):
    """A directory laid out as config/botify.yml expects."""

    directory: Path
    users: int
    tracks: int


def data(root: Path, users: int, tracks: int, seed: int) -> Data:
    """A world of `tracks`, a list for each of `users` and neighbours for each track.

    Artists' shares of the catalog fall like a power law. Lists are random: their
    content does not affect the time of serving them.
    """
    directory = root / f"{tracks}-tracks-{users}-users-seed-{seed}"
    if not directory.exists():
        say(f"making data in {directory}: seconds, once")
        rng = np.random.default_rng(seed)
        aside = emptied(directory.with_name(f"{directory.name}.unfinished"))
        (aside / "world").mkdir()
        (aside / "lists").mkdir()
        write_rows(aside / "world/tracks.json", _catalog(tracks, rng))
        lists = lists_of(users, LIST, tracks, rng)
        write_rows(aside / "lists/recommendations.json", rows_of("user", "tracks", lists))
        lists = lists_of(tracks, NEIGHBOURS, tracks, rng)
        write_rows(aside / "lists/neighbours.json", rows_of("track", "recommendations", lists))
        top = rng.choice(tracks, min(TOP, tracks), replace=False)
        (aside / "lists/top_tracks.json").write_bytes(orjson.dumps(top.tolist()))
        os.replace(aside, directory)
    return Data(directory, users, tracks)


def many_lists(root: Path, users: int, tracks: int, seed: int) -> Path:
    """A file of lists for this number of users."""
    path = root / f"{users}-lists-of-{tracks}-tracks-seed-{seed}.json"
    if not path.exists():
        say(f"writing {users:,} lists to {path}, once")
        aside = path.with_suffix(".unfinished")
        lists = lists_of(users, LIST, tracks, np.random.default_rng(seed))
        write_rows(aside, rows_of("user", "tracks", lists))
        os.replace(aside, path)
    return path


def say(what: str) -> None:
    """Print progress to stderr: stdout is for figures."""
    click.echo(what, err=True)


def _catalog(tracks: int, rng: np.random.Generator) -> Iterable[dict[str, int | str]]:
    artists = max(1, tracks // 8)
    weights = np.arange(1, artists + 1) ** -0.8
    artist_of = rng.choice(artists, tracks, p=weights / weights.sum()).astype(np.int32)
    names, titles = artist_names(artists, rng), track_titles(artist_of, rng)
    for track, (artist, title) in enumerate(zip(artist_of.tolist(), titles, strict=True)):
        yield {"track": track, "artist": names[artist], "title": title}


def lists_of(
    owners: int, length: int, tracks: int, rng: np.random.Generator
) -> Iterable[list[int]]:
    """Lists of different tracks, of `length` or of all there are."""
    length = min(length, tracks)
    for _ in range(owners):
        yield rng.choice(tracks, length, replace=False).tolist()


def rows_of(owner: str, key: str, lists: Iterable[list[int]]) -> Iterable[dict[str, object]]:
    """Lines of a file of lists; owners are numbered from 0."""
    for number, tracks in enumerate(lists):
        yield {owner: number, key: tracks}


def write_rows(path: Path, rows: Iterable[object]) -> None:
    """A file of JSON Lines."""
    with path.open("wb") as file:
        file.writelines(orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE) for row in rows)


def emptied(directory: Path) -> Path:
    """The directory, new."""
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir(parents=True)
    return directory
