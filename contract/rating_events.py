"""The event log of the ratings face: a line for each answer."""

from contract.events import Field

RATING_MESSAGES = ("reco",)
"""What the lines of this face say in `message`."""

RECO = (
    Field("message", "text"),
    Field("timestamp", "integer"),
    Field("user", "text"),
    Field("items", "list"),
    Field("ratings", "list"),
    Field("n_recos", "integer"),
    Field("route", "text"),
    Field("experiments", "object"),
    Field("recommender", "text"),
    Field("cold", "boolean"),
    Field("folded_in", "integer"),
    Field("model_version", "text", nullable=True),
    Field("latency", "number"),
    Field("run", "text"),
    Field("forced", "object", only_if_forced=True),
)
"""The fields of a line that says `reco`, in its order."""
