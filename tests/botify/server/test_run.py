"""What the parent must not import."""

import subprocess
import sys


def test_workers_metrics_are_not_made_before_their_directory_is_known() -> None:
    # prometheus_client reads the directory when it is imported, and the parent names it later.
    code = "import botify.server.run, sys; print('prometheus_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
