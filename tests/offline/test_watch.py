"""What follows a log says what `analyze` says of it, however its lines came."""

import gzip
import json
import os
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import zstandard
from scipy import stats

from offline.errors import InputError
from offline.experiment.aggregate import Aggregates, aggregate
from offline.experiment.checks import run_checks
from offline.experiment.sequential import looks
from offline.log_choice import Choice
from offline.logs import open_logs
from offline.watch import watcher as watcher_module
from offline.watch.batch import Question
from offline.watch.ratio import live_ratio
from offline.watch.state import aggregates_of, checks_of
from offline.watch.watcher import Watched, Watcher

EXPERIMENT = "DAE_VS_CONTEXTUAL"
Event = dict[str, Any]


def text_of(events: Sequence[Event]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def follow(directory: Path, **options: Any) -> Watcher:
    question = Question(EXPERIMENT, options.pop("run", None), options.pop("drop", ()))
    watcher = Watcher(Watched([str(directory)], question, **options))
    watcher.read_all()
    return watcher


def judged(directory: Path, choice: Choice | None = None, drop: Sequence[str] = ()) -> Aggregates:
    with open_logs([directory], choice=choice) as log:
        return aggregate(log, EXPERIMENT, drop=drop)


def agrees(watcher: Watcher, expected: Aggregates, checks: bool = True) -> None:
    """Users, sessions, sums of each user, looks and checks are those of `analyze`."""
    watcher.look()  # what waited for lines of other workers
    state = watcher.state
    found = aggregates_of(state, EXPERIMENT, watcher.news.paths, None)
    for mine, arm in zip(found.arms, expected.arms, strict=True):
        assert (mine.treatment, mine.users, mine.lines) == (arm.treatment, arm.users, arm.lines)
        assert mine.sessions == arm.sessions
        assert mine.users_without_session == arm.users_without_session
    assert found.period_name == expected.period_name
    sessions, time, _ = state.timeline.sums()
    rows = expected.users
    at = state.users.known(rows["user_id"].tolist())["number"].to_numpy()
    assert sessions[at].tolist() == rows["sessions"].tolist()
    assert np.round(time[at], 9).tolist() == rows["total_time"].tolist()
    with np.errstate(invalid="ignore", divide="ignore"):
        means = np.round(np.round(time[at], 9) / sessions[at], 9)
    assert means[sessions[at] > 0].tolist() == rows["mean_session_time"].dropna().tolist()
    told = {one["treatment"]: one for one in watcher.told()["treatments"]}
    for arm in expected.arms[1:]:
        mine = state.timeline.looks(arm.treatment, len(expected.arms) - 1)
        theirs = looks(expected, arm.treatment)
        assert [look.period for look in mine] == [look.period for look in theirs]
        for look, other in zip(mine, theirs, strict=True):
            for name in ("effect", "lower", "upper"):
                assert getattr(look, name) == pytest.approx(getattr(other, name), rel=1e-9)
        if theirs:
            assert told[arm.treatment]["lower"] == pytest.approx(theirs[-1].lower, rel=1e-9)
    columns = [name for name in expected.completeness if name != "gaps_ms"]
    assert found.completeness[columns].values.tolist() == (
        expected.completeness[columns].values.tolist()
    )
    assert found.provenance.runs == expected.provenance.runs
    assert found.provenance.changes == expected.provenance.changes
    if checks:
        mine_told = {(c.name, c.treatment): c.text for c in checks_of(found)}
        theirs_told = {(c.name, c.treatment): c.text for c in run_checks(expected)}
        assert mine_told == {key: theirs_told[key] for key in mine_told}


@pytest.fixture
def events(make_events: Callable[..., list[Event]]) -> list[Event]:
    return make_events(n_users=150, treatments=("C", "T1", "T2"))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    directory = tmp_path / "log"
    directory.mkdir()
    return directory


def parts(events: Sequence[Event], number: int) -> list[bytes]:
    edges = np.linspace(0, len(events), number + 1).astype(int)
    return [text_of(events[low:high]) for low, high in pairwise(edges)]


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


@pytest.fixture
def three(events: list[Event]) -> list[bytes]:
    return parts(events, 3)


def test_a_log_that_is_renamed_goes_on_under_its_new_name(log: Path, three: list[bytes]) -> None:
    append(log / "data.json", three[0])
    watcher = follow(log)
    append(log / "data.json", three[1])
    os.rename(log / "data.json", log / "data.json.1")
    append(log / "data.json", three[2])
    watcher.look()
    agrees(watcher, judged(log))
    assert watcher.state.counts["repeated"] == 0
    assert watcher.told()["notes"] == []


def test_a_log_that_was_copied_and_cut_is_read_once(log: Path, three: list[bytes]) -> None:
    """As logrotate's copytruncate does; what was written before the cut is in the copy."""
    append(log / "data.json", three[0])
    watcher = follow(log)
    append(log / "data.json", three[1])
    (log / "data.json.1").write_bytes((log / "data.json").read_bytes())
    os.truncate(log / "data.json", 0)
    append(log / "data.json", three[2])
    watcher.look()
    agrees(watcher, judged(log))
    assert watcher.state.counts["repeated"] == 0


def test_a_log_that_was_cut_and_grew_past_its_old_end_is_known_as_another(
    log: Path, three: list[bytes]
) -> None:
    append(log / "data.json", three[0])
    watcher = follow(log)
    (log / "data.json.1").write_bytes(three[0])
    os.truncate(log / "data.json", 0)
    append(log / "data.json", three[1] + three[2])
    watcher.look()
    agrees(watcher, judged(log))


@pytest.mark.parametrize("suffix", [".gz", ".zst"])
def test_a_log_that_was_packed_is_not_read_twice(
    log: Path, three: list[bytes], suffix: str
) -> None:
    pack = gzip.compress if suffix == ".gz" else zstandard.compress
    append(log / "data.json", three[0])
    watcher = follow(log)
    whole = three[0] + three[1]
    (log / f"data.json.1{suffix}").write_bytes(pack(whole))
    (log / "data.json").unlink()
    append(log / "data.json", three[2])
    watcher.look()
    agrees(watcher, judged(log))
    assert watcher.state.counts["repeated"] == 0
    assert watcher.told()["notes"] == []


def test_a_copy_beside_its_log_counts_once_and_is_told(log: Path, three: list[bytes]) -> None:
    append(log / "data.json", three[0])
    watcher = follow(log)
    (log / "data.json.copy").write_bytes(three[0])
    append(log / "data.json", three[1] + three[2])
    watcher.look()
    agrees(watcher, judged(log))
    [note] = watcher.told()["notes"]
    assert "data.json.copy repeats" in note


def test_copies_and_links_that_are_there_at_first_count_once(
    log: Path, three: list[bytes]
) -> None:
    append(log / "data.json", b"".join(three))
    (log / "data.json.1").write_bytes(three[0])
    os.link(log / "data.json", log / "data.json.hard")
    os.symlink(log / "data.json", log / "data.json.soft")
    agrees(follow(log), judged(log))


def test_old_lines_that_come_again_are_told_by_a_new_reading(
    log: Path, three: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    append(log / "data.json", three[0] + three[1])
    watcher = follow(log)
    again = three[0].split(b"\n", 40)
    append(log / "data.json", three[2])
    append(log / "data.json.shipped", b"\n".join(again[3:40]) + b"\n")
    watcher.look()
    told = watcher.told()
    assert told["log"]["lines_set_aside"] > 0
    assert any("read anew" in note for note in told["notes"])
    monkeypatch.setattr(watcher_module, "_REREAD_S", 0.0)
    monkeypatch.setattr(watcher_module, "_REREAD_TIMES", 0.0)
    watcher.look()
    agrees(watcher, judged(log))
    assert watcher.told()["notes"] == []


def test_lines_of_a_log_that_is_gone_still_count_and_that_is_told(
    log: Path, three: list[bytes]
) -> None:
    append(log / "data.json.1", three[0])
    append(log / "data.json", three[1])
    watcher = follow(log)
    watcher.look()
    before = watcher.state.counts["kept"]
    (log / "data.json.1").unlink()
    watcher.look()
    assert watcher.state.counts["kept"] == before
    assert any("no longer there (data.json.1)" in note for note in watcher.told()["notes"])


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
    agrees(watcher, judged(log, Choice(run="r1"), ["3", "5"]), checks=False)
    assert watcher.told()["log"]["bad_lines"] == 3
    assert watcher.state.skipped.faults == {"timestamp": 1, "line": 2}


def test_a_last_line_without_a_newline_is_read_when_it_is_whole(
    log: Path, three: list[bytes]
) -> None:
    append(log / "data.json", three[0] + three[1] + three[2][:-5])
    watcher = follow(log)
    watcher.look()
    short = watcher.state.counts["kept"]
    append(log / "data.json", three[2][-5:-1])
    watcher.look()
    watcher.look()
    assert watcher.state.counts["kept"] == short + 1
    agrees(watcher, judged(log))


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


@pytest.mark.parametrize("seed", range(3))
def test_whatever_is_done_to_the_files_each_line_counts_once(
    log: Path, make_events: Callable[..., list[Event]], seed: int
) -> None:
    """Renamed, copied and cut, packed, in any order, with looks at any time between."""
    rng = np.random.default_rng(seed)
    whole = text_of(make_events(n_users=110, seed=seed))
    current, rotated, packed = log / "data.json", 0, set[Path]()
    append(current, whole[: len(whole) // 4])
    watcher = follow(log)
    at = len(whole) // 4
    while at < len(whole):
        size = int(rng.integers(1, len(whole) // 8))
        append(current, whole[at : at + size])
        at += size
        deed = rng.integers(6)
        if deed in (2, 3):  # services and logrotate leave whole lines
            at += append_rest(current, whole, at)
        match deed:
            case 0 | 1:
                watcher.look()
            case 2:
                rotated += 1
                current.rename(log / f"data.json.{rotated:03}")
                current.touch()
            case 3:
                rotated += 1
                (log / f"data.json.{rotated:03}").write_bytes(current.read_bytes())
                if rng.random() < 0.5:
                    watcher.look()
                os.truncate(current, 0)
            case 4:
                left = {path for path in log.glob("data.json.0??") if path not in packed}
                for path in sorted(left)[:1]:
                    Path(f"{path}.gz").write_bytes(gzip.compress(path.read_bytes()))
                    path.unlink()
                    packed.add(path)
    watcher.look()
    agrees(watcher, judged(log))
    assert not watcher.state.doubts.total()
    assert watcher.state.skipped.bad == 0


def append_rest(path: Path, whole: bytes, at: int) -> int:
    """Append what is left of the line that was cut; how many bytes that was."""
    end = whole.find(b"\n", at) + 1 or len(whole)
    append(path, whole[at:end])
    return end - at
