"""What `evaluate` does for the protocols of shop data: time-cut and next-item."""

import tempfile
from dataclasses import dataclass, fields
from pathlib import Path

import click

from contract.interactions import SUMMARY
from offline.data.events import Events
from offline.data.interactions import Interactions
from offline.data.sessions import SessionData
from offline.errors import InputError
from offline.evaluation.shop.next_item import next_item, sessions_of, validation_of
from offline.evaluation.shop.time_cut import CUT, TARGETS, Evaluation, time_cut
from offline.importing.load import load_source
from offline.importing.registry import make_format
from offline.importing.source import Columns
from offline.models.base import Hooks, Recommender
from offline.models.registry import make_model

PROTOCOLS = ("time-cut", "next-item")
REFERENCES = ("popular", "covisit")
"""In every table."""
SESSION_MINUTES = 30
_MINUTE_MS = 60_000

shop_options = (
    click.option(
        "--targets",
        help=f"For time-cut: kinds of events to find. [default: {','.join(TARGETS)}]",
    ),
    click.option(
        "--cut",
        type=click.FloatRange(0, 1, min_open=True, max_open=True),
        help="For time-cut, and next-item on events with times: the share of the events that is "
        f"learned from. [default: {CUT}]",
    ),
    click.option(
        "--part",
        type=click.Choice(["test", "validation"]),
        help="For both: validation holds out a part of what is learned from, to choose options "
        "by; the test is for the end. [default: test]",
    ),
)


@dataclass(frozen=True)
class ShopOptions:
    """What these options say; None where they were not given."""

    targets: str | None
    cut: float | None
    part: str | None

    def refuse(self, protocol: str) -> None:
        """Raises UsageError for one that was given with another protocol."""
        for field in fields(self):
            if getattr(self, field.name) is not None:
                raise click.UsageError(
                    f"--{field.name} goes with --protocol {' or '.join(PROTOCOLS)}, not {protocol}"
                )


def measure_shop(
    directory: Path,
    format_: str | None,
    protocol: str,
    model: Recommender,
    asked: ShopOptions,
    seed: int,
    hooks: Hooks,
) -> Evaluation:
    """Measure a model, not fitted, with popularity and co-visitation beside it.

    Raises InputError for data that has no times, or no sessions.
    """
    models = {name: make_model(name) for name in REFERENCES}
    named = model.name
    if named in models and model.config != models[named].config:
        named = f"{named} (as set)"
    models[named] = model
    share, validation = asked.cut or CUT, asked.part == "validation"
    if protocol == "next-item":
        if asked.targets is not None:
            raise click.UsageError("--targets goes with time-cut: next-item asks for what is next")
        data = read_sessions(directory, format_, share, validation)
        return next_item(models, data, seed=seed, hooks=hooks)
    events, shape = read_events(directory, format_)
    targets = TARGETS if asked.targets is None else tuple(asked.targets.split(","))
    return time_cut(
        models,
        events,
        shape,
        targets=targets,
        share=share,
        validation=validation,
        seed=seed,
        hooks=hooks,
    )


def read_sessions(
    directory: Path, format_: str | None, share: float, validation: bool
) -> SessionData:
    """Those that a format has, or of events with times. Raises InputError."""
    own = None if format_ is None else make_format(format_).sessions(directory)
    if own is not None:
        return validation_of(own) if validation else own
    events, (_, n_items) = read_events(directory, format_)
    gap = SESSION_MINUTES * _MINUTE_MS
    return sessions_of(directory.resolve().name, events, n_items, share, gap, validation)


def read_events(directory: Path, format_: str | None) -> tuple[Events, tuple[int, int]]:
    """The events of what `import` wrote, or of a source of that format; numbers of users, items.

    Raises InputError where there are none, or not all have times.
    """
    if format_ is None:
        if not (directory / SUMMARY).is_file():
            raise InputError(
                f"{directory}: no interactions there: make them with `botify-offline import`, or "
                "name the format of the data set with --format"
            )
        return _of(Interactions.load(directory))
    form = make_format(format_)
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / directory.resolve().name
        load_source(form.open(directory, Columns()), out, form.name)
        return _of(Interactions.load(out))


def _of(data: Interactions) -> tuple[Events, tuple[int, int]]:
    return data.events(), (len(data.users), len(data.items))
