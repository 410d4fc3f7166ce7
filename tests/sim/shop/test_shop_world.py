"""The generated shop: one seed in, the same shop and the same visits out."""

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from contract.item_lists import parse_item
from contract.shop_events import parse_shop_event
from sim.cli import main
from sim.errors import InputError
from sim.shop.files import load_shop, save_shop
from sim.shop.history import past, write_history
from sim.shop.plans import DAY, plans_of
from sim.shop.truth import Oracle, Popular, nothing, play, truth_of
from sim.shop.visit import Memory, Tally, send, visit
from sim.shop.world import ShopOptions, ShopWorld, generate_shop

MONDAY_MS = 1_780_272_000_000
SMALL = ShopOptions(items=120, visitors=150, days=14, days_after=7)


@pytest.fixture(scope="module")
def world() -> ShopWorld:
    return generate_shop(SMALL, 5)


def test_a_shop_depends_on_seed_and_options_alone(world: ShopWorld) -> None:
    assert generate_shop(SMALL, 5).digest() == world.digest()
    assert generate_shop(SMALL, 6).digest() != world.digest()
    assert generate_shop(replace(SMALL, items=121), 5).n_items == 121


@pytest.mark.parametrize("wrong", [{"items": 3}, {"days": 10}, {"visitors": 0}])
def test_sizes_that_make_no_shop_are_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        ShopOptions(**wrong)


def test_a_visitor_is_the_same_whoever_else_is_there(world: ShopWorld) -> None:
    events, memory, later = past(world, 7)
    past(world, 3)
    again, remembered, plans = past(world, 7)
    assert events == again
    assert memory == remembered
    assert [plan[:4] for plan in later] == [plan[:4] for plan in plans]
    assert all(plan.start >= SMALL.days * DAY for plan in later)


def test_visits_come_in_order_and_within_the_days(world: ShopWorld) -> None:
    for visitor in range(SMALL.visitors):
        starts = [plan.start for plan in plans_of(world, visitor)]
        assert starts == sorted(starts)
        assert all(0 <= start < (SMALL.days + SMALL.days_after) * DAY for start in starts)


def test_the_history_is_what_import_reads(world: ShopWorld, tmp_path: Path) -> None:
    path = tmp_path / "events.csv"
    counts = write_history(world, path, MONDAY_MS, lambda done: None)
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(counts.values())
    assert counts["view"] > counts["addtocart"] >= counts["transaction"] > 0
    times = [int(row["timestamp"]) for row in rows]
    assert times == sorted(times)
    assert MONDAY_MS - SMALL.days * DAY * 1000 <= times[0]
    assert times[-1] < MONDAY_MS
    for row in rows[:50]:
        said = {"user": row["user"], "item": row["item"], "event": row["event"]}
        assert parse_shop_event(said).event in counts
    write_history(world, tmp_path / "again.csv", MONDAY_MS, lambda done: None)
    assert (tmp_path / "again.csv").read_bytes() == path.read_bytes()


def test_what_was_not_viewed_is_not_put_into_the_cart(world: ShopWorld) -> None:
    viewed, carts = set[tuple[int, int]](), set[tuple[int, int]]()
    for visitor in range(SMALL.visitors):
        for event in past(world, visitor)[0]:
            which = (visitor, event.item)
            if event.kind == "view":
                viewed.add(which)
            elif event.kind == "addtocart":
                assert which in viewed
                carts.add(which)
            else:
                assert which in carts


def test_answers_add_to_a_visit_and_leave_its_own_views_alone(world: ShopWorld) -> None:
    plan = next(plan for v in range(150) for plan in plans_of(world, v) if plan.views > 3)

    def own_views(shown: list[int]) -> list[int]:
        steps = visit(world, plan, Memory(), Tally())
        next(steps)
        found, ended = list[int](), False
        while not ended:
            done, ended = send(steps, shown)
            found += [act.item for act in done if act.kind == "view" and act.answer is None]
        return found

    assert len(own_views([])) == plan.views
    assert own_views([])[0] == own_views([1, 2, 3])[0]
    assert len(own_views([1, 2, 3])) == plan.views


def test_impressions_and_clicks_name_their_answer(world: ShopWorld) -> None:
    oracle, clicks = Oracle(world, 5), 0
    for visitor in range(60):
        for plan in plans_of(world, visitor):
            memory = Memory()
            steps = visit(world, plan, memory, Tally())
            next(steps)
            ended, page = False, 0
            while not ended:
                shown = list(oracle(plan, memory))
                done, ended = send(steps, shown)
                seen = [act for act in done if act.kind == "impression"]
                assert [act.item for act in seen] == shown
                assert {act.answer for act in seen} == {page}
                clicked = [act for act in done if act.kind == "view" and act.answer is not None]
                assert all(act.answer == page and act.item in shown for act in clicked)
                clicks += len(clicked)
                page += 1
    assert clicks > 20


def test_expected_carts_are_what_carts_are_on_average(world: ShopWorld) -> None:
    tally = Tally()
    for visitor in range(SMALL.visitors):
        tally += play(world, plans_of(world, visitor), Memory(), nothing)
    spread = np.sqrt(tally.expected_carts)
    assert abs(tally.carts - tally.expected_carts) < 4 * spread


def test_the_oracle_beats_popular_items_and_these_beat_none(world: ShopWorld) -> None:
    truth = truth_of(world, 5)
    assert truth.nothing < truth.popular < truth.oracle
    assert 0 < truth.new < truth.visitors
    assert truth_of(world, 5) == truth


def test_popular_items_are_in_stock(world: ShopWorld) -> None:
    popular = Popular.of(world, [set(range(world.n_items))], 120)
    assert world.available[popular.items].all()
    assert len(popular.items) < world.n_items


def test_files_of_a_shop(world: ShopWorld, tmp_path: Path) -> None:
    save_shop(world, tmp_path, {"k": 5})
    assert load_shop(tmp_path).digest() == world.digest()
    lines = (tmp_path / "items.json").read_text().splitlines()
    items = [parse_item(json.loads(line)) for line in lines]
    assert [item.item for item in items] == [world.item_id(i) for i in range(world.n_items)]
    content = json.loads((tmp_path / "shop.json").read_text())
    (tmp_path / "shop.json").write_text(json.dumps(content | {"seed": 9}))
    with pytest.raises(InputError, match="make the shop again"):
        load_shop(tmp_path)
    (tmp_path / "shop.json").write_text("[]")
    with pytest.raises(InputError, match="no generated shop"):
        load_shop(tmp_path)


def test_commands_name_what_is_wrong(tmp_path: Path) -> None:
    for words, told in (
        (["shop", "--world", str(tmp_path)], "botify-sim shop-world"),
        (["shop-world", "--out", str(tmp_path), "--days", "10"], "whole weeks"),
        (["shop-world", "--out", str(tmp_path), "--until", "1970-01-09"], "before 1970"),
        (["shop-world", "--out", str(tmp_path), "--k", "0"], "--k 0"),
    ):
        result = CliRunner().invoke(main, words)
        assert result.exit_code == 2
        assert told in result.output
