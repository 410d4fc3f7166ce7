"""Whether a log is of one run, one world and one model per treatment, or of several."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import pandas as pd
import pyarrow as pa

from contract.files import PUBLISHED
from offline.engine import Engine
from offline.errors import InputError

SLACK_MS = 5_000
"""Workers take up a new version within about a second, and clocks differ."""
_SPANS = pa.schema({"number": pa.int32(), "since": pa.int64(), "until": pa.int64()})


@dataclass(frozen=True)
class Change:
    """One treatment's model followed by another one."""

    treatment: str
    before: str
    after: str
    left: int
    """When the last line of the former was logged; ms since the epoch."""
    began: int
    """When the first line of the latter was."""

    @property
    def interleaved(self) -> bool:
        """Whether both answered at the same time."""
        return self.began < self.left - SLACK_MS

    def recorded(self, published: Mapping[str, Sequence[int]]) -> bool:
        """Whether the new version was published between the two, as the record has it."""
        return any(
            min(self.left, self.began) - SLACK_MS <= moment <= self.began + SLACK_MS
            for moment in published.get(self.after, ())
        )


@dataclass(frozen=True, eq=False)
class Provenance:
    """Runs, worlds and models of the events."""

    runs: Mapping[str, int]
    """Lines of each run."""
    worlds: Mapping[str, int]
    changes: tuple[Change, ...]
    """Of models, in the order of time."""
    told: bool
    """Whether any event has one of these fields."""
    published: Mapping[str, Sequence[int]]
    """When each version was put into service, as the record has it; ms since the epoch."""

    def boundaries(self) -> list[int]:
        """When versions changed: sessions that begin later are counted for the new versions."""
        moments = sorted({(change.left + change.began + 1) // 2 for change in self.changes})
        merged: list[int] = []
        for moment in moments:  # treatments that changed together changed once
            if not merged or moment > merged[-1] + SLACK_MS:
                merged.append(moment)
        return merged


def provenance_of(
    found: pd.DataFrame, published: Mapping[str, Sequence[int]] | None = None
) -> Provenance:
    """From the rows of provenance.sql."""
    changes = []
    versions = found.dropna(subset=["model_version"])
    groups = versions.groupby(["treatment", "experiments", "model_version"], sort=True)
    spans = groups.agg(first=("first_timestamp", "min"), last=("last_timestamp", "max"))
    for (treatment, _), some in spans.groupby(level=[0, 1], sort=True):
        ordered = some.sort_values(["first", "last"]).reset_index()
        for one, other in pairwise(ordered.to_dict("records")):
            changes.append(
                Change(
                    str(treatment),
                    str(one["model_version"]),
                    str(other["model_version"]),
                    int(one["last"]),
                    int(other["first"]),
                )
            )
    # Users of several combinations of experiments see one change of one model.
    unique = {(c.treatment, c.before, c.after): c for c in sorted(changes, key=lambda c: c.began)}
    named = ["run", "world_version", "model_version"]
    return Provenance(
        runs=_lines(found, "run"),
        worlds=_lines(found, "world_version"),
        changes=tuple(sorted(unique.values(), key=lambda c: (c.began, c.treatment))),
        told=bool(found[named].notna().any().any()),
        published=published or {},
    )


def _lines(found: pd.DataFrame, column: str) -> dict[str, int]:
    sums = found.dropna(subset=[column]).groupby(column)["lines"].sum()
    return {str(name): int(lines) for name, lines in sums.items()}


def save_spans(engine: Engine, provenance: Provenance) -> bool:
    """Make the table `version_spans` of the times between changes; False where there are none."""
    if not provenance.changes:
        return False
    edges = [-(2**62), *provenance.boundaries(), 2**62]
    spans = [
        {"number": number, "since": since, "until": until}
        for number, (since, until) in enumerate(pairwise(edges))
    ]
    engine.register("version_spans", pa.Table.from_pylist(spans, _SPANS))
    return True


def read_published(files: Iterable[str | Path]) -> dict[str, list[int]]:
    """When each version was published; missing files are skipped.

    Raises InputError where one cannot be read.
    """
    published: dict[str, list[int]] = {}
    for file in files:
        try:
            lines = Path(file).read_text(encoding="utf-8").split("\n")
        except FileNotFoundError:
            continue
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{file}: cannot be read: {error}") from error
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                said = json.loads(line)
                published.setdefault(str(said["version"]), []).append(int(said["timestamp"]))
            except (ValueError, TypeError, KeyError) as error:
                if number == len(lines):
                    continue  # it is being written
                raise InputError(
                    f"{file}:{number}: is no record of a publication: {error}"
                ) from error
    return published


def records_beside(files: Iterable[str | Path]) -> list[Path]:
    """Where records would lie: beside local log files, or where the parts of a log are kept."""
    local = [file.absolute() for file in files if isinstance(file, Path)]
    return sorted({place / PUBLISHED for file in local for place in list(file.parents)[:3]})
