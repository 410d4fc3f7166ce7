"""A ranker, from the files of the service's replay to the service's scores."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

from botify.config import EventsConfig
from botify.errors import InputError
from botify.session_model.repository import FileRepository
from botify.shop.features.counts import Sums
from botify.shop.features.facts import Candidate, Facts
from botify.shop.live_ranker import LiveRanker, put_ranker
from botify.shop.ranker import Ranker, rank
from botify.shop.replay.run import Options, write_log_features
from offline.commands.train_ranker import command
from offline.ranker.dataset import cut_in_time, read_features
from offline.ranker.trees import Trees
from tests.botify.shop.replay.test_replay import START, visits, written

SOURCES = ("reminders", "similar", "popular")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with `features` and `ranker`."""
    out = tmp_path_factory.mktemp("trained")
    log = written(out / "log.json", visits(600))
    write_log_features([log], out / "features", Options(), EventsConfig())
    arguments = [str(out / "features"), "--out", str(out / "ranker"), "--set", "trees=40"]
    command.main(arguments, standalone_mode=False)
    return out


def test_the_service_scores_as_the_training_does(trained: Path) -> None:
    path = trained / "ranker" / "ranker.safetensors"
    ranker = Ranker.read(path, SOURCES)
    with safe_open(path, "np") as file:
        about = file.metadata()
        arrays = [file.get_tensor(n) for n in ("split_features", "split_borders", "leaves")]
    trees = Trees(*arrays, float(about["scale"]), float(about["bias"]))
    values = np.array(read_features(trained / "features").arrays["features"])
    np.testing.assert_allclose(ranker.scores(values), trees.scores(values), rtol=0, atol=1e-9)
    assert len(np.unique(ranker.scores(values))) > 20
    assert cut_in_time(read_features(trained / "features"), 0.15, 0.15).crossing == 0


def test_candidates_in_order_with_the_values_used(trained: Path) -> None:
    ranker = Ranker.read(trained / "ranker" / "ranker.safetensors", SOURCES)
    recent = [("c", "view", START), ("a", "view", START - 1000)]
    some = [Candidate(item, {"popular": (n, None)}) for n, item in enumerate("abcdc")]
    ranked = rank(ranker, some, recent, Facts({}, {}, Sums()), START + 5000)
    assert sorted(ranked.order) == [0, 1, 2, 3, 4]
    assert ranked.scores == sorted(ranked.scores, reverse=True)
    np.testing.assert_array_equal(
        ranker.scores(ranked.values)[ranked.order], np.array(ranked.scores)
    )
    assert rank(ranker, [], recent, Facts({}, {}, Sums()), START).order == []


def changed(trained: Path, tmp_path: Path, **metadata: str) -> Path:
    path = tmp_path / "ranker.safetensors"
    with safe_open(trained / "ranker" / "ranker.safetensors", "np") as file:
        arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118  # no dict
        about = {key: of for key, of in file.metadata().items() if key != "sha256"}
    save_file(arrays, path, {**about, **metadata})
    return path


def test_a_ranker_of_other_features_is_refused_with_their_names(
    trained: Path, tmp_path: Path
) -> None:
    path = trained / "ranker" / "ranker.safetensors"
    with pytest.raises(InputError, match="does not compute: rank:similar; train it on"):
        Ranker.read(path, ["reminders", "popular"])
    names = json.loads((trained / "ranker" / "ranker.json").read_text())["features"]
    other = changed(trained, tmp_path, features=json.dumps([*names, "colour"]))
    with pytest.raises(InputError, match="does not compute: colour"):
        Ranker.read(other, SOURCES)
    fewer = changed(trained, tmp_path, features=json.dumps(names[:-1]))
    with pytest.raises(InputError, match="lacks weekday"):
        Ranker.read(fewer, SOURCES)
    meant = changed(trained, tmp_path, fingerprint="0" * 16)
    with pytest.raises(InputError, match="computed in another way"):
        Ranker.read(meant, SOURCES)
    assert Ranker.read(changed(trained, tmp_path), SOURCES).features.sources == SOURCES


def test_a_damaged_ranker_is_refused(trained: Path, tmp_path: Path) -> None:
    path = tmp_path / "ranker.safetensors"
    shutil.copy(trained / "ranker" / "ranker.safetensors", path)
    content = bytearray(path.read_bytes())
    content[-20] ^= 1
    path.write_bytes(content)
    with pytest.raises(InputError, match="does not match its checksum"):
        Ranker.read(path, SOURCES)
    with pytest.raises(InputError, match="not a ranker"):
        Ranker.read(changed(trained, tmp_path, format="another"), SOURCES)


def test_a_new_ranker_is_swapped_in_and_a_refused_one_is_not(
    trained: Path, tmp_path: Path
) -> None:
    repository, file = FileRepository(tmp_path), trained / "ranker" / "ranker.safetensors"
    live = LiveRanker("ranker", repository, SOURCES)
    assert live.current is None
    first = put_ranker(repository, "ranker", file, SOURCES)
    live.refresh()
    served = live.current
    assert live.version == first
    assert served is not None
    (tmp_path / "new").mkdir()
    other = changed(trained, tmp_path / "new", bias="1.5")
    with pytest.raises(InputError, match="does not compute: rank:popular"):
        put_ranker(repository, "ranker", other, SOURCES[:2])
    live.refresh()
    assert live.current is served
    assert put_ranker(repository, "ranker", other, SOURCES) != first
    live.refresh()
    assert live.current is not served
    values = np.zeros((3, len(served.features.names)), np.float32)
    assert served.scores(values).shape == (3,)  # requests that have it go on
    narrow = LiveRanker("ranker", repository, SOURCES[:1])
    assert narrow.current is None
    assert "does not compute" in narrow.refusal
