"""Checks of the period before an experiment: the same users, and no overlap."""

from offline.errors import InputError
from offline.experiment.aggregates.summary import Aggregates
from offline.experiment.words import moment


def check_before(during: Aggregates, before: Aggregates) -> None:
    """Raises InputError for lines from the experiment's own time, or for none of its users.

    What a treatment may have changed explains the treatment away.
    """
    began, ended = during.quality.first_timestamp, before.quality.last_timestamp
    if ended >= began:
        raise InputError(
            f"--before: its last line is of {moment(ended)}, but the experiment began at "
            f"{moment(began)}: give only logs that end before it"
        )
    if not during.users["user_id"].isin(before.users["user_id"]).any():
        raise InputError(
            f"--before: none of its {len(before.users):,} users is in the experiment: give logs "
            "of the same users"
        )
