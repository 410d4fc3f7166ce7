"""Models of ratings through the commands: train, recommend, export, evaluate, train-svd."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from offline.cli import main
from offline.data.training_set import TrainingSet
from offline.errors import InputError
from offline.models.ratings import RatingModel
from offline.models.registry import load_model, names_of

from ..programs import offline_in

USERS, ITEMS = 60, 60


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """MovieLens files: 60 users, 20 ratings each, of films of which the last ones are good."""
    rng = np.random.default_rng(4)
    lines = []
    for user in range(1, USERS + 1):
        for film in (1 + rng.choice(ITEMS, 20, replace=False)).tolist():
            rating = int(np.clip(round(1 + 4 * film / ITEMS + rng.normal(0, 0.5)), 1, 5))
            lines.append(f"{user}::{film}::{rating}::{978_300_000 + user}")
    (tmp_path / "ratings.dat").write_text("\n".join(lines) + "\n")
    films = [f"{film}::Film {film} (1990)::Drama" for film in range(1, ITEMS + 1)]
    (tmp_path / "movies.dat").write_text("\n".join(films) + "\n")
    return tmp_path


@pytest.fixture
def offline(place: Path) -> Callable[..., str]:
    run = offline_in(place)
    run("import", "@", "--format", "ml-1m", "--out", "@rated")
    return run


def failing(*words: object) -> Result:
    done = CliRunner().invoke(main, [*map(str, words)])
    assert done.exit_code == 2, done.output
    return done


def test_from_a_file_to_lists(place: Path, offline: Callable[..., str]) -> None:
    offline("train", "@rated", "--model", "svd", "--out", "@model")
    printed = offline("recommend", "@model", "--user", "7", "-n", "3")
    assert re.search(r"Film (5\d|60|4\d)", printed)
    model = load_model(place / "model")
    assert isinstance(model, RatingModel)
    assert model.factors().scale == (1.0, 5.0)
    offline("export", "@model", "@rated", "--out", "@lists", "--unseen", "--length", "10")
    rated = {row.split("::")[1] for row in (place / "ratings.dat").read_text().split() if
             row.startswith("7::")}  # fmt: skip
    assert len(rated) == 20
    lines = (place / "lists/recommendations.json").read_text().splitlines()
    lists = [json.loads(line) for line in lines]
    mine = next(row for row in lists if row.get("user") == 7)
    assert len(mine["items"]) == 10
    assert not rated & set(map(str, mine["items"]))


def test_dislikes_are_learned_from_too(place: Path, offline: Callable[..., str]) -> None:
    data = TrainingSet.of_ratings(place / "rated")
    assert data.ratings.nnz == USERS * 20
    assert data.scale == (1.0, 5.0)
    assert data.timestamps is not None
    assert TrainingSet.open(place / "rated", None).histories.sizes.sum() < USERS * 20


@pytest.mark.parametrize("model", names_of("ratings"))
def test_cross_validation_tells_errors_by_name(model: str, offline: Callable[..., str]) -> None:
    words = ("--model", model, "--folds", "3", "--seed", "2", "--json")
    facts = json.loads(offline("evaluate", "@rated", *words))
    assert facts["protocol"] == "ratings"
    assert (facts["users"], facts["items"], facts["ratings"]) == (USERS, ITEMS, USERS * 20)
    assert facts["rmse"] > facts["mae"] > 0
    assert facts["mse"] == pytest.approx(facts["rmse"] ** 2, rel=0.01)
    assert facts["rmse_95"] > 0
    assert len(facts["rmse_of_folds"]) == 3
    assert 0.4 < facts["rmse_of_biases"] < 0.8
    # A model that is no better than biases says so.
    assert ("remark" in facts) == (facts["rmse_of_biases"] <= facts["rmse"])
    if model != "truncated-svd":  # a missing rating is none to these
        assert facts["rmse"] < 1


def test_cross_validation_of_a_seed_is_the_same(offline: Callable[..., str]) -> None:
    found = [
        json.loads(offline("evaluate", "@rated", "--model", "svdpp", "--seed", seed, "--json"))
        for seed in ("1", "1", "2")
    ]
    errors = [each["rmse_of_folds"] for each in found]
    assert errors[0] == errors[1] != errors[2]


def test_a_file_can_be_evaluated_as_it_is(place: Path, offline: Callable[..., str]) -> None:
    printed = offline("evaluate", "@", "--format", "ml-1m", "--model", "truncated-svd")
    assert re.search(r"^rmse +\d\.\d{4} ± \d\.\d{4}$", printed, re.M)


def test_protocols_are_of_likes_or_of_ratings(place: Path, offline: Callable[..., str]) -> None:
    rated = place / "rated"
    said = failing("evaluate", rated, "--model", "svd", "--protocol", "strong").output
    assert "svd learns from ratings, and --protocol strong is for models of likes" in said
    said = failing("evaluate", rated, "--model", "als", "--protocol", "ratings").output
    assert "als learns from likes, and --protocol ratings is for models of ratings" in said
    said = failing("evaluate", rated, "--model", "svd", "--split", "time").output
    assert "--split goes with the protocol same-users" in said


def test_a_rating_out_of_scale_is_refused(place: Path) -> None:
    rows = [f"{u},{i},{(u + i) % 5 + 1}" for u in range(9) for i in range(60)]
    (place / "far.csv").write_text("\n".join(["user,item,rating", *rows, "9,1,99"]) + "\n")
    run = offline_in(place)
    run("import", "@far.csv", "--format", "csv", "--out", "@far")
    said = failing("train", place / "far", "--model", "svd", "--out", place / "m").output
    assert "out of scale: 1 of 541, such as 99, where the others are 1 to 5" in said


def test_a_file_with_semicolons_and_users_of_one_rating(place: Path) -> None:
    rows = [f"{u};{i};{(u * i) % 5 + 1}" for u in range(20) for i in range(60)]
    rows += [f"{u};{u};3" for u in range(30, 40)]  # one rating each, of items all others have
    rows += ["1;77;4"]  # in one fold only
    (place / "semi.csv").write_text("\n".join(["user;item;rating", *rows]) + "\n")
    run = offline_in(place)
    assert "1,211 interactions of 30 users with 61 items" in run(
        "import", "@semi.csv", "--format", "csv", "--out", "@semi"
    )
    found = json.loads(
        run("evaluate", "@semi", "--model", "svd", "--protocol", "ratings", "--json")
    )
    assert (found["pairs_of_new_users"], found["pairs_of_new_items"]) == (10, 1)


def test_equal_ratings_are_refused(place: Path) -> None:
    rows = [f"{u},{i},4" for u in range(9) for i in range(60)]
    (place / "same.csv").write_text("\n".join(["user,item,rating", *rows]) + "\n")
    run = offline_in(place)
    run("import", "@same.csv", "--format", "csv", "--out", "@same")
    said = failing("train", place / "same", "--model", "svd", "--out", place / "m").output
    assert "all 540 ratings are 4, so there is nothing to predict" in said
    assert not (place / "m").exists()


def test_several_kinds_need_one_called_rating(place: Path) -> None:
    rows = [f"{u},{i},{1 + (u + i) % 5},{kind}" for u in range(9) for i in range(60)
            for kind in ("view", "rating")]  # fmt: skip
    (place / "kinds.csv").write_text("\n".join(["user,item,value,event", *rows]) + "\n")
    run = offline_in(place)
    run("import", "@kinds.csv", "--format", "csv", "--out", "@kinds")
    assert TrainingSet.of_ratings(place / "kinds").ratings.nnz == 540
    text = (place / "kinds.csv").read_text().replace("rating\n", "cart\n")
    (place / "others.csv").write_text(text)
    run("import", "@others.csv", "--format", "csv", "--out", "@others")
    with pytest.raises(InputError, match="several kinds of interactions with one item"):
        TrainingSet.of_ratings(place / "others")


def test_training_by_steps_prints_its_table(place: Path) -> None:
    printed = offline_in(place)("train-svd", "@ratings.dat", "--steps", "2500", "--batch", "50")
    rows = re.findall(r"^ *(\d+) (\d\.\d{6}) (\d\.\d{6})([* ]) (\d+\.\d{6})\(s\)$", printed, re.M)
    assert [row[0] for row in rows] == ["0", "1000", "2000"]
    best = [float(row[2]) for row in rows]
    assert [row[3] == "*" for row in rows] == [x == min(best[: n + 1]) for n, x in enumerate(best)]
    assert "The duration of the whole training with 2500 steps is" in printed
    rmse, mse = (
        float(re.search(rf"{name}\)? (?:of the whole valid dataset is )?(\d\.\d+)", printed)[1])
        for name in ("RMSE", "MSE,")
    )
    assert mse == pytest.approx(rmse**2, abs=1e-4)
    assert rmse < 0.8
    assert "(120 ratings)" in printed or "; 120 ratings)" in printed
    predicted, true = (re.findall(r"\[([^]]+)\]", printed)[n].split() for n in (0, 1))
    assert len(predicted) == len(true) == 10
    assert all(1 <= float(value) <= 5 for value in predicted)


@pytest.mark.parametrize("words", [("--model", "nsvd", "--nsvd-size", "max"), ("--no-info",)])
def test_training_by_steps_has_options(words: tuple[str, ...], place: Path) -> None:
    run = offline_in(place)
    printed = run("train-svd", "@ratings.dat", "--steps", "1200", "--batch", "20", *words)
    assert ("step batch_error" in printed) == ("--no-info" not in words)
    assert "(RMSE) of the whole valid dataset" in printed


def test_steps_that_diverge_are_told(place: Path) -> None:
    words = ("--steps", "2000", "--learning", "1", "--no-info")
    assert "lower --learning" in failing("train-svd", place / "ratings.dat", *words).output


@pytest.mark.parametrize("taste", [True, False])
def test_training_by_steps_says_what_biases_alone_give(taste: bool, place: Path) -> None:
    """Better than biases where half of the users like what the others do not."""
    if taste:
        rows = [
            f"{u}::{i}::{4 if (u + i) % 2 else 2}::978300000"
            for u in range(USERS)
            for i in range(ITEMS)
            if (u * 7 + i * 3) % 5 < 2
        ]
        (place / "ratings.dat").write_text("\n".join(rows) + "\n")
    words = ("--steps", "4000", "--batch", "50", "--learning", "0.005", "--reg", "0", "--no-info")
    printed = offline_in(place)("train-svd", "@ratings.dat", *words)
    found = re.search(r"\(RMSE\) of the whole valid dataset is (\d\.\d+)", printed)
    biases = re.search(r"biases of users and items alone: RMSE (\d\.\d+)", printed)
    assert found is not None
    assert biases is not None
    assert (float(found[1]) < float(biases[1])) == taste
    assert ("Biases alone predict as well or better" in printed) == (not taste)
