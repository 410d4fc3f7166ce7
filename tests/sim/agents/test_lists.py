"""The lists that the service serves, read for recommenders in process."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sim.agents.lists import read_neighbours, read_recommendations, read_top_tracks
from sim.errors import InputError
from sim.world import World

MakeWorld = Callable[..., World]


def test_lists_find_their_user_or_track(make_world: MakeWorld, tmp_path: Path) -> None:
    world = make_world(n_users=3)
    user, path = int(world.users.ids[1]), tmp_path / "lists.json"
    path.write_text(
        f'{{"user": {user}, "tracks": [5, 3]}}\n{{"user": 999999, "tracks": [1, 2, 3]}}\n'
    )
    assert read_recommendations(path, world).tolist() == [[-1, -1], [5, 3], [-1, -1]]
    path.write_text('{"track": 1, "recommendations": [4]}\n{"track": 0, "recommendations": []}\n')
    assert read_neighbours(path, world)[:3].tolist() == [[-1], [4], [-1]]
    path.write_text("[9, 8]")
    assert read_top_tracks(path, world).tolist() == [9, 8]


def test_neighbours_of_other_editions_are_read(make_world: MakeWorld, tmp_path: Path) -> None:
    path = tmp_path / "neighbours.json"
    path.write_text(
        '{"item_id": 1, "recommendations": [4]}\n{"track": 0, "recommendations": null}\n'
        '{"track": 2, "artist": "a", "title": "t"}\n'
        '{"track": 3, "item_id": 3, "recommendations": [5]}\n'
    )
    assert read_neighbours(path, make_world())[:4].tolist() == [[-1], [4], [-1], [5]]


def test_lists_of_every_edition_are_read(make_world: MakeWorld, tmp_path: Path) -> None:
    world, path = make_world(n_users=3), tmp_path / "lists.json"
    path.write_text(
        '\ufeff{"item_id": 1, "recommendations": [4.0]}\n'
        '{"item_id": 0.0, "recommendations": null}\n'
        '{"track": 2, "recommendations": NaN}\n{"track": 3}\n'
    )
    assert read_neighbours(path, world)[:4].tolist() == [[-1], [4], [-1], [-1]]
    user = int(world.users.ids[1])
    path.write_text(f'\ufeff{{"user": {user}.0, "tracks": [5.0, 3]}}\n')
    assert read_recommendations(path, world).tolist() == [[-1, -1], [5, 3], [-1, -1]]
    path.write_text("\ufeff[9.0, 8]")
    assert read_top_tracks(path, world).tolist() == [9, 8]


@pytest.mark.parametrize(
    ("read", "content", "message"),
    [
        (read_recommendations, '{"user": 1, "tracks": [-1]}', ":1: tracks.0: "),
        (read_neighbours, '{"track": -1, "recommendations": [1]}', ":1: track: "),
        (read_neighbours, '{"track": 1, "recommendations": [1', ":1: "),
        (read_neighbours, '{"track": 1, "recommendations": [60]}', ":1: track 60 is not in this"),
        (read_neighbours, '{"track": 1, "recommendations": [2, 2]}', ":1: track 2 is there twice"),
        (
            read_neighbours,
            '{"track": 1, "recommendations": [2]}\n{"track": 1, "recommendations": [3]}',
            ":2: track 1 has a list already",
        ),
        (read_neighbours, '{"recommendations": [2]}', ":1: track: Field required"),
        (read_neighbours, '{"item_id": "1", "recommendations": [2]}', ":1: item_id: "),
        (
            read_neighbours,
            '{"track": 1, "item_id": 2, "recommendations": [3]}',
            ":1: Value error, track 1 and item_id 2 differ",
        ),
        (
            read_neighbours,
            '{"track": 1}\n{"item_id": 1, "recommendations": [3]}',
            ":2: track 1 has a list already",
        ),
        (read_neighbours, '{"track": 1}', ": it has no list for this world"),
        (read_recommendations, '{"user": 1, "tracks": null}', ":1: tracks: "),
        (read_recommendations, f'{{"user": 1, "tracks": [{2**31}]}}', ":1: tracks.0: "),
        (read_top_tracks, "[1, 3, 1]", ": track 1 is there twice"),
        (read_top_tracks, '["1"]', ": 0: "),
        (read_neighbours, "", ": it has no list for this world"),
        (read_top_tracks, "[1, -1]", ": 1: "),
        (read_top_tracks, "[60]", ": track 60 is not in this"),
        (read_top_tracks, "[]", ": it has no list for this world"),
        (read_top_tracks, "{}", ": "),
    ],
)
def test_a_spoiled_list_is_named(
    make_world: MakeWorld,
    tmp_path: Path,
    read: Callable[[Path, World], object],
    content: str,
    message: str,
) -> None:
    path = tmp_path / "lists.json"
    path.write_text(content)
    with pytest.raises(InputError) as caught:
        read(path, make_world())
    assert str(caught.value).startswith(f"{path}{message}")


@pytest.mark.parametrize("read", [read_recommendations, read_neighbours, read_top_tracks])
def test_a_missing_list_is_named(
    make_world: MakeWorld, tmp_path: Path, read: Callable[[Path, World], object]
) -> None:
    with pytest.raises(InputError, match=r"none\.json: "):
        read(tmp_path / "none.json", make_world())
