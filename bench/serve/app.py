"""Our application for any WSGI server: `gunicorn bench.serve.app:app`.

Configured by the environment variables BENCH_DATA_DIR, BENCH_LOG_DIR and REDIS_URL; and, as
`botify serve` sets it for its workers, PROMETHEUS_MULTIPROC_DIR.
"""

import os
from pathlib import Path

from botify.app import create_app
from botify.catalog import load_catalog
from botify.config import load_config
from botify.lists.loader import kind_of, load_list
from botify.store.client import connect

_CONFIG = Path(__file__).parents[2] / "config/botify.yml"

config = load_config(
    _CONFIG, data_dir=Path(os.environ["BENCH_DATA_DIR"]), log_dir=Path(os.environ["BENCH_LOG_DIR"])
)
catalog = load_catalog(config.catalog_path)
with connect(os.environ["REDIS_URL"]) as loading:
    for name, file in config.list_files.items():  # the first worker loads; others find it done
        load_list(loading, name, file, kind_of(config, name), len(catalog))
app = create_app(config, catalog, connect(os.environ["REDIS_URL"], config.redis_timeout))
