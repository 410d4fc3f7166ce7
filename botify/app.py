"""The composition root of the service."""

import redis
from flask import Flask
from flask_restful import Api
from werkzeug.routing import IntegerConverter

from botify.catalog import Catalog
from botify.config import Config
from botify.event_log import EventLog, log_name
from botify.experiments import Experiment
from botify.recommenders import build_recommenders
from botify.resources import Hello, LastTrack, NextTrack, Track
from botify.service import Service
from botify.store import Store

_LARGEST_BODY = 64 * 1024
"""Bytes; a play takes about 30."""


class _Natural(IntegerConverter):
    """A non-negative integer of any size that Python converts (by default, 4,300 digits)."""

    regex = "[0-9]{1,4300}"


def create_app(config: Config, catalog: Catalog, client: "redis.Redis", worker: int = 0) -> Flask:
    """The application of one worker; the lists must be in Redis already (`load_list`).

    `worker` (from 0) selects its log file. The log is opened here.
    """
    service = Service(
        experiments=[Experiment(n, e.treatments) for n, e in config.experiments.items()],
        recommenders=build_recommenders(config, catalog),
        store=Store(client, config.session_ttl, len(catalog)),
        log=EventLog(config.log_dir / log_name(worker, config.workers)),
        seed=config.seed,
    )
    app = Flask("botify")
    app.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    app.url_map.merge_slashes = False
    app.url_map.converters["natural"] = _Natural
    api = Api(app, catch_all_404s=True)  # which answers every error in JSON
    api.add_resource(Hello, "/")
    of_tracks = {"catalog": catalog}
    of_plays = {"catalog": catalog, "service": service}
    api.add_resource(Track, "/track/<natural:track>", resource_class_kwargs=of_tracks)
    api.add_resource(NextTrack, "/next/<natural:user>", resource_class_kwargs=of_plays)
    api.add_resource(LastTrack, "/last/<natural:user>", resource_class_kwargs=of_plays)
    return app
