"""The whole loop in one command: world, collect, train, serve, simulate, verdict."""

import time
from pathlib import Path

import click

from pipeline.steps import Loop, lastfm_of, step


@click.command()
@click.option(
    "--world", default="generated", type=click.Choice(["generated", "lastfm"]), show_default=True
)
@click.option("--lastfm-dir", type=Path, help="The unpacked hetrec2011-lastfm-2k.")
@click.option("--out", type=Path, default=Path("out/demo"), show_default=True)
@click.option("--seed", default=31337, show_default=True, help="Same seed, same verdict.")
@click.option(
    "--collect", default=150_000, show_default=True, help="Random sessions to learn from."
)
@click.option("--episodes", default=5_000, show_default=True, help="Sessions of the experiment.")
@click.option("--users", type=int, help="Listeners of a generated world.")
@click.option("--tracks", type=int, help="Tracks of a generated world.")
def main(
    world: str,
    lastfm_dir: Path | None,
    out: Path,
    seed: int,
    collect: int,
    episodes: int,
    users: int | None,
    tracks: int | None,
) -> None:
    """Run the loop from nothing to a verdict; results lie under --out."""
    started = time.monotonic()
    lastfm = lastfm_of(world, lastfm_dir, "demo")
    loop = Loop(out, seed)

    step("1/6 world: a catalog, the truth about taste, and people")
    loop.world(lastfm, users, tracks)
    step("2/6 collect: listeners meet a random recommender; what they hear out is an interaction")
    loop.collect(collect)
    step("3/6 learn: a denoising autoencoder ranks the catalog for every user")
    loop.learn()
    step(f"4/6 serve: the users are split between {loop.split}")
    with loop.service() as port:
        step("5/6 simulate: the same listeners ask the service, track by track")
        loop.play(episodes, port)
    step("6/6 judge: which treatment won, by how much, and how sure that is")
    loop.judge(collect, episodes)

    serve = "make serve" + ("" if out == Path("out/demo") else f" OUT={out}")
    click.echo(f"\ntook {time.monotonic() - started:.0f} s; `{serve}` serves it on port 5001")


if __name__ == "__main__":
    main()
