"""Results of the calibration's experiments, in tables and a picture."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from bench.verdict.rates import COVERED, FALSE, FALSE_STOP, MISMATCH, Rate

Rows = Sequence[dict[str, Any]]
TIME = "mean_session_time"
_WELCH = {
    "mean_session_time": "session time",
    "mean_session_length": "session length",
    "sessions": "sessions",
    "mean_request_time": "request time",
    "time_per_user": "time per user",
    "recommended_per_session": "tracks recommended (ratio)",
    "long_sessions": "long sessions (ratio)",
    "coverage": "coverage (groups of 50)",
}
_COVERED = ("mean_session_time", "mean_session_length", "long_sessions", "time_per_user")


def rate(
    name: str,
    values: Sequence[bool | None],
    most: float | None = None,
    least: float | None = None,
) -> Rate:
    """How often it was true, of those where it was known."""
    known = [bool(value) for value in values if value is not None]
    return Rate(name, sum(known), len(known), most, least)


def false_positives(aa: Rows) -> list[Rate]:
    """Of A/A experiments: each is one that a method should call in 5 % of the cases at most."""
    found = [
        rate(f"Welch, {title}", [row.get(f"{name}.welch") for row in aa], FALSE)
        for name, title in _WELCH.items()
        if any(row.get(f"{name}.welch") is not None for row in aa)
    ]
    for name, key, most in (
        ("CUPED, session time", f"{TIME}.cuped", FALSE),
        ("CUPED, long sessions (ratio)", "long_sessions.cuped", FALSE),
        ("bootstrap, slowest requests", "request_time_p99.bootstrap", FALSE),
        ("any metric, Holm", "any_holm", FALSE),
        ("any metric, Benjamini-Hochberg", "any_bh", FALSE),
        ("always-valid, looked at every day", "peek_valid", FALSE),
        ("verdict: ship, or loses", "called", FALSE),
        ("verdict: stopped", "no_verdict", FALSE_STOP),
        ("Bayesian, P(better) over 95 %", "sure", FALSE),
        ("sample ratio mismatch (nominal 0.1 %)", "mismatch", MISMATCH),
        ("any metric, unadjusted", "any_raw", None),
        ("Welch, looked at every day", "peek_fixed", None),
        ("session as the unit", "session_as_unit", None),
    ):
        values = [_value(row, key) for row in aa]
        # Few users have few days on which both arms are large enough for a look.
        if sum(value is not None for value in values) > len(aa) / 2:
            found.append(rate(name, values, most))
    return found


def _value(row: dict[str, Any], key: str) -> bool | None:
    if key == "called":
        return None if "wins" not in row else row["wins"] or row["loses"]
    if key == "sure":
        return None if "better" not in row else row["better"] > 0.95
    value: bool | None = row.get(key)
    return value


def coverage(ab: Rows) -> list[Rate]:
    """Of A/B experiments: how often an interval holds the true relative effect."""
    found = []
    for metric in _COVERED:
        for kind, title in (
            ("table", "the table's"),
            ("fieller", "Fieller"),
            ("cuped", "CUPED"),
            ("bootstrap", "bootstrap"),
        ):
            values = [row.get(f"{metric}.covers_{kind}") for row in ab]
            if any(value is not None for value in values):
                # The table's interval takes the control mean as given: it has no guarantee.
                least = None if kind == "table" else COVERED
                found.append(rate(f"{title}, {_WELCH[metric]}", values, least=least))
    valid = [row.get("valid_covers") for row in ab]
    found.append(rate("always-valid, session time, all looks", valid, least=COVERED))
    return found


def power(ab: Rows) -> list[Rate]:
    """Of A/B experiments: how often the effect was found."""
    stopped = [row.get("peek_valid") for row in ab]
    return [
        rate("Welch", [row[f"{TIME}.welch"] for row in ab]),
        rate("CUPED", [row.get(f"{TIME}.cuped") for row in ab]),
        rate("always-valid, at any look", stopped),
        rate("session as the unit", [row["session_as_unit"] for row in ab]),
        rate("verdict: ship", [row.get("wins") for row in ab]),
        rate("verdict: loses", [row.get("loses") for row in ab]),
        rate(
            "equivalent within the true effect",
            [row.get("equivalent_at_true_effect") for row in ab],
            FALSE,
        ),
    ]


def tables(found: dict[str, list[dict[str, Any]]], true_effects: dict[str, float]) -> str:
    """Everything in Markdown."""
    aa, ab, few = found["aa"], found["ab"], found["few"]
    parts = []
    if aa:
        title = f"### A/A: false positives\n\n{len(aa):,} experiments of 1,000 users\n"
        parts += [title, _table("method", false_positives(aa))]
    if few:
        title = f"\n### A/A of few users\n\n{len(few):,} experiments of 100 users\n"
        parts += [title, _table("method", false_positives(few))]
    if ab:
        title = f"\n### A/B: coverage\n\n{len(ab):,} experiments of 1,000 users; the true effect "
        parts += [f"{title}on session time is {true_effects[TIME]:+.2f} %\n"]
        parts += [_table("interval", coverage(ab)), "\n### A/B: power\n"]
        parts += [_table("method", power(ab)), ""]
        predicted = np.mean([row["power_predicted"] for row in ab])
        taken = np.array([row[f"{TIME}.reduction"] for row in ab])
        stopped = [row["stopped_at"] for row in ab if row["stopped_at"] is not None]
        parts += [
            f"power promised by the period before: {100 * predicted:.1f} %",
            f"variance that CUPED takes: {100 * taken.mean():.1f} % "
            f"({100 * np.quantile(taken, 0.05):.0f} to {100 * np.quantile(taken, 0.95):.0f})",
        ]
        for name, key in (("Welch", "effect"), ("CUPED", "cuped_effect")):
            effects = np.array([row[f"{TIME}.{key}"] for row in ab])
            error = 1.96 * effects.std(ddof=1) / len(effects) ** 0.5
            parts.append(f"mean effect found by {name}: {effects.mean():+.2f} ± {error:.2f} %")
        if stopped:
            parts.append(
                f"always-valid stops at {100 * np.mean(stopped):.0f} % of the days, on average"
            )
    return "\n".join(parts)


def broken(found: dict[str, list[dict[str, Any]]]) -> list[str]:
    """The rates beyond their bounds by more than chance."""
    every = {
        "A/A": false_positives(found["aa"]) if found["aa"] else [],
        "A/A of few users": false_positives(found["few"]) if found["few"] else [],
        "A/B": [*coverage(found["ab"]), *power(found["ab"])] if found["ab"] else [],
    }
    return [
        f"{kind}: {one.name}" for kind, rates in every.items() for one in rates if one.is_broken
    ]


def _table(head: str, rates: Sequence[Rate]) -> str:
    rows = [f"| {head} | % (95 % interval) | bound | |", "|---|---:|---:|---|"]
    rows += [f"| {one.name} | {one.text} | {one.bound} | {one.note} |" for one in rates if one.of]
    return "\n".join(rows)


def draw(found: dict[str, list[dict[str, Any]]], path: Path) -> None:
    """False positives and coverage, each with its interval and its nominal rate.

    Methods without a guarantee are red.
    """
    panels = [
        ("A/A: significant, %", false_positives(found["aa"]), 5.0, (0.0, 45.0)),
        ("A/B: interval contains the true effect, %", coverage(found["ab"]), 95.0, (90.0, 100.0)),
    ]
    figure = Figure(figsize=(11, 0.32 * sum(len(rates) for _, rates, _, _ in panels) + 2.2))
    figure.set_layout_engine("constrained")
    heights = [len(rates) for _, rates, _, _ in panels]
    for axes, (title, rates, nominal, (low, high)) in zip(
        figure.subplots(2, 1, height_ratios=heights), panels, strict=True
    ):
        axes.axvspan(nominal - 1, nominal + 1, color="#0f7d72", alpha=0.13, linewidth=0)
        axes.axvline(nominal, color="#0f7d72", linewidth=1)
        for place, one in enumerate(rates):
            value, (lower, upper) = 100 * one.count / one.of, one.interval
            promised = one.most is not None or one.least is not None
            colour = "#1c2530" if promised else "#b3365f"
            bars = [[max(value - lower, 0.0)], [max(upper - value, 0.0)]]
            axes.errorbar(value, place, xerr=bars, fmt="o", color=colour, markersize=4, capsize=3)
        axes.set_yticks(range(len(rates)), [one.name for one in rates], fontsize=9)
        axes.set_ylim(len(rates) - 0.4, -0.6)
        ends = [one.interval for one in rates]
        axes.set_xlim(
            min(low, *(1.01 * end - 1 for end, _ in ends)) if low else low,
            high if low else max(high, *(1.05 * end for _, end in ends)),
        )
        axes.set_title(title, loc="left", fontsize=11)
        for edge in ("top", "right", "left"):
            axes.spines[edge].set_visible(False)
        axes.grid(axis="x", color="#e4e7ea")
        axes.set_axisbelow(True)
        axes.tick_params(length=0)
    figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else None)
