"""Errors of the data client; each message is one line for its user."""


class InputError(ValueError):
    """The request cannot be carried out: says what is wrong, where, and what to change."""


class ShipError(RuntimeError):
    """The other side failed (HDFS, Docker, a disk): names the file or address and the cause."""


class UnavailableError(ShipError):
    """A failure that may be temporary: a broken connection, a node that restarts."""


class IntegrityError(ShipError):
    """Files at the target are missing, or differ from its record."""

    def __init__(self, message: str, firsts: frozenset[str]) -> None:
        """`firsts` has `Piece.first` of the logs whose lines may be missing."""
        super().__init__(message)
        self.firsts = firsts


class LogChangedError(ShipError):
    """A log was rotated, truncated or removed while it was read; the next run reads it anew."""
