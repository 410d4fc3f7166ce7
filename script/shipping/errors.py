"""What the scripts can fail with; each message is one line for the person who ran them."""


class InputError(ValueError):
    """What was asked for cannot be done: says what is wrong, where, and what to change."""


class ShipError(RuntimeError):
    """The other side failed (HDFS, Docker, a disk): names the file or address and the cause."""


class UnavailableError(ShipError):
    """It failed in a way that may pass: a connection that broke, a node that starts again."""


class IntegrityError(ShipError):
    """The target lacks what its record says is there, or has it otherwise."""

    def __init__(self, message: str, firsts: frozenset[str]) -> None:
        """`firsts` has `Piece.first` of the logs whose lines may be missing."""
        super().__init__(message)
        self.firsts = firsts


class LogChangedError(ShipError):
    """A log was rotated, cut or taken away while it was read; the next run finds it as it is."""
