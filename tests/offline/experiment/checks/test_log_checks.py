"""What stops a verdict: logs that are cut, mixed, full of bad lines, or miss some of the users."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from offline.errors import InputError
from offline.experiment.aggregates.aggregate import aggregate
from offline.experiment.analysis import Analysis, Options, analyse
from offline.experiment.checks.log_checks import Check, checks_text
from offline.experiment.verdict.verdict import verdicts
from offline.logs.line_filter import LineFilter, parse_moment
from offline.logs.reader import open_logs

EXPERIMENT = "DAE_VS_CONTEXTUAL"
Event = dict[str, Any]
Judge = Callable[..., Analysis]


@pytest.fixture
def judge(write_log: Callable[..., Path]) -> Judge:
    """judge(lines, declared=None, allowed=()): the analysis of a log of these lines."""

    def run(
        lines: Sequence[Event | str],
        declared: Sequence[str] | None = None,
        allowed: tuple[str, ...] = (),
    ) -> Analysis:
        with open_logs([write_log(lines)]) as log:
            found = aggregate(log, EXPERIMENT, declared=declared)
        return analyse(found, options=Options(draws=0, allowed=allowed))

    return run


def sentence(analysis: Analysis) -> str:
    return verdicts(analysis, {})[0].sentence


def stops(analysis: Analysis) -> set[str]:
    return {check.name for check in analysis.checks if check.status == "stop"}


def one(analysis: Analysis, name: str, treatment: str | None = None) -> Check:
    [found] = [c for c in analysis.checks if (c.name, c.treatment) == (name, treatment)]
    return found


@pytest.fixture
def events(make_events: Callable[..., list[Event]]) -> list[Event]:
    return make_events(n_users=300)


def without_sessions(events: list[Event]) -> list[Event]:
    return [{k: v for k, v in e.items() if k != "session"} for e in events]


def test_a_whole_log_is_judged(judge: Judge, events: list[Event]) -> None:
    for log in (events, without_sessions(events)):
        analysis = judge(log)
        unknown = [c.name for c in analysis.checks if c.status != "ok"]
        assert unknown == ["mixed"]  # whether it is of one run, these lines do not say
        assert sentence(analysis).startswith("Ship T1")
        text = checks_text(analysis.checks)
        assert text.startswith("passed: Answers followed,")
        assert text.count("\n") == 1


@pytest.mark.parametrize("sessions_known", [True, False])
@pytest.mark.parametrize("lost", [0.5, 0.09])
def test_a_log_that_lacks_lines_is_not_judged(
    judge: Judge, events: list[Event], sessions_known: bool, lost: float
) -> None:
    rng = np.random.default_rng(1)
    half = [e for e in events if rng.random() > lost]
    analysis = judge(half if sessions_known else without_sessions(half))
    assert {"followed", "ends"} <= stops(analysis)
    assert "not followed by the track they recommended" in sentence(analysis)
    assert sentence(analysis).startswith("No verdict on T1: ")
    allowed = judge(half, allowed=("incomplete",))
    assert not stops(allowed)
    assert not sentence(allowed).startswith("No verdict")


def test_lines_lost_here_and_there_are_told(judge: Judge, events: list[Event]) -> None:
    analysis = judge([e for number, e in enumerate(events) if number % 90])
    assert one(analysis, "followed", "C").status == "note"
    assert sentence(analysis).startswith("Ship T1")
    assert "note: Answers followed of C: " in checks_text(analysis.checks)


def test_sessions_that_go_on_at_the_end_of_the_log_are_not_cut(
    judge: Judge, event: Callable[..., Event]
) -> None:
    log = []
    for user in range(400):
        start, arm = 1_000_000 * (user // 40), "C" if user % 2 else "T1"
        of = {"user": user, "experiments": {EXPERIMENT: arm}, "session": f"s{user}"}
        log += [
            event(timestamp=start + user, track=1, recommendation=2, **of),
            event(timestamp=start + user + 9, track=2, time=0.5, recommendation=3, **of),
        ]
        if user < 360:  # the last forty users have come just now
            log.append(event(message="last", timestamp=start + user + 20, track=3, time=0.1, **of))
    analysis = judge(log)
    assert one(analysis, "ends", "C").text.startswith("0 % (0 of 180)")
    assert not stops(analysis)


def test_two_sessions_of_a_user_that_take_turns_are_whole(
    judge: Judge, event: Callable[..., Event]
) -> None:
    log = []
    for user in range(100):
        of = {"user": user, "experiments": {EXPERIMENT: "C" if user % 2 else "T1"}}
        for turn, (message, time) in enumerate((("next", 1.0), ("next", 0.5), ("last", 0.1))):
            for place, session in enumerate((f"{user}-phone", f"{user}-desk")):
                track = 10 * place + turn
                answer = track + 1 if message == "next" else None
                at = 1_000_000 * user + 10 * turn + place
                said = {"session": session, "track": track, "recommendation": answer, "time": time}
                log.append(event(timestamp=at, message=message, **of, **said))
    analysis = judge(log)
    assert not stops(analysis)
    assert one(analysis, "followed", "C").text.startswith("0 % (0 of 200)")
    assert one(analysis, "starts", "C").text.startswith("0 % (0 of 100)")
    assert one(analysis, "ends", "C").text.startswith("0 % (0 of 100)")


def test_sessions_without_an_end_in_both_arms(judge: Judge, events: list[Event]) -> None:
    rng = np.random.default_rng(2)
    log = [e for e in events if e["message"] == "next" or rng.random() > 0.2]
    assert "ends" in stops(judge(log))
    assert "ends" not in stops(judge(log, allowed=("incomplete",)))


def test_a_fallback_above_one_percent_stops(judge: Judge, events: list[Event]) -> None:
    rng = np.random.default_rng(3)
    for share, status in ((0.02, "stop"), (0.004, "note"), (0, "ok")):
        log = [
            e | {"recommender": "fallback"}
            if e["message"] == "next"
            and e["experiments"][EXPERIMENT] == "T1"
            and rng.random() < share
            else e
            for e in events
        ]
        analysis = judge(log)
        assert one(analysis, "fallback", "T1").status == status
        assert one(analysis, "fallback", "C").status == "ok"
        assert ("fallback" in sentence(analysis)) == (status == "stop")


def test_a_log_without_recommenders_says_that_fallbacks_are_unknown(
    judge: Judge, events: list[Event]
) -> None:
    log = [{k: v for k, v in e.items() if k != "recommender"} for e in events]
    assert one(judge(log), "fallback", "C").status == "unknown"


def test_users_who_leave_more_often_in_one_arm_stop_the_verdict(
    judge: Judge, make_events: Callable[..., list[Event]]
) -> None:
    rng = np.random.default_rng(4)
    log, cut = [], set()
    for e in make_events(n_users=600, lift=1.0):
        arm = e["experiments"][EXPERIMENT]
        if e["message"] == "last" and rng.random() < (0.04 if arm == "T1" else 0.01):
            cut.add(e["session"])
        else:
            log.append(e)
    analysis = judge(log, allowed=("incomplete",))
    assert stops(analysis) == {"sessions_with_end"}
    assert "is not comparable" in sentence(analysis)


@pytest.mark.parametrize(("bad", "stopped"), [(1, False), (2, False), (20, False), (1400, True)])
def test_bad_lines(judge: Judge, events: list[Event], bad: int, stopped: bool) -> None:
    garbage = ['{"message":"next","user":"x"}'] * bad
    analysis = judge([*events, *garbage])
    share = bad / (len(events) + bad)
    check = one(analysis, "bad_lines")
    assert (check.status == "stop") == stopped == (share > 0.05)
    assert ("of the lines could not be used" in sentence(analysis)) == (share > 0.001)
    if stopped:
        assert "mostly no `timestamp`" in sentence(analysis)
        kept = judge([*events, *garbage], allowed=("bad",))
        assert sentence(kept).startswith("Ship T1")
        assert "could not be used" in sentence(kept)


def test_users_in_both_arms_are_left_out(judge: Judge, events: list[Event]) -> None:
    clean = [e for e in events if e["user"] != 0]
    both = [
        e | {"experiments": {EXPERIMENT: "C" if number % 2 else "T1"}}
        for number, e in enumerate(e for e in events if e["user"] == 0)
    ]
    analysis = judge(sorted([*clean, *both], key=lambda e: e["timestamp"]))
    assert analysis.core_effects == judge(clean).core_effects
    assert one(analysis, "users_in_several").status == "note"
    assert analysis.aggregates.quality.lines_in_several == len(both)
    assert analysis.aggregates.quality.duplicates == 0


def test_many_users_in_both_arms_stop_the_verdict(judge: Judge, events: list[Event]) -> None:
    log = [
        e | {"experiments": {EXPERIMENT: "C" if number % 2 else "T1"}} if e["user"] < 9 else e
        for number, e in enumerate(events)
    ]
    assert "seen in several treatments" in sentence(judge(log))


def test_no_user_is_left(judge: Judge, event: Callable[..., Event]) -> None:
    log = [
        event(timestamp=at, user=1, experiments={EXPERIMENT: arm})
        for at, arm in enumerate(("C", "T1"))
    ]
    with pytest.raises(InputError, match="users must keep their treatment"):
        judge(log)


def test_a_treatment_that_the_config_does_not_have_is_a_note(
    judge: Judge, events: list[Event]
) -> None:
    log = [e | {"experiments": {EXPERIMENT: "T2"}} if e["user"] == 5 else e for e in events]
    for declared in (None, ("C", "T1")):
        analysis = judge(log, declared)
        assert sentence(analysis).startswith("Ship T1")
        assert one(analysis, "stray_treatment").text.startswith("1 user in T2")
        assert not analysis.ratio.mismatch
    assert len(verdicts(judge(log, ("C", "T1", "T2")), {})) == 2


def test_a_treatment_without_lines_is_noticed(judge: Judge, events: list[Event]) -> None:
    analysis = judge(events, ("C", "T1", "T2"))
    assert analysis.ratio.mismatch
    assert "sample ratio mismatch" in sentence(analysis)
    with pytest.raises(InputError, match="was to have C, T2, but the logs have C, T1"):
        judge(events, ("C", "T2"))


def stamped(events: list[Event], change: Callable[[Event], dict[str, Any]]) -> list[Event]:
    """The same lines with fields of where they are from, those of `change` last."""
    return [
        e | {"run": "r1", "world_version": "w1", "model_version": None}
        | ({"model_version": "m1"} if e["message"] == "next" else {})
        | change(e)
        for e in events
    ]  # fmt: skip


def test_a_log_that_does_not_say_where_it_is_from(judge: Judge, events: list[Event]) -> None:
    # `judge` knows no origin; the same with one is as good as without.
    assert one(judge(events), "mixed").status == "unknown"
    analysis = judge(stamped(events, lambda _: {}))
    assert {check.status for check in analysis.checks} == {"ok"}


@pytest.mark.parametrize(("field", "name"), [("world_version", "world"), ("run", "run")])
def test_several_worlds_or_runs_are_not_judged_together(
    judge: Judge, events: list[Event], field: str, name: str
) -> None:
    log = stamped(events, lambda e: {field: "other"} if e["user"] % 4 < 2 else {})
    analysis = judge(log)
    assert stops(analysis) == {name}
    assert sentence(analysis).startswith(f"No verdict on T1: the log is of 2 {name}s (")
    assert "--allow-mixed" in sentence(analysis)
    assert sentence(judge(log, allowed=("mixed",))).startswith("Ship T1")


def later_model(events: list[Event]) -> tuple[list[Event], int]:
    """Lines of T1 whose model changed half-way, and when."""
    moments = sorted(e["timestamp"] for e in events)
    changed = moments[len(moments) // 2] + 1

    def change(e: Event) -> dict[str, Any]:
        new = e["timestamp"] >= changed and e["experiments"][EXPERIMENT] == "T1"
        return {"model_version": "m2"} if new and e["message"] == "next" else {}

    return stamped(events, change), changed


def test_a_model_that_changed_without_a_record_stops(judge: Judge, events: list[Event]) -> None:
    log, _ = later_model(events)
    analysis = judge(log)
    assert stops(analysis) == {"model"}
    assert "the model changed from m1 to m2 at " in sentence(analysis)
    assert "no record says that it was published then" in sentence(analysis)


def test_a_model_that_was_published_meanwhile_is_a_note(
    judge: Judge, events: list[Event], tmp_path: Path
) -> None:
    log, changed = later_model(events)
    record = tmp_path / "published.jsonl"
    said = {"timestamp": changed, "name": "dae", "version": "m2", "previous": "m1"}
    record.write_text(json.dumps(said) + "\n")
    analysis = judge(log)
    assert one(analysis, "model", "T1").status == "note"
    first, second = analysis.versions["T1"]
    assert (first.since, second.until) == (None, None)
    assert first.until == second.since
    assert abs((first.until or 0) - changed) < 3_600_000
    # As many users as played in each span, by hand.
    begun = {}
    for e in log:
        begun.setdefault((e["user"], e["session"]), e["timestamp"])
    arms = {e["user"]: e["experiments"][EXPERIMENT] for e in log}
    early = {user for (user, _), at in begun.items() if at < changed and arms[user] == "T1"}
    assert first.comparison.users[1] == len(early)
    # Published at another time, it is no record of this change.
    record.write_text(json.dumps(said | {"timestamp": changed + 9_000_000}) + "\n")
    assert stops(judge(log)) == {"model"}


def test_models_that_take_turns_stop(judge: Judge, events: list[Event], tmp_path: Path) -> None:
    log = stamped(
        events,
        lambda e: {"model_version": "m2"} if e["message"] == "next" and e["user"] % 4 == 1 else {},
    )
    (tmp_path / "published.jsonl").write_text('{"timestamp": 1700000000000, "version": "m2"}\n')
    analysis = judge(log)
    assert stops(analysis) == {"model"}
    assert "and both answered until" in sentence(analysis)


@pytest.mark.parametrize("text", ["{", '{"version": 1}\n{}', "[]\n\n"])
def test_a_record_that_is_none_is_refused(
    judge: Judge, events: list[Event], tmp_path: Path, text: str
) -> None:
    (tmp_path / "published.jsonl").write_text(text + "\n")
    with pytest.raises(InputError, match=r"published.jsonl:\d: is no record"):
        judge(events)


def test_what_is_meant_is_chosen(write_log: Callable[..., Path], events: list[Event]) -> None:
    log, changed = later_model(events)
    other = stamped(events, lambda _: {"run": "r2", "session": None})
    path = write_log([*log, *(e | {"user": e["user"] + 1000} for e in other)])
    with open_logs([path], line_filter=LineFilter(run="r1")) as chosen:
        assert aggregate(chosen, EXPERIMENT).users["lines"].sum() == len(events)
        assert chosen.notes[-1] == f"--run r1: {len(events):,} of {2 * len(events):,} events"
    with open_logs([path], line_filter=LineFilter(run="r1", version="m2")) as chosen:
        [(first,)] = chosen.engine.rows("SELECT MIN(timestamp) FROM events")
        assert first >= changed
        # Sessions that began before are left out whole.
        found = aggregate(chosen, EXPERIMENT)
        assert found.completeness["without_start"].sum() == 0
    with open_logs([path], line_filter=LineFilter(until=changed)) as chosen:
        [(last,)] = chosen.engine.rows("SELECT MAX(timestamp) FROM events")
        assert last < changed
    with (
        pytest.raises(
            InputError, match=r"--run r9: no event .* runs r1, r2 and the versions m1, m2"
        ),
        open_logs([path], line_filter=LineFilter(run="r9")),
    ):
        pass


def test_moments_are_dates_or_milliseconds() -> None:
    assert parse_moment("--since", "2025-12-01T00:00") == 1_764_547_200_000
    assert parse_moment("--since", "2025-12-01T03:00+03:00") == 1_764_547_200_000
    assert parse_moment("--since", "1764547200000") == 1_764_547_200_000
    assert parse_moment("--since", None) is None
    for text in ("yesterday", "17", "2025-13-01"):
        with pytest.raises(InputError, match="--since"):
            parse_moment("--since", text)
