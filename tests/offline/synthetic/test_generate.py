"""Generated ratings: the same whatever makes them, with an error that is known."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv as pc
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray

from offline.cli import main
from offline.errors import InputError
from offline.synthetic import generate
from offline.synthetic.generate import Options, generate_ratings
from offline.synthetic.planted import Scale, make_oracle
from offline.synthetic.truth import Truth

SMALL: dict[str, Any] = {"users": 400, "items": 100, "ratings": 6000, "seed": 3}


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generate, "_CHUNK", 1 << 10)


def ratings_of(out: Path) -> NDArray[np.float64]:
    if (out / "ratings.csv").is_file():
        return pc.read_csv(out / "ratings.csv").to_pandas().to_numpy(float)
    return pq.read_table(out / "ratings.parquet").to_pandas().to_numpy(float)


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_threads_change_no_byte(kind: Any, tmp_path: Path) -> None:
    written = []
    for threads in (1, 3):
        out = tmp_path / str(threads)
        told: list[int] = []
        generate_ratings(Options(**SMALL, format=kind), out, threads=threads, report=told.append)
        assert len(told) > 4
        assert sum(told) == SMALL["ratings"]
        written.append({path.name: path.read_bytes() for path in out.iterdir()})
    assert written[0] == written[1]
    generate_ratings(Options(**{**SMALL, "seed": 4}, format=kind), tmp_path / "1")
    assert (tmp_path / "1" / f"ratings.{kind}").read_bytes() != written[0][f"ratings.{kind}"]


def test_both_formats_hold_the_same(tmp_path: Path) -> None:
    for kind in ("csv", "parquet"):
        generate_ratings(Options(**SMALL, format=kind), tmp_path / kind)
    assert np.array_equal(ratings_of(tmp_path / "csv"), ratings_of(tmp_path / "parquet"))


@pytest.mark.parametrize("pattern", ["planted", "uniform"])
@pytest.mark.parametrize("ratings", [400, 6000, 39_990])
def test_so_many_distinct_pairs_as_asked(pattern: Any, ratings: int, tmp_path: Path) -> None:
    generate_ratings(Options(**{**SMALL, "ratings": ratings}, pattern=pattern), tmp_path / "out")
    found = ratings_of(tmp_path / "out")
    assert len(found) == ratings == len(np.unique(found[:, :2], axis=0))
    assert set(found[:, 0]) == set(range(1, 401))
    assert found[:, 1].min() >= 1
    assert found[:, 1].max() <= 100
    assert set(found[:, 2]) <= set(np.arange(0.5, 5.5, 0.5))


def test_items_and_users_have_a_long_tail(tmp_path: Path) -> None:
    generate_ratings(Options(users=1000, items=200, ratings=30_000), tmp_path / "out")
    found = ratings_of(tmp_path / "out")
    users, items = (np.bincount(found[:, place].astype(int))[1:] for place in (0, 1))
    assert np.sort(items)[-20:].sum() > 0.25 * 30_000
    assert np.percentile(users, 90) > 3 * np.median(users) > 3 * users.min()


def test_the_oracle_is_the_mean_of_what_is_rounded() -> None:
    scale, noise = Scale(1.0, 5.0, 1.0), 0.7
    oracle = make_oracle(scale, noise)
    drawn = np.random.default_rng(0).normal(0, noise, 400_000)
    for x in (0.3, 2.45, 3.0, 4.9, 6.0):
        rated = np.clip(np.round(x + drawn), 1, 5)
        node = round((x - oracle.start) * oracle.per_node)
        assert oracle.mean[node] == pytest.approx(rated.mean(), abs=0.006)
        assert oracle.variance[node] == pytest.approx(rated.var(), abs=0.006)


def test_no_noise_leaves_no_error(tmp_path: Path) -> None:
    truth = generate_ratings(Options(**SMALL, noise=0.0), tmp_path / "out")
    assert truth.rmse_mean > 0.5
    assert truth.rmse_oracle < 0.03  # of x within a grid's step of a half


def test_the_best_error_is_what_an_additive_fit_finds_where_nothing_else_is(
    tmp_path: Path,
) -> None:
    options = Options(users=500, items=300, ratings=150_000, seed=8, factors=0, noise=0.6)
    truth = generate_ratings(options, tmp_path / "out")
    found = ratings_of(tmp_path / "out")
    table = np.empty((500, 300))
    table[found[:, 0].astype(int) - 1, found[:, 1].astype(int) - 1] = found[:, 2]
    fit = table.mean(axis=1, keepdims=True) + table.mean(axis=0) - table.mean()
    rmse = float(np.sqrt(np.mean((table - np.clip(fit, 0.5, 5)) ** 2)))
    assert truth.rmse_oracle == pytest.approx(rmse, rel=0.04)
    assert truth.rmse_expected == pytest.approx(truth.rmse_oracle, rel=0.01)
    assert truth.rmse_mean == pytest.approx(float(found[:, 2].std()), rel=1e-9)
    assert truth.mean == pytest.approx(float(found[:, 2].mean()))


def test_uniform_ratings_cannot_be_learned(tmp_path: Path) -> None:
    truth = generate_ratings(Options(**SMALL, pattern="uniform"), tmp_path / "out")
    found = ratings_of(tmp_path / "out")
    assert truth.rmse_expected == pytest.approx(1.43614, abs=1e-5)
    assert truth.rmse_oracle == pytest.approx(1.436, abs=0.05)
    assert set(np.bincount(found[:, 0].astype(int))[1:]) == {15}
    with pytest.raises(InputError, match="noise alone"):
        truth.score(1.4)


def run(*words: str, code: int = 0) -> str:
    done = CliRunner().invoke(main, list(words))
    assert done.exit_code == code, done.output
    return done.output


def test_what_is_known_goes_along_with_an_import(tmp_path: Path) -> None:
    made, data = str(tmp_path / "made"), str(tmp_path / "data")
    sizes = ("--users", "400", "--items", "100", "--ratings", "6000", "--seed", "3")
    told = run("generate-ratings", *sizes, "--scale", "1", "5", "1", "--out", made)
    truth = Truth.read(tmp_path / "made")
    assert truth.scale == (1, 5, 1)
    assert f"RMSE of the mean: {truth.rmse_mean:.4f}" in told
    assert f"best possible RMSE: {truth.rmse_oracle:.4f}" in told
    told = run("import", made, "--format", "csv", "--out", data)
    assert f"best possible {truth.rmse_oracle:.4f}" in told
    middle = (truth.rmse_mean + truth.rmse_oracle) / 2
    assert "50.0 of 100" in run("score", data, str(middle))
    best = run("score", made, str(truth.rmse_oracle))
    assert "100.0 of 100" in best
    assert "better than the best possible" not in best
    assert "better than the best possible" in run("score", made, str(truth.rmse_oracle / 2))
    lines = (tmp_path / "made" / "ratings.csv").read_text().splitlines()
    (tmp_path / "made" / "ratings.csv").write_text("\n".join(lines[:-9]))
    run("import", made, "--format", "csv", "--out", data)
    assert "generate-ratings" in run("score", data, "1", code=2)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"ratings": 399}, "--ratings must be from 400, one for each user, to 40,000"),
        ({"ratings": 40_001}, "--ratings must be from 400"),
        ({"users": 0}, "--users must be from 1"),
        ({"scale": Scale(1, 5, 0.3)}, "--scale 1 5 0.3: give the lowest value"),
        ({"scale": Scale(1, 5, 0)}, "--scale 1 5 0: give"),
        ({"noise": -1.0}, "--noise must be 0 or more"),
        ({"noise": float("nan")}, "--noise must be 0 or more"),
        ({"seed": -1}, "--seed must be a whole number from 0"),
        ({"factors": -1}, "--factors must be from 0"),
    ],
)
def test_what_cannot_be_made(changed: dict[str, Any], told: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=told.replace(".", "[.]")):
        generate_ratings(Options(**{**SMALL, **changed}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_truth_that_is_damaged_is_told(tmp_path: Path) -> None:
    (tmp_path / "truth.json").write_text(json.dumps({"form": 1, "seed": 5}))
    assert "damaged" in run("score", str(tmp_path), "1", code=2)
    assert "an RMSE is 0 or more" in str(_score_error())


def _score_error() -> InputError:
    known = Truth(
        pattern="planted",
        seed=1,
        users=9,
        items=9,
        ratings=40,
        factors=8,
        scale=(0.5, 5.0, 0.5),
        noise=0.8,
        mean=3.5,
        rmse_mean=1.1,
        rmse_oracle=0.8,
        rmse_expected=0.8,
    )
    with pytest.raises(InputError) as error:
        known.score(-1)
    return error.value
