"""Files that a command was asked to write."""

from pathlib import Path

from offline.errors import InputError


def write_text(path: Path, text: str) -> None:
    """Write `text`, and the directories above it. Raises InputError where that cannot be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}") from error
