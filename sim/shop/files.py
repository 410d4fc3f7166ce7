"""The files of a shop, and the options and seed that its truth is made of again."""

import csv
import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

from contract.files import ITEMS
from sim.errors import InputError
from sim.shop.behaviour import Behaviour
from sim.shop.world import ShopOptions, ShopWorld, generate_shop

WORLD, EVENTS, TREE = "shop.json", "events.csv", "category_tree.csv"


def item_rows(world: ShopWorld) -> list[dict[str, Any]]:
    """The items as the service reads them."""
    rows: list[dict[str, Any]] = []
    for item in range(world.n_items):
        category = world.category_id(int(world.leaf[item]))
        rows.append(
            {
                "item": world.item_id(item),
                "title": f"Article {item} of {category}",
                "category": category,
                "price": float(world.price[item]),
                "available": bool(world.available[item]),
            }
        )
    return rows


def save_shop(world: ShopWorld, directory: Path, facts: dict[str, Any]) -> None:
    """Write items.json, category_tree.csv and, last, shop.json with options, seed and `facts`."""
    lines = (json.dumps(row, separators=(",", ":")) for row in item_rows(world))
    (directory / ITEMS).write_text("\n".join(lines) + "\n")
    with (directory / TREE).open("w", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(("categoryid", "parentid"))
        for root in sorted(set(world.parent.tolist())):
            out.writerow((world.root_id(root), ""))
        for leaf, root in enumerate(world.parent.tolist()):
            out.writerow((world.category_id(leaf), world.root_id(root)))
    content = {
        "options": asdict(world.options),
        "seed": world.seed,
        "digest": world.digest(),
        **facts,
    }
    (directory / WORLD).write_text(json.dumps(content, indent=2) + "\n")


def load_shop(directory: Path) -> ShopWorld:
    """The shop of a directory. Raises InputError if it is none, or was made by another version."""
    path = directory / WORLD
    try:
        content = json.loads(path.read_text())
        options = content["options"]
        behaviour = options.pop("behaviour")
        behaviour["attention"] = tuple(behaviour["attention"])
        world = generate_shop(
            ShopOptions(**options, behaviour=Behaviour(**behaviour)), int(content["seed"])
        )
        same = world.digest() == content["digest"]
    except OSError as error:
        raise InputError(
            f"{path}: {error.strerror}: `botify-sim shop-world --out {directory}` makes a shop"
        ) from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no generated shop: {error}") from error
    if not same:
        raise InputError(f"{path} is of another version of this program: make the shop again")
    return world
