"""The record of publications goes along with the log."""

from pathlib import Path

from click.testing import CliRunner

from contract.files import PUBLISHED
from script.dataclient import main
from script.shipping.publications import ship_publications
from script.shipping.targets.local import LocalTarget


def test_lines_that_the_target_lacks_are_added(tmp_path: Path) -> None:
    logs, other, there = tmp_path / "a", tmp_path / "b", tmp_path / "there"
    logs.mkdir()
    other.mkdir()
    target = LocalTarget(there)
    ship_publications(target, [logs])
    assert not there.exists()
    (logs / PUBLISHED).write_text('{"version": 1}\n{"version": 2}\n{"ver')
    ship_publications(target, [logs])
    assert (there / PUBLISHED).read_text() == '{"version": 1}\n{"version": 2}\n'
    (other / PUBLISHED).write_text('{"version": 3}\n')
    for source in (other, logs, other):
        ship_publications(target, [source])
    assert (there / PUBLISHED).read_text() == '{"version": 1}\n{"version": 2}\n{"version": 3}\n'


def test_records_beside_logs_in_directories_go_along(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / "log" / name).mkdir(parents=True)
        (tmp_path / "log" / name / "data.json").write_text(f'{{"user": "{name}"}}\n')
        (tmp_path / "log" / name / PUBLISHED).write_text(f'{{"version": "{name}"}}\n')
    there = tmp_path / "there"
    arguments = ["log2local", "--log-dir", str(tmp_path / "log"), str(there)]
    for _ in range(2):
        done = CliRunner().invoke(main, arguments)
        assert done.exit_code == 0, done.output
        assert (there / PUBLISHED).read_text() == '{"version": "one"}\n{"version": "two"}\n'
