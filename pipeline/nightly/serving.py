"""The versions of lists that were published, and the one in service.

`current` is a symbolic link to a directory in `versions`; it is replaced in one step, so that the
service never sees lists of two versions in one directory. `canary` is one to what a share of the
users tries: the same, unless there is a trial.
"""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipeline.nightly.directory import StopNightError, fingerprint, locked, now

_HISTORY = "history.jsonl"
_CURRENT = "current"
_CANARY = "canary"


@dataclass(frozen=True)
class Serving:
    """The directory of published lists."""

    root: Path

    def current(self) -> str | None:
        """The version in service; None: none yet."""
        try:
            return Path(os.readlink(self.root / _CURRENT)).name
        except FileNotFoundError:
            return None

    def lists(self, version: str) -> Path:
        return self.root / "versions" / version

    def history(self) -> list[dict[str, Any]]:
        """What was put into service, oldest first: {time, action, version, replaced, reason}."""
        try:
            lines = (self.root / _HISTORY).read_text().splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line) for line in lines]

    def publish(self, lists: Path, version: str, reason: str, forced: bool = False) -> None:
        """Copy lists, and put them into service.

        Raises StopNightError if the version was rolled back before, unless forced.
        """
        with locked(self.root, "publication"):
            if version in self._withdrawn() and not forced:
                raise StopNightError(f"{version} was rolled back; --force publishes it again")
            self._copy(lists, version)
            if self.current() != version:
                self._switch("publish", version, reason)

    def try_out(self, lists: Path, version: str) -> None:
        """Copy lists, and let `canary` point to them. Raises StopNightError as `publish` does."""
        with locked(self.root, "publication"):
            if version in self._withdrawn():
                raise StopNightError(f"{version} was rolled back; --force publishes it again")
            self._copy(lists, version)
            self._point(_CANARY, version)

    def end_trial(self) -> None:
        """Let `canary` point to what is in service."""
        with locked(self.root, "publication"):
            if current := self.current():
                self._point(_CANARY, current)

    def rollback(self, reason: str, expected: str | None = None) -> str:
        """Put the version before into service again, and return it.

        `expected`: the version to withdraw; another one in service is left alone. Raises
        StopNightError where there is none to go back to.
        """
        with locked(self.root, "publication"):
            current = self.current()
            if expected is not None and current != expected:
                raise StopNightError(f"{expected} is not in service: {current} is")
            withdrawn = self._withdrawn() | {current}
            for event in reversed(self.history()):
                found = event["replaced"]
                if found and found not in withdrawn and self.lists(found).is_dir():
                    self._switch("rollback", found, reason)
                    return str(found)
            raise StopNightError("there is no version before this one to go back to")

    def _withdrawn(self) -> set[str | None]:
        """Versions that were rolled back, and not published again after it."""
        found: set[str | None] = set()
        for event in self.history():
            if event["action"] == "rollback":
                found.add(event["replaced"])
            else:
                found.discard(event["version"])
        return found

    def _copy(self, lists: Path, version: str) -> None:
        target = self.lists(version)
        if not target.exists():
            aside = target.with_name(f".{version}-{os.getpid()}")
            shutil.copytree(lists, aside)
            os.rename(aside, target)
        if fingerprint(target) != fingerprint(lists):
            raise StopNightError(f"{target} is not what was judged; remove it")

    def _switch(self, action: str, version: str, reason: str) -> None:
        event: dict[str, str | None] = {"time": now(), "action": action, "version": version}
        event |= {"replaced": self.current(), "reason": reason}
        # The record first: a kill between the two is seen as a switch that is yet to be made.
        with (self.root / _HISTORY).open("a") as file:
            file.write(json.dumps(event) + "\n")
            file.flush()
            os.fsync(file.fileno())
        self._point(_CURRENT, version)
        self._point(_CANARY, version)

    def _point(self, name: str, version: str) -> None:
        link = self.root / f".{name}-{os.getpid()}"
        link.unlink(missing_ok=True)
        link.symlink_to(Path("versions") / version)
        os.replace(link, self.root / name)
