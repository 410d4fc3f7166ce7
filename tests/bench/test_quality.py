"""The benchmark of quality: what is kept, what is shown, and RecBole's part without RecBole."""

import json
import subprocess
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

REPO = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runs() -> ModuleType:
    return import_module("bench.common.results")


@pytest.fixture(scope="module")
def tables() -> ModuleType:
    return import_module("bench.quality.table")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two camps of users with twenty items each, and one item of each user held out."""
    directory = tmp_path / "data" / "gowalla"
    directory.mkdir(parents=True)
    for name, places in (("train", range(1, 5)), ("test", range(5, 6))):
        lines = (
            f"{user} {' '.join(str(20 * (user % 2) + (user + p) % 20) for p in places)}\n"
            for user in range(40)
        )
        (directory / f"{name}.txt").write_text("".join(lines))
    return directory.parent


def quality(data: Path, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "bench.quality", "--data", str(data), "--out", str(out))
    return subprocess.run(
        (*command, *options), capture_output=True, text=True, cwd=REPO, check=False
    )


def counting(directory: Path) -> tuple[object, ...]:
    """A program that prints how often it has run."""
    code = (
        "import json, pathlib; p = pathlib.Path('count'); "
        "n = int(p.read_text()) + 1 if p.exists() else 1; p.write_text(str(n)); "
        "print('not the last line'); print(json.dumps({'n': n}))"
    )
    return (sys.executable, "-c", f"import os; os.chdir({str(directory)!r}); {code}")


def test_what_is_done_is_not_run_again(runs: ModuleType, tmp_path: Path) -> None:
    file, command = tmp_path / "out" / "results.jsonl", counting(tmp_path)
    assert runs.Kept(file).get("a", command) == {"n": 1}
    again = runs.Kept(file)
    assert again.get("a", command) == {"n": 1}
    assert again.get("b", command) == {"n": 2}
    assert runs.Kept(file, fresh=True).get("a", command) == {"n": 3}


def test_half_a_line_of_a_killed_run_costs_that_run_alone(
    runs: ModuleType, tmp_path: Path
) -> None:
    file, command = tmp_path / "results.jsonl", counting(tmp_path)
    kept = runs.Kept(file)
    kept.get("a", command)
    kept.get("b", command)
    file.write_bytes(file.read_bytes()[:-8])
    resumed = runs.Kept(file)
    assert resumed.get("a", command) == {"n": 1}
    assert resumed.get("b", command) == {"n": 3}
    assert runs.Kept(file).get("b", command) == {"n": 3}


def test_a_failed_part_is_not_kept(runs: ModuleType, tmp_path: Path) -> None:
    kept = runs.Kept(tmp_path / "results.jsonl")
    with pytest.raises(runs.PartError, match="exit 3"):
        kept.get("a", (sys.executable, "-c", "print('{}'); raise SystemExit(3)"))
    assert kept.get("a", counting(tmp_path)) == {"n": 1}


def test_the_table_has_means_spread_and_what_is_published(
    tables: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(recall: float, seconds: float) -> dict[str, object]:
        return {
            "recall@20": recall,
            "ndcg@20": recall / 2,
            "seconds_to_train": seconds,
            "seconds_to_recommend": 1.0,
            "peak_memory_mb": 500.0,
        }

    recbole = run(0.16, 9.0) | {
        "own": {"recall@20": 0.161, "ndcg@20": 0.131},
        "epochs": 30,
        "seconds_to_choose_epochs": 4000.0,
        "seconds_an_epoch": [80.0, 90.0],
    }
    tables.report(
        {
            "gowalla": {
                "popular": [],
                "ease": [run(0.2, 3.0)],
                "linear-dae": [run(0.18, 10.0), run(0.20, 12.0), run(0.22, 30.0)],
                "recbole-multidae": [recbole],
            },
            "ml-1m": {"ease": []},
        }
    )
    out = capsys.readouterr().out
    assert "| EASE | 0.2000 | 0.1000 | EASE^R .1765 / .1467 | 3.0 | 1.0 | 500 | 1 |" in out
    assert "| Linear DAE | 0.2000 ± 0.0200 | 0.1000 ± 0.0100 |  | 12.0 (10.0 to 30.0) |" in out
    assert "Popular" not in out
    assert "ml-1m" not in out
    assert "own evaluation: 0.1610 / 0.1310. 30 epochs" in out
    assert "SimpleX .1872 / .1557" in out


@pytest.mark.integration
def test_models_run_once_and_missing_data_are_said(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = quality(data, out, "--models", "popular,pure-svd", "--seeds", "1,2")
    assert first.returncode == 0, first.stderr
    assert "ml-1m is left out: no directory" in first.stderr
    records = [json.loads(line) for line in (out / "results.jsonl").read_text().splitlines()]
    assert [record["key"] for record in records] == [
        "gowalla popular seed 1",  # nothing in it is drawn: one run says all
        "gowalla pure-svd seed 1",
        "gowalla pure-svd seed 2",
    ]
    again = quality(data, out, "--models", "popular,pure-svd", "--seeds", "1,2")
    assert again.stdout == first.stdout
    assert "running" not in again.stderr
    assert "| PureSVD |" in again.stdout
    kept = quality(data, out, "--models", "popular,ease", "--report-only")
    assert "Popular" in kept.stdout
    assert "EASE |" not in kept.stdout


@pytest.mark.integration
def test_a_run_that_fails_is_said_and_the_others_go_on(data: Path, tmp_path: Path) -> None:
    (data / "ml-1m").mkdir()
    found = quality(data, tmp_path / "out", "--models", "popular", "--datasets", "ml-1m,gowalla")
    assert found.returncode == 1
    assert "ml-1m, popular, seed 1 failed" in found.stderr
    assert "Traceback" not in found.stderr
    assert "| Popular |" in found.stdout


def test_unknown_names_are_refused(data: Path, tmp_path: Path) -> None:
    found = quality(data, tmp_path / "out", "--models", "popular,slim")
    assert found.returncode == 2
    assert "slim" in found.stderr
    assert "ease" in found.stderr


@pytest.mark.integration
@pytest.mark.skipif(
    not (REPO / "out/recbole-venv/ready.txt").exists(),
    reason="RecBole is not installed: `make bench-quality` does that",
)
def test_recboles_lists_give_its_own_recall(data: Path) -> None:
    command = (sys.executable, "-m", "bench.quality.recbole", str(data / "gowalla"))
    command += ("--format", "lightgcn", "--epochs", "3")
    done = subprocess.run(command, capture_output=True, text=True, cwd=REPO, check=True)
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["recall@20"] == pytest.approx(found["own"]["recall@20"], abs=1e-4)
    assert found["epochs"] == len(found["seconds_an_epoch"]) == 3
