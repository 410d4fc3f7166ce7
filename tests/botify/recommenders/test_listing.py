"""`botify recommenders` says of each type what it does."""

from click.testing import CliRunner

from botify.cli import main
from botify.config import RECOMMENDERS
from botify.recommenders import Recommender
from contract.chain_presets import PRESETS


def test_each_type_has_a_line_of_its_own() -> None:
    done = CliRunner().invoke(main, ["recommenders"])
    assert done.exit_code == 0, done.output
    lines = {line.split()[0]: line.split("  ")[-1] for line in done.stdout.splitlines()}
    assert set(RECOMMENDERS.names) <= set(lines)
    assert len({*lines.values()}) == len(lines)
    for name, preset in PRESETS.items():
        assert lines[name].casefold() == f"{preset.meaning}.".casefold()


class Undescribed(Recommender):
    pass


def test_a_type_without_a_docstring_has_no_description() -> None:
    assert Undescribed.describe("mine") == ""
