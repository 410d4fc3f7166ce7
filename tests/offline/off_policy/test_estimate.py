"""Off-policy estimates: by hand, exact in expectation, and as a person in a shell meets them."""

import json
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offline.logs.reader import open_logs
from offline.off_policy.chain_target import list_target, popular_target
from offline.off_policy.decisions import Decisions, read_decisions
from offline.off_policy.estimate import look_ahead
from offline.off_policy.estimators import Support, doubly_robust, ips, ratio_over_users, snips
from offline.off_policy.reward_model import AdditiveModel, shrunken_means

from ..programs import offline_in

Make = Callable[..., Any]
Play = tuple[int, int, float | None, float]  # track, recommendation, propensity, share heard of it


def session(user: int, at: int, plays: list[Play], **fields: Any) -> list[dict[str, Any]]:
    """The lines of a session whose every recommendation is played."""
    lines = []
    heard = 1.0
    for place, (track, recommendation, propensity, next_heard) in enumerate(plays):
        line = {"message": "next", "timestamp": at + place, "user": user, "track": track}
        line |= {"time": heard, "latency": 0.0, "experiments": {}, "recommender": "random"}
        lines.append({**line, "recommendation": recommendation, "propensity": propensity} | fields)
        heard = next_heard
    last = {"message": "last", "timestamp": at + len(plays), "user": user, "time": heard}
    return [*lines, last | {"track": plays[-1][1], "latency": 0.0, "experiments": {}}]


def decisions_of(path: Path, **options: Any) -> Decisions:
    with open_logs([path]) as log:
        return read_decisions(log, **options)


def drawn(rng: np.random.Generator, n_users: int, each: int) -> tuple[np.ndarray, ...]:
    """Weights of a target on action 0 of 4, rewards with an effect of the user, users."""
    users = np.repeat(np.arange(n_users), each)
    logged = np.array([0.4, 0.3, 0.2, 0.1])
    actions = rng.choice(4, len(users), p=logged)
    liking = rng.normal(0, 0.2, n_users)[users]
    rewards = 0.5 - 0.1 * actions + liking + rng.normal(0, 0.1, len(users))
    return (actions == 0) / logged[actions], rewards, users


def test_ips_and_snips_worked_by_hand() -> None:
    weights, rewards = np.array([2.0, 0.0, 4.0, 0.0]), np.array([0.5, 1.0, 0.25, 0.0])
    users = np.array([0, 0, 1, 1])
    # Sums over users: w r 1 and 1, w 2 and 4, decisions 2 and 2.
    assert ips(weights, rewards, users) == pytest.approx((0.5, 0.0))
    value, half = snips(weights, rewards, users)
    assert value == pytest.approx(1 / 3)
    # Residuals 1 - 2/3 and 1 - 4/3; t with 1 degree of freedom.
    assert half == pytest.approx(12.7062 * np.sqrt(2 * (2 / 9)) / 6, rel=1e-5)
    assert np.isnan(snips(np.zeros(4), rewards, users).mean)


def test_doubly_robust_worked_by_hand() -> None:
    value, half = doubly_robust(
        np.array([2.0, 0.0]),
        rewards=np.array([1.0, 0.0]),
        predicted=np.array([0.75, 0.5]),
        expected=np.array([0.75, 0.25]),
        users=np.array([0, 1]),
    )
    # 0.75 + 2 (1 - 0.75) = 1.25, and 0.25: mean 0.75, standard error 0.5.
    assert value == pytest.approx(0.75)
    assert half == pytest.approx(12.7062 * 0.5, rel=1e-5)


def test_one_user_has_no_interval() -> None:
    assert ratio_over_users(np.ones(3), np.full(3, 2.0), np.zeros(3, int)) == (0.5, np.inf)
    matched = np.array([0.0, 4.0, 0.0])
    assert snips(matched, np.full(3, 0.25), np.arange(3)) == (0.25, np.inf)


def test_support_is_kishs_effective_sample_size() -> None:
    support = Support.of(np.array([0.0, 1.0, 3.0]), np.array([0, 1, 2]))
    assert (support.decisions, support.matched, support.max_weight) == (3, 2, 3.0)
    assert support.effective_size == pytest.approx(16 / 10)
    assert support.max_share == pytest.approx(0.75)
    assert support.mean_weight.mean == pytest.approx(4 / 3)
    assert Support.of(np.zeros(2), np.array([0, 1])).effective_size == 0


def test_expectations_over_every_possible_log() -> None:
    """IPS is unbiased, and so is DR where the propensities or the model are right."""
    logged, target = np.array([0.5, 0.3, 0.2]), np.array([0.1, 0.0, 0.9])
    values = np.array([[0.2, 0.6, 1.0], [0.9, 0.1, 0.3]])  # of two contexts
    wrong_chances, wrong_model = np.array([0.2, 0.2, 0.6]), np.array([[0.9, 0.0, 0.4]] * 2)
    users = np.arange(2)
    expectations = dict.fromkeys(("ips", "right model", "right chances", "both wrong"), 0.0)
    for actions in product(range(3), repeat=2):
        chance, chosen = float(np.prod(logged[list(actions)])), np.array(actions)
        rewards = values[users, chosen]
        right, wrong = (target[chosen] / p[chosen] for p in (logged, wrong_chances))

        def dr(weights: np.ndarray, model: np.ndarray, chosen=chosen, rewards=rewards) -> float:
            return doubly_robust(
                weights, rewards, model[users, chosen], model @ target, users
            ).mean

        expectations["ips"] += chance * ips(right, rewards, users).mean
        expectations["right model"] += chance * dr(wrong, values)
        expectations["right chances"] += chance * dr(right, wrong_model)
        expectations["both wrong"] += chance * dr(wrong, wrong_model)
    truth = (values @ target).mean()
    assert expectations.pop("both wrong") != pytest.approx(truth, abs=0.01)
    assert list(expectations.values()) == pytest.approx([truth] * 3)


@pytest.mark.parametrize("estimate", [ips, snips])
def test_intervals_hold_the_truth_95_times_in_100(estimate: Make) -> None:
    rng = np.random.default_rng(31337)
    inside = [
        abs(mean - 0.5) <= half
        for mean, half in (estimate(*drawn(rng, 100, 5)) for _ in range(1000))
    ]
    # Three standard errors of a share of 1000; with the decision as the unit SNIPS has 80 %.
    assert np.mean(inside) == pytest.approx(0.95, abs=0.02)


def test_effects_are_shrunk_by_their_variance() -> None:
    rng = np.random.default_rng(1)
    effects, groups = rng.normal(0, 1, 2000), np.repeat(np.arange(2000), 3)
    shrunk = shrunken_means(groups, effects[groups] + rng.normal(0, 2, len(groups)), 2001)
    means = shrunk / (3 / (3 + 4.0))  # within / between = 4
    assert np.polyfit(means[:-1], effects, 1)[0] == pytest.approx(3 / 7, rel=0.1)
    assert shrunk[-1] == 0
    assert not shrunken_means(np.arange(5), rng.normal(size=5), 5).any()


def test_additive_model_finds_users_and_tracks() -> None:
    rng = np.random.default_rng(2)
    users, tracks = rng.integers(0, 50, 20_000), rng.integers(0, 20, 20_000)
    of_users, of_tracks = rng.normal(0, 0.2, 50), rng.normal(0, 0.3, 20)
    rewards = 0.4 + of_users[users] + of_tracks[tracks] + rng.normal(0, 0.1, 20_000)
    model = AdditiveModel.fit(users, tracks, rewards, 50, 20)
    found = model.mean + model.user_effects[:, None] + model.track_effects
    assert np.abs(found - (0.4 + of_users[:, None] + of_tracks)).max() < 0.02
    assert AdditiveModel.fit(users[:0], tracks[:0], rewards[:0], 50, 20).mean == 0


def test_decisions_have_rewards_and_the_rest_is_counted(write_log: Make) -> None:
    lines = session(7, 0, [(1, 2, 0.5, 0.25), (2, 3, None, 0.5), (3, 4, 1.5, 0.5)])
    lines.insert(1, lines[0])  # sent again
    lines += session(10**30, 100, [(1, 2, 0.1, 1.0), (5, 6, 0.2, 0.75)])  # 2 was not played
    lines += session(8, 50, [(1, 9, 0.5, 0.5)])[:1]
    path = write_log(lines)
    found = decisions_of(path)
    assert found.user_ids == ("1" + "0" * 30, "7", "8")
    assert found.recommendations[found.usable].tolist() == [6, 2]
    assert found.rewards[found.usable].tolist() == [0.75, 0.25]
    assert found.left_out == {
        "without propensity": 1,
        "propensity not in (0, 1]": 1,
        "without a following line": 1,
        "followed by another track": 1,
    }
    assert decisions_of(path, first=True).usable.sum() == 1


def test_targets_offer_what_the_session_has_not_played(write_log: Make) -> None:
    plays: list[Play] = [(1, 3, 0.5, 0.5), (3, 4, 0.5, 0.5), (4, 1, 0.5, 0.0)]
    log = decisions_of(write_log(session(1, 0, plays) + session(2, 0, [(1, 2, 0.5, 1.0)])))
    values = np.zeros(len(log.logged) + 1)
    values[log.codes(np.array([3, 4]))] = 3.0, 4.0
    mine = list_target("lists", {"1": [1, 3, 4], "9": [1]}, log)
    assert mine.answers.tolist() == [True, True, False, False]
    assert mine.chances.tolist() == [1, 1, 0, 0]
    assert mine.mean_of(values)[:2].tolist() == [3.0, 4.0]
    assert [note[:7] for note in mine.notes] == ["1 users", "1 users", "2 decis"]
    top = popular_target("top", [1, 4, 3], log)
    assert top.answers.all()
    assert top.chances.tolist() == [1 / 3, 1 / 3, 1 / 3, 0]
    assert top.mean_of(values).tolist() == pytest.approx([7 / 3] * 4)


def made_up(rng: np.random.Generator, tracks: int, **fields: Any) -> list[dict[str, Any]]:
    """Sessions of 60 users under a uniform choice of tracks 1, 2, ...; track t is heard t / 10."""
    lines = []
    for at in range(0, 600, 2):
        track = int(rng.integers(1, tracks + 1))
        lines += session(at % 60, at * 10, [(0, track, 1 / tracks, track / 10)], **fields)
    return lines


def test_command_estimates_lists(write_log: Make, tmp_path: Path) -> None:
    write_log(made_up(np.random.default_rng(3), 2))
    lists = [json.dumps({"user": user, "tracks": [0, 2, 1]}) for user in range(0, 60, 2)]
    (tmp_path / "lists.json").write_text("\n".join([*lists[1:], '{"user": 77, "tracks": [1]}']))
    (tmp_path / "top.json").write_text("[1, 2]")
    run = offline_in(tmp_path)
    options = "--lists", "@lists.json", "--top-tracks", "@top.json", "--json", "@out.json"
    said = run("off-policy", "@data.json", *options, "--first")
    assert "1 users of the log have no list" in said
    assert "1 users with a list are not in the log" in said
    assert "should be 1" not in said
    mine, top = json.loads((tmp_path / "out.json").read_text())["targets"]
    assert mine["decisions"] == 290
    for name in ("IPS", "SNIPS", "DR"):
        found = mine["estimates"][name]
        assert found["lower"] <= 0.2 <= found["upper"]
        assert top["estimates"][name]["value"] == pytest.approx(0.15, abs=0.01)
    assert mine["estimates"]["SNIPS"]["value"] == pytest.approx(0.2)
    assert "--first has no such bias" in run("off-policy", "@data.json", *options)


CONFIG = """
data_dir: data
lists: {dae: lists.json}
neighbours: {near: near.json}
top_tracks: top.json
recommenders:
  mine: {type: chain, steps: [{list: dae, pick: first, time_from: 0.5}, {catalog: any}]}
  near: {type: i2i, neighbours: near}
  model: {type: session, model: m, list: dae}
"""


def test_command_estimates_the_chains_of_a_config(write_log: Make, tmp_path: Path) -> None:
    write_log(made_up(np.random.default_rng(3), 2))
    (tmp_path / "botify.yml").write_text(CONFIG)
    data = tmp_path / "data"
    (data / "world").mkdir(parents=True)
    users = [json.dumps({"user": user, "tracks": [2, 1]}) for user in range(0, 60, 2)]
    (data / "lists.json").write_text("\n".join(users))
    (data / "near.json").write_text('{"track": 0, "recommendations": [0, 1]}')
    (data / "top.json").write_text("[2]")
    run = offline_in(tmp_path)
    options = "--chains", "@botify.yml", "--data-dir", "@data", "--json", "@out.json"

    said = run("off-policy", "@data.json", *options)
    assert "model is not estimated: it is of the type session, no chain" in said
    assert "world/tracks.json is not there: decisions that draw from the catalog" in said
    mine, near = json.loads((tmp_path / "out.json").read_text())["targets"]
    assert (mine["target"], near["target"]) == ("mine", "near")
    assert mine["estimates"]["SNIPS"]["value"] == pytest.approx(0.2)
    assert near["estimates"]["SNIPS"]["value"] == pytest.approx(0.1)

    tracks = [json.dumps({"track": track, "artist": "A", "title": "T"}) for track in range(3)]
    (data / "world" / "tracks.json").write_text("\n".join(tracks))
    said = run("off-policy", "@data.json", *options, "--chain", "mine")
    assert "not estimated" not in said
    [mine] = json.loads((tmp_path / "out.json").read_text())["targets"]
    assert mine["decisions"] == 300
    refused = run("off-policy", "@data.json", *options, "--chain", "mien", fails=True)
    assert "no recommender that is a chain 'mien' (did you mean 'mine'?" in refused


def test_command_says_where_the_log_cannot_speak(write_log: Make, tmp_path: Path) -> None:
    log = decisions_of(write_log(made_up(np.random.default_rng(4), 1)))
    lists = {str(user): [1 if user < 30 else 2] for user in range(0, 60, 2)}
    found = look_ahead(log, [list_target("lists", lists, log)])[0]
    text = "\n".join(found.warnings)
    assert found.never_logged == 0.5
    assert "50% of what the target would choose is never recommended" in text
    assert "the mean weight is 0.500" in text
    assert "left nothing to chance" in text
    nothing = look_ahead(log, [list_target("lists", {user: [3] for user in lists}, log)])[0]
    assert nothing.warnings[0].startswith("only 0 of 300 decisions")
    assert all(np.isnan(nothing.estimates[name].mean) for name in ("IPS", "SNIPS", "DR"))


@pytest.mark.parametrize(
    ("propensity", "lists", "options", "says"),
    [
        (..., '{"user": 1, "tracks": [2]}', (), "log the chance with which the recommender chose"),
        (2.0, '{"user": 1, "tracks": [2]}', (), "1 propensity not in (0, 1]"),
        (0.5, '{"user": 5, "tracks": [2]}', (), "no user of the log has a list in it"),
        (0.5, '{"user": 1, "tracks": [1]}', (), "no track for any decision"),
        (
            0.5,
            '{"user": 1, "tracks": [2, 2]}',
            (),
            "lists.json:1: `tracks`: track 2 is there twice",
        ),
        (0.5, '{"user": 1}', (), "lists.json:1: `tracks` must be a list"),
        (0.5, "{", (), "lists.json:1: not JSON"),
        (0.5, '{"user": 1, "tracks": [2]}', ("--recommender", "dae"), "the log has: random"),
    ],
)
def test_command_refuses(
    write_log: Make,
    tmp_path: Path,
    propensity: Any,
    lists: str,
    options: tuple[str, ...],
    says: str,
) -> None:
    lines = session(1, 0, [(1, 2, 0.5, 0.5)], propensity=propensity)
    write_log([{k: v for k, v in line.items() if v is not ...} for line in lines])
    (tmp_path / "lists.json").write_text(lists)
    words = "off-policy", "@data.json", "--lists", "@lists.json", *options
    assert says in offline_in(tmp_path)(*words, fails=True)


def test_what_was_offered_counts_as_seen_though_another_track_was_played() -> None:
    n = 3
    log = Decisions(
        user_ids=("7",),
        users=np.zeros(n, np.int64),
        sessions=np.array([0, 0, 1]),
        tracks=np.array([5, 6, 5]),
        times=np.ones(n),
        recommendations=np.array([1, 2, 1]),
        propensities=np.ones(n),
        rewards=np.ones(n),
        usable=np.array([False, True, True]),
        left_out={},
        logged=np.array([1, 2]),
    )
    # The service offered 1, so its next answer in that session is 2.
    assert list_target("t", {"7": [1, 2]}, log).chances.tolist() == [1.0, 1.0, 1.0]
