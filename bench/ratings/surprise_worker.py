"""scikit-surprise on given folds; run by `bench/ratings` in its own venv, needs nothing of ours.

The .npz file has `user`, `item`, `rating`, `fold`, an entry for each rating. A model with the
default options of Surprise is fitted for each fold asked for; the last line on stdout is JSON.
"""

import argparse
import json
import time

import numpy as np
from surprise import NMF, SVD, Dataset, Reader, SVDpp

ALGORITHMS = {"SVD": SVD, "SVDpp": SVDpp, "NMF": NMF}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("ratings")
    parser.add_argument("--algorithm", choices=ALGORITHMS, required=True)
    parser.add_argument("--folds", type=int, nargs="+", required=True)
    parser.add_argument("--epochs", type=int, help="fewer passes than by default, to time one")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    data = np.load(args.ratings)
    user, item = data["user"].tolist(), data["item"].tolist()
    rating, fold = data["rating"].tolist(), data["fold"]
    scale = (min(rating), max(rating))
    rows = list(zip(user, item, rating, [None] * len(user), strict=True))
    found: dict[str, list[float]] = {
        "rmse": [],
        "mae": [],
        "fit_cpu": [],
        "fit_wall": [],
        "test_cpu": [],
        "test_wall": [],
    }
    for number in args.folds:
        held = (fold == number).tolist()
        whole = Dataset(Reader(rating_scale=scale))
        train = whole.construct_trainset(
            [row for row, out in zip(rows, held, strict=True) if not out]
        )
        test = [row[:3] for row, out in zip(rows, held, strict=True) if out]
        options = {} if args.epochs is None else {"n_epochs": args.epochs}
        model = ALGORITHMS[args.algorithm](random_state=args.seed, **options)
        cpu, wall = time.process_time(), time.perf_counter()
        model.fit(train)
        found["fit_cpu"].append(time.process_time() - cpu)
        found["fit_wall"].append(time.perf_counter() - wall)
        cpu, wall = time.process_time(), time.perf_counter()
        predictions = model.test(test)  # clipped to the scale
        found["test_cpu"].append(time.process_time() - cpu)
        found["test_wall"].append(time.perf_counter() - wall)
        apart = np.array([p.r_ui - p.est for p in predictions])
        assert len(apart) == sum(held)
        found["rmse"].append(float(np.sqrt(np.mean(apart**2))))
        found["mae"].append(float(np.mean(np.abs(apart))))
    print(json.dumps(found | {"epochs": model.n_epochs, "folds": args.folds}))


if __name__ == "__main__":
    main()
