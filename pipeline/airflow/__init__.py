"""A schedule for the nights. Airflow has a virtual environment of its own; nothing here is
imported by the rest, and nothing of the rest is imported here."""
