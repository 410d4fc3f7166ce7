"""Options that the data client's commands share."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import click

from script.shipping.errors import InputError
from script.shipping.runner import Settings, Source
from script.shipping.sources.docker import LOG_DIR
from script.shipping.transfer import Options

F = TypeVar("F", bound=Callable[..., Any])
_UNITS = {"": 1, "k": 1 << 10, "M": 1 << 20, "G": 1 << 30}


class _Size(click.ParamType[int]):
    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"([1-9]\d*)([kMG]?)", str(value))
        if match is None:
            self.fail(f"{value!r} is not a size such as 64M", param, ctx)
        return int(match[1]) * _UNITS[match[2]]


_SHARED = [
    click.option(
        "--log-dir",
        type=click.Path(path_type=Path),
        help="The directory to take logs from; with --recommender, inside the containers.  "
        "[default: log; /app/log in containers]",
    ),
    click.option(
        "--part-size",
        "part_bytes",
        type=_Size(),
        help="Size of a part in bytes: small logs are combined, large logs split.  "
        "[default: 1G; 128M if compressed or Parquet]",
    ),
    click.option("--threads", type=click.IntRange(1, 64), default=4, show_default=True),
    click.option(
        "--compress",
        "compression",
        type=click.Choice(["none", "gzip", "zstd"]),
        default="none",
        show_default=True,
    ),
    click.option(
        "--format",
        type=click.Choice(["json", "parquet"]),
        default="json",
        show_default=True,
        help="parquet: one file for each day of a part, dt=YYYY-MM-DD/data-*.parquet.",
    ),
    click.option(
        "--retry-for",
        "retry_seconds",
        type=click.FloatRange(min=0),
        default=30.0,
        show_default=True,
        help="Seconds in which to retry what fails, with growing pauses.",
    ),
    click.option(
        "--follow", "follows", is_flag=True, help="Keep shipping new lines until stopped."
    ),
    click.option(
        "--every",
        type=click.FloatRange(min=0.1),
        default=60.0,
        show_default=True,
        help="Seconds between the rounds of --follow; each round makes a part.",
    ),
    click.option(
        "--resend",
        "resends",
        is_flag=True,
        help="Send lines again that were shipped and are missing at the target.",
    ),
    click.option(
        "--mark-shipped",
        "marks",
        is_flag=True,
        help="Write .NAME.shipped beside each local log, for the service's log.delete_shipped.",
    ),
]


def shared(command: F) -> F:
    """Add the shared options to a command; `settings` checks their values."""
    for option in reversed(_SHARED):
        command = option(command)
    return command


def settings(values: dict[str, Any], source: Source, by_recommender: bool = False) -> Settings:
    """The values of the shared options, checked."""
    names = ("threads", "part_bytes", "compression", "format", "retry_seconds")
    options = Options(**{name: values[name] for name in names}, by_recommender=by_recommender)
    if by_recommender and (options.format != "json" or options.compression != "none"):
        raise InputError(
            "--compress and --format parquet need --flat, as they change the names of files"
        )
    if options.format == "parquet" and options.compression != "none":
        raise click.UsageError("--compress applies to JSON; Parquet is compressed already")
    if source.recommenders and values["marks"]:
        raise InputError("--mark-shipped works only with local logs, not with --recommender")
    default = Path(LOG_DIR if source.recommenders else "log")
    return Settings(
        source=replace(source, log_dir=values["log_dir"] or default),
        options=options,
        every=values["every"] if values["follows"] else None,
        marks=values["marks"],
        resends=values["resends"],
    )
