"""A config that is changed while the service runs: what takes effect, what is refused, and what
workers see of it."""

import json
import logging
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from botify.catalog import Catalog
from botify.config import Config
from botify.config.load import ConfigFile
from botify.event_log.provenance import provenance_of
from botify.live_routing import ConfigState, LiveRouting
from botify.recommenders import Resources, build_recommenders
from botify.server.config_sync import ConfigSync

START: dict[str, Any] = {
    "watch_config": True,
    "watch_settle": 0.5,
    "port": 5001,
    "lists": {"dae": "dae.json"},
    "neighbours": {"near": "near.json"},
    "recommenders": {"random": {"type": "random"}, "dae": {"type": "indexed", "list": "dae"}},
    "experiments": {
        "E": {"treatments": {"C": "random", "T1": "dae"}, "weights": {"C": 1, "T1": 1}}
    },
    "default": "random",
}


class Setting:
    """A config file, the parent's side and that of a worker."""

    def __init__(self, folder: Path, catalog: Catalog, **changes: Any) -> None:
        self.path = folder / "botify.yml"
        self.write(**changes)
        source = ConfigFile(self.path)
        config = source.load()
        self.state = folder / "state.json"
        self.resources = Resources(catalog, {})
        self.sync = ConfigSync(
            source,
            config,
            lambda config: build_recommenders(config, self.resources),
            lambda config: provenance_of(config).run,
            self.state,
        )
        self.worker = self.start_worker(config)

    def start_worker(self, config: Config) -> LiveRouting:
        return LiveRouting(
            config,
            lambda of: build_recommenders(of, self.resources),
            provenance_of(config).run,
            self.state,
        )

    def write(self, **changes: Any) -> None:
        self.path.write_text(yaml.safe_dump(START | changes, sort_keys=False))

    def change(self, **changes: Any) -> None:
        """Ask for it, and let parent and worker do their round."""
        self.write(**changes)
        self.reload()

    def reload(self) -> None:
        self.sync.ask()
        self.sync.round()
        self.worker.refresh()

    def weights(self) -> Any:
        return self.worker.current.experiments.describe()[0]["weights"]


@pytest.fixture
def setting(tmp_path: Path, catalog: Catalog, caplog: pytest.LogCaptureFixture) -> Setting:
    caplog.set_level(logging.INFO)
    return Setting(tmp_path, catalog)


Logged = Callable[[], list[str]]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> Logged:
    return lambda: [record.getMessage() for record in caplog.records]


def experiment(**changes: Any) -> dict[str, Any]:
    return {"E": START["experiments"]["E"] | changes}


def test_changed_weights_take_effect_and_are_logged_with_old_and_new(
    setting: Setting, logged: Logged
) -> None:
    before = setting.worker.current
    setting.change(experiments=experiment(weights={"C": 9, "T1": 1}))
    assert setting.weights() == {"C": 9, "T1": 1}
    assert "config: experiments.E.weights: {C: 1, T1: 1} -> {C: 9, T1: 1}" in logged()
    assert setting.sync.running.experiments["E"].weights == {"C": 9, "T1": 1}
    # What was read before stays whole.
    assert before.experiments.describe()[0]["weights"] == {"C": 1, "T1": 1}


def test_sessions_under_way_without_plays_are_told(
    setting: Setting, logged: Logged, monkeypatch: pytest.MonkeyPatch
) -> None:
    setting.change(experiments=experiment(weights={"C": 9, "T1": 1}))
    assert setting.worker.note == ""
    steps = [{"list": "near", "key": "listened_track", "pick": "first"}, {"catalog": "unseen"}]
    listened = {"heard": {"type": "chain", "steps": steps}}
    setting.change(recommenders={**START["recommenders"], **listened})
    note = setting.worker.note
    assert note.startswith("the answers of heard depend on the session's plays")
    assert f"config: {note}" in logged()
    # Not a new change, and still true: sessions last for hours.
    setting.reload()
    assert setting.worker.note == note
    assert setting.start_worker(setting.sync.running).note == note
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + setting.sync.running.session_ttl + 1)
    assert setting.worker.note == ""


def test_the_run_is_that_of_a_start_with_the_changed_config(setting: Setting) -> None:
    first = setting.worker.current.run
    setting.change(experiments=experiment(weights={"C": 9, "T1": 1}))
    assert (
        setting.worker.current.run == provenance_of(ConfigFile(setting.path).load()).run != first
    )
    setting.change()
    assert setting.worker.current.run == first


def test_recommenders_and_the_default_take_effect_too(setting: Setting, logged: Logged) -> None:
    recommenders = START["recommenders"] | {"popular": {"type": "top_pop"}}
    setting.change(recommenders=recommenders, default="popular", experiments={})
    routing = setting.worker.current
    assert routing.recommender({}, {}).name == "popular"
    assert "config: default: random -> popular" in logged()
    assert any(
        line.startswith("config: recommenders.popular: none -> {type: t") for line in logged()
    )
    assert any(line.startswith("config: experiments.E: {treatments: {C: ") for line in logged())


def test_the_order_of_experiments_is_a_change(setting: Setting, logged: Logged) -> None:
    one, other = {"A": {"treatments": {"C": "random"}}}, {"B": {"treatments": {"C": "dae"}}}
    setting.change(experiments=one | other)
    first = setting.worker.current
    setting.change(experiments=other | one)
    assert [each["name"] for each in setting.worker.current.experiments.describe()] == ["B", "A"]
    assert setting.worker.current.run != first.run
    assert "config: order of experiments: A, B -> B, A" in logged()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"experiments": experiment(weights={"C": 1})}, "experiments.E: weights are given to C;"),
        ({"default": "absent"}, "default: 'absent' is not one of recommenders (random, dae)"),
        ({"port": "x", "experiments": {}}, "port: Input should be a valid integer"),
        (
            {"recommenders": {"random": {"type": "random", "exclude": [10]}}, "experiments": {}},
            "recommenders.random.exclude: track 10 is not in the catalog (0 to 9)",
        ),
        (
            {
                "lists": {"dae": "dae.json", "new": "new.json"},
                "recommenders": START["recommenders"]
                | {"new": {"type": "indexed", "list": "new"}},
            },
            "recommenders.new.list: 'new' is not one of lists (dae) in the running service; what "
            "is added to lists, neighbours or models needs a restart",
        ),
    ],
)
def test_what_is_refused_is_refused_as_a_whole(
    setting: Setting, logged: Logged, changes: dict[str, Any], why: str
) -> None:
    before = setting.worker.current
    setting.change(**changes)
    assert setting.worker.current is before
    assert why in setting.worker.refusal
    assert any("the running config goes on" in line and why in line for line in logged())
    setting.change()
    assert setting.worker.refusal == ""


def test_what_needs_a_restart_is_named_and_the_rest_takes_effect(
    setting: Setting, logged: Logged
) -> None:
    setting.change(port=5002, session_ttl=5, experiments=experiment(weights={"C": 1, "T1": 3}))
    assert setting.weights() == {"C": 1, "T1": 3}
    assert setting.worker.pending == ("port", "session_ttl")
    assert "config: port, session_ttl changed; that needs a restart" in logged()
    setting.change()
    assert setting.worker.pending == ()


def test_a_worker_that_starts_later_has_what_is_in_force(setting: Setting) -> None:
    at_start = setting.sync.running
    setting.change(experiments=experiment(weights={"C": 1, "T1": 3}))
    setting.worker = setting.start_worker(at_start)
    assert setting.weights() == {"C": 1, "T1": 3}


def test_a_watched_file_is_loaded_once_it_has_settled(tmp_path: Path, catalog: Catalog) -> None:
    setting = Setting(tmp_path, catalog)
    setting.sync.round()
    setting.write(experiments=experiment(weights={"C": 1, "T1": 3}))
    setting.sync.round()
    setting.worker.refresh()
    assert setting.weights() == {"C": 1, "T1": 1}
    setting.sync._watched._stable_since -= 1
    setting.sync.round()
    setting.worker.refresh()
    assert setting.weights() == {"C": 1, "T1": 3}


def test_a_file_that_is_not_watched_is_loaded_when_asked_alone(
    tmp_path: Path, catalog: Catalog
) -> None:
    setting = Setting(tmp_path, catalog, watch_config=False)
    setting.write(watch_config=False, experiments=experiment(weights={"C": 1, "T1": 3}))
    setting.sync._watched._stable_since -= 100
    setting.sync.round()
    setting.worker.refresh()
    assert setting.weights() == {"C": 1, "T1": 1}
    setting.reload()
    assert setting.weights() == {"C": 1, "T1": 3}


def test_a_file_that_is_gone_is_told_and_the_config_goes_on(setting: Setting) -> None:
    before = setting.worker.current
    setting.path.unlink()
    setting.reload()
    assert setting.worker.current is before
    assert setting.worker.refusal == f"{setting.path}: the file is gone"
    setting.change()
    assert setting.worker.refusal == ""


def test_what_only_a_worker_refuses_is_told(setting: Setting) -> None:
    before = setting.worker.current
    state = ConfigState.read(setting.state)
    live = json.loads(json.dumps(state.live)) | {"default": "absent"}
    state._replace(number=5, live=live).write(setting.state)
    setting.worker.refresh()
    assert setting.worker.current is before
    assert setting.worker.refusal.startswith("a worker refused it: default: 'absent' is not one")


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "chain", "steps": [{"list": "dae", "pick": "first"}, {"catalog": "unseen"}]},
        {"type": "top_pop_unseen"},
        {"type": "random", "seen_filter": True, "exclude": [1]},
    ],
)
def test_workers_build_what_the_file_says(setting: Setting, entry: dict[str, Any]) -> None:
    setting.change(recommenders=START["recommenders"] | {"dae": entry})
    assert setting.worker.refusal == ""
    found = setting.worker.current.recommenders["dae"]
    assert found.config == setting.sync.running.recommenders["dae"]
    assert found.config.type == entry["type"]
