"""What the service says on stderr can be read by a machine, whatever is said."""

import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

from botify.observability.json_logging import JsonFormatter


def said(*args: Any, **extra: Any) -> dict[str, Any]:
    """One record through the formatter."""
    record = logging.makeLogRecord(
        {
            "name": "botify.server.data_sync",
            "levelno": logging.WARNING,
            "levelname": "WARNING",
            **extra,
        }
    )
    record.msg, record.args, record.created = args[0], args[1:], 1795386612.3456
    line = JsonFormatter().format(record)
    assert "\n" not in line
    return dict(json.loads(line))


def test_a_line_says_when_who_and_what() -> None:
    assert said("list %s:\nrefused", "dae") == {
        "time": "2026-11-22T22:30:12.345Z",
        "level": "warning",
        "logger": "botify.server.data_sync",
        "message": "list dae:\nrefused",
    }


def test_extras_are_fields_and_cannot_hide_the_others() -> None:
    line = said("loaded", list="dae", path=Path("a/b"), level="mine")
    assert (line["list"], line["path"], line["level"]) == ("dae", "a/b", "warning")


def test_an_exception_is_part_of_its_line() -> None:
    try:
        raise OSError("disk\nfull")
    except OSError:
        line = said("cannot write", exc_info=sys.exc_info())
    assert line["exception"].startswith("Traceback")
    assert line["exception"].endswith("OSError: disk\nfull")


def test_configured_it_takes_what_libraries_log_and_leaves_stdout_alone() -> None:
    program = (
        "import logging; from botify.observability.json_logging import configure;"
        "configure('INFO');"
        "logging.getLogger('botify').info('one'); logging.getLogger('x').debug('not said');"
        "logging.getLogger('_granian').info('not said');"
        "logging.getLogger('_granian').error('two %d', 2)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=30
    )
    assert done.stdout == ""
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert [(line["logger"], line["message"]) for line in lines] == [
        ("botify", "one"),
        ("_granian", "two 2"),
    ]
