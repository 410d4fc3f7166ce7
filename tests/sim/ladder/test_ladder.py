"""The ladder: its intervals, its table, its picture, and what stops it before it plays."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from sim.agent import Agent
from sim.agents import registry
from sim.agents.oracle import Oracle
from sim.agents.policies import Policy
from sim.engine.play import play
from sim.errors import InputError
from sim.ladder.command import ladder, measure
from sim.ladder.plot import draw
from sim.ladder.stats import Estimate, RecommenderResult, UserSums, compare, ratio
from sim.rng import Streams
from sim.world import World

MakeWorld = Callable[..., World]
EPISODES = 3000


@pytest.fixture
def played(make_world: MakeWorld) -> tuple[World, dict[str, UserSums]]:
    """Sums of three recommenders over the same sessions of 150 users."""
    world, streams = make_world(n_users=150, n_tracks=200), Streams(5)
    agents: dict[str, Agent] = {
        "Random": Policy("random_unseen", streams),
        "StickyArtist": Policy("sticky_artist_unseen", streams),
        "Oracle": Oracle(),
    }
    return world, {
        name: measure(world, agent, 5, range(EPISODES)) for name, agent in agents.items()
    }


def test_means_are_those_of_the_run(played: tuple[World, dict[str, UserSums]]) -> None:
    world, sums = played
    summary = play(world, Policy("random_unseen", Streams(5)), seed=5, episodes=range(EPISODES))
    random = compare(sums, "Random", "Oracle")[0]
    assert random.sessions == EPISODES
    assert random.session_time.value == pytest.approx(summary.mean_session_time, rel=1e-12)
    assert random.session_length.value == pytest.approx(summary.mean_steps + 1, rel=1e-12)


def test_all_recommenders_meet_the_same_sessions(
    played: tuple[World, dict[str, UserSums]],
) -> None:
    _, sums = played
    for mine in sums.values():
        assert np.array_equal(mine.sessions, sums["Random"].sessions)


def test_intervals_agree_with_a_bootstrap_over_users(
    played: tuple[World, dict[str, UserSums]],
) -> None:
    _, sums = played
    n = len(sums["Random"].sessions)
    weights = np.random.default_rng(0).multinomial(n, np.full(n, 1 / n), size=10_000)
    sessions = weights @ sums["Random"].sessions
    time = {name: weights @ mine.cents / 100 / sessions for name, mine in sums.items()}
    for result in compare(sums, "Random", "Oracle"):
        name = result.recommender
        length = weights @ sums[name].tracks / sessions
        score = 100 * (time[name] - time["Random"]) / (time["Oracle"] - time["Random"])
        assert result.normalised_score is not None
        for estimate, draws in (
            (result.session_time, time[name]),
            (result.session_length, length),
            (result.normalised_score, score),
        ):
            assert estimate.margin == pytest.approx(1.96 * draws.std(), rel=0.04, abs=1e-12)
            low, high = np.quantile(draws, [0.025, 0.975])
            assert high - low == pytest.approx(2 * estimate.margin, rel=0.06, abs=1e-12)


def test_scores_run_from_0_to_100_and_only_those_between_are_uncertain(
    played: tuple[World, dict[str, UserSums]],
) -> None:
    results = compare(played[1], "Random", "Oracle")
    scores = {result.recommender: result.normalised_score for result in results}
    assert scores["Random"] == Estimate(0.0, 0.0)
    assert scores["Oracle"] == Estimate(100.0, 0.0)
    sticky = scores["StickyArtist"]
    assert sticky is not None
    assert sticky.value not in (0, 100)
    assert sticky.margin > 0


def test_comparing_on_the_same_sessions_narrows_the_interval(
    played: tuple[World, dict[str, UserSums]],
) -> None:
    _, sums = played
    random, sticky, oracle = compare(sums, "Random", "Oracle")
    span = oracle.session_time.value - random.session_time.value
    score = sticky.normalised_score
    assert score is not None
    # The same ratio's margin, had the three been played to listeners of their own.
    apart = np.hypot(
        np.hypot(
            100 * sticky.session_time.margin / span,
            random.session_time.margin * (100 - score.value) / span,
        ),
        oracle.session_time.margin * score.value / span,
    )
    assert score.margin < 0.8 * apart


def test_with_a_session_per_user_the_interval_is_that_of_independent_sessions() -> None:
    times = np.random.default_rng(1).gamma(2.0, size=400)
    found = ratio(times, np.ones(400))
    assert found.value == pytest.approx(times.mean())
    assert found.margin == pytest.approx(1.96 * times.std(ddof=1) / 20, rel=1e-4)


def test_more_sessions_of_the_same_users_do_not_pass_for_more_users() -> None:
    """Users who always do the same: a hundred sessions of each say what one does."""
    times = np.random.default_rng(1).gamma(2.0, size=50)
    assert ratio(100 * times, np.full(50, 100)) == pytest.approx(ratio(times, np.ones(50)))


def test_equal_ends_give_no_scores_and_no_plot(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    same = UserSums(20)
    same.sessions += 3
    same.cents += rng.integers(100, 900, 20)
    same.tracks += 9
    results = compare({"Random": same, "TopPop": same, "Oracle": same}, "Random", "Oracle")
    assert [result.normalised_score for result in results] == [None] * 3
    with pytest.raises(InputError, match="Oracle is no better than Random"):
        draw(results, tmp_path / "ladder.svg")
    assert not (tmp_path / "ladder.svg").exists()


def made(name: str, score: float, margin: float = 0.0) -> RecommenderResult:
    time = Estimate(1.5 + score / 10, 0.1)
    return RecommenderResult(name, 100, 50, time, Estimate(6.0, 0.1), Estimate(score, margin))


FOUND = [made("Random", 0), made("B", 40, 10), made("A", -10, 5), made("Oracle", 100)]


def test_the_plot_names_the_best_and_all_scores(tmp_path: Path) -> None:
    path = tmp_path / "ladder.svg"
    draw(FOUND, path)
    svg = path.read_text()
    for text in ("B scores 40", "40.0 ± 10.0", "-10.0 ± 5.0", "5.50 tracks"):
        assert f">{text}<" in svg
    # From the bottom up: the lowest, the others by their score, the highest.
    height = {
        name: float(svg.split(f">{name}<")[0].rsplit('y="', 1)[1].split('"')[0])
        for name in ("Random", "A", "B", "Oracle")
    }
    assert height["Random"] > height["A"] > height["B"] > height["Oracle"]


def test_equal_figures_give_an_equal_plot(tmp_path: Path) -> None:
    one, two = tmp_path / "one.svg", tmp_path / "two.svg"
    draw(FOUND, one)
    draw(FOUND, two)
    assert one.read_bytes() == two.read_bytes()


def test_a_plot_of_the_ends_alone_is_drawn_as_png(tmp_path: Path) -> None:
    draw([FOUND[0], FOUND[-1]], tmp_path / "ladder.png")
    assert (tmp_path / "ladder.png").read_bytes().startswith(b"\x89PNG")


@pytest.fixture
def play_ladder(world_files: Any, tmp_path: Path) -> Callable[..., Result]:
    """play_ladder("--episodes", 100, ...): the command, on a small world and its lists."""
    (tmp_path / "top_tracks.json").write_text(json.dumps(list(range(10))))
    (tmp_path / "neighbours.json").write_text(
        "\n".join(json.dumps({"track": t, "recommendations": [39 - t]}) for t in range(40))
    )
    (tmp_path / "recommendations.json").write_text(
        "\n".join(json.dumps({"user": u, "tracks": [u, u + 1]}) for u in range(25))
    )

    def run(*arguments: object) -> Result:
        given = ["--config", world_files.env, "--lists", tmp_path, *arguments]
        return CliRunner().invoke(ladder, [str(argument) for argument in given])

    return run


NAMES = [
    *("Random", "RandomUnseen", "TopPop", "TopPopUnseen"),
    *("StickyArtist", "StickyArtistUnseen", "StickyArtistMixed"),
    *("Contextual", "Similar", "I2I", "IndexedRandom", "Sequential", "DAE", "Oracle"),
]


def test_every_agent_is_on_the_ladder_or_left_out_on_purpose() -> None:
    """A new agent has a label in the registry's table, and with it a place here."""
    left_out = {"console", "policy:random", "policy:indexed"}  # a person, and two second names
    assert set(registry.names()) - set(registry.labels()) == left_out
    assert set(registry.labels().values()) == set(NAMES)


def test_every_recommender_is_on_the_ladder(
    play_ladder: Callable[..., Result], tmp_path: Path
) -> None:
    path = tmp_path / "ladder.json"
    done = play_ladder("--episodes", 300, "--json", path, "--plot", tmp_path / "ladder.svg")
    assert done.exception is None
    assert done.stderr == ""  # no progress bar but on a terminal
    rows = json.loads(path.read_text())
    assert [row["recommender"] for row in rows] == NAMES
    assert [line.split()[0] for line in done.stdout.splitlines()[1:15]] == NAMES
    for row, line in zip(rows, done.stdout.splitlines()[1:15], strict=True):
        assert row["sessions"] == 300
        assert row["users"] == 25
        assert f"{row['mean_session_time']:.3f} ± {row['mean_session_time_95']:.3f}" in line
        assert f"{row['mean_session_length']:.2f} ± {row['mean_session_length_95']:.2f}" in line
    assert (rows[0]["normalised_score"], rows[-1]["normalised_score"]) == (0, 100)
    assert "300 sessions of 25 users each" in done.stdout
    assert all(f">{name}<" in (tmp_path / "ladder.svg").read_text() for name in NAMES)


CONFIG = """
data_dir: {folder}
lists: {{dae: recommendations.json}}
neighbours: {{near: neighbours.json}}
top_tracks: top_tracks.json
recommenders:
  mine: {{type: chain, steps: [{{list: near, pick: first}}, {{catalog: unseen}}]}}
  same: {{type: indexed, list: dae}}
  also_same: {{type: contextual, neighbours: near}}
  Random: {{type: random, exclude: [1]}}
  dae_session: {{type: session, list: dae, model: m}}
"""


def test_recommenders_of_a_config_are_on_the_ladder_or_said_not_to_be(
    play_ladder: Callable[..., Result], tmp_path: Path
) -> None:
    config = tmp_path / "botify.yml"
    config.write_text(CONFIG.format(folder=tmp_path))
    done = play_ladder("--episodes", 100, "--chains", config, "--markdown")
    assert done.exception is None
    names = [line.split("|")[1].strip() for line in done.stdout.splitlines()[2:18]]
    assert names == [*NAMES[:-1], "mine", "Random (config)", "Oracle"]
    assert f"{config}: same answers as DAE does: played once" in done.stderr
    assert f"{config}: also_same answers as Contextual does: played once" in done.stderr
    assert f"{config}: dae_session is not played: it is of the type session" in done.stderr


def test_the_table_comes_as_markdown_too(play_ladder: Callable[..., Result]) -> None:
    lines = play_ladder("--episodes", 100, "--markdown").stdout.splitlines()
    assert lines[0] == "| recommender | session time | session length | normalised score |"
    assert [line.split("|")[1].strip() for line in lines[2:16]] == NAMES
    assert {line.count("|") for line in lines[:16]} == {5}


def test_recommenders_that_read_no_lists_are_compared_without_any(
    play_ladder: Callable[..., Result], tmp_path: Path
) -> None:
    chosen = ("--recommender", "policy:sticky_artist", "--lists", tmp_path / "none")
    done = play_ladder("--episodes", 100, *chosen)
    assert done.exception is None
    assert [line.split()[0] for line in done.stdout.splitlines()[1:4]] == [
        *("Random", "StickyArtist", "Oracle")
    ]


def test_a_world_where_all_is_alike_has_no_scores(
    play_ladder: Callable[..., Result], world_files: Any, tmp_path: Path
) -> None:
    np.save(world_files.embeddings, np.zeros((40, 6), dtype=np.float32))
    world_files.write_env(user_catalog_config={"default_consume_bias": 99.0})
    path = tmp_path / "ladder.json"
    done = play_ladder("--episodes", 50, "--recommender", "policy:sticky_artist", "--json", path)
    assert done.exception is None
    assert [line.split()[-1] for line in done.stdout.splitlines()[1:4]] == ["–"] * 3
    assert json.loads(path.read_text())[1]["normalised_score"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--episodes", 1], "--episodes 1: intervals need 2"),
        (["--episodes", -3], "--episodes -3"),
        (["--json", "no/such/ladder.json"], "--json no/such/ladder.json: no/such is no directory"),
        (["--plot", "no/such/ladder.svg"], "--plot no/such/ladder.svg: no/such is no directory"),
        (["--plot", "ladder.pdf"], r"--plot ladder.pdf: its name must end in \.png or \.svg"),
        (["--plot", "ladder"], r"must end in \.png or \.svg"),
        (["--lists", "no/such"], "no/such/top_tracks.json: there is no such file"),
        (["--config", "no/such.yml"], "no/such.yml: cannot be read"),
        (["--service", "5001"], "--service 5001: it must be like DAE_SESSION=127.0.0.1:5001"),
        (["--service", "mine=localhost"], "it must be like DAE_SESSION=127.0.0.1:5001"),
        (["--service", "mine=localhost:70000"], "it must be like DAE_SESSION=127.0.0.1:5001"),
        (["--service", "DAE=localhost:1"], "DAE is one of the recommenders"),
    ],
)
def test_what_cannot_end_well_does_not_start(
    play_ladder: Callable[..., Result],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[Any],
    message: str,
) -> None:
    monkeypatch.setattr("sim.ladder.command.play", lambda *_, **__: pytest.fail("it was played"))
    done = play_ladder(*arguments)
    assert isinstance(done.exception, InputError)
    with pytest.raises(InputError, match=message):
        raise done.exception
    assert done.stdout == ""


def test_a_world_of_one_user_has_no_intervals(
    play_ladder: Callable[..., Result], world_files: Any
) -> None:
    world_files.users.write_text(world_files.users.read_text().splitlines()[0] + "\n")
    done = play_ladder("--episodes", 50, "--recommender", "policy:sticky_artist")
    assert isinstance(done.exception, InputError)
    assert "all of them are of one user" in str(done.exception)
