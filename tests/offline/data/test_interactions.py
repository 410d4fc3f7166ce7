"""From logs to the data that models train on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from offline.cli import main
from offline.data.catalog import catalog_size
from offline.data.collect import collect, plays
from offline.data.interactions import Interactions, Plays
from offline.errors import InputError
from offline.logs.reader import open_logs

Make = Callable[..., Any]


def test_interactions_are_the_distinct_pairs_heard_beyond_the_threshold(
    make_events: Make, write_log: Make, tmp_path: Path
) -> None:
    events = make_events()
    collect([write_log(events)], tmp_path / "out")
    counts: dict[tuple[int, int], int] = {}
    for event in events:
        if event["time"] > 0.8:
            pair = (event["user"], event["track"])
            counts[pair] = counts.get(pair, 0) + 1
    found = Interactions.load(tmp_path / "out")
    pairs = list(zip(found.users.take(found.user), found.item.tolist(), strict=True))
    assert pairs == sorted(counts)
    assert found.value.tolist() == [counts[pair] for pair in pairs]
    assert found.user.dtype == found.item.dtype == np.int64
    assert list(found.users) == sorted({event["user"] for event in events})
    assert list(found.items) == list(range(1 + max(event["track"] for event in events)))
    assert (set(found.kind.to_pylist()), found.titles) == ({"play"}, None)
    last: dict[tuple[int, int], int] = {}
    for event in events:
        pair = (event["user"], event["track"])
        if event["time"] > 0.8:
            last[pair] = max(last.get(pair, 0), event["timestamp"])
    assert found.timestamp is not None
    assert found.timestamp.tolist() == [last[pair] for pair in pairs]
    assert found.summary.repeats == sum(counts.values()) - len(counts)


def test_next_and_last_count_and_the_threshold_itself_does_not(
    write_log: Make, event: Make, tmp_path: Path
) -> None:
    log = write_log(
        [
            event(user=3, track=1, time=0.8),
            event(user=3, track=2, time=0.81),
            event(user=3, track=2, time=1.0),
            event(user=3, track=4, time=1, message="last"),
            event(user=9, track=1, time=0.1),
        ]
    )
    summary, bad = collect([log], tmp_path / "out")
    found = Interactions.load(tmp_path / "out")
    assert found.item.tolist() == [2, 4]
    assert found.value.tolist() == [2, 1]
    assert found.user.tolist() == [0, 0]
    assert list(found.users) == [3, 9]
    assert (summary.users, summary.users_seen, summary.interactions, bad) == (1, 2, 2, ())


def test_the_matrix_has_a_row_per_user_and_ones_for_interactions(
    write_log: Make, event: Make, tmp_path: Path
) -> None:
    heard = [(40, 2), (7, 0), (7, 3), (7, 3)]
    collect([write_log([event(user=u, track=t) for u, t in heard])], tmp_path / "out")
    found = Interactions.load(tmp_path / "out")
    matrix = found.matrix(5)
    assert list(found.users) == [7, 40]
    assert matrix.dtype == np.float32
    assert matrix.toarray().tolist() == [[1, 0, 0, 1, 0], [0, 0, 1, 0, 0]]
    with pytest.raises(InputError, match="track 3 is not in the catalog"):
        found.matrix(3)


def test_users_beyond_64_bits_are_counted_and_left_out(
    write_log: Make, event: Make, tmp_path: Path
) -> None:
    log = write_log([event(user=user) for user in (2**63 - 1, 2**63, 10**30, 10**30)])
    summary, _ = collect([log], tmp_path / "out")
    assert summary.users_left_out == 2
    assert list(Interactions.load(tmp_path / "out").users) == [2**63 - 1]
    assert Plays.load(tmp_path / "out").user.tolist() == [2**63 - 1]


def sessions_of(found: Plays) -> list[tuple[int, ...]]:
    columns = (found.user, found.session, found.position, found.track)
    return list(zip(*(column.tolist() for column in columns), strict=True))


def test_sessions_are_cut_at_last_in_time_order(write_log: Make, event: Make) -> None:
    lines = [
        event(user=1, timestamp=50, track=4),
        event(user=1, timestamp=10, track=1),
        event(user=2, timestamp=15, track=9, message="last"),
        event(user=1, timestamp=20, track=2, message="last"),
        event(user=1, timestamp=30, track=3, message="last"),
    ]
    with open_logs([write_log(lines)]) as log:
        found = plays(log)
    assert sessions_of(found) == [
        (1, 0, 0, 1),
        (1, 0, 1, 2),
        (1, 1, 0, 3),
        (1, 2, 0, 4),
        (2, 0, 0, 9),
    ]


def test_equal_timestamps_keep_the_order_of_files_and_lines(write_log: Make, event: Make) -> None:
    write_log([event(track=track) for track in range(4000, 9000)], "data.json.1")
    write_log([event(track=9000, message="last"), event(track=9001)], "data.json.2")
    directory = write_log([event(track=track) for track in range(4000)], "data.json").parent
    with open_logs([directory]) as log:
        found = plays(log)
    assert found.track.tolist() == list(range(9002))
    assert found.position.tolist() == [*range(9001), 0]
    assert found.session.tolist() == [0] * 9001 + [1]


def test_the_session_field_ends_a_session_that_has_no_last(write_log: Make, event: Make) -> None:
    names = ["a", "a", "b", "b", "c"]
    lines = [event(timestamp=at, session=name, track=at) for at, name in enumerate(names)]
    with open_logs([write_log(lines)]) as log:
        found = plays(log)
    assert found.session.tolist() == [0, 0, 1, 1, 2]
    assert found.position.tolist() == [0, 1, 0, 1, 0]


def test_cutting_at_last_and_the_session_field_agree(make_events: Make, write_log: Make) -> None:
    events = make_events()
    with open_logs([write_log(events)]) as log:
        by_field = plays(log)
    bare = [{key: value for key, value in event.items() if key != "session"} for event in events]
    with open_logs([write_log(bare)]) as log:
        by_last = plays(log)
    assert sessions_of(by_field) == sessions_of(by_last)
    assert len(by_field.user) == len(events)


def test_the_same_data_has_the_same_fingerprint(
    make_events: Make, write_log: Make, tmp_path: Path
) -> None:
    events = make_events()
    half = len(events) // 2
    whole = write_log(events)
    parts = [write_log(events[:half], "a.json.gz"), write_log(events[half:], "b.json")]
    first, _ = collect([whole], tmp_path / "out")
    second, _ = collect(parts, tmp_path / "out")
    other, _ = collect([parts[0]], tmp_path / "out")
    assert first.fingerprint == second.fingerprint
    assert first.fingerprint != other.fingerprint
    assert Interactions.load(tmp_path / "out").summary == other


def test_nothing_above_the_threshold_says_what_to_change(
    write_log: Make, event: Make, tmp_path: Path
) -> None:
    log = write_log([event(time=0.5), event(time=0.7)])
    with pytest.raises(InputError, match=r"above the threshold 0\.8: the longest is 0\.7; lower"):
        collect([log], tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("threshold", [-0.1, 1.0, float("nan")])
def test_a_threshold_that_no_time_can_pass_or_miss_is_refused(
    threshold: float, write_log: Make, event: Make, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="threshold"):
        collect([write_log([event()])], tmp_path / "out", threshold)


def test_tracks_of_another_catalog_are_refused(
    write_log: Make, event: Make, tmp_path: Path
) -> None:
    log = write_log([event(track=4), event(track=5, time=0.0)])
    catalog = tmp_path / "tracks.json"
    lines = [{"track": track, "artist": "a", "title": f"No {track}"} for track in range(6)]
    catalog.write_text("\n".join(map(json.dumps, lines[:5])))
    with pytest.raises(InputError, match="track 5 is not in the catalog"):
        collect([log], tmp_path / "out", catalog=catalog)
    catalog.write_text("\n".join(map(json.dumps, lines)))
    assert collect([log], tmp_path / "out", catalog=catalog)[0].interactions == 1
    titles = Interactions.load(tmp_path / "out").titles
    assert titles is not None
    assert titles.to_pylist() == [line["title"] for line in lines]


def test_a_track_number_out_of_all_proportion_asks_for_the_catalog(
    write_log: Make, event: Make, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"track 1000000000000 .* name their --catalog"):
        collect([write_log([event(track=10**12)])], tmp_path / "out")


def test_a_directory_of_the_older_form_is_not_misread(
    write_log: Make, event: Make, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    collect([write_log([event()])], out)
    (out / "items.parquet").unlink()
    about = json.loads((out / "interactions.json").read_text())
    del about["form"]
    (out / "interactions.json").write_text(json.dumps(about))
    with pytest.raises(InputError, match=r"another version of botify .*: collect again"):
        Interactions.load(out)


def test_a_failed_run_leaves_the_earlier_result_as_it_was(
    write_log: Make, event: Make, tmp_path: Path
) -> None:
    collect([write_log([event()])], tmp_path / "out")
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    with pytest.raises(InputError):
        collect([write_log([event(time=0)])], tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_a_directory_with_other_files_is_not_replaced(
    write_log: Make, event: Make, tmp_path: Path
) -> None:
    log = write_log([event()])
    with pytest.raises(InputError, match="holds other files"):
        collect([log], tmp_path)
    with pytest.raises(InputError, match="is a file"):
        collect([log], log)
    assert log.exists()


def test_loading_what_is_not_there_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="botify-offline collect LOGS --out"):
        Interactions.load(tmp_path)
    with pytest.raises(InputError, match="botify-offline collect LOGS --out"):
        Plays.load(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "has no tracks"),
        ('{"track": 0}\n{"track": 2}\n', "2 tracks, but track 1 is missing: ids must be 0 to n-1"),
        ('{"track": 0}\n{"track": 0}\n', "tracks.json:2: track 0 is there twice"),
        ('{"track": 0}\n{"track": "1"}\n', "tracks.json:2: `track` must be"),
        ('{"track": 0}\n{"title": "x"}\n', "tracks.json:2: no `track`"),
    ],
)
def test_a_broken_catalog_is_named(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "tracks.json"
    path.write_text(text)
    with pytest.raises(InputError) as refusal:
        catalog_size(path)
    assert message in str(refusal.value)


def test_the_size_of_a_catalog_in_any_order(tmp_path: Path) -> None:
    path = tmp_path / "tracks.json"
    path.write_text("\n".join(json.dumps({"track": track, "artist": "a"}) for track in (2, 0, 1)))
    assert catalog_size(path) == 3
    with pytest.raises(InputError, match="cannot be read"):
        catalog_size(tmp_path / "none.json")


def test_a_log_of_bad_lines_is_refused_unless_that_is_allowed(
    make_events: Callable[..., list[Any]], write_log: Callable[..., Path], tmp_path: Path
) -> None:
    events = make_events(n_users=20)
    log, out = write_log([*events, *['{"message": "next"}'] * len(events)]), tmp_path / "out"
    refused = CliRunner().invoke(main, ["collect", str(log), "--out", str(out)])
    assert refused.exit_code == 2
    assert "50 % of the lines" in refused.output
    assert "mostly no `timestamp`" in refused.output
    assert not out.exists()
    allowed = CliRunner().invoke(main, ["collect", str(log), "--out", str(out), "--allow-bad"])
    assert allowed.exit_code == 0, allowed.output
    assert allowed.output.startswith(f"{len(events):,} bad lines skipped: 50 % of all")


def test_several_worlds_are_not_collected_as_one(
    make_events: Callable[..., list[Any]], write_log: Callable[..., Path], tmp_path: Path
) -> None:
    events = make_events(n_users=20)
    log = write_log(e | {"world_version": "ab"[e["user"] % 2]} for e in events)
    words = ["collect", str(log), "--out", str(tmp_path / "out")]
    refused = CliRunner().invoke(main, words)
    assert refused.exit_code == 2
    assert "the log is of 2 worlds (a with " in refused.output
    assert CliRunner().invoke(main, [*words, "--allow-mixed"]).exit_code == 0
