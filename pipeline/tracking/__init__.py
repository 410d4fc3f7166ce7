"""Nights at an MLflow server (extra `tracking`): their runs, and the registry of lists."""
