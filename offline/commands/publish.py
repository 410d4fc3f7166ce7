"""`publish`: put a model's vectors into the stores that the service reads."""

import sys
import time
from contextlib import ExitStack
from pathlib import Path

import click
from tqdm import tqdm

from contract.factors import MAX_RANKED
from offline.data.interactions import read_table
from offline.data.summary import Summary
from offline.errors import InputError
from offline.factors.by_url import open_store
from offline.factors.publication import Publication, publication_of
from offline.factors.publish import GRACE, KEEP, Published, activate, publish
from offline.factors.store import FactorStore
from offline.models.registry import load_model


@click.command("publish")
@click.argument("model", required=False, type=click.Path(path_type=Path, file_okay=False))
@click.option("--users", required=True, metavar="STORE", help="Where users go.")
@click.option("--items", required=True, metavar="STORE", help="Where items go.")
@click.option(
    "--precompute",
    default=0,
    metavar="N",
    type=click.IntRange(0, MAX_RANKED),
    help="Store each user's ranking of N items as well, which the service prefers. [default: 0]",
)
@click.option(
    "--interactions",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    help="What MODEL was trained on: publishes all fields of its items, and not titles alone.",
)
@click.option(
    "--keep",
    default=KEEP,
    show_default=True,
    type=click.IntRange(1),
    help="How many versions to keep, the new one included.",
)
@click.option(
    "--grace",
    default=GRACE,
    show_default=True,
    type=click.FloatRange(0),
    help="Seconds for which a version is kept in any case after it was replaced: a reader may "
    "hold it still.",
)
@click.option(
    "--activate",
    "version",
    metavar="VERSION",
    help="Publish nothing: switch readers to this version, such as the one before.",
)
def command(
    model: Path | None,
    users: str,
    items: str,
    precompute: int,
    interactions: Path | None,
    keep: int,
    grace: float,
    version: str | None,
) -> None:
    """Put MODEL's vectors of users and items into the stores that the service reads.

    A STORE is file:DIR, redis://HOST:PORT/DB, mongodb://HOST:PORT/DATABASE or
    postgresql://USER@HOST:PORT/DATABASE, and may be the same for both; #NAME at the end of a URL
    keeps several publications apart. MODEL is any that has such vectors: those of ratings, als,
    bpr, pure-svd.

    Readers are switched to the new version when both stores have all of it. An interrupted
    publication changes nothing for them; the next one removes what it left.
    """
    if (model is None) == (version is None):
        raise InputError("name a MODEL to publish, or a version to go back to with --activate")
    with ExitStack() as stack:
        of_users = stack.enter_context(open_store(users))
        of_items = stack.enter_context(open_store(items))
        if version is not None:
            activate(version, of_users, of_items, _now)
            click.echo(f"readers are switched to version {version}")
        elif model is not None:
            _publish(model, of_users, of_items, precompute, interactions, keep, grace)


def _publish(
    model: Path,
    users: FactorStore,
    items: FactorStore,
    precompute: int,
    interactions: Path | None,
    keep: int,
    grace: float,
) -> None:
    found = load_model(model)
    table = None
    if interactions is not None:
        found.check_trained_on(Summary.read(interactions).fingerprint)
        table = read_table(interactions, "items")
    publication = publication_of(found, precompute=precompute, items=table)
    with tqdm(
        total=len(publication.users),
        unit=" users",
        unit_scale=True,
        disable=not sys.stderr.isatty(),
    ) as bar:
        done = publish(
            publication, users, items, now=_now, keep=keep, grace=grace, progress=bar.update
        )
    left_out = len(found.popularity) - len(publication.items)
    _tell(publication, done, users, items, left_out)


def _tell(
    publication: Publication,
    done: Published,
    users: FactorStore,
    items: FactorStore,
    left_out: int,
) -> None:
    manifest = publication.manifest
    ranked = f", {manifest.precomputed:,} items ranked for each" if manifest.precomputed else ""
    click.echo(
        f"version {done.version} of {manifest.model}, {manifest.dimension} numbers a vector"
    )
    for side, text, written, store in (
        ("users", f"{manifest.users:,} users{ranked}", done.users_written, users),
        ("items", f"{manifest.items:,} items", done.items_written, items),
    ):
        note = "" if written else f" (these {side} were there)"
        click.echo(f"{text} -> {store.url.shown}{note}")
    if left_out:
        click.echo(f"left out: {left_out:,} items of which the model knows nothing")
    if done.repaired:
        click.echo(f"removed what interrupted publications left: {done.repaired} of their parts")
    if done.removed:
        click.echo(f"removed old versions: {', '.join(done.removed)}")
    click.echo("readers use it" if done.was_active else "readers are switched to it")


def _now() -> int:
    return time.time_ns() // 1_000_000


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("publish")
