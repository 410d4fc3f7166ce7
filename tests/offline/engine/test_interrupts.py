import os
import signal
import threading

import duckdb
import pytest
from click.testing import CliRunner

from offline.cli import main
from offline.engine.interrupts import interruptible
from offline.errors import InputError

# Minutes of work, so that the signal comes while it runs.
LONG = "SELECT COUNT(*) FROM range(100000000000) AS t(a) WHERE a % 7 = 3"


def test_a_query_that_was_interrupted_is_an_interrupt_also_where_an_error_wraps_it() -> None:
    def query() -> None:
        try:
            duckdb.connect().execute(LONG).fetchall()
        except Exception as error:
            raise InputError("the metrics cannot be computed") from error

    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt), interruptible():
        query()


def test_other_errors_stay_what_they_are() -> None:
    with pytest.raises(RuntimeError, match="another"), interruptible():
        raise RuntimeError("another")
    with pytest.raises(InputError, match="no such"), interruptible():
        raise InputError("no such column")


def test_a_command_whose_query_is_interrupted_is_aborted_and_not_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from offline.commands import formats

    def query() -> None:
        try:
            raise duckdb.InterruptException("INTERRUPT Error: Interrupted!")
        except duckdb.Error as error:
            raise InputError("the log cannot be read") from error

    monkeypatch.setattr(formats.command, "callback", query)
    found = CliRunner().invoke(main, ["formats"])
    assert (found.exit_code, found.output.strip()) == (1, "Aborted!")
