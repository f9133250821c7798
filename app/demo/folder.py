"""The folder of a demo: its database, what it received, and how far it got."""

from __future__ import annotations

import base64
import secrets
import shutil
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import msgspec

from app.core.model import Task
from app.demo.comparison import Term
from app.demo.errors import DemoError
from app.demo.receivers import Ports
from app.demo.registration import SecretFiles
from app.demo.serving import Drill
from app.demo.trainer import Retraining

DATABASE = "watchkeeper.sqlite3"
_STATE, _LOG, _CLOCK = "demo.json", "collector.log", "clock"
_SECRETS, _RECEIVED, _UPLOADS = "secrets", "received", "uploads"
_REFERENCES, _MODELS = "references", "models"


class State(msgspec.Struct, frozen=True):
    """What a demo needs to know about itself later."""

    months: int
    weeks: int  # that the flights were moved by
    ports: Ports
    finished: bool = False
    task: Task = Task.BINARY
    retrainings: tuple[Retraining, ...] = ()
    terms: tuple[Term, ...] = ()
    first_alone: Mapping[str, float] = {}
    drills: tuple[Drill, ...] = ()

    @property
    def shift(self) -> timedelta:
        return timedelta(weeks=self.weeks)


class Folder:
    """Knows every file of a demo, so that an unfinished one can be cleared away and nothing else is."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.received = path / _RECEIVED
        self.references = path / _REFERENCES
        self.models = path / _MODELS
        self.clock = path / _CLOCK
        self.secrets = SecretFiles(path / _SECRETS / "slack-url", path / _SECRETS / "retraining")

    def state(self) -> State | None:
        """The state of the demo in this folder; None when there is none. Raises DemoError when it cannot be read."""
        try:
            return msgspec.json.decode((self._path / _STATE).read_bytes(), type=State)
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise DemoError(f"{self._path / _STATE} is damaged ({error}); remove the folder to start over") from None

    def save(self, state: State) -> None:
        """Write the state down."""
        (self._path / _STATE).write_bytes(msgspec.json.encode(state))

    def start_over(self) -> None:
        """An empty folder with fresh secrets. Raises DemoError for a database that no demo has made."""
        if (self._path / DATABASE).exists() and not (self._path / _STATE).exists():
            raise DemoError(f"{self._path} holds a database that is not the demo's; choose another --data-dir")
        for name in (_RECEIVED, _SECRETS, _REFERENCES, _MODELS, _UPLOADS):
            shutil.rmtree(self._path / name, ignore_errors=True)
        for file in (*self._path.glob(f"{DATABASE}*"), self._path / _LOG, self._path / _STATE, self.clock):
            file.unlink(missing_ok=True)
        (self._path / _SECRETS).mkdir(parents=True, mode=0o700)
        self.references.mkdir()
        self.models.mkdir()
        self.secrets.retraining.write_text("whsec_" + base64.b64encode(secrets.token_bytes(24)).decode())
