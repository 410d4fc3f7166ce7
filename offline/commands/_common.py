"""The option `--engine` of the commands that read logs."""

import click

from offline.engine import NAMES

engine_option = click.option(
    "--engine",
    type=click.Choice(NAMES),
    default="duckdb",
    show_default=True,
    help="What runs the queries. On spark, LOGS may be hdfs:// addresses too (docs/spark.md).",
)
