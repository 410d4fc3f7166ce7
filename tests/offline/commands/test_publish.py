"""`botify-offline publish`: from a model's directory to a store, and what it says."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from botify.factors import open_reader
from offline.cli import main
from offline.data.training_set import TrainingSet
from offline.importing.import_data import import_data
from offline.models.registry import make_model

from ...factor_stores import small_model

ITEMS = "item,title,year\n" + "".join(f"i{n},Film {n},{1990 + n}\n" for n in range(5))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["publish", *map(str, arguments)])


def sides(place: Path) -> tuple[str, ...]:
    return ("--users", f"file:{place}", "--items", f"file:{place}")


@pytest.fixture
def imported(tmp_path: Path) -> Path:
    """Ratings of ten users and five items."""
    rows = [f"u{user},i{user * item % 5},{1 + user % 5}" for user in range(10) for item in (1, 2)]
    (tmp_path / "ratings.csv").write_text("user,item,rating\n" + "\n".join(dict.fromkeys(rows)))
    (tmp_path / "items.csv").write_text(ITEMS)
    out = tmp_path / "interactions"
    import_data(tmp_path / "ratings.csv", out, items=tmp_path / "items.csv")
    return out


def test_publish_again_and_go_back(tmp_path: Path) -> None:
    for seed in (0, 1):
        small_model(seed).save(tmp_path / f"model{seed}")
    store = tmp_path / "store"
    first = run(tmp_path / "model0", *sides(store), "--precompute", 5)
    assert first.exit_code == 0, first.output
    assert "12 users, 5 items ranked for each -> file:" in first.output
    assert "readers are switched to it" in first.output
    again = run(tmp_path / "model0", *sides(store), "--precompute", 5)
    assert "(these users were there)" in again.output
    assert "readers use it" in again.output
    assert run(tmp_path / "model1", *sides(store)).exit_code == 0
    found = re.search("version ([0-9a-f]{16})", first.output)
    assert found is not None
    back = run("--activate", found[1], *sides(store))
    assert back.output == f"readers are switched to version {found[1]}\n"
    reader = open_reader(f"file:{store}", f"file:{store}")
    assert reader.active_version() == found[1]


def test_fields_of_items_come_from_the_interactions(imported: Path, tmp_path: Path) -> None:
    data = TrainingSet.of_ratings(imported)
    make_model("truncated-svd", {"factors": 2, "centred": True}).fit(data).save(tmp_path / "model")
    done = run(tmp_path / "model", *sides(tmp_path / "store"), "--interactions", imported)
    assert done.exit_code == 0, done.output
    reader = open_reader(f"file:{tmp_path / 'store'}", f"file:{tmp_path / 'store'}")
    reader.refresh()
    assert reader.current is not None
    one = reader.current.items[reader.current.numbers["i3"]]
    assert (one.title, one.fields["year"]) == ("Film 3", "1993")


def test_interactions_of_another_model(imported: Path, tmp_path: Path) -> None:
    small_model().save(tmp_path / "model")
    done = run(tmp_path / "model", *sides(tmp_path / "store"), "--interactions", imported)
    assert (done.exit_code, "trained on other interactions" in done.output) == (2, True)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "name a MODEL to publish"),
        (("MODEL", "--activate", "0" * 16), "name a MODEL to publish"),
        (("--activate", "0" * 16), "versions there: none"),
        (("MODEL", "--users", "ftp://x"), "a store is file:DIR"),
        (("MODEL", "--users", "redis://:secret@127.0.0.1:1/0"), "redis://127.0.0.1:1/0"),
        (("MODEL", "--precompute", "1001"), "0<=x<=1000"),
        (("MODEL", "--keep", "0"), "x>=1"),
    ],
    ids=str,
)
def test_what_cannot_be_published(arguments: tuple[str, ...], told: str, tmp_path: Path) -> None:
    model = tmp_path / "model"
    small_model().save(model)
    given = [str(model) if word == "MODEL" else word for word in arguments]
    done = run(*sides(tmp_path / "store"), *given)
    assert done.exit_code == 2, done.output
    assert told in done.output
    assert "secret" not in done.output
    assert len(done.output.strip().splitlines()[-1]) < 400


def test_a_damaged_name_of_the_active_version(tmp_path: Path) -> None:
    small_model().save(tmp_path / "model")
    store = tmp_path / "store"
    store.mkdir()
    (store / "active.json").write_text(json.dumps({"form": 9}))
    done = run(tmp_path / "model", *sides(store))
    assert (done.exit_code, "reads form 1" in done.output) == (2, True)
