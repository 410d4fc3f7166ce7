"""RecBole's MultiDAE on a LightGCN-format directory; run by `bench/quality` in its own venv.

Needs recbole and torch, nothing of ours. The number of epochs is chosen on a tenth of each
user's training interactions; then a new model learns from all of them for as long. The lists of
the test users, their training items masked, go to an .npy file, one row a line of test.txt that
has items; the last line on stdout is JSON: what it took, and the figures of RecBole's own
evaluation.
"""

import argparse
import json
import logging
import os
import re
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from recbole.config import Config
from recbole.data import create_dataset, data_preparation
from recbole.data.dataset import Dataset
from recbole.model.general_recommender import MultiDAE
from recbole.trainer import Trainer
from recbole.utils import init_seed
from recbole.utils.case_study import full_sort_topk

NAME = "data"
VALIDATION = 0.1
PAPER_BATCH = 500
"""Users a step, as in Liang et al. (2018); RecBole's default, 2,048, leaves few steps an epoch."""


class Pairs(NamedTuple):
    """Interactions: user and item of each, shape (n,)."""

    users: np.ndarray
    items: np.ndarray


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path, help="train.txt and test.txt: user item item ...")
    parser.add_argument("--lists", type=Path, required=True, help="the .npy file to write")
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=200, help="largest number of epochs")
    parser.add_argument(
        "--fixed", action="store_true", help="train exactly --epochs, without choosing"
    )
    parser.add_argument("--eval-every", type=int, default=5, help="epochs between validations")
    parser.add_argument("--patience", type=int, default=3, help="validations without a better one")
    parser.add_argument("--batch", type=int, default=PAPER_BATCH)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    del sys.argv[1:]  # RecBole looks for options of its own there
    if args.threads:
        torch.set_num_threads(args.threads)
    train, test = read(args.data / "train.txt"), read(args.data / "test.txt")
    learn, valid = split(train, np.random.default_rng(args.seed))
    args.lists = args.lists.absolute()
    with tempfile.TemporaryDirectory() as scratch:
        os.chdir(scratch)  # RecBole writes its logs where it runs
        started = time.perf_counter()
        epochs = args.epochs
        if not args.fixed:
            # The third file is not looked at.
            choice = prepare(Path(scratch, "choice"), args, args.epochs, learn, valid, valid)
            epochs = choose_epochs(choice, args.eval_every)
        choice_seconds = time.perf_counter() - started
        # RecBole masks training items only in its validation data.
        final = prepare(Path(scratch, "final"), args, epochs, train, test, test)
        epoch_seconds = timed_epochs(final.trainer)
        started = time.perf_counter()
        final.trainer.fit(final.train, None, verbose=False, saved=False)
        fit_seconds = time.perf_counter() - started
        own = final.trainer.evaluate(final.valid, load_best_model=False)
        started = time.perf_counter()
        lists = recommend(final, np.unique(test.users), args.k)
        recommend_seconds = time.perf_counter() - started
    np.save(args.lists, lists)
    found = {
        "epochs": epochs,
        "seconds_an_epoch": epoch_seconds,
        "seconds_to_choose_epochs": choice_seconds,
        "seconds_to_train": fit_seconds,
        "seconds_to_recommend": recommend_seconds,
        "peak_memory_mb": peak_mb(),
        "own": {name: float(value) for name, value in own.items()},
    }
    print(json.dumps(found))


class Ready(NamedTuple):
    """RecBole's parts for one training."""

    trainer: Trainer
    model: MultiDAE
    dataset: Dataset
    train: object
    valid: object


def prepare(directory: Path, args: argparse.Namespace, epochs: int, *parts: Pairs) -> Ready:
    """A model for the interactions of `parts`: to learn from, to validate on, to test on."""
    folder = directory / NAME
    folder.mkdir(parents=True)
    names = ["train", "valid", "test"]
    for name, pairs in zip(names, parts, strict=True):
        rows = "".join(f"{u}\t{i}\n" for u, i in zip(*map(np.ndarray.tolist, pairs), strict=True))
        (folder / f"{NAME}.{name}.inter").write_text(f"user_id:token\titem_id:token\n{rows}")
    config = Config(
        model="MultiDAE",
        dataset=NAME,
        config_dict={
            "data_path": str(directory),
            "checkpoint_dir": str(directory / "saved"),
            "benchmark_filename": names,
            "load_col": {"inter": ["user_id", "item_id"]},
            "train_neg_sample_args": None,
            "epochs": epochs,
            "train_batch_size": args.batch,
            "eval_batch_size": args.batch * len(np.unique(parts[0].items)),
            "eval_step": args.eval_every,
            "stopping_step": args.patience,
            "metrics": ["Recall", "NDCG"],
            "topk": [args.k],
            "valid_metric": f"NDCG@{args.k}",
            "use_gpu": False,
            "show_progress": False,
            "seed": args.seed,
            "reproducibility": True,
            "state": "WARNING",
        },
    )
    init_seed(config["seed"], config["reproducibility"])
    logging.getLogger().setLevel(logging.WARNING)
    dataset = create_dataset(config)
    train, valid, _ = data_preparation(config, dataset)
    model = MultiDAE(config, train.dataset)
    return Ready(Trainer(config, model), model, dataset, train, valid)


def choose_epochs(ready: Ready, every: int) -> int:
    """The number of epochs with the best validation."""
    seconds = timed_epochs(ready.trainer)
    validations: list[float] = []
    valid_epoch = ready.trainer._valid_epoch

    def noted(*args: object, **kwargs: object) -> object:
        score, result = valid_epoch(*args, **kwargs)
        validations.append(score)
        print(f"validation {dict(result)}", file=sys.stderr)
        return score, result

    ready.trainer._valid_epoch = noted
    ready.trainer.fit(ready.train, ready.valid, verbose=False, saved=False)
    return min(len(seconds), every * (1 + int(np.argmax(validations))))


def timed_epochs(trainer: Trainer) -> list[float]:
    """Seconds of each epoch, filled in while the trainer runs."""
    seconds: list[float] = []
    train_epoch = trainer._train_epoch

    def timed(*args: object, **kwargs: object) -> object:
        started = time.perf_counter()
        loss = train_epoch(*args, **kwargs)
        seconds.append(time.perf_counter() - started)
        print(f"epoch {len(seconds)}: loss {loss:.1f}, {seconds[-1]:.1f} s", file=sys.stderr)
        return loss

    trainer._train_epoch = timed
    return seconds


def recommend(ready: Ready, users: np.ndarray, k: int, batch: int = PAPER_BATCH) -> np.ndarray:
    """The k best items of each user by their ids in the files, shape (n_users, k)."""
    dataset = ready.dataset
    # RecBole numbers users and items anew, with 0 for none.
    items = np.array([-1, *map(int, dataset.field2id_token["item_id"][1:])])
    inner = dataset.token2id("user_id", list(map(str, users.tolist())))
    lists = [
        items[full_sort_topk(inner[at : at + batch], ready.model, ready.valid, k)[1].numpy()]
        for at in range(0, len(inner), batch)
    ]
    return np.concatenate(lists)


def read(path: Path) -> Pairs:
    rows = [np.array(line.split(), dtype=np.int64) for line in path.read_text().splitlines()]
    rows = [row for row in rows if len(row) > 1]
    users = np.repeat([row[0] for row in rows], [len(row) - 1 for row in rows])
    return Pairs(users, np.concatenate([row[1:] for row in rows]))


def split(pairs: Pairs, rng: np.random.Generator) -> tuple[Pairs, Pairs]:
    """A tenth of each user's interactions taken apart; a user with fewer than ten keeps all."""
    order = np.lexsort((rng.random(len(pairs.users)), pairs.users))
    users = pairs.users[order]
    starts = np.flatnonzero(np.diff(users, prepend=-1))
    sizes = np.diff(np.append(starts, len(users)))
    rank = np.arange(len(users)) - np.repeat(starts, sizes)
    taken = rank < np.repeat((VALIDATION * sizes).astype(int), sizes)
    return (
        Pairs(users[~taken], pairs.items[order][~taken]),
        Pairs(users[taken], pairs.items[order][taken]),
    )


def peak_mb() -> float:
    """The most that this process held resident, MB."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1]) * 1024 / 1e6


if __name__ == "__main__":
    main()
