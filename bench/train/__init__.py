"""The autoencoder's trainer beside a dense loop."""
