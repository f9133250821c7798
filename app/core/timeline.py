"""What happened to a model, in one list by time, so that a breach can be read beside what changed around it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from app.core.deployments import Deployment
from app.core.deployments import Kind as DeploymentKind
from app.core.model import Stage, Version

MOST_NAMES = 5
"""Names that one event lists; of the others it says how many they are."""


class EventKind(StrEnum):
    """What an event is about."""

    DEPLOYMENT = "deployment"
    ROLLBACK = "rollback"
    DEPENDENCIES = "dependencies"
    REFERENCE = "reference"
    LABELS = "labels"
    LIMIT = "limit"
    DRILL = "drill"
    SILENCE = "silence"
    ALERT = "alert"
    RETRAINING = "retraining"


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened. `what` is a sentence without its full stop; `version` is empty where it is of none.

    `author` and `why` are empty where nobody said; `alert_id` names the alert that the event is about.
    """

    at: datetime
    kind: EventKind
    what: str
    version: str = ""
    author: str = ""
    why: str = ""
    alert_id: int | None = None


def in_order(events: Iterable[Event]) -> list[Event]:
    """The oldest first; of the same time, what may have caused something before what may be caused by it."""
    kinds = tuple(EventKind)
    return sorted(events, key=lambda event: (event.at, kinds.index(event.kind), event.version, event.what))


def names_text(names: Iterable[str]) -> str:
    """Such as `a, b, c, d, e and 7 more`."""
    known = list(names)
    more = f" and {len(known) - MOST_NAMES} more" if len(known) > MOST_NAMES else ""
    return ", ".join(known[:MOST_NAMES]) + more


def deployment_text(one: Deployment) -> str:
    """What a change of a version's stage was, such as `rolled back to version 2`."""
    if one.takes_over and one.change.kind.goes_back:
        return f"rolled back to version {one.version}"
    if one.takes_over:
        return f"version {one.version} went live"
    if one.change.kind is DeploymentKind.REGISTERED:
        as_what = "" if one.to_stage == Stage.REGISTERED else f" as {one.to_stage}"
        return f"version {one.version} was registered{as_what}"
    return f"version {one.version} went from {one.from_stage or 'no stage'} to {one.to_stage}"


def difference(before: Version, after: Version) -> str:
    """What is not the same in what two versions run on, such as `numpy 1.26 -> 2.0, + polars 1.9`; "" for nothing."""
    return names_text(_changes(_parts(before), _parts(after)))


def _parts(version: Version) -> dict[str, str]:
    described = {name: getattr(version, name) for name in ("framework", "format", "runtime", "hardware")}
    return {**{name: value for name, value in described.items() if value}, **version.dependencies}


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> list[str]:
    changed = [
        f"{name} {before[name]} -> {after[name]}" for name in after if before.get(name, after[name]) != after[name]
    ]
    added = [f"+ {name} {after[name]}" for name in after if name not in before]
    return changed + added + [f"- {name} {before[name]}" for name in before if name not in after]
