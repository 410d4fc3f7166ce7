"""`botify-offline off-policy`: event logs and new lists -> what the lists would give."""

import json
from pathlib import Path

import click

from offline.commands._common import write_text
from offline.errors import InputError
from offline.logs.bad_lines import list_bad_lines
from offline.logs.reader import open_logs
from offline.off_policy.chain_files import chain_targets, read_chains
from offline.off_policy.chain_target import list_target, popular_target
from offline.off_policy.decisions import read_decisions
from offline.off_policy.estimate import look_ahead
from offline.off_policy.estimate_text import as_json, as_text, parameters_text, quality_text
from offline.off_policy.policies import Target
from offline.off_policy.policy_files import read_lists, read_top_tracks
from offline.off_policy.table_decisions import (
    ColumnTarget,
    DecisionColumns,
    PolicyTarget,
    read_decision_table,
)

_PATH = click.Path(path_type=Path)


@click.command()
@click.argument("logs", nargs=-1)
@click.option(
    "--lists", type=_PATH, multiple=True, help="Path to recommendations.json; may be repeated."
)
@click.option(
    "--top-tracks",
    type=_PATH,
    help="Path to top_tracks.json: adds TOP_POP as a target, the popular tracks played or not.",
)
@click.option(
    "--chains",
    type=_PATH,
    help="A service's config (botify.yml): its recommenders that are chains of lists as targets.",
)
@click.option(
    "--chain", multiple=True, metavar="NAME", help="Only this one of --chains; may be repeated."
)
@click.option("--data-dir", type=_PATH, help="Instead of the data_dir of --chains.")
@click.option(
    "--catalog",
    type=_PATH,
    help="Path to tracks.json, for chains that draw from the catalog or from artists; default: "
    "the catalog of --chains.",
)
@click.option("--recommender", help="Use only decisions of this recommender.")
@click.option(
    "--first",
    is_flag=True,
    help="Use only the first decision of each session: later ones depend on what the logging "
    "recommender played before, not on what the target would have played.",
)
@click.option(
    "--table",
    type=_PATH,
    multiple=True,
    help="Instead of LOGS: a row per decision (.csv, .parquet).",
)
@click.option("--action", metavar="COLUMN", default="action", show_default=True)
@click.option("--reward", metavar="COLUMN", default="reward", show_default=True)
@click.option("--propensity", metavar="COLUMN", default="propensity", show_default=True)
@click.option(
    "--position", metavar="COLUMN", help="Column with the position that --policy depends on."
)
@click.option(
    "--unit",
    metavar="COLUMN",
    help="Column of the unit whose decisions depend on each other, such as the user.",
)
@click.option(
    "--target",
    multiple=True,
    metavar="COLUMN",
    help="Column with the target's probability of the logged action; may be repeated.",
)
@click.option(
    "--policy",
    type=_PATH,
    multiple=True,
    help="A target: a table of action, position where there is one, and `chance`.",
)
@click.option("--json", "json_out", type=_PATH, help="Write the results to this file.")
def command(
    logs: tuple[str, ...],
    lists: tuple[Path, ...],
    top_tracks: Path | None,
    chains: Path | None,
    chain: tuple[str, ...],
    data_dir: Path | None,
    catalog: Path | None,
    recommender: str | None,
    first: bool,
    table: tuple[Path, ...],
    action: str,
    reward: str,
    propensity: str,
    position: str | None,
    unit: str | None,
    target: tuple[str, ...],
    policy: tuple[Path, ...],
    json_out: Path | None,
) -> None:
    """Estimate the effect of new lists before an A/B test.

    LOGS are files, directories (their data.json* files) or quoted patterns, of a service that logs
    `propensity`; the value is the share heard of a recommended track. Of a --table it is the mean
    reward.
    """
    targets: list[Target]
    if table:
        if logs or lists or top_tracks or chains or recommender is not None or first:
            raise InputError("--table goes with --target and --policy, not with LOGS and lists")
        if not target and not policy:
            raise click.UsageError("nothing to estimate: add --target or --policy")
        columns = DecisionColumns(action, reward, propensity, position, unit, target)
        read = read_decision_table(table, columns)
        decisions, skipped, notes = read.decisions, read.skipped, read.notes
        targets = [ColumnTarget(name, read) for name in target]
        targets += [PolicyTarget(path, read, columns) for path in policy]
    else:
        if not logs:
            raise click.UsageError("nothing to estimate from: give LOGS, or --table FILE")
        if target or policy or position or unit:
            raise InputError("--target, --policy, --position and --unit are of a --table")
        if not lists and top_tracks is None and chains is None:
            raise click.UsageError("nothing to estimate: add --lists, --top-tracks or --chains")
        if chains is None and (chain or data_dir is not None or catalog is not None):
            raise InputError("--chain, --data-dir and --catalog go with --chains")
        config = None if chains is None else read_chains(chains, chain, data_dir, catalog)
        mine = {str(path): read_lists(path) for path in lists}
        top = None if top_tracks is None else read_top_tracks(top_tracks)
        with open_logs(logs) as log:
            decisions = read_decisions(log, recommender=recommender, first=first)
            skipped, notes = log.skipped, log.notes
        targets = [list_target(name, found, decisions) for name, found in mine.items()]
        if top is not None:
            targets.append(popular_target(str(top_tracks), top, decisions))
        if config is not None:
            targets += chain_targets(config, decisions)
            notes = (*notes, *config.notes)
    found = look_ahead(decisions, targets)
    if json_out is not None:
        content = as_json(found, decisions, first) | {
            "bad_lines": skipped.bad,
            "bad_share": skipped.share,
            "commonest_reason": skipped.commonest,
            "notes": list(notes),
        }
        write_text(json_out, json.dumps(content, indent=2) + "\n")
    click.echo(as_text(found))
    told = list_bad_lines(skipped, noun="row" if table else "line") if skipped.bad else []
    click.echo("\n".join([quality_text(decisions, skipped.bad), *told, *notes]))
    for one in found:
        if one.support.matched:
            click.echo(parameters_text(one))
        for warning in one.warnings:
            click.echo(f"{one.target}: {warning}")
    if not first and not table:
        click.echo(
            "all decisions: their contexts are what the log's recommender played before; "
            "--first has no such bias"
        )


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("off-policy")
