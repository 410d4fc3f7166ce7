"""Effects by day, and whether they drift: against least squares with clustered errors."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
from click.testing import CliRunner
from scipy import stats

from offline.cli import main
from offline.experiment.metrics import Metric
from offline.experiment.questions.days import by_day, slope_weights
from offline.experiment.questions.parts import Against

Make = Callable[..., Any]
TIME = Against(Metric("time", "Time", numerator="SUM(time)"))
DAY = 86_400_000
RNG = np.random.default_rng


def users_by_day(
    rng: np.random.Generator, drift: float, n: int = 120, days: int = 6, lift: float = 1.0
) -> pd.DataFrame:
    """Users with a level of their own, there on two days of three; the effect grows by `drift`."""
    rows = []
    for user in range(2 * n):
        level = rng.gamma(8, 1)
        for day in range(days):
            if rng.random() < 2 / 3:
                effect = lift + drift * day if user >= n else 0.0
                rows.append((str(user), "T1" if user >= n else "C", day, level + effect))
    frame = pd.DataFrame(rows, columns=["user_id", "treatment", "day", "above"])
    frame["below"] = 1.0
    frame["above"] += rng.normal(0, 1, len(frame))
    return frame


def clustered(frame: pd.DataFrame) -> tuple[float, float]:
    """Slope and its error: least squares on a dummy for each arm and day, errors by user.

    The slope of effects relative to the control is a function of the dummies' coefficients.
    """
    cells = [(arm, day) for arm in ("C", "T1") for day in sorted(frame["day"].unique())]
    keys = list(zip(frame["treatment"], frame["day"], strict=True))
    dummies = np.array([[key == cell for cell in cells] for key in keys], float)
    variance, means = 0.0, np.zeros(len(cells))
    for arm in ("C", "T1"):  # arms share no user: each with its own correction
        own, columns = (frame["treatment"] == arm).to_numpy(), [c[0] == arm for c in cells]
        codes = pd.factorize(frame["user_id"][own])[0]
        fitted = sm.OLS(frame["above"][own], dummies[own][:, columns]).fit(
            cov_type="cluster", cov_kwds={"groups": codes, "use_correction": False}
        )
        means[columns] = fitted.params
        some = np.zeros((len(cells), len(cells)))
        some[np.ix_(columns, columns)] = fitted.cov_params()
        users = len(np.unique(codes))
        variance = variance + some * users / (users - 1)
    half = len(cells) // 2
    sizes = np.array([keys.count(cell) for cell in cells], float)
    weights = sizes[:half] * sizes[half:] / (sizes[:half] + sizes[half:])
    x = np.array([day for _, day in cells[:half]], float)

    def slope(values: np.ndarray) -> float:
        y = 100 * values[half:] / values[:half]
        return float(sm.WLS(y, sm.add_constant(x), weights=weights).fit().params[1])

    step = 1e-6
    gradient = np.array(
        [
            (slope(means + step * e) - slope(means - step * e)) / 2 / step
            for e in np.eye(len(cells))
        ]
    )
    return slope(means), float(np.sqrt(gradient @ variance @ gradient))


def test_the_drift_is_that_of_least_squares_with_errors_by_user() -> None:
    frame = users_by_day(RNG(1), 0.2)
    found = by_day(frame, "T1", TIME)
    assert found.drift is not None
    slope, error = clustered(frame)
    assert found.drift.relative
    assert found.drift.slope == pytest.approx(slope, rel=1e-6)
    assert (found.drift.upper - slope) / 1.959964 == pytest.approx(error, rel=1e-5)
    assert found.drift.p == pytest.approx(2 * stats.norm.sf(abs(slope) / error), rel=1e-4)


def test_a_steady_effect_drifts_in_5_of_100() -> None:
    rng = RNG(2)
    called = [
        by_day(users_by_day(rng, 0.0, 100, 4), "T1", TIME).drift.p < 0.05 for _ in range(200)
    ]
    assert np.mean(called) == pytest.approx(0.05, abs=0.035)
    assert by_day(users_by_day(rng, 0.5), "T1", TIME).drift.p < 0.001


def test_each_day_is_compared_by_itself() -> None:
    frame = users_by_day(RNG(3), 0.0, days=3)
    found = by_day(frame, "T1", TIME)
    assert found.days == (0, 1, 2)
    for day, part in zip(found.days, found.parts, strict=True):
        rows = frame[frame["day"] == day]
        sides = [rows.loc[rows["treatment"] == arm, "above"] for arm in ("C", "T1")]
        assert part.users == tuple(map(len, sides))
        assert part.p == pytest.approx(stats.ttest_ind(*sides, equal_var=False).pvalue)
        assert part.difference == pytest.approx(sides[1].mean() - sides[0].mean())


def test_weights_are_those_of_weighted_least_squares() -> None:
    rng = RNG(4)
    x, y, weights = np.arange(5.0), rng.normal(size=5), rng.gamma(2, 1, 5)
    fitted = sm.WLS(y, sm.add_constant(x), weights=weights).fit()
    assert slope_weights(x, weights) @ y == pytest.approx(fitted.params[1])


def test_extreme_days() -> None:
    rng = RNG(5)
    frame = users_by_day(rng, 0.0)
    one = pd.DataFrame([("u", "T1", 9, 4.0, 1.0)], columns=frame.columns)
    found = by_day(pd.concat([frame, one]), "T1", TIME)  # one user in a day
    assert (found.parts[-1].users, found.parts[-1].effect) == ((0, 1), None)
    assert found.drift.days == 6
    few = by_day(frame[frame["day"] < 2], "T1", TIME)
    assert few.drift is None
    constant = by_day(frame.assign(above=2.0), "T1", TIME)
    assert (constant.drift, constant.parts[0].effect) == (None, 0)
    negative = by_day(frame.assign(above=-frame["above"]), "T1", TIME)
    assert negative.drift.slope == pytest.approx(-by_day(frame, "T1", TIME).drift.slope)
    assert negative.drift.p == pytest.approx(by_day(frame, "T1", TIME).drift.p)
    about_zero = frame.assign(above=frame["above"] - 8)
    assert not by_day(about_zero, "T1", TIME).drift.relative
    mostly = frame.assign(above=np.where(rng.random(len(frame)) < 0.93, 0, 5.0))
    assert by_day(mostly, "T1", TIME).drift is not None


def test_a_day_has_the_sessions_that_began_on_it(
    event: Make, write_log: Make, tmp_path: Path
) -> None:
    """A session over midnight is of the day before; a user's own days begin at the first line."""
    start = 20_000 * DAY
    lines = []
    for user in range(40):
        arm = "C" if user % 2 else "T1"
        for place, (at, time) in enumerate([(DAY - 60_000, 0.5), (DAY + 60_000, 0.25)]):
            lines.append(
                event(user=user, experiments={"X": arm}, timestamp=start + at - 90_000,
                      session=str(place), time=time + user / 100)
            )  # fmt: skip
            lines.append(lines[-1] | {"message": "last", "timestamp": start + at, "track": 9})
        late = lines[-1] | {"timestamp": start + 2 * DAY - 150_000 - user % 2, "time": 0.5}
        lines.append(late | {"session": "2"})
    out = tmp_path / "all.json"
    words = ["analyze", str(write_log(lines)), "--experiment", "X", "--json", str(out)]
    done = CliRunner().invoke(main, words)
    assert done.exit_code == 0, done.output
    content = json.loads(out.read_text())
    [days], [ages] = content["by_day"], content["by_days_since_first"]
    assert [day["day"] for day in days["days"]] == ["2024-10-04", "2024-10-05"]
    assert days["days"][0]["users"] == {"control": 20, "treatment": 20}
    # The last session begins a day after the first line, to the millisecond; the control's one
    # millisecond earlier.
    assert [day["day"] for day in ages["days"]] == [0, 1]
    assert [tuple(day["users"].values()) for day in ages["days"]] == [(20, 20), (0, 20)]
    means = {
        arm: np.mean(
            [0.75 + 2 * user / 100 for user in range(40) if (user % 2 == 1) == (arm == "C")]
        )
        for arm in ("C", "T1")
    }
    assert days["days"][0]["difference"] == pytest.approx(means["T1"] - means["C"])


@pytest.mark.parametrize(
    ("source", "sums"),
    [
        ("events", ("SUM(time)", "COUNT(*)")),
        ("sessions", ("SUM(CASE WHEN length > 15 THEN 1 ELSE 0 END)", "SUM(finished)")),
        ("events", ("COUNT(DISTINCT track)", None)),
    ],
)
def test_any_primary_metric_is_followed(
    make_events: Make,
    write_log: Make,
    tmp_path: Path,
    source: str,
    sums: tuple[str, str | None],
) -> None:
    """Against pandas: a session is of the day on which it began, or of so many days after."""
    lines = make_events(n_users=400)
    written = f"  mine:\n    title: Mine\n    from: {source}\n    numerator: {sums[0]}\n"
    if sums[1] is not None:
        written += f"    kind: ratio\n    denominator: {sums[1]}\n"
    path, out = tmp_path / "metrics.yml", tmp_path / "all.json"
    path.write_text(f"metrics:\n{written}    direction: up\n")
    words = ["analyze", str(write_log(lines)), "--metrics", str(path), "--primary", "mine"]
    done = CliRunner().invoke(main, [*words, "--json", str(out)])
    assert done.exit_code == 0, done.output
    assert "effect of T1 on mine over the days" in done.output
    told = json.loads(out.read_text())
    frame = pd.DataFrame(lines).sort_values(["user", "timestamp"], kind="stable")
    frame["arm"] = [next(iter(some.values())) for some in frame["experiments"]]
    frame["began"] = frame.groupby(["user", "session"])["timestamp"].transform("min")
    first = frame.groupby("user")["timestamp"].transform("min")
    for key, moment in (
        ("by_day", frame["began"]),
        ("by_days_since_first", frame["began"] - first),
    ):
        frame["day"] = moment // DAY
        keys = ["arm", "day", "user"]
        above, below = frame.groupby(keys)["time"].sum(), frame.groupby(keys).size()
        if source == "sessions":
            sessions = frame.groupby([*keys, "session"])["message"].agg(["size", "last"])
            sessions["finished"] = (sessions["last"] == "last").astype(int)
            above = (sessions["size"] > 15).groupby(keys).sum()
            below = sessions["finished"].groupby(keys).sum()
        if sums[1] is None:
            above = frame.groupby(keys)["track"].nunique()
            below = above * 0 + 1
        values = above.groupby(["arm", "day"]).sum() / below.groupby(["arm", "day"]).sum()
        days = told[key][0]["days"]
        assert len(days) == len(set(frame["day"])) > 2
        for day, some in zip(sorted(set(frame["day"])), days, strict=True):
            if some["difference"] is None:
                assert (("C", day) in values) != (("T1", day) in values)
                continue
            expected = values["T1", day] - values["C", day]
            assert some["difference"] == pytest.approx(expected)
