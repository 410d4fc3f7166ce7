"""Settings that come from the environment; a bad value names itself and stops the start."""

import os
from pathlib import Path
from typing import Any

import dj_database_url
from django.core.exceptions import ImproperlyConfigured

SQLITE_PRAGMAS = "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;"


def flag(name: str, default: bool = False) -> bool:
    """True for 1, true, yes or on; False for 0, false, no or off."""
    value = os.environ.get(name, "").strip().lower()
    if not value:
        return default
    if value in ("1", "true", "yes", "on"):
        return True
    if value in ("0", "false", "no", "off"):
        return False
    raise ImproperlyConfigured(f"{name} is {value!r}: set it to 1 or 0")


def number(name: str, default: int) -> int:
    """An integer of 0 and above."""
    value = os.environ.get(name, "").strip()
    if not value:
        return default
    if not value.isdecimal():
        raise ImproperlyConfigured(f"{name} is {value!r}: set it to a whole number, 0 or above")
    return int(value)


def words(name: str) -> list[str]:
    """The parts between commas."""
    return [part.strip() for part in os.environ.get(name, "").split(",") if part.strip()]


def database(default_file: Path) -> dict[str, Any]:
    """The database that DATABASE_URL names: SQLite, PostgreSQL or MariaDB; else `default_file`."""
    url = os.environ.get("DATABASE_URL") or f"sqlite:///{default_file}"
    # MariaDB speaks the protocol of MySQL, and Django has one backend for both.
    url = url.replace("mariadb://", "mysql://", 1)
    try:
        config: dict[str, Any] = dict(dj_database_url.parse(url, conn_max_age=60))
    except ValueError as error:
        raise ImproperlyConfigured(f"DATABASE_URL cannot be read: {error}") from None
    kind = config["ENGINE"].rsplit(".", 1)[-1]
    options = config.setdefault("OPTIONS", {})
    if kind == "sqlite3":
        # A transaction that reads first and then writes would fail at once, not wait its turn.
        options |= {"transaction_mode": "IMMEDIATE", "timeout": 20, "init_command": SQLITE_PRAGMAS}
    elif kind == "mysql":
        import pymysql

        pymysql.install_as_MySQLdb()
        options |= {"charset": "utf8mb4", "isolation_level": "read committed"}
    elif kind != "postgresql":
        raise ImproperlyConfigured(
            f"DATABASE_URL names {kind}: the site runs on sqlite, postgresql and mariadb"
        )
    return config
