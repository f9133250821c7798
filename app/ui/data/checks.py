"""The checks that are installed, in words."""

from __future__ import annotations

from app.services.checks import all_checks


def check_names() -> list[str]:
    """The checks that are installed."""
    return list(all_checks())


def question(check: str) -> str:
    """What the check asks; empty when it is not installed (any more)."""
    plugin = all_checks().get(check)
    return plugin.question if plugin else ""


def advice(check: str) -> str:
    """What to do about a breach of the check."""
    plugin = all_checks().get(check)
    return plugin.advice if plugin else ""
