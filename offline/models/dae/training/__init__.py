"""Training of the denoising autoencoder."""

from offline.models.dae.training.epochs import Epoch, Trained
from offline.models.dae.training.inference import K, top_lists
from offline.models.dae.training.trainer import Checkpoints, Hooks, fit
from offline.models.dae.training.workers import Workers, workers_of_torchrun

__all__ = [
    "Checkpoints",
    "Epoch",
    "Hooks",
    "K",
    "Trained",
    "Workers",
    "fit",
    "top_lists",
    "workers_of_torchrun",
]
