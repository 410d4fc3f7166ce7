"""Arrays of a safetensors file, mapped into memory."""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from botify.errors import InputError

_DTYPES = {"F32": "<f4", "I32": "<i4", "I64": "<i8"}
_LARGEST_HEADER = 100_000_000


class Arrays(NamedTuple):
    """What a file holds."""

    arrays: Mapping[str, NDArray[Any]]
    """Read-only views of the file: processes that map it share its memory."""
    about: Mapping[str, str]
    """The header's `__metadata__`."""


def read_arrays(path: Path) -> Arrays:
    """Map the file. Raises InputError for one that is cut off or is no such file.

    The format: 8 bytes with the length of a JSON header, little-endian; the header, which gives
    each array's dtype, shape and place; the arrays. See the safetensors documentation.
    """
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            length = int.from_bytes(file.read(8), "little")
            if size < 8 or length > min(size - 8, _LARGEST_HEADER):
                raise InputError(f"{path}: {size} bytes are no whole safetensors file")
            header = json.loads(file.read(length))
        data = np.memmap(path, np.uint8, "r", 8 + length) if size > 8 + length else b""
        about = header.pop("__metadata__", {})
        arrays = {name: _view(path, name, of, data) for name, of in header.items()}
        return Arrays(arrays, about)
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror})") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: not a safetensors file ({error})") from error


def _view(path: Path, name: str, of: Mapping[str, Any], data: Any) -> NDArray[Any]:
    first, last = of["data_offsets"]
    if of["dtype"] not in _DTYPES:
        raise InputError(f"{path}: {name} is of type {of['dtype']}, not {', '.join(_DTYPES)}")
    dtype, shape = np.dtype(_DTYPES[of["dtype"]]), tuple(of["shape"])
    if last - first != math.prod(shape) * dtype.itemsize:
        raise InputError(f"{path}: {name} has {last - first} bytes, but shape {shape}")
    if last > len(data):
        raise InputError(f"{path}: cut off: {name} ends at byte {last} of {len(data)}")
    if first % dtype.itemsize:
        raise InputError(f"{path}: {name} begins at byte {first}, which {dtype} cannot")
    array: NDArray[Any] = np.frombuffer(data, dtype, math.prod(shape), first).reshape(shape)
    return array
