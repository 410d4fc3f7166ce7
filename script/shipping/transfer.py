"""The transfer of a part: uploaded under a hidden name, verified, and moved into place."""

import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from secrets import token_hex
from typing import Literal

from contract.events import LOG_NAME
from script.shipping.checksums import Digest
from script.shipping.chunks import chunks_of
from script.shipping.compression import SUFFIXES, Compression, encoded
from script.shipping.diff import Range, read_part
from script.shipping.errors import ShipError
from script.shipping.manifest import Manifest, Record, Stored
from script.shipping.parquet import write_parquet
from script.shipping.sources.directory import PREFIX
from script.shipping.targets.base import Target

INCOMING = "_incoming"
LOG = LOG_NAME
"""All logs of a recommender are appended to it, in a directory of its own."""


@dataclass(frozen=True)
class Options:
    """How to ship."""

    threads: int = 4
    part_bytes: int | None = None
    """Size of a part, in bytes of the logs; every part but the last is at least that large, and
    ends with a line. None: 1 GiB, or 128 MiB if readers cannot split it."""
    compression: Compression = "none"
    format: Literal["json", "parquet"] = "json"
    retry_seconds: float = 30.0
    """Total pause between attempts, in seconds, before giving up."""
    by_recommender: bool = False
    """Append to one file per recommender; otherwise each part is one or several files."""

    @property
    def size(self) -> int:
        """Bytes of a part."""
        if self.part_bytes is not None:
            return self.part_bytes
        is_cut = self.compression == "none" and self.format == "json"
        return (1 << 30) if is_cut else (128 << 20)


def upload(
    part: Sequence[Range],
    target: Target,
    options: Options,
    owner: str,
    advance: Callable[[int], object],
) -> Record:
    """Upload and verify a part under hidden names; returns its record, which is not written yet.

    The names begin with `owner`, the holder of the target's lock. `advance` is called with the
    number of log bytes sent; after a failure, with minus what was sent.
    """
    sent = 0

    def seen(chunk: bytes) -> None:
        nonlocal sent
        sent += len(chunk)
        advance(len(chunk))

    stem = f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{token_hex(4)}"
    logs = len({span.source for span in part})
    if logs > 1:  # readers must know that its lines are not in order of time
        stem += f"-x{logs}"
    files: list[Stored] = []
    try:
        content = read_part(part, seen, unpacks=options.by_recommender)
        for name, chunks in _files(stem, part, content, options):
            files.append(Stored(name, 0, "", upload=f"{owner}.{stem}.{len(files)}"))
            files[-1] = _send(files[-1], chunks, target)
        for span in part:
            span.log.check_unchanged()
        pieces = tuple(span.piece() for span in part)
    except BaseException:
        advance(-sent)
        discard(files, target)
        raise
    at = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
    return Record(tuple(files), pieces, at)


def discard(files: Iterable[Stored], target: Target) -> None:
    """Remove uploads that will have no record; a later run removes what fails here."""
    for file in files:
        with suppress(ShipError, OSError):
            target.delete(waiting(file))


def publish(record: Record, target: Target) -> None:
    """Move the files of a part into place; those in place stay as they are."""
    for file in record.files:
        put(file, target)


def put(file: Stored, target: Target) -> None:
    """Move an upload to its place."""
    if file.start:
        target.append(waiting(file), file.name, file.start, file.modified)
    else:
        target.rename(waiting(file), file.name)


def placed(records: Iterable[Record], manifest: Manifest) -> list[Record]:
    """Records with the positions of their bytes, one after the other, in files that grow."""
    ends: dict[str, int] = {}
    found = []
    for record in records:
        files = []
        for file in record.files:
            start = ends.get(file.name, manifest.end_of(file.name))
            ends[file.name] = start + file.bytes
            files.append(replace(file, start=start))
        found.append(replace(record, files=tuple(files)))
    return found


def waiting(file: Stored) -> str:
    """Name of a file before it is published: readers ignore names that begin with `_`."""
    return f"{INCOMING}/{file.upload or file.name.replace('/', ',')}"


def _files(
    stem: str, part: Sequence[Range], chunks: Iterator[bytes], options: Options
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Names and contents of the files of a part."""
    log = part[0].log
    if options.by_recommender:
        yield f"{log.folder}/{LOG}", chunks
    elif log.is_compressed:
        yield f"{PREFIX}.{stem}{log.path.suffix}", chunks
    elif options.format == "parquet":
        with tempfile.TemporaryDirectory(prefix="botify-parts-") as folder:
            for name in write_parquet(chunks, Path(folder), stem):
                yield name, chunks_of(Path(folder) / name)
    else:
        name = f"{PREFIX}.{stem}{SUFFIXES[options.compression]}"
        yield name, encoded(chunks, options.compression)


def _send(file: Stored, chunks: Iterable[bytes], target: Target) -> Stored:
    digest = Digest()
    target.write(waiting(file), _watched(chunks, digest))
    modified, sealed = target.verify(waiting(file), digest)
    return replace(
        file,
        bytes=digest.size,
        checksum=digest.checksum,
        modified=modified,
        sealed=sealed,
    )


def _watched(chunks: Iterable[bytes], digest: Digest) -> Iterator[bytes]:
    for chunk in chunks:
        digest.add(chunk)
        yield chunk
