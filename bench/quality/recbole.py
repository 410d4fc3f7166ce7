"""RecBole's MultiDAE on a data set, as `botify-offline evaluate` measures ours.

`python -m bench.quality.recbole DIR --format F --seed S`: the same split, the same metrics; the
last line is JSON with the same names. RecBole runs in its own environment and never sees the
test set before it is trained.
"""

import json
import tempfile
from pathlib import Path
from typing import Any

import click
import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from bench.common.results import json_line
from bench.quality.recbole_venv import environment, recbole_python
from offline.data.training_set import TrainingSet
from offline.evaluation.protocols import K, known_users
from offline.evaluation.splits import split_of
from offline.importing.evaluated import LOADERS as FORMATS
from offline.models.base import Hooks
from offline.models.top_n import TopN

SCRIPT = Path(__file__).with_name("recbole_worker.py")


class MultiDAE:
    """RecBole's model behind the two calls that the protocol makes."""

    def __init__(self, test: sparse.csr_matrix, python: Path, options: tuple[str, ...]) -> None:
        self._test, self._python, self._options = test, python, options
        self.found: dict[str, Any] = {}

    def fit(self, train: TrainingSet, _: Hooks | None = None) -> "MultiDAE":
        with tempfile.TemporaryDirectory() as scratch:
            data, lists = Path(scratch), Path(scratch, "lists.npy")
            _write(data / "train.txt", train.matrix)
            _write(data / "test.txt", self._test)
            arguments = (data, "--lists", lists, "--k", K, *self._options)
            self.found = json_line((self._python, SCRIPT, *arguments), environment())
            self._lists = np.load(lists)
        return self

    def recommend(self, users: NDArray[np.int64], n: int) -> TopN:
        """`users`: those with test items, all of them, in order."""
        assert len(users) == len(self._lists)
        ids = self._lists[:, :n]
        return TopN(ids, np.zeros(ids.shape, np.float32))  # its scores are not kept


def _write(path: Path, matrix: sparse.csr_matrix) -> None:
    rows = np.split(matrix.indices, matrix.indptr[1:-1])
    lines = (" ".join(map(str, (user, *row.tolist()))) for user, row in enumerate(rows))
    path.write_text("".join(f"{line}\n" for line in lines))


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.option("--format", "format_", type=click.Choice(list(FORMATS)), required=True)
@click.option("--seed", default=1, show_default=True)
@click.option(
    "--epochs", help="Number of epochs; by default it is chosen on a part of the training data."
)
@click.option("--venv", type=Path, default=Path("out/recbole-venv"), show_default=True)
def main(directory: Path, format_: str, seed: int, epochs: str | None, venv: Path) -> None:
    """Train and measure."""
    data = FORMATS[format_](directory)
    rng = np.random.default_rng(seed)
    split = split_of(data, rng, among=("published", "random"))
    options = ("--seed", str(seed), *(("--fixed", "--epochs", epochs) if epochs else ()))
    model = MultiDAE(split.test, recbole_python(venv).absolute(), options)
    measured = known_users(model, split)  # type: ignore[arg-type]
    per_user = {name: float(np.nanmean(values)) for name, values in measured.per_user.items()}
    click.echo(json.dumps(per_user | measured.overall | model.found))


if __name__ == "__main__":
    main()
