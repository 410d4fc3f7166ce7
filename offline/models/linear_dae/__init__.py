"""The linear denoising autoencoder, in closed form, with its choice of parameters."""
