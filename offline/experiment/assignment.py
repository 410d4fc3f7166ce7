"""Which lines of a log belong to which treatment of an experiment."""

import json
import re
from collections import Counter

import pyarrow as pa

from offline.errors import InputError
from offline.logs import EventLog

CONTROL = "C"
EVERYBODY = "all"
"""The only treatment of a log that is not judged, only described."""

Assigned = list[tuple[str, str]]


def assign(log: EventLog, experiment: str) -> Counter[str]:
    """Make the table `treatments` of an experiment; returns lines per treatment.

    Raises InputError where the log does not have the experiment (naming those it has), or has not
    both the control C and another treatment.
    """
    assigned: Assigned = []
    lines: Counter[str] = Counter()
    known: set[str] = set()
    for text, count in _combinations(log):
        running = {name: arm for name, arm in json.loads(text).items() if arm is not None}
        known |= running.keys()
        if experiment in running:
            assigned.append((text, running[experiment]))
            lines[running[experiment]] += count
    if not lines:
        found = ", ".join(sorted(known)) or "none"
        raise InputError(f"experiment {experiment} is not in the logs; they have: {found}")
    if CONTROL not in lines or len(lines) < 2:
        raise InputError(
            f"experiment {experiment} has only {', '.join(sorted(lines, key=natural_order))} in"
            f" the logs: a comparison needs the control {CONTROL} and at least one other treatment"
        )
    _save(log, assigned)
    return lines


def assign_everybody(log: EventLog) -> Counter[str]:
    """Make the table `treatments` for all lines, whatever ran; returns their number."""
    combinations = _combinations(log)
    _save(log, [(text, EVERYBODY) for text, _ in combinations])
    return Counter({EVERYBODY: sum(count for _, count in combinations)})


def natural_order(treatment: str) -> tuple[bool, list[tuple[int, str]]]:
    """Sort key: C first, then T1, T2, ..., T10."""
    parts = re.findall(r"\d+|\D+", treatment)
    return treatment != CONTROL, [
        (int(part), "") if part.isdigit() else (-1, part) for part in parts
    ]


def _combinations(log: EventLog) -> list[tuple[str, int]]:
    return log.engine.rows(
        "SELECT experiments, COUNT(*) FROM events GROUP BY experiments ORDER BY experiments"
    )


def _save(log: EventLog, assigned: Assigned) -> None:
    columns = zip(*assigned, strict=True)
    log.engine.register(
        "treatments", pa.table(list(map(list, columns)), ["experiments", "treatment"])
    )
