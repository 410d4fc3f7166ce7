"""`botify-offline score`: an RMSE between the mean and the oracle."""

from pathlib import Path

import click

from offline.synthetic.truth import Truth


@click.command("score")
@click.argument("data", type=click.Path(path_type=Path))
@click.argument("rmse", type=float)
def command(data: Path, rmse: float) -> None:
    """Put an RMSE on generated ratings between that of the mean (0) and the best possible (100).

    DATA is what `generate-ratings` wrote, or `import` made of it.
    """
    truth = Truth.read(data)
    score = truth.score(rmse)
    click.echo(
        f"{score:.1f} of 100: RMSE {rmse:.4f}, of the mean {truth.rmse_mean:.4f}, best possible "
        f"{truth.rmse_oracle:.4f}"
    )
    if score > 100:
        click.echo(
            "better than the best possible: of ratings that the model was trained on, of other "
            "data, or, if only just above 100, of a part on which the noise is smaller by chance"
        )


if __name__ == "__main__":
    from offline.cli import standalone

    standalone("score")
