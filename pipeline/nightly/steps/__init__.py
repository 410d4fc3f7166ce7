"""The steps of a night, in their order."""

STEPS = (
    "extract", "transform", "features", "split", "train", "evaluate", "gate", "canary", "publish",
    "verify",
)  # fmt: skip
