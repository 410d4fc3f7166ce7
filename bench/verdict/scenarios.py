"""Calibrates the statistics on difficult data: the second part of `make calibrate`.

Thousands of tests per scenario, each with a known true effect and judged by the functions that
`analyze` calls; hundreds if each is a log that is written and read. Finished tests are kept in
--out, and a stopped run resumes after them; Ctrl-C prints the finished ones. Exits with 1 if a
rate is beyond its bound by more than chance.
"""

import gc
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import groupby
from pathlib import Path
from zlib import crc32

import click
import numpy as np
from tqdm import tqdm

from bench.verdict.missing_users import users
from bench.verdict.nasty_data import nasty, planned
from bench.verdict.off_policy_errors import off_policy
from bench.verdict.questions import answers
from bench.verdict.rates import Bias, Found, Rate, Scenario, counted
from bench.verdict.spoilt_logs import logs

_CHUNK, _MOST_COLUMNS = 20, 5
PARTS = {
    "One bot, tails, small arms": nasty,
    "Who has a value, and in which arm": users,
    "What is asked beside the verdict": answers,
    "Off-policy": off_policy,
    "Logs, written and read": logs,
}


def scenarios() -> list[tuple[str, Scenario]]:
    """Each with its part."""
    return [(part, some) for part, make in PARTS.items() for some in make()]


def run(number: int, first: int, seed: int, count: int = _CHUNK) -> tuple[list[Found], float]:
    """Tests `first` and later of a scenario, and the CPU seconds that they took."""
    scenario = scenarios()[number][1]
    began = time.process_time()
    rng = np.random.default_rng([seed, crc32(scenario.name.encode()), first])
    return [scenario.test(rng) for _ in range(count)], time.process_time() - began


def play(
    chosen: Sequence[int],
    tests: int,
    seed: int,
    processes: int,
    out: Path | None,
    share: float = 1.0,
) -> dict[int, list[Found]]:
    """A share of the tests of these scenarios, those kept in the file `out` first.

    All of them advance at the same pace; an interrupt keeps the finished tests.
    """
    every = scenarios()
    names = [scenario.name for _, scenario in every]
    found: dict[tuple[int, int], list[Found]] = {}
    if out is not None and out.exists():
        for line in out.read_text().splitlines():
            kept = json.loads(line)
            if kept["seed"] == seed and kept["name"] in names:
                found[names.index(kept["name"]), kept["first"]] = kept["found"]
    wanted = {
        (number, first): first / most
        for number in chosen
        for most in [round(min(tests, every[number][1].tests) * share)]
        for first in range(0, most, _CHUNK)
    }
    jobs = sorted(wanted.keys() - found.keys(), key=lambda job: (wanted[job], job))
    with (
        ProcessPoolExecutor(processes, initializer=gc.freeze) as pool,
        tqdm(total=len(wanted) * _CHUNK, unit="test", disable=None) as bar,
    ):
        bar.update((len(wanted) - len(jobs)) * _CHUNK)
        running = {pool.submit(run, *job, seed): job for job in jobs}
        try:
            for future in as_completed(running):
                number, first = job = running[future]
                found[job], seconds = future.result()
                if out is not None:
                    row = {"name": names[number], "first": first, "seed": seed, "cpu": seconds}
                    with out.open("a") as file:
                        file.write(json.dumps(row | {"found": found[job]}) + "\n")
                bar.update(_CHUNK)
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
    return {
        number: [one for job in sorted(wanted) if job[0] == number for one in found.get(job, ())]
        for number in chosen
    }


Result = tuple[str, Scenario, list[Rate | Bias]]


def table(results_of: Sequence[Result]) -> str:
    """Markdown: a row for each scenario, or for each result where there are many of them."""
    lines = []
    for part, some in groupby(results_of, key=lambda one: one[0]):
        lines.append(f"\n### {part}")
        for names, alike in groupby(some, key=lambda one: {result.name for result in one[2]}):
            make = _wide if len(names) <= _MOST_COLUMNS else _long
            lines += ["", *make(list(alike))]
    return "\n".join(lines)


def _wide(results_of: Sequence[Result]) -> list[str]:
    names = [result.name for result in results_of[0][2]]
    lines = [f"| | tests | {' | '.join(names)} |", f"|---|---:|{'---:|' * len(names)}"]
    for _, scenario, results in results_of:
        cells = [
            " ".join(filter(None, (one.text, one.bound and f"[{one.bound}]", one.note)))
            for one in sorted(results, key=lambda one: names.index(one.name))
        ]
        tests = max(one.of for one in results)
        lines.append(f"| {scenario.name} | {tests:,} | {' | '.join(cells)} |")
    return lines


def _long(results_of: Sequence[Result]) -> list[str]:
    lines = ["| | | tests | | bound | |", "|---|---|---:|---:|---:|---|"]
    for _, scenario, results in results_of:
        title = scenario.name
        for one in results:
            cells = (title, one.name, f"{one.of:,}", one.text, one.bound, one.note)
            lines.append(f"| {' | '.join(cells)} |")
            title = ""
    return lines


@click.command()
@click.option("--tests", default=2000, show_default=True, help="Tests a scenario, at most.")
@click.option("--share", default=1.0, show_default=True, help="This share of them, in all.")
@click.option("--quick", is_flag=True, help="100 tests a scenario: a check, no measurement.")
@click.option("--only", default="", help="Scenarios with this in their name or their part's.")
@click.option("--seed", default=31337, show_default=True)
@click.option("--processes", default=len(os.sched_getaffinity(0)), show_default=True)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="Keeps the tests.")
def main(
    tests: int,
    share: float,
    quick: bool,
    only: str,
    seed: int,
    processes: int,
    out: Path | None,
) -> None:
    """Judge tests with a known true effect on difficult data, and count the errors."""
    every = scenarios()
    chosen = [i for i, (part, some) in enumerate(every) if only in some.name or only in part]
    if out is not None:
        out.parent.mkdir(parents=True, exist_ok=True)
    found = play(chosen, 100 if quick else tests, seed, processes, out, share)
    results_of = [(*every[number], counted(every[number][1], found[number])) for number in chosen]
    click.echo(table(results_of))
    click.echo(f"\n`plan` promises {planned(1000):.1f} % for the guardrail without a change")
    broken = [
        f"{scenario.name}: {result.name}"
        for _, scenario, results in results_of
        for result in results
        if result.is_broken
    ]
    if broken:
        raise SystemExit(f"beyond its bound: {'; '.join(broken)}")


if __name__ == "__main__":
    main()
