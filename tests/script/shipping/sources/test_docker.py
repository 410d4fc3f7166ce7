"""Logs out of containers.

Containers cannot run where these tests run, so `docker` is a small program put on PATH. It keeps
a folder per container and answers `ps`, `inspect` and `cp` from there. These tests show which
containers the data client asks for and what it makes of their files; they do not show that
Docker itself answers so.
"""

import json
import os
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from script.shipping.sources.docker import LOG_DIR

pytestmark = pytest.mark.integration
Ship = Callable[..., subprocess.CompletedProcess[str]]

DOCKER = """#!/bin/sh
cd "$FAKE_CONTAINERS" || exit 1
case $1 in
ps) for name in *; do echo "$name $(cat "$name/id" 2> /dev/null)"; done ;;
inspect) [ ! -f "$4/volume" ] || cat "$4/volume" ;;
cp) cp -RP "${2%%:*}${2#*:}" "$3" ;;
esac
"""


@pytest.fixture
def containers(tmp_path: Path) -> Path:
    (tmp_path / "containers").mkdir()
    return tmp_path / "containers"


@pytest.fixture
def ship(tmp_path: Path, containers: Path, run: Ship) -> Ship:
    """`python script/dataclient.py --recommender WANTED [BEFORE...] log2local [AFTER...] out`."""
    docker = tmp_path / "bin" / "docker"
    docker.parent.mkdir()
    docker.write_text(DOCKER)
    docker.chmod(0o755)

    def ship(
        wanted: int | str, *before: str, after: Sequence[str] = (), **environment: str
    ) -> subprocess.CompletedProcess[str]:
        path = f"{docker.parent}:{os.environ['PATH']}"
        return run(
            *("--recommender", str(wanted), *before, "log2local", *after, "out"),
            **{"PATH": path, "FAKE_CONTAINERS": str(containers)} | environment,
        )

    return ship


def write(containers: Path, path: str, content: bytes, volume: str | None = None) -> None:
    """A log of a container; `path` starts with the container's name."""
    container, _, name = path.partition("/")
    log = containers / container / "app" / "log" / name
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_bytes(content)
    if volume:
        (containers / container / "volume").write_text(volume)


def shipped(tmp_path: Path) -> dict[str, bytes]:
    """The lines of each log at the target, as the records have it."""
    found: dict[str, bytes] = {}
    for manifest in sorted((tmp_path / "out" / "_manifest").glob("*.jsonl")):
        for line in manifest.read_text().splitlines():
            record = json.loads(line)
            [file] = record["files"]
            content = (tmp_path / "out" / file["name"]).read_bytes()[file["start"] :]
            for piece in record["pieces"]:
                size = piece["end"] - piece["start"]
                found[piece["name"]] = found.get(piece["name"], b"") + content[:size]
                content = content[size:]
    return found


@pytest.mark.parametrize("dash", ["_", "-"])
def test_both_ways_of_docker_compose_to_name_a_container(
    ship: Ship, containers: Path, tmp_path: Path, dash: str
) -> None:
    write(containers, f"botify{dash}recommender{dash}1/data.json", b"one\n")
    write(containers, f"botify{dash}recommender{dash}2/data.json", b"two\n")
    write(containers, f"botify{dash}redis{dash}1/data.json", b"not a log\n")
    done = ship(2)
    assert (done.returncode, done.stderr) == (0, "")
    assert shipped(tmp_path) == {
        "data.json.recommender-1": b"one\n",
        "data.json.recommender-2": b"two\n",
    }


def test_recommenders_that_share_a_volume_are_read_once(
    ship: Ship, containers: Path, tmp_path: Path
) -> None:
    for number in (1, 2):
        for host in ("recommender-aaa", "recommender-bbb", "recommender-replaced"):
            path = f"botify-recommender-{number}/{host}/data.json"
            write(containers, path, host.encode() + b"\n", volume="/volumes/logs")
    for count in (1, 2):
        done = ship(count)
        assert (done.returncode, done.stderr) == (0, "")
    assert shipped(tmp_path) == {
        "data.json.recommender-aaa": b"recommender-aaa\n",
        "data.json.recommender-bbb": b"recommender-bbb\n",
        "data.json.recommender-replaced": b"recommender-replaced\n",
    }


def test_the_first_by_number_are_taken_and_the_others_are_named(
    ship: Ship, containers: Path, tmp_path: Path
) -> None:
    for number in (1, 2, 10):
        write(containers, f"botify-recommender-{number}/data.json", b"line %d\n" % number)
    done = ship(2)
    assert set(shipped(tmp_path)) == {"data.json.recommender-1", "data.json.recommender-2"}
    assert done.stderr == "Note: not requested, so not shipped: botify-recommender-10\n"


def test_fewer_containers_than_asked_for(ship: Ship, containers: Path, tmp_path: Path) -> None:
    write(containers, "botify-recommender-1/data.json", b"line\n")
    done = ship(2)
    assert done.returncode == 2
    assert "docker ps shows botify-recommender-1;" in done.stderr
    assert not (tmp_path / "out").exists()


def test_containers_without_logs(ship: Ship, containers: Path) -> None:
    (containers / "botify-recommender-1" / "app" / "log").mkdir(parents=True)
    done = ship(1)
    assert done.returncode == 2
    assert "/app/log of the containers: no data.json*" in done.stderr


def test_one_project_of_several_is_chosen(ship: Ship, containers: Path, tmp_path: Path) -> None:
    write(containers, "botify-recommender-1/data.json", b"ours\n")
    write(containers, "other-recommender-1/data.json", b"theirs\n")
    done = ship(1)
    assert done.returncode == 2
    assert "(botify, other); choose one with --project" in done.stderr
    assert ship(1, "--project", "botify").returncode == 0
    assert shipped(tmp_path) == {"data.json.recommender-1": b"ours\n"}
    assert ship(1, COMPOSE_PROJECT_NAME="botify").returncode == 0


def test_what_docker_says_when_it_fails_is_passed_on(ship: Ship, containers: Path) -> None:
    (containers / "botify-recommender-1").mkdir()
    done = ship(1)
    assert done.returncode == 1
    assert done.stderr.startswith("Error: `docker cp botify-recommender-1:/app/log/. ")
    assert "No such file or directory" in done.stderr
    assert done.stderr.count("\n") == 1


def test_no_docker_at_all(ship: Ship, tmp_path: Path) -> None:
    done = ship(1, PATH=str(tmp_path))
    assert done.returncode == 2
    assert "needs the command `docker`" in done.stderr


def test_containers_by_name(ship: Ship, containers: Path, tmp_path: Path) -> None:
    for number in (1, 2, 3):
        write(containers, f"botify-recommender-{number}/data.json", b"line %d\n" % number)
    done = ship("botify-recommender-3", "--recommender", "botify-recommender-1")
    assert done.stderr == "Note: not requested, so not shipped: botify-recommender-2\n"
    assert set(shipped(tmp_path)) == {"data.json.recommender-1", "data.json.recommender-3"}
    done = ship("botify-recommender-9")
    assert done.returncode == 2
    assert (
        "--recommender botify-recommender-9: docker ps shows botify-recommender-1, " in done.stderr
    )


def test_a_number_and_a_name(ship: Ship, containers: Path) -> None:
    write(containers, "botify-recommender-1/data.json", b"line\n")
    done = ship(1, "--recommender", "botify-recommender-1")
    assert done.returncode == 2
    assert "one number, or names of containers, not both" in done.stderr


def layout(tmp_path: Path) -> dict[str, bytes]:
    """What notebooks find."""
    out = tmp_path / "out"
    return {
        str(path.parent.relative_to(out)): path.read_bytes() for path in out.glob("*/data.json")
    }


def test_notebooks_find_a_file_for_each_recommender(
    ship: Ship, containers: Path, tmp_path: Path
) -> None:
    for number in (1, 2):
        write(containers, f"music_recommender_{number}/data.json", b"line %d\n" % number)
    assert ship(2, after=("--log-dir", "/app/log/.")).returncode == 0
    write(containers, "music_recommender_2/data.json", b"line 2\nmore\n")
    assert ship(2).returncode == 0
    assert layout(tmp_path) == {
        "botify-recommender-1": b"line 1\n",
        "botify-recommender-2": b"line 2\nmore\n",
    }


def test_a_directory_of_the_shared_volume_is_that_of_its_recommender(
    ship: Ship, containers: Path, tmp_path: Path
) -> None:
    for number in (1, 2):
        for host in ("aaa1", "aaa2", "gone"):
            path = f"botify-recommender-{number}/recommender-{host}/data.json"
            write(containers, path, host.encode() + b"\n", volume="/volumes/logs")
        (containers / f"botify-recommender-{number}" / "id").write_text(f"aaa{number}\n")
    assert ship(2).returncode == 0
    assert layout(tmp_path) == {
        "botify-recommender-1": b"aaa1\n",
        "botify-recommender-2": b"aaa2\n",
        "botify-recommender-gone": b"gone\n",
    }


def test_another_log_directory_of_the_containers(
    ship: Ship, containers: Path, tmp_path: Path
) -> None:
    log = containers / "botify-recommender-1" / "srv" / "data.json"
    log.parent.mkdir(parents=True)
    log.write_bytes(b"line\n")
    assert ship(1, after=("--log-dir", "/srv")).returncode == 0
    assert layout(tmp_path) == {"botify-recommender-1": b"line\n"}


def test_a_link_out_of_a_container_is_not_followed_on_this_machine(
    ship: Ship, containers: Path, tmp_path: Path
) -> None:
    write(containers, "botify-recommender-1/data.json", b"line\n")
    secret = tmp_path / "secret"
    secret.write_bytes(b"of this machine\n")
    log = containers / "botify-recommender-1" / "app" / "log"
    (log / "data.json.1").symlink_to(secret)
    (log / "inner").symlink_to(tmp_path)
    (log / "data.json.current").symlink_to("data.json")
    done = ship(1)
    assert layout(tmp_path) == {"botify-recommender-1": b"line\n"}
    assert "data.json.recommender-1.current is the file data.json.recommender-1" in done.stderr
    for link in ("data.json.1", "inner"):
        assert (
            f"botify-recommender-1:/app/log/{link} links to a place outside the log dir"
            in done.stderr
        )


def test_the_image_logs_where_those_of_other_editions_do() -> None:
    root = Path(__file__).resolve().parents[4]
    assert f"--log-dir {LOG_DIR}/recommender-" in (root / "Dockerfile").read_text()
    assert f"- logs:{LOG_DIR}\n" in (root / "docker-compose.yml").read_text()
