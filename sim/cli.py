"""`botify-sim`: worlds, listeners and the ladder. Wires commands together, nothing more."""

import click

from sim._click import Group
from sim.ladder.command import ladder
from sim.run import run
from sim.shop.commands import shop, shop_world
from sim.worldgen.command import world


@click.group(cls=Group)
@click.version_option(package_name="botify")
def main() -> None:
    """Simulate listeners.

    \b
    world       build a world: a catalog, embeddings and listeners
    run         play sessions against a recommender
    ladder      compare recommenders on the same listeners
    shop-world  make a shop: items, and the events of its visitors
    shop        send the shop's visitors to a service
    """


main.add_command(world)
main.add_command(run)
main.add_command(ladder)
main.add_command(shop_world)
main.add_command(shop)


if __name__ == "__main__":
    main()
