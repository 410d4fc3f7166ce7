"""The whole analysis of an experiment, for the terminal, the page and the JSON."""

from collections.abc import Mapping
from dataclasses import dataclass

from offline.errors import InputError
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.checks.before import check_before
from offline.experiment.checks.log_checks import Check, run_checks
from offline.experiment.checks.sample_ratio import SampleRatio, sample_ratio
from offline.experiment.guardrails import Guardrail, guard
from offline.experiment.metrics import CORE_METRICS, Metric, Metrics
from offline.experiment.rows import Settings, applicable, compare_all
from offline.experiment.segments import Segment, segments
from offline.experiment.sequential import Look, looks
from offline.experiment.stats.bootstrap import DRAWS
from offline.experiment.stats.comparison import Comparison
from offline.experiment.stats.effects import ALPHA, Effect
from offline.experiment.stats.leverage import Heavy
from offline.experiment.versions import VersionEffect, version_effects


@dataclass(frozen=True)
class Options:
    """How an experiment is analysed.

    Examples
    --------
    >>> from offline.experiment import Options
    >>> Options(alpha=0.01, draws=0).alpha
    0.01
    """

    weights: Mapping[str, float] | None = None
    """Intended shares of the treatments; None: equal ones."""
    margins: Mapping[str, float] | None = None
    """Of guardrails, in percent; None: the metrics' margins."""
    alpha: float = ALPHA
    """Chance of a false alarm; the effect table keeps its 5 %."""
    sequential: bool = False
    """Whether the verdict uses the always-valid interval, as results were seen before the end."""
    cuped: bool = False
    """Whether the verdict uses CUPED; must be chosen before any result is seen."""
    cap: float | None = None
    """Percentile above which a user's sums are cut off; None: they are not."""
    draws: int = DRAWS
    """Of the bootstrap; 0: none."""
    seed: int = 0
    """Of the bootstrap and of the permutation test."""
    allowed: tuple[str, ...] = ()
    """Of checks.ALLOWANCES: failed checks that do not stop the verdict."""


@dataclass(frozen=True, eq=False)
class Analysis:
    """The results; `segments` by treatment, of the first primary metric."""

    aggregates: Aggregates
    before: Aggregates | None
    options: Options
    ratio: SampleRatio
    checks: tuple[Check, ...]
    comparisons: tuple[Comparison, ...]
    heavy: tuple[Heavy, ...]
    """The users with the largest weights, by metric and treatment."""
    missing: Mapping[str, str]
    """Metrics that cannot be computed from the log, and why."""
    guardrails: tuple[Guardrail, ...]
    looks_of: Mapping[str, Mapping[str, tuple[Look, ...]]]
    """Of each primary metric, by treatment."""
    segments: Mapping[str, tuple[Segment, ...]]
    versions_of: Mapping[str, Mapping[str, tuple[VersionEffect, ...]]]
    """While each set of models was in service: of each primary metric, by treatment; () where
    none changed."""

    @property
    def metrics(self) -> Metrics:
        """The metrics of the experiment."""
        return self.aggregates.metrics

    @property
    def control(self) -> str:
        """The treatment that the others are compared with."""
        return self.aggregates.control

    @property
    def primary(self) -> Metric:
        """The first primary metric: the one of the pictures."""
        return self.metrics.primaries[0]

    @property
    def looks(self) -> Mapping[str, tuple[Look, ...]]:
        """Of the first primary metric, by treatment."""
        return self.looks_of[self.primary.name]

    @property
    def versions(self) -> Mapping[str, tuple[VersionEffect, ...]]:
        """Of the first primary metric, by treatment."""
        return self.versions_of[self.primary.name]

    @property
    def has_past(self) -> bool:
        """Whether CUPED could be computed."""
        past = any(metric.before is not None for metric in self.metrics.of_users)
        return self.before is not None or past

    @property
    def core_effects(self) -> tuple[Effect, ...]:
        """The effect table of the protocol; empty for a table, which is no log of listening."""
        if self.aggregates.source != "log":
            return ()
        rows = [row.table for row in self.comparisons if row.effect.metric in CORE_METRICS]
        places = {arm.treatment: place for place, arm in enumerate(self.aggregates.arms)}
        return tuple(
            sorted(rows, key=lambda row: (places[row.treatment], CORE_METRICS.index(row.metric)))
        )

    def primary_rows(self, treatment: str) -> tuple[Comparison, ...]:
        """The rows that the verdict on a treatment is about: one per primary metric."""
        found = {
            row.effect.metric: row for row in self.comparisons if row.effect.treatment == treatment
        }
        return tuple(found[metric.name] for metric in self.metrics.primaries)

    def deciding(self, treatment: str) -> Comparison:
        """The first of them."""
        return self.primary_rows(treatment)[0]


def analyse(
    aggregates: Aggregates, before: Aggregates | None = None, options: Options | None = None
) -> Analysis:
    """Compare every treatment with the control, in every metric.

    Parameters
    ----------
    aggregates : Aggregates
        As `aggregate` gives it.
    before : Aggregates, optional
        The same users' log from before the experiment, for CUPED and segments.
    options : Options, optional

    Returns
    -------
    Analysis
        `comparisons`, a row for each treatment and metric; `core_effects`, the effect table;
        `guardrails`, `checks`, `ratio` (of sample sizes), `looks`, `segments`, `versions`.

    Raises
    ------
    InputError
        If the weights do not match the treatments, `before` is no earlier period, CUPED is asked
        for without one, a cap leaves nothing, or a primary metric cannot be computed.

    Examples
    --------
    >>> from offline import open_logs
    >>> from offline.experiment import Options, aggregate, analyse
    >>> with open_logs(["log"]) as log:
    ...     aggregates = aggregate(log, "AB")
    >>> analysis = analyse(aggregates, options=Options(draws=0))
    >>> row = analysis.deciding("T1")
    >>> row.effect.metric, round(row.change, 1), row.p < 0.001
    ('mean_session_time', 17.1, True)
    """
    options = options or Options()
    if before is not None:
        check_before(aggregates, before)
    elif options.cuped and not any(some.before for some in aggregates.metrics.of_users):
        what = "the same users' logs from before the experiment"
        if aggregates.source == "table":
            what = "a column that says what the users were before: --before-column"
        raise InputError(f"CUPED needs {what}")
    ratio = sample_ratio(aggregates, options.weights)
    metrics, missing = applicable(aggregates)
    primaries, alpha = aggregates.metrics.primaries, options.alpha
    for metric in primaries:
        if metric.name in missing:
            raise InputError(f"metric {metric.name} is primary: {missing[metric.name]}")
    settings = Settings(
        tuple(metric.name for metric in primaries),
        options.cap,
        options.cuped,
        options.draws,
        options.seed,
        alpha,
    )
    found = compare_all(aggregates, before, metrics, settings)
    treatments = [arm.treatment for arm in aggregates.arms[1:]]
    caps = {row.effect.metric: row.cap for row in found.rows}
    followed = {
        metric.name: {
            name: looks(
                aggregates,
                name,
                metric,
                before=before,
                cuped=options.cuped,
                cap=caps.get(metric.name),
                alpha=alpha,
            )
            for name in treatments
        }
        for metric in primaries
    }
    first = followed[primaries[0].name]
    times = {name: some[-1].times for name, some in first.items() if some}
    margins = aggregates.metrics.margins if options.margins is None else options.margins
    return Analysis(
        aggregates,
        before,
        options,
        ratio,
        run_checks(aggregates, options.allowed),
        found.rows,
        found.heavy,
        missing,
        guard(found.rows, margins, times if options.sequential else None, aggregates.metrics),
        followed,
        {name: segments(aggregates, before, name, primaries[0], alpha) for name in treatments},
        {
            metric.name: {
                name: version_effects(aggregates, name, metric, alpha) for name in treatments
            }
            for metric in primaries
        },
    )


def check_alpha(alpha: float) -> float:
    """The value. Raises InputError if it is no usable significance level."""
    if not 0.0001 <= alpha <= 0.5:
        raise InputError(f"--alpha {alpha:g}: it must be from 0.0001 to 0.5, such as 0.05")
    return alpha
