"""What the scripts can fail with; each message is one line for the person who ran them."""


class InputError(ValueError):
    """What was asked for cannot be done: says what is wrong, where, and what to change."""


class ShipError(RuntimeError):
    """The other side failed (HDFS, Docker, a disk): names the file or address and the cause."""
