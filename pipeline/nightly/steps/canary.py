"""canary: a share of the users tries the candidate, before all get it."""

import json
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from contract.files import RECOMMENDATIONS
from pipeline.nightly import commands
from pipeline.nightly.canary import CONTROL, TRIED, Counts, fault, harm, read_counts, users
from pipeline.nightly.config import Config
from pipeline.nightly.directory import Result, StopNightError, fingerprint, write_json
from pipeline.nightly.serving import Serving

ANALYSIS = "analysis.json"


def work(config: Config, serving: Serving, lists: Path, version: str, out: Path) -> Result:
    """Give the lists to the users of T1, and watch; afterwards they have what all have.

    Raises StopNightError by the service's errors, by a rise of the fallback's share, by harm in
    the always-valid interval, and where too few users came by to tell.
    """
    settings, current = config.canary, serving.current()
    if not settings.experiment:
        return Result({}, skipped="no canary.experiment in the config: all users get it at once")
    if current is None:
        return Result({}, skipped="nothing served before: there is nothing to compare with")
    recommendations = serving.lists(current) / RECOMMENDATIONS
    if fingerprint(recommendations) == fingerprint(lists / RECOMMENDATIONS):
        return Result({}, skipped="the lists are those in service")
    arms = _arms(config)
    before = _counts(config, arms)
    serving.try_out(lists, version)
    try:
        began = time.time()
        return _watched(config, arms, before, began, out)
    finally:
        serving.end_trial()


def _watched(
    config: Config, arms: Mapping[str, str | None], before: Counts, began: float, out: Path
) -> Result:
    settings, told = config.canary, "no analysis yet"
    analysis: dict[str, Any] | None = None
    while True:
        left = began + settings.hours * 3600 - time.time()
        time.sleep(max(0.0, min(settings.every, left)))
        counts = _counts(config, arms).since(before)
        if reason := fault(counts, settings):
            raise StopNightError(f"the canary was taken back: {reason}")
        try:
            analysis = _analysis(config, began, out)
        except StopNightError as error:  # as long as there are few users: nothing to compare
            told = str(error)
        if analysis and (reason := harm(analysis)):
            raise StopNightError(f"the canary was taken back: {reason}")
        if left <= settings.every:
            break
    found = users(analysis) if analysis else {}
    least = min(found.get(CONTROL, 0), found.get(TRIED, 0))
    if least < settings.min_users:
        why = "" if analysis else f" ({told})"
        raise StopNightError(
            f"the canary says nothing: {least} users in a treatment, at least "
            f"{settings.min_users}{why}"
        )
    if analysis and analysis["sample_ratio"]["mismatch"]:
        raise StopNightError(f"the canary says nothing: users are split {found}, not as planned")
    write_json(out / "counts.json", {"answers": counts.answers, "fallbacks": counts.fallbacks})
    return Result({f"users_{arm}": float(found[arm]) for arm in (CONTROL, TRIED)})


def _analysis(config: Config, began: float, out: Path) -> dict[str, Any]:
    file = out / ANALYSIS
    commands.run(
        "botify-offline",
        *("analyze", config.canary.log, "--experiment", config.canary.experiment),
        *("--face", config.face, "--since", int(began * 1000), "--sequential", "--json", file),
        *("--service", config.service.url, "--allow-mixed", "--allow-incomplete"),
        "--allow-fallback",
    )
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def _arms(config: Config) -> dict[str, str | None]:
    """The recommender of each treatment, as the running service has it."""
    name = config.canary.experiment
    for each in json.loads(_get(config, "/experiments"))["experiments"]:
        if each["name"] == name:
            arms: dict[str, str | None] = each["treatments"]
            if set(arms) != {CONTROL, TRIED}:
                raise StopNightError(f"{name}: its treatments must be {CONTROL} and {TRIED}")
            return arms
    raise StopNightError(f"{config.service.url} has no experiment {name}")


def _counts(config: Config, arms: Mapping[str, str | None]) -> Counts:
    return read_counts(_get(config, "/metrics").decode(), config.canary.experiment, arms)


def _get(config: Config, path: str) -> bytes:
    try:
        with urllib.request.urlopen(config.service.url.rstrip("/") + path, timeout=10) as answer:
            content: bytes = answer.read()
    except (OSError, ValueError) as error:
        raise StopNightError(f"{config.service.url} does not tell {path}: {error}") from None
    return content
