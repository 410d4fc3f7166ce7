"""Segments by attribute and the sample ratio within them, against other people's code."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from click.testing import CliRunner
from scipy import stats
from statsmodels.stats.meta_analysis import combine_effects
from statsmodels.stats.multitest import multipletests

from offline.cli import main
from offline.errors import InputError
from offline.experiment.checks.split_checks import first_days, split_faults
from offline.experiment.metrics import Metric
from offline.experiment.questions.attribute_segments import by_attribute, heterogeneity_p
from offline.experiment.questions.attributes import labels, read_attributes
from offline.experiment.questions.parts import Against
from offline.experiment.stats.holm import holm

Make = Callable[..., Any]
TIME = Against(Metric("time", "Time", numerator="SUM(time)"))
VALUE = TIME.metric.above
RNG = np.random.default_rng


def users_of(rng: np.random.Generator, n: int = 600) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "user_id": [str(user) for user in range(n)],
            "treatment": np.where(rng.random(n) < 0.5, "C", "T1"),
            VALUE: rng.gamma(4, 1, n),
        }
    )


def test_segments_are_compared_one_by_one_and_adjusted_together() -> None:
    rng = RNG(1)
    users = users_of(rng)
    country = pd.Series(rng.choice(["de", "fr", "nl"], len(users)))
    users.loc[(country == "fr") & (users["treatment"] == "T1"), VALUE] *= 1.5
    found, [equal] = by_attribute(users, ["T1"], {"country": country}, TIME)
    ps = []
    effects = []
    for segment in found:
        rows = users[country == segment.part.name]
        sides = [rows.loc[rows["treatment"] == arm, VALUE] for arm in ("C", "T1")]
        ps.append(stats.ttest_ind(*sides, equal_var=False).pvalue)
        ratio = sides[1].mean() / sides[0].mean()
        variance = (sides[1].sem() ** 2 + ratio**2 * sides[0].sem() ** 2) / sides[0].mean() ** 2
        effects.append((ratio, variance))
        assert segment.part.p == pytest.approx(ps[-1])
        assert segment.part.effect == pytest.approx(100 * (ratio - 1))
    holm = multipletests(ps, method="holm")[1]
    assert [segment.p_holm for segment in found] == pytest.approx(list(holm))
    assert (equal.segments, equal.p) == (3, pytest.approx(heterogeneity_p(*np.transpose(effects))))
    assert equal.p < 0.05


def test_holm_is_statsmodels_holm() -> None:
    ps = RNG(9).random(40) ** 3
    ps[3] = ps[7]
    assert holm(ps) == pytest.approx(multipletests(ps, method="holm")[1])
    assert len(holm([])) == 0


def test_heterogeneity_is_statsmodels_q() -> None:
    rng = RNG(2)
    effects, variances = rng.normal(1, 0.1, 5), rng.gamma(2, 0.005, 5)
    expected = combine_effects(effects, variances).test_homogeneity().pvalue
    assert heterogeneity_p(effects, variances) == pytest.approx(expected)


def test_equal_effects_differ_in_5_of_100() -> None:
    rng = RNG(3)
    called = []
    for _ in range(150):
        users = users_of(rng, 1200)
        users[VALUE] *= np.where(users["treatment"] == "T1", 1.3, 1.0)
        segment = pd.Series(rng.choice(["a", "b", "c"], len(users)))
        [equal] = by_attribute(users, ["T1"], {"x": segment}, TIME)[1]
        called.append(equal.p < 0.05)
    assert np.mean(called) == pytest.approx(0.05, abs=0.045)


def test_small_empty_and_constant_segments() -> None:
    rng = RNG(4)
    users = users_of(rng, 200)
    segment = pd.Series(np.where(np.arange(200) < 9, "few", "many"))
    segment[9] = "<b>one</b>"
    found, equal = by_attribute(users, ["T1"], {"x": segment}, TIME)
    by_name = {some.part.name: some for some in found}
    assert by_name["<b>one</b>"].part.effect is None
    assert by_name["<b>one</b>"].p_holm is None
    assert by_name["few"].part.interval is None or by_name["few"].part.method == "permutation"
    assert equal == ()
    constant = by_attribute(users.assign(**{VALUE: 0.0}), ["T1"], {"x": segment}, TIME)
    assert all(some.part.effect is None for some in constant[0])


def test_groups_that_were_split_otherwise_are_named() -> None:
    rng = RNG(5)
    arms = pd.Series(np.where(rng.random(3000) < 0.9, "C", "T1"))
    groups = pd.Series(rng.choice(["web", "app", "tv"], 3000))
    shares = {"C": 9.0, "T1": 1.0}
    assert split_faults("x", groups, arms, shares) == ()
    lost = (groups == "app") & (arms == "T1") & (rng.random(3000) < 0.6)
    [fault] = split_faults("x", groups[~lost], arms[~lost], shares)
    users = arms[~lost][groups[~lost] == "app"].value_counts()
    assert fault.name == "app"
    assert fault.users == {"C": users["C"], "T1": users["T1"]}
    expected = [0.9 * users.sum(), 0.1 * users.sum()]
    alone = stats.chisquare([users["C"], users["T1"]], expected).pvalue
    assert fault.p_holm == pytest.approx(3 * alone)
    # An arm that a group lacks, and groups too small to tell.
    [none] = split_faults("x", pd.Series(["a"] * 200), pd.Series(["C"] * 200), shares)
    assert none.users == {"C": 200, "T1": 0}
    assert split_faults("x", pd.Series(["a"] * 20), pd.Series(["C"] * 20), shares) == ()


def test_splits_as_they_should_be_are_told_in_1_of_100() -> None:
    rng = RNG(6)
    told = []
    for _ in range(200):
        arms = pd.Series(np.where(rng.random(1000) < 0.5, "C", "T1"))
        groups = pd.Series(rng.integers(0, 10, 1000))
        told.append(bool(split_faults("x", groups, arms, {"C": 1.0, "T1": 1.0})))
    assert np.mean(told) <= 0.03


def test_the_first_day_of_a_user() -> None:
    days = pd.DataFrame({"user_id": ["a", "b", "a"], "day": [3, 2, 1]})
    assert first_days(days).to_dict() == {"a": 1, "b": 2}


@pytest.mark.parametrize("kind", ["csv", "parquet", "lines.json", "array.json", "object.json"])
def test_attributes_are_read_from_any_of_these(tmp_path: Path, kind: str) -> None:
    rows = [{"user": 7, "age": 30, "land": "<i>de</i>"}, {"user": 8, "age": None, "land": "fr"}]
    path = tmp_path / f"users.{kind}"
    frame = pd.DataFrame(rows)
    if kind == "csv":
        frame.to_csv(path, index=False)
    elif kind == "parquet":
        frame.to_parquet(path)
    elif kind == "lines.json":
        path.write_text("\n".join(map(json.dumps, rows)))
    elif kind == "array.json":
        path.write_text(json.dumps(rows))
    else:
        path.write_text(json.dumps({str(row.pop("user")): row for row in rows}))
    found = read_attributes(path, ["land", "age"])
    assert found.index.tolist() == ["7", "8"]
    assert labels(found["land"], ["8", "9"]).tolist() == ["fr", "unknown"]
    assert labels(found["age"], ["7", "8"]).tolist() == ["30", "unknown"]


def test_numbers_are_cut_into_quarters_and_rare_values_lumped() -> None:
    ages = pd.Series(np.arange(100), index=[str(user) for user in range(100)])
    found = labels(ages, ages.index.tolist()).value_counts()
    assert sorted(found) == [25] * 4
    assert "up to 24.75" in found.index
    words = pd.Series([f"w{i % 30}" if i % 2 else "w1" for i in range(600)])
    words.index = words.index.map(str)
    assert labels(words, words.index.tolist()).nunique() == 15
    many = pd.Series([f"w{i}" for i in range(60)], index=[str(i) for i in range(60)])
    assert labels(many, many.index.tolist()).value_counts()["other"] == 40
    assert labels(pd.Series([True], index=["1"]), ["1"]).tolist() == ["True"]


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "x,age\n1,2\n", "has no column user to tell the users by"),
        ("a.csv", "user,y\n1,2\n", "--segment-by age: "),
        ("a.csv", "user,age\n1,2\n1,3\n", "user 1 has several rows"),
        ("a.json", '{"user": 1, "age": [2]}', "cannot be cut by lists or objects"),
        ("a.json", "{nonsense", "cannot be read: "),
        ("a.json", "[1]", "it is not an object a line"),
        ("a.parquet", "no", "cannot be read: "),
        ("a.csv", "", "cannot be read: "),
    ],
)
def test_what_is_no_table_of_users_is_refused(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        read_attributes(path, ["age"])
    with pytest.raises(InputError):
        read_attributes(tmp_path / "none.csv", ["age"])


def test_segments_and_split_faults_are_told(
    make_events: Make, write_log: Make, tmp_path: Path
) -> None:
    events = make_events()
    arms = {line["user"]: line["experiments"]["DAE_VS_CONTEXTUAL"] for line in events}
    # "app" has lost most of its treated users.
    app = {user for user in arms if user % 3 == 0}
    kept = [e for e in events if e["user"] not in app or arms[e["user"]] == "C" or e["user"] < 40]
    table = tmp_path / "users.csv"
    rows = "".join(f"{user},{'<b>app</b>' if user in app else 'web'}\n" for user in arms)
    table.write_text("user,client\n" + rows)
    out = tmp_path / "all.json"
    words = ["analyze", str(write_log(kept)), "--experiment", "DAE_VS_CONTEXTUAL"]
    asked = [*words, "--attributes", str(table), "--segment-by", "client", "--json", str(out)]
    done = CliRunner().invoke(main, asked)
    assert done.exit_code == 0, done.output
    assert "segments by attribute are exploratory" in done.output
    assert "  T1 where client is web: +" in done.output
    assert "sample ratio off where client is <b>app</b>: C " in done.output
    content = json.loads(out.read_text())
    assert [some["value"] for some in content["attribute_segments"]] == ["<b>app</b>", "web"]
    [fault] = content["split_faults"]
    assert fault["name"] == "<b>app</b>"
    for more, message in (
        (["--attributes", str(table)], "--attributes and --segment-by belong together"),
        (["--segment-by", "client"], "belong together"),
    ):
        done = CliRunner().invoke(main, [*words, *more])
        assert (done.exit_code, done.output.count("\n")) == (2, 1)
        assert message in done.output
