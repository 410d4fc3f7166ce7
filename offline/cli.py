"""`botify-offline`: from logs to lists to a verdict. Commands are imported on demand."""

import importlib
import sys

import click

from offline.errors import InputError

# `--help` and `analyze` must not wait for torch.
COMMANDS = {
    "collect": "Turn event logs into implicit interactions.",
    "import": "Turn data of any origin into interactions.",
    "load-csv": "Load CSV files of ratings and movies into a database.",
    "generate-ratings": "Make ratings whose best possible error is known.",
    "score": "Put an RMSE on generated ratings between the mean and the best possible.",
    "formats": "List the formats of data that are installed.",
    "models": "List the models that are installed.",
    "train": "Train a model on interactions.",
    "train-svd": "Train svd or nsvd on a file of ratings by steps, with a table of errors.",
    "train-ranker": "Train a ranker of a shop's candidates.",
    "export": "Write the lists that the service serves.",
    "publish": "Put a model's vectors into the stores that the service reads.",
    "recommend": "Print what a model recommends to a user.",
    "similar": "Print the items that a model finds similar.",
    "similarity": "Write the nearest users and items of each, for a site.",
    "evaluate": "Measure a trained model, or any model on data.",
    "compare": "Measure several models on the same data: a table, tests, a page.",
    "analyze": "Judge an A/B experiment from the service's logs.",
    "watch": "Follow a running A/B experiment on a local web page.",
    "plan": "Compute how many users an A/B experiment needs.",
    "off-policy": "Estimate the effect of new lists before an A/B test.",
    "reconcile": "Find events that are missing between the service and the analysis.",
}

_MODULES = {"import": "import_data"}
"""Of commands whose name can be none."""


class _Failure(click.ClickException):
    exit_code = 2


class _Group(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = f"offline.commands.{_MODULES.get(cmd_name, cmd_name.replace('-', '_'))}"
        command: click.Command = importlib.import_module(module).command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except MemoryError as error:
            raise _Failure(f"not enough memory: {error or 'none is left'}") from error
        except Exception as error:
            if _is_interrupt(error):
                raise KeyboardInterrupt from error
            if isinstance(error, InputError):
                raise _Failure(str(error)) from error
            raise


def _is_interrupt(error: Exception) -> bool:
    """Whether Ctrl-C ended a query of DuckDB, which is imported only by what uses it."""
    if "duckdb" not in sys.modules:
        return False
    from offline.engine.interrupts import is_interrupt

    return is_interrupt(error)


@click.group(cls=_Group)
@click.version_option(package_name="botify")
def main() -> None:
    """Learn from listening logs and judge experiments.

    \b
    collect     event logs          -> interactions
    import      data of any origin  -> interactions
    load-csv    files of ratings    -> tables of a database
    train       interactions        -> model directory
    train-svd   file of ratings     -> errors by step
    train-ranker features of a shop -> ranker that the service reads
    export      model, interactions -> recommendations.json, neighbours.json, and popular items
    publish     model               -> vectors in stores that the service reads
    recommend   model, user         -> titles and ids, best first
    similar     model, item         -> titles and ids, most similar first
    similarity  ratings, or items   -> nearest users and items of each, as CSV
    evaluate    model, interactions -> metrics of what training held out
    evaluate    interactions        -> metrics of any model, trained on a part of them
    evaluate    public data set     -> metrics of any model, trained on it
    compare     interactions        -> table, tests and page of several models
    analyze     event logs          -> effect table, report page
    watch       event logs          -> live page of a running experiment
    plan        event logs          -> users that a test needs, or the effect it finds
    off-policy  event logs, lists   -> estimated effect of the lists
    reconcile   metrics, event logs -> where events are missing between service and verdict
    """


def standalone(name: str) -> None:
    """Run one command as a program of its own: `python -m offline.commands.analyze`."""
    main([name, *sys.argv[1:]])


if __name__ == "__main__":
    main()
