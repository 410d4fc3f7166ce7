"""Buckets must be the family's: the same users in the same treatments everywhere."""

from collections import Counter
from itertools import accumulate
from math import gcd
from typing import Any

import mmh3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from botify.config import ExperimentConfig
from botify.errors import InputError
from botify.experiments import Experiments, moved_shares

USERS = 100_000
LEAST_P = 0.001
"""Of a chi-square test of independence; the hashes, and so the tests, always come out the same."""

# name, user, bucket of 2, bucket of 4; made with an independent MurmurHash3 (x86, 32 bit).
# The hash of STICKY_ARTIST and of CONTEXTUAL is negative, which signed seeds must survive.
CHECK_VALUES = [
    ("DAE_VS_CONTEXTUAL", 0, 0, 0),
    ("DAE_VS_CONTEXTUAL", 1, 0, 0),
    ("DAE_VS_CONTEXTUAL", 2, 0, 0),
    ("DAE_VS_CONTEXTUAL", 3, 0, 0),
    ("DAE_VS_CONTEXTUAL", 7, 1, 3),
    ("DAE_VS_CONTEXTUAL", 42, 0, 2),
    ("DAE_VS_CONTEXTUAL", 9999, 1, 3),
    ("DAE_VS_CONTEXTUAL", 31337, 1, 1),
    ("DAE_VS_CONTEXTUAL", 10**30, 1, 3),
    ("STICKY_ARTIST", 0, 1, 1),
    ("STICKY_ARTIST", 1, 1, 3),
    ("STICKY_ARTIST", 42, 1, 3),
    ("STICKY_ARTIST", 31337, 1, 1),
    ("AA", 0, 1, 3),
    ("AA", 5, 1, 1),
    ("AA", 42, 1, 3),
    ("AA", 9999, 1, 1),
    ("CONTEXTUAL", 1, 1, 1),
    ("CONTEXTUAL", 100, 1, 3),
    ("CONTEXTUAL", 10**30, 1, 3),
]


def experiments(**configs: dict[str, Any]) -> Experiments:
    """Of two treatments that name no recommender, where a config says nothing else."""
    plain = {"treatments": {"C": None, "T1": None}}
    return Experiments({n: ExperimentConfig.model_validate(plain | c) for n, c in configs.items()})


def treatments(n: int) -> dict[str, str | None]:
    return dict.fromkeys(["C", *(f"T{i}" for i in range(1, n))])


def assign_all(of: Experiments) -> list[dict[str, str]]:
    return [of.assign(user) for user in range(USERS)]


def within_noise(count: int, share: float) -> bool:
    """Whether this many of all users is that share: within 4 standard deviations of a binomial."""
    return abs(count - USERS * share) < 4 * (USERS * share * (1 - share)) ** 0.5


@pytest.mark.parametrize(("name", "user", "of_two", "of_four"), CHECK_VALUES)
def test_buckets_are_the_familys(name: str, user: int, of_two: int, of_four: int) -> None:
    for n, bucket in ((2, of_two), (4, of_four)):
        names = ("C", "T1", "T2", "T3")
        of_n = experiments(**{name: {"treatments": treatments(n)}})
        assert of_n.assign(user) == {name: names[bucket]}
        equal = dict.fromkeys(names[:n], 5)
        weighted = experiments(**{name: {"treatments": treatments(n), "weights": equal}})
        assert weighted.assign(user) == {name: names[bucket]}


@given(
    weights=st.lists(st.integers(0, 10_000), min_size=1, max_size=6).filter(any),
    salt=st.text(st.characters(codec="utf-8"), min_size=1),
    user=st.integers(0, 10**30),
)
def test_a_weighted_split_takes_ranges_of_the_buckets_in_order(
    weights: list[int], salt: str, user: int
) -> None:
    names = treatments(len(weights))
    config = {
        "treatments": names,
        "weights": dict(zip(reversed(names), reversed(weights), strict=True)),
        "salt": salt,
    }
    bounds = [bound // gcd(*weights) for bound in accumulate(weights)]
    seed = mmh3.hash(salt, signed=False)
    bucket = mmh3.hash(str(user), seed, signed=False) % bounds[-1]
    expected = next(name for name, bound in zip(names, bounds, strict=True) if bucket < bound)
    assert experiments(E=config).assign(user) == {"E": expected}


def test_weighted_treatments_get_their_shares() -> None:
    weights = {"C": 70, "T1": 25, "T2": 5, "T3": 0}
    of = experiments(E={"treatments": treatments(4), "weights": weights})
    counts = Counter(assigned["E"] for assigned in assign_all(of))
    assert set(counts) == {"C", "T1", "T2"}
    assert all(within_noise(counts[name], weights[name] / 100) for name in counts)


PERCENT = {"weights": {"C": 49, "T1": 51}}
# Two experiments each. One with a share is seen by who takes part in it, else by its treatments.
INDEPENDENT: dict[str, dict[str, dict[str, Any]]] = {
    "equal splits": {"ONE": {}, "TWO": {}},
    "splits of two and of five": {"ONE": {}, "TWO": {"treatments": treatments(5)}},
    "weighted splits": {
        "ONE": {"weights": {"C": 9, "T1": 1}},
        "TWO": {"weights": {"C": 1, "T1": 3}},
    },
    # An experiment with the salt of another splits as that one does. Weights that add up to 100
    # would show at once if the split's hash were that of the 100 points, too.
    "participation and split": {"ALL": PERCENT, "PART": {"salt": "ALL", "share": 30}},
    "participation in two": {"ONE": {"share": 50}, "TWO": {"share": 50}},
    "layer and split": {"ALL": PERCENT, "HALF": {"salt": "ALL", "layer": "home", "share": 50}},
    "layer and split of one name": {"home": PERCENT, "HALF": {"layer": "home", "share": 50}},
    "layer and participation of one name": {
        "home": {"share": 50},
        "HALF": {"layer": "home", "share": 50},
    },
    "two layers": {
        "ONE": {"layer": "home", "share": 50},
        "TWO": {"layer": "radio", "share": 50},
    },
}


@pytest.mark.parametrize("configs", INDEPENDENT.values(), ids=INDEPENDENT)
def test_assignments_are_independent(configs: dict[str, dict[str, Any]]) -> None:
    def place(name: str, assigned: dict[str, str]) -> str:
        return str(name in assigned) if "share" in configs[name] else assigned[name]

    one, two = configs
    everyone = assign_all(experiments(**configs))
    counts = Counter((place(one, assigned), place(two, assigned)) for assigned in everyone)
    rows, columns = (sorted({pair[i] for pair in counts}) for i in (0, 1))
    table = [[counts[row, column] for column in columns] for row in rows]
    assert min(len(rows), len(columns)) > 1
    assert chi2_contingency(table, correction=False).pvalue > LEAST_P


def test_the_salt_makes_the_split_not_the_name() -> None:
    of = experiments(ONE={}, SAME={"salt": "ONE"}, AGAIN={"salt": "ONE, the second time"})
    everyone = assign_all(of)
    assert all(assigned["ONE"] == assigned["SAME"] for assigned in everyone)
    assert within_noise(sum(a["ONE"] == a["AGAIN"] for a in everyone), 0.5)


def test_a_share_of_the_users_takes_part_and_stays_when_it_grows() -> None:
    small, large = ({"E": {"share": share}} for share in (20, 60))
    before, after = assign_all(experiments(**small)), assign_all(experiments(**large))
    assert within_noise(sum("E" in assigned for assigned in before), 0.2)
    assert within_noise(sum("E" in assigned for assigned in after), 0.6)
    assert all(new == old for old, new in zip(before, after, strict=True) if old)


def test_nobody_is_in_two_experiments_of_a_layer() -> None:
    shares = {"A": 20, "B": 30, "C": 10}
    configs = {name: {"layer": "home", "share": share} for name, share in shares.items()}
    everyone = assign_all(experiments(**configs))
    assert max(map(len, everyone)) == 1
    members = Counter(tuple(assigned.items()) for assigned in everyone)
    assert within_noise(members.pop(()), 0.4)
    assert len(members) == 6
    for ((name, _),), count in members.items():
        assert within_noise(count, shares[name] / 100 / 2)


def test_a_full_layer_leaves_nobody_out() -> None:
    configs = {f"E{i}": {"layer": "home", "share": share} for i, share in enumerate((33, 66, 1))}
    assert {len(assigned) for assigned in assign_all(experiments(**configs))} == {1}


def test_the_first_treatment_that_names_a_recommender_decides() -> None:
    of = experiments(
        WATCHED={},
        UPPER={"treatments": {"C": None, "T1": "dae"}},
        LOWER={"treatments": {"C": "random", "T1": "top_pop"}},
    )
    assert of.decide({"WATCHED": "T1", "UPPER": "T1", "LOWER": "C"}) == "dae"
    assert of.decide({"LOWER": "T1", "UPPER": "C", "WATCHED": "C"}) == "top_pop"
    assert of.decide({"WATCHED": "C", "UPPER": "C"}) is None
    assert of.decide({}) is None


def test_forced_treatments_are_read_from_a_header() -> None:
    of = experiments(ONE={}, TWO={"treatments": treatments(3)})
    assert of.parse_forced("ONE=T1") == {"ONE": "T1"}
    assert of.parse_forced(" TWO = T2,ONE=C ,") == {"TWO": "T2", "ONE": "C"}
    assert of.parse_forced("") == {}


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("THREE=C", "no experiment is named 'THREE' (running: ONE, TWO)"),
        ("ONE=T2", "experiment ONE has no treatment 'T2' (C, T1)"),
        ("ONE=", "experiment ONE has no treatment '' (C, T1)"),
        ("TWO=C, ONE", "'ONE' is not NAME=TREATMENT"),
        ("ONE=C, ONE=T1", "experiment ONE is there twice"),
    ],
)
def test_a_header_that_asks_for_what_is_not_there_is_refused(header: str, expected: str) -> None:
    with pytest.raises(InputError) as caught:
        experiments(ONE={}, TWO={}).parse_forced(header)
    assert str(caught.value) == expected


def test_what_runs_is_described() -> None:
    decides = {"treatments": {"C": "random", "T1": "dae"}}
    of = experiments(
        WATCHED={"salt": "2026"},
        A={**decides, "layer": "home", "share": 40, "weights": {"T1": 3, "C": 1}},
        B={**decides, "layer": "home", "share": 60},
        LATE=decides,
    )
    watched, a, b, late = of.describe()
    assert watched == {
        "name": "WATCHED",
        "treatments": {"C": None, "T1": None},
        "weights": {"C": 1, "T1": 1},
        "salt": "2026",
        "layer": None,
        "share": 100,
        "decides": False,
    }
    assert list(a["weights"].items()) == [("C", 1), ("T1", 3)]
    assert [(e["name"], e["layer"], e["share"]) for e in (a, b)] == [
        ("A", "home", 40),
        ("B", "home", 60),
    ]
    # A and B share out everybody, so nobody is left for LATE to decide for.
    assert [e["decides"] for e in (a, b, late)] == [True, True, False]


@pytest.mark.parametrize(
    ("old", "new", "share"),
    [
        ({"C": 1, "T1": 1}, {"C": 1, "T1": 3}, 1 / 4),
        ({"C": 1, "T1": 1}, {"C": 9, "T1": 1}, 2 / 5),
        ({"C": 2, "T1": 1}, {"C": 1, "T1": 2}, 1 / 3),
    ],
)
def test_changed_weights_move_users(
    old: dict[str, int], new: dict[str, int], share: float
) -> None:
    before, after = (
        {"E": ExperimentConfig(treatments={"C": None, "T1": None}, weights=weights)}
        for weights in (old, new)
    )
    assert moved_shares(before, after) == {"E": pytest.approx(share, abs=0.03)}


def test_equal_weights_another_share_and_other_experiments_move_nobody() -> None:
    def split(**changes: Any) -> ExperimentConfig:
        return ExperimentConfig.model_validate({"treatments": {"C": None, "T1": None}} | changes)

    before = {"E": split(share=20), "F": split()}
    after = {"G": split(), "F": split(weights={"C": 5, "T1": 5}), "E": split(share=80)}
    assert moved_shares(before, after) == {}
