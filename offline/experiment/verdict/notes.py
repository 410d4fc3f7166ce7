"""Notes on the rows: users that weigh most, caps, the basis of the verdict.

The same on the terminal, on the page and in the JSON.
"""

from collections.abc import Mapping

from offline.experiment.analysis import Analysis
from offline.experiment.metrics import Metrics
from offline.experiment.stats.comparison import Comparison
from offline.experiment.stats.leverage import Heavy
from offline.experiment.words import interval, moment, percent

_MOST = 10


def notes(analysis: Analysis, labels: Mapping[str, str]) -> list[str]:
    """A sentence each; `labels` has the names of C, T1, ...."""
    return [
        *_dropped(analysis),
        *_heavy(analysis, labels),
        *_caps(analysis),
        *_past(analysis),
        *_several_looks(analysis),
        *_versions(analysis, labels),
    ]


def _dropped(analysis: Analysis) -> list[str]:
    quality = analysis.aggregates.quality
    if not quality.dropped_users:
        return []
    users = quality.dropped_users
    names = ", ".join(users[:_MOST]) + (", ..." if len(users) > _MOST else "")
    return [
        f"{len(users):,} user{'s' if len(users) > 1 else ''} dropped by name, with "
        f"{quality.dropped_lines:,} lines: {names}."
    ]


def _heavy(analysis: Analysis, labels: Mapping[str, str]) -> list[str]:
    """Users that a metric of an arm is largely about, heaviest first."""
    by_user: dict[tuple[str, str], list[Heavy]] = {}
    for some in sorted(analysis.heavy, key=lambda some: -some.share):
        if some.notable and some.without != some.value:
            by_user.setdefault((some.treatment, some.user_id), []).append(some)
    told = [
        f"User {user} of {labels[treatment]} weighs much: "
        f"{'; '.join(_weight(one, analysis.metrics) for one in some)}."
        for (treatment, user), some in list(by_user.items())[:_MOST]
    ]
    if len(by_user) > _MOST:
        told.append(f"{len(by_user) - _MOST:,} more users that weigh much are in the JSON.")
    return told


def _weight(some: Heavy, metrics: Metrics) -> str:
    metric = metrics[some.metric]
    text = f"{100 * some.share:.0f} % of {metric.called}"
    if some.without is None:
        return text
    values = (some.value * metric.scale, some.without * metric.scale)
    was, now = (f"{value:.4g}{metric.unit}" for value in values)
    return f"{text} ({was}, without that user {now})"


def _caps(analysis: Analysis) -> list[str]:
    """Where each metric was cut off, and what it is without."""
    told = []
    for row in analysis.comparisons:
        if row.cap is None or row.uncapped is None:
            continue
        metric, found = analysis.metrics[row.effect.metric], row.cap
        head = f"{row.effect.treatment} {metric.called}"
        if found.refused:
            told.append(
                f"{head}: not capped, as {analysis.options.cap:g} % of the users have the least."
            )
            continue
        at = f"{found.above:.4g}"
        if found.below is not None:
            at = f"{metric.numerator} {found.above:.4g} and {metric.denominator} {found.below:.4g}"
        users = f"{found.users:,} user{'s' if found.users != 1 else ''}"
        told.append(f"{head}: capped at {at} ({users}); uncapped {_told(row.uncapped)}.")
    return told


def _told(row: Comparison) -> str:
    if row.change is None:
        return "undefined"
    ends = "no interval" if row.relative is None else interval(*row.relative)
    return f"{percent(row.change)} ({ends})"


def _past(analysis: Analysis) -> list[str]:
    if not analysis.has_past:
        if analysis.aggregates.source == "table":
            return []
        return [
            "No segments: users are cut by what they did before the experiment, and no logs from "
            "before it were given (--before)."
        ]
    if not analysis.options.cuped:
        return [
            "CUPED is shown beside and decides nothing: --cuped makes it the verdict's basis, if "
            "that was settled before anybody saw a result."
        ]
    return ["The verdict, the guardrails and the looks rest on CUPED, as --cuped says."]


def _several_looks(analysis: Analysis) -> list[str]:
    if not analysis.options.sequential:
        return []
    return [
        "The verdict and the guardrails hold at every look; all other intervals and p-values are "
        "of a single look, at the end."
    ]


def _versions(analysis: Analysis, labels: Mapping[str, str]) -> list[str]:
    """The effect while each set of models was in service."""
    told = []
    every = [
        (metric.title, treatment, spans)
        for metric in analysis.metrics.primaries
        for treatment, spans in analysis.versions_of[metric.name].items()
        if spans
    ]
    for title, treatment, spans in every:
        effects = []
        for span in spans:
            row = span.comparison
            effect = "no interval"
            if row.change is not None and row.relative is not None:
                effect = f"{percent(row.change)} ({interval(*row.relative)})"
            place = (
                "before the first change" if span.since is None else f"from {moment(span.since)}"
            )
            effects.append(f"{place} {effect}")
        told.append(f"{title} of {labels[treatment]} by version: {'; '.join(effects)}.")
    return told
