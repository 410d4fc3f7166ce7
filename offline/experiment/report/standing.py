"""A row's result in a word and a colour, consistent with the verdict's sentence."""

from dataclasses import dataclass
from typing import Literal

from offline.experiment.analysis import Analysis
from offline.experiment.rule import Rule
from offline.experiment.stats.comparison import Comparison
from offline.experiment.verdict.roles import (
    guardrail_of,
    is_better,
    is_judged,
    is_primary,
    is_stopped,
    is_worse,
    matters,
    significant,
)
from offline.experiment.verdict.rules import find

Tone = Literal["good", "bad", "flat"]
_OF_GUARDRAILS = {
    "holds": "within its margin",
    "broken": "breaks its margin",
    "not shown": "not shown to stay within its margin",
}


@dataclass(frozen=True)
class Standing:
    """Of one row of the page."""

    tone: Tone
    """Its colour: none if the verdict is stopped, whatever the result."""
    words: str
    """"" without a test."""


def standing(analysis: Analysis, row: Comparison, rule: Rule) -> Standing:
    """A primary row as the rule has it, a guardrail as its margin has it, others by Holm's p.

    Primary rows have a colour however small their effect is, as the verdict counts them; others
    only where the effect is of any use or harm.
    """
    if is_primary(analysis, row.effect.metric):
        found = _primary(analysis, row, rule)
    else:
        found = _other(analysis, row)
    if found.words and row.method.startswith("CUPED"):
        found = Standing(found.tone, f"{found.words}, after CUPED")
    if is_stopped(analysis, row.effect.treatment):
        return Standing("flat", found.words)
    return found


def _primary(analysis: Analysis, row: Comparison, rule: Rule) -> Standing:
    if rule.kind != "superiority":
        return _by_rule(analysis, row, rule)
    if not is_judged(analysis, row):
        return Standing("flat", "" if row.p is None else "cannot be judged")
    if not significant(analysis, row):
        return Standing("flat", "not significant")
    return Standing("good" if is_better(analysis, row) else "bad", "significant")


def _by_rule(analysis: Analysis, row: Comparison, rule: Rule) -> Standing:
    finding = find(analysis, row, rule)
    if finding is None:
        return Standing("flat", "" if row.p is None else "cannot be judged")
    margin = "" if rule.margin is None else f"{rule.margin:g} %"
    words = {
        "non-inferiority": {
            "shown": f"at most {margin} worse",
            "refuted": f"more than {margin} worse",
            "open": f"not shown to be at most {margin} worse",
        },
        "equivalence": {
            "shown": f"differs by less than {margin}",
            "refuted": f"more than {margin} worse",
            "beyond": f"more than {margin} better",
            "open": f"not shown to differ by less than {margin}",
        },
        "holdout": {"shown": "a gain", "refuted": "a loss", "open": "no gain or loss shown"},
    }[rule.kind][finding]
    tone: Tone = "good" if finding == "shown" else "bad" if finding == "refuted" else "flat"
    return Standing(tone, words)


def _other(analysis: Analysis, row: Comparison) -> Standing:
    found = guardrail_of(analysis, row)
    guard = None if found is None else found.status
    differs = significant(analysis, row)
    counts = differs and matters(analysis, row)
    words = [] if row.p is None else ["significant" if differs else "not significant"]
    if differs and not counts and guard is None:
        words = ["significant, but small"]
    if guard is not None:
        words.append(_OF_GUARDRAILS[guard])
    tone: Tone = "flat"
    if guard == "broken" or (counts and is_worse(analysis, row)):
        tone = "bad"
    elif counts and is_better(analysis, row):
        tone = "good"
    return Standing(tone, "; ".join(words))
