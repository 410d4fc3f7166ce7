"""The rule by which an experiment is decided, as one line of text.

superiority          ship what is significantly better (the default)
non-inferiority=2    ship what is shown to be at most 2 % worse, as it is cheaper or simpler
equivalence=2        ship what is shown to differ by less than 2 %
holdout              the control was held back: the total effect of all launches since then
"""

from dataclasses import dataclass
from typing import Literal, get_args

from offline.errors import InputError

Kind = Literal["superiority", "non-inferiority", "equivalence", "holdout"]
_WITH_MARGIN = ("non-inferiority", "equivalence")


@dataclass(frozen=True)
class Rule:
    """A rule; `margin` is in percent of the control mean, None where the rule has none."""

    kind: Kind = "superiority"
    margin: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Rule":
        """`superiority`, `non-inferiority=2`, `equivalence=2` or `holdout`. Raises InputError."""
        name, equals, value = text.partition("=")
        for kind in get_args(Kind):
            if name == kind and kind not in _WITH_MARGIN and not equals:
                return cls(kind)
            if name == kind and kind in _WITH_MARGIN:
                try:
                    margin = float(value)
                except ValueError:
                    margin = -1.0
                if 0 < margin < 100:
                    return cls(kind, margin)
        raise InputError(
            f"rule {text!r}: it must be superiority, non-inferiority=2, equivalence=2 (percent, "
            "below 100) or holdout"
        )

    def __str__(self) -> str:
        return self.kind if self.margin is None else f"{self.kind}={self.margin:g}"
