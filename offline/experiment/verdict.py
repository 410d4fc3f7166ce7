"""The effect table said in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from offline.experiment.aggregate import CONTROL, Aggregates
from offline.experiment.effects import Effect
from offline.experiment.health import SampleRatio

DECIDING = "mean_session_time"


@dataclass(frozen=True)
class Verdict:
    """One sentence about one treatment, and its gist for colouring."""

    treatment: str
    outcome: Literal["wins", "loses", "open"]
    sentence: str


def verdicts(
    aggregates: Aggregates,
    effects: tuple[Effect, ...],
    names: Mapping[str, str],
    ratio: SampleRatio,
    metric: str = DECIDING,
) -> tuple[Verdict, ...]:
    """A verdict on `metric` for every treatment; `names` says what C, T1, ... stand for.

    None is given where users were not split as they should have been: whatever moved some of
    them from one side to the other may be what makes the difference.
    """
    if ratio.mismatch:
        return tuple(
            Verdict(effect.treatment, "open", _mismatch(effect.treatment, ratio, names))
            for effect in effects
            if effect.metric == metric
        )
    return tuple(
        _verdict(aggregates, effect, names) for effect in effects if effect.metric == metric
    )


def label(treatment: str, names: Mapping[str, str]) -> str:
    """ "DAE (T1)" where the name of T1 is known, else "T1"."""
    return f"{names[treatment]} ({treatment})" if treatment in names else treatment


def percent(value: float) -> str:
    """A signed percentage with as many decimals as matter: +84.3 %, +1,250 %."""
    decimals = 0 if abs(value) >= 1000 else 1 if abs(value) >= 10 else 2
    rounded = round(value, decimals)
    return f"{rounded:+,.{decimals}f} %" if rounded else "0 %"


def interval(lower: float, upper: float) -> str:
    """Both ends with one percent sign: +79.1 to +89.6 %."""
    return f"{percent(lower).removesuffix(' %')} to {percent(upper)}"


def _mismatch(treatment: str, ratio: SampleRatio, names: Mapping[str, str]) -> str:
    users = f"{ratio.users[treatment]:,} users against {ratio.users[CONTROL]:,}"
    wanted = f"{ratio.expected[treatment]:,.0f} against {ratio.expected[CONTROL]:,.0f}"
    return (
        f"No verdict on {label(treatment, names)}: it has {users} where {wanted} were "
        f"expected (sample ratio mismatch, p = {ratio.p:.1g}). Find out who is missing first."
    )


def _verdict(aggregates: Aggregates, row: Effect, names: Mapping[str, str]) -> Verdict:
    treatment, control = label(row.treatment, names), label(CONTROL, names)
    metric = row.metric.replace("_", " ")
    if row.effect is None or row.lower is None or row.upper is None:
        return Verdict(
            row.treatment,
            "open",
            f"{treatment} cannot be judged against {control} on {metric}: {row.note}.",
        )
    users = [len(aggregates.values(side, row.metric)) for side in (row.treatment, CONTROL)]
    evidence = (
        f"95 % interval {interval(row.lower, row.upper)}; {users[0]:,} users against {users[1]:,}"
    )
    if not row.significant:
        return Verdict(
            row.treatment,
            "open",
            f"No significant difference between {treatment} and {control} on {metric}:"
            f" {percent(row.effect)} ({evidence}).",
        )
    verb = "beats" if row.effect > 0 else "loses to"
    return Verdict(
        row.treatment,
        "wins" if row.effect > 0 else "loses",
        f"{treatment} {verb} {control} on {metric} by {percent(row.effect)} ({evidence}).",
    )
