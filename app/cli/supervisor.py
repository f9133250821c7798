"""Several commands as one: started together, and ended together."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from types import FrameType

import click

from app.settings import PREFIX, Settings

GRACE_SECONDS = 20.0
RESTART_SECONDS = 2.0
LONG_ENOUGH_SECONDS = 30.0


def supervise(commands: Sequence[str], settings: Settings) -> int:
    """Run `watchkeeper COMMAND` for each command until a signal comes.

    One that ends by itself is started again, unless it ended soon after its start: then nothing would mend it, all are
    ended, and its exit code is returned.
    """
    stopping = _Stop()
    environment = {**os.environ, PREFIX + "DATA_DIR": str(settings.data_dir)}
    if settings.allow_private_targets:
        environment[PREFIX + "ALLOW_PRIVATE_TARGETS"] = "true"
    if not settings.database_url:
        environment.pop(PREFIX + "DATABASE_URL", None)
    running = {command: _start(command, environment) for command in commands}
    started = dict.fromkeys(commands, time.monotonic())
    click.echo("Ctrl-C ends all of it.")
    code = 0
    while not stopping.asked and not code:
        time.sleep(0.2)
        for command, process in running.items():
            if process.poll() is None or stopping.asked:
                continue
            if time.monotonic() - started[command] < LONG_ENOUGH_SECONDS:
                click.echo(f"{command} ended with code {process.returncode} right after its start", err=True)
                code = process.returncode or 1
                break
            click.echo(f"{command} ended with code {process.returncode}; starting it again", err=True)
            time.sleep(RESTART_SECONDS)
            running[command], started[command] = _start(command, environment), time.monotonic()
    _end(running.values())
    return code


class _Stop:
    """Set by SIGINT and SIGTERM."""

    def __init__(self) -> None:
        self.asked = False
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)

    def _ask(self, _number: int, _frame: FrameType | None) -> None:
        self.asked = True


def _start(command: str, environment: dict[str, str]) -> subprocess.Popen[bytes]:
    # A session of its own: Ctrl-C reaches the supervisor alone, which ends the others in good order.
    arguments = [sys.executable, "-m", "app.cli", command]
    return subprocess.Popen(arguments, env=environment, start_new_session=True)  # noqa: S603  our own commands


def _end(processes: Iterable[subprocess.Popen[bytes]]) -> None:
    """Ask all to end, and kill those that do not within GRACE_SECONDS."""
    alive = [process for process in processes if process.poll() is None]
    for process in alive:
        process.terminate()
    deadline = time.monotonic() + GRACE_SECONDS
    for process in alive:
        try:
            process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
