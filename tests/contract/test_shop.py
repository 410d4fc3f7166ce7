"""`botify serve --face shop` as a process: any data's lists, by the owner's ids, live."""

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from botify.shop.features.names import FeatureSet
from tests.botify.shop.rankers import write_ranker

from .conftest import BOTIFY, Connection, environment, write_lines
from .test_openapi import attack

pytestmark = pytest.mark.integration


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A directory as `botify-offline export` writes it, with texts for ids."""
    root = tmp_path / "shop"
    root.mkdir()
    items = [f"sku/{n}" for n in range(30)]
    write_lines(root / "items.json", ({"item": item, "title": f"Thing {item}"} for item in items))
    write_lines(root / "recommendations.json", [{"user": "anna", "items": items[5:15]}])
    write_lines(root / "neighbours.json", [{"item": "sku/1", "items": items[2:5]}])
    (root / "popular.json").write_text(json.dumps({"items": items[:10]}))
    return root


@pytest.fixture
def serve_shop(tmp_path: Path, shop: Path) -> Iterator[Callable[..., str]]:
    """serve_shop(option, ...): its URL, once it is ready."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: object) -> str:
        command = [BOTIFY, "serve", "--face", "shop", "--port", "0", "--operations-port", "0"]
        command += [*map(str, options or ("--data-dir", shop)), "--redis-timeout", "10"]
        process = subprocess.Popen(
            command, cwd=tmp_path, env=environment(), stdout=subprocess.PIPE, text=True
        )
        started.append(process)
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found is not None
        return found[0]

    yield start
    for process in started:
        process.terminate()
        assert process.wait(timeout=30) == 0
        assert process.stdout is not None
        process.stdout.close()


def test_a_directory_is_served_without_a_config(
    serve_shop: Callable[..., str], connect: Callable[[str], Connection], tmp_path: Path
) -> None:
    url = serve_shop()
    client = connect(url)
    status, answer = client.request("GET", "/recommendations/?user_id=anna&k=3")
    assert (status, answer["recs"]) == (200, ["sku/5", "sku/6", "sku/7"])
    assert answer["sources"] == ["recommendations"] * 3
    assert client.request("GET", "/recommendations?user_id=nobody&k=1")[1]["recs"] == ["sku/0"]
    assert client.request("GET", "/similar/sku/1?k=2")[1]["items"] == ["sku/2", "sku/3"]
    assert client.request("GET", "/items/sku/1")[1]["title"] == "Thing sku/1"
    assert client.request("GET", "/health")[1] == {"status": "ok"}
    lines = [
        json.loads(line)
        for path in (tmp_path / "log-shop").glob("data.json*")
        for line in path.read_text().splitlines()
    ]
    assert sorted(line["user"] for line in lines) == ["anna", "nobody"]


def test_the_next_answer_of_every_worker_knows_a_click(
    serve_shop: Callable[..., str], connect: Callable[[str], Connection]
) -> None:
    url = serve_shop()
    clients = [connect(url) for _ in range(8)]  # the workers share them
    event = {"user": "anna", "item": "sku/1", "event": "addtocart"}
    for n, client in enumerate(clients):
        client.request("POST", "/events", json.dumps({**event, "user": f"anna {n}"}).encode())
    for client in clients:
        for n in range(len(clients)):
            path = f"/recommendations/?user_id=anna+{n}&k=3"
            _, answer = client.request("GET", path)
            assert answer["recs"] == ["sku/2", "sku/1", "sku/3"]
            assert answer["because"] == ["sku/1"] * 3
            assert answer["roles"] == ["discovery", "reminder", "discovery"]
    client = clients[0]
    bought = {**event, "user": "anna 0", "event": "transaction"}
    client.request("POST", "/events", json.dumps(bought).encode())
    _, answer = client.request("GET", "/recommendations/?user_id=anna+0&k=3")
    assert answer["recs"] == ["sku/2", "sku/3", "sku/4"]


def test_lists_items_and_recommenders_change_live(
    serve_shop: Callable[..., str], connect: Callable[[str], Connection], shop: Path
) -> None:
    config = shop / "shop.yml"
    config.write_text(
        "face: shop\nlists: {mine: recommendations.json}\ndefault: mine\nwatch_lists: true\n"
        "watch_config: true\nwatch_settle: 0.5\n"
        "recommenders: {mine: {type: user_list, list: mine}}\n"
    )
    client = connect(serve_shop("--config", config, "--data-dir", shop))

    def answered() -> Any:
        return client.request("GET", "/recommendations/?user_id=anna&k=1")[1]["recs"]

    assert answered() == ["sku/5"]
    # The list names an item that is not there yet: it is refused, and read again with the items.
    write_lines(shop / "new", [{"user": "anna", "items": ["new/1", "sku/9"]}])
    os.replace(shop / "new", shop / "recommendations.json")
    until(lambda: "'new/1' is not among the items" in str(client.request("GET", "/health")[1]))
    assert answered() == ["sku/5"]
    items = [{"item": f"sku/{n}"} for n in range(30)] + [{"item": "new/1"}]
    write_lines(shop / "more", items)
    os.replace(shop / "more", shop / "items.json")
    until(lambda: answered() == ["new/1"])
    config.write_text(config.read_text().replace("type: user_list, list: mine", "type: popular"))
    until(lambda: answered() == ["sku/0"])
    until(lambda: client.request("GET", "/health")[1] == {"status": "ok"})


def test_a_ranker_changes_live_and_a_broken_one_is_refused(
    serve_shop: Callable[..., str], connect: Callable[[str], Connection], shop: Path
) -> None:
    sources = ("mine", "reminders", "popular")
    config, file = shop / "shop.yml", shop / "ranker.safetensors"
    config.write_text(
        "face: shop\nlists: {mine: recommendations.json}\nrankers: {trees: ranker.safetensors}\n"
        "default: mix\nwatch_lists: true\nwatch_settle: 0.5\n"
        f"log_dir: {shop}/log\nrecommenders: {{mix: {{type: blend, list: mine, ranker: trees}}}}\n"
    )
    write_ranker(file, sources)
    client = connect(serve_shop("--config", config, "--data-dir", shop))

    def answered() -> Any:
        return client.request("GET", "/recommendations/?user_id=anna&k=10")[1]["recs"]

    def replaced(content: bytes) -> None:
        (shop / "new").write_bytes(content)
        os.replace(shop / "new", file)

    first, good = answered(), file.read_bytes()
    replaced(good[:-9])
    until(lambda: "cut off" in str(client.request("GET", "/health")[1]))
    assert answered() == first
    write_ranker(shop / "other", ("mine", "another"), seed=2)
    replaced((shop / "other").read_bytes())
    until(lambda: "rank:another" in str(client.request("GET", "/health")[1]))
    assert answered() == first
    write_ranker(shop / "other", sources, seed=2)
    replaced((shop / "other").read_bytes())
    until(lambda: answered() != first)
    until(lambda: client.request("GET", "/health")[1] == {"status": "ok"})
    logs = (shop / "log").glob("data*")
    rows = [json.loads(line) for log in logs for line in log.read_text().splitlines()]
    rows.sort(key=lambda row: row["timestamp"])
    versions = [row["features"]["version"] for row in rows]
    assert len(set(versions)) == 2
    assert versions[0] != versions[-1]
    names = FeatureSet(sources).names
    assert all(len(one) == len(names) for row in rows for one in row["features"]["values"])


def test_a_log_of_the_other_face_is_refused(shop: Path, tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    (tmp_path / "log" / "data.json").write_text('{"message": "next", "timestamp": 1}\n')
    command = [BOTIFY, "serve", "--face", "shop", "--data-dir", shop, "--log-dir", "log"]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "log/data.json: is a log of the music face" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_directory_without_items(tmp_path: Path) -> None:
    command = [BOTIFY, "serve", "--face", "shop", "--data-dir", tmp_path]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert f"{tmp_path}/items.json: no such file; `botify-offline export` writes it" in done.stderr


@pytest.mark.parametrize("examples", [20, pytest.param(500, marks=pytest.mark.nightly)])
def test_every_answer_is_as_the_document_says(
    serve_shop: Callable[..., str], tmp_path: Path, examples: int
) -> None:
    options = (
        "--include-path-regex",
        "^/(recommendations|similar|items|experiments/|events|put|get)",
    )
    assert attack(serve_shop(), *options, "--max-examples", str(examples), cwd=tmp_path) >= 100


@pytest.mark.nightly
def test_a_million_items_cost_a_worker_nothing(
    serve_shop: Callable[..., str],
    connect: Callable[[str], Connection],
    shop: Path,
    tmp_path: Path,
) -> None:
    def pss_of_workers(directory: Path) -> list[int]:
        """In kB: what is shared counts once, a part of it for each process."""
        url = serve_shop("--data-dir", directory)
        client = connect(url)
        for n in range(20):
            client.request("GET", f"/recommendations/?user_id=u{n}")
            client.request("GET", f"/similar/sku/{n}")
        parent = json.loads((directory / "serve.json").read_text())["pid"]
        children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
        rollups = [Path(f"/proc/{child}/smaps_rollup").read_text() for child in children]
        found = [
            int(re.findall(r"^Pss: +(\d+)", rollup, re.MULTILINE)[0])
            for child, rollup in zip(children, rollups, strict=True)
            if b"botify" in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")[1]
        ]
        assert len(found) == 2
        return found

    large = shop.parent / "large"
    large.mkdir()
    items = [f"sku/{n}" for n in range(1_000_000)]
    write_lines(large / "items.json", ({"item": item, "title": item} for item in items))
    (large / "popular.json").write_text(json.dumps({"items": items[:1000]}))
    write_lines(
        large / "recommendations.json",
        ({"user": f"u{n}", "items": items[n : n + 20]} for n in range(100_000)),
    )
    write_lines(
        large / "neighbours.json",
        ({"item": items[n], "items": items[n + 1 : n + 11]} for n in range(100_000)),
    )
    few, many = max(pss_of_workers(shop)), max(pss_of_workers(large))
    assert many - few < 60_000


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.1)


def test_the_script_that_asks_as_visitors_do(
    serve_shop: Callable[..., str], shop: Path, tmp_path: Path
) -> None:
    script = Path(__file__).resolve().parents[2] / "script" / "test_shop.py"
    command = [sys.executable, script, "--url", serve_shop(), "--requests", "2"]
    lists = ["--lists", shop / "recommendations.json"]
    done = subprocess.run([*command, *lists], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "known visitors: 1 answers, 1 of them with items of their own" in done.stdout
    assert "unknown visitors: 1 answers, 0 of them" in done.stdout
    assert "known visitor anna" in (tmp_path / "test_service.log").read_text()
