"""Experiments below others in the config: for which users can the answer differ?

The first experiment in which a user's treatment names a recommender determines which recommender
answers. For users of such a treatment the experiments below change nothing, whatever is logged:
these users dilute the effect (A. Deng, V. Hu, "Diluted Treatment Effect Estimation for Trigger
Analysis in Online Controlled Experiments", WSDM 2015). As experiments assign users independently,
excluding these users from both arms is no selection by treatment.
"""

import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from offline.engine import Engine
from offline.errors import InputError


@dataclass(frozen=True)
class Above:
    """Experiments with precedence over one, with their treatments that name a recommender."""

    deciding: Mapping[str, frozenset[str]]

    def decides(self, running: Mapping[str, str]) -> str | None:
        """The experiment that takes precedence for users of these treatments; None if none does.

        `running` has the treatment by experiment, as logged.
        """
        for name, treatments in self.deciding.items():
            if running.get(name) in treatments:
                return name
        return None


def above_of(experiment: str, running: Mapping[str, Any]) -> Above | None:
    """From experiments in the config's order; None if none takes precedence for any user.

    Raises InputError where `experiment` is not among them.
    """
    if experiment not in running:
        names = ", ".join(running) or "none"
        raise InputError(f"the config has no experiment {experiment}; it has: {names}")
    deciding = {}
    for name, described in running.items():
        if name == experiment:
            break
        treatments = described.get("treatments") if isinstance(described, Mapping) else None
        names_one = {
            str(arm) for arm, recommender in dict(treatments or {}).items() if recommender
        }
        if names_one:
            deciding[name] = frozenset(names_one)
    return Above(deciding) if deciding else None


@dataclass(frozen=True)
class Dilution:
    """How many of an experiment's users cannot be affected by it."""

    users: int
    """All users of the experiment, affected or not."""
    decided: Mapping[str, int]
    """Unaffected users, by the experiment that takes precedence."""
    triggered: bool
    """Whether unaffected users are excluded from the analysis."""

    @property
    def share(self) -> float:
        """Share of the users whose answers can differ."""
        return 1 - sum(self.decided.values()) / self.users


def dilution_of(engine: Engine, experiment: str, above: Above, triggered: bool) -> Dilution:
    """From an open log; if a user's status changed, the status with most events counts."""
    fates: dict[str, Counter[str]] = {}
    for user, text, lines in engine.rows(
        "SELECT user_id, experiments, COUNT(*) FROM events GROUP BY user_id, experiments"
    ):
        running = {name: arm for name, arm in json.loads(text).items() if arm is not None}
        if experiment in running:
            fates.setdefault(user, Counter())[above.decides(running) or ""] += lines
    by = Counter(max(sorted(fate), key=fate.__getitem__) for fate in fates.values())
    users = sum(by.values())
    return Dilution(users, {name: by[name] for name in above.deciding if by[name]}, triggered)


def diluted(effect: float, share: float) -> float:
    """An effect, in percent, over all users, if the others have the same mean without it."""
    return effect * share
