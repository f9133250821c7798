"""Settings: read once from the environment by entry points, then handed on as a frozen value."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

from app.core.digest_schedule import schedule

PREFIX = "WATCHKEEPER_"


class SettingsError(ValueError):
    """One or more settings are wrong; the message names each, its value and what is allowed."""


def _flag(text: str) -> bool:
    try:
        return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[text.lower()]
    except KeyError:
        raise ValueError("allowed are 1, true, yes, 0, false, no") from None


def _positive(text: str) -> int:
    try:
        number = int(text)
    except ValueError:
        raise ValueError("must be a whole number") from None
    if number < 1:
        raise ValueError("must be at least 1")
    return number


def _from_zero(text: str) -> int:
    return 0 if text.strip() == "0" else _positive(text)


def _digest(text: str) -> str:
    schedule(text)  # raises where it is none
    return text.strip()


def _port(text: str) -> int:
    number = _positive(text)
    if number > 65535:
        raise ValueError("must be a port from 1 to 65535")
    return number


def _data_dir() -> Path:
    return Path("~/.local/share/watchkeeper").expanduser()


def _setting(
    help_: str,
    default: Any = MISSING,
    *,
    factory: Any = MISSING,
    parse: Callable[[str], Any] = str,
    secret: bool = False,
) -> Any:
    metadata = {"help": help_, "parse": parse, "secret": secret}
    if factory is not MISSING:
        return field(default_factory=factory, metadata=metadata, repr=not secret)
    return field(default=default, metadata=metadata, repr=not secret)


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, read from WATCHKEEPER_<NAME> or from the file that WATCHKEEPER_<NAME>_FILE names."""

    data_dir: Path = _setting(
        "folder of the embedded database, uploads in progress and locks",
        factory=_data_dir,
        parse=lambda text: Path(text).expanduser(),
    )
    database_url: str = _setting(
        "SQLAlchemy URL, e.g. postgresql+psycopg://user@host/name; empty: SQLite in the data folder", "", secret=True
    )
    database_password: str = _setting("password put into the database URL", "", secret=True)
    host: str = _setting("address the collector listens on", "127.0.0.1")
    port: int = _setting("port the collector listens on", 8600, parse=_port)
    dashboard_host: str = _setting("address the dashboard listens on", "127.0.0.1")
    dashboard_port: int = _setting("port the dashboard listens on", 8601, parse=_port)
    public_url: str = _setting("address of the dashboard as people reach it, used for links in messages", "")
    collector_url: str = _setting(
        "address of the collector as pipelines reach it, told to those that retrain; empty: its own, where it listens "
        "on loopback",
        "",
    )
    require_keys: bool = _setting(
        "ask for API keys even on loopback (elsewhere they are always asked for)", False, parse=_flag
    )
    max_body_mb: int = _setting("largest request body, after decompression, in MiB", 32, parse=_positive)
    max_reference_mb: int = _setting("largest reference upload, in MiB", 2048, parse=_positive)
    queue_records: int = _setting("records that may wait for a commit before 429 is answered", 50_000, parse=_positive)
    queue_mb: int = _setting("the same by the size they were sent with, unpacked, in MiB", 256, parse=_positive)
    allow_private_targets: bool = _setting(
        "let alerts and webhooks go to private, loopback and link-local addresses", False, parse=_flag
    )
    alert_reports: bool = _setting(
        "make an Evidently report of the windows in breach whenever an alert about quality or skew fires, at most one "
        "of a kind a day for each version",
        False,
        parse=_flag,
    )
    alert_repeat_hours: int = _setting(
        "hours after which an alert that nobody has acknowledged is told again", 4, parse=_positive
    )
    alert_escalate_minutes: int = _setting(
        "minutes after which a critical alert that nobody has acknowledged is escalated; 0: never", 30, parse=_from_zero
    )
    digest: str = _setting(
        "when channels get a digest of what can wait: daily 08:00 Europe/Berlin, or weekly mon 08:00; with always "
        "behind it, also when nothing happened; empty: never",
        "",
        parse=_digest,
    )
    work_interval_seconds: int = _setting("seconds between two rounds of the worker", 30, parse=_positive)
    fold_interval_seconds: int = _setting(
        "seconds between two folds of new records, and two looks for messages to send", 5, parse=_positive
    )
    heartbeat_url: str = _setting(
        "address that is called about once a minute while all jobs go well, for a dead man's switch; a secret",
        "",
        secret=True,
    )
    heartbeat_fail_url: str = _setting(
        "address that is called instead when a job does not go well; empty: none is", "", secret=True
    )

    @property
    def collector_address(self) -> str:
        """Where pipelines find the collector; empty when nobody said, and nobody can tell."""
        if self.collector_url or not is_loopback(self.host):
            return self.collector_url.rstrip("/")
        return f"http://{f'[{self.host}]' if ':' in self.host else self.host}:{self.port}"

    @property
    def asks_for_keys(self) -> bool:
        """Whether the collector takes requests with a good API key only."""
        return self.require_keys or not is_loopback(self.host)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Settings:
        """Read all settings. Raises SettingsError that lists every wrong or unknown one."""
        values: dict[str, Any] = {}
        problems: list[str] = []
        for spec in fields(cls):
            try:
                text = _lookup(environment, PREFIX + spec.name.upper())
                if text is not None:
                    values[spec.name] = spec.metadata["parse"](text)
            except (ValueError, OSError) as error:
                problems.append(f"{PREFIX}{spec.name.upper()}: {error}")
        if problems:
            raise SettingsError("wrong settings:\n  " + "\n  ".join(problems))
        return cls(**values)


def sources(environment: Mapping[str, str]) -> dict[str, str]:
    """Where each setting comes from, by its name: `environment`, `file PATH`, or `default`."""
    found = {}
    for spec in fields(Settings):
        name = PREFIX + spec.name.upper()
        file, given = environment.get(name + "_FILE"), environment.get(name)
        found[spec.name] = f"file {file}" if file else "environment" if given else "default"
    return found


def is_loopback(host: str) -> bool:
    """True for localhost and every loopback address; a name that needs a resolver is none."""
    try:
        return host.lower() == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _lookup(environment: Mapping[str, str], name: str) -> str | None:
    """The setting's text, from NAME or from the file NAME_FILE; None when neither is given."""
    if name + "_FILE" in environment:
        if name in environment:
            raise ValueError(f"both {name} and {name}_FILE are set; keep one")
        return Path(environment[name + "_FILE"]).read_text().strip()
    return environment.get(name) or None
