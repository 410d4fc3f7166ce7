"""The event log: names of its files and of the fields of its lines."""

LOG_NAME = "data.json"
"""Files of a log are named `data.json*`, or `data*.parquet` where a data client made them so."""

MESSAGES = ("next", "last")

REQUIRED = ("message", "timestamp", "user", "track", "time", "latency", "experiments")
"""Every line has them; `recommendation` too, which is null on a `last`, as `latency` may be."""

OPTIONAL = (
    "session",
    "recommender",
    "propensity",
    "rank",
    "model_version",
    "world_version",
    "run",
)
"""What some services do not log; readers accept their absence."""

FIELDS = (*REQUIRED, "recommendation", *OPTIONAL)
