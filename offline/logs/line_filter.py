"""A filter for logs that hold several runs, versions or tests."""

from dataclasses import dataclass
from datetime import UTC, datetime

from offline.engine.quoting import literal
from offline.errors import InputError


@dataclass(frozen=True)
class LineFilter:
    """Lines of one run, of the time that one version was served, of a span of time; None: all.

    A session that began before `since` is excluded if the log has session ids.
    """

    run: str | None = None
    version: str | None = None
    since: int | None = None
    until: int | None = None
    """In ms since the epoch, UTC; `until` is excluded."""

    def __bool__(self) -> bool:
        return any(part is not None for part in (self.run, self.version, self.since, self.until))

    def condition(self, timestamp: str) -> str:
        """SQL over the table `lines`; `timestamp` is the expression of a line's time in ms."""
        conditions = []
        if self.run is not None:
            conditions.append(f"run = {literal(self.run)}")
        since = None if self.since is None else str(self.since)
        until = None if self.until is None else str(self.until)
        if self.version is not None:
            lines = f"FROM lines WHERE model_version = {literal(self.version)}"
            conditions.append(f"{timestamp} <= (SELECT MAX({timestamp}) {lines})")
            first = f"(SELECT MIN({timestamp}) {lines})"
            since = first if since is None else f"GREATEST({since}, {first})"
        if until is not None:
            conditions.append(f"{timestamp} < {until}")
        if since is not None:
            conditions.append(f"{timestamp} >= {since}")
            earlier = (
                f"SELECT session FROM lines WHERE session IS NOT NULL AND {timestamp} < {since}"
            )
            conditions.append(f"(session IS NULL OR session NOT IN ({earlier}))")
        return " AND ".join(conditions) or "TRUE"

    def __str__(self) -> str:
        parts = {"run": self.run, "version": self.version}
        told = [f"--{name} {value}" for name, value in parts.items() if value is not None]
        for name, moment in (("since", self.since), ("until", self.until)):
            if moment is not None:
                told.append(
                    f"--{name} {datetime.fromtimestamp(moment / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
                )
        return " ".join(told)


def parse_moment(option: str, text: str | None) -> int | None:
    """`2026-11-30T08:00`, UTC where no zone is named, or ms since the epoch. Raises InputError."""
    if text is None:
        return None
    if text.isdecimal() and text.isascii() and len(text) in range(12, 15):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{option} {text}: it must be like 2026-11-30T08:00, or ms since the epoch"
        ) from None
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)
