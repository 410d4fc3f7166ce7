"""The ratings service, trained first where there is no model: the rooms' commands in a row.

python script/reco_api.py
python script/reco_api.py --data movielens/ml-1m --port 5000

Without --data it takes ml-1m or ml-latest-small of the folder that the environment variable
BOTIFY_DATA names, or of movielens/, where script/download_data.sh puts them; else it generates
ratings. While it trains, /health/ready answers `training` on the port that the service will have.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NoReturn

SETS = ("ml-1m", "ml-latest-small")
CONFIG = Path(__file__).parents[1] / "config" / "ratings.yml"
GENERATED = ("--users", "2000", "--items", "500", "--ratings", "100000", "--seed", "1")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    found = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    found.add_argument("--data", type=Path, help="ratings to train on, as `import` takes them")
    found.add_argument(
        "--out", type=Path, default=Path("out/ratings"), help="(default=%(default)s)"
    )
    found.add_argument("--model", default="svd", help="a model of ratings (default=%(default)s)")
    found.add_argument("--host", default="127.0.0.1", help="(default=%(default)s)")
    found.add_argument("--port", type=int, default=5000, help="(default=%(default)s)")
    found.add_argument("--fresh", action="store_true", help="train again, whatever is there")
    return found


def found_data() -> Path | None:
    """The ratings to train on where none are named."""
    for root in filter(None, (os.environ.get("BOTIFY_DATA"), "movielens")):
        for name in SETS:
            if (Path(root) / name).is_dir():
                return Path(root) / name
    return None


def steps(data: Path | None, out: Path, model: str) -> Iterator[tuple[str, Path, list[object]]]:
    """What is done, what it makes, and the words of `botify-offline` for it."""
    if data is None:
        made = out / "generated"
        yield "generate ratings", made, ["generate-ratings", *GENERATED, "--out", made]
        data = made / "ratings.csv"
    ready, trained, store = out / "data", out / "model", f"file:{out / 'factors'}"
    yield f"import {data}", ready, ["import", data, "--out", ready]
    yield f"train {model}", trained, ["train", ready, "--model", model, "--out", trained]
    stores = ("--users", store, "--items", store, "--interactions", ready)
    yield "publish", out / "factors" / "active.json", ["publish", trained, *stores]


class Training(ThreadingHTTPServer):
    """Answers on the service's port until there is something to serve."""

    daemon_threads = True
    doing = ""


class _Answers(BaseHTTPRequestHandler):
    server: Training

    def do_GET(self) -> None:
        """Alive, but not ready."""
        path = self.path.partition("?")[0]
        if path == "/health/live":
            self._answer(200, {"status": "alive"})
        elif path == "/health/ready":
            self._answer(503, {"status": "training", "reasons": [self.server.doing]})
        else:
            self._answer(503, {"message": f"training ({self.server.doing}); try again"})

    do_POST = do_GET  # noqa: N815  # the name that http.server calls

    def _answer(self, status: int, value: object) -> None:
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Retry-After", "5")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: it would break the bars of what runs."""


@contextmanager
def answering(host: str, port: int) -> Iterator[Training]:
    """Answer `training` meanwhile."""
    try:
        server = Training((host, port), _Answers)
    except OSError as error:
        sys.exit(f"reco_api.py: cannot listen on {host}:{port} ({error.strerror}): name a --port")
    thread = threading.Thread(target=server.serve_forever, args=(0.1,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def train(given: argparse.Namespace) -> None:
    """What is missing of data, model and publication."""
    todo = list(steps(given.data or found_data(), given.out, given.model))
    with answering(given.host, given.port) as server:
        for number, (what, made, words) in enumerate(todo, 1):
            if made.exists() and not given.fresh:
                continue
            server.doing = f"{what}, step {number} of {len(todo)}"
            print(f"{number}/{len(todo)} {what}", flush=True)
            done = subprocess.run([program("botify-offline"), *map(str, words)])
            if done.returncode:
                sys.exit(done.returncode)


def program(name: str) -> str:
    """Where it is: beside this Python, or on the path."""
    beside = Path(sys.executable).with_name(name)
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        sys.exit(f"reco_api.py: {name} is not installed: `make setup`")
    return found


def serve(given: argparse.Namespace) -> NoReturn:
    """Become the service."""
    where = f"http://{given.host}:{given.port}"
    print(f"when it serves: curl {where}/reco -d UsrID=40 -d n_recos=5 -X GET", flush=True)
    print(f"in a browser:   {where}/", flush=True)
    options = ["--config", CONFIG, "--data-dir", given.out]
    options += ["--host", given.host, "--port", given.port]
    command = [program("botify"), "serve", *map(str, options)]
    os.execv(command[0], command)


def main() -> None:
    """Train if need be, then serve."""
    given = parser().parse_args()
    if given.fresh or not (given.out / "factors" / "active.json").exists():
        train(given)
    serve(given)


if __name__ == "__main__":
    main()
