"""The logs inside the recommenders that docker-compose started, fetched with the Docker client."""

import os
import re
import subprocess
from pathlib import Path

from script.errors import InputError, ShipError
from script.sources import LogFile, check_names, find_logs

LOG_DIR = "/var/log/botify"
"""Where docker-compose.yml has the service write its logs."""

# docker-compose joins project, service and number with `_`, `docker compose` with `-`.
NAME = re.compile(r"(?P<project>.+)[_-]recommender[_-](?P<number>\d+)")
QUICK_SECONDS = 60
COPY_SECONDS = 3600


def fetch_logs(count: int, project: str | None, into: Path) -> tuple[list[LogFile], list[str]]:
    """Copy the logs of the first `count` recommenders under the directory `into`.

    Recommenders that share one log volume are read once, all of the volume. Returns the logs,
    and the names of the recommenders whose logs were not asked for. `project` picks one
    docker-compose project where several run. Raises InputError where fewer than `count` are
    there, ShipError where Docker fails.
    """
    found = _recommenders(project)
    if len(found) < count:
        there = ", ".join(match[0] for match in found) or "none"
        raise InputError(
            f"--recommender {count}: docker ps shows {there}; "
            f"start them with `docker-compose up -d --scale recommender={count}`"
        )
    logs: list[LogFile] = []
    read = set()
    for match in found[:count]:
        name = match[0]
        volume = _log_volume(name)
        if volume in read:
            continue
        read.add(volume)
        copy = into / name
        copy.mkdir()
        _docker("cp", f"{name}:{LOG_DIR}/.", os.fspath(copy), seconds=COPY_SECONDS)
        logs += find_logs(copy, f"recommender-{match['number']}")
    check_names(logs)
    others = [match[0] for match in found[count:]]
    return logs, [name for name in others if _log_volume(name) not in read]


def _recommenders(project: str | None) -> list[re.Match[str]]:
    # --all: one that stopped has logs to ship too.
    listed = _docker("ps", "--all", "--format", "{{.Names}}").split()
    found = [match for name in listed if (match := NAME.fullmatch(name))]
    projects = {match["project"] for match in found}
    if project is not None:
        found = [match for match in found if match["project"] == project]
    elif len(projects) > 1:
        raise InputError(
            f"recommenders of several projects are there ({', '.join(sorted(projects))}); "
            "choose one with --project"
        )
    return sorted(found, key=lambda match: int(match["number"]))


def _log_volume(name: str) -> str:
    """What holds the container's logs on the host: a volume's path, or the container itself."""
    here = '{{if eq .Destination "' + LOG_DIR + '"}}{{.Source}}{{end}}'
    mounted = _docker("inspect", "--format", "{{range .Mounts}}" + here + "{{end}}", name)
    return mounted.strip() or name


def _docker(*arguments: str, seconds: float = QUICK_SECONDS) -> str:
    command = " ".join(["docker", *arguments])
    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, timeout=seconds
        )
    except FileNotFoundError:
        raise InputError("--recommender needs the command `docker`, and PATH has none") from None
    except subprocess.TimeoutExpired:
        raise ShipError(f"`{command}`: no end after {seconds:.0f} s") from None
    if done.returncode:
        cause = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise ShipError(f"`{command}`: {cause[-1]}")
    return done.stdout
