"""The whole loop in one command: world, collect, train, serve, simulate, analyze."""

import time
from pathlib import Path

import click

from pipeline.steps import Loop, source_of, step


@click.command()
@click.option(
    "--world",
    default="generated",
    show_default=True,
    help="generated, lastfm, or the path of data to import.",
)
@click.option("--lastfm-dir", type=Path, help="The unpacked hetrec2011-lastfm-2k.")
@click.option("--out", type=Path, default=Path("out/demo"), show_default=True)
@click.option(
    "--seed", default=31337, show_default=True, help="The same seed gives the same verdict."
)
@click.option("--collect", default=150_000, show_default=True, help="Random sessions to train on.")
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
    """Run the whole loop, from a new world to a verdict; results are written to --out."""
    started = time.monotonic()
    source = source_of(world, lastfm_dir, "demo")
    loop = Loop(out, seed)

    step("1/6 world: a catalog, listeners, and the embeddings that decide what they like")
    loop.world(source, users, tracks)
    step("2/6 collect: sessions under a random recommender; tracks played almost to the end count")
    loop.collect(collect)
    step("3/6 train: a denoising autoencoder ranks the catalog for every user")
    loop.train()
    step(f"4/6 serve: the users are split between {loop.split}")
    with loop.service() as port:
        step("5/6 simulate: the same listeners request track after track from the service")
        loop.play(episodes, port)
    step("6/6 analyze: which treatment won, by how much, and with what confidence")
    loop.analyze(collect, episodes)

    serve = "make serve" + ("" if out == Path("out/demo") else f" OUT={out}")
    seconds = time.monotonic() - started
    click.echo(f"\nFinished in {seconds:.0f} s; `{serve}` serves the result on port 5001")


if __name__ == "__main__":
    main()
