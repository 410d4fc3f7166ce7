"""The generated world next to real listening: `python -m bench.worlds --from DIR`."""

from pathlib import Path

import click
import numpy as np

from sim.worldgen.calibrate import calibrate
from sim.worldgen.generated import GeneratorOptions, generate
from sim.worldgen.imported import imported_world
from sim.worldgen.statistics import describe


@click.command()
@click.option(
    "--from", "interactions", type=Path, required=True, help="What `botify-offline import` wrote."
)
@click.option("--seed", default=31337, show_default=True)
def main(interactions: Path, seed: int) -> None:
    """One table: real people, a generated world of that size, and the default one."""
    real, library, source, *_ = imported_world(interactions, seed)
    worlds = {source: (real, library)}
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
