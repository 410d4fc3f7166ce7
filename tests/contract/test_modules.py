"""`python -m` of a module that defines a command is that command."""

import re
import runpy
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).parents[2]
ROOMS = ("botify", "sim", "offline", "pipeline", "script")
_COMMAND = re.compile(r"^@click\.(command|group)\(", re.MULTILINE)


def modules() -> list[str]:
    """Names of the modules that define a command, and of the rooms that have one of their own."""
    found = []
    for room in ROOMS:
        for path in sorted((REPO / room).rglob("*.py")):
            name = ".".join(path.relative_to(REPO).with_suffix("").parts)
            if path.name == "__main__.py":
                found.append(name.removesuffix(".__main__"))
            elif _COMMAND.search(path.read_text(encoding="utf-8")):
                found.append(name)
    return found


def test_the_rooms_and_their_commands_are_among_them() -> None:
    expected = {"sim", "sim.cli", "sim.run", "botify", "botify.cli", "offline", "offline.cli"}
    expected |= {"pipeline.demo", "script.dataclient", "offline.commands.analyze"}
    assert expected <= set(modules())


# The module may have been imported before, which is no matter here.
@pytest.mark.filterwarnings("ignore:.* found in sys.modules after import")
@pytest.mark.parametrize("module", modules())
def test_a_module_with_a_command_runs_it(
    module: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["python", "--help"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    assert not ended.value.code
    assert capsys.readouterr().out.startswith("Usage: ")
