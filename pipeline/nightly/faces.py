"""What differs between the faces of the service."""

from dataclasses import dataclass

from contract.events import MESSAGES
from contract.files import ITEMS, POPULAR, TOP_TRACKS, TRACKS
from pipeline.nightly.config import Config


@dataclass(frozen=True)
class Face:
    """A face, as nights see it."""

    messages: tuple[str, ...]
    """Of the lines of its event log that are events."""
    item: str
    """The key of an item in the log, among the items, and in lists of neighbours."""
    listed: tuple[str, str]
    """The keys of the items in a user's list, and in a list of neighbours."""
    popular: str
    """The file of popular items."""
    items: str
    """The file of items."""
    model: str
    targets: tuple[str, ...]
    primary: str = "ndcg"
    """What the gate decides by."""
    valued: bool = False
    """Whether each event has a value: the share of a track that was heard, a rating."""
    least_value: float | None = None
    values: tuple[float | None, float | None] = (None, None)
    """What a value is between."""

    def primary_at(self, k: int) -> str:
        """The name of the primary metric, with its k where it has one."""
        return f"ndcg_{k}" if self.primary == "ndcg" else self.primary


FACES = {
    "shop": Face(
        ("event",), "item", ("items", "items"), POPULAR, ITEMS,
        "covisit", ("addtocart", "transaction"),
    ),
    "music": Face(
        MESSAGES, "track", ("tracks", "recommendations"), TOP_TRACKS, TRACKS,
        "als", MESSAGES, valued=True, least_value=0.8, values=(0.0, 1.0),
    ),
    "ratings": Face(
        (), "item", ("items", "items"), POPULAR, ITEMS,
        "svd", ("rating",), primary="minus_user_rmse", valued=True,
    ),
}  # fmt: skip


def filled(config: Config) -> Config:
    """The config with its face's defaults where it leaves something to the face."""
    face, checks, split = FACES[config.face], config.checks, config.split
    low, high = face.values
    parts = {
        "model": config.model.model_copy(update={"name": config.model.name or face.model}),
        "split": split.model_copy(
            update={
                "targets": split.targets or face.targets,
                "least_value": _either(split.least_value, face.least_value),
            }
        ),
        "checks": checks.model_copy(
            update={
                "min_value": _either(checks.min_value, low),
                "max_value": _either(checks.max_value, high),
            }
        ),
    }
    return config.model_copy(update=parts)


def _either(first: float | None, second: float | None) -> float | None:
    return second if first is None else first
