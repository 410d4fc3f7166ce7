"""Scalars for TensorBoard, written while a model trains."""

import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary
from tensorboardX.record_writer import RecordWriter

from offline.errors import InputError
from offline.models.dae.training.epochs import Epoch


class ScalarWriter:
    """Writes each epoch's figures into an event file of `directory`; without one, nowhere.

    An epoch is on the disk when `add` returns. Raises InputError where the disk refuses.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._records: RecordWriter | None = None

    def __enter__(self) -> Self:
        if self._directory is not None:
            try:
                self._directory.mkdir(parents=True, exist_ok=True)
                # Not the package's SummaryWriter, whose thread would keep an error of the disk to
                # itself, nor its EventsWriter, which leaves a file open that it cannot flush.
                name = f"events.out.tfevents.{int(time.time())}.{socket.gethostname()}"
                self._records = RecordWriter(str(self._directory / name))
                self._write(Event(wall_time=time.time(), file_version="brain.Event:2"))
            except OSError as error:
                raise self._refused(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._records is not None:
            with suppress(OSError):  # each epoch is there, or its error was reported
                self._records.close()

    def add(self, epoch: Epoch) -> None:
        """An epoch, at the step of its number."""
        if self._records is None:
            return
        figures = {
            "loss": epoch.loss,
            "held_out/ndcg_50": epoch.ndcg,
            "held_out/recall_50": epoch.recall,
            "users_per_second": epoch.users_per_second,
        }
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in figures.items()]
        event = Event(wall_time=time.time(), step=epoch.number, summary=Summary(value=values))
        try:
            self._write(event)
            self._records.flush()
        except OSError as error:
            raise self._refused(error) from error

    def _write(self, event: Event) -> None:
        assert self._records is not None
        self._records.write(event.SerializeToString())

    def _refused(self, error: OSError) -> InputError:
        return InputError(f"cannot write scalars into {self._directory}: {error.strerror}")
