"""`botify-sim shop-world` makes a shop; `botify-sim shop` sends its visitors to a service."""

import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import click
from tqdm import tqdm

from sim._click import SEED, standalone
from sim.errors import InputError
from sim.remote.service_options import ServiceOptions
from sim.shop.drive import Driven, drive_shop_parallel
from sim.shop.files import EVENTS, load_shop, save_shop
from sim.shop.history import user_id, write_history
from sim.shop.plans import DAY, plans_of
from sim.shop.truth import truth_of, truths_of
from sim.shop.world import ShopOptions, ShopWorld, generate_shop

_WEEK_MS, _MONDAY_MS = 7 * DAY * 1000, 4 * DAY * 1000
_MOST_FAILED = 0.05


@click.command("shop-world")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("out/shop/world"),
    show_default=True,
    help="Folder for events.csv, items.json, category_tree.csv and shop.json.",
)
@click.option("--items", default=ShopOptions.items, show_default=True)
@click.option("--visitors", default=ShopOptions.visitors, show_default=True)
@click.option(
    "--days", default=ShopOptions.days, show_default=True, help="Of history; whole weeks."
)
@click.option(
    "--days-after",
    default=ShopOptions.days_after,
    show_default=True,
    help="Days after the history, on which `botify-sim shop` has visitors come.",
)
@click.option(
    "--until",
    type=click.DateTime(["%Y-%m-%d"]),
    default="2026-06-01",
    show_default=True,
    help="When the history ends: put back to the Monday before.",
)
@click.option("--k", default=5, show_default=True, help="Items in an answer, for the truth.")
@SEED
def shop_world(
    out: Path,
    items: int,
    visitors: int,
    days: int,
    days_after: int,
    until: datetime,
    k: int,
    seed: int,
) -> None:
    """Make a shop: items, and the events of visitors who were shown no recommendations."""
    world = generate_shop(ShopOptions(items, visitors, days, days_after), seed)
    _check_k(world, k)
    moment = int(until.replace(tzinfo=UTC).timestamp()) * 1000
    if moment < _MONDAY_MS + days * DAY * 1000:
        raise InputError(f"--until {until:%Y-%m-%d}: the history would begin before 1970")
    monday = moment - (moment - _MONDAY_MS) % _WEEK_MS
    try:
        out.mkdir(parents=True, exist_ok=True)
        with _bar("history", visitors) as bar:
            counts = write_history(world, out / EVENTS, monday, bar.update)
        with _bar("truth", visitors) as bar:
            truth = truth_of(world, k, progress=bar.update)
        save_shop(world, out, {"until": monday, "events": counts, "k": k, "truth": asdict(truth)})
    except OSError as error:
        raise InputError(f"{out}: cannot be written: {error.strerror}") from error
    told = ", ".join(f"{count:,} {kind}" for kind, count in counts.items())
    click.echo(
        f"shop: {items:,} items in {len(world.parent):,} categories, {sum(counts.values()):,} "
        f"events in {days} days ({told}) -> {out}\n"
        f"in the {days_after} days after, {truth.visitors:,} visitors come, {truth.new:,} of them "
        f"for the first time; expected add-to-carts per visitor: {truth.nothing:.3f} without "
        f"recommendations, {truth.popular:.3f} with popular items, {truth.oracle:.3f} with the "
        f"best {k} items of all"
    )


@click.command()
@click.option(
    "--world",
    "directory",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("out/shop/world"),
    show_default=True,
    help="Folder of `botify-sim shop-world`.",
)
@click.option("--url", default="http://127.0.0.1:8000", show_default=True)
@click.option("--visitors", type=click.IntRange(1), help="The first N who come; else all.")
@click.option("--k", default=5, show_default=True, help="Items to ask for.")
@click.option("--connections", default=16, type=click.IntRange(1), show_default=True)
@click.option("--processes", default=1, type=click.IntRange(1), show_default=True)
@click.option("--experiment", help="Tell the truth of each of its treatments.")
@click.option("--json", "json_path", type=click.Path(path_type=Path), help="Write results here.")
def shop(
    directory: Path,
    url: str,
    visitors: int | None,
    k: int,
    connections: int,
    processes: int,
    experiment: str | None,
    json_path: Path | None,
) -> None:
    """Send a generated shop's visitors to a service: they look, click, put into the cart, buy.

    They come on the days after the shop's history. Events have the service's time, not the shop's.
    """
    world = load_shop(directory)
    _check_k(world, k)
    service = _service(url, connections)
    until = world.options.days * DAY
    coming = [
        visitor
        for visitor in range(world.options.visitors)
        if any(plan.start >= until for plan in plans_of(world, visitor))
    ][:visitors]
    with _bar("visitors", len(coming)) as bar:
        driven = drive_shop_parallel(
            world, service, coming, k=k, processes=processes, progress=bar.update
        )
    if driven.failed > _MOST_FAILED * len(coming):
        raise InputError(f"{driven.failed:,} of {len(coming):,} visitors failed: see the service")
    treatments = _treatments(driven, url, experiment) if experiment else {}
    groups = {"all": sorted(driven.of_visitors), **treatments}
    with _bar("truth", world.options.visitors) as bar:
        truths = truths_of(world, k, groups, bar.update)
    truth = truths.pop("all")
    tally = driven.tally
    click.echo(
        f"{driven.visitors:,} visitors, {tally.visits:,} visits, {tally.answers:,} answers with "
        f"items: {tally.clicks:,} clicks, {tally.carts:,} add-to-carts, {tally.purchases:,} "
        f"purchases; {driven.requests:,} requests"
    )
    for count, what in (
        (driven.failed, "visitors were cut short by a request that failed"),
        (driven.retries, "requests were sent again"),
        (driven.unknown, "answered items are none of the shop's"),
    ):
        if count:
            click.echo(f"note: {count:,} {what}")
    click.echo("expected add-to-carts per visitor (the truth):")
    click.echo(f"  {truth.nothing:.3f} without recommendations")
    click.echo(f"  {truth.popular:.3f} with popular items for all")
    click.echo(f"  {truth.oracle:.3f} with the best items for all")
    answered = {
        name: sum(driven.of_visitors[one].expected_carts for one in group) / len(group)
        for name, group in treatments.items()
    }
    for name, carts in answered.items():
        of = truths[name]
        click.echo(
            f"  {carts:.3f} of the {of.visitors:,} visitors in {name} as answered; of the same "
            f"visitors {of.nothing:.3f}, {of.popular:.3f} and {of.oracle:.3f} in the three cases"
        )
    if json_path:
        content = {
            "truth": asdict(truth),
            "tally": asdict(tally),
            "failed": driven.failed,
            "treatments": {
                name: {"expected_carts": carts, **asdict(truths[name])}
                for name, carts in answered.items()
            },
        }
        json_path.write_text(json.dumps(content, indent=2) + "\n")


def _treatments(driven: Driven, url: str, experiment: str) -> dict[str, list[int]]:
    """Visitors of each treatment, as the service says."""
    treatments: dict[str, list[int]] = {}
    for visitor in sorted(driven.of_visitors):
        try:
            with urlopen(f"{url.rstrip('/')}/experiments/{user_id(visitor)}", timeout=10) as reply:
                treatment = json.loads(reply.read()).get(experiment)
        except (OSError, ValueError) as error:
            raise InputError(f"{url}/experiments: {error}") from error
        if treatment is None:
            raise InputError(f"the service runs no experiment {experiment}")
        treatments.setdefault(treatment, []).append(visitor)
    return dict(sorted(treatments.items()))


def _service(url: str, connections: int) -> ServiceOptions:
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InputError(f"--url {url}: {error}") from error
    if parts.scheme != "http" or not host or parts.path not in ("", "/"):
        raise InputError(f"--url {url}: expected http://host:port")
    return ServiceOptions(host, port or 80, connections)


def _check_k(world: ShopWorld, k: int) -> None:
    if not 1 <= k < world.n_items:
        raise InputError(f"--k {k}: 1 to {world.n_items - 1} items")


def _bar(what: str, total: int) -> Any:
    return tqdm(desc=what, total=total, unit=" visitors", disable=None, leave=False)


if __name__ == "__main__":
    standalone(shop)
