"""Entry points as installations have them: broken, listed twice, in conflict."""

import sys
from collections.abc import Callable
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import pytest

from contract.plugins import PluginError, Plugins

GROUP = "botify.recommenders"
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """install(distribution, name="module:Object", ...) writes what an installation leaves."""
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "plug_good.py").write_text("class Good: ...\n")
    (tmp_path / "plug_noisy.py").write_text("import sys\nsys.exit('no licence')\n")
    for name in ("plug_good", "plug_noisy"):
        monkeypatch.delitem(sys.modules, name, raising=False)

    def install(distribution: str, kind: str = "dist-info", **offers: str) -> None:
        info = tmp_path / f"{distribution.replace('-', '_')}-1.0.{kind}"
        info.mkdir()
        metadata = "METADATA" if kind == "dist-info" else "PKG-INFO"
        (info / metadata).write_text(f"Name: {distribution}\nVersion: 1.0\n")
        lines = [f"[{GROUP}]", *(f"{name} = {value}" for name, value in offers.items())]
        (info / "entry_points.txt").write_text("\n".join(lines) + "\n")

    install("botify", random="plug_good:Good")
    return install


def plugins(tmp_path: Path, **more: Any) -> Plugins:
    def found() -> Any:
        return distributions(path=[str(tmp_path)])

    return Plugins(GROUP, "type of recommender", found=found, **more)


def refusal(found: Plugins, name: str) -> str:
    with pytest.raises(PluginError) as caught:
        found.get(name)
    return str(caught.value)


def test_built_in_ones_and_others_come_through_one_door(tmp_path: Path, install: Install) -> None:
    install("jazz", jazz="plug_good:Good", blues="plug_good:Good")
    found = plugins(tmp_path)
    assert found.names == ("random", "blues", "jazz")
    assert [plugin.built_in for plugin in found.all] == [True, False, False]
    assert found.get("jazz") is found.get("random")
    assert found.all[2].distribution == "jazz 1.0"


def test_an_unknown_name_is_told_the_nearest(tmp_path: Path, install: Install) -> None:
    install("jazz", jazz="plug_good:Good")
    assert refusal(plugins(tmp_path), "randon") == (
        "no type of recommender 'randon'; did you mean 'random'? there are: random, jazz"
    )
    assert refusal(plugins(tmp_path), "oracle") == (
        "no type of recommender 'oracle'; there are: random, jazz"
    )


def test_an_installation_without_its_own_is_told_so(tmp_path: Path) -> None:
    assert "install it again" in refusal(plugins(tmp_path), "random")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("plug_absent:Good", "ModuleNotFoundError: No module named 'plug_absent'"),
        ("plug_good:Bad", "AttributeError: module 'plug_good' has no attribute 'Bad'"),
        ("plug_noisy:Good", "SystemExit: no licence"),
    ],
)
def test_a_failing_import_is_named_and_the_rest_goes_on(
    tmp_path: Path, install: Install, value: str, reason: str
) -> None:
    install("jazz-bits", jazz=value)
    found = plugins(tmp_path)
    assert found.problems == ()
    found.load_added()
    expected = (
        f"type of recommender 'jazz' of jazz-bits 1.0 ({value}) cannot be imported: {reason}"
    )
    assert found.problems == (expected,)
    assert refusal(found, "jazz") == expected
    assert found.problem("random") is None


def test_it_is_imported_when_asked_for_and_once(tmp_path: Path, install: Install) -> None:
    count = tmp_path / "count"
    (tmp_path / "plug_counting.py").write_text(
        f"with open({str(count)!r}, 'a') as file:\n    file.write('x')\n1 / 0\n"
    )
    install("jazz", jazz="plug_counting:Good")
    found = plugins(tmp_path)
    assert found.names == ("random", "jazz")
    assert not count.exists()
    assert refusal(found, "jazz") == refusal(found, "jazz")
    assert count.read_text() == "x"


def test_one_that_two_editable_installs_list_is_one(tmp_path: Path, install: Install) -> None:
    install("jazz", jazz="plug_good:Good")
    install("jazz", kind="egg-info", jazz="plug_good:Good")
    found = plugins(tmp_path)
    assert found.names == ("random", "jazz")
    assert found.get("jazz")


def test_another_object_of_the_same_name_is_an_error_that_names_both(
    tmp_path: Path, install: Install
) -> None:
    install("jazz", modal="plug_good:Good")
    install("swing", modal="plug_swing:Good")
    found = plugins(tmp_path)
    assert refusal(found, "modal") == (
        "type of recommender 'modal' of jazz 1.0 (plug_good:Good) is also offered by "
        "swing 1.0 (plug_swing:Good): uninstall one of them"
    )


def test_a_built_in_object_keeps_its_name(tmp_path: Path, install: Install) -> None:
    install("swing", random="plug_swing:Good", fast="plug_swing:Good")
    found = plugins(tmp_path)
    assert found.get("random")
    assert [plugin.distribution for plugin in found.all] == ["botify 1.0", "swing 1.0"]
    assert found.problems == (
        "swing 1.0 offers a type of recommender 'random' (plug_swing:Good), which is the name of "
        "botify's own and stays that: give it another name",
    )


def test_an_object_of_another_kind_is_refused(tmp_path: Path, install: Install) -> None:
    found = plugins(tmp_path, check=lambda found: "it is no recommender")
    assert refusal(found, "random").endswith(
        "(plug_good:Good) cannot be used: it is no recommender"
    )


def test_a_damaged_installation_is_told(tmp_path: Path, install: Install) -> None:
    install("jazz", jazz="plug_good:Good")
    (tmp_path / "jazz-1.0.dist-info" / "entry_points.txt").write_bytes(b"\xff\xfe[")
    found = plugins(tmp_path)
    assert found.names == ("random",)
    [problem] = found.problems
    assert "jazz-1.0.dist-info cannot be read" in problem
