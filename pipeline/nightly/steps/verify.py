"""verify: the running service answers from what was published."""

import hashlib
import json
import re
import time
import urllib.parse
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from contract.files import RECOMMENDATIONS, TRACKS
from contract.item_lists import MAX_ITEMS
from pipeline.nightly.config import Service
from pipeline.nightly.directory import Result, StopNightError
from pipeline.nightly.faces import FACES
from pipeline.nightly.measure import read_lists
from pipeline.nightly.steps.train import FACTORS

_PROBES = 5
_K = 10
_PAUSE = 0.5


def work(service: Service, face: str, lists: Path) -> Result:
    """Ask until the service serves the published lists.

    A shop is asked for neighbours; music and ratings tell the version that they serve. Raises
    StopNightError where they are not in time; nothing is asked without a URL.
    """
    if not service.url:
        return Result({}, skipped="no service.url in the config: no service was asked")
    neighbours = read_lists(lists, FACES[face]).neighbours if face == "shop" else {}
    probes = sorted(item for item, near in neighbours.items() if near)[:_PROBES]
    if face == "shop" and not probes:
        raise StopNightError(f"{lists} has no neighbours to ask for")
    started, told = time.monotonic(), ""
    while True:
        try:
            if face != "shop":
                wrong = _wrong_version(service, face, lists)
            else:
                wrong = [
                    f"it answers for {item} from another version"
                    for item in probes
                    if not _within(_similar(service, item), neighbours[item])
                ]
            if not wrong:
                return Result({"seconds": time.monotonic() - started})
            told = wrong[0]
        except (OSError, ValueError, KeyError) as error:
            told = str(error)
        if time.monotonic() - started > service.wait:
            raise StopNightError(f"{service.url} does not serve what was published: {told}")
        time.sleep(_PAUSE)


def _wrong_version(service: Service, face: str, lists: Path) -> list[str]:
    """What is wrong, if anything is; by the versions in /metrics."""
    if face == "music":
        wanted, kind = _list_versions(lists), "list"
    else:
        active = json.loads((lists / FACTORS / "active.json").read_text())
        wanted, kind = {active["version"]}, "model"
    metrics = _get(service, "/metrics").decode()
    served = set(re.findall(rf'botify_{kind}_info{{[^}}]*version="([^"]+)"', metrics))
    if wanted & served:
        return []
    return [f"it serves versions {', '.join(sorted(served)) or 'of nothing'}, and not this one"]


def _list_versions(lists: Path) -> set[str]:
    """The versions that the service may tell of users' lists.

    They follow from the file, the number of tracks and the length at which the service cuts
    lists, which its config says.
    """
    with (lists / RECOMMENDATIONS).open("rb") as file:
        content = hashlib.file_digest(file, "sha256")
    with (lists / TRACKS).open("rb") as tracks:
        n_tracks = sum(1 for line in tracks if line.strip())
    found = set()
    for length in (None, *range(1, MAX_ITEMS + 1)):
        version = content.copy()
        version.update(f"USERS {n_tracks} {length}".encode())
        found.add(version.hexdigest()[:12])
    return found


def _within(answer: list[str], published: Sequence[str]) -> bool:
    """Whether it is of that list: the service leaves out items that are sold out or hidden."""
    rest = iter(published)
    return bool(answer) and all(item in rest for item in answer)


def _similar(service: Service, item: str) -> list[str]:
    answer = _get(service, f"/similar/{urllib.parse.quote(item, safe='')}?k={_K}")
    return [str(one) for one in json.loads(answer)["items"]]


def _get(service: Service, path: str) -> bytes:
    with urllib.request.urlopen(service.url.rstrip("/") + path, timeout=10) as answer:
        content: bytes = answer.read()
    return content
