"""A small table of interactions, and ways to import it."""

from collections.abc import Callable, Sequence
from pathlib import Path

from click.testing import CliRunner

from offline.cli import main
from offline.data.interactions import Interactions

Import = Callable[..., tuple[str, Interactions]]
ROWS = [
    (f"u{user:02}", f"sku-{(7 * user + step) % 60:02}", 1 + step % 5, 1_600_000_000 + 60 * step)
    for user in range(20)
    for step in range(12)
]
HEADER = ("user_id", "item_id", "rating", "timestamp")


def csv_text(rows: Sequence[Sequence[object]] = ROWS, header: Sequence[str] = HEADER) -> str:
    return "\n".join(",".join(map(str, row)) for row in (header, *rows)) + "\n"


def run(source: Path, out: Path, *options: str, code: int = 0) -> str:
    words = ["import", str(source), "--out", str(out), *options]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == code, result.output
    if code:
        assert not out.exists()
        assert len(result.output.strip().splitlines()) == 1, result.output
    return result.output


def rows_of(data: Interactions) -> list[tuple[object, ...]]:
    times = [None] * len(data.user) if data.timestamp is None else data.timestamp.tolist()
    return list(
        zip(
            data.users.take(data.user),
            data.items.take(data.item),
            data.value.tolist(),
            times,
            data.kind.to_pylist(),
            strict=True,
        )
    )


EXPECTED = sorted((user, item, float(v), 1000 * t, "rating") for user, item, v, t in ROWS)
