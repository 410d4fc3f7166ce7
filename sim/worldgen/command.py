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
    "--lastfm",
    type=click.Path(path_type=Path, file_okay=False),
    help="Folder with hetrec2011-lastfm-2k, to build the world from real listening.",
)
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
    out: Path, lastfm: Path | None, users: int, tracks: int, family: str | None, seed: int
) -> None:
    """Build a world: a generated one, or with --lastfm one from real listening."""
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{out}: cannot be created: {error.strerror}") from error
    if lastfm is None:
        source = "generated"
        raw, library = generate(GeneratorOptions(n_users=users, n_tracks=tracks), seed)
    else:
        from sim.worldgen.lastfm import lastfm_world  # its ALS takes a second to import

        source = "hetrec2011-lastfm-2k"
        raw, library = lastfm_world(lastfm, seed)
    if family is not None:
        gamma = FAMILIES[family]["default_artist_discount_gamma"]
        discounts = np.full(len(raw.users), gamma)
        raw = replace(raw, users=replace(raw.users, artist_discount_gamma=discounts))
    with tqdm(desc="calibrating", unit=" sessions", disable=None, leave=False) as bar:
        built, calibration = calibrate(raw, seed, progress=bar.update)
    save_world(built, out)
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
