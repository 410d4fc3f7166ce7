"""What keeps a service from starting is said in a line."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.integration

Serve = Callable[..., Any]
Botify = Callable[..., Any]


def test_a_taken_port_is_explained(serve: Serve, botify: Botify) -> None:
    served = serve()
    port = served.url.rsplit(":", 1)[1]
    done = botify("serve", "--data-dir", served.data_dir, "--port", port)
    assert done.returncode == 2
    assert done.stderr == (
        f"Error: cannot listen on 127.0.0.1:{port} (Address already in use); "
        "stop what uses the port or choose another with --port\n"
    )


def test_missing_files_are_named_with_the_command_that_makes_them(
    botify: Botify, data_dir: Path
) -> None:
    missing = data_dir / "lists" / "neighbours.json"
    missing.unlink()
    done = botify("serve", "--data-dir", data_dir, "--port", "0")
    assert done.returncode == 2
    assert done.stderr.startswith(f"Error: {missing}: no such file; `make demo` makes")
    assert done.stderr.count("\n") == 1


def test_an_unreachable_redis_stops_the_start(botify: Botify, data_dir: Path) -> None:
    url = f"unix://{data_dir}/nobody.sock"
    done = botify("serve", "--data-dir", data_dir, "--port", "0", REDIS_URL=url)
    assert done.returncode == 2
    assert done.stderr.startswith("Error: Redis: ")
    assert done.stderr.endswith("is REDIS_URL right, and does that server run?\n")
    assert done.stderr.count("\n") == 1
