"""The options of `analyze` that ask for more than the verdict."""

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import pandas as pd

from offline.errors import InputError
from offline.experiment.attributes import read_attributes
from offline.experiment.bayes import PRIOR, check_prior
from offline.experiment.equivalence import parse_equivalence
from offline.experiment.metrics import BY_NAME
from offline.experiment.questions import Questions
from offline.experiment.rules import Rule

Command = Callable[..., None]

_OPTIONS = (
    click.option(
        "--equivalence",
        multiple=True,
        metavar="METRIC=PERCENT",
        help="Whether no effect is larger than that, in either direction; may be repeated.",
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
        help="A row per user (.json, .csv, .parquet; column `user`), to cut the users by.",
    ),
    click.option(
        "--segment-by",
        multiple=True,
        metavar="COLUMN",
        help="A column of --attributes to cut them by; may be repeated.",
    ),
    click.option(
        "--interaction",
        metavar="OTHER",
        help="Another experiment on the same users: does the effect depend on its treatments?",
    ),
    click.option(
        "--rule",
        default="superiority",
        show_default=True,
        help="By what the treatments are decided: superiority, non-inferiority=2, equivalence=2 "
        "(percent), or holdout, where the control was held back from what is shipped.",
    ),
    click.option(
        "--triggered",
        is_flag=True,
        help="Leave out users for whom an experiment above it in the config decides.",
    ),
)


def questions_options(command: Command) -> Command:
    """Give the command these options, as its argument `questions`."""

    @functools.wraps(command)
    def with_questions(
        *,
        equivalence: tuple[str, ...],
        prior: float,
        attributes: Path | None,
        segment_by: tuple[str, ...],
        interaction: str | None,
        rule: str,
        triggered: bool,
        **others: Any,
    ) -> None:
        if interaction is not None and interaction == others.get("experiment"):
            raise InputError(f"--interaction {interaction}: name another experiment")
        questions = Questions(
            equivalence=parse_equivalence(equivalence, list(BY_NAME)),
            prior=check_prior(prior),
            attributes=_attributes(attributes, segment_by),
            other=interaction,
            rule=Rule.parse(rule),
            triggered=triggered,
        )
        command(questions=questions, **others)

    for option in reversed(_OPTIONS):
        with_questions = option(with_questions)
    return with_questions


def _attributes(path: Path | None, columns: tuple[str, ...]) -> pd.DataFrame | None:
    if path is None and not columns:
        return None
    if path is None or not columns:
        raise InputError("--attributes and --segment-by belong together: a file, and its columns")
    return read_attributes(path, list(dict.fromkeys(columns)))
