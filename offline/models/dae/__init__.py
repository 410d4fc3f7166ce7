"""The denoising autoencoder that `train` trains: network, loss, and the model of its name."""
