"""The design's own experiment: the demo's loop at full scale, and the ladder.

10,000 users and 50,000 tracks, a million collected sessions, 20,000 sessions against the service.
Finally prints the wall time of each stage and the results.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

from pipeline.steps import DAE_SESSION, Loop, source_of, step

GOAL = 249
"""Published effect on mean session time against CONTEXTUAL, in per cent, for this design."""
_USERS, _TRACKS = 10_000, 50_000
# About the same number of sessions per user in both worlds.
_COLLECT = {"generated": 1_000_000, "lastfm": 150_000}
_OUT = {"generated": Path("out/experiment"), "lastfm": Path("out/experiment-lastfm")}


@click.command()
@click.option("--world", default="generated", type=click.Choice(list(_OUT)), show_default=True)
@click.option("--lastfm-dir", type=Path, help="The unpacked hetrec2011-lastfm-2k.")
@click.option("--out", type=Path, help="Default: out/experiment, or out/experiment-lastfm.")
@click.option(
    "--seed", default=31337, show_default=True, help="The same seed gives the same verdict."
)
@click.option(
    "--collect", type=int, help="Random sessions; default: a million, on Last.fm 150,000."
)
@click.option("--episodes", default=20_000, show_default=True, help="Sessions of the experiment.")
@click.option("--users", type=int, help=f"Listeners of a generated world; default: {_USERS:,}.")
@click.option("--tracks", type=int, help=f"Tracks of a generated world; default: {_TRACKS:,}.")
@click.option("--processes", default=2, show_default=True, help="For the collected sessions.")
def main(
    world: str,
    lastfm_dir: Path | None,
    out: Path | None,
    seed: int,
    collect: int | None,
    episodes: int,
    users: int | None,
    tracks: int | None,
    processes: int,
) -> None:
    """Run the loop at full scale, from a new world to verdict and ladder; results go to --out."""
    source = source_of(world, lastfm_dir, "experiment")
    if source is None:
        users, tracks = users or _USERS, tracks or _TRACKS
    sessions = _COLLECT[world] if collect is None else collect
    loop = Loop(out or _OUT[world], seed, DAE_SESSION)

    step("1/8 world: a catalog, listeners, and the embeddings that decide what they like")
    loop.world(source, users, tracks)
    step("2/8 collect: sessions under a random recommender; tracks played almost to the end count")
    loop.collect(sessions, "--log-format", "parquet", "--processes", processes)
    step("3/8 train: a denoising autoencoder, its lists, and a session-aware model")
    loop.train()
    step(f"4/8 serve: the users are split among {loop.split}")
    with loop.service() as port:
        step("5/8 simulate: the same listeners request track after track from the service")
        loop.play(episodes, port)
        loop.count(port)
    loop.ship()
    step("6/8 analyze: which treatment won, by how much, and with what confidence")
    loop.analyze(sessions, episodes)
    step("7/8 reconcile: was every served event logged, shipped and analysed?")
    loop.reconcile()
    step(
        "8/8 ladder: every recommender on the same listeners, from Random (0) to the Oracle (100)"
    )
    loop.ladder(episodes)

    step("wall time")
    (loop.out / "seconds.json").write_text(json.dumps(loop.seconds, indent=2) + "\n")
    for stage, seconds in [*loop.seconds.items(), ("all", sum(loop.seconds.values()))]:
        click.echo(f"{stage:<30}{seconds:>8.1f} s")
    step("results")
    click.echo("\n".join(_outcome(loop.out, loop.treatments)))


def _outcome(out: Path, treatments: Mapping[str, str]) -> list[str]:
    effects: list[dict[str, Any]] = json.loads((out / "effects.json").read_text())["effects"]
    times = {row["treatment"]: row for row in effects if row["metric"] == "mean_session_time"}
    ladder: list[dict[str, Any]] = json.loads((out / "ladder.json").read_text())
    scores = ", ".join(f"{rung['recommender']} {rung['normalised_score']:.0f}" for rung in ladder)
    return [
        *(
            f"{treatments[treatment]} against {treatments['C']}, mean session time: "
            f"{row['effect']:+.1f} % ({row['lower']:+.1f} to {row['upper']:+.1f} %), "
            f"{row['control_mean']:.2f} -> {row['treatment_mean']:.2f} tracks"
            for treatment, row in times.items()
        ),
        f"published for this design: +{GOAL} %",
        f"normalised score (0 = Random, 100 = Oracle): {scores}",
        f"report: {out / 'report.html'}",
    ]


if __name__ == "__main__":
    main()
