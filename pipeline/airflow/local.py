"""Airflow on this machine: `make airflow`. Run by the Python of Airflow's own environment.

A SQLite database, one worker of its API, two tasks at once, on 127.0.0.1; all processes end with
this one.
"""

import os
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from types import FrameType

PROJECT = Path(__file__).resolve().parents[2]
PORT = "8081"
_PATIENCE = 20
"""Seconds until what does not end is killed."""


def environment(home: Path, port: str) -> dict[str, str]:
    """Settings that the defaults are wrong for; those that are set already stay."""
    key = home / "jwt-secret"
    if not key.exists():
        home.mkdir(parents=True, exist_ok=True)
        key.touch(mode=0o600)
        key.write_text(secrets.token_hex(32))
    wanted = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "pipeline/airflow/dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__PARALLELISM": "2",
        "AIRFLOW__API__HOST": "127.0.0.1",
        "AIRFLOW__API__PORT": port,
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API__WORKERS": "1",
        # 5 s is too short for a busy machine, and a task that meets it fails.
        "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        # Parts with different secrets refuse each other's tasks.
        "AIRFLOW__API_AUTH__JWT_SECRET": key.read_text(),
        "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
        "BOTIFY_PROJECT": str(PROJECT),
    }
    # `standalone` finds its parts on the PATH.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"
    return {**wanted, **os.environ, "PATH": path}


def main() -> int:
    home = Path(os.environ.get("AIRFLOW_HOME", PROJECT / "out" / "airflow")).absolute()
    port = sys.argv[1] if len(sys.argv) > 1 else PORT
    print(f"Airflow: http://127.0.0.1:{port}, its password in {home}", flush=True)
    words = [str(Path(sys.executable).with_name("airflow")), "standalone"]
    # In a group of their own: its scheduler and others outlive `standalone`.
    process = subprocess.Popen(words, env=environment(home, port), start_new_session=True)

    def end(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    signal.signal(signal.SIGTERM, end)
    try:
        return process.wait()
    except KeyboardInterrupt:
        return 130
    finally:
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(process.pid, number)
            except ProcessLookupError:
                break
            try:
                process.wait(_PATIENCE)
            except subprocess.TimeoutExpired:
                continue


if __name__ == "__main__":
    sys.exit(main())
