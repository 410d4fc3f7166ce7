"""A config of the ratings face: its stores, and what it refuses."""

from pathlib import Path

import pytest

from botify.config import RatingsConfig, load_service_config
from botify.config.changes import changed_keys
from botify.errors import InputError
from botify.event_log.provenance import provenance_of

CONFIG = """\
face: ratings
data_dir: .
recommenders:
  svd: {type: factors, store: "file:factors"}
  als: {type: factors, users: "mongodb://u:secret@h/b", items: "redis://h:1/0"}
default: svd
"""


def load(tmp_path: Path, *change: str) -> RatingsConfig:
    path = tmp_path / "ratings.yml"
    path.write_text(CONFIG.replace(*change) if change else CONFIG)
    config = load_service_config(path)
    assert isinstance(config, RatingsConfig)
    return config


def test_paths_of_stores_are_relative_to_the_data(tmp_path: Path) -> None:
    config = load(tmp_path, "data_dir: .", f"data_dir: {tmp_path}")
    assert config.port == 5000
    entry = config.recommenders["svd"]
    assert [config.store_url(url) for url in entry.sides] == [f"file:{tmp_path}/factors"] * 2
    assert config.store_url("file:///srv/f") == "file:/srv/f"
    users, items = config.recommenders["als"].sides
    assert (config.store_url(users), config.store_url(items)) == (users, "redis://h:1/0")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("file:factors", "ftp://h", "recommenders.svd.store: 'ftp': a store is file:DIR"),
        ('store: "file:factors"', 'users: "file:factors"', "recommenders.svd: name `store`, or"),
        ('store: "file:factors"', "stor: 1", "unknown key 'recommenders.svd.stor'"),
        ("items:", "store:", "recommenders.als: name `store`, or both"),
        ("data_dir: .", "lists: {a: b.json}", "lists: the ratings face has none"),
        ("data_dir: .", "session_ttl: 5", "unknown key 'session_ttl'"),
        ("data_dir: .", "store_timeout: 0", "store_timeout: "),
        ("type: factors, store", "type: als, store", "no type of recommender 'als'"),
        ("default: svd", "default: nmf", "default: 'nmf' is not one of recommenders"),
    ],
)
def test_what_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    with pytest.raises(InputError) as refused:
        load(tmp_path, old, new)
    assert message in str(refused.value)
    assert "secret" not in str(refused.value)


def test_a_face_without_a_config_has_its_own_default() -> None:
    config = load_service_config(None, "ratings")
    assert isinstance(config, RatingsConfig)
    assert config.default == "svd"


def test_changes_are_told_without_passwords(tmp_path: Path) -> None:
    changes = changed_keys(load(tmp_path), load(tmp_path, "redis://h:1/0", "redis://:word@h:1/0"))
    assert changes
    assert not any("secret" in change or "word" in change for change in changes)


def test_the_run_is_that_of_publications_and_not_of_their_places(tmp_path: Path) -> None:
    here, versions = load(tmp_path), {"svd": "1", "als": "2"}
    moved = load(tmp_path, "file:factors", "redis://other/0")
    assert provenance_of(here, versions) == provenance_of(moved, versions)
    assert provenance_of(here, versions) != provenance_of(here, {**versions, "als": "3"})
