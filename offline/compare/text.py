"""The comparison as text: a table, and which models can be told apart."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from offline.compare.paired import ALPHA, Pair
from offline.compare.runs import Failed, Run


class Column(NamedTuple):
    """A figure of the table."""

    key: str
    """In the facts of a run."""
    title: str
    form: str
    about: str


def columns(primary: str, accuracy: Sequence[str], runs: Sequence[Run]) -> list[Column]:
    """Of the table, those alone that some model has a figure for; `primary` first."""
    metrics = [primary, *(name for name in accuracy if name != primary)]
    shown = {"ndcg": "NDCG", "recall": "recall"}
    found = [
        Column(name, f"{shown[name.split('@')[0]]}@{name.split('@')[1]}", ".4f", _ABOUT[name[:4]])
        for name in metrics
    ]
    found += _BEYOND
    return [each for each in found if any(run.facts.get(each.key) is not None for run in runs)]


_ABOUT = {
    "ndcg": "how near the top of the list the likes are that were held out; 1 is the best",
    "reca": "share of the likes that were held out which the list holds",
}
_BEYOND = [
    Column("coverage@20", "coverage", ".1%", "share of all items that are in somebody's list"),
    Column("gini@20", "Gini", ".3f", "how unevenly items are listed: 0 alike, 1 one item alone"),
    Column("novelty@20", "novelty", ".2f", "bits of surprise an item: -log2 of its users' share"),
    Column("popularity@20", "users an item", ",.0f", "mean number of users of the listed items"),
    Column("artist_diversity@20", "artists", ".1%", "pairs of a list that are of two artists"),
    Column("seconds_to_train", "train, s", ",.1f", "seconds to learn"),
    Column("seconds_to_recommend", "lists, s", ",.1f", "seconds for the lists of all test users"),
    Column("peak_memory_mb", "memory, MB", ",.0f", "most memory of the whole process"),
]


def cell(run: Run, column: Column) -> str:
    """A figure, with half its 95 % interval where it has one."""
    value, half = run.facts.get(column.key), run.facts.get(f"{column.key}_95")
    if value is None:
        return "-"
    shown = format(value, column.form)
    return f"{shown} ± {half:.4f}" if half is not None and column.form == ".4f" else shown


def as_text(
    runs: Sequence[Run],
    failed: Sequence[Failed],
    pairs: Sequence[Pair],
    table: Sequence[Column],
) -> str:
    """The best model first; then pairs that cannot be told apart, and models that failed."""
    lines = [_head(runs[0].facts), ""]
    rows = [["model", *(column.title for column in table)]]
    rows += [[run.name, *(cell(run, column) for column in table)] for run in runs]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        first, *others = (
            text.ljust(width) if at == 0 else text.rjust(width)
            for at, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join([first, *others]).rstrip())
    if pairs:
        lines += ["", *apart(pairs, table[0].title)]
    lines += [f"{each.name} failed: {each.reason}" for each in failed]
    return "\n".join(lines)


def apart(pairs: Sequence[Pair], metric: str) -> list[str]:
    """Which models can be told apart, and by what."""
    test = f"paired t-tests over users, {len(pairs)} pairs, Holm at {ALPHA:.0%}"
    alike = [pair for pair in pairs if not pair.differ]
    if not alike:
        return [f"{metric}: all models can be told apart ({test})"]
    found = [f"{metric}: these cannot be told apart, all other pairs can ({test}):"]
    found += [f"  {told(pair)}" for pair in alike]
    return found


def told(pair: Pair) -> str:
    """A pair's difference, its interval and its p-values."""
    return (
        f"{pair.better} − {pair.worse}: {pair.difference:+.4f} ± {pair.half_width:.4f}, "
        f"p {shown_p(pair.p)}, adjusted {shown_p(pair.adjusted_p)}"
    )


def shown_p(p: float) -> str:
    """A p-value in three digits."""
    return "< .001" if p < 0.001 else f"{p:.3f}"


def _head(facts: dict[str, Any]) -> str:
    return (
        f"{facts['data']}: {facts['interactions']:,} likes of {facts['users']:,} users and "
        f"{facts['items']:,} items to learn from, {facts['test_users']:,} test users\n"
        f"split: {facts['split']} (seed {facts['seed']})"
    )
