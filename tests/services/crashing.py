"""A worker that is killed at a given step: run in a process of its own."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping
from datetime import datetime
from importlib import import_module
from typing import Any

from app.services.alerting import alert
from app.services.delivery import deliver
from app.settings import Settings
from app.storage.engine import engine_for

STEPS: Mapping[str, tuple[str, str, bool]] = {
    "after it has decided": ("app.services.alerting", "_decide", True),
    "after the changes are written": ("app.services.alerting", "_write", True),
    "before the outbox is filled": ("app.services.notifying", "tell", False),
    "between the outbox and that it is told": ("app.services.notifying", "tell", True),
    "before what is told is committed": ("app.storage.told", "mark_told", True),
    "after it is told": ("app.services.alerting", "notify", True),
    "after a message is claimed": ("app.services.delivery", "_send", False),
    "after a message is sent": ("app.services.delivery", "_send", True),
    "before that it was sent is committed": ("app.services.delivery", "settle", True),
    "after that it was sent is written": ("app.services.delivery", "_settle", True),
}
"""Module and function of each step, and whether the worker dies after it or before."""


def work(url: str, environment: Mapping[str, str], now: datetime, step: str = "") -> None:
    """One round of alerts and messages, until the worker is killed at the step, if any."""
    if step:
        _die_at(*STEPS[step])
    engine = engine_for(url)
    alert(engine, now)
    deliver(engine, now, Settings(allow_private_targets=True), environment=environment, spaced=False)
    engine.dispose()


def _die_at(module: str, name: str, after: bool) -> None:
    found = import_module(module)
    original: Callable[..., Any] = getattr(found, name)

    def dying(*arguments: Any, **named: Any) -> None:
        if after:
            original(*arguments, **named)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(found, name, dying)
