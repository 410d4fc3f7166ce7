"""An agent that learns from listeners through the Gymnasium environment alone.

python -m sim.examples.artist_bandit --config out/demo/world/env.yml
"""

from pathlib import Path
from typing import cast

import click
import gymnasium
import numpy as np
from tqdm import tqdm

from sim._click import CONFIG, SEED, standalone
from sim.arrays import Floats, Ints
from sim.gym import ID
from sim.gym.vector import Flags, ListeningVectorEnv, Observations
from sim.world import Catalog


class ArtistBandit:
    """Epsilon-greedy over artists, one bandit for each artist that a session begins with.

    The first track hints at the listener's taste, and a second track by an artist
    is heard less than the first: so it plays the artist with the best mean
    reward in such sessions that was not played in this one, or any track with
    probability `explore` and before there are any rewards.
    """

    def __init__(self, catalog: Catalog, num_envs: int, seed: int, explore: float = 0.1) -> None:
        self.catalog, self.explore = catalog, explore
        self.rng, n = np.random.default_rng(seed), len(catalog.artists)
        self.sum, self.count, self.mean = np.zeros((3, n, n), dtype=np.float32)
        self.began_with = np.zeros(num_envs, dtype=np.int64)
        self.plays = np.zeros((num_envs, n), dtype=np.float32)

    def choose(self, observation: Observations, new: Flags) -> Ints:
        """The next track of each listener; `new` marks those whose session just began."""
        first = self.catalog.artist_of[observation["track"][new]]
        self.began_with[new], self.plays[new] = first, 0
        self.plays[new, first] = 1
        scores = self.mean[self.began_with] - self.plays
        best, known = scores.argmax(axis=1), scores.max(axis=1) > 0
        bounds, tracks = self.catalog.by_artist
        by_best = tracks[self.rng.integers(bounds[best], bounds[best + 1])]
        anything = self.rng.integers(len(tracks), size=len(best))
        return np.where(known & (self.rng.random(len(best)) >= self.explore), by_best, anything)

    def learn(self, tracks: Ints, rewards: Floats, heard: Flags) -> None:
        """Update the means by the rewards of these tracks; those not `heard` were not played."""
        artists = self.catalog.artist_of[tracks[heard]]
        pairs = self.began_with[heard], artists
        np.add.at(self.sum, pairs, rewards[heard])
        np.add.at(self.count, pairs, 1)
        self.mean[pairs] = self.sum[pairs] / self.count[pairs]
        self.plays[heard, artists] += 1


def play(envs: ListeningVectorEnv, agent: ArtistBandit, sessions: int, seed: int) -> Floats:
    """The reward of each of the first `sessions` sessions of the run of `seed`."""
    total = np.zeros(sessions)
    observation, info = envs.reset(seed=seed)
    with tqdm(total=sessions, unit=" sessions", disable=None, leave=False) as bar:
        while info["session"].min() < sessions:
            tracks = agent.choose(observation, info["step"] == 0)
            observation, rewards, left, _, info = envs.step(tracks)
            # Where a listener had left, the next one has heard nothing yet.
            agent.learn(tracks, rewards, info["step"] > 0)
            counted = info["session"] < sessions
            total[info["session"][counted]] += rewards[counted]
            bar.update(int(np.count_nonzero(left & counted)))
    return total


@click.command()
@CONFIG
@SEED
@click.option("--sessions", type=click.IntRange(min=20), default=300_000, show_default=True)
def main(config_path: Path, seed: int, sessions: int) -> None:
    """Train a bandit over artists; print its reward per session for each tenth of them."""
    environment = gymnasium.make_vec(ID, num_envs=256, world=config_path)
    envs = cast(ListeningVectorEnv, environment.unwrapped)
    columns = []
    for explore in (0.1, 1.0):  # the bandit, then random tracks, with the same listeners
        agent = ArtistBandit(envs.catalog, envs.num_envs, seed, explore)
        columns.append(np.array_split(play(envs, agent, sessions, seed), 10))
    click.echo("mean reward per session ± its standard error")
    click.echo(f"{'sessions':>10}  {'artist bandit':>14}  {'random tracks':>14}")
    so_far = 0
    for parts in zip(*columns, strict=True):
        so_far += len(parts[0])
        cells = (f"{p.mean():>6.2f} ± {p.std(ddof=1) / len(p) ** 0.5:.3f}" for p in parts)
        click.echo(f"{so_far:>10,}  {'  '.join(cells)}")


if __name__ == "__main__":
    standalone(main)
