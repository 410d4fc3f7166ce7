"""A small publication of factors, made by the programs that make real ones."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from scipy import sparse

from offline import make_model
from offline.factors.by_url import open_store
from offline.factors.publication import Publication, publication_of
from offline.factors.publish import publish

N_USERS, N_ITEMS = 60, 40
TITLE = "</script><script>alert({})</script>"
"""Of item 3: no page may run it."""


def ratings(seed: int = 1) -> "sparse.csr_matrix":
    """From 0.5 to 5 in halves, of a third of all pairs; user 0 has rated all items but five."""
    rng = np.random.default_rng(seed)
    taste = rng.normal(size=(N_USERS, 3)) @ rng.normal(size=(3, N_ITEMS))
    told = np.clip(np.round(2 * (3.3 + taste + rng.normal(size=N_ITEMS) / 2)) / 2, 0.5, 5)
    kept = rng.random(told.shape) < 1 / 3
    kept[0] = np.arange(N_ITEMS) >= 5
    return sparse.csr_matrix(np.where(kept, told, 0))


def items() -> pa.Table:
    """Titles with years, but for the last item, which has neither; genres as in MovieLens."""
    titles = [f"Film {n} ({1950 + n})" for n in range(N_ITEMS)]
    titles[3] = f"{TITLE} (1953)"
    return pa.table(
        {
            "id": pa.array(np.arange(N_ITEMS)),
            "title": pa.array([*titles[:-1], None]),
            "genres": pa.array(["Drama|War" if n % 2 else "Comedy" for n in range(N_ITEMS)]),
        }
    )


@cache
def publication(factors: int = 4, precompute: int = 0) -> Publication:
    """Of a truncated SVD of `ratings`."""
    model = make_model("truncated-svd", {"factors": factors, "centred": True}).fit(ratings())
    return publication_of(model, precompute=precompute, items=items())


def publish_to(directory: Path, now: Callable[[], int] = lambda: 1, **options: Any) -> str:
    """Publish it in a directory; its version."""
    with open_store(f"file:{directory}") as store:
        return publish(publication(**options), store, store, now=now).version
