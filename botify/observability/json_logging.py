"""The service's log on stderr: one JSON object per line."""

import json
import logging
import logging.config
from datetime import UTC, datetime
from typing import Any

_OWN = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
"""Fields of every log record; the others are the caller's `extra`."""


class JsonFormatter(logging.Formatter):
    """`time` (UTC), `level`, `logger`, `message`, the record's extras, and any `exception`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line; a value that is not JSON becomes its text."""
        time = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "time": time.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        extras = {name: value for name, value in vars(record).items() if name not in _OWN}
        if record.exc_info:
            extras["exception"] = self.formatException(record.exc_info)
        if record.stack_info:
            extras["stack"] = self.formatStack(record.stack_info)
        return json.dumps(extras | line, default=str, ensure_ascii=False)


def configure(level: str = "INFO") -> None:
    """Send the standard library's logging to stderr, from this level on.

    granian's own logger, from WARNING on.
    """
    config: dict[str, Any] = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": {"()": JsonFormatter}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "stream": "ext://sys.stderr",
                "formatter": "json",
            }
        },
        "root": {"level": level, "handlers": ["stderr"]},
        "loggers": {"_granian": {"level": "WARNING"}},
    }
    logging.config.dictConfig(config)
