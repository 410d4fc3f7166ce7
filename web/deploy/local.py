"""The site on this machine, as in production but for HTTPS: `make web`.

Its key and the demo people's passwords are made once, and kept in out/web.
"""

import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
from pathlib import Path

import click

MANAGE = Path(__file__).parents[1] / "manage.py"
CONFIG = Path(__file__).with_name("gunicorn.conf.py")


def _key(path: Path) -> str:
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(50))
    return path.read_text()


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@click.command()
@click.option("--port", default=8080, show_default=True)
@click.option("--out", type=Path, default=Path("out/web"), show_default=True)
@click.option("--similarity/--no-similarity", default=True, help="Compute first matrices.")
def main(port: int, out: Path, similarity: bool) -> None:
    """Prepare the site where needed, and serve it on 127.0.0.1 until it is stopped."""
    if not _free(port):
        raise click.ClickException(f"port {port} is taken: stop what listens, or give --port")
    out.mkdir(parents=True, exist_ok=True)
    counters = out / "metrics"
    shutil.rmtree(counters, ignore_errors=True)
    counters.mkdir()
    os.environ.setdefault("DATABASE_URL", f"sqlite:///{(out / 'site.sqlite3').resolve()}")
    os.environ.update(
        DJANGO_SETTINGS_MODULE="web.recsys.settings.production",
        SECRET_KEY=_key(out / "secret-key"),
        ALLOWED_HOSTS="localhost,127.0.0.1",
        INSECURE_HTTP="1",
        PROMETHEUS_MULTIPROC_DIR=str(counters.resolve()),
        CACHE_DIR=str((out / "cache").resolve()),
        STATIC_ROOT=str((out / "static").resolve()),
        BIND=f"127.0.0.1:{port}",
    )
    manage = [sys.executable, str(MANAGE)]
    prepare = [*manage, "prepare", "--out", str(out), *(["--similarity"] if similarity else [])]
    for command in (prepare, [*manage, "collectstatic", "--noinput", "-v0"]):
        if subprocess.run(command, check=False).returncode:
            raise click.ClickException("the site could not be prepared: see above")
    people = json.loads((out / "sign-in.json").read_text())
    click.echo(f"\nThe site: http://localhost:{port}   (Ctrl-C stops it)\nSign in as")
    notes = {"admin": "staff: /admin/, /quality", "ada": "new here", "boris": "has rated"}
    for name, password in people.items():
        click.echo(f"  {name:6} {password}   {notes.get(name, '')}")
    click.echo(f"or sign up. Passwords are kept in {out / 'sign-in.json'}.\n")
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, "-m", "gunicorn", "--config", str(CONFIG)])


if __name__ == "__main__":
    main()
