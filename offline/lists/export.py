"""Writes the lists that the service serves."""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from contract.files import NEIGHBOURS, RECOMMENDATIONS, TOP_TRACKS
from offline.artefact import Artefact
from offline.atomic import check_place, new_directory
from offline.data.matrix import InteractionMatrix
from offline.data.training_set import TrainingSet, rows_of
from offline.errors import InputError
from offline.lists.by_score import by_score
from offline.lists.maker import ListMaker
from offline.lists.neighbours import Neighbours
from offline.lists.resumable import append_blocks, completed, work_directory
from offline.models.dae.network import DAE

SIZE = "lists"
"""Key of the first line of both files of lists: how many there are, so that a part is known."""


class Exported(NamedTuple):
    """How many lists were written."""

    users: int
    without_interactions: int
    tracks_with_neighbours: int
    top_tracks: int
    from_earlier: int
    """Users whose lists an interrupted export had left."""


def export_lists(
    artefact: Artefact,
    training_set: TrainingSet,
    out: Path,
    *,
    list_length: int = 50,
    neighbours: int = 100,
    top: int = 1000,
    block: int = 4096,
    lists: ListMaker | None = None,
    also: Path | None = None,
    progress: bool = False,
) -> Exported:
    """Write the files that the service serves into a directory; all appear, or none.

    A user's list ranks the whole catalog given all that the user liked, tracks liked before
    included: listeners enjoy them again. A user without an interaction gets the most popular
    tracks. Finished blocks wait in the directory `out`.export; after an interruption the same
    call resumes from them.

    Parameters
    ----------
    artefact : Artefact
        As `load_artefact` gives it.
    training_set : TrainingSet
        The one that it was trained on.
    out : Path
        Gets `recommendations.json`, `neighbours.json` and `top_tracks.json`.
    list_length, neighbours, top : int
        Tracks a user, neighbours a track, and popular tracks.
    block : int, default 4096
        Users whose lists are made at a time.
    lists : ListMaker, optional
        What makes users' lists; None: the model's own ranking.
    also : Path, optional
        A file to copy beside them.
    progress : bool, default False
        Whether to show a bar.

    Returns
    -------
    Exported
        How many lists were written.

    Raises
    ------
    InputError
        For interactions or a catalog that the model was not trained on, lists longer than the
        catalog, and a full disk.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from offline import InteractionMatrix, TrainingSet, TrainOptions
    >>> from offline import export_lists, fit, load_artefact, save_artefact
    >>> histories = InteractionMatrix.of(sparse.csr_matrix(np.tri(40, 60)))
    >>> users = np.arange(40)
    >>> data = TrainingSet(histories, users, users, histories.fingerprint())
    >>> options = TrainOptions(hidden=(4,), epochs=1)
    >>> save_artefact(Path("model"), fit(histories, options), options, data.fingerprint)
    >>> export_lists(load_artefact(Path("model")), data, Path("lists"), list_length=5).users
    40
    >>> sorted(path.name for path in Path("lists").iterdir())
    ['neighbours.json', 'recommendations.json', 'top_tracks.json']
    """
    _check(artefact, training_set, list_length)
    check_place(out, RECOMMENDATIONS)
    lists = lists or by_score(artefact.model, training_set.histories, list_length)
    popular = by_popularity(training_set.histories.popularity())[:top]
    about = {
        "model": _fingerprint(artefact.model),
        "data": training_set.fingerprint,
        "lists": lists.recipe,
        "length": list_length,
        "neighbours": neighbours,
        "top": top,
    }
    place = out.resolve()
    work = place.with_name(f"{place.name}.export")
    try:
        with work_directory(work, about):
            earlier = completed(work / RECOMMENDATIONS)
            _write_recommendations(
                work, training_set, lists, popular[:list_length], block, progress
            )
            tracks = _write_neighbours(work, training_set.histories, neighbours, progress)
            (work / TOP_TRACKS).write_text(json.dumps(popular.tolist()) + "\n")
            with new_directory(out, RECOMMENDATIONS) as new:
                for name in (RECOMMENDATIONS, TOP_TRACKS):
                    _link(work / name, new / name)
                _copy_with_size(work / NEIGHBOURS, new / NEIGHBOURS, tracks)
                if also is not None:
                    shutil.copyfile(also, new / also.name)
            shutil.rmtree(work)
    except OSError as error:
        raise InputError(
            f"cannot write {out}: {error.strerror or error}; fix that and run the same command "
            f"again: finished lists wait in {work}"
        ) from error
    users, known = len(training_set.all_users), int(np.count_nonzero(training_set.histories.sizes))
    return Exported(users, users - known, tracks, len(popular), earlier)


def by_popularity(listeners: NDArray[Any]) -> NDArray[np.int64]:
    """Tracks with a like, most users first; ties go to the smaller id."""
    order = np.argsort(-listeners, kind="stable")
    return order[listeners[order] > 0]


def _check(artefact: Artefact, training_set: TrainingSet, list_length: int) -> None:
    n_tracks = artefact.model.n_tracks
    if training_set.histories.n_tracks != n_tracks:
        raise InputError(
            f"the model's catalog has {n_tracks} tracks, but that of the interactions has "
            f"{training_set.histories.n_tracks}: train again, or name the interactions that it "
            "was trained on"
        )
    artefact.check_trained_on(training_set.fingerprint)
    if list_length > n_tracks:
        raise InputError(
            f"lists of {list_length} tracks from a catalog of {n_tracks}: ask for shorter ones"
        )


def _fingerprint(model: DAE) -> str:
    """SHA-256 of all that decides about its lists."""
    digest = hashlib.sha256(f"{model.n_tracks} {model.hidden}".encode())
    for value in model.state_dict().values():
        digest.update(value.cpu().contiguous().numpy().data)
    return digest.hexdigest()


def _write_recommendations(
    work: Path,
    training_set: TrainingSet,
    lists: ListMaker,
    fallback: NDArray[np.int64],
    block: int,
    progress: bool,
) -> None:
    path, users = work / RECOMMENDATIONS, training_set.all_users
    done = completed(path)
    parts = (slice(at, min(at + block, len(users))) for at in range(done, len(users), block))

    def text(part: slice) -> str:
        rows = _rows_of(training_set, users[part])
        made = iter(lists.of(rows[rows >= 0]))
        lines = [
            _line("user", user, "tracks", fallback if row < 0 else next(made))
            for user, row in zip(users[part].tolist(), rows.tolist(), strict=True)
        ]
        if part.start == 0:
            lines[0] = _with_size(lines[0], len(users))
        return "".join(lines)

    with tqdm(
        total=len(users), initial=done, unit=" users", unit_scale=True, disable=not progress
    ) as bar:
        append_blocks(path, parts, text, bar.update)


def _rows_of(training_set: TrainingSet, users: NDArray[np.int64]) -> NDArray[np.int64]:
    """The users' rows in the histories; -1 for one without interactions."""
    rows = rows_of(training_set.users, users)
    return np.where((rows >= 0) & (training_set.histories.sizes[rows] > 0), rows, -1)


def _write_neighbours(work: Path, histories: InteractionMatrix, k: int, progress: bool) -> int:
    """Gives the number of tracks that have any."""
    path = work / NEIGHBOURS
    near = Neighbours(histories, k)
    done = completed(path)
    parts = (part for part in near.blocks() if part.start >= done)

    def text(part: slice) -> str:
        return "".join(
            _line("track", track, "recommendations", found)
            for track, found in enumerate(near.of(part), part.start)
            if found[0] >= 0
        )

    with tqdm(
        total=histories.n_tracks,
        initial=done,
        unit=" tracks",
        unit_scale=True,
        disable=not progress,
    ) as bar:
        append_blocks(path, parts, text, bar.update)
    with path.open() as lines:
        return sum(1 for _ in lines)


def _line(of: str, id_: int, name: str, tracks: NDArray[np.int64]) -> str:
    return json.dumps({of: id_, name: tracks[tracks >= 0].tolist()}) + "\n"


def _with_size(line: str, n: int) -> str:
    return f'{line.rstrip()[:-1]}, "{SIZE}": {n}}}\n'


def _copy_with_size(made: Path, place: Path, n: int) -> None:
    with made.open() as lines, place.open("w") as copy:
        if n:
            copy.write(_with_size(lines.readline(), n))
        shutil.copyfileobj(lines, copy, 2**20)


def _link(made: Path, place: Path) -> None:
    """The same file at another place: the first stays until the second counts."""
    try:
        os.link(made, place)
    except OSError:  # not every file system can
        shutil.copyfile(made, place)
