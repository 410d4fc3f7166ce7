"""The one error of this room."""


class FormatError(ValueError):
    """Something is not what its format says; the message says what is wrong, without a place."""
