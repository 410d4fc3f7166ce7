"""Worlds made up and worlds from real listening, held against the statistics of the docs."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sim.agents.oracle import Oracle
from sim.agents.policies import Policy
from sim.engine.play import play
from sim.errors import InputError
from sim.rng import Streams
from sim.world import World
from sim.worldgen.calibrate import ORACLE_FLOOR, RANDOM_BAND, calibrate
from sim.worldgen.generated import GeneratorOptions, generate
from sim.worldgen.lastfm import lastfm_world
from sim.worldgen.statistics import describe, gini
from sim.worldgen.users import Library, make_users

MakeWorld = Callable[..., World]
LASTFM = Path(__file__).parents[4] / "shared" / "data" / "lastfm-2k"
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


def write_lastfm(directory: Path, n_users: int = 30, n_artists: int = 40) -> None:
    """The format of hetrec2011-lastfm-2k, in which two artists share a name."""
    rng = np.random.default_rng(0)
    names = {a: f"Artist {a}" for a in range(1, n_artists + 1)} | {7: "Twins", 8: "Twins"}
    artists = "".join(f"{a}\t{name}\thttp://a\thttp://b\n" for a, name in names.items())
    # Read as text with other line ends and a name outside ASCII, as some are.
    (directory / "artists.dat").write_text(
        "id\tname\turl\tpictureURL\n" + artists.replace("Artist 3\t", "Björk\t")
    )
    plays = [
        (u, int(a), int(rng.integers(1, 5_000)))
        for u in range(2, 2 + n_users)
        for a in rng.permutation(n_artists - 5)[:10] + 1
    ]
    (directory / "user_artists.dat").write_text(
        "userID\tartistID\tweight\n" + "".join(f"{u}\t{a}\t{w}\r\n" for u, a, w in plays)
    )


def rows_of(path: Path) -> list[list[int]]:
    return [[int(x) for x in line.split("\t")] for line in path.read_text().splitlines()[1:]]


def test_a_world_from_listening_counts(tmp_path: Path) -> None:
    write_lastfm(tmp_path)
    world, library = lastfm_world(tmp_path, 1, dimensions=8)
    rows = rows_of(tmp_path / "user_artists.dat")
    played = sorted({artist for _, artist, _ in rows})
    assert len(world.catalog) == len(played)
    assert world.embeddings.shape == (len(played), 8)
    assert "Björk" in world.catalog.artists
    assert {"Twins (#7)", "Twins (#8)"} <= set(world.catalog.artists)
    for row, user in enumerate(sorted({user for user, _, _ in rows})):
        mine = sorted((-plays, artist) for u, artist, plays in rows if u == user)
        expected = [played.index(artist) for _, artist in mine]
        assert library.tracks[library.bounds[row] : library.bounds[row + 1]].tolist() == expected
        bounds = world.users.bounds[row : row + 2]
        assert world.users.interests[slice(*bounds)].tolist() == expected[:3]


def test_the_same_seed_makes_the_same_world_of_listening_counts(tmp_path: Path) -> None:
    write_lastfm(tmp_path)
    one, two = (lastfm_world(tmp_path, 1, dimensions=8)[0] for _ in range(2))
    np.testing.assert_array_equal(one.embeddings, two.embeddings)
    np.testing.assert_array_equal(one.users.consume_bias, two.users.consume_bias)


@pytest.mark.parametrize(
    ("name", "line", "message"),
    [
        ("user_artists.dat", "2\t5", r":302: 3 columns separated by tabs"),
        ("user_artists.dat", "2\t5\tmany", r":302: three integers"),
        ("user_artists.dat", "2\t5\t0", r":302: 0 plays"),
        ("user_artists.dat", "2\t5\t-3", r":302: -3 plays"),
        ("user_artists.dat", "", r":302: 3 columns separated by tabs"),
        ("artists.dat", "41", r":42: 2 columns separated by tabs"),
        ("artists.dat", "x\tArtist", r":42: artist id 'x' is not an integer"),
    ],
)
def test_a_malformed_row_is_named_by_file_and_line(
    tmp_path: Path, name: str, line: str, message: str
) -> None:
    write_lastfm(tmp_path)
    with (tmp_path / name).open("a") as out:
        out.write(f"{line}\n")
    with pytest.raises(InputError, match=f"{name}{message}"):
        lastfm_world(tmp_path, 1, dimensions=8)


@pytest.mark.parametrize("name", ["user_artists.dat", "artists.dat"])
def test_a_missing_header_is_named_and_costs_no_row(tmp_path: Path, name: str) -> None:
    write_lastfm(tmp_path)
    path = tmp_path / name
    path.write_bytes(path.read_bytes().partition(b"\n")[2])
    with pytest.raises(InputError, match=f"{name}:1: the header is missing"):
        lastfm_world(tmp_path, 1, dimensions=8)


def test_an_artist_without_a_name_is_named(tmp_path: Path) -> None:
    write_lastfm(tmp_path)
    with (tmp_path / "user_artists.dat").open("a") as out:
        out.write("2\t999\t5\n")
    with pytest.raises(InputError, match=r"artists\.dat: artist 999 has plays but no name"):
        lastfm_world(tmp_path, 1, dimensions=8)


@pytest.mark.parametrize("name", ["artists.dat", "user_artists.dat"])
def test_a_missing_file_says_where_the_data_is_from(tmp_path: Path, name: str) -> None:
    write_lastfm(tmp_path)
    (tmp_path / name).unlink()
    with pytest.raises(InputError, match=f"{name}: no such file: .*grouplens"):
        lastfm_world(tmp_path, 1, dimensions=8)


def test_counts_without_a_row_are_named(tmp_path: Path) -> None:
    write_lastfm(tmp_path)
    (tmp_path / "user_artists.dat").write_text("userID\tartistID\tweight\n")
    with pytest.raises(InputError, match=r"user_artists\.dat: it has no play counts"):
        lastfm_world(tmp_path, 1, dimensions=8)


@pytest.mark.integration
def test_real_listening_gives_a_calibrated_world() -> None:
    if not (LASTFM / "user_artists.dat").is_file():
        pytest.skip(f"no {LASTFM}")
    raw, library = lastfm_world(LASTFM, 31337)
    world, calibration = calibrate(raw, 31337)
    assert len(world.users) == len(library.bounds) - 1 == 1_892
    check_calibration(world, calibration.random, calibration.oracle)
