"""Factorise MovieLens ratings by gradient descent with momentum: `botify-offline train-svd`.

python script/svd.py -s 20000
"""

import argparse
import os
import shutil
import sys
from pathlib import Path

EXAMPLES = {
    1: "ml-1m/ratings.dat",
    10: "ml-10M100K/ratings.dat",
    20: "ml-20m/ratings.csv",
}
"""Under movielens/ of the current directory, where script/download_data.sh puts them."""


def parser() -> argparse.ArgumentParser:
    """The options, as they have always been."""
    found = argparse.ArgumentParser(
        prog="svd.py",
        description="Train svd or nsvd on MovieLens ratings. All errors are root mean square "
        "errors (RMSE); the mean square error is printed by its name at the end. The default "
        "options overfit; `botify-offline train --model svd` has better ones.",
    )

    def add(short: str, name: str, kind: type, default: object, text: str) -> None:
        found.add_argument(short, f"--{name}", type=kind, default=default, help=text)

    add("-p", "path", Path, None, "ratings path (default=pwd/movielens/ml-1m/ratings.dat)")
    add("-e", "example", int, 1, "movielens dataset examples (only 1, 10 or 20) (default=1)")
    add("-b", "batch", int, 700, "batch size: ratings in a step (default=700)")
    add("-s", "steps", int, 7000, "number of training steps (default=7000)")
    add("-d", "dimension", int, 12, "embedding vector size (default=12)")
    add("-r", "reg", float, 0.0003, "regularizer constant for the loss function (default=0.0003)")
    add("-l", "learning", float, 0.001, "learning rate (default=0.001)")
    add("-m", "momentum", float, 0.926, "momentum factor (default=0.926)")
    add("-i", "info", str, "True", "Training information. Only True or False (default=True)")
    add("-M", "model", str, "svd", "models: either svd or nsvd (default=svd)")
    add(
        "-S",
        "nsvd_size",
        str,
        "mean",
        "size of the vectors of the nsvd model: either max, mean or min, or all, with no cut "
        "(default=mean)",
    )
    return found


def command(words: list[str]) -> list[str]:
    """The command to run, without its program. Ends with exit code 2 for what is refused."""
    options = parser()
    given = options.parse_args(words)
    if given.example not in EXAMPLES:
        options.error(f"-e {given.example}: only 1, 10 or 20")
    if given.info not in ("True", "False"):
        options.error(f"-i {given.info}: only True or False")
    path = given.path or Path.cwd() / "movielens" / EXAMPLES[given.example]
    if not path.exists():
        options.error(f"{path}: no such file; get it with `bash script/download_data.sh`")
    found = ["train-svd", str(path), "--info" if given.info == "True" else "--no-info"]
    for name in ("model", "batch", "steps", "dimension", "reg", "learning", "momentum"):
        found += [f"--{name}", str(getattr(given, name))]
    return [*found, "--nsvd-size", given.nsvd_size]


def main() -> None:
    """Run the command in the place of this program."""
    words = command(sys.argv[1:])
    beside = Path(sys.executable).with_name("botify-offline")
    program = str(beside) if beside.exists() else shutil.which("botify-offline")
    if program is None:
        sys.exit("svd.py: botify-offline is not installed: `make setup`")
    os.execv(program, [program, *words])


if __name__ == "__main__":
    main()
