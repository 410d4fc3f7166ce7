"""verify: the running service answers from what was published."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from pipeline.nightly.config import Service
from pipeline.nightly.directory import Result, StopNightError
from pipeline.nightly.measure import read_lists

_PROBES = 5
_K = 10
_PAUSE = 0.5


def work(service: Service, lists: Path) -> Result:
    """Ask for neighbours until they are the published ones.

    Raises StopNightError where they are not in time; nothing is asked without a URL.
    """
    if not service.url:
        return Result({}, skipped="no service.url in the config: no service was asked")
    neighbours = read_lists(lists).neighbours
    probes = sorted(item for item, near in neighbours.items() if near)[:_PROBES]
    if not probes:
        raise StopNightError(f"{lists} has no neighbours to ask for")
    started, told = time.monotonic(), ""
    while True:
        try:
            wrong = [
                item for item in probes if not _within(_similar(service, item), neighbours[item])
            ]
            if not wrong:
                return Result({"seconds": time.monotonic() - started})
            told = f"it answers for {wrong[0]} from another version"
        except (OSError, ValueError, KeyError) as error:
            told = str(error)
        if time.monotonic() - started > service.wait:
            raise StopNightError(f"{service.url} does not serve what was published: {told}")
        time.sleep(_PAUSE)


def _within(answer: list[str], published: Sequence[str]) -> bool:
    """Whether it is of that list: the service leaves out items that are sold out or hidden."""
    rest = iter(published)
    return bool(answer) and all(item in rest for item in answer)


def _similar(service: Service, item: str) -> list[str]:
    path = f"/similar/{urllib.parse.quote(item, safe='')}?k={_K}"
    with urllib.request.urlopen(service.url.rstrip("/") + path, timeout=10) as answer:
        return [str(one) for one in json.loads(answer.read())["items"]]
