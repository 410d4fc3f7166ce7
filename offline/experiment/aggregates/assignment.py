"""Which lines of a log belong to which treatment of an experiment."""

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from offline.errors import InputError
from offline.experiment.aggregates.triggered import Above
from offline.logs.reader import EventLog

CONTROL = "C"
"""The treatment that the others are compared with."""
EVERYBODY = "all"
"""The single treatment of a log that is only described, not analysed."""

FEWEST = 10
"""A treatment with fewer users that no config names may be an error."""

Assigned = list[tuple[str, str]]
_SEVERAL = Path(__file__).parent / "sql" / "users_in_several.sql"


@dataclass(frozen=True)
class Assignment:
    """The treatments that are compared, and what is excluded from the comparison."""

    lines: Counter[str]
    """Lines of each treatment; 0 for one that was to run and has none."""
    strays: Mapping[str, int] = field(default_factory=dict)
    """Users by treatment, for treatments that are not compared."""
    in_several: int = 0
    """Users seen in more than one treatment of the experiment."""


def only_experiment(log: EventLog) -> str:
    """The experiment of a log that has one. Raises InputError that names them where it has not."""
    found: set[str] = set()
    for text, _ in _combinations(log):
        found |= {name for name, arm in json.loads(text).items() if arm is not None}
    if len(found) == 1:
        return found.pop()
    if not found:
        raise InputError("the logs have no experiment: no line names a treatment")
    names = ", ".join(sorted(found))
    raise InputError(f"the logs have {len(found)} experiments, {names}: name one by --experiment")


def assign(
    log: EventLog,
    experiment: str,
    declared: Sequence[str] | None = None,
    above: Above | None = None,
) -> Assignment:
    """Make the tables `treatments` and `users_in_several` of an experiment.

    `declared` are the treatments that ran, as the config has them: others are strays. Where None,
    a treatment is a stray that has fewer than FEWEST users and than 10 % of an equal share, where
    two others are left: an error in the log, not an arm. Events that experiments `above` determine
    are excluded.
    Raises InputError where the log does not have the experiment (naming those it has), or has not
    both the control C and another treatment.
    """
    assigned: Assigned = []
    known: set[str] = set()
    for text, _ in _combinations(log):
        running = {name: arm for name, arm in json.loads(text).items() if arm is not None}
        known |= running.keys()
        if experiment in running and not (above and above.decides(running)):
            assigned.append((text, running[experiment]))
    if not assigned and experiment in known:
        raise InputError(f"--triggered: experiments above {experiment} decide for every user")
    if not assigned:
        found = ", ".join(sorted(known)) or "none"
        raise InputError(f"experiment {experiment} is not in the logs; they have: {found}")
    _save(log, assigned)
    log.engine.run(_SEVERAL.read_text())
    counts = log.engine.rows(
        "SELECT treatment, COUNT(DISTINCT user_id), CAST(SUM(lines) AS BIGINT)"
        " FROM treatment_users GROUP BY treatment ORDER BY treatment"
    )
    users = {treatment: count for treatment, count, _ in counts}
    judged = judged_of(users, declared)
    lines = Counter({treatment: count for treatment, _, count in counts if treatment in judged})
    lines.update(dict.fromkeys(judged, 0))
    there = [treatment for treatment in judged if treatment in users]
    if declared is not None and (CONTROL not in there or len(there) < 2):
        raise InputError(
            f"experiment {experiment} was to have {', '.join(judged)}, but the logs have "
            f"{', '.join(sorted(users, key=natural_order))}: name each with its weight"
        )
    if CONTROL not in there or len(there) < 2:
        raise InputError(
            f"experiment {experiment} has only {', '.join(sorted(users, key=natural_order))} in"
            f" the logs: a comparison needs the control {CONTROL} and at least one other treatment"
        )
    [(several,)] = log.engine.rows("SELECT COUNT(*) FROM users_in_several")
    strays = {treatment: users[treatment] for treatment in users if treatment not in judged}
    log.engine.register("compared_treatments", pa.table([list(judged)], ["treatment"]))
    return Assignment(lines, strays, several)


def assign_everybody(log: EventLog) -> Assignment:
    """Make the same tables for all lines, whatever ran."""
    combinations = _combinations(log)
    _save(log, [(text, EVERYBODY) for text, _ in combinations])
    log.engine.run(_SEVERAL.read_text())
    log.engine.register("compared_treatments", pa.table([[EVERYBODY]], ["treatment"]))
    return Assignment(Counter({EVERYBODY: sum(count for _, count in combinations)}))


def judged_of(users: Mapping[str, int], declared: Sequence[str] | None) -> tuple[str, ...]:
    """The treatments under study, in their order; `users` of each in the log."""
    if declared is not None:
        return tuple(sorted(declared, key=natural_order))
    share = sum(users.values()) / len(users)
    arms = [name for name, count in users.items() if count >= min(FEWEST, 0.1 * share)]
    return tuple(sorted(arms if len(arms) > 1 else users, key=natural_order))


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
