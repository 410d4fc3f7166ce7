"""What the rooms agree on about the tracking server, MLflow: where it is, what names it takes.

Nothing here imports MLflow, which is an extra.
"""

import fcntl
import math
import re
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

SILENT = {"MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
"""Variables of the environment, set before MLflow is imported: it sends usage data otherwise."""
PATIENCE = {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1", "MLFLOW_HTTP_REQUEST_TIMEOUT": "30"}
"""The same, unless they are set: a server that is away is not waited for long."""
URI, ARTIFACTS = "MLFLOW_TRACKING_URI", "MLFLOW_DEFAULT_ARTIFACT_ROOT"
_HOME = Path("out/mlflow")
_SQLITE = "sqlite:///"


def tracking_uri(environment: Mapping[str, str]) -> str:
    """The URI of the tracking server or its database; by default a SQLite file of ours.

    Never MLflow's own default, which differs between its releases and depends on the directory.

    Examples
    --------
    >>> tracking_uri({"MLFLOW_TRACKING_URI": "http://127.0.0.1:5500"})
    'http://127.0.0.1:5500'
    >>> tracking_uri({}).startswith("sqlite:////")
    True
    """
    return environment.get(URI) or f"{_SQLITE}{(_HOME / 'mlflow.db').absolute()}"


def artifact_root(environment: Mapping[str, str]) -> str | None:
    """Where files of runs go; None: where the server says.

    Examples
    --------
    >>> artifact_root({"MLFLOW_TRACKING_URI": "http://127.0.0.1:5500"}) is None
    True
    >>> artifact_root({"MLFLOW_TRACKING_URI": "sqlite:////data/mlflow.db"})
    'file:///data/artifacts'
    """
    if root := environment.get(ARTIFACTS):
        return root if "://" in root else Path(root).absolute().as_uri()
    uri = tracking_uri(environment)
    if uri.startswith(("http://", "https://")):
        return None
    return ((file.parent if (file := _file(uri)) else _HOME).absolute() / "artifacts").as_uri()


@contextmanager
def first_use(uri: str) -> Iterator[None]:
    """Held while a database may be made: MLflow makes a SQLite file twice if two begin at once."""
    file = _file(uri)
    if file is None:
        yield
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.with_name(f".{file.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def flat(content: Mapping[str, object], prefix: str = "") -> dict[str, object]:
    """Nested mappings and lists as one, with names that MLflow takes.

    Examples
    --------
    >>> flat({"ndcg@10": 0.5, "best": {"epoch": 3}, "rows": [{"recall": 0.25}]})
    {'ndcg_10': 0.5, 'best.epoch': 3, 'rows.0.recall': 0.25}
    """
    found: dict[str, object] = {}
    for key, value in content.items():
        name = prefix + re.sub(r"[^\w\-. :/]", "_", str(key))
        if isinstance(value, Mapping):
            found |= flat(value, name + ".")
        elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
            found |= flat({str(number): one for number, one in enumerate(value)}, name + ".")
        else:
            found[name] = value
    return found


def numbers(content: Mapping[str, object]) -> dict[str, float]:
    """The finite numbers among values: metrics. NaN and infinity are none.

    Examples
    --------
    >>> numbers({"ndcg": 0.5, "users": 10, "model": "als", "ok": True, "gap": float("nan")})
    {'ndcg': 0.5, 'users': 10.0}
    """
    return {
        name: float(value)
        for name, value in content.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    }


def without_password(uri: str) -> str:
    """As it may be shown.

    Examples
    --------
    >>> without_password("postgresql+psycopg://ml:secret@db:5432/ml")
    'postgresql+psycopg://***@db:5432/ml'
    """
    return re.sub(r"(?<=://)[^/]*@", "***@", uri)


def revision(source: Path) -> str:
    """The git revision of a source file's repository, `-dirty` with changes; or `unknown`.

    Unknown too where the file is not of the repository around it, but installed there.
    """

    def git(*words: str) -> str:
        done = subprocess.run(
            ["git", "-C", str(source.parent), *words], capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    try:
        git("ls-files", "--error-unmatch", source.name)
        return git("describe", "--always", "--dirty", "--abbrev=40", "--exclude=*")
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def _file(uri: str) -> Path | None:
    """Of a SQLite database."""
    return Path(uri.removeprefix(_SQLITE)) if uri.startswith(_SQLITE) else None
