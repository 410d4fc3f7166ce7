"""What docker-compose.yml, the Dockerfile and the monitoring say, held against each other.

Nothing is started here: docs/how-to/serve-in-containers.md says how to run them, and what was run.
"""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import import_module
from importlib.metadata import requires
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from prometheus_client.parser import text_string_to_metric_families

from botify.api.resources import MAX_BODY_BYTES
from botify.app import create_operations_app
from botify.cli import serve
from botify.config import load_config, load_service_config
from botify.event_log.ledger import Ledger
from botify.observability.worker_table import WorkerTable
from botify.store.redis_memory import SAFE_POLICY

ROOT = Path(__file__).resolve().parents[2]
MONITORING = ROOT / "config" / "monitoring"
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", " ").splitlines()
SITE = (ROOT / "Dockerfile.web").read_text().replace("\\\n", " ").splitlines()
AIRFLOW = (ROOT / "Dockerfile.airflow").read_text().replace("\\\n", " ").splitlines()
WORKSHOP = (ROOT / "Dockerfile.workshop").read_text().replace("\\\n", " ").splitlines()
DASHBOARDS: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text())
    for path in sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
}
RULES = yaml.safe_load((MONITORING / "prometheus" / "alerts.yml").read_text())
RULE_TESTS = [ROOT / "tests" / "config" / name for name in ("alerts.yml", "shop_alerts.yml")]
NGINX = (ROOT / "config" / "nginx.conf").read_text()
ALERTS: list[dict[str, Any]] = RULES["groups"][0]["rules"]


def of_dockerfile(word: str, lines: list[str] = DOCKERFILE) -> list[str]:
    """What follows this instruction, line by line."""
    return [line.removeprefix(word).strip() for line in lines if line.startswith(word + " ")]


def published() -> Iterator[tuple[str, str]]:
    for name, service in SERVICES.items():
        for port in service.get("ports", ()):
            yield name, port


def mounts() -> Iterator[tuple[str, str, str]]:
    """Service, source and target of each."""
    for name, service in SERVICES.items():
        for mount in service.get("volumes", ()):
            source, target = mount.split(":")[:2]
            yield name, source, target


def test_old_and_new_docker_compose_read_it() -> None:
    # `version` makes the old one take another schema, and the new one warn; the old one does not
    # know `name`. Conditions on health would hang under podman.
    assert set(COMPOSE) - {"x-hdfs"} == {"services", "volumes"}
    assert all(isinstance(service.get("depends_on", []), list) for service in SERVICES.values())


def test_what_a_profile_starts() -> None:
    started: dict[str, set[str]] = {}
    for name, service in SERVICES.items():
        for profile in service.get("profiles", [""]):
            started.setdefault(profile, set()).add(name)
    assert started == {
        "": {"redis", "recommender", "nginx"},
        "airflow": {"airflow"},
        "hdfs": {"namenode", "datanode"},
        "monitoring": {"prometheus", "grafana"},
        "shop": {"shop", "prometheus"},
        "ratings": {"ratings"},
        "web": {"web", "web-postgres"},
        "workshop": {"flask-app", "workshop-postgres", "workshop-mongo", "workshop-redis"},
    }
    for profile, names in started.items():
        for name in names:
            # docker-compose refuses a profile whose services need some that it does not start.
            assert set(SERVICES[name].get("depends_on", ())) <= started[""] | started[profile]


def test_the_workshop_needs_its_own_three_stores_alone() -> None:
    app = SERVICES["flask-app"]
    stores = {"workshop-postgres", "workshop-mongo", "workshop-redis"}
    assert set(app["depends_on"]) == stores
    assert not any("depends_on" in SERVICES[store] for store in stores)
    named = {}
    for name in ("POSTGRES", "MONGO", "REDIS"):
        url = urlsplit(app["environment"][f"WORKSHOP_{name}"].replace("${WORKSHOP_PASSWORD:-", ""))
        named[url.hostname] = url.port
    assert named == {"workshop-postgres": 5433, "workshop-mongo": 27018, "workshop-redis": 6380}
    for store, port in named.items():
        assert str(port) in SERVICES[store]["command"]
        assert SERVICES[store]["ports"] == [f"127.0.0.1:{port}:{port}"]


@pytest.mark.parametrize("face", ["shop", "ratings"])
def test_a_face_is_served_on_its_own_port_from_its_own_config(face: str) -> None:
    service = SERVICES[face]
    config = load_service_config(ROOT / "config" / f"{face}.yml")
    assert service["ports"] == [f"127.0.0.1:{config.port}:{config.port}"]
    assert f"'127.0.0.1', {config.port}" in service["healthcheck"]["test"][1]
    assert f"./config/{face}.yml:/app/config/{face}.yml:ro" in service["volumes"]
    command = service["command"]
    assert command[:4] == ["botify", "serve", "--config", f"config/{face}.yml"]
    known = {option for each in serve.params for option in each.opts}
    assert {word for word in command if word.startswith("--")} <= known
    # Where others reach it, and where the image lets its user write.
    assert command[command.index("--operations-host") + 1] == "0.0.0.0"
    assert command[command.index("--log-dir") + 1] == "/app/log"


def test_the_programs_of_the_workshop_know_their_options() -> None:
    (line,) = of_dockerfile("CMD", WORKSHOP)
    *start, module = json.loads(line)[:3]
    assert start == ["python", "-m"]
    command = import_module(module).main
    known = {option for each in command.params for option in each.opts}
    assert {word for word in json.loads(line) if word.startswith("--")} <= known
    variables = {each.envvar for each in command.params}
    assert set(SERVICES["flask-app"]["environment"]) <= variables


def test_only_port_5001_is_open_to_other_machines() -> None:
    everywhere = {entry for entry in published() if not entry[1].startswith("127.0.0.1:")}
    assert everywhere == {("nginx", "5001:5001")}
    assert SERVICES["redis"].get("ports") is None


def test_nginx_keeps_what_operations_need_inside() -> None:
    config = load_config(ROOT / "config" / "botify.yml")
    app = create_operations_app(lambda: config, WorkerTable(1), Ledger(1))
    (inside,) = re.findall(
        r"location ~ (\S+) \{\s+default_type application/json;\s+return 404", NGINX
    )
    for rule in app.url_map.iter_rules():
        assert re.match(inside, rule.rule), rule.rule
    for path in ("/", "/next/7", "/last/7", "/track/7", "/docs", "/openapi.json", "/healthy"):
        assert not re.match(inside, path)
    assert not any("15001" in port for _, port in published())
    # Without it, every page would be a page of another origin.
    assert "proxy_set_header Host $http_host;" in NGINX


def test_nginx_takes_bodies_as_large_as_the_service_does() -> None:
    (kib,) = re.findall(r"client_max_body_size (\d+)k;", NGINX)
    assert int(kib) * 1024 == MAX_BODY_BYTES


def test_no_password_is_known_to_all() -> None:
    environment = SERVICES["grafana"]["environment"]
    assert environment["GF_SECURITY_ADMIN_PASSWORD"] == "${GRAFANA_PASSWORD:-}"
    script = SERVICES["grafana"]["entrypoint"][2].replace("$$", "$")
    show = script.replace("exec /run.sh", 'echo "$GF_SECURITY_ADMIN_PASSWORD"')

    def password(given: str) -> str:
        return subprocess.run(
            ["/bin/sh", "-ec", show],
            env={"PATH": os.environ["PATH"], "GF_SECURITY_ADMIN_PASSWORD": given},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()

    assert password("mine") == "mine"
    made = {password("") for _ in range(2)}
    assert len(made) == 2
    assert all(len(word) == 32 for word in made)


def test_the_hosts_ports_are_those_of_the_nodes() -> None:
    # WebHDFS sends clients on to the DataNode by its own port, so that the host's must be equal.
    for name, port in published():
        *_, host, container = port.split(":")
        assert host == container, name


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_watched_restarted_and_pinned(name: str) -> None:
    service = SERVICES[name]
    check = service["healthcheck"]
    assert check["test"][0] in {"CMD", "CMD-SHELL"}
    assert len(check["test"]) > 1
    assert {"interval", "timeout"} < set(check)
    assert service["restart"] == "unless-stopped"
    if "build" not in service:
        assert re.fullmatch(r"[\w./-]+:v?\d[\w.-]*", service["image"])


def test_the_image_and_docker_compose_check_the_same() -> None:
    (in_image,) = of_dockerfile("HEALTHCHECK")
    command = in_image.partition(" CMD ")[2]
    assert SERVICES["recommender"]["healthcheck"]["test"] == ["CMD-SHELL", command]
    assert "/health/live" in command


def test_the_image_is_pinned_and_not_run_by_root() -> None:
    for lines, n_stages in ((DOCKERFILE, 2), (WORKSHOP, 1), (SITE, 1), (AIRFLOW, 1)):
        stages = of_dockerfile("FROM", lines)
        bases = {stage.split()[0] for stage in stages}
        assert len(stages) == n_stages
        assert len(bases) == 1
        assert re.fullmatch(r"python:3\.\d+\.\d+-slim-\w+", bases.pop())
        assert "--constraint constraints.txt" in " ".join(of_dockerfile("RUN", lines))
        (user,) = of_dockerfile("USER", lines)
        assert user not in {"root", "0"}


def test_what_the_image_copies_is_let_in_and_is_there() -> None:
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = {line[1:] for line in lines if line.startswith("!")}
    copied = {
        source
        for copy in [
            *of_dockerfile("COPY"),
            *of_dockerfile("COPY", WORKSHOP),
            *of_dockerfile("COPY", SITE),
            *of_dockerfile("COPY", AIRFLOW),
        ]
        if not copy.startswith("--from")
        for source in copy.split()[:-1]
    }
    assert copied == let_in
    assert all((ROOT / source).exists() for source in copied)


def test_the_image_needs_nothing_of_the_other_rooms() -> None:
    needed = closure("botify", frozenset({"service"}))
    assert {"flask", "granian", "redis", "prometheus-client"} < needed  # so it is a closure
    other_rooms = {"torch", "pandas", "scipy", "duckdb", "pyarrow", "numba", "gymnasium", "hdfs"}
    assert not needed & other_rooms


def closure(package: str, extras: frozenset[str]) -> set[str]:
    """Names of all that is installed with it on this platform."""
    found: set[str] = set()
    open_ends = [(package, extras)]
    seen = set(open_ends)
    while open_ends:
        name, wanted = open_ends.pop()
        found.add(name)
        for line in requires(name) or ():
            requirement = Requirement(line)
            marker = requirement.marker
            if marker and not any(marker.evaluate({"extra": extra}) for extra in wanted | {""}):
                continue
            end = canonicalize_name(requirement.name), frozenset(requirement.extras)
            if end not in seen:
                seen.add(end)
                open_ends.append(end)
    return found


def test_volumes_are_declared_and_used_and_files_are_there() -> None:
    sources = {source for _, source, _ in mounts()}
    assert {source for source in sources if not source.startswith("./")} == set(COMPOSE["volumes"])
    for source in sources:
        # What is served is made by `make demo`.
        assert not source.startswith("./config") or (ROOT / source).exists()


def test_nginx_and_prometheus_ask_the_recommenders_where_they_listen() -> None:
    (port,) = of_dockerfile("EXPOSE")
    config = load_config(ROOT / "config" / "botify.yml")
    assert int(port) == config.port
    assert f"server recommender:{port} " in NGINX
    scrapes = yaml.safe_load((MONITORING / "prometheus" / "prometheus.yml").read_text())
    (botify,) = (job for job in scrapes["scrape_configs"] if job["job_name"] == "botify")
    # By DNS, which has an address for each replica; through nginx it would meet any of them.
    faces = {"recommender": config}
    faces |= {
        face: load_service_config(ROOT / "config" / f"{face}.yml") for face in ("shop", "ratings")
    }
    asked = {(tuple(names["names"]), names["port"]) for names in botify["dns_sd_configs"]}
    assert asked == {((name,), of.operations_port_of(of.port)) for name, of in faces.items()}
    # Which only this machine would reach otherwise.
    (command,) = of_dockerfile("CMD")
    assert " --operations-host 0.0.0.0 " in command
    assert scrapes["rule_files"] == ["alerts.yml"]


def test_grafana_finds_its_dashboard_and_prometheus() -> None:
    provisioning = MONITORING / "grafana" / "provisioning"
    providers = yaml.safe_load((provisioning / "dashboards" / "botify.yml").read_text())
    (path,) = (provider["options"]["path"] for provider in providers["providers"])
    of_grafana = {target: source for name, source, target in mounts() if name == "grafana"}
    assert of_grafana["/etc/grafana/provisioning"] == "./config/monitoring/grafana/provisioning"
    assert of_grafana[path] == "./config/monitoring/grafana/dashboards"
    home = SERVICES["grafana"]["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{path}/botify.json"

    sources = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())
    (prometheus,) = sources["datasources"]
    assert prometheus["url"] == "http://prometheus:9090"
    for name, dashboard in DASHBOARDS.items():
        assert dashboard["uid"] == name
        panels = [panel for panel in dashboard["panels"] if panel["type"] != "row"]
        assert {panel["datasource"]["uid"] for panel in panels} == {prometheus["uid"]}


@pytest.mark.parametrize("dashboard", DASHBOARDS.values(), ids=DASHBOARDS)
def test_panels_have_numbers_of_their_own_and_do_not_overlap(dashboard: dict[str, Any]) -> None:
    numbers = [panel["id"] for panel in dashboard["panels"]]
    assert len(set(numbers)) == len(numbers)
    cells = [
        (x, y)
        for place in (panel["gridPos"] for panel in dashboard["panels"])
        for x in range(place["x"], place["x"] + place["w"])
        for y in range(place["y"], place["y"] + place["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert max(x for x, _ in cells) < 24  # Grafana's grid


def test_redis_drops_sessions_where_it_is_full_and_no_lists() -> None:
    command = SERVICES["redis"]["command"]
    assert command[command.index("--maxmemory-policy") + 1] == SAFE_POLICY
    assert "--maxmemory" in command


@pytest.fixture(scope="module")
def exposed(exposition: str) -> dict[str, set[str]]:
    """Labels of each name that the service tells Prometheus, and those that this adds."""
    names: dict[str, set[str]] = {
        "up": {"job", "instance"},
        "ALERTS": {"alertname", "alertstate", "severity"},
    }
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            labels = names.setdefault(sample.name, {"job", "instance"})
            labels.update(sample.labels)
    return names


def queries() -> Iterator[tuple[str, str]]:
    """Each query of the alerts and the dashboard, and the text that names labels of its answer."""
    for alert in ALERTS:
        summary = alert["annotations"]["summary"]
        yield alert["expr"], summary.replace("{{ $labels.", "{{").replace(" }}", "}}")
    for dashboard in DASHBOARDS.values():
        for panel in dashboard["panels"]:
            for target in panel.get("targets", ()):
                yield target["expr"], target.get("legendFormat", "")
        for annotation in dashboard["annotations"]["list"]:
            yield annotation["expr"], annotation["titleFormat"]


@pytest.mark.parametrize(("query", "text"), list(dict.fromkeys(queries())))
def test_a_query_asks_for_what_the_service_tells(
    query: str, text: str, exposed: dict[str, set[str]]
) -> None:
    asked = re.findall(r"\b(botify_\w+|up|ALERTS)\b(?:\{([^}]*)\})?", query)
    assert asked
    known: set[str] = set()
    for name, selector in asked:
        assert name in exposed
        assert set(re.findall(r"(\w+)\s*[=!]", selector)) <= exposed[name]
        known |= exposed[name]
    groups = re.findall(r"\bby \(([^)]*)\)", query)
    kept = {label.strip() for group in groups for label in group.split(",")}
    assert kept <= known
    # Without `by` a sum has no labels at all.
    left = kept if groups else set() if "sum(" in query or "count(" in query else known
    assert set(re.findall(r"\{\{(\w+)\}\}", text)) <= left


def test_every_alert_says_what_to_do_and_is_tried_out() -> None:
    tried = "".join(path.read_text() for path in RULE_TESTS)
    told = (ROOT / "docs" / "how-to" / "monitor.md").read_text()
    for alert in ALERTS:
        assert alert["labels"]["severity"] in {"warning", "critical"}
        assert set(alert["annotations"]) == {"summary", "description", "runbook"}
        runbook = ROOT / alert["annotations"]["runbook"]
        assert runbook.read_text().startswith(f"# {alert['alert']}\n")
        assert f"[`{alert['alert']}`](runbooks/{runbook.name})" in told
        assert f'alertname="{alert["alert"]}"' in tried


def test_alerts_fire_where_they_should() -> None:
    if shutil.which("promtool") is None:
        pytest.skip("promtool is absent; Debian has it in the package prometheus")
    done = subprocess.run(
        ["promtool", "test", "rules", *RULE_TESTS],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr
