"""The session model: its files, shared by the workers, and the track it chooses at each request.

Imports numpy, so nothing outside imports this before a config asks for such a model.
"""
