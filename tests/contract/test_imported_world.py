"""What `botify-offline import` writes is what `botify-sim world --from` reads."""

import json
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from offline.cli import main as offline
from sim.cli import main as sim
from sim.worldgen.calibrate import ORACLE_FLOOR, RANDOM_BAND, calibrate
from sim.worldgen.imported import imported_world

LASTFM = Path(__file__).parents[3] / "shared" / "data" / "lastfm-2k"


def run(program: object, *words: object) -> str:
    result = CliRunner().invoke(program, [str(word) for word in words])  # type: ignore[arg-type]
    assert result.exit_code == 0, result.output
    return result.output


def test_a_table_with_ids_of_its_own_becomes_a_world(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = ["customer,sku,rating,name"]
    for user in range(40):
        liked = 30 * (user % 2) + rng.permutation(30)[:15]
        rows += [f"c-{user},s{item},{rng.integers(1, 6)},Thing {item}" for item in liked]
    (tmp_path / "shop.csv").write_text("\n".join(rows))
    run(offline, "import", tmp_path / "shop.csv", "--out", tmp_path / "data")
    world = tmp_path / "world"
    said = run(sim, "world", "--from", tmp_path / "data", "--out", world)
    assert "world (csv: shop.csv): 40 users, 60 tracks" in said

    ids = pq.read_table(world / "items.parquet")["id"].to_pylist()
    tracks = [json.loads(line) for line in (world / "tracks.json").read_text().splitlines()]
    assert [track["track"] for track in tracks] == list(range(60))
    assert [track["title"] for track in tracks] == [f"Thing {sku[1:]}" for sku in ids]
    users = pq.read_table(world / "users.parquet")["id"].to_pylist()
    assert users == sorted(f"c-{user}" for user in range(40))
    said = run(
        sim, "run", "--config", world / "env.yml", "--recommender", "random", "--episodes", 50
    )
    assert "50 sessions" in said


@pytest.mark.integration
def test_real_listening_gives_a_calibrated_world(tmp_path: Path) -> None:
    if not (LASTFM / "user_artists.dat").is_file():
        pytest.skip(f"no {LASTFM}")
    run(offline, "import", LASTFM, "--out", tmp_path / "data")
    found = imported_world(tmp_path / "data", 31337)
    world, calibration = calibrate(found.world, 31337)
    assert len(world.users) == len(found.library.bounds) - 1 == 1_892
    assert set(world.catalog.titles) == {"(any song)"}
    assert RANDOM_BAND[0] <= calibration.random <= RANDOM_BAND[1]
    assert calibration.oracle >= ORACLE_FLOOR
