"""What notebooks and users import: documented, with examples that run, and cheap to import."""

import ast
import doctest
import importlib
import inspect
import json
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

REPO = Path(__file__).parents[2]
SURFACES = ["offline", "offline.experiment"]
NAMES = [(module, name) for module in SURFACES for name in importlib.import_module(module).__all__]
HEAVY = {"duckdb", "matplotlib", "numba", "pandas", "pyarrow", "scipy", "statsmodels", "torch"}


def exported(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def write_experiment(directory: Path) -> None:
    """Two sessions each of 400 users in AB, of which half hear 50 % more of a recommendation."""
    directory.mkdir()
    rng = np.random.default_rng(1)
    lines = []
    for user in range(400):
        share = float(rng.uniform(0.4, 0.6)) * (1.5 if user % 2 else 1.0)
        about = {"user": user, "latency": 0.01, "experiments": {"AB": "T1" if user % 2 else "C"}}
        for session in range(2):
            at = 1_700_000_000_000 + 600_000 * session
            about |= {"session": f"{user}-{session}", "recommender": "top"}
            first = {"message": "next", "timestamp": at, "track": 7, "time": 1.0}
            last = {"message": "last", "timestamp": at + 60_000, "track": 8, "time": share}
            lines += [about | first | {"recommendation": 8}]
            lines += [about | last | {"recommendation": None, "recommender": None}]
    (directory / "data.json").write_text("".join(f"{json.dumps(line)}\n" for line in lines))


@pytest.mark.parametrize("module", SURFACES)
def test_a_surface_imports_nothing_before_it_is_used(module: str) -> None:
    script = f"import {module}, json, sys; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=REPO
    )
    assert not HEAVY & set(json.loads(done.stdout))


@pytest.mark.parametrize("module", SURFACES)
def test_the_three_lists_of_a_surface_agree(module: str) -> None:
    surface: ModuleType = importlib.import_module(module)
    tree = ast.parse(inspect.getsource(surface))
    typed = {
        alias.name: node.module
        for block in tree.body
        if isinstance(block, ast.If)
        for node in ast.walk(block)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert typed == surface._MODULES
    assert sorted(surface.__all__) == sorted(surface._MODULES)
    assert set(surface.__all__) <= set(dir(surface))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        surface.nothing  # noqa: B018


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_a_public_name_is_documented(module: str, name: str) -> None:
    what = exported(module, name)
    if not callable(what):
        return  # a constant
    text = inspect.getdoc(what) or ""
    assert "Examples\n--------\n>>> " in text, "no example"
    if not inspect.isfunction(what):
        return
    signature = inspect.signature(what)
    if signature.parameters:
        section = re.split(r"\n\w+\n-+\n", text.split("Parameters\n----------\n")[1])[0]
        told = {
            word.strip("* ")
            for line in re.findall(r"^(\S.*?)(?: :.*)?$", section, re.MULTILINE)
            for word in line.split(",")
        }
        assert told == set(signature.parameters)
    if signature.return_annotation is not None:
        assert re.search(r"^(Returns|Yields)\n-+\n", text, re.MULTILINE)


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_the_examples_of_a_public_name_run(
    module: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    if module == "offline.experiment":
        write_experiment(tmp_path / "log")
    runner = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE)
    said: list[str] = []
    what = exported(module, name)
    for test in doctest.DocTestFinder(recurse=False).find(what, name, globs={}):
        runner.run(test, out=said.append)
    assert not runner.failures, "".join(said)


def test_notebooks_use_the_public_surface_alone() -> None:
    for notebook in sorted((REPO / "homework").glob("*.ipynb")):
        cells = json.loads(notebook.read_text())["cells"]
        code = "".join("".join(c["source"]) + "\n" for c in cells if c["cell_type"] == "code")
        used = set(re.findall(r"^(?:from|import) (offline[\w.]*)", code, re.MULTILINE))
        assert used <= set(SURFACES), f"{notebook.name}: {sorted(used)}"
