"""Every part of a model's page: its name in the address, its title, and the checks that it shows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.services.read_models.standings import CheckStanding, Standing
from app.ui.components import wording
from app.ui.components.model.tabs import (
    concept_drift,
    drift,
    other,
    quality,
    rollback,
    speed,
    stability,
    staleness,
    summary,
    traffic,
)
from app.ui.components.scope import Scope


@dataclass(frozen=True, slots=True)
class Tab:
    """A part of the page. `show` draws it; a tab without checks of its own, such as the summary, has no state."""

    name: str
    title: str
    checks: tuple[str, ...]
    show: Callable[[Scope], None]


TABS = (
    Tab("summary", "Summary", (), summary.show),
    Tab("traffic", "Traffic and confidence", traffic.CHECKS, traffic.show),
    Tab("drift", "Skew and drift", drift.CHECKS, drift.show),
    Tab("quality", "Quality", quality.CHECKS, quality.show),
    Tab("concept", "Concept drift", concept_drift.CHECKS, concept_drift.show),
    Tab("speed", "Speed", speed.CHECKS, speed.show),
    Tab("stability", "Stability", stability.CHECKS, stability.show),
    Tab("staleness", "Staleness", staleness.CHECKS, staleness.show),
    Tab("rollback", "Rollback", rollback.CHECKS, rollback.show),
)
_KNOWN = frozenset(check for tab in TABS for check in tab.checks)


def tabs_of(checks: Sequence[CheckStanding]) -> dict[str, Tab]:
    """The tabs by name; checks that are of none of them, such as those of a plugin, come in one more."""
    unknown = tuple(one.check for one in checks if one.check not in _KNOWN)
    found = {tab.name: tab for tab in TABS}
    if unknown:
        found["other"] = Tab("other", "Other", unknown, lambda scope: other.show(scope, unknown))
    return found


def tab_of(check: str, tabs: dict[str, Tab]) -> str:
    """The name of the tab that shows the check; of the first one where none does."""
    return next((tab.name for tab in tabs.values() if check in tab.checks), next(iter(tabs)))


def label(tab: Tab, checks: Sequence[CheckStanding]) -> str:
    """Its title behind the shape of its worst check's state."""
    standings = [one.standing for one in checks if one.check in tab.checks]
    if not tab.checks:
        return tab.title
    worst = min(standings, key=lambda standing: standing.urgency, default=Standing.NO_DATA)
    return f"{wording.state_mark(worst)} {tab.title}"
