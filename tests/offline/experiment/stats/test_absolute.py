"""Differences in the metric's own unit, against scipy and statsmodels."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import statsmodels.api as sm
from click.testing import CliRunner
from scipy import stats

from offline.cli import main
from offline.experiment.metrics import Metric, Metrics
from offline.experiment.report.to_csv import as_csv
from offline.experiment.stats.absolute import absolute
from offline.experiment.stats.comparison import compare_samples
from offline.experiment.stats.sample import Sample

Make = Callable[..., Any]


def test_the_difference_is_welchs_as_scipy_has_it() -> None:
    rng = np.random.default_rng(1)
    control, treated = rng.normal(-3, 1, 90), rng.normal(-2.5, 3, 60)
    own = absolute(compare_samples("T1", "x", Sample.of(control), Sample.of(treated)))
    expected = stats.ttest_ind(treated, control, equal_var=False)
    ends = expected.confidence_interval()
    assert own.difference == pytest.approx(treated.mean() - control.mean())
    assert (own.lower, own.upper) == pytest.approx((ends.low, ends.high))
    assert own.degrees_of_freedom == pytest.approx(expected.df)
    assert own.standard_error == pytest.approx(own.difference / expected.statistic)


def test_the_interval_is_at_the_risk_that_was_agreed_to() -> None:
    rng = np.random.default_rng(3)
    control, treated = rng.normal(5, 1, 90), rng.normal(6, 1, 90)
    own = absolute(compare_samples("T1", "x", Sample.of(control), Sample.of(treated), alpha=0.01))
    ends = stats.ttest_ind(treated, control, equal_var=False).confidence_interval(0.99)
    assert (own.lower, own.upper) == pytest.approx((ends.low, ends.high))


def test_the_error_of_a_ratio_is_hc3_of_the_weighted_regression() -> None:
    rng = np.random.default_rng(2)
    sides = []
    errors = []
    for size in (80, 70):
        below = rng.poisson(3, size) + 1.0
        above = below * rng.gamma(2, 1, size)
        sides.append(Sample(above, below))
        fitted = sm.WLS(above / below, np.ones(size), weights=below).fit(cov_type="HC3")
        errors.append(fitted.bse[0])
    own = absolute(compare_samples("T1", "x", *sides))
    assert own.standard_error == pytest.approx(np.hypot(*errors))


def test_what_is_undefined_is_empty() -> None:
    constant = compare_samples("T1", "x", Sample.of(np.full(60, 2.0)), Sample.of(np.full(60, 3.0)))
    assert (absolute(constant).difference, absolute(constant).degrees_of_freedom) == (1.0, None)
    nobody = compare_samples("T1", "x", Sample.of(np.array([])), Sample.of(np.ones(9)))
    assert absolute(nobody).difference is None
    one = compare_samples("T1", "x", Sample.of(np.array([1.0])), Sample.of(np.ones(9) * 3))
    assert (absolute(one).difference, absolute(one).lower) == (2.0, None)
    metrics = Metrics({"x": Metric("x", "X")})
    [row, *_] = csv.DictReader(io.StringIO(as_csv([nobody], metrics)))
    assert row["difference"] == row["p"] == row["lower"] == ""


def test_json_text_and_csv_have_it(make_events: Make, write_log: Make, tmp_path: Path) -> None:
    log, out = write_log(make_events()), tmp_path / "rows.csv"
    words = ["analyze", str(log), "--experiment", "DAE_VS_CONTEXTUAL", "--csv", str(out)]
    done = CliRunner().invoke(main, [*words, "--json", str(tmp_path / "all.json")])
    assert done.exit_code == 0, done.output
    assert "detectable  " in done.output
    head = next(line for line in done.output.splitlines() if "detectable" in line)
    assert head.split()[-4:] == ["users", "difference", "SE", "df"]
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    told = json.loads((tmp_path / "all.json").read_text())["metrics"]
    assert [row["metric"] for row in rows] == [row["metric"] for row in told]
    by_name = {row["metric"]: row for row in rows}
    row, one = by_name["mean_session_time"], told[2]
    assert float(row["difference"]) == pytest.approx(float(row["value"]) - float(row["control"]))
    assert float(row["standard_error"]) == one["absolute"]["standard_error"]
    assert float(row["degrees_of_freedom"]) == one["absolute"]["degrees_of_freedom"]


def test_the_table_says_where_a_row_was_capped(
    make_events: Make, write_log: Make, tmp_path: Path
) -> None:
    log, out = write_log(make_events(n_users=120)), tmp_path / "rows.csv"
    words = ["analyze", str(log), "--experiment", "DAE_VS_CONTEXTUAL", "--csv", str(out)]
    done = CliRunner().invoke(main, [*words, "--cap", "95", "--json", str(tmp_path / "all.json")])
    assert done.exit_code == 0, done.output
    caps = {
        row["metric"]: row["cap"]
        for row in json.loads((tmp_path / "all.json").read_text())["metrics"]
    }
    seen = 0
    for row in csv.DictReader(io.StringIO(out.read_text())):
        cap = caps[row["metric"]]
        if cap is None or cap["refused"]:
            assert row["cap"] == row["cap_denominator"] == row["capped_users"] == ""
            continue
        seen += 1
        assert float(row["cap"]) == cap["above"]
        assert row["cap_denominator"] == "" or float(row["cap_denominator"]) == cap["below"]
        assert int(row["capped_users"]) == cap["users"]
    assert seen > 3
