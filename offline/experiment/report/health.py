"""The section of checks on the page, failures first."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from offline.experiment.analysis import Analysis
from offline.experiment.checks.log_checks import Check, Status
from offline.experiment.checks.sample_ratio import DOUBTFUL_P, SampleRatio

_RATIO_ADVICE = (
    "Find out which users are missing from one arm before anything else: whatever moved them may "
    "be what makes the difference."
)


@dataclass(frozen=True)
class Finding:
    """A check, with all treatments that have the same finding."""

    title: str
    status: Status
    text: str
    advice: str = ""
    places: tuple[str, ...] = ()
    """Labels of treatments; () for the whole experiment."""


@dataclass(frozen=True)
class Health:
    """Findings by how grave they are."""

    stops: Sequence[Finding]
    notes: Sequence[Finding]
    unknown: Sequence[Finding]
    good: Sequence[Finding]

    @property
    def stops_by_advice(self) -> dict[str, list[Finding]]:
        """Each advice once, as it may apply to several checks."""
        found: dict[str, list[Finding]] = {}
        for stop in self.stops:
            found.setdefault(stop.advice, []).append(stop)
        return found

    @property
    def summary(self) -> str:
        """One line for the top of the page."""
        if not (self.stops or self.notes or self.unknown):
            return f"{len(self.good)} checks, all passed"
        parts = [
            (len(self.stops), "stops the verdict", "stop the verdict"),
            (len(self.notes), "note", "notes"),
            (len(self.unknown), "could not be made", "could not be made"),
            (len(self.good), "passed", "passed"),
        ]
        told = [f"{count} {one if count == 1 else many}" for count, one, many in parts if count]
        return f"{sum(count for count, _, _ in parts)} checks: {', '.join(told)}"


def health(analysis: Analysis, labels: Mapping[str, str]) -> Health:
    """Sample ratio first, then the checks in their order; equal ones of treatments together."""
    found = [_sample_ratio(analysis.ratio, labels)]
    together: dict[tuple[str, str, str, str], list[Check]] = {}
    for check in analysis.checks:
        together.setdefault((check.name, check.status, check.text, check.advice), []).append(check)
    for some in together.values():
        first = some[0]
        places = tuple(
            labels.get(check.treatment, check.treatment) for check in some if check.treatment
        )
        found.append(Finding(first.title, first.status, first.text, first.advice, places))
    by = {
        status: [finding for finding in found if finding.status == status]
        for status in ("stop", "note", "unknown", "ok")
    }
    return Health(by["stop"], by["note"], by["unknown"], by["ok"])


def _sample_ratio(ratio: SampleRatio, labels: Mapping[str, str]) -> Finding:
    users = "; ".join(
        f"{labels[name]} has {count:,} users, {ratio.expected[name]:,.0f} expected"
        for name, count in ratio.users.items()
    )
    chance = "" if ratio.p is None else f" (chi-squared, p = {ratio.p:.2g})"
    text = f"{ratio.told}{chance}: {users}"
    title = "Sample ratio"
    if ratio.mismatch:
        return Finding(title, "stop", text, _RATIO_ADVICE)
    if ratio.p is None:
        return Finding(title, "unknown", text)
    return Finding(title, "note" if ratio.p < DOUBTFUL_P else "ok", text)
