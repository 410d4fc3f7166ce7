"""Arrays of a safetensors file, mapped into memory."""

import hashlib
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from botify.errors import InputError
from botify.files.reading import as_input_errors, open_regular

SHA256 = "sha256"
"""Key of the metadata with the SHA-256 of the whole file, its own 64 digits taken as zeros."""

_DTYPES = {"F32": "<f4", "F64": "<f8", "I32": "<i4", "I64": "<i8"}
_LARGEST_HEADER = 100_000_000
_MOST_DIMENSIONS = 8


class Arrays(NamedTuple):
    """What a file holds."""

    arrays: Mapping[str, NDArray[Any]]
    """Read-only views of the file: processes that map it share its memory."""
    metadata: Mapping[str, str]
    """The header's `__metadata__`."""


def read_arrays(path: Path, shown_as: Path | None = None) -> Arrays:
    """Map the file; messages call it `shown_as`.

    Raises InputError if it is cut off, has another format, or does not match its checksum, if it
    has one.

    The format: 8 bytes with the length of a JSON header, little-endian; the header, which gives
    each array's dtype, shape and place; the arrays. See the safetensors documentation.
    """
    shown = shown_as or path
    with open_regular(path) as file, as_input_errors(shown):
        header, begin = _header(shown, file)
        metadata = header.pop("__metadata__", {})
        if not isinstance(metadata, dict):
            raise InputError(f"{shown}: not a safetensors file (__metadata__ is not an object)")
        size = os.fstat(file.fileno()).st_size
        data = np.memmap(file, np.uint8, "r", begin) if size > begin else b""
        arrays = {name: _view(shown, name, of, data) for name, of in header.items()}
        if SHA256 in metadata:
            _check_sum(shown, file, begin, metadata[SHA256])
        return Arrays(arrays, metadata)


def check_size(path: Path) -> None:
    """Raises InputError if the file is longer than its header says; reads only the header."""
    with open_regular(path) as file, as_input_errors(path):
        header, begin = _header(path, file)
        ends = [of["data_offsets"][1] for name, of in header.items() if name != "__metadata__"]
        size, wanted = os.fstat(file.fileno()).st_size, begin + max(ends, default=0)
        if size > wanted:
            raise InputError(f"{path}: has {size} bytes, but its header names {wanted}")


def _header(path: Path, file: BinaryIO) -> tuple[dict[str, Any], int]:
    """The header, and the byte at which the arrays begin."""
    size = os.fstat(file.fileno()).st_size
    length = int.from_bytes(file.read(8), "little")
    if size < 8 or length > min(size - 8, _LARGEST_HEADER):
        raise InputError(f"{path}: not a whole safetensors file ({size} bytes)")
    try:
        header = json.loads(file.read(length))
    except ValueError as error:
        raise InputError(f"{path}: not a safetensors file ({error})") from error
    if not isinstance(header, dict):
        raise InputError(f"{path}: not a safetensors file (its header is not an object)")
    return header, 8 + length


def _check_sum(path: Path, file: BinaryIO, begin: int, expected: str) -> None:
    digest = hashlib.sha256()
    file.seek(0)
    digest.update(file.read(begin).replace(expected.encode(), bytes(b"0" * 64), 1))
    while block := file.read(2**20):
        digest.update(block)
    if digest.hexdigest() != expected:
        raise InputError(
            f"{path}: damaged: its content does not match its checksum; export it again"
        )


def _view(path: Path, name: str, of: Mapping[str, Any], data: Any) -> NDArray[Any]:
    try:
        (first, last), shape, kind = of["data_offsets"], tuple(of["shape"]), of["dtype"]
        numbers = (first, last, *shape)
        if len(shape) > _MOST_DIMENSIONS or not all(type(n) is int and n >= 0 for n in numbers):
            raise ValueError(f"not the place of an array: {first} to {last}, shape {shape[:9]}")
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not a safetensors file ({name}: {error})") from error
    if kind not in _DTYPES:
        raise InputError(f"{path}: {name} is of type {kind}, not {', '.join(_DTYPES)}")
    dtype = np.dtype(_DTYPES[kind])
    if last - first != math.prod(shape) * dtype.itemsize:
        raise InputError(f"{path}: {name} has {last - first} bytes, but shape {shape}")
    if last > len(data):
        raise InputError(f"{path}: cut off: {name} ends at byte {last} of {len(data)}")
    if first % dtype.itemsize:
        raise InputError(f"{path}: {name} begins at byte {first}, which {dtype} cannot")
    array: NDArray[Any] = np.frombuffer(data, dtype, math.prod(shape), first).reshape(shape)
    return array
