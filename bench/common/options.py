"""Options that several benchmarks have."""

from pathlib import Path

import click

data_option = click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("../shared/data"),
    envvar="BOTIFY_DATA",
    show_default=True,
    show_envvar=True,
    help="Where the data sets' directories are.",
)
