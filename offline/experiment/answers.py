"""The answers of `questions` for a terminal and for programs."""

from dataclasses import asdict
from typing import Any

from offline.experiment.analysis import DECIDING
from offline.experiment.bayes import Reading
from offline.experiment.equivalence import Equivalence
from offline.experiment.questions import Answers
from offline.experiment.words import interval, percent


def answers_text(answers: Answers) -> list[str]:
    """A line each; of the Bayesian reading that of the deciding metric alone."""
    lines = [_equivalence(some) for some in answers.equivalences]
    lines += [_reading(some) for some in answers.readings if some.metric == DECIDING]
    return lines


def answers_json(answers: Answers) -> dict[str, Any]:
    """Everything, as JSON values."""
    return {
        "equivalence": [asdict(some) for some in answers.equivalences],
        "bayesian": [asdict(some) for some in answers.readings],
    }


def _equivalence(some: Equivalence) -> str:
    if some.lower is None or some.upper is None:
        ends = "no interval"
    else:
        kind = "always-valid " if some.method == "always-valid" else ""
        ends = f"{kind}{100 * some.confidence:g} % interval {interval(some.lower, some.upper)}"
    told = {
        "shown": f"no effect larger than {some.margin:g} %",
        "not shown": f"an effect larger than {some.margin:g} % is not ruled out",
        "refuted": f"the effect is larger than {some.margin:g} %",
    }[some.status]
    changed = "" if some.effect is None else f"{percent(some.effect)}; "
    return f"equivalence {some.treatment} {some.metric}: {told} ({changed}{ends})"


def _reading(some: Reading) -> str:
    text = (
        f"Bayesian reading of {some.treatment} {some.metric}: better with probability "
        f"{_chance(some.better)}; expected loss {some.loss_of_shipping:.2g} % if shipped, "
        f"{some.loss_of_keeping:.2g} % if not (prior: effects of 0 ± {some.prior:g} %)"
    )
    if some.surprising:
        text += "; so large an effect is not what that prior expects: give one that does (--prior)"
    return text


def _chance(share: float) -> str:
    """Never 100 %: no data makes a prior certain."""
    if share > 0.999:
        return "over 99.9 %"
    return "under 0.1 %" if share < 0.001 else f"{100 * share:.1f} %"
