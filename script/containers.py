"""The logs inside the recommenders that docker-compose started, fetched with the Docker client."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from script.errors import InputError, ShipError
from script.sources import LogFile, check_names, find_logs

LOG_DIR = "/var/log/botify"
"""Where docker-compose.yml has the service write its logs."""

# docker-compose joins project, service and number with `_`, `docker compose` with `-`.
NAME = re.compile(r"(?P<project>.+)[_-]recommender[_-](?P<number>\d+)")
QUICK_SECONDS = 60
COPY_SECONDS = 3600


def fetch_logs(
    wanted: Sequence[str], project: str | None, into: Path
) -> tuple[list[LogFile], list[str]]:
    """Copy the logs of recommenders under the directory `into`.

    `wanted` is a number, for the first so many, or names of containers. Recommenders that share
    one log volume are read once, all of the volume. Returns the logs, and the names of the
    recommenders whose logs were not asked for. `project` picks one docker-compose project where
    several run. Raises InputError where some that are wanted are not there, ShipError where
    Docker fails.
    """
    chosen, others = _choose(wanted, project)
    logs: list[LogFile] = []
    read = set()
    for match in chosen:
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
    return logs, [match[0] for match in others if _log_volume(match[0]) not in read]


def _choose(
    wanted: Sequence[str], project: str | None
) -> tuple[list[re.Match[str]], list[re.Match[str]]]:
    """Those that are wanted, and the others."""
    numbers = [name for name in wanted if name.isdecimal()]
    if numbers and len(wanted) > 1:
        raise InputError("--recommender: give one number, or names of containers, not both")
    if numbers:
        count = int(numbers[0])
        if not count:
            raise InputError("--recommender 0: nothing to take logs from")
        found = _recommenders(project)
        if len(found) < count:
            there = ", ".join(match[0] for match in found) or "none"
            raise InputError(
                f"--recommender {count}: docker ps shows {there}; "
                f"start them with `docker-compose up -d --scale recommender={count}`"
            )
        return found[:count], found[count:]
    found = _all_recommenders()
    by_name = {match[0]: match for match in found}
    for name in wanted:
        if name not in by_name:
            shown = ", ".join(by_name) or "none"
            raise InputError(f"--recommender {name}: docker ps shows {shown}")
    projects = {by_name[name]["project"] for name in wanted}
    return (
        [by_name[name] for name in wanted],
        [m for m in found if m["project"] in projects and m[0] not in wanted],
    )


def _all_recommenders() -> list[re.Match[str]]:
    # --all: one that stopped has logs to ship too.
    listed = _docker("ps", "--all", "--format", "{{.Names}}").split()
    return [match for name in listed if (match := NAME.fullmatch(name))]


def _recommenders(project: str | None) -> list[re.Match[str]]:
    found = _all_recommenders()
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
