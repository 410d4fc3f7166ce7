"""Which face wrote a log: a directory has the log of one."""

from pathlib import Path

from botify.errors import InputError
from botify.event_log.segments import log_files
from botify.files.jsonlines import MAX_LINE_BYTES
from contract.errors import FormatError
from contract.events import MESSAGES
from contract.jsonlines import parse_object
from contract.rating_events import RATING_MESSAGES
from contract.shop_events import SHOP_MESSAGES

_MESSAGES = {"music": MESSAGES, "shop": SHOP_MESSAGES, "ratings": RATING_MESSAGES}


def check_face(directory: Path, face: str) -> None:
    """Raises InputError if a log in the directory begins with a line of another face."""
    for path in log_files(directory):
        try:
            with path.open("rb") as file:
                message = parse_object(file.readline(MAX_LINE_BYTES)).get("message")
        except (OSError, FormatError):
            continue  # empty, or torn: the writer's business
        for other, messages in _MESSAGES.items():
            if other != face and message in messages:
                raise InputError(
                    f"{path}: is a log of the {other} face; the {face} face needs a directory of "
                    "its own: name one with --log-dir"
                )
