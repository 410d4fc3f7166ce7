"""One suite for every store of factors: what is published is read, of one version at a time."""

import copy
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import numpy as np
import pytest

from botify.factors import FactorReader, SourceError, open_reader
from botify.store.embedded_valkey import EmbeddedValkey
from contract.factor_stores import ITEMS, USERS
from offline.errors import InputError
from offline.factors import lease
from offline.factors.by_url import open_store
from offline.factors.publication import Publication, publication_of
from offline.factors.publish import Published, activate, publish, versions

from ..factor_stores import Mongo, small_model
from ..postgres import Postgres

pytestmark = pytest.mark.integration

FIRST = publication_of(small_model(), precompute=5)
SECOND = publication_of(small_model(1))
THIRD = publication_of(small_model(2))
STORES = ("file", "redis", "postgres", "postgres without pgvector", "mongo", "mongo and redis")
_numbers = count(1)


@pytest.fixture(scope="session")
def valkey() -> Iterator[str]:
    with EmbeddedValkey() as server:
        yield server.url


@pytest.fixture(scope="session")
def mongo() -> Iterator[Mongo]:
    with Mongo() as server:
        yield server


@pytest.fixture(scope="session")
def database(postgres_server: Postgres) -> Iterator[str]:
    """One for all tests, whose publications have names of their own."""
    with postgres_server.database() as url:
        yield url


class Stores:
    """Both sides of one publication, open for writing and for reading."""

    def __init__(self, users: str, items: str, stack: ExitStack) -> None:
        self.urls = (users, items)
        self.users = stack.enter_context(open_store(users))
        self.items = stack.enter_context(open_store(items))
        self._stack = stack
        self.time = 1_000_000

    def reader(self) -> FactorReader:
        reader = open_reader(*self.urls, timeout=30)
        self._stack.callback(reader.close)
        return reader

    def publish(self, publication: Publication, keep: int = 2, grace: float = 0) -> Published:
        self.time += 1000
        sides = (self.users, self.items)
        return publish(publication, *sides, now=lambda: self.time, keep=keep, grace=grace)


@pytest.fixture(params=STORES)
def stores(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    """Empty ones of each kind, and a pair of different kinds."""
    name = f"t{next(_numbers)}"

    def url(kind: str) -> str:
        if kind == "file":
            return f"file:{tmp_path}"
        if kind == "redis":
            return f"{request.getfixturevalue('valkey')}#{name}"
        if kind == "mongo":
            return f"{request.getfixturevalue('mongo').url('test')}#{name}"
        return f"{request.getfixturevalue('database')}#{name}"

    kinds = request.param.split(" and ") if " and " in request.param else [request.param] * 2
    with ExitStack() as stack:
        made = Stores(*map(url, kinds), stack)
        if request.param == "postgres without pgvector":
            made.users.has_halfvec = made.items.has_halfvec = False  # type: ignore[attr-defined]
        elif request.param == "postgres":
            assert made.users.has_halfvec  # type: ignore[attr-defined]
        yield made


def check_reads(reader: FactorReader, publication: Publication) -> None:
    """Everything that was published is read as it was."""
    snapshot = reader.current
    assert snapshot is not None
    assert snapshot.version == publication.manifest.version
    np.testing.assert_array_equal(snapshot.vectors, publication.vectors.items.astype(np.float32))
    assert [item.item for item in snapshot.items] == list(publication.items)
    assert snapshot.manifest.popular == publication.manifest.popular
    assert snapshot.prior is not None
    for number, name in enumerate(publication.users):
        user = reader.user(snapshot, name)
        assert user is not None, name
        expected = publication.vectors.users[number].astype(np.float32)
        np.testing.assert_array_equal(user.vector, expected)
        rated = publication.entries[number]
        np.testing.assert_array_equal(user.rated, rated.indices)
        np.testing.assert_array_equal(user.ratings, rated.data)
        assert len(user.ranking) == min(publication.manifest.precomputed, 30 - rated.nnz)
        scores = snapshot.vectors @ expected
        scores[rated.indices] = -np.inf
        best = np.argsort(-scores, kind="stable")[:5]
        np.testing.assert_array_equal(snapshot.rank(user, 5).items, best)
    assert reader.user(snapshot, "nobody") is None


def test_what_is_published_is_read(stores: Stores) -> None:
    reader = stores.reader()
    done = stores.publish(FIRST)
    assert (done.users_written, done.items_written, done.was_active) == (True, True, False)
    reader.refresh()
    check_reads(reader, FIRST)


def test_readers_keep_a_version_until_they_take_the_next(stores: Stores) -> None:
    reader = stores.reader()
    stores.publish(FIRST)
    reader.refresh()
    stores.publish(SECOND)
    check_reads(reader, FIRST)
    reader.refresh()
    check_reads(reader, SECOND)


def test_old_versions_go_when_no_reader_can_hold_them(stores: Stores) -> None:
    one, two, three = (each.manifest.version for each in (FIRST, SECOND, THIRD))
    stores.publish(FIRST)
    assert stores.publish(SECOND).removed == ()
    assert stores.publish(THIRD, grace=10).removed == ()  # replaced a second ago
    assert stores.publish(THIRD, grace=1).removed == (one,)
    assert versions(stores.users, stores.items) == (three, sorted([two, three]))
    reader = stores.reader()
    reader.refresh()
    check_reads(reader, THIRD)


def test_back_to_the_version_before(stores: Stores) -> None:
    reader = stores.reader()
    stores.publish(FIRST)
    stores.publish(SECOND)
    back = FIRST.manifest.version
    activate(back, stores.users, stores.items, lambda: stores.time)
    reader.refresh()
    check_reads(reader, FIRST)
    with pytest.raises(InputError, match="no users of version 0123456789abcdef"):
        activate("0123456789abcdef", stores.users, stores.items, lambda: stores.time)
    reader.refresh()
    check_reads(reader, FIRST)


def test_the_same_again_writes_nothing(stores: Stores) -> None:
    stores.publish(FIRST)
    done = stores.publish(FIRST)
    assert (done.users_written, done.items_written, done.was_active) == (False, False, True)


@pytest.mark.parametrize("side", [USERS, ITEMS])
def test_what_is_lost_is_told_and_written_again(stores: Stores, side: str) -> None:
    reader = stores.reader()
    stores.publish(FIRST)
    reader.refresh()
    snapshot = reader.current
    assert snapshot is not None
    (stores.users if side == USERS else stores.items).drop(side, FIRST.manifest.version)
    if side == USERS:  # nobody is taken for unknown
        with pytest.raises(SourceError, match="are gone"):
            reader.user(snapshot, FIRST.users[0])
    with pytest.raises(SourceError, match=FIRST.manifest.version):
        stores.reader().refresh()
    assert stores.publish(FIRST).was_active
    reader = stores.reader()
    reader.refresh()
    check_reads(reader, FIRST)


class Broken(Exception):  # noqa: N818
    """Ends a publication in the middle."""


def interrupted(publication: Publication, at: str) -> Publication:
    """The publication, which fails after some users, or after some blobs."""
    records, content = publication.records, publication.content
    broken = copy.copy(publication)

    def some_records() -> Iterator[list[tuple[str, bytes]]]:
        for some in records():
            yield some[:7]
            raise Broken

    def some_blobs(compress: bool) -> object:
        whole = content(compress)

        def blobs() -> Iterator[tuple[str, bytes]]:
            yield whole.blobs[0]  # type: ignore[index]
            raise Broken

        return whole._replace(blobs=blobs())

    name, instead = ("records", some_records) if at == USERS else ("content", some_blobs)
    object.__setattr__(broken, name, instead)
    return broken


@pytest.mark.parametrize("at", [USERS, ITEMS])
def test_an_interrupted_publication_is_repaired(stores: Stores, at: str) -> None:
    reader = stores.reader()
    stores.publish(FIRST)
    with pytest.raises(Broken):
        stores.publish(interrupted(SECOND, at))
    reader.refresh()
    check_reads(reader, FIRST)
    stores.publish(SECOND)
    reader.refresh()
    check_reads(reader, SECOND)
    for store, side in ((stores.users, USERS), (stores.items, ITEMS)):
        assert store.leftovers(side) == []


@pytest.mark.parametrize("stores", ["redis", "mongo"], indirect=True)
def test_leftovers_of_another_version_are_removed(stores: Stores) -> None:
    with pytest.raises(Broken):
        stores.publish(interrupted(SECOND, USERS))
    assert stores.users.leftovers(USERS) == [SECOND.manifest.version]
    assert stores.publish(FIRST).repaired == 1
    assert stores.users.leftovers(USERS) == []


def test_one_publishes_at_a_time(stores: Stores, monkeypatch: pytest.MonkeyPatch) -> None:
    stores.publish(FIRST)
    with open_store(stores.urls[1]) as other:
        monkeypatch.setattr(lease, "WAIT", 0.2)
        with other.lock(), pytest.raises(InputError, match="somebody else"):
            stores.publish(SECOND)
    assert stores.publish(SECOND).users_written


def test_nothing_is_published(stores: Stores) -> None:
    with pytest.raises(SourceError, match="nothing is published there"):
        stores.reader().refresh()


@pytest.mark.parametrize("stores", ["redis", "postgres", "mongo"], indirect=True)
def test_publications_of_other_names_are_apart(stores: Stores) -> None:
    stores.publish(FIRST)
    with ExitStack() as stack:
        others = Stores(*(f"{url}_other" for url in stores.urls), stack)
        others.publish(SECOND, keep=1)
        reader = others.reader()
        reader.refresh()
        check_reads(reader, SECOND)
    reader = stores.reader()
    reader.refresh()
    check_reads(reader, FIRST)
