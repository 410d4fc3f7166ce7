"""Puts a publication into its stores, and switches readers to it."""

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from contract.factor_stores import ITEMS, USERS
from contract.factors import Active, activated, in_use
from offline.errors import InputError
from offline.factors.packing import decode_active, encode_active
from offline.factors.publication import Publication
from offline.factors.store import FactorStore

KEEP = 2
"""Versions to keep: the active one, and one to go back to."""
GRACE = 60.0
"""Seconds for which a version that was active is kept in any case: a reader may hold it still."""


class Published(NamedTuple):
    """What was done."""

    version: str
    users_written: bool
    """False where the store had them."""
    items_written: bool
    was_active: bool
    removed: tuple[str, ...]
    """Old versions."""
    repaired: int
    """Parts of publications that were interrupted, which were removed."""


def publish(
    publication: Publication,
    users: FactorStore,
    items: FactorStore,
    *,
    now: Callable[[], int],
    keep: int = KEEP,
    grace: float = GRACE,
    progress: Callable[[int], object] = lambda _: None,
) -> Published:
    """Write what the stores lack of a publication, then switch readers to it.

    Nothing that readers use is changed before both sides are whole, so that an error or a kill
    leaves what was served. What such a one leaves is removed first.

    Parameters
    ----------
    publication : Publication
    users, items : FactorStore
        Of the two sides; may be the same store.
    now : callable
        ms since the epoch.
    keep : int
        Versions to keep, the new one included.
    grace : float
        Seconds for which a version is kept after it was replaced.
    progress : callable, optional
        Called with the number of users written.

    Returns
    -------
    Published

    Raises
    ------
    InputError
        Where a store fails, or somebody else publishes.
    """
    version = publication.manifest.version
    with items.as_input_errors(), items.lock():
        active = decode_active(items.active())
        repaired = _remove_leftovers(users, USERS) + _remove_leftovers(items, ITEMS)
        users_written = _put_users(publication, users, progress)
        items_written = _put_items(publication, items)
        new = activated(active, version, now())
        _check_both(users, items, version)
        if new != active:
            items.set_active(encode_active(new))
        removed = _prune(users, items, new, keep, int(grace * 1000), now())
    return Published(
        version, users_written, items_written, new == active, tuple(removed), repaired
    )


def activate(version: str, users: FactorStore, items: FactorStore, now: Callable[[], int]) -> None:
    """Switch readers to a version that both stores have, such as the one before.

    Raises InputError where they have not; it names those they have.
    """
    with items.as_input_errors(), items.lock():
        _check_both(users, items, version)
        new = activated(decode_active(items.active()), version, now())
        items.set_active(encode_active(new))


def versions(users: FactorStore, items: FactorStore) -> tuple[str | None, list[str]]:
    """The active version, and all that both sides have, in no order."""
    with items.as_input_errors():
        active = decode_active(items.active())
        of_items = items.versions(ITEMS)
    with users.as_input_errors():
        both = of_items.keys() & users.versions(USERS).keys()
    return active.version if active else None, sorted(both)


def _remove_leftovers(store: FactorStore, side: str) -> int:
    with store.as_input_errors():
        found = store.leftovers(side)
        for version in found:
            store.drop(side, version)
    return len(found)


def _put_users(
    publication: Publication, store: FactorStore, progress: Callable[[int], object]
) -> bool:
    manifest = publication.manifest
    with store.as_input_errors():
        if not _lacks(store, USERS, manifest.version, manifest.users):
            return False
        records = _counted(publication.records(), progress)
        store.put_users(manifest, records)
    return True


def _put_items(publication: Publication, store: FactorStore) -> bool:
    manifest = publication.manifest
    with store.as_input_errors():
        if not _lacks(store, ITEMS, manifest.version, manifest.items):
            return False
        store.put_items(publication.content(compress=store.url.kind != "file"))
    return True


def _lacks(store: FactorStore, side: str, version: str, count: int) -> bool:
    """Whether the version has to be written; what is there of a damaged one is removed."""
    found = store.versions(side).get(version)
    if found is not None and found != count:
        store.drop(side, version)
    return found != count


def _counted(
    records: Iterator[list[tuple[str, bytes]]], progress: Callable[[int], object]
) -> Iterator[Sequence[tuple[str, bytes]]]:
    for some in records:
        yield some
        progress(len(some))


def _check_both(users: FactorStore, items: FactorStore, version: str) -> None:
    for store, side in ((users, USERS), (items, ITEMS)):
        with store.as_input_errors():
            found = store.versions(side)
        if version not in found:
            there = ", ".join(sorted(found)) or "none"
            raise InputError(
                f"{store.url.shown}: no {side} of version {version} (versions there: {there})"
            )


def _prune(
    users: FactorStore, items: FactorStore, active: Active, keep: int, grace: int, now: int
) -> list[str]:
    kept = in_use(active, keep, now, grace)
    removed: dict[str, None] = {}
    for store, side in ((users, USERS), (items, ITEMS)):
        with store.as_input_errors():
            for version in sorted(store.versions(side).keys() - kept):
                store.drop(side, version)
                removed[version] = None
    return list(removed)
