"""How a ranker is trained."""

from typing import Literal

from pydantic import Field

from offline.options import Options

MOST_TREES = 500
MOST_DEPTH = 8


class RankerOptions(Options):
    """Options of `train-ranker`."""

    trees: int = Field(default=MOST_TREES, ge=1, le=MOST_TREES)
    """At most; the training ends when the validation part gets no better."""
    depth: int = Field(default=6, ge=1, le=MOST_DEPTH)
    learning_rate: float = Field(default=0.1, gt=0, le=1)
    loss: Literal["QuerySoftMax", "YetiRank", "Logloss"] = "QuerySoftMax"
    patience: int = Field(default=50, ge=1)
    """Trees without a gain on the validation part after which the training ends."""
    l2: float = Field(default=3.0, ge=0)
    negatives: int = Field(default=20, ge=1)
    """Of each group that are learned from, drawn at random; all are measured."""
    seed: int = Field(default=31337, ge=0, le=2**31 - 1)
