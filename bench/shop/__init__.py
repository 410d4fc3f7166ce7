"""Candidate models on the events and sessions of a real shop."""
