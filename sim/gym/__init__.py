"""The listeners as a Gymnasium environment; importing this package registers it."""

import gymnasium

ID = "botify/Listening-v0"


def register() -> None:
    """Register the environment for `gymnasium.make` and `gymnasium.make_vec`, once."""
    if ID not in gymnasium.registry:
        gymnasium.register(
            ID,
            entry_point="sim.gym.env:ListeningEnv",
            vector_entry_point="sim.gym.vector:ListeningVectorEnv",
        )


register()
