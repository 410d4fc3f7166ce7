from pathlib import Path

import numpy as np
import pytest

from pipeline.nightly.config import Config, ConfigError, load, parse
from pipeline.nightly.drift import ks, psi


def test_two_halves_of_one_sample_do_not_drift() -> None:
    values = np.random.default_rng(1).normal(size=4000)
    assert psi(values[::2], values[1::2]) < 0.02
    assert ks(values[::2], values[1::2]) < 0.06


def test_a_shift_does() -> None:
    values = np.random.default_rng(1).normal(size=4000)
    assert psi(values, values + 1) > 0.25
    assert ks(values, values + 1) == pytest.approx(0.38, abs=0.03)


def test_constant_columns_and_what_is_no_number() -> None:
    same = np.ones(50)
    assert psi(same, same) == 0
    assert psi(same, np.full(50, 2.0)) > 1  # a value that the reference does not have
    assert psi(same, np.full(50, np.nan)) > 1
    assert np.isfinite(psi(same, np.full(50, np.nan)))


def test_the_file_in_config_is_the_defaults() -> None:
    found = load(Path("config/pipeline.yml"))
    assert found == Config(source=found.source)


@pytest.mark.parametrize("face", ["music", "ratings"])
def test_the_files_of_the_other_faces_are_good(face: str) -> None:
    assert load(Path(f"config/pipeline-{face}.yml")).face == face


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"gate": {"margine": 0.1}}, "gate.margine: no such key"),
        ({"gate": {"margin": "wide"}}, "gate.margin: 'wide': Input should be a valid number"),
        ({"source": {"kind": "tape", "place": "x"}}, "source.kind: 'tape'"),
        ({}, "source.place is missing"),
        ({"split": {"days": 0}, "source": {"place": "x"}}, "split.days: 0"),
        ([], "the config: not a mapping"),
        ({"face": "ratings", "source": {"place": "x"}}, "log has no events of ratings"),
        ({"canary": {"experiment": "X"}, "source": {"place": "x"}}, "canary.log is missing"),
        (
            {"checks": {"min_value": 2.0, "max_value": 1.0}, "source": {"place": "x"}},
            "checks.min_value is above",
        ),
    ],
)
def test_a_bad_config_names_what_is_wrong(content: object, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse(content)
