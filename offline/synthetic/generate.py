"""Generated ratings: chunks with a random stream each, made side by side, written in order."""

import os
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from offline.atomic import new_directory
from offline.errors import InputError
from offline.synthetic import kernels, planted
from offline.synthetic.planted import STARS, Scale
from offline.synthetic.truth import TRUTH, Truth

Format = Literal["csv", "parquet"]
Pattern = Literal["planted", "uniform"]
HEADER = ("userId", "movieId", "rating")
_CHUNK = 1 << 20
_CHUNKS = 3
"""The first number of a chunk's random stream; planted.py has 1 and 2."""
_LARGEST = 2**31 - 2
_MOST_FACTORS = 1024


@dataclass(frozen=True, kw_only=True)
class Options:
    """What is to be made."""

    users: int
    items: int
    ratings: int
    seed: int = 0
    pattern: Pattern = "planted"
    format: Format = "csv"
    scale: Scale = STARS
    factors: int = 8
    noise: float | None = None
    """Standard deviation, in the scale's units; None: as of stars."""

    @property
    def noise_sd(self) -> float:
        """Of the ratings, before they are rounded."""
        return planted.NOISE_SD * self.scale.unit if self.noise is None else self.noise

    def check(self) -> None:
        """Raises InputError for numbers that cannot be met."""
        for name in ("users", "items"):
            if not 1 <= getattr(self, name) <= _LARGEST:
                raise InputError(f"--{name} must be from 1 to {_LARGEST:,}")
        if not self.users <= self.ratings <= self.users * self.items:
            raise InputError(
                f"--ratings must be from {self.users:,}, one for each user, to "
                f"{self.users * self.items:,}, one for each user and item, not {self.ratings:,}"
            )
        low, high, step = self.scale.low, self.scale.high, self.scale.step
        count = (high - low) / step if step > 0 else 0.0
        if not (1 <= count <= 200 and abs(count - round(count)) < 1e-9):
            raise InputError(
                f"--scale {low:g} {high:g} {step:g}: give the lowest value, the highest, and a "
                "step that leads from one to the other in at most 200 steps"
            )
        if not 0 <= self.seed < 2**63:
            raise InputError("--seed must be a whole number from 0")
        if not 0 <= self.factors <= _MOST_FACTORS:
            raise InputError(f"--factors must be from 0 to {_MOST_FACTORS}")
        if self.noise is not None and not 0 <= self.noise <= 100 * (high - low):
            raise InputError("--noise must be 0 or more, and no more than 100 times the scale")


class _Chunk(NamedTuple):
    rows: int
    histogram: NDArray[np.int64]
    """How often each value of the scale is there."""
    errors: float
    expected: float
    content: Any
    """Lines, or a table."""


def generate_ratings(
    options: Options,
    out: Path,
    *,
    threads: int | None = None,
    report: Callable[[int], object] = lambda rows: None,
) -> Truth:
    """Write `ratings.csv` or `ratings.parquet`, and `truth.json`, whole or not at all.

    A rating is the mean, a bias of the user, one of the item, the product of their factors, and
    noise, rounded to the nearest value of the scale. Which items a user rates depends on their
    popularity alone, without replacement.

    Parameters
    ----------
    options : Options
    out : Path
        A directory; one that was generated before is replaced.
    threads : int, optional
        None: as many as there are cores. The files do not depend on it.
    report : callable
        Told how many rows were written last.

    Raises
    ------
    InputError
        For options that cannot be met, and where the place cannot be written.
    """
    options.check()
    workers = threads or len(os.sched_getaffinity(0))
    make = _Maker(options)
    histogram = np.zeros(len(options.scale.values), np.int64)
    errors = expected = 0.0
    try:
        with new_directory(out, TRUTH) as directory:
            writer = _WRITERS[options.format](directory, options)
            try:
                for chunk in _in_order(make, make.n_chunks, workers):
                    writer.write(chunk.content)
                    histogram += chunk.histogram
                    errors += chunk.errors
                    expected += chunk.expected
                    report(chunk.rows)
            finally:
                writer.close()
            truth = _truth(options, histogram, errors, expected)
            truth.write(directory)
    except OSError as error:
        raise InputError(f"cannot write {out}: {error.strerror or error}") from error
    return truth


def _in_order(make: "_Maker", count: int, workers: int) -> Iterator[_Chunk]:
    """Chunks in their order, made a few ahead."""
    waiting: deque[Future[_Chunk]] = deque()
    with ThreadPoolExecutor(workers) as pool:
        try:
            for number in range(count):
                waiting.append(pool.submit(make, number))
                if len(waiting) > workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def _truth(
    options: Options, histogram: NDArray[np.int64], errors: float, expected: float
) -> Truth:
    scale, n = options.scale, options.ratings
    values = scale.values
    mean = float(histogram @ values / n)
    of_mean = float(np.sqrt(histogram @ (values - mean) ** 2 / n))
    oracle, average = float(np.sqrt(errors / n)), float(np.sqrt(expected / n))
    if options.pattern == "uniform":
        center = float(values.mean())
        oracle = float(np.sqrt(histogram @ (values - center) ** 2 / n))
        average = float(values.std())
        of_mean = oracle  # what differs is chance
    return Truth(
        pattern=options.pattern,
        seed=options.seed,
        users=options.users,
        items=options.items,
        ratings=n,
        scale=(scale.low, scale.high, scale.step),
        factors=0 if options.pattern == "uniform" else options.factors,
        noise=0.0 if options.pattern == "uniform" else options.noise_sd,
        mean=mean,
        rmse_mean=of_mean,
        rmse_oracle=oracle,
        rmse_expected=average,
    )


class _Maker:
    """Makes chunk after chunk, from any thread."""

    def __init__(self, options: Options) -> None:
        self._options, scale = options, options.scale
        uniform = options.pattern == "uniform"
        self._counts = planted.ratings_per_user(
            options.seed, options.users, options.items, options.ratings, uniform
        )
        starts = np.concatenate([[0], np.cumsum(self._counts, dtype=np.int64)])
        marks = np.arange(0, options.ratings, _CHUNK)
        edges = np.unique(np.searchsorted(starts, marks, side="left"))
        self._edges = np.append(edges[edges < options.users], options.users)
        self.n_chunks = len(self._edges) - 1
        self._items = planted.plant_items(
            options.seed, options.items, options.factors, scale, uniform
        )
        self._alias = planted.alias_table(self._items.weight)
        self._oracle = planted.make_oracle(scale, options.noise_sd)
        texts = [f"{value:g}".encode() for value in scale.values]
        width = max(map(len, texts))
        self._texts = np.array([list(text.ljust(width, b"\0")) for text in texts], np.uint8)

    def __call__(self, number: int) -> _Chunk:
        first, end = self._edges[number], self._edges[number + 1]
        counts = self._counts[first:end]
        rng = planted.stream(self._options.seed, _CHUNKS, number)
        rows = int(counts.sum())
        items = np.empty(rows, np.int32)
        kernels.draw_items(rng, counts, *self._alias, self._items.weight, items)
        n_values = len(self._options.scale.values)
        errors = expected = 0.0
        if self._options.pattern == "uniform":
            codes = rng.integers(0, n_values, rows, dtype=np.uint8)
        else:
            codes = np.empty(rows, np.uint8)
            errors, expected = self._rate(rng, counts, items, codes)
        histogram = np.bincount(codes, minlength=n_values)
        content = self._content(int(first), counts, items, codes)
        return _Chunk(rows, histogram, errors, expected, content)

    def _rate(self, rng: np.random.Generator, counts: Any, items: Any, codes: Any) -> Any:
        options, scale, oracle = self._options, self._options.scale, self._oracle
        n, k = len(counts), options.factors
        return kernels.rate_items(
            counts,
            items,
            options.noise_sd * rng.standard_normal(len(items), np.float32),
            planted.planted_mean(scale),
            (
                rng.normal(0, planted.user_sd(scale), n),
                rng.normal(0, planted.factor_sd(k, scale), (n, k)),
            ),
            (self._items.bias, self._items.factors),
            (scale.low, scale.step, len(scale.values)),
            (oracle.start, oracle.per_node, oracle.mean, oracle.variance),
            codes,
        )

    def _content(self, first: int, counts: Any, items: Any, codes: Any) -> Any:
        if self._options.format == "csv":
            out = np.empty(len(items) * (24 + self._texts.shape[1]), np.uint8)
            size = kernels.write_lines(first, counts, items, codes, self._texts, out)
            return out[:size].tobytes()
        users = np.repeat(np.arange(first + 1, first + 1 + len(counts), dtype=np.int32), counts)
        values = self._options.scale.values.astype(np.float32)[codes]
        return pa.table([users, items + np.int32(1), values], names=list(HEADER))


class _Writer(Protocol):
    def __init__(self, directory: Path, options: Options) -> None: ...
    def write(self, content: Any) -> None: ...
    def close(self) -> None: ...


class _Csv:
    def __init__(self, directory: Path, options: Options) -> None:
        self._file = (directory / "ratings.csv").open("wb")
        self._file.write(f"{','.join(HEADER)}\n".encode())

    def write(self, content: bytes) -> None:
        self._file.write(content)

    def close(self) -> None:
        self._file.close()


class _Parquet:
    def __init__(self, directory: Path, options: Options) -> None:
        kinds = (pa.int32(), pa.int32(), pa.float32())
        schema = pa.schema(list(zip(HEADER, kinds, strict=True)))
        self._writer = pq.ParquetWriter(directory / "ratings.parquet", schema, compression="zstd")

    def write(self, content: pa.Table) -> None:
        self._writer.write_table(content)

    def close(self) -> None:
        self._writer.close()


_WRITERS: dict[str, type[_Writer]] = {"csv": _Csv, "parquet": _Parquet}
