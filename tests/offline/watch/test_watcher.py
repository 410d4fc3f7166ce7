"""What follows a log says what `analyze` says of it, however its lines came."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from offline.errors import InputError
from offline.logs.line_filter import LineFilter
from offline.watch import watcher as watcher_module
from offline.watch.ratio import live_ratio

from .watching import EXPERIMENT, Event, agrees, append, follow, judged, parts, text_of


def without_sessions(events: list[Event]) -> list[Event]:
    return [{k: v for k, v in event.items() if k != "session"} for event in events]


def from_a_run(events: list[Event]) -> list[Event]:
    half = len(events) // 2
    return [
        event | {"run": "r1", "world_version": "w", "model_version": "m1" if i < half else "m2"}
        for i, event in enumerate(events)
    ]


@pytest.mark.parametrize("shape", [list, without_sessions, from_a_run])
def test_a_log_read_in_pieces_says_what_analyze_says(
    log: Path, events: list[Event], shape: Callable[[list[Event]], list[Event]]
) -> None:
    first, *rest = parts(shape(events), 6)
    append(log / "data.json", first)
    watcher = follow(log)
    for part in rest:
        append(log / "data.json", part)
        watcher.look()
    agrees(watcher, judged(log))
    assert watcher.told()["notes"] == []


@pytest.mark.parametrize("span_ms", [90_000, 5_000_000, 90_000_000])
def test_periods_grow_with_the_log(
    log: Path, make_events: Callable[..., list[Event]], span_ms: int
) -> None:
    """Seconds become minutes, minutes hours, and what was a look stays the same one."""
    events = make_events(n_users=130, sessions_per_user=2.0)
    start, end = events[0]["timestamp"], events[-1]["timestamp"]
    for event in events:
        event["timestamp"] = start + (event["timestamp"] - start) * span_ms // (end - start)
    first, *rest = parts(events, 6)
    append(log / "data.json", first)
    watcher = follow(log)
    for part in rest:
        append(log / "data.json", part)
        watcher.look()
    agrees(watcher, judged(log))


def test_several_workers_and_lines_cut_in_the_middle(log: Path, events: list[Event]) -> None:
    workers = [text_of(events[worker::3]) for worker in range(3)]
    paths = [log / f"data.json.{worker}" for worker in range(3)]
    size = max(map(len, workers))
    for path, text in zip(paths, workers, strict=True):
        append(path, text[: size // 4 + 7])
    watcher = follow(log)
    for at in range(size // 4 + 7, size, size // 5 + 11):
        for path, text in zip(paths, workers, strict=True):
            append(path, text[at : at + size // 5 + 11])
        watcher.look()
    # Cut at equal bytes, the files are not cut at equal times: some lines come late.
    watcher.look()
    if watcher.state.doubts.total():
        assert any("the whole log will be read anew" in note for note in watcher.told()["notes"])
        watcher.read_all()
    agrees(watcher, judged(log))


def test_a_line_that_another_worker_wrote_a_little_later_is_not_late(
    log: Path, event: Callable[..., Event]
) -> None:
    start = 1_700_000_000_000
    append(log / "data.json.0", text_of([event(user=u, timestamp=start) for u in range(9)]))
    watcher = follow(log)
    append(log / "data.json.0", text_of([event(user=1, timestamp=start + 5_000)]))
    watcher.look()
    append(log / "data.json.1", text_of([event(user=1, timestamp=start + 4_900)]))
    watcher.look()
    watcher.look()
    assert watcher.state.counts["kept"] == 11
    assert not watcher.state.doubts.total()


def test_users_who_change_their_treatment_are_left_out(
    log: Path, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    half = len(events) // 2
    other = {"C": "T1", "T1": "T2", "T2": "C"}
    for event in events[half:]:
        if event["user"] % 10 == 0:
            event["experiments"] = {EXPERIMENT: other[event["experiments"][EXPERIMENT]]}
    append(log / "data.json", text_of(events[:half]))
    watcher = follow(log)
    append(log / "data.json", text_of(events[half:]))
    watcher.look()
    several = judged(log).quality.users_in_several
    [check] = [c for c in watcher.told()["health"] if c["name"] == "users_in_several"]
    assert several > 3
    assert check["text"].split(" (")[1].startswith(f"{several} of")
    monkeypatch.setattr(watcher_module, "_REREAD_S", 0.0)
    monkeypatch.setattr(watcher_module, "_REREAD_TIMES", 0.0)
    watcher.look()
    agrees(watcher, judged(log))


def test_bad_lines_run_and_dropped_users(log: Path, events: list[Event]) -> None:
    for i, event in enumerate(events):
        event["run"] = f"r{i % 2}"
    half = len(events) // 2
    first, second = text_of(events[:half]), text_of(events[half:])
    append(log / "data.json", first + b'{"message": "next"}\n')
    watcher = follow(log, run="r1", drop=["3", "5"])
    append(log / "data.json", b"\n\xff\n{\n" + second)
    watcher.look()
    agrees(watcher, judged(log, LineFilter(run="r1"), ["3", "5"]), checks=False)
    assert watcher.told()["log"]["bad_lines"] == 3
    assert watcher.state.skipped.faults == {"timestamp": 1, "line": 2}


def test_an_empty_directory_is_waited_for(log: Path, three: list[bytes]) -> None:
    watcher = follow(log)
    told = watcher.told()
    assert told["phase"] == "waiting"
    assert told["treatments"] == []
    append(log / "data.json", b"".join(three))
    watcher.look()
    watcher.look()
    assert watcher.told()["phase"] == "watching"
    agrees(watcher, judged(log))


def test_what_cannot_be_read_is_an_error_at_first_and_a_note_later(
    log: Path, three: list[bytes]
) -> None:
    with pytest.raises(InputError, match="no such log"):
        follow(log / "nowhere")
    (log / "data.json.csv").write_text("user,track,time\n1,2,3\n")
    with pytest.raises(InputError, match="this is CSV"):
        follow(log)
    (log / "data.json.csv").unlink()
    append(log / "data.json", three[0])
    watcher = follow(log)
    (log / "data.json.csv").write_text("user,track,time\n1,2,3\n")
    append(log / "data.json", three[1] + three[2])
    watcher.look()
    assert any("this is CSV" in note for note in watcher.told()["notes"])
    watcher.look()
    (log / "data.json.csv").unlink()
    agrees(watcher, judged(log))


def test_a_log_in_other_units_stops_the_looks_and_is_told(
    log: Path, events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log / "data.json", text_of(events[:2000]))
    watcher = follow(log)
    odd = [event | {"timestamp": event["timestamp"] * 1000} for event in events[2000:2010]]
    append(log / "data.json", text_of(odd))
    watcher.look()
    assert "milliseconds" in watcher.told()["problem"]
    assert watcher.told()["treatments"][1]["standing"] is None


def test_a_look_that_fails_is_told_and_the_next_reading_makes_it_good(
    log: Path, three: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log / "data.json", three[0] + three[1])
    watcher = follow(log)
    known = watcher.told()["log"]["lines"]
    append(log / "data.json", three[2])
    with monkeypatch.context() as broken:
        broken.setattr(watcher_module, "read_batch", fail)
        broken.setattr(watcher_module, "_REREAD_S", 0.0)
        broken.setattr(watcher_module, "_REREAD_TIMES", 0.0)
        for _ in range(2):
            watcher.look()
            told = watcher.told()
            assert told["problem"] == "[Errno 28] No space left on device"
            assert told["log"]["lines"] == known
    watcher.look()
    assert watcher.told()["problem"]  # not yet: the whole log would be read
    monkeypatch.setattr(watcher_module, "_REREAD_S", 0.0)
    monkeypatch.setattr(watcher_module, "_REREAD_TIMES", 0.0)
    watcher.look()
    assert watcher.told()["problem"] is None
    agrees(watcher, judged(log))


def fail(*_: object, **__: object) -> None:
    raise OSError(28, "No space left on device")


def test_the_ratio_that_may_be_watched_is_seldom_wrong_and_finds_what_is_wrong() -> None:
    rng = np.random.default_rng(31337)
    steps = np.unique(np.geomspace(100, 20_000, 60).astype(int))
    wrong = sequential = found = 0
    for _ in range(150):
        users = (rng.random(20_000) < 0.5).cumsum()[steps - 1]
        p = stats.chi2.sf((2 * users - steps) ** 2 / steps, 1)
        wrong += bool((p < 0.01).any())
        sequential += any(
            live_ratio({"C": int(a), "T1": int(n - a)}).p < 0.01
            for a, n in zip(users, steps, strict=True)
        )
        shifted = int(rng.binomial(20_000, 0.47))
        found += live_ratio({"C": shifted, "T1": 20_000 - shifted}).mismatch
    assert wrong > 5  # a chi-squared test that is looked at often is wrong much more often
    assert sequential <= 5  # 1 % of 150 is 1.5
    assert found > 145


def test_weights_are_the_shares_that_are_expected() -> None:
    assert live_ratio({"C": 9000, "T1": 1000}, {"C": 9, "T1": 1}).p == 1
    assert live_ratio({"C": 9000, "T1": 1000}).mismatch


def test_a_time_far_from_the_rest_is_told_once_with_the_count_of_now(
    log: Path, events: list[Event]
) -> None:
    stray = events[0] | {"user": 10**6, "timestamp": 5}
    append(log / "data.json", text_of([stray, *events[:2000]]))
    watcher = follow(log)
    append(log / "data.json", text_of(events[2000:2500]))
    watcher.look()
    [told] = [note for note in watcher.told()["notes"] if "more than a year away" in note]
    assert told.startswith("1 of 2,501 lines")
