"""Where the settings of the running dashboard come from."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import fields

from app.settings import Settings
from app.settings import sources as read_sources

_sources: dict[str, str] = {}


def remember(settings: Settings, environment: Mapping[str, str]) -> None:
    """What an option of the command says is said by that, all else by what the environment names."""
    named, found = Settings.from_environment(environment), read_sources(environment)
    changed = [spec.name for spec in fields(settings) if getattr(settings, spec.name) != getattr(named, spec.name)]
    _sources.update({**found, **dict.fromkeys(changed, "option of the command")})


def sources() -> Mapping[str, str]:
    """Where each setting comes from, by its name."""
    return _sources or read_sources(os.environ)
