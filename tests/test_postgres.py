"""The PostgreSQL that tests use."""

import psycopg
import pytest

from .postgres import Postgres

pytestmark = pytest.mark.integration


def test_each_test_has_an_empty_database_of_its_own(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as client:
        assert client.execute(
            "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        ).fetchone() == (0,)
        client.execute("CREATE TABLE ratings (n int)")


def test_what_the_test_before_made_is_gone(postgres_url: str) -> None:
    with psycopg.connect(postgres_url) as client:
        assert client.execute("SELECT to_regclass('ratings')").fetchone() == (None,)


def test_a_wrong_password_is_refused(postgres_url: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres_url.replace("secret-of-a-test", "guess"))


def test_what_is_committed_outlives_a_kill() -> None:
    with Postgres() as server, server.database() as url:
        with psycopg.connect(url) as client:
            client.execute("CREATE TABLE ratings AS SELECT 1 AS n")
        server.kill()
        server.start()
        with psycopg.connect(url) as client:
            assert client.execute("SELECT n FROM ratings").fetchone() == (1,)
