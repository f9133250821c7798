"""Where the trainer puts models, and the serving side loads them from."""

from __future__ import annotations

import pickle
from pathlib import Path

from app.demo.model import FlightModel


class Models:
    """A folder with a file for each version. Nobody but the trainer writes there: what is unpickled may do anything."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put(self, version: str, model: FlightModel) -> None:
        """Keep a version's model."""
        self._file(version).write_bytes(pickle.dumps(model))

    def load(self, version: str) -> FlightModel:
        """A version's model. Raises FileNotFoundError."""
        model: FlightModel = pickle.loads(self._file(version).read_bytes())  # noqa: S301  written by `put`
        return model

    def next_version(self) -> str:
        """The name of the next version."""
        return str(1 + len(list(self._folder.glob("*.pickle"))))

    def _file(self, version: str) -> Path:
        return self._folder / f"{version}.pickle"
