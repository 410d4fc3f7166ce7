"""The progress of a long DuckDB query."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import duckdb

Report = Callable[[float], None]
"""Called with a share, 0 to 1, from a separate thread."""
_EVERY_S = 0.5


@contextmanager
def reporting(connection: duckdb.DuckDBPyConnection, report: Report | None) -> Iterator[None]:
    """Report how far the query has come that runs inside; None: report nothing."""
    if report is None:
        yield
        return
    # In Jupyter without ipywidgets DuckDB refuses to hear of progress.
    with contextlib.suppress(duckdb.InvalidInputException):
        connection.execute("SET enable_progress_bar = true")
        connection.execute("SET enable_progress_bar_print = false")
    ended = threading.Event()

    def ask() -> None:
        while not ended.wait(_EVERY_S):
            with contextlib.suppress(duckdb.Error):
                percent = connection.query_progress()
                if 0 <= percent <= 100:
                    report(percent / 100)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
