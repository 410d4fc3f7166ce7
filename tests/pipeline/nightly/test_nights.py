"""A small shop's nights, through the steps themselves."""

import json
import shutil
from datetime import date
from pathlib import Path

import pytest

from pipeline.nightly.config import Checks, Config, Gate, Source, Split
from pipeline.nightly.directory import Night, Result, StopNightError, locked
from pipeline.nightly.night import DECISION, STEPS, Nightly
from pipeline.nightly.steps import train
from tests.pipeline.small_shop import DAY, ITEMS, NIGHT, START, write_shop


@pytest.fixture
def config(tmp_path: Path) -> Config:
    write_shop(tmp_path)
    return Config(
        out=tmp_path / "nights",
        serving=tmp_path / "serving",
        items=tmp_path / "items.json",
        source=Source(kind="csv", place=str(tmp_path / "events.csv")),
        split=Split(days=3),
        checks=Checks(min_events=100),
        gate=Gate(k=5, resamples=200),
    )


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Lists by taste in place of those of a trained model; append "bad" for a bad model."""
    kind: list[str] = ["good"]

    def work(events: Path, items: Path, model: object, out: Path) -> Result:
        lists = out / train.LISTS
        lists.mkdir()
        users, near = [], []
        shift = 10 if kind[-1] == "bad" else 0
        for user in range(200):
            start = (user % 4 * 10 + shift) % 40
            users.append({"user": f"u{user}", "items": ITEMS[start : start + 10]})
        for number, item in enumerate(ITEMS):
            start = (number // 10 * 10 + shift) % 40
            near.append({"item": item, "items": ITEMS[start : start + 10]})
        for name, rows in (("recommendations.json", users), ("neighbours.json", near)):
            (lists / name).write_text("".join(json.dumps(row) + "\n" for row in rows))
        (lists / "popular.json").write_text(json.dumps({"items": ITEMS}))
        shutil.copyfile(items, lists / "items.json")
        return Result({})

    monkeypatch.setattr(train, "work", work)
    return kind


def _quiet(_: str) -> None:
    """Nobody is told."""


def _decision(config: Config, night: date = NIGHT) -> dict[str, object]:
    found: dict[str, object] = json.loads((config.out / night.isoformat() / DECISION).read_text())
    return found


def test_a_good_night_is_published_and_the_same_night_does_nothing_again(
    config: Config, trained: list[str]
) -> None:
    told: list[str] = []
    decision = Nightly(config, NIGHT).run_all(told.append)
    assert decision["published"]
    assert decision["serving"] == decision["candidate"]
    assert (config.serving / "current/recommendations.json").is_file()
    assert NIGHT.isoformat() in (config.out / "nights.html").read_text()
    before = {path: path.stat().st_mtime_ns for path in config.out.rglob("step.json")}
    Nightly(config, NIGHT).run_all(told.append)
    assert {path: path.stat().st_mtime_ns for path in config.out.rglob("step.json")} == before
    assert sum("as before" in line for line in told) == len(STEPS)
    assert len((config.serving / "history.jsonl").read_text().splitlines()) == 1


def test_bad_data_stop_the_night_and_serving_is_left_alone(
    config: Config, trained: list[str]
) -> None:
    Nightly(config, NIGHT).run_all(_quiet)
    serving = Nightly(config, NIGHT).serving.current()
    events = Path(config.source.place)
    lines = events.read_text().splitlines()
    # The next day's items come from another table.
    late = [
        f"u{user},other-{user},view,{START + 21 * DAY + user * 400_000}" for user in range(200)
    ]
    events.write_text("\n".join(lines + late) + "\n")
    night = date(2026, 1, 22)
    with pytest.raises(StopNightError, match="share of unknown items is 1"):
        Nightly(config, night).run_all(_quiet)
    decision = _decision(config, night)
    assert not decision["published"]
    assert decision["candidate"] is None
    assert decision["serving"] == serving == Nightly(config, night).serving.current()
    assert (config.out / "2026-01-22/transform/checks.html").is_file()
    report = json.loads((config.out / "2026-01-22/transform/step.json").read_text())
    assert report["status"] == "failed"


def test_a_bad_model_is_refused_unless_forced_and_rolled_back(
    config: Config, trained: list[str]
) -> None:
    Nightly(config, NIGHT).run_all(_quiet)
    serving = Nightly(config, NIGHT).serving
    good = serving.current()
    trained.append("bad")
    night = date(2026, 1, 20)
    with pytest.raises(StopNightError, match="gate refused"):
        Nightly(config, night).run_all(_quiet)
    assert serving.current() == good
    assert not _decision(config, night)["published"]
    Nightly(config, night, forced=True).run_all(_quiet)
    decision = _decision(config, night)
    assert (decision["published"], decision["forced"]) == (True, True)
    assert serving.current() != good
    assert serving.rollback("seen to be bad") == good
    assert serving.current() == good
    with pytest.raises(StopNightError, match="rolled back"):
        serving.publish(config.out / "2026-01-20/train/lists", str(decision["candidate"]), "")


def test_a_step_that_was_killed_is_run_again(config: Config, tmp_path: Path) -> None:
    night = Night(NIGHT, "shop", tmp_path / "nights")

    def killed(out: Path) -> Result:
        (out / "half").write_text("half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        night.run("extract", {"a": "1"}, killed)
    assert night.report("extract") is None

    def whole(out: Path) -> Result:
        (out / "all").write_text("all")
        return Result({"rows": 1})

    assert night.run("extract", {"a": "1"}, whole)["status"] == "done"
    assert sorted(path.name for path in night.path.iterdir()) == ["extract"]
    assert night.run("extract", {"a": "1"}, killed)["resumed"]
    with pytest.raises(KeyboardInterrupt):
        night.run("extract", {"a": "2"}, killed)
    (night.step("extract") / "all").write_text("changed by hand")
    with pytest.raises(KeyboardInterrupt):
        night.run("extract", {"a": "1"}, killed)


def test_an_unexpected_error_is_recorded(tmp_path: Path) -> None:
    night = Night(NIGHT, "shop", tmp_path)

    def broken(out: Path) -> Result:
        raise RuntimeError("no such thing")

    with pytest.raises(StopNightError, match="RuntimeError: no such thing"):
        night.run("train", {}, broken)
    report = night.report("train")
    assert report
    assert report["status"] == "failed"
    assert "Traceback" in (night.step("train") / "error.txt").read_text()


def test_two_nights_do_not_run_at_once(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(StopNightError, match="another"), locked(tmp_path):
        pass


def test_a_service_that_does_not_take_the_lists_is_rolled_back(
    config: Config, trained: list[str]
) -> None:
    Nightly(config, NIGHT).run_all(_quiet)
    good = Nightly(config, NIGHT).serving.current()
    nobody = config.service.model_copy(update={"url": "http://127.0.0.1:1", "wait": 0.0})
    trained.append("bad")
    changed = config.model_copy(update={"service": nobody})
    with pytest.raises(StopNightError, match="rolled back to"):
        Nightly(changed, date(2026, 1, 20), forced=True).run_all(_quiet)
    assert Nightly(config, NIGHT).serving.current() == good
