"""The options of `analyze` that ask for more than the verdict."""

import functools
from collections.abc import Callable
from typing import Any

import click

from offline.experiment.bayes import PRIOR, check_prior
from offline.experiment.equivalence import parse_equivalence
from offline.experiment.metrics import BY_NAME
from offline.experiment.questions import Questions

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
)


def questions_options(command: Command) -> Command:
    """Give the command these options, as its argument `questions`."""

    @functools.wraps(command)
    def with_questions(*, equivalence: tuple[str, ...], prior: float, **others: Any) -> None:
        questions = Questions(
            equivalence=parse_equivalence(equivalence, list(BY_NAME)),
            prior=check_prior(prior),
        )
        command(questions=questions, **others)

    for option in reversed(_OPTIONS):
        with_questions = option(with_questions)
    return with_questions
