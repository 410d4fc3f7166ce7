"""The planned treatments and shares of an experiment, from a config, a service or an option."""

import json
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from offline.errors import InputError

_TIMEOUT = 5.0


def declared_weights(
    experiment: str,
    weights: str | None = None,
    treatments: str | None = None,
    config: Path | None = None,
    service: str | None = None,
) -> dict[str, float] | None:
    """Weight of each treatment; None if no source is given, so that the log's treatments are used.

    `weights` (`C=9,T1=1`) goes before `config` (a service's YAML) and `service` (the URL of one
    that runs); `treatments` (`C,T1`) selects some of them, or gives equal weights.
    Raises InputError if a source cannot be read or lacks the experiment.
    """
    found: dict[str, float] | None = None
    if weights is not None:
        found = parse_weights(weights)
    elif config is not None:
        found = _from_config(config, experiment)
    elif service is not None:
        found = _from_service(service, experiment)
    if treatments is None:
        return found
    names = [name.strip() for name in treatments.split(",") if name.strip()]
    if len(names) != len(set(names)) or len(names) < 2:
        raise InputError(f"--treatments {treatments}: it must be like C,T1")
    if found is None:
        return dict.fromkeys(names, 1.0)
    if missing := [name for name in names if name not in found]:
        raise InputError(
            f"--treatments {treatments}: {', '.join(missing)} is not one of {', '.join(found)}"
        )
    return {name: found[name] for name in names}


def parse_weights(text: str) -> dict[str, float]:
    """`C=9,T1=1`. Raises InputError for anything else."""
    weights: dict[str, float] = {}
    for part in text.split(","):
        name, _, value = part.partition("=")
        try:
            weights[name.strip()] = float(value)
        except ValueError:
            raise InputError(f"--weights {text}: it must be like C=9,T1=1") from None
    if not all(0 < weight < float("inf") for weight in weights.values()):
        raise InputError(f"--weights {text}: each must be more than 0")
    return weights


def running(config: Path | None = None, service: str | None = None) -> dict[str, Any]:
    """What a config or a service has of each experiment, in their order; {} without either.

    Raises InputError where it cannot be read.
    """
    if config is not None:
        return _in_config(config)
    return {} if service is None else _in_service(service)


def _from_config(path: Path, experiment: str) -> dict[str, float]:
    described = _in_config(path)
    if not isinstance(described.get(experiment), dict):
        names = ", ".join(described) or "none"
        raise InputError(f"--config {path}: has no experiment {experiment}; it has: {names}")
    return _weights_of(described[experiment], f"--config {path}")


def _in_config(path: Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"--config {path}: cannot be read: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise InputError(
            f"--config {path}: is not YAML: {' '.join(str(error).split())}"
        ) from error
    found = content.get("experiments") if isinstance(content, dict) else None
    return found if isinstance(found, dict) else {}


def _from_service(url: str, experiment: str) -> dict[str, float]:
    described = _in_service(url)
    if experiment not in described:
        names = ", ".join(described) or "none"
        raise InputError(f"--service {url}: has no experiment {experiment}; it has: {names}")
    return _weights_of(described[experiment], f"--service {url}")


def _in_service(url: str) -> dict[str, Any]:
    address = f"{url.rstrip('/')}/experiments"
    if not address.startswith(("http://", "https://")):
        raise InputError(f"--service {url}: it must begin with http:// or https://")
    try:
        with urllib.request.urlopen(address, timeout=_TIMEOUT) as answer:
            told = json.load(answer)["experiments"]
        return {one["name"]: one for one in told}
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise InputError(f"--service {url}: {address} does not tell: {error}") from error


def _weights_of(described: Mapping[str, Any], place: str) -> dict[str, float]:
    treatments, weights = described.get("treatments"), described.get("weights")
    if not isinstance(treatments, dict) or len(treatments) < 2:
        raise InputError(f"{place}: the experiment has not two treatments")
    if weights is None:
        return dict.fromkeys(map(str, treatments), 1.0)
    try:
        found = {str(name): float(weights[name]) for name in treatments}
    except (TypeError, ValueError, KeyError) as error:
        raise InputError(f"{place}: weights are not a number for each treatment") from error
    return {name: weight for name, weight in found.items() if weight > 0}
