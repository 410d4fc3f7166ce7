"""Training of the denoising autoencoder."""

from offline.training.epochs import Epoch, Trained
from offline.training.inference import K, top_lists
from offline.training.trainer import Checkpoints, Hooks, fit
from offline.training.workers import Workers, workers_of_torchrun

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
