"""Checks that an experiment must pass before there is a verdict."""
