"""The event log of the shop face: a line for each answer."""

from contract.events import Field

SHOP_MESSAGES = ("event", "recommend")
"""What the lines of this face say in `message`."""

RECOMMEND = (
    Field("message", "text"),
    Field("timestamp", "integer"),
    Field("user", "text"),
    Field("items", "list"),
    Field("sources", "list"),
    Field("scores", "list"),
    Field("request", "text"),
    Field("experiments", "object"),
    Field("recommender", "text"),
    Field("model_version", "text", nullable=True),
    Field("latency", "number"),
    Field("k", "integer"),
    Field("session", "text", nullable=True),
    Field("run", "text"),
    Field("forced", "object", only_if_forced=True),
)
"""The fields of a line that says `recommend`, in its order. `scores` may have nulls."""
