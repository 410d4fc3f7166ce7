"""The options of the variational autoencoder."""

from pydantic import Field, PositiveInt

from offline.options import Options, TrainOptions


class VAEOptions(Options):
    """Options of the variational autoencoder and its training."""

    hidden: PositiveInt = 300
    """Size of the tanh layer before the latent one."""
    latent: PositiveInt = 200
    """Size of the latent vector."""
    dropout: float = Field(default=0.5, ge=0, lt=1)
    """Share of a user's items left out of the input, anew each time."""
    beta: float = Field(default=0.5, ge=0, le=1)
    """Weight of the divergence from the prior, once it is there in full."""
    anneal_epochs: PositiveInt = 10
    """Epochs over which that weight grows from 0, evenly."""
    learning_rate: float = Field(default=3e-3, gt=0, le=1)
    """Of Adam."""
    batch_size: PositiveInt = 250
    """Users a step."""
    epochs: PositiveInt = 50
    """At most."""
    patience: PositiveInt = 5
    """Stop after this many epochs without a better held-out NDCG@50."""
    held_out_users: float = Field(default=0.2, gt=0, le=1)
    """Share of the users some of whose interactions are held out."""
    held_out_share: float = Field(default=0.2, gt=0, lt=1)
    """Share of those users' interactions."""
    seed: int = Field(default=31337, ge=0, lt=2**63)

    @property
    def shared(self) -> TrainOptions:
        """Those that mean the same for the denoising autoencoder."""
        names = TrainOptions.model_fields.keys() & type(self).model_fields.keys() - {"hidden"}
        return TrainOptions(**{name: getattr(self, name) for name in sorted(names)})
