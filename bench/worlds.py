"""The generated world next to real listening: `python -m bench.worlds --lastfm DIR`."""

from pathlib import Path

import click
import numpy as np

from sim.worldgen.calibrate import calibrate
from sim.worldgen.generated import GeneratorOptions, generate
from sim.worldgen.lastfm import lastfm_world
from sim.worldgen.statistics import describe


@click.command()
@click.option("--lastfm", type=Path, required=True, help="The unpacked hetrec2011-lastfm-2k.")
@click.option("--seed", default=31337, show_default=True)
def main(lastfm: Path, seed: int) -> None:
    """One table: Last.fm, a generated world of its size, and the default one."""
    worlds = {"lastfm-2k": lastfm_world(lastfm, seed)}
    real = worlds["lastfm-2k"][0]
    same_size = GeneratorOptions(n_users=len(real.users), n_tracks=len(real.catalog))
    worlds["generated, same size"] = generate(same_size, seed)
    worlds["generated, default"] = generate(GeneratorOptions(), seed)
    columns = []
    for world, library in worlds.values():
        calibrated, found = calibrate(world, seed)
        facts: dict[str, float] = {
            "users": len(world.users),
            "tracks": len(world.catalog),
            **describe(calibrated, library, np.random.default_rng(seed)),
        }
        facts["scale"] = found.scale
        facts["mean session time under Random"] = found.random
        facts["mean session time under the oracle"] = found.oracle
        columns.append(facts)
    click.echo("| | " + " | ".join(worlds) + " |\n|---|" + "---:|" * len(worlds))
    for name in columns[0]:
        click.echo(f"| {name} | " + " | ".join(f"{facts[name]:,.4g}" for facts in columns) + " |")


if __name__ == "__main__":
    main()
