"""The result of a run: means and their standard errors."""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from sim.arrays import Floats, Ints


@dataclass(frozen=True)
class Summary:
    """Sums over sessions, and the means that follow from them.

    The reward of a session is the sum of the shares heard of its recommended
    tracks, in tracks; its steps are their number. Shares have two decimals, so
    rewards are kept in whole hundredths: their sums do not depend on the order
    in which sessions end.

    Attributes
    ----------
    sessions : int
        Number of sessions.
    cents, cents_squared : int
        Sums of the rewards and of their squares, in hundredths of a track.
    steps, steps_squared : int
        Sums of the numbers of steps and of their squares.

    Examples
    --------
    >>> import numpy as np
    >>> from sim import Summary
    >>> summary = Summary().add(rewards=np.array([0.5, 2.5]), steps=np.array([5, 7]))
    >>> summary.mean_reward, summary.mean_steps
    (1.5, 6.0)
    >>> print(summary)
    2 sessions: mean reward 1.500 ± 1.000, mean steps 6.00 ± 1.00 (standard errors)
    """

    sessions: int = 0
    cents: int = 0
    cents_squared: int = 0
    steps: int = 0
    steps_squared: int = 0

    def add(self, rewards: Floats, steps: Ints) -> "Summary":
        """This and n more sessions: rewards in tracks and numbers of steps, each of shape (n,)."""
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
        """Mean reward of a session, in tracks."""
        return self.cents / self.sessions / 100

    @property
    def mean_session_time(self) -> float:
        """Mean reward and the first play, which was heard in full, in tracks."""
        return 1 + self.mean_reward

    @property
    def reward_error(self) -> float:
        """Standard error of the mean reward, in tracks, sessions taken as independent."""
        return _standard_error(self.sessions, self.cents, self.cents_squared) / 100

    @property
    def mean_steps(self) -> float:
        """Mean number of recommended tracks in a session."""
        return self.steps / self.sessions

    @property
    def steps_error(self) -> float:
        """Standard error of the mean number of steps, sessions taken as independent."""
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
            return "no session finished"
        return (
            f"{self.sessions:,} sessions: mean reward {self.mean_reward:.3f} "
            f"± {self.reward_error:.3f}, mean steps {self.mean_steps:.2f} "
            f"± {self.steps_error:.2f} (standard errors)"
        )


def _standard_error(n: int, total: int, squares: int) -> float:
    if n < 2:
        return 0.0
    return sqrt((squares - total**2 / n) / (n - 1) / n)
