"""The lessons run from top to bottom on a fresh loop, and are stored as they are written."""

import json
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

HOMEWORK = Path(__file__).parents[2] / "homework"
LESSONS = {
    "collect_data": "interactions/interactions.parquet",
    "autoencoder_dae": "lists/recommendations.json",
    "result_analyzer": "report.html",
}
OWN_DATA = {"workshop": "workshop/errors.json", "shop": "shop/summary.json"}
"""Those that make all that they read."""


def test_every_lesson_is_tested() -> None:
    assert {path.stem for path in HOMEWORK.glob("*.ipynb")} == {*LESSONS, *OWN_DATA}


@pytest.mark.parametrize("lesson", [*LESSONS, *OWN_DATA])
def test_is_stored_clean(lesson: str) -> None:
    text = (HOMEWORK / f"{lesson}.ipynb").read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=nbformat.NO_CONVERT)
    nbformat.validate(notebook)
    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    for cell in notebook.cells:
        assert not cell.metadata
        if cell.cell_type == "code":
            assert not cell.outputs
            assert cell.execution_count is None
    again = json.dumps(json.loads(text), indent=1, ensure_ascii=False, sort_keys=True)
    assert text == again + "\n"


@pytest.mark.integration
@pytest.mark.parametrize("lesson", LESSONS)
def test_runs_on_a_small_world(
    lesson: str, loop: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    _run(lesson, loop, environment, tmp_path)
    assert (loop / "homework" / LESSONS[lesson]).is_file()


@pytest.mark.integration
@pytest.mark.parametrize("lesson", OWN_DATA)
def test_runs_on_data_of_its_own(lesson: str, environment: dict[str, str], tmp_path: Path) -> None:
    # Generated data: what a set in BOTIFY_DATA has is no test's business.
    printed = _run(lesson, tmp_path, {**environment, "BOTIFY_DATA": str(tmp_path)}, tmp_path)
    assert (tmp_path / "homework" / OWN_DATA[lesson]).is_file()
    assert "Homework 1 is not done yet" in printed
    assert "Homework 2 is not done yet" in printed


def _run(lesson: str, out: Path, environment: dict[str, str], tmp_path: Path) -> str:
    """Run a lesson on the folder `out`; what it printed."""
    notebook = nbformat.read(HOMEWORK / f"{lesson}.ipynb", as_version=4)
    # No folder of kernels: what is left is this interpreter's own.
    here = KernelSpecManager(kernel_dirs=[])
    kernel = AsyncKernelManager(kernel_name="python3", kernel_spec_manager=here)
    client = NotebookClient(
        notebook, timeout=120, km=kernel, resources={"metadata": {"path": str(HOMEWORK)}}
    )
    ours = {"BOTIFY_OUT": str(out), "IPYTHONDIR": str(tmp_path), "PYTHONWARNINGS": "default"}

    client.execute(cleanup_kc=True, env=environment | ours)

    outputs = [output for cell in notebook.cells for output in cell.get("outputs", [])]
    assert any("image/png" in output.get("data", {}) for output in outputs)
    noise = [output.text for output in outputs if output.get("name") == "stderr"]
    assert not noise
    return "".join(output.text for output in outputs if output.get("name") == "stdout")
