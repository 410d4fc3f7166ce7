"""A directory of interactions: `collect` and `import` write it, models and worlds are made of it.

`interactions.parquet` has one row for each user, item and kind; `user` and `item` are row numbers
of `users.parquet` and `items.parquet`, whose `id` is what the data's owner calls them.
"""

FORM = 2
"""Of the directory, as its summary says. 1 had the users and tracks of a music log alone."""
SUMMARY = "interactions.json"
"""How the tables came to be: `form`, `format`, `liked_from`, counts, what was left out."""
INTERACTIONS = "interactions.parquet"
"""`user`, `item` (int64), `value` (float64), `timestamp` (int64, ms, or null), `kind` (text)."""
USER_IDS = "users.parquet"
"""`id` (int64 or text), sorted."""
ITEM_IDS = "items.parquet"
"""`id` (int64 or text), `title` (text or null), other fields of the source."""
EVENTS = "events.parquet"
"""`user`, `item`, `kind`, `timestamp`, as above, of every event, by user, then time; only where
some user, item and kind are there several times, and have times."""
PLAYS = "plays.parquet"
"""Of a music log: `user`, `session`, `position`, `track`, `time`, as in the log."""
