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
        help="The directory to take logs from, in the containers with --recommender.  "
        "[default: log; /app/log in containers]",
    ),
    click.option(
        "--part-size",
        "part_bytes",
        type=_Size(),
        help="Bytes of the logs in a part: small logs go together, large ones are cut.  "
        "[default: 1G; 128M where compressed or Parquet]",
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
        help="Seconds to try again what fails, with longer and longer pauses.",
    ),
    click.option(
        "--follow", "follows", is_flag=True, help="Go on shipping what is written, until stopped."
    ),
    click.option(
        "--every",
        type=click.FloatRange(min=0.1),
        default=60.0,
        show_default=True,
        help="Seconds between the rounds of --follow: each makes a part.",
    ),
    click.option(
        "--resend",
        "resends",
        is_flag=True,
        help="Send again what was shipped and is at the target no longer.",
    ),
    click.option(
        "--mark-shipped",
        "marks",
        is_flag=True,
        help="Write .NAME.shipped beside each local log, for the service's log.delete_shipped.",
    ),
]


def shared(command: F) -> F:
    """Give a command the options of both; `settings` makes sense of their values."""
    for option in reversed(_SHARED):
        command = option(command)
    return command


def settings(values: dict[str, Any], source: Source, by_recommender: bool = False) -> Settings:
    """The values of the shared options, checked."""
    names = ("threads", "part_bytes", "compression", "format", "retry_seconds")
    options = Options(**{name: values[name] for name in names}, by_recommender=by_recommender)
    if by_recommender and (options.format != "json" or options.compression != "none"):
        raise InputError("--compress and --format parquet make files of other names: add --flat")
    if options.format == "parquet" and options.compression != "none":
        raise click.UsageError("--compress is for JSON; Parquet is compressed anyway")
    if source.recommenders and values["marks"]:
        raise InputError("--mark-shipped marks local logs; in a container nobody can")
    default = Path(LOG_DIR if source.recommenders else "log")
    return Settings(
        source=replace(source, log_dir=values["log_dir"] or default),
        options=options,
        every=values["every"] if values["follows"] else None,
        marks=values["marks"],
        resends=values["resends"],
    )
