"""The items of a generated shop and the tastes that decide what visitors do with them."""

import hashlib
from dataclasses import asdict, dataclass, field

import numpy as np
from numpy.typing import NDArray

from sim.errors import InputError
from sim.shop.behaviour import Behaviour

DIMENSIONS = 16
_WORLD, _VISITORS, VISIT = 0, 1, 2
_ROOT_SHARE, _LEAF_SHARE, _OWN_SHARE = 0.5, 0.65, 0.57
_OUT_OF_STOCK = 0.08
_LEAVES_OF_ROOT = 9


@dataclass(frozen=True)
class ShopOptions:
    """The size of a shop."""

    items: int = 3_000
    visitors: int = 8_000
    days: int = 56
    """Of history; what simulated visitors do on the days after it is not in it."""
    days_after: int = 7
    behaviour: Behaviour = field(default_factory=Behaviour)

    def __post_init__(self) -> None:
        if self.days % 7:
            raise InputError(f"days: {self.days} is no number of whole weeks")
        for name, least in (("items", 50), ("visitors", 10), ("days", 7), ("days_after", 1)):
            if getattr(self, name) < least:
                raise InputError(f"{name}: {getattr(self, name)} is too few: {least} or more")


@dataclass(frozen=True)
class ShopWorld:
    """Everything that is true in a shop, as arrays; a function of options and seed.

    Attributes
    ----------
    vectors : float32 array, shape (n_items, DIMENSIONS)
        Of length 1. Their inner product with a visit's vector is the match with it.
    leaf : int64 array, shape (n_items,)
        The category of each item; items of one category are next to each other.
    first : int64 array, shape (n_leaves + 1,)
        The first item of each category.
    parent : int64 array, shape (n_leaves,)
        The category above each.
    weight : float64 array, shape (n_items,)
        How well known an item is.
    leaf_weight : float64 array, shape (n_leaves,)
        The share of visits that are about each category; sums to 1.
    quality, price : float64 arrays, shape (n_items,)
        Standard normal, and in the shop's currency.
    available : bool array, shape (n_items,)
        Whether an item is in stock after the history; during it all are.
    """

    options: ShopOptions
    seed: int
    vectors: NDArray[np.float32]
    leaf_vectors: NDArray[np.float32]
    leaf: NDArray[np.int64]
    first: NDArray[np.int64]
    parent: NDArray[np.int64]
    weight: NDArray[np.float64]
    leaf_weight: NDArray[np.float64]
    quality: NDArray[np.float64]
    price: NDArray[np.float64]
    available: NDArray[np.bool_]

    @property
    def n_items(self) -> int:
        """Number of items; they are numbered from 0."""
        return len(self.leaf)

    def item_id(self, item: int) -> str:
        """The id that everybody else knows an item by."""
        return f"sku-{item:05d}"

    def category_id(self, leaf: int) -> str:
        """The id of a category that has items."""
        return f"{self.root_id(int(self.parent[leaf]))}-{leaf:03d}"

    def root_id(self, root: int) -> str:
        """The id of a category that has categories."""
        return f"dept-{root:02d}"

    def stream(self, visitor: int) -> np.random.Generator:
        """The random numbers of a visitor's plans."""
        return _generator(self.seed, _VISITORS, visitor, 0)

    def visit_stream(self, visitor: int, visit: int, purpose: int) -> np.random.Generator:
        """The random numbers of one visit, for one of several independent purposes."""
        return _generator(self.seed, VISIT + purpose, visitor, visit)

    def digest(self) -> str:
        """Differs where anything in the shop does."""
        found = hashlib.blake2b(repr(asdict(self.options)).encode(), digest_size=12)
        for array in (self.vectors, self.leaf, self.weight, self.price, self.available):
            found.update(np.ascontiguousarray(array).tobytes())
        return found.hexdigest()


def generate_shop(options: ShopOptions, seed: int) -> ShopWorld:
    """A shop: the same options and seed give the same one.

    >>> world = generate_shop(ShopOptions(items=100, visitors=10), seed=1)
    >>> world.n_items, world.item_id(3)
    (100, 'sku-00003')
    """
    rng = _generator(seed, _WORLD, 0, 0)
    n_leaves = max(4, round(options.items / 50))
    n_roots = max(2, round(n_leaves / _LEAVES_OF_ROOT))
    parent = np.sort(np.concatenate([np.arange(n_roots), rng.integers(0, n_roots, n_leaves)]))
    parent = parent[:: max(1, len(parent) // n_leaves)][:n_leaves]
    roots = _unit(rng.standard_normal((n_roots, DIMENSIONS)))
    leaves = _unit(_ROOT_SHARE * roots[parent] + _own(rng, n_leaves, _LEAF_SHARE))
    size = rng.lognormal(0.0, 0.7, n_leaves)
    leaf = np.sort(
        np.concatenate(
            [
                np.arange(n_leaves),
                rng.choice(n_leaves, options.items - n_leaves, p=size / size.sum()),
            ]
        )
    )
    first = np.searchsorted(leaf, np.arange(n_leaves + 1))
    vectors = _unit(leaves[leaf] + _own(rng, options.items, _OWN_SHARE))
    weight = rng.lognormal(0.0, options.behaviour.popularity_log_sd, options.items)
    leaf_weight = rng.lognormal(0.0, 1.0, n_leaves) * np.diff(first) ** 0.5
    quality = rng.standard_normal(options.items)
    price = np.exp(rng.normal(3.2, 0.8, n_leaves)[leaf] + rng.normal(0, 0.5, options.items))
    return ShopWorld(
        options,
        seed,
        vectors.astype(np.float32),
        leaves.astype(np.float32),
        leaf,
        first,
        parent,
        weight,
        leaf_weight / leaf_weight.sum(),
        quality,
        np.round(price, 2),
        rng.random(options.items) >= _OUT_OF_STOCK,
    )


def _own(rng: np.random.Generator, rows: int, share: float) -> NDArray[np.float64]:
    return share * _unit(rng.standard_normal((rows, DIMENSIONS)))


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    scaled: NDArray[np.float64] = rows / np.linalg.norm(rows, axis=-1, keepdims=True)
    return scaled


def _generator(seed: int, purpose: int, visitor: int, visit: int) -> np.random.Generator:
    """A stream of its own for each (seed, purpose, visitor, visit)."""
    return np.random.Generator(
        np.random.Philox(key=[seed, purpose], counter=[0, 0, visit, visitor])
    )
