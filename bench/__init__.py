"""Figures of the lab beside what one would use instead; each suite is run by its `make` target."""
