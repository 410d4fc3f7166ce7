"""A real Prometheus reads the service's metrics, and answers every query of the dashboards."""

import json
import shutil
import socket
import subprocess
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

MONITORING = Path(__file__).resolve().parents[2] / "config" / "monitoring"


def queries() -> Iterator[tuple[str, str]]:
    for path in sorted((MONITORING / "grafana" / "dashboards").glob("*.json")):
        for panel in json.loads(path.read_text())["panels"]:
            for target in panel.get("targets", ()):
                yield f"{path.stem}: {panel['title']}", target["expr"]


@pytest.fixture
def prometheus(exposition: str, tmp_path: Path) -> Iterator[str]:
    """The address of one that scrapes the service's metrics every second."""
    if shutil.which("prometheus") is None:
        pytest.skip("prometheus is absent; Debian has it in the package prometheus")

    class Metrics(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/plain; version=0.0.4")
            self.end_headers()
            self.wfile.write(exposition.encode())

        def log_message(self, *_: object) -> None:
            pass

    config = yaml.safe_load((MONITORING / "prometheus" / "prometheus.yml").read_text())
    server = ThreadingHTTPServer(("127.0.0.1", 0), Metrics)
    (job,) = (job for job in config["scrape_configs"] if job["job_name"] == "botify")
    del job["dns_sd_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{server.server_address[1]}"]}]
    config["scrape_configs"] = [job]
    config["global"] = {"scrape_interval": "1s", "scrape_timeout": "1s"}
    config["rule_files"] = [str(MONITORING / "prometheus" / "alerts.yml")]
    (tmp_path / "prometheus.yml").write_text(yaml.safe_dump(config))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
    command = ["prometheus", f"--config.file={tmp_path}/prometheus.yml"]
    command += [f"--storage.tsdb.path={tmp_path}/data", f"--web.listen-address={address}"]
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            yield f"http://{address}"
        finally:
            process.terminate()
            server.shutdown()
            server.server_close()
            thread.join()


def ask(address: str, query: str) -> list[Any]:
    url = f"{address}/api/v1/query?" + urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(url, timeout=10) as answer:
        found: list[Any] = json.load(answer)["data"]["result"]
    return found


@pytest.mark.integration
def test_every_query_of_the_dashboards_has_an_answer(prometheus: str) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if ask(prometheus, "sum(rate(botify_request_seconds_count[20s]))"):  # scraped twice
                break
        except OSError:
            pass
        assert time.monotonic() < deadline, "Prometheus has scraped nothing"
        time.sleep(0.2)
    silent = [
        name
        for name, query in queries()
        if not ask(prometheus, query.replace("$__rate_interval", "20s"))
        and " > " not in query  # these answer only where something is wrong
    ]
    assert silent == []
