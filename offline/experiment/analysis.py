"""An experiment, analysed: everything that the terminal, the page and the JSON tell."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from offline.experiment.aggregate import Aggregates
from offline.experiment.bootstrap import DRAWS
from offline.experiment.checks import Check, run_checks
from offline.experiment.comparison import Comparison, applicable, compare_all
from offline.experiment.effects import Effect
from offline.experiment.guardrails import DEFAULT, Guardrail, guard
from offline.experiment.health import SampleRatio, sample_ratio
from offline.experiment.metrics import FAMILY
from offline.experiment.segments import Segment, segments
from offline.experiment.sequential import Look, looks

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
    draws: int = DRAWS
    """Of the bootstrap; 0: none."""
    seed: int = 0
    """Of the bootstrap."""
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
    missing: Mapping[str, str]
    """Metrics that the log cannot tell, and why."""
    guardrails: tuple[Guardrail, ...]
    looks: Mapping[str, tuple[Look, ...]]
    segments: Mapping[str, tuple[Segment, ...]]

    @property
    def family(self) -> tuple[Effect, ...]:
        """The effect table of the protocol."""
        return tuple(row.effect for row in self.comparisons if row.effect.metric in FAMILY)

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
    """Analyse an experiment; `before` is its users' log from before it, for CUPED.

    Raises InputError where the weights are not those of the treatments in the log.
    """
    options = options or Options()
    ratio = sample_ratio(aggregates, options.weights)
    metrics, missing = applicable(aggregates)
    rng = np.random.default_rng(options.seed)
    comparisons = compare_all(aggregates, before, metrics, rng, options.draws)
    treatments = [arm.treatment for arm in aggregates.arms[1:]]
    return Analysis(
        aggregates,
        before,
        options,
        ratio,
        run_checks(aggregates, options.allowed),
        comparisons,
        missing,
        guard(comparisons, options.margins),
        {name: looks(aggregates, name) for name in treatments},
        {name: segments(aggregates, before, name, DECIDING) for name in treatments},
    )
