"""Candidate models on real shop data: `python -m bench.shop`.

Each run is `botify-offline evaluate --json` with its defaults; tables of Markdown go to stdout,
progress to stderr. Options are chosen on `--part validation`; the test is for the end.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import click

from bench.common.options import data_option

OFFLINE = Path(sys.executable).with_name("botify-offline")
RUNS = {
    "retailrocket-2k": ("retailrocket", "time-cut"),
    "retailrocket-sessions": ("sessions", "next-item"),
}
"""Data sets, each a directory of this name: its format, and the protocol."""
MEASURES = ("recall", "precision", "ndcg", "mrr")


@click.command()
@click.option("--datasets", default=",".join(RUNS), show_default=True)
@click.option("--model", default="blend", show_default=True)
@click.option("--part", type=click.Choice(["test", "validation"]), default="test")
@data_option
@click.option(
    "--from",
    "results",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    multiple=True,
    help="Results that were kept, as `evaluate --json` prints them, instead of new runs.",
)
def main(datasets: str, model: str, part: str, data: Path, results: tuple[Path, ...]) -> None:
    """Print every measure of every segment as Markdown."""
    if results:
        for path in results:
            click.echo(markdown(json.loads(path.read_text())))
        return
    for name in datasets.split(","):
        if not (data / name).is_dir():
            click.echo(f"{data / name}: not there, so not measured", err=True)
            continue
        click.echo(f"{name} ...", err=True)
        click.echo(markdown(_measured(data / name, *RUNS[name], model, part)))


def _measured(place: Path, format_: str, protocol: str, model: str, part: str) -> dict[str, Any]:
    words = [str(OFFLINE), "evaluate", str(place), "--format", format_, "--protocol", protocol]
    words += ["--model", model, "--part", part, "--json"]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def markdown(facts: dict[str, Any]) -> str:
    """A section for the data set, with a table for each segment."""
    lines = [f"## {facts['data']}, {facts['protocol']}", ""]
    lines += [f"- {sentence}." for sentence in facts["told"]]
    for segment in dict.fromkeys(row["segment"] for row in facts["rows"]):
        rows = [row for row in facts["rows"] if row["segment"] == segment]
        lines += ["", f"### {segment}", ""]
        lines += [f"{rows[0]['targets']:,} targets of {rows[0]['lists']:,} lists.", ""]
        lines += ["| model | k | " + " | ".join(MEASURES) + " | coverage | novelty, bits |"]
        lines += ["|---|---:|" + "---:|" * (len(MEASURES) + 2)]
        for row in rows:
            for k in (5, 10, 20):
                cells = [_shown(row, f"{name}@{k}") for name in MEASURES]
                cells += [f"{row[f'coverage@{k}']:.4f}", f"{row[f'novelty@{k}']:.1f}"]
                lines.append(f"| {row['model']} | {k} | " + " | ".join(cells) + " |")
    return "\n".join([*lines, ""])


def _shown(row: dict[str, Any], name: str) -> str:
    lower, upper = row[f"{name}_95"]
    ends = "" if lower is None else f" ({_plain(lower)}–{_plain(upper)})"
    return f"{_plain(row[name])}{ends}"


def _plain(value: float) -> str:
    """.231, as the tables of papers have it."""
    return f"{value:.3f}".removeprefix("0")


if __name__ == "__main__":
    main()
