"""Imports data of any origin: its files to a directory of interactions."""
