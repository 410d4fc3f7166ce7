"""What `analyze` is asked beside the verdict, of a table: treatments have any names there."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from ..aggregates.test_tables import judge, row_of

WORDS = ("--table", "@users.csv", "--unit", "shop", "--treatment", "arm", "--control", "old")


@pytest.fixture
def users(tmp_path: Path) -> pd.DataFrame:
    """`rise` is a tenth higher in `new`; `debt` is below 0 everywhere, and further in `new`."""
    rng = np.random.default_rng(7)
    n = 3000
    is_new = rng.random(n) < 0.5
    frame = pd.DataFrame(
        {
            "shop": [f"s{number}" for number in range(n)],
            "arm": np.where(is_new, "new", "old"),
            "same": rng.gamma(9, 1, n),
            "rise": rng.gamma(9, 1, n) * np.where(is_new, 1.1, 1.0),
            "debt": -rng.gamma(9, 1, n) * np.where(is_new, 1.1, 1.0),
        }
    )
    frame.to_csv(tmp_path / "users.csv", index=False)
    country = np.where(np.arange(n) % 3, "de", "fr")
    known = pd.DataFrame({"user": frame["shop"], "country": country})
    known.to_csv(tmp_path / "known.csv", index=False)
    return frame


def test_rules_equivalence_and_the_bayesian_reading(users: pd.DataFrame, tmp_path: Path) -> None:
    words = ("--metric", "same", "--metric", "rise", "--rule", "equivalence=5")
    text, found = judge(tmp_path, *WORDS, *words, "--equivalence", "same=5", "--alpha", "0.01")
    assert text.startswith(
        "Ship new if it is worth it otherwise: new is shown to be within 5 % of"
    )
    assert "% of old on same (" in text
    assert "98 % interval" in text.splitlines()[0]
    [alike] = found["equivalence"]
    assert (alike["treatment"], alike["status"]) == ("new", "shown")
    assert alike["confidence"] == pytest.approx(0.98)
    same, rise = found["bayesian"]
    assert (same["treatment"], rise["metric"]) == ("new", "rise")
    assert rise["better"] > 0.999
    assert "; significantly worse" not in text
    assert "a table does not tell same by day: that needs LOGS" in text
    assert (found["by_day"], found["interaction"], found["dilution"]) == ([], None, None)


def test_absolute_effects_have_the_confidence_asked_for(
    users: pd.DataFrame, tmp_path: Path
) -> None:
    words = ("--metric", "same", "--alpha", "0.01", "--csv", tmp_path / "rows.csv")
    _, found = judge(tmp_path, *WORDS, *words)
    new, old = (users.loc[users["arm"] == arm, "same"] for arm in ("new", "old"))
    ends = stats.ttest_ind(new, old, equal_var=False).confidence_interval(0.99)
    own = row_of(found, "same")["absolute"]
    assert (own["lower"], own["upper"]) == pytest.approx((ends.low, ends.high))
    [row] = pd.read_csv(tmp_path / "rows.csv").to_dict("records")
    assert (row["difference_lower"], row["alpha"]) == (pytest.approx(ends.low), 0.01)


def test_segments_of_a_table(users: pd.DataFrame, tmp_path: Path) -> None:
    words = ("--metric", "rise", "--attributes", "@known.csv", "--segment-by", "country")
    text, found = judge(tmp_path, *WORDS, *words)
    assert [some["value"] for some in found["attribute_segments"]] == ["de", "fr"]
    german = users["shop"].str[1:].astype(int) % 3 != 0
    new, old = (users.loc[german & (users["arm"] == arm), "rise"] for arm in ("new", "old"))
    de = found["attribute_segments"][0]
    assert de["effect"] == pytest.approx(100 * (new.mean() / old.mean() - 1))
    assert de["users"] == {"control": len(old), "treatment": len(new)}
    assert "  new where country is de: +" in text
    assert found["split_faults"] == []


def test_below_zero_more_is_still_more(users: pd.DataFrame, tmp_path: Path) -> None:
    """Percentages are of the control mean's size, everywhere."""
    words = ("--metric", "debt", "--attributes", "@known.csv", "--segment-by", "country")
    text, found = judge(tmp_path, *WORDS, *words, "--rule", "non-inferiority=5")
    assert text.startswith("Keep old: it is more than 5 % worse on debt (-")
    [reading] = found["bayesian"]
    assert reading["lower"] < reading["effect"] < reading["upper"] < -5
    assert reading["better"] < 0.001
    assert reading["loss_of_shipping"] > 5 > reading["loss_of_keeping"]
    assert all(some["effect"] < 0 for some in found["attribute_segments"])
    less, told = judge(tmp_path, *WORDS, *words[:2], "--lower-is-better", "debt")
    assert less.startswith("Ship new: it beats old on debt by -")
    assert told["bayesian"][0]["better"] > 0.999


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ("--interaction", "OTHER"),
            "--interaction and a table do not go together: it needs LOGS",
        ),
        (("--triggered",), "--triggered and a table do not go together: it needs LOGS"),
        (
            ("--equivalence", "love=1"),
            "--equivalence love=1: there is no metric 'love'; there are",
        ),
        (
            ("--metric", "rise", "--primary", "same", "--primary", "rise", "--rule", "holdout"),
            "rule holdout decides by one primary metric, not by same, rise",
        ),
    ],
)
def test_what_a_table_cannot_tell_is_one_line(
    users: pd.DataFrame, tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    text, _ = judge(tmp_path, *WORDS, "--metric", "same", *words, fails=True)
    assert message in text
    assert text.count("\n") == 1


def test_attributes_need_the_unit(users: pd.DataFrame, tmp_path: Path) -> None:
    words = ("--attributes", "@known.csv", "--segment-by", "country", "--metric", "same")
    text, _ = judge(tmp_path, *WORDS[:2], *WORDS[4:], *words, fails=True)
    assert "--attributes needs --unit" in text
