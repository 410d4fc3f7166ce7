"""Asks a running shop for recommendations, as visitors do: known and unknown ones, with pauses.

python script/test_shop.py
python script/test_shop.py --url http://localhost:8000 --known 1150086,530559 --requests 50

Every answer is checked and logged; a summary follows. Exit code: 0 if every request was answered
as it should be, 1 if one was not, 2 for a wrong option. Visitors are known if the shop has a list
for them: without --known, those of --lists.
"""

import argparse
import http.client
import json
import logging
import random
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from itertools import cycle, islice
from pathlib import Path
from statistics import quantiles
from typing import Any, NamedTuple
from urllib.parse import quote, urlsplit

LISTS = Path("out/shop/lists/recommendations.json")
PAUSES = (0.01, 1.0)
"""Seconds between two requests, shortest and longest."""
_TIMEOUT = 10.0
_EACH = 3
"""Visitors of each kind, where none are named."""


class Outcome(NamedTuple):
    """Of one request."""

    known: bool
    user: str
    seconds: float
    items: list[object]
    sources: list[str]
    fault: str | None
    """What is wrong with the answer."""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    found.add_argument(
        "--url", default="http://localhost:8000", help="of the shop (default=%(default)s)"
    )
    found.add_argument("--known", help="visitors that the shop knows, with commas between them")
    found.add_argument(
        "--lists",
        type=Path,
        default=LISTS,
        help=f"a file of lists, whose first {_EACH} visitors are known (default=%(default)s)",
    )
    found.add_argument(
        "--requests", type=_positive, default=6, help="half of each kind (default=%(default)s)"
    )
    found.add_argument("-k", type=_positive, default=5, help="items (default=%(default)s)")
    found.add_argument("--seed", type=int, default=31337, help="of pauses (default=%(default)s)")
    found.add_argument(
        "--log", type=Path, default=Path("test_service.log"), help="(default=%(default)s)"
    )
    return found


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return value


def known_visitors(named: str | None, lists: Path) -> list[str]:
    """Visitors that the shop knows. Raises ValueError with what to change."""
    if named is not None:
        visitors = [each.strip() for each in named.split(",") if each.strip()]
        if not visitors:
            raise ValueError("--known names no visitor")
        return visitors
    try:
        with lists.open("rb") as file:
            return [str(json.loads(line)["user"]) for line in islice(file, _EACH)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"no lists in {lists} ({error}): name visitors with --known") from None


def ask(url: str, user: str, k: int) -> tuple[int, Any]:
    """Status and JSON of an answer. Raises OSError or HTTPException if there is none."""
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT)
    try:
        path = f"{parts.path.rstrip('/')}/recommendations?user_id={quote(user, safe='')}&k={k}"
        connection.request("POST", path, b"", {"Accept": "application/json"})
        response = connection.getresponse()
        body = response.read()
    finally:
        connection.close()
    try:
        return response.status, json.loads(body)
    except ValueError:
        return response.status, None


def fault_of(status: int, answer: Any, k: int) -> str | None:
    """What is wrong with an answer; None if nothing is."""
    if status != 200:
        message = answer.get("message") if isinstance(answer, dict) else None
        return f"status {status}" + (f": {message}" if message else "")
    items = answer.get("recs") if isinstance(answer, dict) else None
    if not isinstance(items, list):
        return "no `recs` in the answer"
    if len(set(map(str, items))) < len(items):
        return "an item is there twice"
    if len(items) != k:
        return f"{len(items)} items instead of {k}"
    if "fallback" in answer.get("sources", ()):
        return "the fallback answered: the shop's Redis is away"
    return None


def outcomes(
    url: str, known: Sequence[str], requests: int, k: int, rng: random.Random
) -> Iterator[Outcome]:
    """Of requests for an unknown and a known visitor in turn, with a pause after each."""
    visitors = cycle(known)
    for number in range(requests):
        is_known = number % 2 == 1
        user = next(visitors) if is_known else f"nobody-{uuid.uuid4().hex[:12]}"
        began = time.perf_counter()
        try:
            status, answer = ask(url, user, k)
            fault = fault_of(status, answer, k)
        except (OSError, http.client.HTTPException) as error:
            answer, fault = None, f"no answer: {error or type(error).__name__}"
        found = answer if isinstance(answer, dict) else {}
        seconds = time.perf_counter() - began
        yield Outcome(
            is_known, user, seconds, found.get("recs", []), found.get("sources", []), fault
        )
        if number + 1 < requests:
            time.sleep(rng.uniform(*PAUSES))


def summary(of: Sequence[Outcome]) -> str:
    """A few lines about all requests."""
    wrong = [each for each in of if each.fault]
    lines = [f"{len(of)} requests, {len(of) - len(wrong)} as they should be, {len(wrong)} not"]
    for name, known in (("known", True), ("unknown", False)):
        answered = [each for each in of if each.known == known and not each.fault]
        popular = sum(set(each.sources) <= {"popular"} for each in answered if each.sources)
        lines.append(
            f"{name} visitors: {len(answered)} answers, {len(answered) - popular} of them with "
            f"items of their own, {popular} with popular ones alone"
        )
    times = sorted(each.seconds * 1000 for each in of if not each.fault)
    if times:
        middle = quantiles(times, n=2)[0] if len(times) > 1 else times[0]
        lines.append(f"time of an answer: median {middle:.1f} ms, longest {times[-1]:.1f} ms")
    lines += [f"{each.user}: {each.fault}" for each in wrong[:5]]
    return "\n".join(lines)


def main() -> int:
    """Ask, log, and sum up."""
    options = parser()
    given = options.parse_args()
    if urlsplit(given.url).scheme not in ("http", "https") or not urlsplit(given.url).hostname:
        options.error(f"--url {given.url}: not an address such as http://localhost:8000")
    try:
        known = known_visitors(given.known, given.lists)
        logging.basicConfig(
            filename=given.log, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
        )
    except (ValueError, OSError) as error:
        options.error(str(error))
    done = []
    for each in outcomes(given.url, known, given.requests, given.k, random.Random(given.seed)):
        done.append(each)
        line = f"{'known' if each.known else 'unknown'} visitor {each.user}, "
        line += f"{1000 * each.seconds:.1f} ms: "
        if each.fault:
            logging.error(line + each.fault)
        else:
            logging.info(line + f"{each.items} from {each.sources}")
    told = summary(done)
    logging.info(told)
    print(f"{told}\nlog: {given.log}")
    return 1 if any(each.fault for each in done) else 0


if __name__ == "__main__":
    sys.exit(main())
