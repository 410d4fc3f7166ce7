"""The error of this package."""


class FormatError(ValueError):
    """A value does not follow its format; the message says what is wrong, without the place."""
