"""The denoising autoencoder that `train` trains."""
