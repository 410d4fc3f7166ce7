"""Generated events of a shop beside real ones."""
