"""A/B experiments: which users take part, in which treatment, with which recommender.

All of it is a function of only the config and the user's id, by MurmurHash3 (x86, 32 bit) of the
id as text (of a number, its decimal digits), so that all workers, hosts and analyses agree. With
`hash(text, seed)` for it, unsigned:

    split          hash(user, hash(salt, 0)) % sum of the weights
    participation  hash(user, hash(salt, 1)) % 100
    layer          hash(user, hash(layer, 2)) % 100

The seed of the inner hash makes the three independent even if salt and layer are the same text.
Layers as in: Tang, Agarwal, O'Brien, Meyer, "Overlapping
Experiment Infrastructure" (KDD 2010), with one layer per experiment that names none.
"""

from collections import Counter
from collections.abc import Mapping
from itertools import chain, repeat
from math import gcd
from typing import Any

import mmh3

from botify.config import ExperimentConfig
from botify.config.experiment import decide_for_all
from botify.errors import InputError

_SPLIT, _PARTICIPATION, _LAYER = 0, 1, 2
_POINTS = 100
_SAMPLE = 2000


class _Experiment:
    """One experiment; `low`: the first of its percent points."""

    def __init__(self, name: str, config: ExperimentConfig, low: int) -> None:
        salt = config.salt or name
        weights = _weights(config)
        divisor = gcd(*weights.values())
        self.name = name
        self._seed = _hash(salt.encode(), _SPLIT)
        # By bucket. Divided, equal weights of any size are one bucket each, in order.
        self._treatments = tuple(
            chain.from_iterable(repeat(t, weights[t] // divisor) for t in config.treatments)
        )
        self._everybody = config.share == _POINTS
        if config.layer is None:
            self._gate = _hash(salt.encode(), _PARTICIPATION)
        else:
            self._gate = _hash(config.layer.encode(), _LAYER)
        self._points = range(low, low + config.share)

    def assign(self, user: bytes) -> str | None:
        """The treatment of the user with this id; None if the user does not take part."""
        if not self._everybody and _hash(user, self._gate) % _POINTS not in self._points:
            return None
        return self._treatments[_hash(user, self._seed) % len(self._treatments)]


class Experiments:
    """All experiments that run, in the config's order."""

    def __init__(self, configs: Mapping[str, ExperimentConfig]) -> None:
        """The first experiment that has a recommender for a user decides."""
        self._configs = configs
        taken: dict[str, int] = {}
        self._all: list[_Experiment] = []
        for name, config in configs.items():
            low = taken.get(config.layer, 0) if config.layer is not None else 0
            self._all.append(_Experiment(name, config, low))
            if config.layer is not None:
                taken[config.layer] = low + config.share
        self._recommenders = [
            (name, config.treatments)
            for name, config in configs.items()
            if any(config.treatments.values())
        ]

    def assign(self, user: int | str) -> dict[str, str]:
        """The user's treatment in each experiment that it takes part in, by experiment.

        The split's number (see the module) falls into one of the ranges that the weights, divided
        by their greatest common divisor, make one after another in the order C, T1, T2, ...: with
        equal weights, into bucket hash % number of treatments. A user takes part where the
        participation's percent point is below `share`; in a layer, where the layer's point falls
        into the range of the experiment, as they take their shares of 100 in the config's order.
        A larger share keeps the users who were in, but in a layer it moves the ranges after it.
        """
        digits = str(user).encode()
        assigned = {}
        for experiment in self._all:
            treatment = experiment.assign(digits)
            if treatment is not None:
                assigned[experiment.name] = treatment
        return assigned

    def decide(self, treatments: Mapping[str, str]) -> str | None:
        """Name of the recommender that these treatments, by experiment, lead to.

        The first experiment in the config's order whose treatment names one decides; None if none
        does: then the config's `default` decides.
        """
        for name, recommenders in self._recommenders:
            if name in treatments:
                recommender = recommenders.get(treatments[name])
                if recommender is not None:
                    return recommender
        return None

    def parse_forced(self, header: str) -> dict[str, str]:
        """Treatments asked for as "NAME=T1, OTHER=C", by experiment.

        Raises InputError naming what is unknown, malformed, or repeated.
        """
        forced: dict[str, str] = {}
        for item in filter(None, map(str.strip, header.split(","))):
            name, equals, treatment = map(str.strip, item.partition("="))
            if not equals:
                raise InputError(f"{item!r} is not NAME=TREATMENT")
            if name not in self._configs:
                running = ", ".join(self._configs) or "none"
                raise InputError(f"no experiment is named {name!r} (running: {running})")
            treatments = self._configs[name].treatments
            if treatment not in treatments:
                raise InputError(
                    f"experiment {name} has no treatment {treatment!r} ({', '.join(treatments)})"
                )
            if name in forced:
                raise InputError(f"experiment {name} is there twice")
            forced[name] = treatment
        return forced

    def describe(self) -> list[dict[str, Any]]:
        """All experiments in order, as in `GET /experiments`.

        `treatments`: recommenders by treatment. `share`: percent of all users that take part.
        `decides` is false if the experiment cannot affect answers: no treatment names a
        recommender, or the experiments above decide for all users.
        """
        above: list[ExperimentConfig] = []
        described = []
        for name, config in self._configs.items():
            described.append(
                {
                    "name": name,
                    "treatments": dict(config.treatments),
                    "weights": _weights(config),
                    "salt": config.salt or name,
                    "layer": config.layer,
                    "share": config.share,
                    "decides": any(config.treatments.values()) and not decide_for_all(above),
                }
            )
            above.append(config)
        return described


def moved_shares(
    old: Mapping[str, ExperimentConfig], new: Mapping[str, ExperimentConfig]
) -> dict[str, float]:
    """The share of an experiment's users who get another treatment, where it is not 0.

    Of those who take part before and after, by a sample of users.
    """
    before, after = Experiments(old), Experiments(new)
    stayed, moved = Counter[str](), Counter[str]()
    for user in range(_SAMPLE):
        now = after.assign(user)
        for name, treatment in before.assign(user).items():
            if name in now:
                (stayed if now[name] == treatment else moved)[name] += 1
    return {name: count / (count + stayed[name]) for name, count in moved.items()}


def _weights(config: ExperimentConfig) -> dict[str, int]:
    """The weight of each treatment, in their order."""
    return {t: 1 if config.weights is None else config.weights[t] for t in config.treatments}


def _hash(text: bytes, seed: int) -> int:
    """MurmurHash3, unsigned. A seed's 32 bits count, so a signed one hashes the same."""
    return mmh3.mmh3_32_uintdigest(text, seed)
