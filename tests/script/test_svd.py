"""script/svd.py: the options as they have always been, and the program that it runs."""

import subprocess
import sys
from pathlib import Path

import pytest

from script.svd import command

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("ml-1m/ratings.dat", "ml-10M100K/ratings.dat", "ml-20m/ratings.csv"):
        path = tmp_path / "movielens" / name
        path.parent.mkdir(parents=True)
        rows = ["1::1::5::9"] if path.suffix == ".dat" else ["userId,movieId,rating,timestamp"]
        path.write_text("\n".join(rows) + "\n")
    return tmp_path


def test_the_defaults_are_the_printed_ones(place: Path) -> None:
    assert command([]) == [
        *("train-svd", str(place / "movielens/ml-1m/ratings.dat"), "--info", "--model", "svd"),
        *("--batch", "700", "--steps", "7000", "--dimension", "12", "--reg", "0.0003"),
        *("--learning", "0.001", "--momentum", "0.926", "--nsvd-size", "mean"),
    ]


def test_every_option_is_passed_on(place: Path) -> None:
    words = "-p movielens -b 1 -s 2 -d 3 -r 0.4 -l 0.5 -m 0.6 -i False -M nsvd -S min"
    assert command(words.split(" ")) == [
        *("train-svd", "movielens", "--no-info", "--model", "nsvd", "--batch", "1"),
        *("--steps", "2", "--dimension", "3", "--reg", "0.4", "--learning", "0.5"),
        *("--momentum", "0.6", "--nsvd-size", "min"),
    ]


@pytest.mark.parametrize(
    ("example", "file"), [("10", "ml-10M100K/ratings.dat"), ("20", "ml-20m/ratings.csv")]
)
def test_examples_are_other_files(example: str, file: str, place: Path) -> None:
    assert command(["-e", example])[1] == str(place / "movielens" / file)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-e", "5"], "-e 5: only 1, 10 or 20"),
        (["-i", "yes"], "-i yes: only True or False"),
        (["-p", "nowhere.dat"], "nowhere.dat: no such file; get it with `bash script/download"),
    ],
)
def test_bad_options_are_told(
    words: list[str], said: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        command(words)
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err


@pytest.mark.integration
@pytest.mark.parametrize("example", ["1", "10", "20"])
def test_it_trains_on_files_in_the_true_formats(example: str, tmp_path: Path) -> None:
    """With half stars and names of another order as in the 10M and 20M files."""
    file = {"1": "ml-1m/ratings.dat", "10": "ml-10M100K/ratings.dat", "20": "ml-20m/ratings.csv"}
    path = tmp_path / "movielens" / file[example]
    path.parent.mkdir(parents=True)
    rows = [
        (u, 50 + i, (u * i) % 10 / 2 + 0.5 if example != "1" else (u * i) % 5 + 1, 978_300_000 + u)
        for u in range(1, 31)
        for i in range(1, 56)
    ]
    separator = "," if example == "20" else "::"
    header = ["userId,movieId,rating,timestamp"] if example == "20" else []
    path.write_text("\n".join(header + [separator.join(map(str, row)) for row in rows]) + "\n")
    done = subprocess.run(
        [sys.executable, ROOT / "script" / "svd.py", "-e", example, "-s", "1001"],
        capture_output=True, text=True, cwd=tmp_path, check=True,
    )  # fmt: skip
    assert ">> step batch_error test_error elapsed_time\n  0 " in done.stdout
    assert "165 ratings)" in done.stdout


def test_help_says_that_the_error_is_the_root(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command(["--help"])
    assert "root mean square errors (RMSE)" in " ".join(capsys.readouterr().out.split())


def test_the_download_says_where_each_set_is(tmp_path: Path) -> None:
    there = tmp_path / "movielens" / "ml-1m" / "ratings.dat"
    there.parent.mkdir(parents=True)
    there.write_text("1::1::5::9\n")
    script = ROOT / "script" / "download_data.sh"

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["bash", script, *words], capture_output=True, text=True, cwd=tmp_path, check=False
        )

    listed = run("--list").stdout.splitlines()
    assert [line.split(":")[0] for line in listed] == [
        *("ml-100k", "ml-1m", "ml-10m", "ml-20m", "ml-latest-small")
    ]
    assert listed[1].endswith("movielens/ml-1m/ratings.dat (there)")
    assert run().stdout == "ml-1m is there: movielens/ml-1m/ratings.dat\n"
    assert "--list" in run("--help").stdout
    assert run("--nope").returncode == 2
    unknown = run("ml-2")
    assert unknown.returncode == 2
    assert "no data set ml-2" in unknown.stderr
