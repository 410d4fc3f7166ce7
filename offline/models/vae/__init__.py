"""The variational autoencoder."""
