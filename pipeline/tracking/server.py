"""MLflow's page over the database that runs go to: `make mlflow`."""

import os
import sys
from pathlib import Path

import click

from contract.tracking import SILENT, artifact_root, first_use, tracking_uri, without_password


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="It asks for no login.")
@click.option("--port", default=5500, show_default=True)
def main(host: str, port: int) -> None:
    """Serve runs and registered lists as a page."""
    uri = tracking_uri(os.environ)
    root = artifact_root(os.environ)
    if root is None:
        raise click.UsageError(f"runs go to a server already: {without_password(uri)}")
    program = Path(sys.executable).with_name("mlflow")
    if not program.is_file():
        raise click.UsageError("MLflow is absent: pip install 'botify[tracking]'")
    # By the environment, as a command line shows passwords to everybody on the machine.
    environment = {**os.environ, **SILENT, "MLFLOW_BACKEND_STORE_URI": uri}
    environment.pop("MLFLOW_TRACKING_URI", None)
    with first_use(uri):
        click.echo(f"http://{host}:{port} shows {without_password(uri)}")
    sys.stdout.flush()
    words = [str(program), "server", "--host", host, "--port", str(port), "--workers", "1"]
    os.execve(program, [*words, "--default-artifact-root", root], environment)


if __name__ == "__main__":
    main()
