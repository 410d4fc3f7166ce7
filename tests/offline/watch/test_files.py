"""Whatever is done to the files of a log, each line counts once."""

import gzip
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import zstandard

from offline.watch import watcher as watcher_module

from .watching import Event, agrees, append, follow, judged, text_of


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
