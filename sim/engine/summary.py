"""What a run amounted to: means and their standard errors."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from sim.agent import Floats, Ints


@dataclass(frozen=True)
class Summary:
    """Sums over sessions of the reward (times of the recommended tracks) and the steps.

    Times have two decimals, so rewards are kept in whole hundredths: sums of
    them do not depend on the order in which sessions end.
    """

    sessions: int = 0
    cents: int = 0
    cents_squared: int = 0
    steps: int = 0
    steps_squared: int = 0

    def add(self, rewards: Floats, steps: Ints) -> "Summary":
        cents = np.rint(rewards * 100).astype(np.int64)
        return Summary(
            self.sessions + len(rewards),
            self.cents + int(cents.sum()),
            self.cents_squared + int((cents**2).sum()),
            self.steps + int(steps.sum()),
            self.steps_squared + int((steps**2).sum()),
        )

    @property
    def mean_reward(self) -> float:
        return self.cents / self.sessions / 100

    @property
    def mean_session_time(self) -> float:
        """The reward and the first play, which counts as heard in full."""
        return 1 + self.mean_reward

    @property
    def reward_error(self) -> float:
        """Standard error of the mean reward, sessions taken as independent."""
        return _standard_error(self.sessions, self.cents, self.cents_squared) / 100

    @property
    def mean_steps(self) -> float:
        return self.steps / self.sessions

    @property
    def steps_error(self) -> float:
        return _standard_error(self.sessions, self.steps, self.steps_squared)

    def __add__(self, other: "Summary") -> "Summary":
        return Summary(
            self.sessions + other.sessions,
            self.cents + other.cents,
            self.cents_squared + other.cents_squared,
            self.steps + other.steps,
            self.steps_squared + other.steps_squared,
        )

    def __str__(self) -> str:
        if not self.sessions:
            return "no session was finished"
        return (
            f"{self.sessions:,} sessions: mean reward {self.mean_reward:.3f} "
            f"± {self.reward_error:.3f}, mean steps {self.mean_steps:.2f} "
            f"± {self.steps_error:.2f} (standard errors)"
        )


def _standard_error(n: int, total: int, squares: int) -> float:
    if n < 2:
        return 0.0
    return sqrt((squares - total**2 / n) / (n - 1) / n)
