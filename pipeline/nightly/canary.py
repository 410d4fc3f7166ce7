"""What a canary is judged by: the service's own counters, and an analysis of its event log."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from pipeline.nightly.config import Canary

CONTROL, TRIED = "C", "T1"
_FEWEST = 100
"""Answers without which a share says nothing."""
_SAMPLE = re.compile(r"^(botify_\w+?)\{(.*)\} (\S+)$")
_LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True)
class Counts:
    """Counters of the service, since its start."""

    answers: Mapping[str, float]
    """By treatment."""
    fallbacks: Mapping[str, float]
    """Of them, those of another recommender than the treatment's, or without Redis."""
    served: float = 0.0
    """Answers of all users."""
    errors: float = 0.0
    """Answers with a status of 5xx."""

    def since(self, before: "Counts") -> "Counts":
        """The difference; a counter that is smaller than before has begun again at 0."""
        return Counts(
            _each_since(self.answers, before.answers),
            _each_since(self.fallbacks, before.fallbacks),
            _since(self.served, before.served),
            _since(self.errors, before.errors),
        )


def _each_since(now: Mapping[str, float], before: Mapping[str, float]) -> dict[str, float]:
    return {name: _since(now[name], before.get(name, 0.0)) for name in now}


def _since(now: float, before: float) -> float:
    return now - before if now >= before else now


def read_counts(metrics: str, experiment: str, recommenders: Mapping[str, str | None]) -> Counts:
    """From /metrics. `recommenders`: of each treatment.

    Answers of a recommender that two treatments share count for neither.
    """
    answers, fallbacks = dict.fromkeys(recommenders, 0.0), dict.fromkeys(recommenders, 0.0)
    names = list(recommenders.values())
    own = {name: arm for arm, name in recommenders.items() if name and names.count(name) == 1}
    served = errors = 0.0
    for line in metrics.splitlines():
        if not (sample := _SAMPLE.match(line)):
            continue
        name, labels, value = sample[1], dict(_LABEL.findall(sample[2])), float(sample[3])
        arm = labels.get("treatment", "")
        here = labels.get("experiment") == experiment and arm in answers
        if name == "botify_treatment_answers_total" and here:
            answers[arm] += value
        elif name == "botify_treatment_fallbacks_total" and here:
            fallbacks[arm] += value
        elif name == "botify_fallbacks_total" and labels.get("wanted") in own:
            fallbacks[own[labels["wanted"]]] += value
        elif name == "botify_request_seconds_count":
            served += value
        elif name == "botify_refused_total" and labels.get("status", "").startswith("5"):
            errors += value
    return Counts(answers, fallbacks, served, errors)


def fault(counts: Counts, canary: Canary) -> str | None:
    """Why the service's counters since the beginning end the canary; None: nothing does.

    >>> counts = Counts({"C": 900, "T1": 100}, {"C": 9, "T1": 30})
    >>> fault(counts, Canary(max_fallback_rise=0.05))
    'fallback share of T1 is 30.0 %, of C 1.0 %: a rise of more than 5 %'
    """
    requests = counts.served + counts.errors
    if requests >= _FEWEST and counts.errors / requests > canary.max_error_share:
        return (
            f"{counts.errors / requests:.1%} of {requests:,.0f} answers are errors (5xx), more "
            f"than {canary.max_error_share:.1%}"
        )
    old, new = counts.answers.get(CONTROL, 0.0), counts.answers.get(TRIED, 0.0)
    if min(old, new) < _FEWEST:
        return None
    before, now = counts.fallbacks[CONTROL] / old, counts.fallbacks[TRIED] / new
    if now - before > canary.max_fallback_rise:
        return (
            f"fallback share of {TRIED} is {_percent(now)}, of {CONTROL} {_percent(before)}: a "
            f"rise of more than {canary.max_fallback_rise * 100:g} %"
        )
    return None


def harm(analysis: Mapping[str, Any]) -> str | None:
    """Why an analysis with always-valid intervals ends the canary; None: it shows no harm.

    Raises KeyError for an analysis that is none of `botify-offline analyze --json`.
    """
    more_is_better = {row["name"]: row["more_is_better"] for row in analysis["definitions"]}
    for metric, looks in analysis["looks_of"].items():
        if not looks.get(TRIED):
            continue
        last = looks[TRIED][-1]
        low, high = last["lower"], last["upper"]
        if (high < 0) if more_is_better[metric] else (low > 0):
            return f"{metric} of {TRIED} is {low:+.1f} to {high:+.1f} % (always-valid): harm"
    return None


def users(analysis: Mapping[str, Any]) -> dict[str, int]:
    """By treatment."""
    return {arm["treatment"]: arm["users"] for arm in analysis["treatments"]}


def _percent(share: float) -> str:
    return f"{share * 100:.1f} %"
