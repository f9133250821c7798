"""What is wrong with this installation, and how to mend it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from app.core import looks
from app.core.self_watch import Diagnosis, Level
from app.services.self_watch import read_facts
from app.settings import Settings
from app.storage.engine import open_engine


def diagnose(settings: Settings, now: datetime, environment: Mapping[str, str]) -> list[Diagnosis]:
    """Look at everything; a database that cannot be used ends the list."""
    try:
        engine = open_engine(settings)
    except OSError as error:  # the folder of the embedded database cannot be made
        mend = "set WATCHKEEPER_DATA_DIR to a folder that can be written"
        return [Diagnosis("data_folder", Level.BAD, str(error), "nothing can be stored", mend)]
    try:
        return looks.diagnose(read_facts(engine, settings, now, environment))
    finally:
        engine.dispose()
