"""A night: its steps in order, each from what the ones before wrote."""

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from pipeline.nightly.config import Config
from pipeline.nightly.directory import (
    Night,
    Result,
    StopNightError,
    fingerprint,
    fingerprint_of,
    write_json,
)
from pipeline.nightly.faces import FACES, filled
from pipeline.nightly.page import write_page
from pipeline.nightly.serving import Serving
from pipeline.nightly.steps import (
    STEPS,
    canary,
    evaluate,
    extract,
    features,
    gate,
    split,
    train,
    transform,
    verify,
)

DECISION = "decision.json"


class Nightly:
    """The steps of one night."""

    def __init__(self, config: Config, day: date, forced: bool = False) -> None:
        self.config, self.forced = filled(config), forced
        self.face = FACES[config.face]
        self.night = Night(day, config.face, config.out)
        self.serving = Serving(config.serving)

    def run_all(self, tell: Callable[[str], None]) -> dict[str, Any]:
        """Run every step that is not done, and return the decision. Raises StopNightError."""
        for name in STEPS:
            report = self.run(name)
            resumed = ", as before" if report.get("resumed") else ""
            tell(f"{name}: {report['status']}{resumed}" + _because(report))
        found: dict[str, Any] = json.loads((self.night.path / DECISION).read_text())
        return found

    def run(self, name: str) -> dict[str, Any]:
        """Run a step; those before it must be done. Raises StopNightError, and records it."""
        for before in STEPS[: STEPS.index(name)]:
            report = self.night.report(before)
            if report is None or report["status"] == "failed":
                raise StopNightError(f"{name}: run the step {before} of {self.night.day} first")
        try:
            inputs, work = getattr(self, f"_{name}")()
            report = self.night.run(name, inputs, work)
        except StopNightError as error:
            self._decide(False, str(error))
            raise
        if name == "publish":
            self._decide(True, self._verdict()["reason"])
        return report

    def _extract(self) -> tuple[dict[str, str], Callable[[Path], Result]]:
        source = self.config.source
        return extract.inputs(source), lambda out: extract.work(source, self.night, out)

    def _transform(self) -> tuple[dict[str, str], Callable[[Path], Result]]:
        raw, items, bounds = self._file("extract", extract.OUT), self._items(), self.config.checks
        inputs = self._inputs(bounds, raw, items)
        return inputs, lambda out: transform.work(raw, items, self.night, bounds, self.face, out)

    def _features(self) -> tuple[dict[str, str], Callable[[Path], Result]]:
        events, bounds = self._file("transform", transform.OUT), self.config.checks
        accepted = self._last_accepted()
        inputs = self._inputs(bounds, events, *([accepted / features.OUT] if accepted else []))
        return inputs, lambda out: features.work(
            events, self.night, accepted, bounds, self.face, out
        )

    def _split(self) -> tuple[dict[str, str], Callable[[Path], Result]]:
        events, days = self._file("features", features.OUT), self.config.split.days
        return self._inputs(days, events), lambda out: split.work(
            events, self.night, days, self.face, out
        )

    def _train(self) -> tuple[dict[str, str], Callable[[Path], Result]]:
        events, items, config = self._file("split", split.TRAIN), self._items(), self.config
        settings = [config.model, config.seed, config.engine, config.split.least_value]
        inputs = self._inputs(settings, events, items)
        return inputs, lambda out: train.work(events, items, config, out)

    def _evaluate(self) -> tuple[dict[str, str], Callable[[Path], Result]]:
        candidate, old = self._file("train", train.LISTS), self._serving()
        parts, items = self.night.step("split"), self._items()
        lists = self.serving.lists(old) if old else None
        settings = [self.config.split, self.config.gate.k, old]
        inputs = self._inputs(settings, candidate, items, *([lists] if lists else []))
        inputs |= self._inputs(settings, *(parts / name for name in (split.TRAIN, split.HELD_OUT)))
        return inputs, lambda out: evaluate.work(parts, candidate, lists, self.config, out)

    def _gate(self) -> tuple[dict[str, str], Callable[[Path], Result]]:
        evaluation, seed = self.night.step("evaluate"), self.config.seed
        old, settings = self._serving(), self.config.gate
        files = [evaluation / name for name in (evaluate.OUT, evaluate.VALUES)]

        def work(out: Path) -> Result:
            verdict = gate.judge(evaluation, settings, seed, old is None, self.face)
            write_json(out / "verdict.json", verdict)
            if not verdict["passed"] and not self.forced:
                raise StopNightError(f"the gate refused the candidate: {verdict['reason']}")
            primary = {name: value for name, value in verdict["primary"].items() if name != "name"}
            numbers = {name: value for name, value in primary.items() if value is not None}
            return Result({**numbers, "passed": float(verdict["passed"])})

        return self._inputs([settings, seed, old, self.forced], *files), work

    def _canary(self) -> tuple[dict[str, str], Callable[[Path], Result]]:
        lists, version, settings = self._file("train", train.LISTS), self._candidate(), self.config

        def work(out: Path) -> Result:
            if self.forced:
                return Result({}, skipped="forced: all users get it at once")
            if self.serving.current() == version:
                return Result({}, skipped="it is in service")
            return canary.work(settings, self.serving, lists, version, out)

        watched = [settings.canary, settings.service, self._serving(), self.forced]
        return self._inputs(watched, lists), work

    def _publish(self) -> tuple[dict[str, str], Callable[[Path], Result]]:
        lists, version = self._file("train", train.LISTS), self._candidate()
        verdict = self._verdict()

        def work(out: Path) -> Result:
            reason = ("forced: " if not verdict["passed"] else "") + verdict["reason"]
            self.serving.publish(lists, version, reason, self.forced)
            write_json(out / "published.json", {"version": version, "replaced": self._serving()})
            return Result({"forced": float(not verdict["passed"])})

        # What is in service is an input: after a rollback the same night does not say "done".
        place = {"in service": str(self.serving.current() == version)}
        if self.serving.current() != version and self.night.report("publish"):
            place = {"in service": f"withdrawn, {len(self.serving.history())}"}
        elif self.serving.current() == version and (before := self.night.report("publish")):
            place = {"in service": before["inputs"].get("in service", "True")}
        return self._inputs(self.forced, lists) | place, work

    def _verify(self) -> tuple[dict[str, str], Callable[[Path], Result]]:
        service, version, old = self.config.service, self._candidate(), self._serving()

        def work(out: Path) -> Result:
            try:
                return verify.work(service, self.config.face, self.serving.lists(version))
            except StopNightError as error:
                if old is None:
                    raise
                self.serving.rollback(str(error), expected=version)
                raise StopNightError(f"{error}; rolled back to {old}") from None

        return self._inputs([service, version, self.serving.current()]), work

    def _file(self, step: str, name: str) -> Path:
        return self.night.step(step) / name

    def _items(self) -> Path:
        if not self.config.items.is_file():
            raise StopNightError(f"items: there is no file {self.config.items}")
        return self.config.items

    def _inputs(self, settings: object, *files: Path) -> dict[str, str]:
        # Relative to the nights, so that a directory that was moved stays done.
        found = {}
        for file in files:
            inside = file.is_relative_to(self.config.out)
            name = str(file.relative_to(self.config.out)) if inside else str(file)
            found[name] = fingerprint(file)
        return {"config": fingerprint_of(settings), **found}

    def _candidate(self) -> str:
        return train.version(self.night.step("train"))

    def _serving(self) -> str | None:
        """The version that the candidate is judged against: what served before this night.

        It is kept, as the candidate itself is in service when a published night runs again.
        """
        file, current = self.night.path / "serving.json", self.serving.current()
        if file.is_file():
            kept: dict[str, Any] = json.loads(file.read_text())
            if current in (kept["serving"], self._candidate()):
                found: str | None = kept["serving"]
                return found
        write_json(file, {"serving": current})
        return current

    def _last_accepted(self) -> Path | None:
        """The features of the newest night before this one whose candidate was published."""
        for directory in sorted(self.night.out.glob("????-??-??"), reverse=True):
            if directory.name < self.night.day.isoformat() and (directory / DECISION).is_file():
                decided = json.loads((directory / DECISION).read_text())
                if decided["published"] and (directory / "features").is_dir():
                    return directory / "features"
        return None

    def _verdict(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self._file("gate", "verdict.json").read_text())
        return found

    def _decide(self, published: bool, reason: str) -> None:
        """Write decision.json, and the page of all nights.

        A part that was not reached is null or empty.
        """
        judged = self._file("gate", "verdict.json")
        verdict = json.loads(judged.read_text()) if judged.is_file() else None
        checks = [
            {**check, "step": step}
            for step in ("transform", "features")
            if (file := self._file(step, "checks.json")).is_file()
            for check in json.loads(file.read_text())
        ]
        trained = (self.night.report("train") or {}).get("status") == "done"
        content = {
            "night": self.night.day.isoformat(),
            "face": self.config.face,
            "published": published,
            "forced": bool(published and verdict and not verdict["passed"]),
            "reason": reason,
            "candidate": self._candidate() if trained else None,
            "serving": self.serving.current(),
            "primary": verdict["primary"] if verdict else None,
            "guardrails": verdict["guardrails"] if verdict else [],
            "checks": checks,
        }
        write_json(self.night.path / DECISION, content)
        write_page(self.night.out)


def _because(report: dict[str, Any]) -> str:
    return f" ({report['reason']})" if report["reason"] else ""
