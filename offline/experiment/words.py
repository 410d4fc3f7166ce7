"""Figures and names formatted for people."""

from collections.abc import Mapping
from datetime import UTC, datetime


def label(treatment: str, names: Mapping[str, str]) -> str:
    """A treatment with its name, for a text.

    Parameters
    ----------
    treatment : str
    names : mapping of str to str
        Names by treatment.

    Returns
    -------
    str

    Examples
    --------
    >>> from offline.experiment import label
    >>> label("T1", {"T1": "DAE"}), label("T2", {"T1": "DAE"})
    ('DAE (T1)', 'T2')
    """
    return f"{names[treatment]} ({treatment})" if treatment in names else treatment


def confidence(alpha: float) -> str:
    """ "95 %" for alpha 0.05."""
    return f"{100 * (1 - alpha):.6g} %"


def treatment_names(told: Mapping[str, str], own: Mapping[str, str]) -> dict[str, str]:
    """Labels of treatments: those given, else the recommender that answered most of their users.

    Recommenders of the log name treatments only where no two have the same.
    """
    recommenders = list(own.values())
    known = {treatment: name for treatment, name in own.items() if recommenders.count(name) == 1}
    return {**known, **told}


def percent(value: float) -> str:
    """A signed percentage with as many decimals as matter: +84.3 %, +1,250 %."""
    decimals = 0 if abs(value) >= 1000 else 1 if abs(value) >= 10 else 2
    rounded = round(value, decimals)
    return f"{rounded:+,.{decimals}f} %" if rounded else "0 %"


def interval(lower: float, upper: float) -> str:
    """Both ends with one percent sign: +79.1 to +89.6 %."""
    return f"{percent(lower).removesuffix(' %')} to {percent(upper)}"


def p_text(p: float) -> str:
    """Two digits, and no power of ten."""
    return "< 0.0001" if p < 0.0001 else f"{p:.2g}"


def moment(timestamp: int) -> str:
    """Milliseconds since the epoch as a date and time; as they are if out of range.

    >>> moment(1_764_547_200_000)
    '2025-12-01 00:00:00 UTC'
    """
    try:
        return f"{datetime.fromtimestamp(timestamp / 1000, UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (OverflowError, ValueError, OSError):
        return f"{timestamp} ms"


def date_text(day: int) -> str:
    """A day since the epoch as a date; as it is if out of range.

    >>> date_text(20_000)
    '2024-10-04'
    """
    try:
        return f"{datetime.fromtimestamp(86_400 * day, UTC):%Y-%m-%d}"
    except (OverflowError, ValueError, OSError):
        return f"day {day}"
