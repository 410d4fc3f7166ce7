"""Scalars for TensorBoard, written while a model trains."""

import time
from contextlib import suppress
from pathlib import Path
from typing import Self

from tensorboardX.event_file_writer import EventsWriter
from tensorboardX.proto.event_pb2 import Event
from tensorboardX.proto.summary_pb2 import Summary

from offline.errors import InputError
from offline.models.dae.training.epochs import Epoch


class ScalarWriter:
    """Writes each epoch's figures into an event file of `directory`; without one, nowhere.

    An epoch is on the disk when `add` returns. Raises InputError where the disk refuses.
    """

    def __init__(self, directory: Path | None) -> None:
        self._directory = directory
        self._events: EventsWriter | None = None

    def __enter__(self) -> Self:
        if self._directory is not None:
            try:
                self._directory.mkdir(parents=True, exist_ok=True)
                # Not its SummaryWriter, whose thread would keep an error of the disk to itself.
                self._events = EventsWriter(str(self._directory / "events"))
            except OSError as error:
                raise self._refused(error) from error
        return self

    def __exit__(self, *_: object) -> None:
        if self._events is not None:
            with suppress(OSError):  # each epoch is there, or its error was reported
                self._events.close()

    def add(self, epoch: Epoch) -> None:
        """An epoch, at the step of its number."""
        if self._events is None:
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
            self._events.write_event(event)
            self._events.flush()
        except OSError as error:
            raise self._refused(error) from error

    def _refused(self, error: OSError) -> InputError:
        return InputError(f"cannot write scalars into {self._directory}: {error.strerror}")
