"""A config that cannot work stops the start with one line that says what to change."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from botify.config import Config, ListFile, LogConfig, load_config
from botify.errors import InputError

SHIPPED = Path(__file__).parents[3] / "config" / "botify.yml"
SHOP = SHIPPED.with_name("shop.yml")


@pytest.fixture(autouse=True)
def _no_redis_url(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_URL", raising=False)


RANDOM = {"random": {"type": "random"}}


def accept(tmp_path: Path, **changes: Any) -> Config:
    """The shipped config with some keys replaced."""
    path = tmp_path / "botify.yml"
    path.write_text(yaml.safe_dump(yaml.safe_load(SHIPPED.read_text()) | changes, sort_keys=False))
    return load_config(path)


def refuse(tmp_path: Path, **changes: Any) -> str:
    """The message for the shipped config with some keys replaced."""
    with pytest.raises(InputError) as caught:
        accept(tmp_path, **changes)
    message = str(caught.value)
    place = f"{tmp_path / 'botify.yml'}: "
    assert message.startswith(place)
    assert "\n" not in message
    return message.removeprefix(place)


def experiment(**changes: Any) -> dict[str, Any]:
    return {"treatments": {"C": "random", "T1": "dae"}} | changes


def test_the_shipped_config_serves_dae_against_contextual() -> None:
    config = load_config(SHIPPED)
    assert config.port == 5001
    assert config.experiments["DAE_VS_CONTEXTUAL"].treatments == {"C": "contextual", "T1": "dae"}
    assert config.catalog_path == Path("out/demo/world/tracks.json")
    assert {name: of.file for name, of in config.list_files.items()} == {
        "dae": Path("out/demo/lists/recommendations.json"),
        "contextual": Path("out/demo/lists/neighbours.json"),
        "top_tracks": Path("out/demo/lists/top_tracks.json"),
    }


def test_the_shipped_config_shows_the_defaults() -> None:
    written, config = yaml.safe_load(SHIPPED.read_text()), load_config(SHIPPED)
    assert set(written) == set(Config.model_fields)
    assert set(written["log"]) == set(LogConfig.model_fields)
    for key, field in Config.model_fields.items():
        if not field.is_required() and field.default_factory is None:
            assert getattr(config, key) == field.default, key


def test_a_list_is_a_path_or_a_path_and_a_length(tmp_path: Path) -> None:
    lists = {"short": "a.json", "long": {"file": str(tmp_path / "b.json"), "length": 50}}
    config = accept(tmp_path, lists=lists, recommenders=RANDOM, experiments={}, default="random")
    assert config.list_files["short"] == ListFile(file=Path("out/demo/a.json"))
    assert config.list_files["long"] == ListFile(file=tmp_path / "b.json", length=50)


def test_the_seen_filter_is_what_the_type_means_unless_told(tmp_path: Path) -> None:
    unfiltered = {"random", "top_pop", "sticky_artist", "contextual"}
    kinds = {kind: {} for kind in unfiltered} | {
        "contextual": {"neighbours": "contextual"},
        "similar": {"neighbours": "contextual"},
        "indexed": {"list": "dae"},
    }
    by_default = {kind: {"type": kind} | entry for kind, entry in kinds.items()}
    told = {
        f"{kind}_told": entry | {"seen_filter": kind in unfiltered}
        for kind, entry in by_default.items()
    }
    recommenders = accept(
        tmp_path, recommenders=by_default | told, experiments={}, default="random"
    ).recommenders
    for kind in kinds:
        assert recommenders[kind].seen_filter is (kind not in unfiltered)
        assert recommenders[f"{kind}_told"].seen_filter is (kind in unfiltered)


@pytest.mark.parametrize("kind", ["random_unseen", "sticky_artist_mixed", "chain"])
def test_others_have_no_seen_filter_to_set(tmp_path: Path, kind: str) -> None:
    entry = {"type": kind, "steps": [{"catalog": "any"}], "seen_filter": False}
    assert "has no seen_filter" in refuse(tmp_path, recommenders={"x": entry})


def test_options_and_environment_override(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://elsewhere:6379/2")
    config = load_config(SHIPPED, data_dir=Path("/data"), port=None, workers=7)
    assert config.catalog_path == Path("/data/world/tracks.json")
    assert (config.port, config.workers) == (5001, 7)
    assert config.redis_url == "redis://elsewhere:6379/2"


def test_an_absolute_path_stays(tmp_path: Path) -> None:
    config = load_config(SHIPPED, catalog=tmp_path / "tracks.json")
    assert config.catalog_path == tmp_path / "tracks.json"


def test_unknown_keys_are_named(tmp_path: Path) -> None:
    message = refuse(tmp_path, prot=5001)
    assert message.startswith("unknown key 'prot' (allowed: data_dir, host, port,")
    message = refuse(tmp_path, recommenders={"dae": {"type": "indexed", "list": "dae", "k": 5}})
    assert "unknown key 'recommenders.dae.k'" in message


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"port": 70000}, "port: Input should be less than or equal to 65535"),
        ({"workers": 0}, "workers: Input should be greater than or equal to 1"),
        ({"session_ttl": "soon"}, "session_ttl: Input should be a valid integer"),
        ({"redis_timeout": 0}, "redis_timeout: Input should be greater than 0"),
        ({"log": {"rotate_bytes": 10}}, "log.rotate_bytes: Input should be greater than or equal"),
        ({"log": {"keep": 10}}, "unknown key 'log.keep'"),
        ({"default": "best"}, "default: 'best' is not one of recommenders (random, top_pop,"),
        (
            {"recommenders": {"x": {"type": "index"}}},
            "recommenders.x: no type of recommender 'index'; did you mean 'indexed'? there are: ",
        ),
        ({"recommenders": {"x": {}}}, "recommenders.x.type: Field required"),
        (
            {"recommenders": {"dae": {"type": "indexed", "list": "dea"}}},
            "recommenders.dae.list: 'dea' is not one of lists (dae)",
        ),
        (
            {"recommenders": {"c": {"type": "contextual", "neighbours": "dae"}}},
            "recommenders.c.neighbours: 'dae' is not one of neighbours (contextual)",
        ),
        (
            {"recommenders": {"s": {"type": "similar", "neighbours": "dae"}}},
            "recommenders.s.neighbours: 'dae' is not one of neighbours (contextual)",
        ),
        (
            {"lists": {"dae": {"file": "a.json", "length": 0}}},
            "lists.dae.length: Input should be greater than or equal to 1",
        ),
        (
            {"experiments": {"E": {"treatments": {"C": "best"}}}},
            "experiments.E.treatments.C: 'best' is not one of recommenders (random, top_pop,",
        ),
        (
            {"experiments": {"E": {"treatments": {"T1": "dae", "C": "random"}}}},
            "experiments.E.treatments: treatments are T1, C; they must be C, T1, in this order",
        ),
        (
            {"lists": {"dae": "a.json", "contextual": "b.json"}},
            "lists, neighbours, models, rankers: the name 'contextual' is used twice",
        ),
        ({"redis_url": "localhost:6379"}, "must begin with redis://, rediss:// or unix://"),
    ],
)
def test_bad_values_say_what_is_allowed(
    tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    assert expected in refuse(tmp_path, **changes)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"wieghts": {}}, "unknown key 'experiments.E.wieghts'"),
        ({"treatments": {}}, "experiments.E.treatments: Dictionary should have at least 1 item"),
        (
            {"weights": {"C": 1}},
            "experiments.E: weights are given to C; give one to each of C, T1",
        ),
        (
            {"weights": {"C": 1, "T1": 1, "T2": 1}},
            "experiments.E: weights are given to C, T1, T2; give one to each of C, T1",
        ),
        ({"weights": {"C": 0, "T1": 0}}, "experiments.E: weights are all 0"),
        ({"weights": {"C": 1, "T1": -1}}, "experiments.E.weights.T1: Input should be greater"),
        ({"weights": {"C": 1, "T1": 0.5}}, "experiments.E.weights.T1: Input should be a valid"),
        ({"weights": {"C": 1, "T1": True}}, "experiments.E.weights.T1: Input should be a valid"),
        ({"weights": {"C": 1, "T1": 10_001}}, "experiments.E.weights.T1: Input should be less"),
        ({"salt": ""}, "experiments.E.salt: String should have at least 1 character"),
        ({"salt": 2026}, "experiments.E.salt: Input should be a valid string"),
        ({"layer": "a b"}, "experiments.E.layer: String should match pattern"),
        ({"share": 0}, "experiments.E.share: Input should be greater than or equal to 1"),
        ({"share": 101}, "experiments.E.share: Input should be less than or equal to 100"),
        ({"share": 12.5}, "experiments.E.share: Input should be a valid integer"),
    ],
)
def test_an_experiment_that_cannot_run_is_refused(
    tmp_path: Path, changes: dict[str, Any], expected: str
) -> None:
    assert refuse(tmp_path, experiments={"E": experiment(**changes)}).startswith(expected)


def test_a_layer_gives_out_each_user_once(tmp_path: Path) -> None:
    def of_layer(*shares: int) -> dict[str, Any]:
        return {f"E{i}": experiment(layer="home", share=s) for i, s in enumerate(shares)}

    accept(tmp_path, experiments=of_layer(30, 70))
    assert refuse(tmp_path, experiments=of_layer(30, 50, 21)) == (
        "experiments.E2.share: the shares of layer 'home' (E0, E1, E2) add up to 101 percent; "
        "make them 100 at most"
    )


LEAVES = {"treatments": {"C": None, "T1": "dae"}}
HALF = {"layer": "home", "share": 50}


@pytest.mark.parametrize(
    ("experiments", "decide"),
    [
        ({}, False),
        ({"E": experiment(share=99)}, False),
        ({"E": LEAVES}, False),
        ({"E": LEAVES, "F": experiment()}, True),
        ({"E": experiment(layer="home")}, True),
        ({"E": experiment(**HALF), "F": experiment(**HALF)}, True),
        ({"E": experiment(**HALF), "F": LEAVES | HALF}, False),
        ({"E": experiment(**HALF), "F": experiment(layer="radio", share=50)}, False),
        ({"E": experiment(**HALF), "F": experiment(share=50)}, False),
    ],
)
def test_every_user_has_a_recommender(
    tmp_path: Path, experiments: dict[str, Any], decide: bool
) -> None:
    accept(tmp_path, experiments=experiments, default="random")
    if decide:
        accept(tmp_path, experiments=experiments)
    else:
        message = refuse(tmp_path, experiments=experiments)
        assert message.startswith("default: name the recommender for users that")


@pytest.mark.parametrize(
    ("exclude", "expected"),
    [
        ([1, "2"], "recommenders.random.exclude: must be a list of track ids"),
        ([True], "recommenders.random.exclude: must be a list of track ids"),
        ([1.0], "recommenders.random.exclude: must be a list of track ids"),
        (7, "recommenders.random.exclude: must be a list of track ids"),
        (list(range(1001)), "recommenders.random.exclude: Tuple should have at most 1000 items"),
    ],
)
def test_what_is_excluded_is_a_list_of_tracks(
    tmp_path: Path, exclude: object, expected: str
) -> None:
    recommenders = {"random": {"type": "random", "exclude": exclude}}
    message = refuse(tmp_path, recommenders=recommenders, experiments={}, default="random")
    assert message.startswith(expected)


def test_a_redis_password_is_not_shown(tmp_path: Path) -> None:
    assert "hunter2" not in refuse(tmp_path, redis_url="http://:hunter2@host")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("port: [", "not YAML"), ("", "expected keys and values"), ("- a", "expected keys")],
)
def test_a_file_that_is_no_config(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "botify.yml"
    path.write_text(text)
    with pytest.raises(InputError, match=expected) as caught:
        load_config(path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_points_at_the_option(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"nowhere\.yml: cannot be read .* --config"):
        load_config(tmp_path / "nowhere.yml")


def test_a_key_that_is_there_twice_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "botify.yml"
    path.write_text("experiments:\n  A: {treatments: {C: x}}\n  A: {treatments: {C: y}}\n")
    with pytest.raises(InputError, match=r"the key 'A' is there twice.*line 3"):
        load_config(path)


def write_config(folder: Path) -> Path:
    folder.mkdir(parents=True)
    path = folder / "botify.yml"
    path.write_text(SHIPPED.read_text())
    return path


@pytest.mark.parametrize("place", ["here/out/demo", "far/config/out/demo", "far/out/demo"])
def test_data_dir_is_found_from_the_working_directory_and_beside_the_config(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    place: str,
) -> None:
    path = write_config(tmp_path / "far" / "config")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    assert load_config(path).data_dir == Path("out/demo")  # where there is none
    (tmp_path / place).mkdir(parents=True)
    assert load_config(path).data_dir.samefile(tmp_path / place)
    # What is named on the command line is named from where one stands.
    assert load_config(path, data_dir=Path("out/demo")).data_dir == Path("out/demo")
    assert capsys.readouterr().err == ""


def test_of_two_data_dirs_that_of_the_working_directory_is_taken_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_config(tmp_path / "far" / "config")
    for place in ("here", "far"):
        (tmp_path / place / "out" / "demo").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "here")
    assert load_config(path).data_dir == Path("out/demo")
    other = path.parent / ".." / "out" / "demo"
    told = f"{path}: using data_dir out/demo; there is another one at {other}\n"
    assert capsys.readouterr().err == told


@pytest.mark.parametrize(
    ("changes", "bound", "expected"),
    [
        ({"port": 5001}, 5001, 15001),
        ({"port": 55535}, 55535, 65535),
        ({"port": 55536}, 55536, 45536),
        ({"port": 65535}, 65535, 55535),
        ({"port": 0}, 40123, 0),
        ({"port": 5001, "operations_port": 9999}, 5001, 9999),
        ({"port": 0, "operations_port": 9999}, 40123, 9999),
        ({"port": 5001, "operations_port": 0}, 5001, 0),
    ],
)
def test_the_port_for_health_and_metrics(
    tmp_path: Path, changes: dict[str, int], bound: int, expected: int
) -> None:
    config = accept(tmp_path, recommenders=RANDOM, experiments={}, default="random", **changes)
    assert config.operations_port_of(bound) == expected


@pytest.mark.parametrize(
    ("key", "good", "bad"),
    [
        ("allowed_origins", ["https://a.example", "http://a.example:81", "*"], "a.example"),
        ("allowed_origins", ["https://a.example"], "https://a.example/"),
        ("allowed_hosts", ["a.example", "::1", "127.0.0.1"], "a.example:5001"),
        ("allowed_hosts", ["localhost"], "http://a.example"),
    ],
)
def test_origins_and_hosts_are_written_as_browsers_and_clients_do(
    tmp_path: Path, key: str, good: list[str], bad: str
) -> None:
    common = {"recommenders": RANDOM, "experiments": {}, "default": "random"}
    assert getattr(accept(tmp_path, **common, **{key: good}), key) == good
    with pytest.raises(InputError, match=key):
        accept(tmp_path, **common, **{key: [bad]})
