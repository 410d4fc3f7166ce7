"""Simulated visitors against a real service: what they do, and that processes change nothing."""

import json
from pathlib import Path

import pytest
import yaml

from pipeline.steps import serving
from sim.remote.service_options import ServiceOptions
from sim.shop.drive import Driven, drive_shop_parallel
from sim.shop.files import item_rows
from sim.shop.plans import DAY, plans_of
from sim.shop.world import ShopOptions, generate_shop

pytestmark = pytest.mark.integration


def test_the_same_visits_from_one_process_and_from_two(tmp_path: Path) -> None:
    world = generate_shop(ShopOptions(items=80, visitors=80, days=7, days_after=7), 3)
    (tmp_path / "items.json").write_text("".join(json.dumps(r) + "\n" for r in item_rows(world)))
    ids = [world.item_id(item) for item in range(20)]
    (tmp_path / "popular.json").write_text(json.dumps({"items": ids}))
    near = [{"item": a, "items": [b for b in ids if b != a]} for a in ids]
    (tmp_path / "neighbours.json").write_text("".join(json.dumps(row) + "\n" for row in near))
    content = {
        "face": "shop",
        "data_dir": str(tmp_path),
        "neighbours": {"neighbours": "neighbours.json"},
        "recommenders": {"similar": {"type": "similar_items", "neighbours": "neighbours"}},
        "default": "similar",
    }
    config = tmp_path / "shop.yml"
    config.write_text(yaml.safe_dump(content))
    coming = [
        visitor
        for visitor in range(80)
        if any(plan.start >= world.options.days * DAY for plan in plans_of(world, visitor))
    ]
    found = list[Driven]()
    for processes in (1, 2):
        log = tmp_path / f"log-{processes}"
        with serving("--config", config, "--log-dir", log) as port:
            service = ServiceOptions(port=port, connections=4)
            driven = drive_shop_parallel(
                world, service, coming, k=5, processes=processes, progress=lambda done: None
            )
        text = "".join(path.read_text() for path in log.glob("data.json*"))
        lines = [json.loads(line) for line in text.splitlines()]
        kinds = [line.get("event", line["message"]) for line in lines]
        assert kinds.count("view") == driven.tally.views
        assert kinds.count("transaction") == driven.tally.purchases
        assert kinds.count("recommend") == driven.tally.answers
        found.append(driven)
    assert found[0].visitors == len(coming)
    assert found[0].failed == found[0].unknown == 0
    assert found[0].tally.clicks > 0
    assert found[0].of_visitors == found[1].of_visitors
