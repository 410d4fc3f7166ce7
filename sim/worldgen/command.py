"""`botify-sim world`: builds a world and writes its files."""

import json
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
import yaml
from tqdm import tqdm

from contract.files import EMBEDDINGS, TRACKS, USERS
from sim._click import FAMILY, SEED, standalone
from sim.config.editions import FAMILIES
from sim.errors import InputError
from sim.world.files import save_world
from sim.worldgen.calibrate import ORACLE_FLOOR, RANDOM_BAND, calibrate
from sim.worldgen.generated import GeneratorOptions, generate
from sim.worldgen.statistics import describe


@click.command()
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("out/demo/world"),
    show_default=True,
    help="Folder for tracks.json, tracks.npy, users.json, env.yml and world.json.",
)
@click.option(
    "--from",
    "interactions",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder of interactions (`botify-offline import`), to build the world from real people.",
)
@click.option("--lastfm", hidden=True, help="Imported first, and given with --from.")
@click.option(
    "--users",
    default=GeneratorOptions.n_users,
    show_default=True,
    help="Number of generated listeners.",
)
@click.option(
    "--tracks",
    default=GeneratorOptions.n_tracks,
    show_default=True,
    help="Number of generated tracks.",
)
@FAMILY
@SEED
def world(
    out: Path,
    interactions: Path | None,
    lastfm: str | None,
    users: int,
    tracks: int,
    family: str | None,
    seed: int,
) -> None:
    """Build a world: a generated one, or with --from one of real people and what they like."""
    if lastfm is not None:
        raise InputError(
            f"--lastfm: import the files first: `botify-offline import {lastfm} --out DIR`, then "
            "--from DIR"
        )
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be created: {error.strerror}") from error
    imported = None
    if interactions is None:
        source = "generated"
        raw, library = generate(GeneratorOptions(n_users=users, n_tracks=tracks), seed)
    else:
        from sim.worldgen.imported import imported_world, save_owners_ids  # ALS takes a second

        imported = imported_world(interactions, seed)
        raw, library, source = imported.world, imported.library, imported.source
    if family is not None:
        gamma = FAMILIES[family]["default_artist_discount_gamma"]
        discounts = np.full(len(raw.users), gamma)
        raw = replace(raw, users=replace(raw.users, artist_discount_gamma=discounts))
    with tqdm(desc="calibrating", unit=" sessions", disable=None, leave=False) as bar:
        built, calibration = calibrate(raw, seed, progress=bar.update)
    save_world(built, out)
    if imported is not None:
        save_owners_ids(imported, out)
    paths = {
        "track_catalog_config": {
            "track_meta_path": str(out / TRACKS),
            "track_embeddings_path": str(out / EMBEDDINGS),
        },
        "user_catalog_config": {"user_catalog_path": str(out / USERS)},
        "remote_recommender_config": {"host": "127.0.0.1", "port": 5001},
    }
    (out / "env.yml").write_text(yaml.safe_dump(paths, sort_keys=False))
    facts = {
        "source": source,
        "seed": seed,
        "users": len(built.users),
        "tracks": len(built.catalog),
        "artists": len(built.catalog.artists),
        "dimensions": int(built.embeddings.shape[1]),
        "scale": round(calibration.scale, 4),
        "mean_session_time": {
            "random": round(calibration.random, 3),
            "oracle": round(calibration.oracle, 3),
        },
        "statistics": {
            name: round(value, 4)
            for name, value in describe(built, library, np.random.default_rng(seed)).items()
        },
    }
    (out / "world.json").write_text(json.dumps(facts, indent=2) + "\n")
    if not calibration.in_band:
        click.echo(
            f"note: recommenders differ most clearly with a mean session time of "
            f"{RANDOM_BAND[0]} to {RANDOM_BAND[1]} under Random and at least {ORACLE_FLOOR:g} "
            f"under the oracle: use a larger world",
            err=True,
        )
    click.echo(
        f"world ({source}): {facts['users']:,} users, {facts['tracks']:,} tracks, "
        f"{facts['artists']:,} artists; mean session time {calibration.random:.2f} under Random, "
        f"{calibration.oracle:.1f} under the oracle -> {out}"
    )


if __name__ == "__main__":
    standalone(world)
