"""The options of `analyze` that ask for more than the verdict."""

import functools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pandas as pd

from offline.errors import InputError
from offline.experiment.metrics import Metrics
from offline.experiment.questions.ask import Questions
from offline.experiment.questions.attributes import read_attributes
from offline.experiment.rule import Rule
from offline.experiment.stats.bayes import PRIOR, check_prior
from offline.experiment.stats.equivalence import parse_equivalence

Command = Callable[..., None]

_OPTIONS = (
    click.option(
        "--equivalence",
        multiple=True,
        metavar="METRIC=PERCENT",
        help="Test that the effect is no larger than this, in either direction; may be repeated.",
    ),
    click.option(
        "--prior",
        type=float,
        default=PRIOR,
        show_default=True,
        metavar="PERCENT",
        help="Standard deviation of the effects that the Bayesian reading expects.",
    ),
    click.option(
        "--attributes",
        type=click.Path(path_type=Path),
        help="A table with a row per user (.json, .csv, .parquet; column `user`), for segments.",
    ),
    click.option(
        "--segment-by",
        multiple=True,
        metavar="COLUMN",
        help="A column of --attributes to segment by; may be repeated.",
    ),
    click.option(
        "--interaction",
        metavar="OTHER",
        help="Another experiment on the same users: does the effect depend on its treatments?",
    ),
    click.option(
        "--rule",
        help="Decision rule: superiority, non-inferiority=2, equivalence=2 "
        "(percent), or holdout, where the control was held back from what is shipped. "
        "[default: as the metrics say: superiority]",
    ),
    click.option(
        "--triggered",
        is_flag=True,
        help="Leave out users whose treatment an experiment above it in the config decides.",
    ),
)


@dataclass(frozen=True, eq=False)
class Asked:
    """What the options say; which metrics there are is known later."""

    equivalence: tuple[str, ...]
    prior: float
    attributes: pd.DataFrame | None
    interaction: str | None
    rule: Rule | None
    """None: as the metrics say."""
    triggered: bool

    def about(self, metrics: Metrics) -> Questions:
        """The questions to an experiment with these metrics. Raises InputError for another."""
        return Questions(
            parse_equivalence(self.equivalence, list(metrics.by_name)),
            self.prior,
            self.attributes,
            self.interaction,
            self.rule or metrics.rule,
            self.triggered,
        )


def questions_options(command: Command) -> Command:
    """Give the command these options, as its argument `asked`."""

    @functools.wraps(command)
    def with_questions(
        *,
        equivalence: tuple[str, ...],
        prior: float,
        attributes: Path | None,
        segment_by: tuple[str, ...],
        interaction: str | None,
        rule: str | None,
        triggered: bool,
        **others: Any,
    ) -> None:
        asked = Asked(
            equivalence,
            check_prior(prior),
            _attributes(attributes, segment_by),
            interaction,
            None if rule is None else Rule.parse(rule),
            triggered,
        )
        command(asked=asked, **others)

    for option in reversed(_OPTIONS):
        with_questions = option(with_questions)
    return with_questions


def _attributes(path: Path | None, columns: tuple[str, ...]) -> pd.DataFrame | None:
    if path is None and not columns:
        return None
    if path is None or not columns:
        raise InputError("--attributes and --segment-by belong together: a file, and its columns")
    return read_attributes(path, list(dict.fromkeys(columns)))
