"""The names that `sim` exports: documented, with examples that run."""

import doctest
import inspect
from pathlib import Path

import pytest

import sim

REPO = Path(__file__).parents[2]


@pytest.mark.parametrize("name", sim.__all__)
def test_it_is_documented(name: str) -> None:
    exported = getattr(sim, name)
    assert exported.__doc__ is not None
    if inspect.isfunction(exported):
        for section in ("Parameters\n", "Returns\n"):
            assert section in exported.__doc__, f"{name} has no section {section.strip()}"
        for parameter in inspect.signature(exported).parameters:
            assert f"{parameter} : " in exported.__doc__ or f", {parameter} : " in exported.__doc__


@pytest.mark.parametrize("name", ["sim", *sim.__all__])
def test_its_examples_run(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(REPO)
    exported = sim if name == "sim" else getattr(sim, name)
    examples = doctest.DocTestFinder(recurse=False).find(exported, name)
    results = [doctest.DocTestRunner().run(example) for example in examples]
    assert sum(result.failed for result in results) == 0


def test_the_functions_have_examples() -> None:
    without = [
        name
        for name in sim.__all__
        if inspect.isfunction(getattr(sim, name))
        and ">>> " not in (getattr(sim, name).__doc__ or "")
    ]
    assert without == []
