"""Fetches logs from the recommender containers of docker-compose with the Docker client."""

import os
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

from script.shipping.errors import InputError, ShipError
from script.shipping.safe_names import printable
from script.shipping.sources.directory import LogFile, check_names, find_logs

LOG_DIR = "/app/log"
"""Log directory of the service in our image, and in those of other editions."""

# docker-compose joins project, service and number with `_`, `docker compose` with `-`.
# The id is a container's host name, unless it was given another.
NAME = re.compile(
    r"(?P<name>(?P<project>\S+)[_-]recommender[_-](?P<number>\d+))(\s+(?P<id>\S+))?\s*"
)
QUICK_SECONDS = 60
COPY_SECONDS = 3600


def fetch_logs(
    wanted: Sequence[str], project: str | None, into: Path, log_dir: Path = Path(LOG_DIR)
) -> tuple[list[LogFile], list[str]]:
    """Copy the logs of recommenders, from the directory `log_dir` in them, to below `into`.

    `wanted` is a number N, for the first N, or names of containers. A log volume that several
    recommenders share is read once. Returns the logs, and notes on those that are not shipped.
    `project` selects a docker-compose project if several run. Raises InputError if a container
    does not exist, ShipError if Docker fails.
    """
    if not log_dir.is_absolute():
        raise InputError(f"--log-dir {log_dir}: must be an absolute path inside the container")
    chosen, others = _choose(wanted, project)
    logs: list[LogFile] = []
    notes: list[str] = []
    read = set()
    hosts = {match["id"]: match["number"] for match in chosen if match["id"]}
    for match in chosen:
        name = match["name"]
        volume = _log_volume(name, log_dir)
        if volume in read:
            continue
        read.add(volume)
        copy = into / name
        copy.mkdir()
        _docker("cp", f"{name}:{log_dir}/.", os.fspath(copy), seconds=COPY_SECONDS)
        logs += find_logs(copy, f"recommender-{match['number']}", hosts)
        notes += [
            f"{printable(name)}:{printable(log_dir / link)} links to a place outside the "
            "log directory; not shipped"
            for link in _links_out(copy)
        ]
    check_names(logs)
    left = [m["name"] for m in others if _log_volume(m["name"], log_dir) not in read]
    if left:
        notes.append(f"not requested, so not shipped: {', '.join(left)}")
    return logs, notes


def _links_out(copy: Path) -> list[Path]:
    """Links that were copied as links, and would lead to files of this machine."""
    inside = copy.resolve()
    links = (path for path in copy.rglob("*") if path.is_symlink())
    return sorted(
        path.relative_to(copy) for path in links if not path.resolve().is_relative_to(inside)
    )


def _choose(
    wanted: Sequence[str], project: str | None
) -> tuple[list[re.Match[str]], list[re.Match[str]]]:
    """The requested containers, and the others."""
    numbers = [name for name in wanted if name.isdecimal()]
    if numbers and len(wanted) > 1:
        raise InputError("--recommender: give one number, or names of containers, not both")
    if numbers:
        count = int(numbers[0])
        if not count:
            raise InputError("--recommender 0: must be at least 1, or the name of a container")
        found = _recommenders(project)
        if len(found) < count:
            there = ", ".join(match["name"] for match in found) or "none"
            raise InputError(
                f"--recommender {count}: docker ps shows {there}; "
                f"start them with `docker-compose up -d --scale recommender={count}`"
            )
        return found[:count], found[count:]
    found = _all_recommenders()
    by_name = {match["name"]: match for match in found}
    for name in wanted:
        if name not in by_name:
            shown = ", ".join(by_name) or "none"
            raise InputError(f"--recommender {name}: docker ps shows {shown}")
    projects = {by_name[name]["project"] for name in wanted}
    return (
        [by_name[name] for name in wanted],
        [m for m in found if m["project"] in projects and m["name"] not in wanted],
    )


def _all_recommenders() -> list[re.Match[str]]:
    # --all: a stopped container has logs to ship too.
    listed = _docker("ps", "--all", "--format", "{{.Names}} {{.ID}}").splitlines()
    return [match for line in listed if (match := NAME.fullmatch(line))]


def _recommenders(project: str | None) -> list[re.Match[str]]:
    found = _all_recommenders()
    projects = {match["project"] for match in found}
    if project is not None:
        found = [match for match in found if match["project"] == project]
    elif len(projects) > 1:
        raise InputError(
            f"several docker-compose projects run recommenders ({', '.join(sorted(projects))}); "
            "choose one with --project"
        )
    return sorted(found, key=lambda match: int(match["number"]))


def _log_volume(name: str, log_dir: Path) -> str:
    """Where the container's logs are stored: the path of a volume, or the container itself."""
    here = '{{if eq .Destination "' + os.fspath(log_dir) + '"}}{{.Source}}{{end}}'
    mounted = _docker("inspect", "--format", "{{range .Mounts}}" + here + "{{end}}", name)
    return mounted.strip() or name


def _docker(*arguments: str, seconds: float = QUICK_SECONDS) -> str:
    command = " ".join(["docker", *arguments])
    try:
        done = subprocess.run(
            ["docker", *arguments], capture_output=True, text=True, timeout=seconds
        )
    except FileNotFoundError:
        raise InputError(
            "--recommender needs the command `docker`, which is not on PATH"
        ) from None
    except subprocess.TimeoutExpired:
        raise ShipError(f"`{command}`: did not finish within {seconds:.0f} s") from None
    if done.returncode:
        cause = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        raise ShipError(f"`{command}`: {cause[-1]}")
    return done.stdout
