"""The features of a log as files: what `botify shop features` writes.

`features.npy`  float32, a row for each candidate, NaN where a value is unknown
`labels.npy`    uint8, 1 for the target
`groups.npy`    int64, the number of the row's group, ascending
`times.npy`     int64, the moment of the row's group in ms
`until.npy`     int64, up to when its labels depend on the log, in ms
`visitors.npy`  int64, a number for the visitor
`shown.npy`     uint8, 1 where the candidates are what was answered
`features.json` names, fingerprint, targets, and what became of the log

Groups are in the order of `times`.
"""

import json
import os
from array import array
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from botify.errors import InputError
from botify.shop.features.names import FeatureSet
from botify.shop.replay.groups import Group

ABOUT = "features.json"
FORMAT = "botify-shop-features-1"


def write_features(
    out: Path, features: FeatureSet, groups: Iterable[Group], about: Mapping[str, Any]
) -> int:
    """Write the files, ABOUT last; returns the number of groups. Raises InputError.

    `about` is read when the groups are done, and goes into ABOUT.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        (out / ABOUT).unlink(missing_ok=True)
        values = out / f".features-{os.getpid()}"
        kept: list[tuple[int, int, int, int, int, int]] = []
        labels, visitors = array("B"), dict[str, int]()
        row = 0
        with values.open("wb") as file:
            for group in groups:
                file.write(np.ascontiguousarray(group.values, dtype="<f4").tobytes())
                labels.extend(group.labels.tolist())
                visitor = visitors.setdefault(group.visitor, len(visitors))
                n = len(group.items)
                kept.append((row, n, group.time, group.until, visitor, int(group.shown)))
                row += n
        if not kept:
            raise InputError("no group of candidates has a target: see --target and --window")
        _write(out, values, features, kept, np.frombuffer(labels, np.uint8))
        values.unlink()
        text = {
            "format": FORMAT,
            "names": features.names,
            "fingerprint": features.fingerprint,
            "groups": len(kept),
            "rows": row,
            "visitors": len(visitors),
            **about,
        }
        new = out / f".about-{os.getpid()}"
        new.write_text(json.dumps(text, indent=1) + "\n", encoding="utf-8")
        new.replace(out / ABOUT)
        return len(kept)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}") from error


def _write(
    out: Path, values: Path, features: FeatureSet, kept: Sequence[tuple[int, ...]], labels: Any
) -> None:
    first, sizes, times, until, visitors, shown = np.array(kept, dtype=np.int64).T
    order = np.argsort(times, kind="stable")
    n_names = len(features.names)
    found = np.memmap(values, "<f4", "r").reshape(-1, n_names)
    ordered = np.lib.format.open_memmap(
        out / "features.npy", "w+", np.float32, (len(labels), n_names)
    )
    rows = np.concatenate([np.arange(first[g], first[g] + sizes[g]) for g in order])
    for start in range(0, len(rows), 100_000):
        ordered[start : start + 100_000] = found[rows[start : start + 100_000]]
    ordered.flush()
    np.save(out / "labels.npy", labels[rows])
    np.save(out / "groups.npy", np.repeat(np.arange(len(order)), sizes[order]))
    for name, of_group in (("times", times), ("until", until), ("visitors", visitors)):
        np.save(out / f"{name}.npy", np.repeat(of_group[order], sizes[order]))
    np.save(out / "shown.npy", np.repeat(shown[order], sizes[order]).astype(np.uint8))
