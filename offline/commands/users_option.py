"""Users that are named on the command line, or in a file."""

from pathlib import Path

from offline.errors import InputError


def read_users(text: str) -> list[str]:
    """`12,345`, or the name of a file with one id a line. Raises InputError for no id at all."""
    path = Path(text)
    try:
        named = path.read_text(encoding="utf-8-sig").split("\n") if path.is_file() else None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"--drop-users {text}: the file cannot be read: {error}") from error
    if named is None and not all(c.isalnum() or c in ",-_ " for c in text):
        raise InputError(f"--drop-users {text}: no such file, and no ids either, like 12,345")
    users = [user.strip() for user in (text.split(",") if named is None else named)]
    found = [user for user in users if user]
    if not found:
        raise InputError(f"--drop-users {text}: it has no ids")
    return found
