"""`run` and `world_version` of the logs that the simulator writes."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner

from contract.worlds import world_version
from sim.config import load_config
from sim.logs.origin import Origin, origin_of
from sim.run import run

BASE: dict[str, Any] = {"recommender": "random", "lists": None} | {
    "seed": 1,
    "episodes": 9,
    "days": 1,
}


def logged(world_files: Any, directory: Path, *arguments: object) -> list[dict[str, Any]]:
    shared = ("--config", world_files.env, "--recommender", "random", "--episodes", 30)
    words = [str(word) for word in (*shared, "--log", directory, *arguments)]
    done = CliRunner().invoke(run, words)
    assert done.exit_code == 0, done.output
    rows: list[dict[str, Any]] = []
    for path in sorted(directory.iterdir()):
        if path.suffix == ".parquet":
            rows += pq.read_table(path).to_pylist()
        else:
            rows += [json.loads(line) for line in path.read_text().splitlines()]
    return rows


def test_world_version_is_a_hash_of_the_catalogs_bytes(world_files: Any) -> None:
    whole = hashlib.sha256(world_files.tracks.read_bytes()).hexdigest()
    assert world_version(world_files.tracks) == whole[:12]


@pytest.mark.parametrize("how", [("--log-format", "json"), ("--log-format", "parquet")])
@pytest.mark.parametrize("days", [(), ("--days", 3, "--yes")])
def test_each_line_names_the_run_and_the_world(
    world_files: Any, tmp_path: Path, how: tuple[object, ...], days: tuple[object, ...]
) -> None:
    rows = logged(world_files, tmp_path / "log", *how, *days)
    assert len(rows) > 30
    (run_id,) = {row["run"] for row in rows}
    assert len(run_id) == 12
    assert {row["world_version"] for row in rows} == {world_version(world_files.tracks)}


@pytest.mark.parametrize("file_format", ["json", "parquet"])
def test_one_seed_gives_one_log_whatever_the_number_of_processes(
    world_files: Any, tmp_path: Path, file_format: str
) -> None:
    for name, processes in (("one", 1), ("two", 2)):
        arguments = ("--processes", processes, "--log-format", file_format)
        logged(world_files, tmp_path / name, *arguments)
    one, two = (next((tmp_path / name).iterdir()).read_bytes() for name in ("one", "two"))
    assert one == two


def test_another_start_is_another_run(world_files: Any, tmp_path: Path) -> None:
    config = load_config(world_files.env)
    base = origin_of(config, **BASE)
    assert base == origin_of(config, **BASE)
    others = [BASE | change for change in ({"seed": 2}, {"episodes": 10}, {"days": 3})]
    others.append(BASE | {"recommender": "oracle"})
    found = [base, *(origin_of(config, **other) for other in others)]

    top = tmp_path / "top_tracks.json"
    for content in ("[1, 2]", "[2, 1]"):
        top.write_text(content)
        found.append(
            origin_of(config, **BASE | {"recommender": "policy:top_pop", "lists": tmp_path})
        )
    path = world_files.write_env(user_catalog_config={"default_session_budget": 4})
    found.append(origin_of(load_config(path), **BASE))
    path = world_files.write_env(days_config={"hyped_tracks": 4})
    found.append(origin_of(load_config(path), **BASE))
    assert {origin.world_version for origin in found} == {base.world_version}
    world_files.write_env()
    for spoiled in (world_files.users, world_files.tracks):
        spoiled.write_text(spoiled.read_text() + "\n")
        found.append(origin_of(load_config(world_files.env), **BASE))
    assert len({origin.run for origin in found}) == len(found)
    assert found[-1].world_version != base.world_version
    assert found[-2].world_version == base.world_version


def test_an_origin_has_the_fields_of_the_log() -> None:
    assert Origin._fields == ("run", "world_version")
