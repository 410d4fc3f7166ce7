"""The fallback's share, with a clock moved by hand."""

from botify.observability.fallback_shares import ALL, FallbackShare, FallbackShares, exceeding

from ..logs import Clock


def test_answers_are_counted_by_treatment_and_all_together(clock: Clock) -> None:
    shares = FallbackShares(clock)
    shares.count({"A": "C", "B": "T1"}, False)
    shares.count({"A": "T1", "B": "T1"}, True)
    shares.count({"A": "T1"}, False)
    shares.count({}, False)
    assert shares.total() == {
        ALL: FallbackShare("", "", 4, 1),
        ("A", "C"): FallbackShare("A", "C", 1, 0),
        ("A", "T1"): FallbackShare("A", "T1", 2, 1),
        ("B", "T1"): FallbackShare("B", "T1", 2, 1),
    }


def test_lately_is_the_last_five_minutes(clock: Clock) -> None:
    shares = FallbackShares(clock)
    found = []
    for second in range(900):
        clock.now += 1
        shares.count({"A": "C"}, fallback=100 <= second < 110)
        found.append(shares.recent()["A", "C"])
    assert found[99] == FallbackShare("A", "C", 100, 0)
    assert found[109] == FallbackShare("A", "C", 110, 10)
    assert found[399].fallbacks == 10
    assert found[430].fallbacks == 0
    assert all(300 <= each.answers <= 310 for each in found[310:])


def test_a_share_of_few_answers_is_not_told() -> None:
    few, many = FallbackShare("A", "C", 99, 99), FallbackShare("A", "T1", 200, 3)
    assert list(exceeding([few, many], 0.01)) == [many]
    assert list(exceeding([few, many], 0.015)) == []
