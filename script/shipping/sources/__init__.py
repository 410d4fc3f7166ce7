"""Where logs are found."""
