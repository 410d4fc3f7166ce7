"""Writes the lists that the service serves."""

import os
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from tqdm import tqdm

from contract.files import ITEMS, NEIGHBOURS, RECOMMENDATIONS
from contract.item_lists import MAX_ITEMS
from offline.atomic import check_place, new_directory
from offline.data.matrix import InteractionMatrix
from offline.data.training_set import TrainingSet, rows_of
from offline.errors import InputError
from offline.lists.by_score import by_score
from offline.lists.files import ListFiles, MusicFiles, OwnerFiles, item_lines
from offline.lists.maker import ListMaker
from offline.lists.neighbours import ModelNeighbours, NearItems, Neighbours
from offline.lists.resumable import append_blocks, completed, work_directory
from offline.models.base import Recommender
from offline.models.top_n import TopN

SIZE = "lists"
"""Key of the first line of both files of lists: how many there are, so that a part is known."""


class Exported(NamedTuple):
    """How many lists were written."""

    users: int
    """With a list."""
    without_interactions: int
    """Users who liked nothing."""
    items_with_neighbours: int
    popular_items: int
    from_earlier: int
    """Users whose lists an interrupted export had left."""
    listed: int
    """Items in the lists of users with interactions, made by this call."""
    listed_seen: int
    """Those of them that the user had interacted with."""
    seen_all: int
    """Users who, where that is left out, have nothing left."""


def export_lists(
    model: Recommender,
    training_set: TrainingSet,
    out: Path,
    *,
    list_length: int = 50,
    neighbours: int = 100,
    top: int = 1000,
    block: int = 4096,
    lists: ListMaker | None = None,
    items: pa.Table | None = None,
    also: Path | None = None,
    progress: bool = False,
) -> Exported:
    """Write the files that the service serves into a directory; all appear, or none.

    A user's list ranks the whole catalog given all that the user liked, items liked before
    included: listeners enjoy them again. Music has the protocol's files, in which a user without
    an interaction gets the most popular items. Data with the owner's ids has lists in these ids,
    with scores, and the items themselves; a user without an interaction has no list there.
    Finished blocks wait in the directory `out`.export; after an interruption the same call resumes
    from them.

    Parameters
    ----------
    model : Recommender
        Fitted, or as `load_model` gives it.
    training_set : TrainingSet
        The one that it was trained on.
    out : Path
        Gets `recommendations.json`, `neighbours.json` and `top_tracks.json`; for data with the
        owner's ids `popular.json` and, with `items`, `items.json` in the place of the last.
    list_length, neighbours, top : int
        Items a user, neighbours an item, and popular items.
    block : int, default 4096
        Users whose lists are made at a time.
    lists : ListMaker, optional
        What makes users' lists; None: the model's own ranking.
    items : pyarrow.Table, optional
        The items of data with the owner's ids: `id`, `title` and other fields.
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
        catalog, users of whom none gets a list, and a full disk.

    Examples
    --------
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from scipy import sparse
    >>> from offline import InteractionMatrix, TrainingSet, export_lists, make_model
    >>> histories = InteractionMatrix.of(sparse.csr_matrix(np.tri(40, 60)))
    >>> users = np.arange(40)
    >>> data = TrainingSet(histories, users, users, histories.fingerprint())
    >>> model = make_model("als", {"factors": 4}).fit(data)
    >>> export_lists(model, data, Path("lists"), list_length=5).users
    40
    >>> sorted(path.name for path in Path("lists").iterdir())
    ['neighbours.json', 'recommendations.json', 'top_tracks.json']
    """
    files = MusicFiles() if training_set.items is None else OwnerFiles(training_set.items)
    _check(model, training_set, list_length, files)
    check_place(out, RECOMMENDATIONS)
    lists = lists or by_score(model, list_length)
    users = model.for_everyone
    popular = by_popularity(users)[:top]
    about = {
        "model": model.identity(),
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
            first = popular[:list_length] if files.for_everyone else popular[:0]
            fallback = TopN(first, users[first].astype(np.float32))
            told = _write_recommendations(
                work, training_set, files, lists, fallback, block, progress
            )
            n_lists = _count(work / RECOMMENDATIONS)
            if not n_lists:
                raise InputError(
                    "no user gets a list: all have interacted with everything that could be "
                    "listed; export without --unseen"
                )
            near: NearItems = Neighbours(training_set.histories, neighbours)
            if model.own_neighbours:
                near = ModelNeighbours(model, neighbours)
            count = _write_neighbours(work, files, near, progress)
            with new_directory(out, RECOMMENDATIONS) as new:
                if files.for_everyone:
                    _link(work / RECOMMENDATIONS, new / RECOMMENDATIONS)
                else:
                    _copy_with_size(work / RECOMMENDATIONS, new / RECOMMENDATIONS, n_lists)
                _copy_with_size(work / NEIGHBOURS, new / NEIGHBOURS, count)
                (new / files.popular).write_text(files.of_everyone(popular, users[popular]))
                if items is not None and training_set.items is not None:
                    with (new / ITEMS).open("w") as file:
                        file.writelines(item_lines(items))
                if also is not None:
                    shutil.copyfile(also, new / also.name)
            shutil.rmtree(work)
    except OSError as error:
        raise InputError(
            f"cannot write {out}: {error.strerror or error}; fix that and run the same command "
            f"again: finished lists wait in {work}"
        ) from error
    known = int(np.count_nonzero(training_set.histories.sizes))
    everyone = len(training_set.all_users)
    return Exported(n_lists, everyone - known, count, len(popular), earlier, *told)


def by_popularity(listeners: NDArray[Any]) -> NDArray[np.int64]:
    """Tracks with a like, most users (or the highest score) first; ties go to the smaller id."""
    order = np.argsort(-listeners, kind="stable")
    return order[listeners[order] > 0]


def _check(
    model: Recommender, training_set: TrainingSet, list_length: int, files: ListFiles
) -> None:
    n_items = len(model.popularity)
    if training_set.histories.n_tracks != n_items:
        raise InputError(
            f"the model's catalog has {n_items} {files.items}, but that of the interactions has "
            f"{training_set.histories.n_tracks}: train again, or name the interactions that it "
            "was trained on"
        )
    model.check_trained_on(training_set.fingerprint)
    if list_length > n_items:
        raise InputError(
            f"lists of {list_length} {files.items} from a catalog of {n_items}: ask for shorter "
            f"ones, as with `botify-offline export --length {max(1, n_items // 2)}`"
        )
    if training_set.items is not None and list_length > MAX_ITEMS:
        raise InputError(f"lists of {list_length} items: they may have {MAX_ITEMS}")


class _Told(NamedTuple):
    listed: int
    listed_seen: int
    seen_all: int


def _write_recommendations(
    work: Path,
    training_set: TrainingSet,
    files: ListFiles,
    lists: ListMaker,
    fallback: TopN,
    block: int,
    progress: bool,
) -> _Told:
    path, users = work / RECOMMENDATIONS, training_set.all_users
    done = completed(path)
    parts = (slice(at, min(at + block, len(users))) for at in range(done, len(users), block))
    told = np.zeros(3, np.int64)

    def text(part: slice) -> str:
        rows = _rows_of(training_set, users[part])
        known = rows[rows >= 0]
        made = lists.of(known)
        empty = made.ids[:, 0] < 0
        told[:] += _Told(*_seen(training_set.histories, known, made.ids), int(empty.sum()))
        places = np.full(len(rows), -1)
        places[rows >= 0] = np.where(empty, -1, np.arange(len(known)))
        lines = [
            files.of_user(user, *(fallback if at < 0 else (made.ids[at], made.scores[at])))
            for user, at in zip(users[part].tolist(), places.tolist(), strict=True)
            if at >= 0 or files.for_everyone
        ]
        if part.start == 0 and files.for_everyone:
            lines[0] = _with_size(lines[0], len(users))
        return "".join(lines)

    with tqdm(
        total=len(users), initial=done, unit=" users", unit_scale=True, disable=not progress
    ) as bar:
        append_blocks(path, parts, text, bar.update)
    return _Told(*told.tolist())


def _seen(
    histories: InteractionMatrix, rows: NDArray[np.int64], lists: NDArray[np.int64]
) -> tuple[int, int]:
    """How many items the lists of some rows have, and how many of these the users liked."""
    liked = histories.take(rows)
    owners = np.repeat(np.arange(len(rows)), np.diff(liked.indptr))
    pairs = np.arange(len(rows))[:, None] * histories.n_tracks + lists
    listed = pairs[lists >= 0]
    return len(listed), int(np.isin(listed, owners * histories.n_tracks + liked.indices).sum())


def _rows_of(training_set: TrainingSet, users: NDArray[np.int64]) -> NDArray[np.int64]:
    """The users' rows in the histories; -1 for one without interactions."""
    rows = rows_of(training_set.users, users)
    return np.where((rows >= 0) & (training_set.histories.sizes[rows] > 0), rows, -1)


def _write_neighbours(work: Path, files: ListFiles, near: NearItems, progress: bool) -> int:
    """Gives the number of items that have any."""
    path = work / NEIGHBOURS
    done = completed(path)
    parts = (part for part in near.blocks() if part.start >= done)

    def text(part: slice) -> str:
        found = near.of(part)
        return "".join(
            files.of_item(item, ids, scores)
            for item, ids, scores in zip(range(part.start, part.stop), *found, strict=True)
            if ids[0] >= 0
        )

    with tqdm(
        total=near.n_items,
        initial=done,
        unit=f" {files.items}",
        unit_scale=True,
        disable=not progress,
    ) as bar:
        append_blocks(path, parts, text, bar.update)
    return _count(path)


def _count(path: Path) -> int:
    with path.open("rb") as lines:
        return sum(1 for _ in lines)


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
