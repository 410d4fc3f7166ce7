"""Writes the lists that the service serves."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from offline.artefact import Artefact
from offline.atomic import new_directory
from offline.interactions import Interactions
from offline.neighbours import cosine_neighbours
from offline.training import top_lists

RECOMMENDATIONS, NEIGHBOURS, TOP = "recommendations.json", "neighbours.json", "top_tracks.json"


class Exported(NamedTuple):
    """How many lists were written."""

    users: int
    without_interactions: int
    tracks_with_neighbours: int
    top_tracks: int


def export_lists(
    artefact: Artefact,
    interactions: Interactions,
    out: Path,
    *,
    list_length: int = 50,
    neighbours: int = 100,
    top: int = 1000,
) -> Exported:
    """Write recommendations, item-to-item neighbours and top tracks into the directory `out`.

    A user's list is the autoencoder's ranking of the whole catalog given all
    that the user liked, tracks liked before included: a listener enjoys them
    again. A user of the log without an interaction gets the most popular
    tracks. All files appear, or none. Raises InputError for other interactions
    than the model's.
    """
    model = artefact.model
    artefact.check_trained_on(interactions)
    matrix = interactions.matrix(model.n_tracks)
    popular = by_popularity(np.asarray(matrix.sum(axis=0)).ravel())[:top]
    lists = top_lists(model, matrix, list_length, exclude_input=False)
    near = cosine_neighbours(matrix, neighbours)

    with new_directory(out, RECOMMENDATIONS) as new:
        row_of = {user: row for row, user in enumerate(interactions.users.tolist())}
        fallback = popular[:list_length].tolist()
        _write(
            new / RECOMMENDATIONS,
            (
                {"user": user, "tracks": lists[row_of[user]].tolist()}
                if user in row_of
                else {"user": user, "tracks": fallback}
                for user in interactions.all_users.tolist()
            ),
        )
        known = np.flatnonzero(near[:, 0] >= 0)
        _write(
            new / NEIGHBOURS,
            (
                {"track": track, "recommendations": near[track][near[track] >= 0].tolist()}
                for track in known.tolist()
            ),
        )
        (new / TOP).write_text(json.dumps(popular.tolist()) + "\n")
    n_users = len(interactions.all_users)
    return Exported(n_users, n_users - len(row_of), len(known), len(popular))


def by_popularity(listeners: NDArray[Any]) -> NDArray[np.int64]:
    """Tracks that somebody liked, most users first; ties go to the smaller id."""
    order = np.argsort(-listeners, kind="stable")
    return order[listeners[order] > 0]


def _write(path: Path, lines: Iterator[dict[str, object]]) -> None:
    with path.open("w") as out:
        for line in lines:
            out.write(json.dumps(line) + "\n")
