"""Stores of factors side by side: what an answer costs in each, and what fails when one is down.

Each answer is for another user: the stored vector, its product with all items in memory, the ten
best, rated ones left out. `in the database` is one query that ranks there. The servers run here.
"""

import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from importlib import import_module
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

import click
import lz4.block
import numpy as np
import psycopg
import redis

from bench.common.tables import machine, table
from botify.factors import FactorReader, Snapshot, SourceError, open_reader
from botify.store.embedded_valkey import EmbeddedValkey
from contract.factor_stores import DEFAULT_NAME, PREFIX, SCHEMA
from offline.data.training_set import TrainingSet
from offline.factors.by_url import open_store
from offline.factors.publication import Publication, publication_of
from offline.factors.publish import publish
from offline.importing.import_data import import_data
from offline.models.registry import make_model

# Servers that may be killed are those of the tests, which mypy does not check.
Postgres: Any = import_module("tests.postgres").Postgres
Valkey: Any = import_module("tests.contract.valkey_server").Valkey
_stores: Any = import_module("tests.factor_stores")

TOP = 10
KILLED = 300
"""Users of the stores that are killed: the server of MongoDB's protocol is slow to fill."""
ROUNDS = 5
"""Of all users, one after the other; the least of a user's times is that without interruptions."""
_RANK = """
WITH u AS MATERIALIZED (
    SELECT vector, rated FROM {schema}.{name}_users_{version} WHERE "user" = %s)
SELECT v.item, -(v.vector <#> (SELECT vector FROM u)) FROM {schema}.{name}_vectors_{version} v
WHERE NOT EXISTS (SELECT FROM u, unnest(u.rated) AS r(number) WHERE r.number = v.number)
ORDER BY v.vector <#> (SELECT vector FROM u), v.number LIMIT %s
"""

Answer = Callable[[str], list[str]]


class Measured(NamedTuple):
    """One store's figures."""

    name: str
    publish: float
    """Seconds."""
    load: float
    """Seconds for a worker to read all items; 0 where it needs none."""
    milliseconds: list[float]
    bytes_per_user: float


@click.command()
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False, exists=True),
    default=Path("../shared/data"),
    envvar="BOTIFY_DATA",
    show_default=True,
    show_envvar=True,
    help="Where the data sets' directories are.",
)
@click.option("--dataset", default="ml-1m", show_default=True)
@click.option("--users", "count", default=1000, show_default=True)
def main(data: Path, dataset: str, count: int) -> None:
    """Print what answers from each store cost, as Markdown."""
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        import_data(data / dataset, directory / "interactions")
        training = TrainingSet.of_ratings(directory / "interactions")
        model: Any = make_model("truncated-svd", {"factors": 50, "centred": True}).fit(training)
        publication = publication_of(model)
        ranked = publication_of(model, precompute=100)
        manifest = publication.manifest
        click.echo(
            f"{dataset}: {manifest.users:,} users, {manifest.items:,} items, "
            f"{publication.entries.nnz:,} ratings, {manifest.dimension} numbers a vector. "
            f"{machine()}\n"
        )
        users = np.random.default_rng(0).permutation(publication.users).tolist()[:count]
        _packing(publication)
        _rounding(model.factors(), publication)
        with ExitStack() as stack:
            valkey = stack.enter_context(EmbeddedValkey())
            postgres = stack.enter_context(Postgres())
            found = [
                *_file(directory / "store", publication, users),
                *_redis(valkey.url, publication, users),
                *_redis(f"{valkey.url}#ranked", ranked, users, ", 100 items ranked for each"),
                *_postgres(postgres, publication, users),
            ]
        _print(found)
        _print_failures(directory / "down", publication_of(_stores.small_model(users=KILLED)))


def _print(found: list[Measured]) -> None:
    table(
        ("store", "p50, ms", "p99, ms", "bytes a user", "publish, s", "load items, s"),
        [
            (
                each.name,
                f"{np.percentile(each.milliseconds, 50):.2f}",
                f"{np.percentile(each.milliseconds, 99):.2f}",
                f"{each.bytes_per_user:,.0f}",
                f"{each.publish:.2f}",
                f"{each.load:.2f}" if each.load else "–",
            )
            for each in found
        ],
    )


def _packing(publication: Publication) -> None:
    """How far lz4 shrinks what is stored."""
    records = [record for some in publication.records() for _, record in some]
    rows = [
        ("records of users, each", *_sizes(sum(map(len, records)), sum(map(_packed, records))))
    ]
    blobs = dict(publication.content(compress=False).blobs)
    for kind in ("vectors", "items"):
        some = [blob for name, blob in blobs.items() if name.startswith(f"{kind}-")]
        rows.append((f"blobs of {kind}", *_sizes(sum(map(len, some)), sum(map(_packed, some)))))
    table(("", "bytes", "with lz4", "share"), rows)


def _packed(record: bytes) -> int:
    return len(lz4.block.compress(record, store_size=False))


def _rounding(factors: Any, publication: Publication) -> None:
    """What float16 changes, against the model's float32; of a thousand users."""
    some = slice(0, 1000)
    users, items = (part.astype(np.float32) for part in publication.vectors[:2])
    exact, stored = factors.users[some] @ factors.items.T, users[some] @ items.T
    change = np.abs(exact - stored)
    best = [np.argsort(-scores, axis=1)[:, :50] for scores in (exact, stored)]
    same = np.mean([np.isin(*pair).mean() for pair in zip(*best, strict=True)])
    click.echo(
        f"float16 changes a prediction by {change.mean():.4f} on average, {change.max():.4f} at "
        f"most; {same:.2%} of the 50 best items stay\n"
    )


def _sizes(whole: int, packed: int) -> tuple[str, str, str]:
    return f"{whole:,}", f"{packed:,}", f"{packed / whole:.2f}"


def _timed(answer: Answer, users: list[str], expected: dict[str, list[str]]) -> list[float]:
    """Milliseconds of each answer, the least of some rounds; those of `expected` are compared."""
    rounds = []
    for _ in range(ROUNDS):
        times = []
        for user in users:
            began = time.perf_counter()
            items = answer(user)
            times.append(1000 * (time.perf_counter() - began))
            if expected.setdefault(user, items) != items:
                raise click.ClickException(f"user {user}: {items}, elsewhere {expected[user]}")
        rounds.append(times)
    return [min(each) for each in zip(*rounds, strict=True)]


_expected: dict[str, list[str]] = {}
"""What every store must answer."""


def _through(reader: FactorReader) -> Answer:
    snapshot = reader.current
    assert snapshot is not None
    held: Snapshot = snapshot

    def answer(user: str) -> list[str]:
        found = reader.user(held, user)
        assert found is not None
        return [held.items[number].item for number in held.rank(found, TOP).items]

    return answer


def _tell_same(how: str, answer: Answer, users: list[str]) -> None:
    same = [len({*answer(user)} & {*_expected[user]}) / TOP for user in users]
    click.echo(f"ranked {how}: {np.mean(same):.3%} of the items are the same\n")


@contextmanager
def _published(
    url: str, publication: Publication, halfvec: bool = True
) -> Iterator[tuple[float, float, FactorReader]]:
    began = time.perf_counter()
    with open_store(url) as store:
        if not halfvec:
            store.has_halfvec = False  # type: ignore[attr-defined]
        publish(publication, store, store, now=lambda: 0, keep=1, grace=0)
    seconds = time.perf_counter() - began
    reader = open_reader(url, url, timeout=30)
    began = time.perf_counter()
    reader.refresh()
    yield seconds, time.perf_counter() - began, reader
    reader.close()


def _file(place: Path, publication: Publication, users: list[str]) -> Iterator[Measured]:
    with _published(f"file:{place}", publication) as (seconds, load, reader):
        times = _timed(_through(reader), users, _expected)
        size = sum(path.stat().st_size for path in place.glob("users/*"))
        yield Measured("file", seconds, load, times, size / len(publication.users))


def _redis(
    url: str, publication: Publication, users: list[str], how: str = ""
) -> Iterator[Measured]:
    with _published(url, publication) as (seconds, load, reader):
        answer = _through(reader)
        # Rankings made beforehand differ where two scores are equal but for rounding.
        times = _timed(answer, users, {} if how else _expected)
        if how:
            _tell_same("made beforehand", answer, users)
        name = url.partition("#")[2] or DEFAULT_NAME
        key = f"{PREFIX}{name}:users:{publication.manifest.version}"
        with redis.Redis.from_url(url.partition("#")[0]) as client:
            size: Any = client.memory_usage(key, samples=0)
        yield Measured(f"Redis{how}", seconds, load, times, size / len(publication.users))


def _postgres(postgres: Any, publication: Publication, users: list[str]) -> Iterator[Measured]:
    version, count = publication.manifest.version, len(publication.users)
    for halfvec, how in ((True, "pgvector"), (False, "bytea")):
        with postgres.database() as url, psycopg.connect(url, autocommit=True) as client:
            names = {"schema": SCHEMA, "name": DEFAULT_NAME, "version": version}
            with _published(url, publication, halfvec) as (seconds, load, reader):
                size = "SELECT pg_total_relation_size('{schema}.{name}_users_{version}')"
                (stored,) = client.execute(size.format(**names)).fetchone() or (0,)
                times = _timed(_through(reader), users, _expected)
                yield Measured(f"PostgreSQL, {how}", seconds, load, times, stored / count)
                if halfvec:
                    query = _RANK.format(**names)

                    def ask(user: str, query: str = query) -> list[str]:
                        rows = client.execute(query, (user, TOP), prepare=True).fetchall()
                        return [str(item) for item, _ in rows]

                    client.execute(f"ANALYZE {SCHEMA}.{DEFAULT_NAME}_vectors_{version}")
                    yield Measured(
                        "PostgreSQL, pgvector, ranked in the database",
                        seconds,
                        0,
                        _timed(ask, users, {}),
                        stored / count,
                    )
                    _tell_same("in the database", ask, users)


def _print_failures(place: Path, publication: Publication) -> None:
    """What a reader does when a server that it uses is killed."""
    rows = []
    servers = {"Redis": Valkey, "PostgreSQL": Postgres, "MongoDB's protocol": _stores.Mongo}
    for which in ("users", "items"):
        for kind, server in servers.items():
            with ExitStack() as stack:
                started = stack.enter_context(server())
                there = _url(started, stack)
                here = f"file:{place / kind}"
                urls = (there, here) if which == "users" else (here, there)
                with open_store(urls[0]) as users, open_store(urls[1]) as items:
                    publish(publication, users, items, now=lambda: 0)
                reader = open_reader(urls[0], urls[1], timeout=1)
                reader.refresh()
                started.kill()
                rows.append((f"{which} in {kind}, the rest in files", *_down(reader)))
                reader.close()
                if kind == "PostgreSQL":
                    started.start()
    table(("killed", "a user's vector", "items", "after, ms"), rows)


def _url(server: Any, stack: ExitStack) -> str:
    """Of an empty store of it."""
    if hasattr(server, "database"):
        return str(stack.enter_context(server.database()))
    return str(server.url("bench") if callable(server.url) else server.url)


def _down(reader: FactorReader) -> tuple[str, str, str]:
    snapshot, times = reader.current, []
    assert snapshot is not None
    user = "there"
    for number in range(20):
        began = time.perf_counter()
        try:
            reader.user(snapshot, snapshot.items[number].item)
        except SourceError:
            user = "popular items instead"
        times.append(1000 * (time.perf_counter() - began))
    items = "held" if len(snapshot.popular(TOP).items) == TOP else "gone"
    return user, items, f"{median(times):.1f}"


if __name__ == "__main__":
    main()
