"""Whether the service answers as configured, and whether a person must look at it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from botify.event_log.ledger import LogTotals
from botify.event_log.writer import LogStatus
from botify.observability.fallback_shares import Share, above
from botify.store.redis_memory import Memory, risk


@dataclass(frozen=True, slots=True)
class State:
    """What one worker knows of its surroundings, at most about a second old."""

    redis_up: bool
    redis_reason: str
    """Why Redis is away; empty where it is not."""
    lists: Mapping[str, str]
    """Version of each list by its name, as last seen in Redis."""
    missing: tuple[str, ...]
    """Names of configured lists that are not in Redis."""
    refused: Mapping[str, str]
    """Why the newest file of a list was not loaded, by the list's name."""
    log: LogStatus
    """Of this worker's event log."""
    models: Mapping[str, str] = field(default_factory=dict)
    """Version of each configured model of sessions; empty where there is none."""
    memory: Memory | None = None
    """Of Redis; None where it is not known."""
    evicted: int = 0
    """Keys that Redis dropped in the last five minutes to make room."""
    max_fallback_share: float = 1.0
    """Part of a treatment's answers that may come from the fallback before a person is told."""


def degraded(states: Sequence[State]) -> list[str]:
    """Why some listeners do not get the recommendations configured; empty where all do.

    `states` are those of some workers of one service: what several of them see is told once.
    """
    return [*_redis(states), *_once(_missing, states), *_once(_models, states)]


def trouble(states: Sequence[State], logs: LogTotals, shares: Iterable[Share] = ()) -> list[str]:
    """What needs a person, with what to do about it; empty where nothing does.

    `states` as for `degraded`. `logs` is what all workers' event logs count together, `shares` are
    those of the fallback lately, over all workers.
    """
    limit = min((state.max_fallback_share for state in states), default=1.0)
    return [
        *_redis(states),
        *_memory(states),
        *too_much_fallback(shares, limit),
        *_once(_missing, states),
        *_once(_models, states),
        *_once(_refused, states),
        *_log([state.log for state in states], logs),
    ]


def _once(check: Callable[[State], Iterator[str]], states: Sequence[State]) -> list[str]:
    return list(dict.fromkeys(line for state in states for line in check(state)))


def _redis(states: Sequence[State]) -> Iterator[str]:
    # Each has waited in its own way, and for its own time.
    reasons = [state.redis_reason for state in states if not state.redis_up]
    if reasons:
        some = f" from {len(reasons)} of {len(states)} workers" * (len(reasons) < len(states))
        yield f"Redis is away{some} ({reasons[0]}): next answers popular tracks"


def _memory(states: Sequence[State]) -> Iterator[str]:
    known = [state for state in states if state.memory is not None]
    if not known:
        return
    state = max(known, key=lambda state: state.evicted)  # who has looked for the longest
    if found := risk(state.memory):
        yield found
    if state.evicted:
        yield (
            f"Redis dropped {state.evicted:,} keys in the last 5 minutes to make room "
            f"({state.memory}): sessions begin anew in the middle; give it more memory"
        )


def too_much_fallback(shares: Iterable[Share], limit: float) -> Iterator[str]:
    """Which treatments the fallback answered for more than this part of lately."""
    for each in above(shares, limit):
        of = f"{each.experiment} {each.treatment}'s" if each.experiment else "all"
        yield (
            f"{each.share:.1%} of {of} answers in the last 5 minutes ({each.fallbacks:,} of "
            f"{each.answers:,}) came from the fallback, without Redis (max_fallback_share is "
            f"{limit:.1%}): an experiment cannot be judged by them"
        )


def _missing(state: State) -> Iterator[str]:
    for name in state.missing:
        yield f"list {name!r} is not in Redis; `botify lists load` puts it there"


def _models(state: State) -> Iterator[str]:
    for name, version in state.models.items():
        if not version:
            yield f"model {name!r} is not in service: users' lists answer"
        if name in state.refused:
            yield (
                f"the new file of model {name!r} was refused, its old version stays: "
                f"{state.refused[name]}"
            )


def _refused(state: State) -> Iterator[str]:
    for name, why in state.refused.items():
        if name in state.models:
            continue
        yield f"the new file of list {name!r} was refused, its old version stays: {why}"


def _log(here: Sequence[LogStatus], all_logs: LogTotals) -> Iterator[str]:
    waiting = f"{all_logs.pending} events wait"
    if all_logs.in_memory:
        waiting += f", {all_logs.in_memory} of them in memory alone, which a worker's death frees"
    if why := dict.fromkeys(log.failing for log in here if log.failing):
        yield f"the event log cannot be written ({'; '.join(why)}); {waiting}"
    elif all_logs.failing:
        yield (
            f"the event log of another worker cannot be written; {waiting}; "
            "see the service's stderr"
        )
    if all_logs.orphaned:
        yield f"{all_logs.orphaned} events wait that a worker left when it died"
    if all_logs.lost:
        yield f"{all_logs.lost} events were lost: they will not be in the log"
    if low := [log.free_bytes for log in here if log.low_space]:
        yield f"the event log's disk has {min(low)} bytes left, below log.min_free_bytes"
