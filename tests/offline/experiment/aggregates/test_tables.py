"""`analyze --table` and `--events`: anybody's tables, judged like logs."""

import gzip
import importlib.util
import json
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from .judged_tables import judge, row_of

Say = Callable[..., str]


@pytest.fixture
def users(tmp_path: Path) -> pd.DataFrame:
    rng = np.random.default_rng(5)
    n = 3000
    arm = np.where(rng.random(n) < 0.5, "gate_30", "gate_40")
    rounds = rng.negative_binomial(0.6, 0.02, n)
    frame = pd.DataFrame(
        {
            "userid": np.arange(n) + 116,
            "version": arm,
            "rounds": rounds,
            "visits": rng.poisson(2, n),
            "retention_7": rng.random(n) < np.where(arm == "gate_30", 0.25, 0.18),
            "past": rounds * 0.5 + rng.normal(0, 5, n),
        }
    )
    frame.to_csv(tmp_path / "users.csv", index=False)
    return frame


def test_stray_times_of_a_table_are_told(tmp_path: Path, users: pd.DataFrame) -> None:
    days = pd.to_datetime("2026-01-01") + pd.to_timedelta(np.arange(len(users)) % 9, "D")
    text = days.strftime("%Y-%m-%d").to_numpy(dtype=object)
    text[7] = "1970-01-02"
    users.assign(day=text).to_csv(tmp_path / "users.csv", index=False)
    said, _ = judge(
        tmp_path, "--table", "@users.csv", *WORDS, "--time", "day", "--metric", "rounds"
    )
    assert (
        "1 of 3,000 rows has a time more than a year away from the rest "
        f"(2026-01-01 to 2026-01-09): the first, of 1970-01-02, at user 123 in {tmp_path}"
    ) in said


WORDS = ("--unit", "userid", "--treatment", "version", "--control", "gate_30")


def test_a_table_is_judged_as_by_hand(users: pd.DataFrame, tmp_path: Path) -> None:
    metrics = ("--metric", "retention_7", "--metric", "rounds")
    text, found = judge(tmp_path, "--table", "@users.csv", *WORDS, *metrics)
    assert text.startswith("Keep gate_30: gate_40 loses to it on retention_7 by -")
    for metric in ("retention_7", "rounds"):
        was, now = (
            users.loc[users.version == arm, metric] * 1.0 for arm in ("gate_30", "gate_40")
        )
        row = row_of(found, metric)
        assert row["effect"] == pytest.approx(100 * (now.mean() / was.mean() - 1))
        assert row["p"] == pytest.approx(stats.ttest_ind(now, was, equal_var=False).pvalue)
        assert (row["control"], row["value"]) == pytest.approx((was.mean(), now.mean()))
    ratio = stats.chisquare(users.version.value_counts())
    assert found["sample_ratio"]["p"] == pytest.approx(ratio.pvalue)
    assert (found["source"], found["control"], found["effects"]) == ("table", "gate_30", [])
    page = (tmp_path / "page.html").read_text()
    assert "retention_7" in page
    assert "session" not in page.split("</style>")[1].replace("sessions, were assigned", "")


def test_a_ratio_of_two_columns_is_one_of_sums(users: pd.DataFrame, tmp_path: Path) -> None:
    words = ("--metric", "rounds", "--denominator", "visits")
    _, found = judge(tmp_path, "--table", "@users.csv", *WORDS, *words)
    values, errors = [], []
    for arm in ("gate_30", "gate_40"):
        own = users[(users.version == arm) & (users.visits > 0)]
        ratio = own.rounds.sum() / own.visits.sum()
        left = own.rounds - ratio * own.visits
        values.append(ratio)
        errors.append(left.var() * len(own) / own.visits.sum() ** 2)
    row = row_of(found, "rounds")
    assert (row["control"], row["value"]) == pytest.approx(values)
    z = (values[1] - values[0]) / np.sqrt(sum(errors))
    assert row["p"] == pytest.approx(2 * stats.norm.sf(abs(z)), rel=0.02)


def test_the_same_in_parquet_gzip_and_semicolons(users: pd.DataFrame, tmp_path: Path) -> None:
    text = users.to_csv(index=False)
    users.to_parquet(tmp_path / "users.parquet")
    (tmp_path / "users.csv.gz").write_bytes(gzip.compress(text.encode()))
    (tmp_path / "semi.csv").write_bytes(
        b"\xef\xbb\xbf" + users.to_csv(index=False, sep=";", lineterminator="\r\n").encode()
    )
    words = (*WORDS, "--metric", "retention_7", "--metric", "rounds", "--before-column", "past")
    _, plain = judge(tmp_path, "--table", "@users.csv", *words)
    for name in ("users.parquet", "users.csv.gz", "semi.csv"):
        _, other = judge(tmp_path, "--table", f"@{name}", *words)
        assert other["metrics"] == plain["metrics"]
    assert row_of(plain, "rounds")["cuped"]["variance_reduction"] > 0.5


def test_rows_per_event_are_taken_together(tmp_path: Path) -> None:
    rng = np.random.default_rng(6)
    n = 4000
    events = pd.DataFrame(
        {
            "who": [f"u{k}" for k in rng.integers(0, 600, n)],
            "value": rng.gamma(2, 3, n).round(2),
            "day": pd.Timestamp("2026-03-01") + pd.to_timedelta(rng.integers(0, 5 * 24, n), "h"),
        }
    )
    events["arm"] = np.where(events.who.str[1:].astype(int) % 2, "control", "new")
    events = events.sort_values("day")
    events.to_csv(tmp_path / "events.csv", index=False)
    words = ("--unit", "who", "--treatment", "arm", "--time", "day")
    metrics = ("--metric", "revenue=SUM(value)", "--metric", "orders=COUNT(*)")
    more = ("--metric", "best=MAX(value)", "--primary", "best", "--primary", "revenue")
    text, found = judge(tmp_path, "--events", "@events.csv", *words, *metrics, *more)
    grouped = events.groupby(["arm", "who"]).value.agg(["sum", "count", "max"])
    for metric, column in (("revenue", "sum"), ("orders", "count"), ("best", "max")):
        was, now = (grouped.loc[arm, column] for arm in ("control", "new"))
        row = row_of(found, metric)
        assert row["effect"] == pytest.approx(100 * (now.mean() / was.mean() - 1))
        assert row["p"] == pytest.approx(stats.ttest_ind(now, was, equal_var=False).pvalue)
    # The last look has everything, of sums that add up and of a maximum that does not.
    for metric in ("revenue", "best"):
        looks = found["looks_of"][metric]["new"]
        assert len(looks) == 5
        assert looks[-1]["effect"] == pytest.approx(row_of(found, metric)["effect"])
        first = events[events.day < "2026-03-02"].groupby(["arm", "who"]).value
        sums = first.sum() if metric == "revenue" else first.max()
        change = 100 * (sums["new"].mean() / sums["control"].mean() - 1)
        assert looks[0]["effect"] == pytest.approx(change)
    assert "no significant difference of new on best or revenue" in text


MESSY = (
    "\ufeffuser,group,label,x\r\n"
    '1,C,"a, b",1\r\n'
    "2,T,,2.5\r\n"
    "3,C,,\r\n"
    "4,T,,NaN\r\n"
    '5,C,,"1,234"\r\n'
    "6,T,,abc\r\n"
    "7,C,,inf\r\n"
    ",C,,1\r\n"
    "9,,,1\r\n"
    "10,T\r\n"
    "11,C,,1e2\r\n"
    "12,T,,yes\r\n"
    "13,C,,FALSE\r\n"
    "13,C,,FALSE\r\n"
    "14,C,,1\r\n"
    "14,T,,1\r\n"
    "15,C,,1\r\n"
    "15,C,,2\r\n"
)


def test_what_real_files_have_is_taken_or_counted(tmp_path: Path) -> None:
    lines = [f"{k},{'CT'[k % 2]},,{k % 5}" for k in range(100, 400)]
    (tmp_path / "messy.csv").write_bytes((MESSY + "\r\n".join(lines)).encode())
    words = ("--unit", "user", "--treatment", "group", "--metric", "x")
    said, found = judge(tmp_path, "--table", "@messy.csv", *words)
    log = found["log"]
    places = [bad.removeprefix(f"{tmp_path}/messy.csv:") for bad in log["bad"]]
    assert places == [
        "6: `x` is no number: '1,234'",
        "7: `x` is no number: 'abc'",
        "8: `x` is no number: 'inf'",
        "9: no `user`",
        "10: no `group`",
        "11: not 4 columns",
    ]
    assert log["duplicates"] == 1
    assert (log["users_in_several"], log["lines_in_several"]) == (1, 2)
    # Users 1, 3, 11, 13 and even ones; 2, 4, 12 and odd ones.
    assert [arm["users"] for arm in found["treatments"]] == [4 + 150, 3 + 150]
    assert row_of(found, "x")["users"] == {"control": 3 + 150, "treatment": 2 + 150}
    assert "have rows that contradict each other" in said
    values = [1, 100, 0, *(k % 5 for k in range(100, 400, 2))]
    assert row_of(found, "x")["control"] == pytest.approx(np.mean(values))


@pytest.mark.parametrize(
    ("content", "words", "reason"),
    [
        ("u,g,x\n1,a,1\n2,b,2\n", (), "--control: column 'g' has a (1 users), b (1 users)"),
        ("u,g,x\n1,C,1\n2,b,2\n", ("--control", "z"), "--control z: column 'g' has C"),
        ("u,g,x\n1,C,1\n2,C,2\n", (), "has only C"),
        ("u,h,x\n1,C,1\n2,T,2\n", (), "no column 'g'; it has u, h, x"),
        ("u,g,x,x\n1,C,1,2\n2,T,2,2\n", (), "column 'x' is there 2 times"),
        ("u,g,y\n1,C,1\n2,T,2\n", (), "the table has no column 'x'"),
        ("u,g,x\n1,C,red\n2,T,blue\n", (), "column 'x' is not of numbers: 'red'"),
        ("u,g,x\n", (), "the table has no rows"),
        ("", (), "the table is empty"),
        ("u,g,x\n1,C,1\n2,T,2\n", ("--metric", "y=SUM(x"), "parentheses or quotes do not match"),
        ("u,g,x\n1,C,1\n2,T,2\n", ("--metric", "y=nope(x)"), "metric y: its numerator cannot be"),
        ("u,g,x\n1,C,1\n2,T,2\n", ("--metric", "y=x; DROP TABLE z"), "one expression of SQL"),
        ("u,g,x\n1,C,1\n2,T,2\n", ("--lower-is-better", "z"), "no such metric; there are x"),
        ("u,g,x\n1,C,1\n2,T,2\n", ("--time", "x"), "`x` is no time"),
        ("u,g,x\n1,C,1\n2,T,2\n", ("--before", "log"), "--before-column is its period before"),
        ("u,g,x\n1,C,1\n2,T,2\n", ("--cuped",), "CUPED needs a column"),
        ("u,g,x\n1,C,1\n2,T,2\n", ("--denominator", "x=-1"), "no column '-1'"),
        ("u,g,x,d\n1,C,1,-1\n2,T,2,2\n", ("--denominator", "d"), "it cannot be below 0"),
        ("PK\x03\x04", (), "a workbook of Excel"),
        ("u,g,x\n1,C,1\n2,T,2\n", ("--weights", "C=1,B=1"), "the table has no treatment B"),
    ],
)
def test_what_cannot_be_judged_is_said_in_a_line(
    tmp_path: Path, content: str, words: tuple[str, ...], reason: str
) -> None:
    (tmp_path / "t.csv").write_text(content)
    base = ("--unit", "u", "--treatment", "g", "--metric", "x")
    said, _ = judge(tmp_path, "--table", "@t.csv", *base, *words, fails=True)
    assert reason in said


def test_a_table_wants_its_own_options_and_files_that_are_there(tmp_path: Path) -> None:
    assert "give LOGS, or --table FILE" in judge(tmp_path, fails=True)[0]
    assert "--metric is of a table" in judge(tmp_path, "@log", "--metric", "x", fails=True)[0]
    missing = ("--table", "@none.csv", "--unit", "u", "--treatment", "g", "--metric", "x")
    assert "cannot be read: No such file" in judge(tmp_path, *missing, fails=True)[0]
    (tmp_path / "latin.csv").write_bytes("u,g,x\n1,C,é\n".encode("latin-1"))
    latin = ("--table", "@latin.csv", "--unit", "u", "--treatment", "g", "--metric", "x")
    assert "UTF-8" in judge(tmp_path, *latin, fails=True)[0]


def write(place: Path, arms: dict[str, np.ndarray]) -> None:
    frames = [pd.DataFrame({"g": name, "x": values}) for name, values in arms.items()]
    pd.concat(frames).rename_axis("u").reset_index(drop=True).rename_axis("u").to_csv(
        place / "t.csv"
    )


T = ("--table", "@t.csv", "--unit", "u", "--treatment", "g", "--metric", "x")


def test_more_of_a_negative_metric_is_more(tmp_path: Path) -> None:
    """From a loss of 5 to one of 4: a fifth better, and the interval the right way round."""
    rng = np.random.default_rng(7)
    write(tmp_path, {"C": rng.normal(-5, 2, 400), "T": rng.normal(-4, 2, 400)})
    said, found = judge(tmp_path, *T)
    assert said.startswith("Ship T: it beats C on x by +")
    row = row_of(found, "x")
    assert row["effect"] == pytest.approx(100 * (row["value"] - row["control"]) / -row["control"])
    assert 0 < row["interval"][0] < row["effect"] < row["interval"][1]
    loses, _ = judge(tmp_path, *T, "--lower-is-better", "x")
    assert loses.startswith("Keep C: T loses to it on x by +")
    write(tmp_path, {"C": rng.normal(-5, 2, 30), "T": rng.normal(-3, 2, 30)})
    _, small = judge(tmp_path, *T)
    row = row_of(small, "x")
    assert row["method"] == "permutation"
    assert 0 < row["interval"][0] < row["effect"] < row["interval"][1]


def test_constant_metrics_and_mostly_zeros(tmp_path: Path) -> None:
    write(tmp_path, {"C": np.ones(50), "T": np.ones(50)})
    said, found = judge(tmp_path, *T)
    assert said.startswith("Keep C for now: no significant difference of T on x: 0 %")
    write(tmp_path, {"C": np.zeros(50), "T": np.zeros(50)})
    assert "the control mean is 0" in judge(tmp_path, *T)[0]
    rng = np.random.default_rng(8)
    mostly = {name: (rng.random(2000) < 0.07) * rng.gamma(1, 20, 2000) for name in "CT"}
    write(tmp_path, mostly)
    _, found = judge(tmp_path, *T)
    p = stats.ttest_ind(mostly["T"], mostly["C"], equal_var=False).pvalue
    assert row_of(found, "x")["p"] == pytest.approx(p)


def test_many_users_against_ten(tmp_path: Path) -> None:
    """100,000 here, for time; the arms are what they are with --weights."""
    rng = np.random.default_rng(9)
    write(tmp_path, {"C": rng.exponential(1, 100_000), "T": rng.exponential(1, 10)})
    _, found = judge(tmp_path, *T, "--weights", "C=9999,T=1")
    row = row_of(found, "x")
    assert (row["method"], row["users"]["treatment"]) == ("permutation", 10)
    assert row["p"] > 0.01


def test_so_few_users_that_nothing_bounds_the_effect(tmp_path: Path) -> None:
    """Ten users of whom hardly any have anything: what is uncertain is not the control."""
    rng = np.random.default_rng(0)
    few = np.zeros(10)
    few[0] = 1.0
    write(tmp_path, {"C": rng.exponential(1, 5000) * (rng.random(5000) < 0.07), "T": few})
    said, _ = judge(tmp_path, *T, "--weights", "C=500,T=1")
    assert said.startswith("No verdict on T: it cannot be judged against C on x: so few users set")
    assert "so few users set no bounds" in (tmp_path / "page.html").read_text()


def test_users_who_lack_a_value_in_one_arm_stop_the_verdict(tmp_path: Path) -> None:
    rng = np.random.default_rng(10)
    some = {name: rng.normal(5, 1, 500) for name in "CT"}
    some["T"][:100] = np.nan
    write(tmp_path, some)
    assert judge(tmp_path, *T)[0].startswith("No verdict on T: users without x: 20 % (100 of 500)")
    write(tmp_path, {"C": rng.normal(5, 1, 500), "T": rng.normal(5, 1, 300)})
    assert "sample ratio mismatch" in judge(tmp_path, *T)[0]
    assert "sample ratio mismatch" not in judge(tmp_path, *T, "--weights", "C=5,T=3")[0]


def test_names_with_markup_are_text_on_the_page(tmp_path: Path) -> None:
    rng = np.random.default_rng(11)
    names = ["<b>A</b>", "T&1 \"x'"]
    rows = [f"{k},{json.dumps(names[k % 2])},{rng.random()}" for k in range(200)]
    rows = [row.replace('\\"', '""') for row in rows]
    (tmp_path / "t.csv").write_text('u,"<i>g</i>",<u>x</u>\n' + "\n".join(rows))
    words = ("--unit", "u", "--treatment", "<i>g</i>", "--control", names[0])
    _, found = judge(tmp_path, "--table", "@t.csv", *words, "--metric", "<u>x</u>")
    assert [arm["treatment"] for arm in found["treatments"]] == names
    page = (tmp_path / "page.html").read_text()
    assert not any(mark in page for mark in ("<b>", "<i>", "<u>"))
    assert "&lt;b&gt;A" in page


def test_each_file_may_be_a_treatment_and_rows_users_of_their_own(tmp_path: Path) -> None:
    rng = np.random.default_rng(12)
    for name in "CT":
        frame = pd.DataFrame({"click": rng.integers(0, 2, 300)})
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    said, found = judge(
        tmp_path, "--table", "C=@C.csv", "--table", "T=@T.csv", "--metric", "click"
    )
    assert [arm["users"] for arm in found["treatments"]] == [300, 300]
    assert "no --unit: each row was taken for a user of its own" in said
    page = (tmp_path / "page.html").read_text()
    share = 100 * row_of(found, "click")["control"]
    assert f"{share:,.2f} %" in page
    assert (
        "--treatment" in judge(tmp_path, "--table", "@C.csv", "--metric", "click", fails=True)[0]
    )


def test_metrics_of_a_file_judge_a_table(users: pd.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "m.yml").write_text(
        "metrics:\n"
        "  rounds_per_visit: {title: Rounds per visit, kind: ratio, numerator: rounds,"
        " denominator: visits, direction: up, role: primary, unit: r, decimals: 1}\n"
        "  keen: {title: Keen, numerator: CASE WHEN rounds > 20 THEN 1 ELSE 0 END,"
        " direction: up, role: guardrail, margin: 50}\n"
    )
    text, found = judge(tmp_path, "--table", "@users.csv", *WORDS, "--metrics", "@m.yml")
    assert found["primaries"] == ["rounds_per_visit"]
    assert "on rounds per visit" in text
    for arm, key in (("gate_30", "control"), ("gate_40", "value")):
        own = users[users.version == arm]
        used = own[own.visits > 0]
        ratio = used.rounds.sum() / used.visits.sum()
        assert row_of(found, "rounds_per_visit")[key] == pytest.approx(ratio)
        assert row_of(found, "keen")[key] == pytest.approx((own.rounds > 20).mean())
    assert found["guardrails"][0]["metric"] == "keen"


def open_bandit() -> Path | None:
    """The sample of how-to/judge-your-own-table.md: in $OPEN_BANDIT, or of the package obp."""
    if told := os.environ.get("OPEN_BANDIT"):
        return Path(told)
    package = importlib.util.find_spec("obp")
    if package is None or package.origin is None:
        return None
    return Path(package.origin).parent / "dataset" / "obd"


@pytest.mark.integration
def test_the_public_data_set_of_the_docs(tmp_path: Path) -> None:
    place = open_bandit()
    if place is None or not (place / "random" / "all" / "all.csv").is_file():
        pytest.skip(
            "no Open Bandit sample: docs/how-to/judge-your-own-table.md says how to get it"
        )
    tables = (
        f"{name}={place}/{policy}/all/all.csv"
        for name, policy in (("C", "random"), ("bts", "bts"))
    )
    words = [word for table in tables for word in ("--table", table)]
    said, found = judge(tmp_path, *words, "--metric", "click")
    clicks = [
        pd.read_csv(place / policy / "all" / "all.csv")["click"] for policy in ("random", "bts")
    ]
    row = row_of(found, "click")
    assert (row["control"], row["value"]) == pytest.approx([some.mean() for some in clicks])
    assert row["p"] == pytest.approx(stats.ttest_ind(*clicks, equal_var=False).pvalue)
    shown = Path(__file__).parents[4] / "docs" / "how-to" / "judge-your-own-table.md"
    assert said.splitlines()[0] in shown.read_text()
