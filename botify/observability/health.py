"""Whether the service answers as configured, and whether a person has to act."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from botify.event_log.ledger import LogTotals
from botify.event_log.status import LogStatus
from botify.observability.fallback_shares import FallbackShare, exceeding
from botify.store.redis_memory import RedisMemory, eviction_risk


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """The state of one worker and of what it uses, about a second old at most."""

    redis_up: bool
    redis_reason: str
    """Why Redis is unavailable; empty if it is available."""
    lists: Mapping[str, str]
    """Version of each list in Redis, by name."""
    missing: tuple[str, ...]
    """Names of configured lists that are not in Redis."""
    refused: Mapping[str, str]
    """Why the newest file was not loaded, by the name of the list or model."""
    log: LogStatus
    """State of this worker's event log."""
    models: Mapping[str, str] = field(default_factory=dict)
    """Version of each configured session model; empty if none is in service."""
    memory: RedisMemory | None = None
    """Memory of Redis; None if unknown."""
    evicted: int = 0
    """Keys that Redis dropped in the last five minutes for lack of memory."""
    max_fallback_share: float = 1.0
    """Part of a treatment's answers that may come from the fallback without being reported."""
    failing: Mapping[str, str] = field(default_factory=dict)
    """The latest error of each recommender whose code failed in the last five minutes."""
    config_refusal: str = ""
    """Why the newest config file was not put into force; empty if it was."""
    config_pending: tuple[str, ...] = ()
    """Keys that were changed in the config file and need a restart."""
    config_note: str = ""
    """What a changed config means for sessions that were under way; empty for nothing."""
    serves: str = "tracks"
    """What is recommended, in words."""
    store: str = "Redis"
    """What `redis_up` tells of, in words."""
    note: str = ""
    """What else a person may want to know."""
    reading: str = ""
    """What is being read that answers miss until then; empty if nothing is."""
    written: Mapping[str, float] = field(default_factory=dict)
    """When the newest file of each list and session model was written, in seconds since 1970."""
    no_answers: str = ""
    """Why requests get no answer at all; empty if they do."""


def degradations(states: Sequence[WorkerReport]) -> list[str]:
    """Why some users do not get the configured recommendations; empty if all do.

    `states`: of some workers of one service. What several of them report is listed once.
    """
    return [
        *_redis(states),
        *_once(_missing, states),
        *_once(_models, states),
        *_once(_failing, states),
        *_once(_reading, states),
    ]


def problems(
    states: Sequence[WorkerReport], logs: LogTotals, shares: Iterable[FallbackShare] = ()
) -> list[str]:
    """Problems that need a person, each with its remedy; empty if there are none.

    `states` as in `degradations`. `logs`: sums over all workers' event logs. `shares`: the recent
    shares of the fallback, over all workers.
    """
    limit = min((state.max_fallback_share for state in states), default=1.0)
    return [
        *_redis(states),
        *_memory(states),
        *excess_fallback(shares, limit, states[0].store if states else "Redis"),
        *_once(_missing, states),
        *_once(_models, states),
        *_once(_refused, states),
        *_once(_failing, states),
        *_once(_config, states),
        *_log([state.log for state in states], logs),
    ]


def notices(states: Sequence[WorkerReport]) -> list[str]:
    """What a person may want to know although nothing is wrong."""
    return [*_once(_pending, states), *_once(_note, states), *_once(_reading, states)]


def _once(
    check: Callable[[WorkerReport], Iterator[str]], states: Sequence[WorkerReport]
) -> list[str]:
    return list(dict.fromkeys(line for state in states for line in check(state)))


def _redis(states: Sequence[WorkerReport]) -> Iterator[str]:
    # The reasons differ in details such as times; one is enough.
    down = [state for state in states if not state.redis_up]
    if down:
        some = f" to {len(down)} of {len(states)} workers" * (len(down) < len(states))
        reason, what = down[0].redis_reason, down[0].serves
        yield f"{down[0].store} is unavailable{some} ({reason}): serving popular {what}"


def _memory(states: Sequence[WorkerReport]) -> Iterator[str]:
    known = [state for state in states if state.memory is not None]
    if not known:
        return
    state = max(
        known, key=lambda state: state.evicted
    )  # of the worker that has run for the longest
    if found := eviction_risk(state.memory):
        yield found
    if state.evicted:
        yield (
            f"Redis dropped {state.evicted:,} keys in the last 5 minutes for lack of memory "
            f"({state.memory}): their sessions restart in the middle; give it more memory"
        )


def excess_fallback(
    shares: Iterable[FallbackShare], limit: float, store: str = "Redis"
) -> Iterator[str]:
    """Treatments with a larger recent share of the fallback than `limit`; it answers without
    `store`."""
    for each in exceeding(shares, limit):
        of = f"{each.experiment} {each.treatment}'s" if each.experiment else "all"
        yield (
            f"{each.share:.1%} of {of} answers in the last 5 minutes ({each.fallbacks:,} of "
            f"{each.answers:,}) came from the fallback, without {store} (max_fallback_share is "
            f"{limit:.1%}): they say nothing about the treatments of an experiment"
        )


def _missing(state: WorkerReport) -> Iterator[str]:
    for name in state.missing:
        yield f"list {name!r} is not in Redis; load it with `botify lists load`"


def _models(state: WorkerReport) -> Iterator[str]:
    for name, version in state.models.items():
        if not version:
            instead = "" if state.no_answers else "; lists answer without it"
            yield f"model {name!r} is not in service{instead}"
        if name in state.refused:
            yield (
                f"model {name!r}: its file was not loaded, the old version stays in service: "
                f"{state.refused[name]}"
            )


def _refused(state: WorkerReport) -> Iterator[str]:
    for name, why in state.refused.items():
        if name in state.models:
            continue
        yield f"list {name!r}: its file was not loaded, the old version stays in service: {why}"


def _failing(state: WorkerReport) -> Iterator[str]:
    for name, error in state.failing.items():
        yield f"recommender {name!r} failed in the last 5 minutes, others answered: {error}"


def _config(state: WorkerReport) -> Iterator[str]:
    if state.config_refusal:
        yield (
            "the config file was not put into force, the running config goes on: "
            f"{state.config_refusal}"
        )


def _pending(state: WorkerReport) -> Iterator[str]:
    if state.config_pending:
        yield f"changed in the config file, but need a restart: {', '.join(state.config_pending)}"


def _note(state: WorkerReport) -> Iterator[str]:
    if state.config_note:
        yield state.config_note
    if state.note:
        yield state.note


def _reading(state: WorkerReport) -> Iterator[str]:
    if state.reading:
        yield state.reading


def _log(here: Sequence[LogStatus], all_logs: LogTotals) -> Iterator[str]:
    waiting = f"{all_logs.pending} events wait"
    if all_logs.in_memory:
        waiting += f", {all_logs.in_memory} of them only in memory, lost if their worker dies"
    if why := dict.fromkeys(log.failing for log in here if log.failing):
        yield f"the event log cannot be written ({'; '.join(why)}); {waiting}"
    elif all_logs.failing:
        yield (
            f"the event log of another worker cannot be written; {waiting}; "
            "see the service's stderr"
        )
    if all_logs.orphaned:
        yield f"{all_logs.orphaned} events of a worker that died wait to be written"
    if all_logs.lost:
        yield f"{all_logs.lost} events were lost and will not be in the log"
    if low := [log.free_bytes for log in here if log.low_space]:
        yield f"the event log's disk has {min(low)} bytes left, less than log.min_free_bytes"
