"""Calibrates the verdict, its error rates and its coverage: `make calibrate`.

Plays 2,000 A/A and 2,000 A/B experiments of 1,000 users, and 1,000 A/A experiments of 100, each
judged from its log by the code that users run. Finished experiments are kept under --out, and
a stopped run resumes after them. An hour on two cores.
"""

import gc
import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
from tqdm import tqdm

from bench.verdict.calibrate_table import broken, draw, tables
from bench.verdict.experiments import Design, Laboratory, effects

_AA = Design(0.30, 0.30, users=1000)
_AB = Design(0.30, 0.35, users=1000)
_FEW = Design(0.30, 0.30, users=100)
_SESSIONS_OF_MEANS = 60
_TOGETHER = 20
"""Experiments in one log."""
# Kinds of experiment, and the number of the first: no two share a session.
KINDS = {"aa": (_AA, 0), "ab": (_AB, 100_000), "few": (_FEW, 200_000)}

_laboratory: Laboratory


def _open(config: Path, seed: int, past: Path) -> None:
    global _laboratory
    _laboratory = Laboratory(config, seed, past)
    gc.freeze()  # garbage collections then skip the objects of the libraries


def _experiments(job: tuple[Design, Sequence[int], dict[str, float]]) -> list[dict[str, Any]]:
    return _laboratory.experiments(*job)


def _means(share: float) -> dict[str, float]:
    return _laboratory.true_means(share, _SESSIONS_OF_MEANS)


@click.command()
@click.option("--out", type=click.Path(path_type=Path), default=Path("out/calibrate"))
@click.option("--aa", default=2000, show_default=True, help="A/A experiments.")
@click.option("--ab", default=2000, show_default=True, help="A/B experiments.")
@click.option("--few", default=1000, show_default=True, help="A/A experiments of 100 users.")
@click.option("--share", default=1.0, show_default=True, help="This share of all of them.")
@click.option("--seed", default=31337, show_default=True)
@click.option("--processes", default=len(os.sched_getaffinity(0)), show_default=True)
@click.option("--plot", type=click.Path(path_type=Path), help="Draw the results there (.svg).")
def main(
    out: Path,
    aa: int,
    ab: int,
    few: int,
    share: float,
    seed: int,
    processes: int,
    plot: Path | None,
) -> None:
    """Play experiments with a known effect, judge each, and count how often the verdict errs."""
    config = out / "world/env.yml"
    if not config.exists():
        words = ["botify-sim", "world", "--out", config.parent, "--users", 50_000]
        words += ["--tracks", 5_000, "--seed", seed]
        program = Path(sys.executable).parent / str(words[0])
        subprocess.run([program, *map(str, words[1:])], check=True)
    found: dict[str, list[dict[str, Any]]] = {}
    past = out / "before.parquet"
    if not past.exists():
        partial = past.with_suffix(".partial")
        Laboratory(config, seed).write_past(_AA, partial)
        partial.rename(past)
    context = multiprocessing.get_context("spawn")
    with context.Pool(processes, _open, (config, seed, past)) as pool:
        true_effects = _effects(pool, out / "true_effects.json")
        for kind, count in (("aa", aa), ("ab", ab), ("few", few)):
            design, first = KINDS[kind]
            count = round(count * share)
            no_effects = dict.fromkeys(true_effects, 0.0)
            kept = out / f"{kind}.jsonl"
            done = {row["number"]: row for row in _read(kept)}
            wanted = range(first, first + count)
            left = [number for number in wanted if number not in done]
            jobs = [
                (design, left[low : low + _TOGETHER], true_effects if kind == "ab" else no_effects)
                for low in range(0, len(left), _TOGETHER)
            ]
            with kept.open("a") as file, tqdm(desc=kind, total=count, disable=None) as bar:
                bar.update(count - len(left))
                for rows in pool.imap_unordered(_experiments, jobs):
                    done |= {row["number"]: row for row in rows}
                    file.writelines(json.dumps(row) + "\n" for row in rows)
                    file.flush()
                    bar.update(len(rows))
            found[kind] = [done[number] for number in wanted]
    click.echo(tables(found, true_effects))
    if plot is not None:
        draw(found, plot)
        click.echo(f"drew {plot}")
    if beyond := broken(found):
        raise SystemExit(f"beyond its bound: {'; '.join(beyond)}")


def _effects(pool: Any, path: Path) -> dict[str, float]:
    if not path.exists():
        control, treatment = pool.map(_means, [_AB.control, _AB.treatment], chunksize=1)
        path.write_text(json.dumps(effects(control, treatment)) + "\n")
    true_effects: dict[str, float] = json.loads(path.read_text())
    return true_effects


def _read(path: Path) -> Iterator[dict[str, Any]]:
    if path.exists():
        for line in path.read_text().splitlines():
            yield json.loads(line)


if __name__ == "__main__":
    main()
