"""Worlds made up and worlds from real listening, held against the statistics of the docs."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from sim.agents.oracle import Oracle
from sim.agents.policies import Policy
from sim.cli import main
from sim.engine.play import play
from sim.errors import InputError
from sim.rng import Streams
from sim.world import World
from sim.worldgen.calibrate import ORACLE_FLOOR, RANDOM_BAND, calibrate
from sim.worldgen.generated import GeneratorOptions, generate
from sim.worldgen.imported import imported_world, save_owners_ids
from sim.worldgen.statistics import describe, gini
from sim.worldgen.users import Library, make_users

MakeWorld = Callable[..., World]
SMALL = GeneratorOptions(n_users=60, n_tracks=300)


def test_a_seed_makes_a_world_and_another_seed_another() -> None:
    (one, library), (same, again), (other, _) = (generate(SMALL, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.embeddings, same.embeddings)
    np.testing.assert_array_equal(one.users.interests, same.users.interests)
    np.testing.assert_array_equal(library.tracks, again.tracks)
    assert (one.catalog.titles, one.catalog.artists) == (same.catalog.titles, same.catalog.artists)
    assert not np.array_equal(one.users.interests, other.users.interests)


def test_a_made_up_world_has_the_sizes_asked_for_and_names_of_its_own() -> None:
    world, library = generate(SMALL, 1)
    assert len(world.catalog) == 300
    assert len(world.users) == 60
    assert world.embeddings.shape == (300, SMALL.dimensions)
    assert len(set(world.catalog.artists)) == len(world.catalog.artists)
    assert set(world.catalog.artist_of.tolist()) == set(range(len(world.catalog.artists)))
    named = {(world.catalog.artist(t), title) for t, title in enumerate(world.catalog.titles)}
    assert len(named) == 300
    for row in range(60):
        mine = library.tracks[library.bounds[row] : library.bounds[row + 1]]
        assert len(set(mine.tolist())) == SMALL.library_size
        bounds = world.users.bounds[row : row + 2]
        assert world.users.interests[slice(*bounds)].tolist() == mine[:3].tolist()


def test_traits_are_drawn_as_the_protocol_says() -> None:
    n = 20_000
    library = Library(np.arange(n + 1), np.zeros(n, dtype=np.int64))
    users = make_users(library, 3, np.random.default_rng(0))
    bias, octaves = users.consume_bias, np.log2(users.consume_sharpness)
    assert 0 < bias.min() < 0.01
    assert 9.99 < bias.max() < 10
    assert abs(bias.mean() - 5) < 0.1
    assert -1 < octaves.min() < -0.99
    assert 0.99 < octaves.max() < 1
    assert abs(octaves.mean()) < 0.03


@pytest.mark.parametrize("name", ["n_users", "n_tracks", "dimensions", "n_genres", "n_interests"])
def test_sizes_below_one_are_named(name: str) -> None:
    with pytest.raises(InputError, match=f"{name} is 0: it must be 1 or more"):
        GeneratorOptions(**{name: 0})


def test_a_catalog_smaller_than_a_library_is_named() -> None:
    with pytest.raises(InputError, match="n_tracks is 49: a library of 50 tracks"):
        GeneratorOptions(n_tracks=49)


def test_known_gini_coefficients() -> None:
    assert gini(np.array([3, 3, 3, 3])) == pytest.approx(0.0)
    assert gini(np.array([1, 3])) == pytest.approx(0.25)
    assert gini(np.array([1] * 999 + [10**9])) == pytest.approx(0.999, abs=1e-4)


def test_a_world_without_taste_cannot_be_calibrated(make_world: MakeWorld) -> None:
    world = make_world()
    world.embeddings[:] = 1.0
    with pytest.raises(InputError, match="there is nothing to scale"):
        calibrate(world, 1)


@pytest.mark.integration
def test_the_default_world_resembles_real_listening_and_is_calibrated() -> None:
    raw, library = generate(GeneratorOptions(), 31337)
    world, calibration = calibrate(raw, 31337)
    found = describe(world, library, np.random.default_rng(0))
    bands = {
        "share of users who play the top track": (0.2, 0.45),
        "Gini coefficient of listeners per track": (0.65, 0.78),
        "cosine of two interests of one user": (0.25, 0.42),
        "distinct tracks among interests, share": (0.25, 0.42),
    }
    for name, (low, high) in bands.items():
        assert low <= found[name] <= high, name
    check_calibration(world, calibration.random, calibration.oracle)


def check_calibration(world: World, random: float, oracle: float) -> None:
    """What is claimed holds, and holds on listeners that were not calibrated on."""
    assert RANDOM_BAND[0] <= random <= RANDOM_BAND[1]
    assert oracle >= ORACLE_FLOOR
    under_random = play(world, Policy("random_unseen", Streams(5)), seed=5, episodes=range(10_000))
    under_oracle = play(world, Oracle(), seed=5, episodes=range(1_000))
    assert 1.1 <= under_random.mean_session_time <= 1.6
    assert under_oracle.mean_session_time >= 8


def write_interactions(directory: Path, **about: object) -> list[tuple[int, int, float]]:
    """30 users, 40 items, two of one title and five nobody's; (user, item, value) of each row."""
    rng = np.random.default_rng(0)
    rows = [
        (user, int(item), float(rng.integers(1, 5_000)))
        for user in range(30)
        for item in np.sort(rng.permutation(35)[:10])
    ]
    user, item, value = zip(*rows, strict=True)
    titles = [f"No {n}" for n in range(40)]
    titles[6] = titles[7] = "Twins"
    tables = {
        "interactions": {"user": user, "item": item, "value": value},
        "users": {"id": [f"u{n}" for n in range(30)]},
        "items": {"id": [100 + n for n in range(40)], "title": [*titles[:3], None, *titles[4:]]},
    }
    for name, columns in tables.items():
        pq.write_table(pa.table(columns), directory / f"{name}.parquet")
    facts = {"form": 2, "format": "csv", "liked_from": None, **about}
    (directory / "interactions.json").write_text(json.dumps(facts))
    return rows


def test_a_world_from_interactions(tmp_path: Path) -> None:
    rows = write_interactions(tmp_path)
    found = imported_world(tmp_path, 1, dimensions=8)
    world, library = found.world, found.library
    liked = sorted({item for _, item, _ in rows})
    assert found.items.to_pylist() == [100 + item for item in liked]
    assert found.users.to_pylist() == [f"u{n}" for n in range(30)]
    assert world.embeddings.shape == (len(liked), 8)
    assert {"Twins (#106)", "Twins (#107)", "103"} <= set(world.catalog.titles)
    assert world.catalog.titles == world.catalog.artists
    for user in range(30):
        mine = sorted(((value, item) for u, item, value in rows if u == user), reverse=True)
        expected = [liked.index(item) for _, item in mine]
        assert library.tracks[library.bounds[user] : library.bounds[user + 1]].tolist() == expected
        bounds = world.users.bounds[user : user + 2]
        assert world.users.interests[slice(*bounds)].tolist() == expected[:3]


def test_only_likes_make_a_world_and_its_numbers_are_mapped(tmp_path: Path) -> None:
    rows = write_interactions(tmp_path, liked_from=4_000)
    found = imported_world(tmp_path, 1, dimensions=8)
    liked = [(user, item) for user, item, value in rows if value >= 4_000]
    assert found.users.to_pylist() == [f"u{n}" for n in sorted({user for user, _ in liked})]
    assert found.items.to_pylist() == [100 + n for n in sorted({item for _, item in liked})]
    assert len(found.library.tracks) == len(liked)
    world = tmp_path / "world"
    world.mkdir()
    save_owners_ids(found, world)
    assert pq.read_table(world / "items.parquet")["id"].to_pylist() == found.items.to_pylist()


def test_the_same_seed_makes_the_same_world_of_interactions(tmp_path: Path) -> None:
    write_interactions(tmp_path)
    one, two = (imported_world(tmp_path, 1, dimensions=8).world for _ in range(2))
    np.testing.assert_array_equal(one.embeddings, two.embeddings)
    np.testing.assert_array_equal(one.users.consume_bias, two.users.consume_bias)


def test_equal_values_do_not_go_by_the_size_of_an_id(tmp_path: Path) -> None:
    rows = write_interactions(tmp_path)
    table = pq.read_table(tmp_path / "interactions.parquet")
    ones = table.set_column(2, "value", pa.array(np.ones(len(rows))))
    pq.write_table(ones, tmp_path / "interactions.parquet")
    interests = imported_world(tmp_path, 1, dimensions=8).world.users.interests
    assert abs(interests.mean() - 17) < 3  # of 35; by the smaller id it would be about 4


def test_artists_come_with_the_items(tmp_path: Path) -> None:
    write_interactions(tmp_path)
    items = pq.read_table(tmp_path / "items.parquet")
    artists = pa.array([None if n == 5 else f"Artist {n % 4}" for n in range(40)])
    pq.write_table(items.append_column("artist", artists), tmp_path / "items.parquet")
    catalog = imported_world(tmp_path, 1, dimensions=8).world.catalog
    assert set(catalog.artists) == {*(f"Artist {n}" for n in range(4)), "No 5"}
    assert catalog.artist(8) == "Artist 0"


@pytest.mark.parametrize("name", ["interactions.parquet", "items.parquet", "interactions.json"])
def test_missing_and_damaged_interactions_say_how_to_make_them(name: str, tmp_path: Path) -> None:
    write_interactions(tmp_path)
    (tmp_path / name).write_text("x")
    with pytest.raises(InputError, match="botify-offline import SOURCE"):
        imported_world(tmp_path, 1, dimensions=8)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=rf"{name}: no such file: .*botify-offline import"):
        imported_world(tmp_path, 1, dimensions=8)


def test_interactions_of_another_version_or_too_few_are_refused(tmp_path: Path) -> None:
    write_interactions(tmp_path, form=1)
    with pytest.raises(InputError, match="of another version"):
        imported_world(tmp_path, 1, dimensions=8)
    write_interactions(tmp_path, liked_from=4_999.5)
    with pytest.raises(InputError, match="0 users like 0 items: a world needs 2 users and 20"):
        imported_world(tmp_path, 1, dimensions=8)


def test_a_folder_of_lastfm_is_to_be_imported_first(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["world", "--lastfm", "x", "--out", str(tmp_path / "w")])
    assert result.exit_code == 2
    assert "botify-offline import x --out DIR" in result.output
