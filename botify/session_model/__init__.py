"""The model that hears the session: read, shared by the workers, asked once per request.

Imports numpy, so nothing outside imports this before a config asks for such a model.
"""
