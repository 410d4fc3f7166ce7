"""Judge A/B experiments: from a log to effects, a verdict, and a page.

The names below are the public surface; everything else in this package may change without notice.
Each name is imported when it is first used. Examples read `log`, an experiment AB in which users
of T1 hear 50 % more of each recommendation than those of the control C.
"""

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from offline.experiment.aggregates.aggregate import aggregate
    from offline.experiment.aggregates.assignment import CONTROL
    from offline.experiment.analysis import Options, analyse
    from offline.experiment.checks.sample_ratio import health_text
    from offline.experiment.metric_files import read_metrics
    from offline.experiment.metrics import CORE_METRICS
    from offline.experiment.questions.ask import Questions, answer
    from offline.experiment.report.page import render_report
    from offline.experiment.report.run_info import RunInfo
    from offline.experiment.report.text import guardrail_text, more_text, quality_text
    from offline.experiment.report.to_csv import as_csv
    from offline.experiment.report.to_json import as_json
    from offline.experiment.stats.comparison import compare_samples
    from offline.experiment.stats.effects import Moments, as_frame, effect_table, welch_margin
    from offline.experiment.stats.sample import Sample
    from offline.experiment.verdict.verdict import verdicts
    from offline.experiment.words import label

_MODULES = {
    "CONTROL": "offline.experiment.aggregates.assignment",
    "CORE_METRICS": "offline.experiment.metrics",
    "Moments": "offline.experiment.stats.effects",
    "Options": "offline.experiment.analysis",
    "Questions": "offline.experiment.questions.ask",
    "RunInfo": "offline.experiment.report.run_info",
    "Sample": "offline.experiment.stats.sample",
    "aggregate": "offline.experiment.aggregates.aggregate",
    "analyse": "offline.experiment.analysis",
    "answer": "offline.experiment.questions.ask",
    "as_csv": "offline.experiment.report.to_csv",
    "as_frame": "offline.experiment.stats.effects",
    "as_json": "offline.experiment.report.to_json",
    "compare_samples": "offline.experiment.stats.comparison",
    "effect_table": "offline.experiment.stats.effects",
    "guardrail_text": "offline.experiment.report.text",
    "health_text": "offline.experiment.checks.sample_ratio",
    "label": "offline.experiment.words",
    "more_text": "offline.experiment.report.text",
    "quality_text": "offline.experiment.report.text",
    "read_metrics": "offline.experiment.metric_files",
    "render_report": "offline.experiment.report.page",
    "verdicts": "offline.experiment.verdict.verdict",
    "welch_margin": "offline.experiment.stats.effects",
}
"""Where each name is defined."""

__all__ = [  # as in _MODULES
    "CONTROL",
    "CORE_METRICS",
    "Moments",
    "Options",
    "Questions",
    "RunInfo",
    "Sample",
    "aggregate",
    "analyse",
    "answer",
    "as_csv",
    "as_frame",
    "as_json",
    "compare_samples",
    "effect_table",
    "guardrail_text",
    "health_text",
    "label",
    "more_text",
    "quality_text",
    "read_metrics",
    "render_report",
    "verdicts",
    "welch_margin",
]


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
