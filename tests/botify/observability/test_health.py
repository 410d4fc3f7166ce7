"""What makes the service degraded, and what calls for a person."""

from dataclasses import replace
from pathlib import Path

import pytest

from botify.event_log.ledger import LogTotals
from botify.event_log.status import LogStatus
from botify.observability.fallback_shares import FallbackShare
from botify.observability.health import WorkerReport, degradations, problems
from botify.store.redis_memory import RedisMemory

LOG = LogStatus(
    path=Path("log/data.json"),
    written=10,
    lost=0,
    pending=0,
    lag_seconds=0.0,
    failing="",
    free_bytes=2**30,
    low_space=False,
    unshipped_files=1,
    unshipped_bytes=100,
)
WELL = WorkerReport(
    redis_up=True, redis_reason="", lists={"dae": "a1"}, missing=(), refused={}, log=LOG
)
NO_TROUBLE = LogTotals()
NO_REDIS = replace(WELL, redis_up=False, redis_reason="Redis: timed out")
NO_LIST = replace(WELL, lists={}, missing=("dae",))
REFUSED = replace(WELL, refused={"dae": "dae.json:3: track 40 is not in the catalog"})
FULL_DISK = replace(WELL, log=LOG._replace(failing="No space left on device", pending=7))
LOW_SPACE = replace(WELL, log=LOG._replace(low_space=True, free_bytes=4096))


def test_nothing_is_wrong_while_all_is_well() -> None:
    assert degradations([WELL]) == []
    assert problems([WELL], NO_TROUBLE) == []


@pytest.mark.parametrize("what", ["tracks", "items"])
def test_what_is_served_without_redis_is_called_by_its_name(what: str) -> None:
    [reason] = degradations([replace(NO_REDIS, serves=what)])
    assert reason.endswith(f": serving popular {what}")


@pytest.mark.parametrize(
    ("state", "words"),
    [(NO_REDIS, "Redis: timed out"), (NO_LIST, "list 'dae' is not in Redis")],
)
def test_without_redis_or_a_list_the_service_is_degraded(state: WorkerReport, words: str) -> None:
    [reason] = degradations([state])
    assert words in reason
    assert problems([state], NO_TROUBLE) == [reason]


@pytest.mark.parametrize(
    ("state", "logs", "words"),
    [
        (
            REFUSED,
            NO_TROUBLE,
            "list 'dae': its file was not loaded, the old version stays in service: dae.json:3:",
        ),
        (FULL_DISK, LogTotals(failing=1, pending=7), "(No space left on device); 7 events wait"),
        (FULL_DISK, LogTotals(failing=1, pending=7, in_memory=3), "3 of them only in memory"),
        (WELL, LogTotals(failing=1, pending=7), "another worker cannot be written; 7 events wait"),
        (WELL, LogTotals(pending=5, orphaned=5), "5 events of a worker that died wait"),
        (WELL, LogTotals(lost=12), "12 events were lost"),
        (LOW_SPACE, NO_TROUBLE, "4096 bytes left, less than log.min_free_bytes"),
    ],
)
def test_what_listeners_do_not_notice_calls_for_a_person_all_the_same(
    state: WorkerReport, logs: LogTotals, words: str
) -> None:
    assert degradations([state]) == []
    [reason] = problems([state], logs)
    assert words in reason


def test_all_that_is_wrong_is_told_at_once() -> None:
    state = replace(NO_REDIS, missing=("dae", "similar"), refused=REFUSED.refused)
    assert len(problems([state], LogTotals(failing=2, lost=1))) == 6


def test_models_that_are_missing_or_refused_are_told_to_balancers_too() -> None:
    state = replace(WELL, models={"hears": "v1"})
    assert degradations([state]) == []
    assert degradations([replace(state, models={"hears": ""})]) == [
        "model 'hears' is not in service; lists answer without it"
    ]
    refused = replace(state, refused={"hears": "s.safetensors: cut off"})
    expected = (
        "model 'hears': its file was not loaded, the old version stays in service: "
        "s.safetensors: cut off"
    )
    assert degradations([refused]) == problems([refused], NO_TROUBLE) == [expected]


def test_a_fallback_that_answers_too_much_calls_for_a_person_and_names_the_treatment() -> None:
    state = replace(WELL, max_fallback_share=0.01)
    shares = [
        FallbackShare("", "", 3000, 18),
        FallbackShare("A", "C", 1000, 8),
        FallbackShare("A", "T1", 1000, 12),
    ]
    [reason] = problems([state], NO_TROUBLE, shares)
    assert reason.startswith("1.2% of A T1's answers in the last 5 minutes (12 of 1,000) came")
    assert degradations([state]) == []
    [reason] = problems([state], NO_TROUBLE, [FallbackShare("", "", 300, 18)])
    assert reason.startswith("6.0% of all answers")


def test_dropped_sessions_and_a_policy_that_drops_lists_call_for_a_person() -> None:
    memory = RedisMemory(used=2**20, limit=2**20, policy="allkeys-lru", evicted=5000)
    [risk, dropped] = problems([replace(WELL, memory=memory, evicted=1200)], NO_TROUBLE)
    assert "set volatile-lru" in risk
    assert dropped.startswith(
        "Redis dropped 1,200 keys in the last 5 minutes for lack of memory (1.0 MiB"
    )


def test_what_all_workers_see_is_told_once() -> None:
    """Their figures are some moments apart."""
    full = RedisMemory(used=2**20, limit=2**20, policy="volatile-lru", evicted=5000)
    one = replace(
        WELL,
        redis_up=False,
        redis_reason="Redis: timed out after 0.5 s",
        memory=full,
        evicted=1200,
        missing=("dae",),
        refused={"dae": "dae.json:3: track 40 is not in the catalog"},
        log=LOG._replace(failing="data.json.0: No space left", free_bytes=10, low_space=True),
    )
    two = replace(
        one,
        redis_reason="Redis: timed out after 0.6 s",
        memory=full._replace(used=2**19),
        evicted=1100,
        log=LOG._replace(failing="data.json.1: No space left", free_bytes=9, low_space=True),
    )
    reasons = problems([one, two], LogTotals(failing=2, pending=7))
    assert [reason.split()[:4] for reason in reasons] == [
        ["Redis", "is", "unavailable", "(Redis:"],
        ["Redis", "dropped", "1,200", "keys"],
        ["list", "'dae'", "is", "not"],
        ["list", "'dae':", "its", "file"],
        ["the", "event", "log", "cannot"],
        ["the", "event", "log's", "disk"],
    ]
    assert "(data.json.0: No space left; data.json.1: No space left); 7 events" in reasons[4]
    assert len(degradations([one, two])) == 2
    # One of them writes, and reaches Redis.
    [away, _, log] = problems(
        [WELL, replace(two, missing=(), refused={}, log=two.log._replace(low_space=False))],
        LogTotals(failing=1, pending=7),
    )
    assert away.startswith("Redis is unavailable to 1 of 2 workers (Redis: timed out after 0.6 s)")
    assert log.startswith("the event log cannot be written (data.json.1: No space left); 7")
