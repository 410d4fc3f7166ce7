"""The service's recommenders and those played in process: the same rules, lists and listeners."""

import json
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import redis
import yaml
from scipy.stats import chi2_contingency, ks_2samp

from botify.catalog import load_catalog
from botify.config import load_config as load_service_config
from botify.lists.loader import kind_of, load_list
from botify.recommenders import Play, Resources, build_recommenders
from botify.store.client import connect
from botify.store.embedded_valkey import EmbeddedValkey
from botify.store.sessions import SessionStore
from contract.chain_presets import PRESETS
from sim.agent import Turn
from sim.agents import registry
from sim.agents.service_chains import ServiceChains, load_service_chains
from sim.config import load_config
from sim.engine.events import Recorder
from sim.engine.play import play
from sim.logs.clock import Clock
from sim.logs.json_log import JsonLog
from sim.rng import AGENT, Streams
from sim.world import World
from sim.world.files import open_world

pytestmark = pytest.mark.integration

REPO = Path(__file__).parents[2]
SETTINGS = {None: {}, "list": {"list": "dae"}, "neighbours": {"neighbours": "contextual"}}
ENTRIES: dict[str, dict[str, Any]] = {
    name: {"type": name, **SETTINGS[preset.setting]} for name, preset in PRESETS.items()
}
ENTRIES["dae"] = ENTRIES.pop("indexed") | {"exclude": [3, 5]}
ENTRIES["heard"] = {
    "type": "chain",
    "steps": [
        {"list": "contextual", "key": "listened_track", "pick": "unseen", "plays": 3},
        {"list": "dae", "pick": "next", "time_below": 0.5, "as": "left"},
        {"artist": "last_track", "pick": "unseen"},
        {"catalog": "unseen"},
    ],
    "exclude": [1, 2],
}
PLAYED = ["random", "top_pop", "sticky_artist", "contextual", "dae", "i2i"]
EPISODES, SEED = 400, 31337
Session = list[dict[str, Any]]


def write_lines(path: Path, rows: Any) -> None:
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows))


def write_data(root: Path, n_tracks: int, longest: int, patience: int) -> None:
    """A world of thirty listeners, and lists of up to `longest` tracks.

    Some tracks and some users have no list. The more `patience`, the longer the sessions.
    """
    rng = np.random.default_rng(n_tracks)
    for folder in ("world", "lists"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    tracks, users = range(n_tracks), range(30)
    artists = rng.integers(0, 5, n_tracks)

    def some(shortest: int = longest // 2) -> list[int]:
        length = rng.integers(shortest, longest, endpoint=True)
        found: list[int] = rng.permutation(n_tracks)[:length].tolist()
        return found

    write_lines(
        root / "world" / "tracks.json",
        ({"track": t, "artist": f"artist {artists[t]}", "title": f"title {t}"} for t in tracks),
    )
    np.save(root / "world" / "tracks.npy", rng.normal(scale=2.0, size=(n_tracks, 6)))
    write_lines(
        root / "world" / "users.json",
        (
            {"user": 7 * u, "interests": rng.integers(0, n_tracks, 3).tolist()}
            | {"consume_bias": rng.uniform(-20, 3), "artist_discount_gamma": rng.uniform(0.8, 1)}
            | {"session_budget": int(rng.integers(1, patience))}
            for u in users
        ),
    )
    write_lines(
        root / "lists" / "recommendations.json",
        ({"user": 7 * u, "tracks": some()} for u in users if u % 4),
    )
    write_lines(
        root / "lists" / "neighbours.json",
        ({"track": t, "recommendations": some()} for t in tracks if t % 5),
    )
    (root / "lists" / "top_tracks.json").write_text(json.dumps(some(longest)))


def write_config(root: Path) -> Path:
    """A config of the service with all presets, and a chain."""
    path = root / "botify.yml"
    config = {
        "lists": {"dae": "lists/recommendations.json"},
        "neighbours": {"contextual": "lists/neighbours.json"},
        "recommenders": ENTRIES,
        "default": "random",
    }
    path.write_text(yaml.safe_dump(config))
    return path


def write_env(root: Path, url: str = "http://127.0.0.1:5001") -> Path:
    """An env.yml of the world in `root`."""
    host, port = url.removeprefix("http://").split(":")
    path = root / "world" / "env.yml"
    config = {
        "track_catalog_config": {
            "track_meta_path": str(root / "world" / "tracks.json"),
            "track_embeddings_path": str(root / "world" / "tracks.npy"),
        },
        "user_catalog_config": {"user_catalog_path": str(root / "world" / "users.json")},
        "remote_recommender_config": {"host": host, "port": int(port)},
    }
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture
def client() -> Iterator["redis.Redis"]:
    with EmbeddedValkey() as server, connect(server.url) as client:
        yield client


@pytest.mark.parametrize(
    ("name", "n_tracks", "longest", "patience"),
    [
        *((name, 40, 12, 20) for name in ENTRIES),
        *((name, 250, 180, 60) for name in ("top_pop_unseen", "contextual", "dae", "heard")),
    ],
)
def test_given_the_same_random_numbers_both_answer_the_same(
    client: "redis.Redis", tmp_path: Path, name: str, n_tracks: int, longest: int, patience: int
) -> None:
    """Track, recommender, rank and propensity of every answer, also once lists are used up."""
    write_data(tmp_path, n_tracks, longest, patience)
    world = open_world(load_config(write_env(tmp_path)))
    path = write_config(tmp_path)
    chains = load_service_chains(path, tmp_path)
    agent = registry.create_agent(f"chain:{name}", world, Streams(SEED), chains=chains)
    recorder = Recorder()
    play(world, agent, seed=SEED, episodes=range(50), recorder=recorder)
    events = recorder.events()

    config = load_service_config(path, data_dir=tmp_path)
    catalog = load_catalog(config.catalog_path)
    for list_name, file in config.list_files.items():
        load_list(client, list_name, file, kind_of(config, list_name), len(catalog))
    recommender = build_recommenders(config, Resources(catalog, {}, config.list_owners))[name]
    store = SessionStore(client, config.session_ttl, len(catalog))
    uniforms = Streams(SEED).uniforms(AGENT, events.episodes, events.steps)
    random = list(zip(*(some.tolist() for some in uniforms), strict=True))

    answered = Counter[str]()
    for i, (user, track) in enumerate(
        zip(events.users.tolist(), events.tracks.tolist(), strict=True)
    ):
        if events.is_last[i]:
            store.last(user)
            continue
        last = Play(track, float(events.times[i]))
        offer = recommender.recommend(store, user, last, random[i], recommender.exclude)
        assert (offer.track, offer.recommender, offer.rank, offer.propensity) == (
            events.recommendations[i],
            agent.sources[events.sources[i]],
            None if events.ranks[i] < 0 else events.ranks[i],
            events.propensities[i],
        )
        answered[offer.recommender] += 1
    # Every fallback was met, but those of lists that always have a track.
    always = {"top_pop", "sticky_artist"} if n_tracks == 40 else {"heard"}
    assert name in always or len(answered) == len(agent.sources)


def listen_to_the_service(env: Path) -> None:
    """By the command of the protocol."""
    command = [sys.executable, "sim/run.py", "--recommender", "remote", "--config", env]
    command += ["--episodes", str(EPISODES), "--seed", str(SEED)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")


def sessions_of(log: list[dict[str, Any]]) -> dict[tuple[int, int], Session]:
    """(user, number of the user's session) -> its lines, in order."""
    by_id: dict[str, Session] = {}
    for line in log:
        by_id.setdefault(line["session"], []).append(line)
    numbers: Counter[int] = Counter()
    found = {}
    for session in by_id.values():
        user = session[0]["user"]
        found[user, numbers[user]] = session
        numbers[user] += 1
    return found


def logged_in_process(name: str, world: World, chains: ServiceChains, directory: Path) -> Session:
    """The log of the sessions as an in-process run writes it."""
    agent = chains.make(name, world, Streams(SEED))
    recorder = Recorder()
    play(world, agent, seed=SEED, episodes=range(EPISODES), recorder=recorder)
    with JsonLog(directory, agent.sources, Clock(0, 7.0, EPISODES, world.users.ids)) as log:
        log.write(recorder.events())
    return [json.loads(line) for line in (directory / "data.json").read_text().splitlines()]


@pytest.mark.parametrize("name", PLAYED)
def test_a_served_and_an_in_process_run_are_alike(
    serve: Callable[..., Any], data_dir: Path, tmp_path: Path, name: str
) -> None:
    """Listeners are the same, answers by chance are as likely, answers by rule are the same."""
    write_data(data_dir, n_tracks=40, longest=12, patience=5)
    service = serve(
        {
            "recommenders": ENTRIES,
            "experiments": {"ONE": {"treatments": {"C": name}}},
            "seed": 5,
        }
    )
    env = write_env(data_dir, service.url)
    chains = load_service_chains(write_config(data_dir), data_dir)
    listen_to_the_service(env)
    assert service.stop() == 0
    world = open_world(load_config(env))
    service_log = service.log()
    process_log = logged_in_process(name, world, chains, tmp_path / "in-process")

    served, in_process = sessions_of(service_log), sessions_of(process_log)
    assert len(in_process) == EPISODES
    assert served.keys() == in_process.keys()
    for key, session in served.items():
        for field in ("user", "track", "time"):
            assert session[0][field] == in_process[key][0][field]
    assert_same_fields(service_log, process_log)
    if name != "i2i":  # its propensity depends on its draw
        assert_stated_as_in_process(name, world, chains, list(served.values()))
    if name == "dae":
        assert_same_until_chance(served, in_process)
    assert_as_likely(list(served.values()), list(in_process.values()))


def assert_same_fields(service_log: Session, process_log: Session) -> None:
    """Names and types of both logs' fields; the service alone says what it served, and where."""

    def types(log: Session) -> dict[str, set[type]]:
        found = defaultdict(set)
        for field, value in chain.from_iterable(line.items() for line in log):
            found[field].add(type(value))
        return found

    service, process = types(service_log), types(process_log)
    assert service.pop("model_version") <= {str, type(None)}
    for field in ("run", "world_version"):
        assert service.pop(field) == {str}
    assert service == process


def assert_stated_as_in_process(
    name: str, world: World, chains: ServiceChains, sessions: list[Session]
) -> None:
    """Asked in the states that the service was asked in, the policy states what it logged."""
    row_of = {user: row for row, user in enumerate(world.users.ids.tolist())}
    lines, heard = [], []
    for session in sessions:
        tracks = [line["track"] for line in session]
        for i, line in enumerate(session[:-1]):
            lines.append(line)
            heard.append(tracks[: i + 1])
    n, longest = len(lines), max(map(len, heard))
    history = np.array([some + [-1] * (longest - len(some)) for some in heard], dtype=np.int32)
    agent = chains.make(name, world, Streams(1))
    agent.begin(world, n)
    turn = Turn(
        slots=np.arange(n),
        episodes=np.arange(n),
        steps=np.array([len(some) - 1 for some in heard]),
        user_rows=np.array([row_of[line["user"]] for line in lines]),
        users=np.array([line["user"] for line in lines]),
        tracks=np.array([line["track"] for line in lines]),
        times=np.array([line["time"] for line in lines]),
        tastes=np.zeros(n, dtype=np.int64),
        distinct=np.array([len(set(some)) for some in heard]),
        history=history,
        artists=world.catalog.artist_of[history],
    )
    answer = agent.recommend(turn)
    assert answer.propensities is not None
    assert answer.ranks is not None
    assert answer.sources is not None
    for i, line in enumerate(lines):
        who = agent.sources[answer.sources[i]]
        assert (line["recommender"], line["propensity"]) == (who, answer.propensities[i])
        if line["propensity"] == 1.0:
            rank = None if answer.ranks[i] < 0 else answer.ranks[i]
            assert (line["recommendation"], line["rank"]) == (answer.tracks[i], rank)


ANSWERED = ("track", "time", "recommendation", "rank", "propensity")


def assert_same_until_chance(
    served: dict[tuple[int, int], Session], in_process: dict[tuple[int, int], Session]
) -> None:
    """Line by line, up to where the fallback draws a track."""
    whole = 0
    for key, session in served.items():
        for line, other in zip(session, in_process[key], strict=False):
            assert [line["track"], line["time"]] == [other["track"], other["time"]]
            if line["recommender"] == other["recommender"] == "random":
                break
            assert [line[field] for field in ANSWERED] == [other[field] for field in ANSWERED]
            assert line["recommender"] == other["recommender"]
        else:
            assert len(session) == len(in_process[key])
            whole += 1
    assert EPISODES / 3 < whole < EPISODES


def assert_as_likely(served: list[Session], in_process: list[Session]) -> None:
    """Lengths and times of sessions, who answered, from which place, and how likely."""

    def lengths(sessions: list[Session]) -> list[int]:
        return [len(session) for session in sessions]

    def times(sessions: list[Session]) -> list[float]:
        return [sum(line["time"] for line in session) for session in sessions]

    def answers(sessions: list[Session]) -> Iterator[dict[str, Any]]:
        return chain.from_iterable(session[:-1] for session in sessions)

    for of in (lengths, times):
        assert ks_2samp(of(served), of(in_process), method="asymp").pvalue > 0.001
    for field in ("recommender", "rank", "propensity"):
        counts = [
            Counter(str(line[field]) for line in lines)
            for lines in (answers(served), answers(in_process))
        ]
        # Values that are rare are counted together.
        common = [value for value, n in (counts[0] + counts[1]).items() if n >= 20]
        table = [[some[value] for value in common] for some in counts]
        rest = [some.total() - sum(row) for some, row in zip(counts, table, strict=True)]
        if any(rest):
            table = [[*row, left] for row, left in zip(table, rest, strict=True)]
        if len(table[0]) > 1:  # else both have one value, and no other
            assert chi2_contingency(table).pvalue > 0.001, field
