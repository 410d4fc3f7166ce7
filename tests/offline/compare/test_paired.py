"""Tests between models, and what the table says of them."""

import numpy as np
import pytest
from scipy import stats

from offline.compare.page import render
from offline.compare.paired import pairs_of
from offline.compare.runs import Failed, Run, check_comparable
from offline.compare.text import as_text, columns
from offline.errors import InputError

FACTS = {
    "data": "<b>shop</b>", "split": "random: a fifth", "seed": 1, "users": 30, "items": 50,
    "interactions": 900, "test_users": 30, "coverage@20": 0.5, "gini@20": 0.9, "novelty@20": 3.2,
    "popularity@20": 8.0, "seconds_to_train": 1.25, "seconds_to_recommend": 0.5,
    "peak_memory_mb": 312.4,
}  # fmt: skip


def runs() -> list[Run]:
    rng = np.random.default_rng(4)
    base = rng.random(30)
    values = {"good": base + 0.3 + 0.01 * rng.random(30), "like": base + rng.normal(0, 0.1, 30)}
    values["base"] = base
    return [
        Run(name, {**FACTS, "ndcg@20": x.mean(), "ndcg@20_95": 0.1, "recall@20": 0.4}, {"n": x})
        for name, x in values.items()
    ]


def test_paired_by_user_and_adjusted_for_all_pairs() -> None:
    values = {run.name: run.per_user["n"] for run in runs()}
    found = {(pair.better, pair.worse): pair for pair in pairs_of(values)}
    assert len(found) == 3
    good = found["good", "base"]
    assert good.differ
    assert good.difference == pytest.approx(0.305, abs=0.01)
    test = stats.ttest_rel(values["good"], values["base"])
    assert good.p == pytest.approx(test.pvalue)
    low, high = test.confidence_interval()
    assert good.difference - good.half_width == pytest.approx(low)
    assert good.difference + good.half_width == pytest.approx(high)
    alike = next(pair for names, pair in found.items() if set(names) == {"like", "base"})
    assert not alike.differ
    assert alike.difference >= 0
    # The largest of three p-values stays as it is; the smallest counts three times.
    ranked = sorted(found.values(), key=lambda pair: pair.p)
    assert ranked[0].adjusted_p == pytest.approx(3 * ranked[0].p)
    assert ranked[2].adjusted_p == pytest.approx(max(ranked[2].p, ranked[1].adjusted_p))


def test_users_without_a_value_and_lists_that_are_alike() -> None:
    one, other = np.array([0.5, np.nan, 0.25, 1.0]), np.array([0.5, 0.75, 0.25, 1.0])
    (pair,) = pairs_of({"a": one, "b": other})
    assert (pair.difference, pair.p, pair.differ) == (0.0, 1.0, False)
    (alone,) = pairs_of({"a": np.array([0.5]), "b": np.array([0.25])})
    assert (alone.difference, alone.half_width, alone.p) == (0.25, np.inf, 1.0)
    (always,) = pairs_of({"a": np.full(9, 0.25), "b": np.full(9, 0.75)})
    assert (always.better, always.difference, always.half_width) == ("b", 0.5, 0.0)
    assert pairs_of({"a": one}) == []
    with pytest.raises(InputError, match="different users"):
        pairs_of({"a": one, "b": other[:3]})


def test_a_table_and_which_cannot_be_told_apart() -> None:
    all_runs = runs()
    pairs = pairs_of({run.name: run.per_user["n"] for run in all_runs})
    table = columns("ndcg@20", ("ndcg@20", "recall@20"), all_runs)
    text = as_text(all_runs, [Failed("ease", "too little memory")], pairs, table)
    lines = text.splitlines()
    assert lines[1] == "split: random: a fifth (seed 1)"
    assert lines[3].split()[:3] == ["model", "NDCG@20", "recall@20"]
    assert [line.split()[0] for line in lines[4:7]] == ["good", "like", "base"]
    assert " ± 0.1000" in lines[4]
    assert "artists" not in text  # no model has it
    assert "3 pairs, Holm at 5%" in text
    alike = [line for line in lines if " − " in line]
    assert len(alike) == 1
    assert "adjusted" in alike[0]
    assert lines[-1] == "ease failed: too little memory"

    page = render(all_runs, [], pairs, table)
    assert "<b>shop" not in page
    assert "&lt;b&gt;shop" in page
    assert page.count("<circle") == 3
    assert page.count('class="alike"') == 1
    assert "//" not in page.partition("</style>")[2]


def test_data_that_changed_meanwhile_is_refused() -> None:
    one, other = runs()[:2]
    changed = other._replace(facts={**other.facts, "interactions": 901})
    with pytest.raises(InputError, match="data changed"):
        check_comparable([one, changed])
