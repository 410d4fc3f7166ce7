"""A difference in the metric's own unit: as figures, points and words."""

from dataclasses import dataclass, replace
from functools import cache

from offline.experiment.metric_files import built_in
from offline.experiment.metrics import Metric, Metrics
from offline.experiment.stats.absolute import absolute
from offline.experiment.stats.comparison import Comparison, Interval
from offline.experiment.stats.effects import NO_SPREAD
from offline.experiment.verdict.roles import is_share

_MORE, _SHORTER = ("more", "fewer"), ("longer", "shorter")
_WORDS = {
    "sessions": (_MORE, "{} {} finished sessions per user"),
    "mean_session_length": (_MORE, "{} {} tracks per session"),
    "mean_session_time": (("more", "less"), "{} {} tracks’ worth of listening per session"),
    "mean_request_time": (_SHORTER, "{} {} per request"),
    "time_per_user": (("more", "less"), "{} {} tracks’ worth of listening per user"),
    "recommended_per_session": (_MORE, "{} {} recommended tracks per session"),
    "artists_per_session": (_MORE, "{} {} different artists per session"),
    "coverage": (_MORE, "{} {} different tracks to 50 users"),
    "request_time_p99": (_SHORTER, "{} {} for the slowest hundredth of the requests"),
}
"""Words for more and less of a built-in metric; for any other: "more" and "less"."""
_PLAIN = (("more", "less"), "{} {}")


@dataclass(frozen=True)
class Gain:
    """Treatment − control in the unit that is shown; None where it is undefined."""

    difference: float | None
    interval: Interval | None
    unit: str
    """" points" for a share."""
    metric: Metric

    @property
    def text(self) -> str:
        """`+3.88`, `−0.1 points`."""
        return "–" if self.difference is None else signed(self.difference) + self.unit

    @property
    def ends(self) -> str:
        """`+3.42 to +4.35 points`; "" without an interval."""
        if self.interval is None:
            return ""
        lower, upper = map(signed, self.interval)
        return f"{lower} to {upper}{self.unit}"

    @property
    def words(self) -> str:
        """`3.88 more tracks’ worth of listening per session`; "" where it is undefined."""
        if self.difference is None:
            return ""
        (more, less), form = _WORDS[self.metric.name] if _is_built_in(self.metric) else _PLAIN
        size = signed(abs(self.difference)).removeprefix("+")
        if size == "0":
            return "no difference"
        return form.format(f"{size}{self.unit}", more if self.difference > 0 else less)


def gain(row: Comparison, metric: Metric) -> Gain:
    """The difference of a row, after CUPED if the verdict uses CUPED.

    The interval is omitted if it is not from the verdict's test and would contradict it:
    with a permutation test only the relative interval is its own.
    """
    own = absolute(row)
    found = None
    if own.lower is not None and own.upper is not None:
        excludes = not own.lower <= 0 <= own.upper
        decided = row.relative is None or excludes == (not row.relative[0] <= 0 <= row.relative[1])
        if decided or not row.method.endswith("permutation"):
            found = own.lower * metric.scale, own.upper * metric.scale
    unit = " points" if is_share(metric) else metric.unit
    difference = None if own.difference is None else own.difference * metric.scale
    was = row.effect.control_mean
    if own.difference and was and abs(own.difference) <= NO_SPREAD * abs(was):
        difference = 0.0
    return Gain(difference, found, unit, metric)


def signed(value: float) -> str:
    """Three digits or whole, with a sign: +0.0412, +3.88, -1,250; 0 for nothing."""
    if value == 0:
        return "0"
    size = abs(value)
    decimals = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 0.1 else 3
    if size < 0.001:
        return f"{value:+.1g}"
    return f"{value:+,.{decimals}f}"


def _is_built_in(metric: Metric) -> bool:
    """Whether `_WORDS` fits: one of its name may count something else, or in another unit."""
    if metric.name not in _WORDS:
        return False
    known = _built_in()[metric.name]
    plain = replace(metric, role=known.role, margin=known.margin)  # which change no word
    return replace(plain, decimals=known.decimals) == known


@cache
def _built_in() -> Metrics:
    return built_in()
