"""The site's tests on the databases that DATABASE_URL may name besides SQLite, each a real one."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.mariadb import MariaDB, installed
from tests.postgres import Postgres

REPO = Path(__file__).parents[2]
# What reads and writes in ways of its own on each database, quickly; `nightly` has all of them.
QUICK = ("api/test_bulk.py", "jobs", "recommendations", "recsys/test_settings_and_tables.py")


@contextmanager
def database(kind: str) -> Iterator[str]:
    if kind == "mariadb" and not installed():
        pytest.skip("no mariadbd: Debian's package mariadb-server has it")
    server = Postgres() if kind == "postgresql" else MariaDB()
    with server, server.database() as url:
        yield url


def passes(url: str, *places: str) -> None:
    apart = [f"--ignore=tests/web/{name}" for name in ("test_databases.py", "browser")]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-m", "not nightly", *apart, *places],
        cwd=REPO,
        env={**os.environ, "DATABASE_URL": url},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-6000:]


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_what_is_written_in_bulk_and_published(kind: str) -> None:
    with database(kind) as url:
        passes(url, *(f"tests/web/{place}" for place in QUICK))


@pytest.mark.integration
@pytest.mark.nightly
@pytest.mark.parametrize("kind", ["postgresql", "mariadb"])
def test_all_of_the_site(kind: str) -> None:
    with database(kind) as url:
        passes(url, "tests/web")
