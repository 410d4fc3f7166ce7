"""An experiment, analysed: everything that the terminal, the page and the JSON tell."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from offline.errors import InputError
from offline.experiment.aggregate import Aggregates
from offline.experiment.before import check_before
from offline.experiment.bootstrap import DRAWS
from offline.experiment.checks import Check, run_checks
from offline.experiment.comparison import Comparison
from offline.experiment.effects import Effect
from offline.experiment.guardrails import DEFAULT, Guardrail, guard
from offline.experiment.health import SampleRatio, sample_ratio
from offline.experiment.leverage import Heavy
from offline.experiment.metrics import FAMILY
from offline.experiment.rows import Settings, applicable, compare_all
from offline.experiment.segments import Segment, segments
from offline.experiment.sequential import Look, looks
from offline.experiment.versions import VersionEffect, version_effects

DECIDING = "mean_session_time"


@dataclass(frozen=True)
class Options:
    """How an experiment is analysed."""

    weights: Mapping[str, float] | None = None
    """Shares that the treatments were to have; None: equal ones."""
    margins: Mapping[str, float] = field(default_factory=lambda: DEFAULT)
    """Of guardrails, in percent."""
    sequential: bool = False
    """Whether the verdict rests on the always-valid interval: somebody looked before the end."""
    cuped: bool = False
    """Whether the verdict rests on CUPED: named before anybody saw a result."""
    cap: float | None = None
    """Percentile above which a user's sums are cut off; None: they are not."""
    draws: int = DRAWS
    """Of the bootstrap; 0: none."""
    seed: int = 0
    """Of the bootstrap and of the permutation test."""
    allowed: tuple[str, ...] = ()
    """Of checks.ALLOWANCES: what stops no verdict though it should."""


@dataclass(frozen=True, eq=False)
class Analysis:
    """What was found; `looks` and `segments` by treatment."""

    aggregates: Aggregates
    before: Aggregates | None
    options: Options
    ratio: SampleRatio
    checks: tuple[Check, ...]
    comparisons: tuple[Comparison, ...]
    heavy: tuple[Heavy, ...]
    """The users that weigh most, by metric and treatment."""
    missing: Mapping[str, str]
    """Metrics that the log cannot tell, and why."""
    guardrails: tuple[Guardrail, ...]
    looks: Mapping[str, tuple[Look, ...]]
    segments: Mapping[str, tuple[Segment, ...]]
    versions: Mapping[str, tuple[VersionEffect, ...]]
    """While each set of models was in service, by treatment; empty where none changed."""

    @property
    def family(self) -> tuple[Effect, ...]:
        """The effect table of the protocol."""
        return tuple(row.table for row in self.comparisons if row.effect.metric in FAMILY)

    def deciding(self, treatment: str) -> Comparison:
        """The row that the verdict on a treatment is about."""
        return next(
            row
            for row in self.comparisons
            if (row.effect.treatment, row.effect.metric) == (treatment, DECIDING)
        )


def analyse(
    aggregates: Aggregates, before: Aggregates | None = None, options: Options | None = None
) -> Analysis:
    """Analyse an experiment; `before` is its users' log from before it, for CUPED and segments.

    Raises InputError where the weights are not those of the treatments in the log, where the
    period before is none, where CUPED is to decide without one, or where a cap leaves nothing.
    """
    options = options or Options()
    if before is not None:
        check_before(aggregates, before)
    elif options.cuped:
        raise InputError("CUPED needs the same users' logs from before the experiment")
    ratio = sample_ratio(aggregates, options.weights)
    metrics, missing = applicable(aggregates)
    settings = Settings(DECIDING, options.cap, options.cuped, options.draws, options.seed)
    found = compare_all(aggregates, before, metrics, settings)
    treatments = [arm.treatment for arm in aggregates.arms[1:]]
    caps = [row.cap for row in found.rows if row.effect.metric == DECIDING]
    limit = caps[0].above if caps and caps[0] is not None else math.inf
    past = before if options.cuped else None
    followed = {name: looks(aggregates, name, past, limit) for name in treatments}
    times = {name: some[-1].times for name, some in followed.items() if some}
    return Analysis(
        aggregates,
        before,
        options,
        ratio,
        run_checks(aggregates, options.allowed),
        found.rows,
        found.heavy,
        missing,
        guard(found.rows, options.margins, times if options.sequential else None),
        followed,
        {name: segments(aggregates, before, name, DECIDING) for name in treatments},
        {name: version_effects(aggregates, name) for name in treatments},
    )
