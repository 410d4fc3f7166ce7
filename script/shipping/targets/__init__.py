"""Where logs are shipped to."""
