"""train: a model of what came before the cut, and its lists."""

import shutil
from pathlib import Path

import duckdb

from contract.files import RECOMMENDATIONS
from pipeline.nightly import commands
from pipeline.nightly.config import Config
from pipeline.nightly.directory import Result, fingerprint
from pipeline.nightly.faces import FACES

LISTS = "lists"
FACTORS = "factors"
"""Among the lists of ratings: the publication that the service predicts from."""
# In the order of a user's plays, by which sessions are told apart.
_LOG = """
COPY (
    SELECT event AS message, CAST(timestamp AS BIGINT) AS timestamp,
        CAST("user" AS HUGEINT) AS "user", CAST(item AS BIGINT) AS track,
        CAST(value AS DOUBLE) AS time, 0.0 AS latency, '{{}}'::JSON AS experiments
    FROM read_csv('{events}', all_varchar = true)
    ORDER BY 3, 2, 4, 1
) TO '{log}' (FORMAT json)
"""


def work(events: Path, items: Path, config: Config, out: Path) -> Result:
    """Write model/ and lists/, by `botify-offline`.

    The model gets the config's seed, if it has one and its options do not name it.
    """
    data, model, lists = out / "data", out / "model", out / LISTS
    face, options = FACES[config.face], dict(config.model.options)
    if "seed" not in options and commands.has_seed(config.model.name):
        options["seed"] = config.seed
    catalog = _gathered(events, items, config, data)
    words = [word for name, value in options.items() for word in ("--set", f"{name}={value}")]
    told = [*("--model", config.model.name), *words, *catalog, "--out", model]
    unseen = ["--unseen"] if config.face == "ratings" else []
    if config.engine == "spark":
        commands.run("botify-offline", "train", data, *told)
        commands.run(
            "botify-offline",
            *("export", model, data, "--out", lists, "--engine", "spark"),
            *(*catalog, *unseen),
        )
    else:
        commands.run("botify-offline", "train", data, *told, "--export", lists, *unseen)
    if config.face == "ratings":
        store = f"file:{lists / FACTORS}"
        commands.run(
            "botify-offline",
            *("publish", model, "--users", store, "--items", store, "--interactions", data),
        )
    shutil.rmtree(data)
    # The service reads the items as their owner has them, with those that nobody came to yet.
    shutil.copyfile(items, lists / face.items)
    with (lists / RECOMMENDATIONS).open() as lines:
        return Result({"lists": sum(1 for _ in lines)})


def version(train: Path) -> str:
    """The version of the lists of a night."""
    return fingerprint(train / LISTS)[:12]


def _gathered(events: Path, items: Path, config: Config, data: Path) -> list[object]:
    """Write the interactions that a model learns from; options of the commands after it."""
    if config.face != "music":
        value = ["--value-column", "value"] if FACES[config.face].valued else []
        commands.run(
            "botify-offline",
            *("import", events, "--out", data, "--items", items, "--text-ids", *value),
        )
        return []
    log = data.with_name("log")
    log.mkdir()
    duckdb.execute(_LOG.format(events=events, log=log / "data.json"))
    engine = ["--engine", "spark"] if config.engine == "spark" else []
    catalog: list[object] = ["--catalog", items]
    commands.run(
        "botify-offline",
        *("collect", log, "--out", data, "--threshold", config.split.least_value),
        *(*catalog, *engine),
    )
    shutil.rmtree(log)
    return catalog
