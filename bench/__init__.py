"""Benchmarks beside common alternatives; each suite is run by its `make` target."""
