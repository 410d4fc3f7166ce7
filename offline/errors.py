"""The one error that bad input raises in this room."""


class InputError(ValueError):
    """Input that cannot be used; the message says what is wrong, where, and what to change."""
