"""Shares that a split was to have, and the test of what is missing on one side."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import stats

from offline.errors import InputError
from offline.experiment.analysis import Analysis
from offline.experiment.checks.declared import declared_weights
from offline.experiment.stats.value_test import share_p

EXPERIMENT = "DAE_VS_CONTEXTUAL"
Event = dict[str, Any]
Judge = Callable[..., Analysis]


def test_the_test_of_shares_is_pearsons_where_each_user_could_lack_one_thing() -> None:
    control, treated = np.repeat([1.0, 0.0], [12, 188]), np.repeat([1.0, 0.0], [30, 170])
    table = [[12, 188], [30, 170]]
    expected = stats.chi2_contingency(table, correction=False).pvalue
    found = share_p((control, np.ones(200)), (treated, np.ones(200)))
    assert found == pytest.approx(expected, rel=1e-9)
    assert share_p((np.zeros(9), np.ones(9)), (np.ones(2), np.ones(2))) is None


def test_the_test_of_shares_takes_the_user_as_its_unit() -> None:
    rng = np.random.default_rng(5)
    false = 0
    for _ in range(500):
        sides = []
        for _ in range(2):
            could = np.ceil(rng.pareto(1.8, 400) + 1)
            sides.append((rng.binomial(could.astype(int), rng.beta(1, 9, 400)), could))
        p = share_p(*sides)
        assert p is not None
        false += p < 0.05
    assert 10 <= false <= 42  # 25 are expected; beyond these is one in a thousand


CONFIG = """
experiments:
  TEST: {treatments: {C: a, T1: b, T2: c}, weights: {C: 8, T1: 2, T2: 0}}
  EVEN: {treatments: {C: a, T1: b}}
"""


def test_shares_come_from_a_config(tmp_path: Path) -> None:
    path = tmp_path / "botify.yml"
    path.write_text(CONFIG)
    assert declared_weights("TEST", config=path) == {"C": 8, "T1": 2}
    assert declared_weights("EVEN", config=path) == {"C": 1, "T1": 1}
    assert declared_weights("TEST", weights="C=1,T1=3", config=path) == {"C": 1, "T1": 3}
    assert declared_weights("TEST", treatments="C, T1") == {"C": 1, "T1": 1}
    with pytest.raises(InputError, match="T2 is not one of C, T1"):
        declared_weights("TEST", treatments="C,T2", config=path)
    with pytest.raises(InputError, match="no experiment OTHER; it has: TEST, EVEN"):
        declared_weights("OTHER", config=path)
    with pytest.raises(InputError, match="it must be like C,T1"):
        declared_weights("TEST", treatments="C")


@pytest.mark.parametrize("text", ["a: [", "experiments: 3", "experiments: {TEST: {}}", "\x00"])
def test_a_config_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "botify.yml"
    path.write_text(text)
    with pytest.raises(InputError, match="--config"):
        declared_weights("TEST", config=path)


@pytest.fixture
def service() -> Iterator[str]:
    """The URL of a program that answers GET /experiments as the service does."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            one = {
                "name": "TEST",
                "treatments": {"C": "a", "T1": "b"},
                "weights": {"C": 9, "T1": 1},
            }
            body = json.dumps({"experiments": [one]}).encode()
            self.send_response(200 if self.path == "/experiments" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def test_shares_come_from_a_running_service(service: str) -> None:
    assert declared_weights("TEST", service=service) == {"C": 9, "T1": 1}
    with pytest.raises(InputError, match="no experiment OTHER; it has: TEST"):
        declared_weights("OTHER", service=service)
    with pytest.raises(InputError, match="does not tell"):
        declared_weights("TEST", service="http://127.0.0.1:9")
    with pytest.raises(InputError, match="must begin with http"):
        declared_weights("TEST", service="file:///etc")
