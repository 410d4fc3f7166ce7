"""A world's files: what loads, and what each spoiled one is answered with."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.agents.policies import Policy
from sim.config import load_config
from sim.engine.play import play
from sim.errors import InputError
from sim.rng import Streams
from sim.world import World
from sim.world.files import (
    load_catalog,
    load_embeddings,
    load_users,
    load_world,
    open_world,
    save_world,
)

MakeWorld = Callable[..., World]
FAMILY = Path(__file__).parents[4] / "shared" / "data" / "botify-2022"


def load(files: Any) -> World:
    return open_world(load_config(files.env))


def append(path: Path, row: object) -> None:
    with path.open("a") as out:
        out.write((row if isinstance(row, str) else json.dumps(row)) + "\n")


def test_a_saved_world_loads_as_it_was(
    make_world: MakeWorld, world_files: Any, tmp_path: Path
) -> None:
    world = make_world()
    save_world(world, tmp_path / "world")
    paths = (tmp_path / "world" / name for name in ("tracks.json", "tracks.npy", "users.json"))
    loaded = load_world(*paths, load_config(world_files.env).user_catalog_config)
    assert loaded.catalog.titles == world.catalog.titles
    tracks = range(len(world.catalog))
    assert [loaded.catalog.artist(t) for t in tracks] == [world.catalog.artist(t) for t in tracks]
    np.testing.assert_array_equal(loaded.embeddings, world.embeddings)
    for name, column in vars(world.users).items():
        np.testing.assert_array_equal(getattr(loaded.users, name), column)


def test_defaults_fill_what_a_users_line_leaves_out(world_files: Any) -> None:
    world_files.users.write_text(
        '{"user": 8, "interests": [1]}\n'
        '{"user": 2, "interests": [3, 4], "consume_bias": 7, "session_budget": 2, "age": 30}\n'
    )
    world_files.write_env(
        user_catalog_config={
            "default_consume_bias": 6.5,
            "default_consume_sharpness": 1.5,
            "default_interest_neighbours": 4,
            "default_session_budget": 9,
            "default_artist_discount_gamma": 0.5,
        }
    )
    users = load(world_files).users
    assert users.ids.tolist() == [8, 2]
    assert users.consume_bias.tolist() == [6.5, 7.0]
    assert users.consume_sharpness.tolist() == [1.5, 1.5]
    assert users.interest_neighbours.tolist() == [4, 4]
    assert users.session_budget.tolist() == [9, 2]
    assert users.artist_discount_gamma.tolist() == [0.5, 0.5]


def test_the_protocols_defaults_apply_where_the_config_has_none(world_files: Any) -> None:
    world_files.env.write_text(
        f"track_catalog_config: {{track_meta_path: {world_files.tracks}, "
        f"track_embeddings_path: {world_files.embeddings}}}\n"
        f"user_catalog_config: {{user_catalog_path: {world_files.users}}}\n"
    )
    users = load(world_files).users
    assert set(users.consume_bias) == {5.0}
    assert set(users.consume_sharpness) == {1.0}
    assert set(users.interest_neighbours) == {10}
    assert set(users.session_budget) == {5}
    assert set(users.artist_discount_gamma) == {0.8}


def test_tracks_may_come_in_any_order_with_keys_of_their_own(world_files: Any) -> None:
    world_files.tracks.write_text(
        '{"track": 1, "artist": "B", "title": "b", "recommendations": [0]}\n'
        "\n"
        '{"artist": "A", "title": "a", "track": 0}\n'
    )
    catalog = load_catalog(world_files.tracks)
    assert catalog.titles == ["a", "b"]
    assert [catalog.artist(0), catalog.artist(1)] == ["A", "B"]


def test_numbers_as_pandas_writes_them_and_what_is_not_known(world_files: Any) -> None:
    world_files.tracks.write_text(
        '\ufeff{"track": 0.0, "artist": null, "title": NaN}\n'
        '{"track": 1.0, "artist": NaN}\n{"track": 2, "artist": "A", "title": "t"}\n'
    )
    catalog = load_catalog(world_files.tracks)
    assert catalog.titles == ["", "", "t"]
    assert catalog.artist_of.tolist() == [0, 1, 2]
    world_files.users.write_text(
        '\ufeff{"user": 8.0, "interests": [1.0, 2], "consume_bias": NaN, "session_budget": 2.0}\n'
        '{"user": 9, "interests": [1], "interest_neighbours": null}\n'
    )
    defaults = load_config(world_files.env).user_catalog_config
    users = load_users(world_files.users, defaults)
    assert users.ids.tolist() == [8, 9]
    assert users.interests.tolist() == [1, 2, 1]
    assert users.consume_bias.tolist() == [defaults.default_consume_bias] * 2
    assert users.session_budget.tolist() == [2, defaults.default_session_budget]


def test_embeddings_of_doubles_are_taken_as_floats(world_files: Any) -> None:
    np.save(world_files.embeddings, np.asfortranarray(np.ones((40, 3))))
    assert load(world_files).embeddings.dtype == np.float32


@pytest.mark.parametrize("name", ["tracks", "embeddings", "users", "env"])
def test_a_missing_file_is_named(world_files: Any, name: str) -> None:
    path: Path = getattr(world_files, name)
    path.unlink()
    with pytest.raises(InputError) as caught:
        load(world_files)
    assert str(caught.value).startswith(f"{path}: ")


SPOILED: dict[str, tuple[str, object, str]] = {
    "a track cut in half": ("tracks", '{"track": 40, "artist": "A", "ti', ":41: "),
    "a track id that is text": (
        "tracks",
        {"track": "40", "artist": "A", "title": "t"},
        ":41: `track` must be",
    ),
    "a negative track id": (
        "tracks",
        {"track": -1, "artist": "A", "title": "t"},
        ":41: `track` must be",
    ),
    "a title that is none": ("tracks", {"track": 40, "title": 1}, ":41: `title` must be"),
    "not an object": ("tracks", "[1, 2]", ":41: "),
    "bytes that are no text": ("tracks", '{"track": 40, "artist": "\udcff", ', ":41: "),
    "a gap in the ids": (
        "tracks",
        {"track": 41, "artist": "A", "title": "t"},
        ": 41 tracks, but track 40 is missing",
    ),
    "a track twice": (
        "tracks",
        {"track": 3, "artist": "A", "title": "t"},
        ":41: track 3 is there twice, first in line 4",
    ),
    "a user twice": ("users", {"user": 3, "interests": [1]}, ":26: user 3 is there twice"),
    "no interests": ("users", {"user": 99, "interests": []}, ":26: interests: "),
    "no interests key": ("users", {"user": 99}, ":26: interests: "),
    "a budget of 0": (
        "users",
        {"user": 99, "interests": [1], "session_budget": 0},
        ":26: session_budget: ",
    ),
    "a gamma of 2": (
        "users",
        {"user": 99, "interests": [1], "artist_discount_gamma": 2},
        ":26: artist_discount_gamma: ",
    ),
    "an endless bias": (
        "users",
        '{"user": 99, "interests": [1], "consume_bias": Infinity}',
        ":26: consume_bias: ",
    ),
    "no neighbours": (
        "users",
        {"user": 99, "interests": [1], "interest_neighbours": 0},
        ":26: interest_neighbours: ",
    ),
    "a user id beyond 64 bits": ("users", {"user": 10**30, "interests": [1]}, ":26: user: "),
}


@pytest.mark.parametrize("case", SPOILED)
def test_a_spoiled_line_is_named_by_file_and_number(world_files: Any, case: str) -> None:
    name, row, message = SPOILED[case]
    path: Path = getattr(world_files, name)
    text = path.read_text() + (row if isinstance(row, str) else json.dumps(row)) + "\n"
    path.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(InputError) as caught:
        load(world_files)
    assert str(caught.value).startswith(f"{path}{message}")
    assert "\n" not in str(caught.value)


def test_an_interest_that_is_no_track_is_named(world_files: Any) -> None:
    append(world_files.users, {"user": 99, "interests": [1, 40]})
    with pytest.raises(
        InputError, match=r"user 99 has interest 40, which is no track: .* 0 to 39"
    ):
        load(world_files)


def test_an_empty_users_file_is_named(world_files: Any) -> None:
    world_files.users.write_text("")
    with pytest.raises(InputError, match=r"users\.json: it has no users"):
        load(world_files)


def test_an_empty_catalog_is_named(world_files: Any) -> None:
    world_files.tracks.write_text("\n")
    with pytest.raises(InputError, match=r"tracks\.json: the catalog has no tracks"):
        load(world_files)


def test_another_number_of_rows_than_tracks(world_files: Any) -> None:
    np.save(world_files.embeddings, np.zeros((39, 6), dtype=np.float32))
    with pytest.raises(InputError, match=r"shape \(39, 6\), but the catalog has 40 tracks"):
        load(world_files)


def test_files_that_do_not_fit_together_are_all_named(world_files: Any) -> None:
    append(world_files.users, {"user": 99, "interests": [40]})
    with pytest.raises(InputError) as caught:
        load(world_files)
    for path in (world_files.tracks, world_files.embeddings, world_files.users):
        assert str(path) in str(caught.value)


def test_embeddings_without_rows(world_files: Any) -> None:
    np.save(world_files.embeddings, np.zeros(40, dtype=np.float32))
    with pytest.raises(InputError, match=r"shape \(40,\)"):
        load(world_files)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_an_embedding_that_is_not_finite_names_its_track(world_files: Any, value: float) -> None:
    embeddings = np.zeros((40, 6), dtype=np.float32)
    embeddings[17, 2] = value
    np.save(world_files.embeddings, embeddings)
    with pytest.raises(InputError, match="embedding of track 17 is not finite"):
        load(world_files)


def test_an_embedding_too_large_for_a_float_names_its_track(world_files: Any) -> None:
    embeddings = np.zeros((40, 6))
    embeddings[17, 2] = 1e300
    np.save(world_files.embeddings, embeddings)
    with pytest.raises(InputError, match="embedding of track 17 is not finite"):
        load(world_files)


def test_embeddings_whose_products_leave_the_range_of_a_float_name_the_largest(
    world_files: Any,
) -> None:
    embeddings = np.full((40, 6), 1e3, dtype=np.float32)
    embeddings[17, 2] = -1e20
    np.save(world_files.embeddings, embeddings)
    with pytest.raises(InputError, match=r"embedding of track 17 has a norm of 1e\+20"):
        load(world_files)


def test_embeddings_without_dimensions(world_files: Any) -> None:
    np.save(world_files.embeddings, np.zeros((40, 0), dtype=np.float32))
    with pytest.raises(InputError, match="no dimensions"):
        load(world_files)


def test_pickled_embeddings_are_refused_unread(world_files: Any) -> None:
    np.save(world_files.embeddings, np.array([{"a": 1}] * 40, dtype=object), allow_pickle=True)
    with pytest.raises(InputError, match=r"tracks\.npy: not a \.npy file of numbers"):
        load(world_files)


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY", b"no array at all"])
def test_a_file_that_is_no_array(world_files: Any, content: bytes) -> None:
    world_files.embeddings.write_bytes(content)
    with pytest.raises(InputError, match=r"tracks\.npy: not a \.npy file of numbers") as caught:
        load(world_files)
    assert "\n" not in str(caught.value)


def test_an_array_cut_short(world_files: Any) -> None:
    content = world_files.embeddings.read_bytes()
    world_files.embeddings.write_bytes(content[:-100])
    with pytest.raises(InputError, match=r"tracks\.npy: not a \.npy file of numbers"):
        load_embeddings(world_files.embeddings)


@pytest.mark.parametrize("array", [np.zeros((40, 6), dtype=np.int64), np.array([["a"]])])
def test_an_array_of_something_else(world_files: Any, array: Any) -> None:
    np.save(world_files.embeddings, array)
    with pytest.raises(InputError, match="floating-point numbers"):
        load_embeddings(world_files.embeddings)


def test_an_archive_of_arrays_is_refused(world_files: Any) -> None:
    with world_files.embeddings.open("wb") as out:
        np.savez(out, a=np.zeros(3))
    with pytest.raises(InputError, match="floating-point numbers"):
        load_embeddings(world_files.embeddings)


@pytest.mark.integration
def test_a_real_world_of_this_family_loads_and_plays(tmp_path: Path, world_files: Any) -> None:
    if not (FAMILY / "sim_users.json").is_file():
        pytest.skip(f"no {FAMILY}")
    catalog = load_catalog(FAMILY / "sim_tracks.json")
    assert len(catalog) == 50_000
    # Its own embeddings are lost.
    rng = np.random.default_rng(0)
    np.save(tmp_path / "tracks.npy", rng.normal(size=(50_000, 8)).astype(np.float32))
    defaults = load_config(world_files.env).user_catalog_config
    users = load_users(FAMILY / "sim_users.json", defaults)
    world = World(catalog, load_embeddings(tmp_path / "tracks.npy"), users)
    summary = play(
        world, Policy("random_unseen", Streams(1)), seed=1, episodes=range(200), batch=64
    )
    assert summary.sessions == 200
    assert summary.steps >= 200 * 5
