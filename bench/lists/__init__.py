"""Lists: where one list a user falls short, and which neighbours are best."""
